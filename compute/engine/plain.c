/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/plain.h"

#include <string.h>

#include "compute/engine/measures.h"
#include "ops/runtime/assert.h"

bool weir_plain_is(const weir_layout_cell *cell)
{
    bool is_ever = cell->running_offset != WEIR_NONE; /* what left the log counts, too */
    return !is_ever && (cell->fast == WEIR_FAST_ROWS || cell->is_measured);
}

static uint32_t measure_of(const weir_view_layout *layout, weir_plain_group *group, uint32_t index)
{
    if (index == WEIR_NONE) return WEIR_NONE;
    uint32_t at = 0;
    while (at < group->measure_count && group->measures[at].index != index)
        at++;
    if (at < group->measure_count) return at;
    const weir_layout_measure *m = &layout->measures[index];
    group->measures[group->measure_count++] =
        (weir_plain_measure){index, m->kind == WEIR_MEASURE_SUM ? 8 : 4, m->offset};
    return at;
}

static uint32_t term_of(weir_plain_group *group, weir_plain_term term)
{
    uint32_t at = 0;
    while (at < group->term_count &&
           (group->terms[at].column != term.column || group->terms[at].filter != term.filter ||
            group->terms[at].is_share != term.is_share))
        at++;
    if (at == WEIR_PLAIN_TERMS_MAX) return WEIR_NONE;
    if (at == group->term_count) group->terms[group->term_count++] = term;
    return at;
}

bool weir_plain_cell_of(const weir_view_layout *layout, const weir_layout_cell *cell,
                        weir_plain_group *group, weir_plain_cell *cell_out)
{
    const weir_plan_cell *planned = cell->cell;
    bool is_extreme = cell->fast == WEIR_FAST_EXTREME;
    uint32_t column = planned->binding.arg_count > 0 ? planned->args[0] : WEIR_NONE;
    WEIR_ASSERT(weir_plain_is(cell));
    *cell_out = (weir_plain_cell){
        .fast = cell->fast,
        .kind = planned->binding.type.kind,
        .sum = is_extreme ? WEIR_NONE : measure_of(layout, group, cell->sum),
        .rows = measure_of(layout, group, cell->rows),
        .term = term_of(
            group, (weir_plain_term){column, planned->filter, cell->fast == WEIR_FAST_SHARE_OF}),
        .scale = (int64_t)cell->mean_scale,
        .exact_count = (INT64_C(1) << 53) / (int64_t)cell->mean_scale,
        .column = column};
    if (!is_extreme) return cell_out->term != WEIR_NONE;
    cell_out->chain = cell->sum;
    cell_out->chain_offset = layout->measures[cell->sum].offset;
    cell_out->is_max = layout->measures[cell->sum].kind == WEIR_MEASURE_GREATEST;
    return cell_out->term != WEIR_NONE;
}

/* What the trigger's own row adds. */
typedef struct own_part {
    int64_t rows; /* 1 if it counts */
    int64_t sum;  /* its number, of a float its bits; for share_of: 1 if the condition holds */
} own_part;

static bool is_true(const weir_value *value)
{
    return value->kind == WEIR_BOOL && value->as.boolean;
}

static own_part part_of(const weir_plain_term *term, const weir_own_row *own)
{
    if (term->filter != WEIR_NONE && !is_true(own->values[term->filter])) return (own_part){0, 0};
    if (term->column == WEIR_NONE) return (own_part){1, 0};
    const weir_value *value = own->values[term->column];
    if (term->is_share) return (own_part){1, is_true(value)}; /* null: false */
    if (weir_is_null(value)) return (own_part){0, 0};
    return (own_part){1,
                      value->kind == WEIR_DECIMAL ? (int64_t)value->as.decimal : value->as.integer};
}

/* Values are written where they go, word by word: a struct that is put together elsewhere and
 * copied costs more than the arithmetic. */
static inline void put(weir_value *to, weir_kind kind, int64_t integer)
{
    uint64_t head = (uint64_t)kind;
    memcpy(to, &head, sizeof head);
    to->as.decimal = integer;
}

static inline void put_float(weir_value *to, double number)
{
    put(to, WEIR_FLOAT64, 0);
    to->as.float64 = number + 0.0;
}

/* A measure: what the rows before each row add up to, and those before the end of the windows. */
typedef struct lane {
    const uint8_t *before;
    uint64_t at_high;
    uint32_t rows_max; /* the sum of so many rows surely fits 64 bits */
} lane;

/* The rows of one window: [low, high), and what the trigger's own row adds to them. */
typedef struct window_rows {
    uint32_t low, high;
    const lane *lanes;     /* of the group's measures */
    const own_part *parts; /* of the group's terms */
} window_rows;

