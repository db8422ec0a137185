/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/plain.h"

#include <string.h>

#include "compute/engine/measures.h"

bool weir_plain_cell_of(const weir_view_layout *layout, const weir_layout_cell *cell,
                        weir_plain_cell *cell_out)
{
    const weir_plan_cell *planned = cell->cell;
    bool is_ever = cell->running_offset != WEIR_NONE; /* what left the log counts, too */
    bool is_plain = cell->fast == WEIR_FAST_ROWS || cell->is_measured;
    if (is_ever || !is_plain) return false;
    *cell_out = (weir_plain_cell){
        .fast = cell->fast,
        .sum = cell->sum,
        .rows = cell->rows,
        .sum_offset = cell->sum == WEIR_NONE ? 0 : layout->measures[cell->sum].offset,
        .rows_offset = cell->rows == WEIR_NONE ? 0 : layout->measures[cell->rows].offset,
        .scale = (int64_t)cell->mean_scale,
        .exact_count = (INT64_C(1) << 53) / (int64_t)cell->mean_scale,
        .column = planned->binding.arg_count > 0 ? planned->args[0] : WEIR_NONE,
        .filter = planned->filter,
        .kind = planned->binding.type.kind,
        .is_max =
            cell->sum != WEIR_NONE && layout->measures[cell->sum].kind == WEIR_MEASURE_GREATEST};
    return true;
}

/* What the trigger's own row adds. */
typedef struct own_part {
    int64_t rows; /* 1 if it counts */
    int64_t sum;  /* its number; for share_of: 1 if the condition holds */
} own_part;

static bool is_true(const weir_value *value)
{
    return value->kind == WEIR_BOOL && value->as.boolean;
}

