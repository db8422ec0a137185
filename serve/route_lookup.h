/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_lookup.h - POST /lookup: the features of one key with the receipt.
 *
 *   {"features": "card_vel", "key": {"card": "c1"}, "at": "2026-03-01T12:00:00Z"}
 *
 * "features" is a features group; "at" may be left out (the server's clock). The answer holds the
 * values by the JSON convention of docs/reference/json.md, the errors, and where they were read.
 */
#pragma once

#include "serve/service.h"

void weir_route_lookup(weir_service *service, const weir_http_request *request,
                       weir_http_response *response);