/* The difference of 32-bit totals over the window. */
static inline int64_t count_of(window_rows r, uint32_t measure)
{
    const lane *l = &r.lanes[measure];
    if (r.low == r.high) return 0;
    return (uint32_t)l->at_high - ((const uint32_t *)(const void *)l->before)[r.low];
}

static inline int64_t count_rows(const weir_plain_cell *cell, window_rows r)
{
    return cell->rows == WEIR_NONE ? (int64_t)(r.high - r.low) : count_of(r, cell->rows);
}

/* False: it may not fit. */
static inline bool sum_rows(const weir_plain_cell *cell, window_rows r, int64_t own,
                            int64_t *sum_out)
{
    const lane *l = &r.lanes[cell->sum];
    *sum_out = own;
    if (r.low == r.high) return true;
    if (r.high - r.low > l->rows_max) return false;
    uint64_t sum = l->at_high - ((const uint64_t *)(const void *)l->before)[r.low];
    return !__builtin_add_overflow((int64_t)sum, own, sum_out);
}

static inline void put_mean(const weir_plain_cell *cell, weir_value *to, int64_t sum, int64_t count)
{
    const uint64_t exact = UINT64_C(1) << 53;
    bool is_exact = (uint64_t)sum + exact <= 2 * exact && count <= cell->exact_count;
    if (count == 0)
        put(to, WEIR_NULL, 0);
    else if (__builtin_expect(is_exact, 1)) /* both are doubles: one division rounds once */
        put_float(to, (double)sum / (double)(count * cell->scale));
    else
        *to = weir_mean_of(sum, count, (uint64_t)cell->scale);
}

static void put_share(weir_value *to, int64_t trues, int64_t rows) /* both below 2^53 */
{
    if (rows == 0)
        put(to, WEIR_NULL, 0);
    else
        put_float(to, (double)trues / (double)rows);
}

static bool beats(bool is_max, double a, double b) { return is_max ? a > b : a < b; }

/* The extreme of the window in row *row_out; WEIR_NONE: none counts. False: the chain is too long.
 */
static bool find_extreme(const weir_plain_cell *cell, const weir_key_state *state, window_rows r,
                         uint32_t *row_out)
{
    enum { STEPS_MAX = 64 };
    *row_out = WEIR_NONE;
    if (r.low == r.high) return true;
    uint32_t at = r.high - 1, steps = 0;
    bool counts = weir_measure_counts(state, &state->layout->measures[cell->chain], at);
    for (;; steps++) {
        uint32_t step = weir_chain_step(state, cell->chain_offset, at);
        if (step == 0 || at - step < r.low) break;
        if (steps == STEPS_MAX) return false;
        at -= step;
        counts = true;
    }
    if (counts) *row_out = at;
    return true;
}

static void put_integer_extreme(const weir_plain_cell *cell, const int64_t *value, own_part own,
                                weir_value *to)
{
    if (value == NULL && own.rows == 0) {
        put(to, WEIR_NULL, 0);
        return;
    }
    bool is_own =
        value == NULL || (own.rows > 0 && (cell->is_max ? own.sum > *value : own.sum < *value));
    put(to, cell->kind, is_own ? own.sum : *value);
}

/* own: the float's bits. */
static void put_float_extreme(const weir_plain_cell *cell, const double *value, own_part own,
                              weir_value *to)
{
    double own_value;
    memcpy(&own_value, &own.sum, sizeof own_value);
    if (value == NULL && own.rows == 0)
        put(to, WEIR_NULL, 0);
    else
        put_float(to, value == NULL || (own.rows > 0 && beats(cell->is_max, own_value, *value))
                          ? own_value
                          : *value);
}

static __attribute__((noinline)) bool read_extreme(const weir_plain_cell *cell,
                                                   const weir_key_state *state, window_rows r,
                                                   weir_value *to)
{
    uint32_t row = WEIR_NONE;
    if (!find_extreme(cell, state, r, &row)) return false;
    own_part own = r.parts[cell->term];
    const void *values = row == WEIR_NONE ? NULL : weir_state_values(state, cell->column);
    if (cell->kind == WEIR_FLOAT64)
        put_float_extreme(cell, values == NULL ? NULL : (const double *)values + row, own, to);
    else
        put_integer_extreme(cell, values == NULL ? NULL : (const int64_t *)values + row, own, to);
    return true;
}

