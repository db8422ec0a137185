/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_score.h - POST /score: a vector as it would be if an event came now, and its model's score.
 *
 *   {"vector": "card_fraud", "key": {"card": "c1", "merchant": "m1"}, "this": {"amount": "12.00"}}
 *
 * `key` and `this` are fields of the vector's stream: the keys of the entities whose features the
 * vector shows, and what it reads with `this` (serve/trigger.h). tau is the stream's time field if
 * it is sent, or `at`, or the server's clock. Nothing enters a journal.
 */
#pragma once

#include "serve/service.h"

void weir_route_score(weir_service *service, const weir_http_request *request,
                      weir_http_response *response);
