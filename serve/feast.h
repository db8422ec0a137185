/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feast.h - POST /get-online-features in the shape of Feast's feature server.
 *
 *   {"features": ["card_vel:n_1h"], "entities": {"card": ["c1", "c2"]}, "full_feature_names":
 * false}
 *
 * A "view" is a features group, its features are the members under their column names without the
 * group's name; a "feature_service" is a vector (its columns that need no event). An answer has one
 * result per name, entity columns first. A key that was never seen has status NOT_FOUND and the
 * values of an unknown key (a count is 0, not null: that is what a model was trained on). Mistakes
 * of the client are 4xx with Feast's error body, never a 5xx.
 *
 * See also: docs/reference/http.md
 */
#pragma once

#include "serve/http.h"
#include "serve/lookup.h"

enum { WEIR_FEAST_NAMES_MAX = 1000, WEIR_FEAST_ROWS_MAX = 10000, WEIR_FEAST_CELLS_MAX = 1000000 };

typedef struct weir_feast {
    const weir_plan *plan;
    const weir_lookup_port *port;
    weir_arena arena; /* of one request */
} weir_feast;

void weir_feast_answer(weir_feast *feast, const weir_http_request *request,
                       weir_http_response *response);
