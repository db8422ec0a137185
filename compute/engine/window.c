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

static weir_bounds far_bounds(const weir_key_state *state, const weir_view_layout *layout,
                              const weir_plan_window *window, const weir_read_point *point,
                              const weir_own_row *own)
{
    span s = span_of(layout, window, point);
    weir_bounds bounds = {.high = upper(state, s.last)};
    if (s.first > INT64_MIN) bounds.low = upper(state, s.first - 1);
    if (bounds.low > bounds.high) bounds.low = bounds.high;
    if (own != NULL) {
        bounds.own_at = upper(state, own->time_us);
        bounds.has_own = own->time_us >= s.first && own->time_us <= s.last;
    }
    return bounds;
}

/* The first row from `low` on, before `high`, whose time is after time_us; `high`, if none is. */
static uint32_t search(const int64_t *times, uint32_t low, uint32_t high, int64_t time_us)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (times[middle] <= time_us)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

/* The first row after time_us, looked for from `at` on in growing steps; times[at] is not after it.
 */
static uint32_t seek_up(const int64_t *times, uint32_t count, uint32_t at, int64_t time_us)
{
    for (uint32_t step = 1; at + step < count; step *= 2) {
        if (times[at + step] > time_us) return search(times, at + 1, at + step, time_us);
        at += step;
    }
    return search(times, at + 1, count, time_us);
}

/* The same backwards: times[at] is after it, or there is no row `at`. */
static uint32_t seek_down(const int64_t *times, uint32_t at, int64_t time_us)
{
    for (uint32_t step = 1; at > step; step *= 2) {
        if (times[at - step] <= time_us) return search(times, at - step + 1, at, time_us);
        at -= step;
    }
    return search(times, 0, at, time_us);
}

/* Bounds move little from one read to the next: looked for from where it was last time. */
uint32_t weir_times_seek(const int64_t *times, uint32_t count, uint32_t at, int64_t time_us)
{
    if (at > count) at = count;
    bool is_up = at < count && times[at] <= time_us;
    return is_up ? seek_up(times, count, at, time_us) : seek_down(times, at, time_us);
}

/* What the windows of one read share, in 64 bits. */
typedef struct near_point {
    const int64_t *times;
    uint32_t *hints;
    uint32_t first; /* absolute number of row 0, modulo 2^32 */
    uint32_t count;
    uint32_t own_at;
    int64_t tau, closed, own;
    bool has_own;
    int64_t last; /* of the window before, and its */
    uint32_t high;
} near_point;

static int64_t start_of(const weir_plan_window *window, int64_t now)
{
    if (window->step_us == 0) return now;
    int64_t rest = now % window->step_us;
    return now - (rest < 0 ? rest + window->step_us : rest);
}

static uint32_t first_after(const near_point *p, uint32_t hint, int64_t time_us)
{
    if (p->count == 0) return 0;
    uint32_t at = weir_times_seek(p->times, p->count, p->hints[hint] - p->first, time_us);
    p->hints[hint] = p->first + at;
    return at;
}

static void near_bounds(near_point *p, const weir_bounds_request *request, weir_bounds *out)
{
    const weir_plan_window *window = request->window;
    int64_t now = p->tau - window->delay_us, closed = p->closed - window->delay_us;
    int64_t last = now, before = INT64_MIN;
    if (window->kind == WEIR_WINDOW_TIME) {
        int64_t start = start_of(window, now);
        before = (start > closed ? start : closed) - window->width_us;
    } else if (closed > now) {
        last = closed;
    }
    if (last != p->last) {
        bool is_end = p->count == 0 || p->times[p->count - 1] <= last; /* most reads stand there */
        p->high = is_end ? p->count : first_after(p, 2 * request->index + 1, last);
        p->last = last;
    }
    uint32_t low = before == INT64_MIN ? 0 : first_after(p, 2 * request->index, before);
    out->low = low < p->high ? low : p->high;
    out->high = p->high;
    out->own_at = p->own_at;
    out->has_own = p->has_own && request->with_own && p->own > before && p->own <= last;
}

void weir_window_bounds(const weir_key_state *state, const weir_view_layout *layout,
                        const weir_bounds_request *requests, uint32_t count,
                        const weir_read_point *point, const weir_own_row *own, weir_bounds *out)
{
    bool near = weir_time_is_near(point->tau_us) && weir_time_is_near(point->greatest_us) &&
                layout->spans_are_near;
    near_point p = {.tau = point->tau_us,
                    .closed = point->greatest_us - (near ? layout->late_us : 0),
                    .last = INT64_MAX};
    if (near && state != NULL) {
        p.times = weir_state_times(state);
        p.count = state->count;
        p.hints = weir_state_hints(state, layout);
        p.first = (uint32_t)state->first;
    }
    if (near && own != NULL) {
        p.has_own = true;
        p.own = own->time_us;
        if (p.count > 0) p.own_at = weir_state_upper(state, own->time_us);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (near) {
            near_bounds(&p, &requests[i], &out[i]);
        } else {
            out[i] = far_bounds(state, layout, requests[i].window, point,
                                requests[i].with_own ? own : NULL);
        }
        if (requests[i].window->kind == WEIR_WINDOW_LAST)
            keep_last(&out[i], requests[i].window->count);
    }
}