static own_part part_of(const weir_plain_cell *cell, const weir_own_row *own)
{
    if (cell->filter != WEIR_NONE && !is_true(own->values[cell->filter])) return (own_part){0, 0};
    if (cell->column == WEIR_NONE) return (own_part){1, 0};
    const weir_value *value = own->values[cell->column];
    if (cell->fast == WEIR_FAST_SHARE_OF) return (own_part){1, is_true(value)}; /* null: false */
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

/* The rows of one window: [low, high). */
typedef struct window_rows {
    const weir_key_state *state;
    const uint8_t *block; /* of the state, as are the three */
    size_t capacity, head;
    uint32_t count;
    uint32_t low, high;
    const weir_own_row *own; /* the trigger's, if it is in the window, or NULL */
} window_rows;

static inline const void *lane_of(const window_rows *r, uint64_t offset)
{
    return r->block + offset * r->capacity;
}

/* The difference of a measure of rows over the window. */
static inline int64_t count_of(const window_rows *r, uint32_t measure, uint64_t offset)
{
    const weir_key_state *state = r->state;
    if (r->low == r->high) return 0;
    const uint32_t *before = lane_of(r, offset);
    before += r->head;
    uint32_t end = r->high == r->count ? (uint32_t)state->totals[measure].sum : before[r->high];
    return (uint32_t)(end - before[r->low]);
}

static inline int64_t count_rows(const weir_plain_cell *cell, const window_rows *r)
{
    return cell->rows == WEIR_NONE ? (int64_t)(r->high - r->low)
                                   : count_of(r, cell->rows, cell->rows_offset);
}

/* False: it may not fit. */
static inline bool sum_rows(const weir_plain_cell *cell, const window_rows *r, int64_t own,
                            int64_t *sum_out)
{
    const weir_key_state *state = r->state;
    *sum_out = own;
    if (r->low == r->high) return true;
    const weir_total *total = &state->totals[cell->sum];
    if (r->high - r->low > total->rows_max) return false;
    const uint64_t *before = lane_of(r, cell->sum_offset);
    before += r->head;
    uint64_t end = r->high == r->count ? total->sum : before[r->high];
    return !__builtin_add_overflow((int64_t)(end - before[r->low]), own, sum_out);
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
static bool find_extreme(const weir_plain_cell *cell, const window_rows *r, uint32_t *row_out)
{
    enum { STEPS_MAX = 64 };
    const weir_key_state *state = r->state;
    *row_out = WEIR_NONE;
    if (r->low == r->high) return true;
    uint32_t at = r->high - 1, steps = 0;
    bool counts = weir_measure_counts(state, &state->layout->measures[cell->sum], at);
    for (;; steps++) {
        uint32_t step = weir_chain_step(state, cell->sum_offset, at);
        if (step == 0 || at - step < r->low) break;
        if (steps == STEPS_MAX) return false;
        at -= step;
        counts = true;
    }
    if (counts) *row_out = at;
    return true;
}

static void put_integer_extreme(const weir_plain_cell *cell, const window_rows *r, uint32_t row,
                                own_part own, weir_value *to)
{
    const int64_t *values = row == WEIR_NONE ? NULL : weir_state_values(r->state, cell->column);
    if (row == WEIR_NONE && own.rows == 0) {
        put(to, WEIR_NULL, 0);
    } else if (row == WEIR_NONE) {
        put(to, cell->kind, own.sum);
    } else {
        bool is_own =
            own.rows > 0 && (cell->is_max ? own.sum > values[row] : own.sum < values[row]);
        put(to, cell->kind, is_own ? own.sum : values[row]);
    }
}

static void put_float_extreme(const weir_plain_cell *cell, const window_rows *r, uint32_t row,
                              own_part own, weir_value *to)
{
    double own_value = own.rows > 0 ? r->own->values[cell->column]->as.float64 : 0;
    const double *values = row == WEIR_NONE ? NULL : weir_state_values(r->state, cell->column);
    if (row == WEIR_NONE && own.rows == 0) {
        put(to, WEIR_NULL, 0);
    } else if (row == WEIR_NONE) {
        put_float(to, own_value);
    } else {
        bool is_own = own.rows > 0 && beats(cell->is_max, own_value, values[row]);
        put_float(to, is_own ? own_value : values[row]);
    }
}

static bool read_extreme(const weir_plain_cell *cell, const window_rows *r, own_part own,
                         weir_value *to)
{
    uint32_t row = WEIR_NONE;
    if (!find_extreme(cell, r, &row)) return false;
    if (cell->kind == WEIR_FLOAT64)
        put_float_extreme(cell, r, row, own, to);
    else
        put_integer_extreme(cell, r, row, own, to);
    return true;
}

/* False: 64 bits may be too few, or a chain is too long. */
static inline bool read_cell(const weir_plain_cell *cell, const window_rows *r, weir_value *to)
{
    if (cell->fast == WEIR_FAST_ROWS) {
        put(to, WEIR_INT64, (int64_t)(r->high - r->low) + (r->own != NULL));
        return true;
    }
    own_part own = {0, 0};
    if (r->own != NULL) own = part_of(cell, r->own);
    int64_t sum = 0;
    switch (cell->fast) {
    case WEIR_FAST_COUNT: put(to, WEIR_INT64, count_rows(cell, r) + own.rows); return true;
    case WEIR_FAST_SUM:
        if (!sum_rows(cell, r, own.sum, &sum)) return false;
        put(to, cell->kind, sum);
        return true;
    case WEIR_FAST_MEAN:
        if (!sum_rows(cell, r, own.sum, &sum)) return false;
        put_mean(cell, to, sum, count_rows(cell, r) + own.rows);
        return true;
    case WEIR_FAST_EXTREME: return read_extreme(cell, r, own, to);
    default:
        put_share(to, count_of(r, cell->sum, cell->sum_offset) + own.sum,
                  count_rows(cell, r) + own.rows);
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

static inline bool read_window(const weir_plain_cell *cells, uint32_t count, const window_rows *r,
                               const weir_plain_target *to)
{
    for (uint32_t i = 0; i < count; i++) {
        const weir_plain_cell *cell = &cells[i];
        if (!read_cell(cell, r, &to->values[cell->is_carried][cell->place])) return false;
        to->overflows[cell->is_carried][cell->place] = false;
    }
    return true;
}

bool weir_plain_read(weir_key_state *state, const weir_view_layout *layout,
                     const weir_plain_group *group, const weir_read_point *point,
                     const weir_own_row *own, const weir_plain_target *to)
{
    if (!weir_time_is_near(point->tau_us) || !weir_time_is_near(point->greatest_us)) return false;
    place s = {0};
    if (state != NULL)
        s = (place){weir_state_times(state), weir_state_hints(state, layout), state->count,
                    (uint32_t)state->first};
    int64_t now = point->tau_us - group->delay_us;
    int64_t closed = point->greatest_us - layout->late_us;
    int64_t latest = point->tau_us > closed ? point->tau_us : closed;
    bool is_end = s.count == 0 || s.times[s.count - 1] <= now; /* most reads stand there */
    uint32_t high = is_end ? s.count : first_after(&s, group->high_hint, now);
    if (own != NULL && own->time_us > now) own = NULL;
    const weir_plain_cell *cells = group->cells;
    window_rows r = {.state = state, .high = high};
    if (state != NULL) {
        r.block = state->block;
        r.capacity = state->capacity;
        r.head = state->head;
        r.count = state->count;
    }
    for (uint32_t w = 0, at = 0; w < group->window_count; w++) {
        const weir_plain_window *window = &group->windows[w];
        int64_t before = latest - window->reach_us;
        uint32_t low = s.count == 0 ? 0 : first_after(&s, window->hint, before);
        r.low = low < high ? low : high;
        r.own = own != NULL && window->with_own && own->time_us > before ? own : NULL;
        if (!read_window(&cells[at], window->cells_end - at, &r, to)) return false;
        at = window->cells_end;
    }
    return true;
}