/* False: 64 bits may be too few, or a chain is too long. */
static inline bool read_cell(const weir_plain_cell *cell, const weir_key_state *state,
                             window_rows r, weir_value *to)
{
    const own_part *own = &r.parts[cell->term];
    int64_t sum = 0;
    switch (cell->fast) {
    case WEIR_FAST_ROWS:
    case WEIR_FAST_COUNT: put(to, WEIR_INT64, count_rows(cell, r) + own->rows); return true;
    case WEIR_FAST_SUM:
        if (!sum_rows(cell, r, own->sum, &sum)) return false;
        put(to, cell->kind, sum);
        return true;
    case WEIR_FAST_MEAN:
        if (!sum_rows(cell, r, own->sum, &sum)) return false;
        put_mean(cell, to, sum, count_rows(cell, r) + own->rows);
        return true;
    case WEIR_FAST_EXTREME: return read_extreme(cell, state, r, to);
    default:
        put_share(to, count_of(r, cell->sum) + own->sum, count_rows(cell, r) + own->rows);
        return true;
    }
}

/* The log of a key as bounds are looked for in it. */
typedef struct place {
    const int64_t *times;
    uint32_t *hints;
    uint32_t count, first; /* first: absolute number of row 0, modulo 2^32 */
} place;

/* The first row after time_us: where it was last time, or a row or two on. */
static inline uint32_t first_after(const place *s, uint32_t hint, int64_t time_us)
{
    enum { STEPS = 3 };
    uint32_t at = s->hints[hint] - s->first, steps = 0;
    bool is_from = at <= s->count && (at == 0 || s->times[at - 1] <= time_us);
    while (is_from && steps < STEPS && at < s->count && s->times[at] <= time_us) {
        at++;
        steps++;
    }
    if (!is_from || steps == STEPS) at = weir_times_seek(s->times, s->count, at, time_us);
    s->hints[hint] = s->first + at;
    return at;
}

static void open_lanes(const weir_key_state *state, const weir_plain_group *group, uint32_t high,
                       lane *lanes)
{
    for (uint32_t m = 0; m < group->measure_count; m++) {
        const weir_plain_measure *measure = &group->measures[m];
        const weir_total *total = &state->totals[measure->index];
        size_t width = measure->width;
        const uint8_t *before = weir_state_lane(state, measure->offset, width);
        uint64_t at_high = total->sum;
        if (high < state->count)
            at_high = width == 8 ? ((const uint64_t *)(const void *)before)[high]
                                 : ((const uint32_t *)(const void *)before)[high];
        lanes[m] = (lane){before, at_high, total->rows_max};
    }
}

static void add_parts(const weir_plain_group *group, const weir_own_row *own, own_part *parts)
{
    for (uint32_t t = 0; t < group->term_count; t++)
        parts[t] = part_of(&group->terms[t], own);
}

bool weir_plain_read(weir_key_state *state, const weir_view_layout *layout,
                     const weir_plain_group *group, const weir_read_point *point,
                     const weir_own_row *own, const weir_plain_target *to)
{
    if (!weir_time_is_near(point->tau_us) || !weir_time_is_near(point->greatest_us)) return false;
    static const own_part no_parts[WEIR_PLAIN_TERMS_MAX];
    place s = {0};
    lane lanes[WEIR_STATE_MEASURES_MAX];
    own_part parts[WEIR_PLAIN_TERMS_MAX];
    if (state != NULL)
        s = (place){weir_state_times(state), weir_state_hints(state, layout), state->count,
                    (uint32_t)state->first};
    int64_t now = point->tau_us - group->delay_us;
    int64_t closed = point->greatest_us - layout->late_us;
    int64_t latest = point->tau_us > closed ? point->tau_us : closed;
    bool is_end = s.count == 0 || s.times[s.count - 1] <= now; /* most reads stand there */
    uint32_t high = is_end ? s.count : first_after(&s, group->high_hint, now);
    if (own != NULL && own->time_us > now) own = NULL;
    if (own != NULL) add_parts(group, own, parts);
    if (s.count > 0) open_lanes(state, group, high, lanes);
    const weir_plain_cell *cell = group->cells;
    for (uint32_t w = 0; w < group->window_count; w++) {
        const weir_plain_window *window = &group->windows[w];
        int64_t before = latest - window->reach_us;
        uint32_t low = s.count == 0 ? 0 : first_after(&s, window->hint, before);
        bool has_own = own != NULL && window->with_own && own->time_us > before;
        window_rows r = {low < high ? low : high, high, lanes, has_own ? parts : no_parts};
        for (const weir_plain_cell *end = group->cells + window->cells_end; cell < end; cell++) {
            if (!read_cell(cell, state, r, &to->values[cell->is_carried][cell->place]))
                return false;
            to->overflows[cell->is_carried][cell->place] = false;
        }
    }
    return true;
}
