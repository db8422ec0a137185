/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.h - the value of a cell at a read point.
 *
 * A window chooses a run of rows [low, high) of the log, by times alone; the cell's filter and the
 * nulls of its argument then choose among them (R6). The value is a function of those rows, so it
 * does not matter whether it comes from a scan, from sliding accumulators, or in part from running
 * ones.
 */
#pragma once

#include "compute/engine/state_internal.h"

typedef struct weir_read_point {
    int64_t tau_us;
    int64_t greatest_us;    /* M of R8; INT64_MIN: no event yet */
    const weir_value *self; /* the trigger's slots, or NULL     */
    weir_arena *scratch;    /* results live here                */
} weir_read_point;

/* The trigger as a row of the view, for `including this`: one row, with its own columns. */
typedef struct weir_own_row {
    int64_t time_us;
    const weir_view_layout *layout;
    const weir_value *const *values; /* one per column */
} weir_own_row;

typedef struct weir_bounds {
    uint32_t low, high; /* rows of the log */
    uint32_t own_at;    /* where the trigger's own row stands: before row own_at */
    bool has_own;       /* it is in the window */
} weir_bounds;

/* Far from the ends of int64, where 64 bits do. */
static inline bool weir_time_is_near(int64_t time_us)
{
    return time_us > -(INT64_C(1) << 61) && time_us < INT64_C(1) << 61;
}
/* The first of `count` rising times after time_us, or `count`; looked for from place `at` on. */
uint32_t weir_times_seek(const int64_t *times, uint32_t count, uint32_t at, int64_t time_us);
typedef struct weir_bounds_request {
    const weir_plan_window *window;
    uint32_t index; /* of the layout's windows */
    bool with_own;
} weir_bounds_request;
/*
 * The rows that the windows of a group choose: out[i] for requests[i]. `own` (or NULL) counts where
 * the request says so. `state` may be NULL; where the bounds were found is noted in it.
 */
void weir_window_bounds(const weir_key_state *state, const weir_view_layout *layout,
                        const weir_bounds_request *requests, uint32_t count,
                        const weir_read_point *point, const weir_own_row *own, weir_bounds *out);
/* The value of the cells that are most common, by a scan, while few rows are in the window; false:
 * not such a cell. */
bool weir_cell_read_fast(const weir_key_state *state, const weir_layout_cell *cell,
                         const weir_bounds *bounds, const weir_own_row *own, weir_value *value_out,
                         bool *overflow_out);
/* The mean of `count` values, at least one, that add up to sum / scale. */
weir_value weir_mean_of(weir_int128 sum, int64_t count, uint64_t scale);
/* `state` may be NULL: no event of this key is known. */
weir_value weir_cell_read(weir_key_state *state, const weir_layout_cell *cell,
                          const weir_bounds *bounds, const weir_read_point *point,
                          const weir_own_row *own, bool *overflow_out);
