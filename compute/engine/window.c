/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.c - R5, R6, R8: from a window and a read point to rows of the log.
 *
 * With tau the read point, d the delay, w the width, M the greatest event time and late the view's
 * bound:
 *
 *   over w          max(tau-d-w, M-late-d-w) < et <= tau-d     (step s: floor((tau-d)/s)*s - w for
 * tau-d-w) ever, last n    et <= max(tau-d, M-late-d)
 *
 * The second terms say that rows which may have left the log are seen by no read, or by every one:
 * so a value does not depend on when they left. Bounds are computed in 128 bits; times may be
 * anywhere in int64.
 */
#include "compute/engine/read.h"
#include "ops/runtime/assert.h"

typedef struct span { /* first <= et <= last */
    weir_int128 first, last;
} span;

static weir_int128 floor_to(weir_int128 value, int64_t step)
{
    weir_int128 rest = value % step;
    return value - (rest < 0 ? rest + step : rest);
}

static weir_int128 greater(weir_int128 a, weir_int128 b) { return a > b ? a : b; }

/* M - late, or before all times while no event is known. */
static weir_int128 settled(const weir_view_layout *layout, const weir_read_point *point)
{
    if (point->greatest_us == INT64_MIN) return (weir_int128)INT64_MIN * 4;
    return (weir_int128)point->greatest_us - layout->late_us;
}

static span span_of(const weir_view_layout *layout, const weir_plan_window *window,
                    const weir_read_point *point)
{
    weir_int128 now = (weir_int128)point->tau_us - window->delay_us;
    weir_int128 closed = settled(layout, point) - window->delay_us;
    if (window->kind != WEIR_WINDOW_TIME) {
        return (span){(weir_int128)INT64_MIN, greater(now, closed)};
    }
    weir_int128 start =
        (window->step_us > 0 ? floor_to(now, window->step_us) : now) - window->width_us;
    return (span){greater(start, closed - window->width_us) + 1, now};
}

static uint32_t upper(const weir_key_state *state, weir_int128 time)
{
    if (state == NULL || time < INT64_MIN) return 0;
    return weir_state_upper(state, time > INT64_MAX ? INT64_MAX : (int64_t)time);
}

/* The n greatest, the trigger's own row among them where there is one. */
static void keep_last(weir_bounds *bounds, uint32_t n)
{
    uint32_t behind_own = bounds->has_own ? bounds->high - bounds->own_at : 0;
    if (bounds->has_own && behind_own < n) {
        n--;
    } else {
        bounds->has_own = false;
    }
    if (bounds->high > n) bounds->low = bounds->high - n;
}

weir_bounds weir_window_bounds(const weir_key_state *state, const weir_plan_window *window,
                               const weir_read_point *point, const weir_own_row *own)
{
    const weir_view_layout *layout = state != NULL ? state->layout
                                     : own != NULL ? own->layout
                                                   : NULL;
    if (layout == NULL) return (weir_bounds){0};
    span s = span_of(layout, window, point);
    weir_bounds bounds = {.high = upper(state, s.last)};
    if (s.first > INT64_MIN) bounds.low = upper(state, s.first - 1);
    if (bounds.low > bounds.high) bounds.low = bounds.high;
    if (own != NULL) {
        bounds.own_at = upper(state, own->time_us);
        bounds.has_own = own->time_us >= s.first && own->time_us <= s.last;
    }
    if (window->kind == WEIR_WINDOW_LAST) keep_last(&bounds, window->count);
    return bounds;
}
