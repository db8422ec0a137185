/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/measures.h"

#include <string.h>

#include "ops/runtime/assert.h"

bool weir_measure_counts(const weir_key_state *state, const weir_layout_measure *m, uint32_t i)
{
    if (m->filter != WEIR_NONE && ((const uint8_t *)weir_state_values(state, m->filter))[i] != 1)
        return false;
    if (m->column == WEIR_NONE || m->is_sure) return true;
    if (m->kind == WEIR_MEASURE_TRUES)
        return ((const uint8_t *)weir_state_values(state, m->column))[i] == 1;
    weir_column column = weir_state_column(state, m->column);
    return !weir_column_is_null(&column, i);
}

static inline bool is_chain(const weir_layout_measure *m)
{
    return m->kind == WEIR_MEASURE_LEAST || m->kind == WEIR_MEASURE_GREATEST;
}

/* Is the value of row a beyond that of row b? */
static bool beats(const weir_key_state *state, const weir_layout_measure *m, uint32_t a, uint32_t b)
{
    const void *values = weir_state_values(state, m->column);
    bool is_greater, is_less;
    if (state->layout->columns[m->column].layout == WEIR_LAYOUT_INT64) {
        const int64_t *numbers = values;
        is_greater = numbers[a] > numbers[b];
        is_less = numbers[a] < numbers[b];
    } else {
        const double *numbers = values;
        is_greater = numbers[a] > numbers[b];
        is_less = numbers[a] < numbers[b];
    }
    return m->kind == WEIR_MEASURE_GREATEST ? is_greater : is_less;
}

/* Chains the rows from `from` on to those before. */
static void chain(weir_key_state *state, const weir_layout_measure *m, uint32_t from)
{
    uint32_t *steps = weir_state_lane(state, m->offset, sizeof *steps);
    for (uint32_t i = from; i < state->count; i++) {
        uint32_t at = i;
        bool is_found = false, counts = weir_measure_counts(state, m, i);
        while (at > 0 && !is_found) {
            /* Only row i - 1 may be one that does not count: chains go over rows that do. */
            uint32_t step = at == i ? 1 : weir_chain_step(state, m->offset, at);
            if (step == 0) break;
            at -= step;
            is_found = weir_measure_counts(state, m, at) && (!counts || beats(state, m, at, i));
        }
        steps[i] = is_found ? i - at : 0;
    }
}

static inline int64_t term(const weir_key_state *state, const weir_layout_measure *m, uint32_t i)
{
    if (m->is_sure && m->filter == WEIR_NONE && m->kind == WEIR_MEASURE_SUM)
        return ((const int64_t *)weir_state_values(state, m->column))[i];
    if (!weir_measure_counts(state, m, i)) return 0;
    return m->kind == WEIR_MEASURE_SUM ? ((const int64_t *)weir_state_values(state, m->column))[i]
                                       : 1;
}

/* Sets what the rows before row `at` add up to. */
static inline void set_before(weir_key_state *state, const weir_layout_measure *m, uint32_t at,
                              uint64_t sum)
{
    if (m->kind == WEIR_MEASURE_SUM)
        ((uint64_t *)weir_state_lane(state, m->offset, sizeof(uint64_t)))[at] = sum;
    else
        ((uint32_t *)weir_state_lane(state, m->offset, sizeof(uint32_t)))[at] = (uint32_t)sum;
}

static void move_behind(weir_key_state *state, const weir_layout_measure *m, uint32_t from,
                        uint64_t by)
{
    uint64_t *sums = weir_state_lane(state, m->offset, sizeof *sums);
    uint32_t *rows = weir_state_lane(state, m->offset, sizeof *rows);
    for (uint32_t i = from; i < state->count; i++) {
        if (m->kind == WEIR_MEASURE_SUM)
            sums[i] += by;
        else
            rows[i] += (uint32_t)by;
    }
}

static inline void add_term(weir_total *total, int64_t term)
{
    uint64_t magnitude = (uint64_t)(term < 0 ? ~term : term);
    total->sum += (uint64_t)term;
    if (__builtin_expect(magnitude >> total->bits == 0, 1)) return; /* bits are below 64 */
    total->bits = 64 - (uint32_t)__builtin_clzll(magnitude);
    total->rows_max = total->bits < 32    ? UINT32_MAX
                      : total->bits == 63 ? 0
                                          : (uint32_t)((UINT64_C(1) << (63 - total->bits)) - 1);
}

void weir_measures_inserted(weir_key_state *state, uint32_t at)
{
    const weir_view_layout *layout = state->layout;
    bool is_last = at + 1 == state->count;
    for (uint32_t i = 0; i < layout->measure_count; i++) {
        const weir_layout_measure *m = &layout->measures[i];
        weir_total *total = &state->totals[i];
        if (is_chain(m)) {
            chain(state, m, at);
            continue;
        }
        int64_t add = term(state, m, at);
        /* A row that was moved left its total behind: that of the rows before. */
        if (is_last)
            set_before(state, m, at, total->sum);
        else
            move_behind(state, m, at + 1, (uint64_t)add);
        add_term(total, add);
    }
}

void weir_measures_build(weir_key_state *state)
{
    const weir_view_layout *layout = state->layout;
    for (uint32_t i = 0; i < layout->measure_count; i++) {
        const weir_layout_measure *m = &layout->measures[i];
        if (is_chain(m)) {
            chain(state, m, 0);
            continue;
        }
        weir_total total = {.rows_max = UINT32_MAX};
        for (uint32_t row = 0; row < state->count; row++) {
            int64_t add = term(state, m, row);
            set_before(state, m, row, total.sum);
            add_term(&total, add);
        }
        state->totals[i] = total;
    }
}
