/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order.h - in which order an event's values of one hop are computed.
 *
 * A cell that includes the trigger asks the trigger's own row for what it needs; a column of that
 * row may be made of a value that the trigger itself carries from this very hop. Such a cell is
 * *deferred*, and values that read it come after those that its row needs:
 *
 *     b = sum(n) where a > 2 over 1d including this
 *     c = count() where b > 3 over 1d including this       (a, then b, then c)
 *
 * Column by column: the view has columns of other cells, too. Circles are the compiler's to refuse.
 */
#pragma once

#include "compute/plan.h"

typedef struct weir_deferred_cell {
    uint32_t cell;               /* of the plan */
    const weir_plan_source *own; /* how the trigger becomes a row */
} weir_deferred_cell;

typedef struct weir_order_request {
    const weir_plan *plan;
    const weir_plan_stream *stream;
    const weir_deferred_cell *deferred;
    uint32_t deferred_count, value_count;
    const uint32_t *values; /* indexes into stream->carried: what may read deferred cells */
} weir_order_request;

/* The values in their order, in `into`. */
const uint32_t *weir_order_values(const weir_order_request *request, weir_arena *into,
                                  weir_arena *scratch);
