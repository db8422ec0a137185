/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read_fast.c - counts, sums, means and shares over few rows of a log, by one loop over one column.
 *
 * What scan() in read.c would do for the same cell, without an accumulator in between. engine_test
 * holds all forms to the plain meaning of the rules.
 */
#include "compute/engine/read.h"
#include "schemas/decimal.h"

typedef struct tally {
    int64_t count;
    weir_int128 sum;
} tally;

static bool is_true(const weir_value *value)
{
    return value->kind == WEIR_BOOL && value->as.boolean;
}

static bool own_passes(const weir_plan_cell *cell, const weir_own_row *own)
{
    return cell->filter == WEIR_NONE || is_true(own->values[cell->filter]);
}

static int64_t count_trues(const uint8_t *values, uint32_t from, uint32_t to)
{
    int64_t count = 0;
    for (uint32_t i = from; i < to; i++)
        count += values[i] == 1;
    return count;
}

static int64_t count_both(const uint8_t *a, const uint8_t *b, uint32_t from, uint32_t to)
{
    int64_t count = 0;
    for (uint32_t i = from; i < to; i++)
        count += (a[i] == 1) & (b[i] == 1);
    return count;
}

/* Halves are summed apart: 2^31 rows at most are here, so neither overflows. */
static tally sum_rows(const weir_key_state *state, const weir_plan_cell *cell, const weir_bounds *b)
{
    const int64_t *values = weir_state_values(state, cell->args[0]);
    const uint8_t *nulls = weir_state_nulls(state, cell->args[0]);
    const uint8_t *filter =
        cell->filter == WEIR_NONE ? NULL : weir_state_values(state, cell->filter);
    uint64_t low = 0;
    int64_t high = 0, count = 0;
    if (nulls == NULL && filter == NULL) {
        for (uint32_t i = b->low; i < b->high; i++) {
            low += (uint32_t)values[i];
            high += values[i] >> 32;
        }
        count = (int64_t)(b->high - b->low);
    } else {
        for (uint32_t i = b->low; i < b->high; i++) {
            bool counts = (nulls == NULL || nulls[i] == 0) && (filter == NULL || filter[i] == 1);
            int64_t value = counts ? values[i] : 0;
            low += (uint32_t)value;
            high += value >> 32;
            count += counts;
        }
    }
    return (tally){count, ((weir_int128)high * ((int64_t)1 << 32)) + low};
}

static tally sum_all(const weir_key_state *state, const weir_layout_cell *cell,
                     const weir_bounds *b, const weir_own_row *own)
{
    tally t = {0};
    if (state != NULL) t = sum_rows(state, cell->cell, b);
    if (own == NULL || !own_passes(cell->cell, own)) return t;
    const weir_value *value = own->values[cell->cell->args[0]];
    if (weir_is_null(value)) return t;
    t.count++;
    t.sum += value->kind == WEIR_DECIMAL ? value->as.decimal : value->as.integer;
    return t;
}

weir_value weir_mean_of(weir_int128 sum, int64_t count, uint64_t scale)
{
    const weir_int128 exact = (weir_int128)1 << 53;
    weir_int128 divisor = (weir_int128)count * scale;
    /* Both are doubles exactly: one division rounds once. */
    if (sum < exact && sum > -exact && divisor < exact)
        return weir_float((double)(int64_t)sum / (double)(int64_t)divisor);
    return weir_float(weir_int128_ratio(sum, divisor));
}

static weir_value mean_of(tally t, uint64_t scale)
{
    return t.count == 0 ? weir_null() : weir_mean_of(t.sum, t.count, scale);
}

static weir_value sum_of(tally t, weir_type type, bool *overflow_out)
{
    if (type.kind == WEIR_DECIMAL)
        return weir_decimal(t.sum); /* of 2^31 rows of 18 digits: it fits */
    *overflow_out = t.sum < INT64_MIN || t.sum > INT64_MAX;
    if (*overflow_out) return weir_null();
    return (weir_value){.kind = type.kind, .as.integer = (int64_t)t.sum};
}

static weir_value share_of(const weir_key_state *state, const weir_plan_cell *cell,
                           const weir_bounds *b, const weir_own_row *own)
{
    int64_t trues = 0, rows = 0;
    if (state != NULL) {
        const uint8_t *values = weir_state_values(state, cell->args[0]);
        const uint8_t *filter =
            cell->filter == WEIR_NONE ? NULL : weir_state_values(state, cell->filter);
        rows = filter == NULL ? (int64_t)(b->high - b->low) : count_trues(filter, b->low, b->high);
        trues = filter == NULL ? count_trues(values, b->low, b->high)
                               : count_both(values, filter, b->low, b->high);
    }
    if (own != NULL && own_passes(cell, own)) {
        rows++;
        trues += is_true(own->values[cell->args[0]]);
    }
    return rows == 0 ? weir_null() : weir_float((double)trues / (double)rows); /* below 2^53 */
}

static bool own_counts(const weir_plan_cell *cell, const weir_own_row *own)
{
    if (own == NULL || !own_passes(cell, own)) return false;
    return cell->binding.arg_count == 0 || !weir_is_null(own->values[cell->args[0]]);
}

static int64_t count_of(const weir_key_state *state, const weir_plan_cell *cell,
                        const weir_bounds *b, const weir_own_row *own)
{
    int64_t count = own_counts(cell, own);
    if (state == NULL) return count;
    weir_rows rows = weir_state_rows(state, cell);
    if (cell->binding.arg_count == 0) return count + count_trues(rows.filter, b->low, b->high);
    for (uint32_t i = b->low; i < b->high; i++)
        count += weir_rows_pass(&rows, i) && !weir_column_is_null(&rows.args[0], i);
    return count;
}

bool weir_cell_read_fast(const weir_key_state *state, const weir_layout_cell *cell,
                         const weir_bounds *b, const weir_own_row *own, weir_value *value_out,
                         bool *overflow_out)
{
    bool is_ever = cell->running_offset != WEIR_NONE;
    if (own != NULL && (!b->has_own || !cell->cell->including_this)) own = NULL;
    *overflow_out = false;
    if (cell->fast == WEIR_FAST_ROWS) { /* needs no look at the rows */
        int64_t left = is_ever && state != NULL ? (int64_t)state->first : 0;
        *value_out = weir_int(left + (int64_t)(b->high - b->low) + (own != NULL));
        return true;
    }
    if (cell->fast == WEIR_FAST_NONE) return false;
    if (state != NULL) {
        bool is_long = b->high - b->low > WEIR_STATE_SCAN_ROWS && cell->sliding != NULL;
        bool is_forced =
            state->layout->all->tuning.warm == WEIR_FORM_ALWAYS && cell->sliding != NULL;
        if (is_long || is_forced || (is_ever && weir_state_rest_of(state)->running != NULL))
            return false;
    }
    switch (cell->fast) {
    case WEIR_FAST_COUNT: *value_out = weir_int(count_of(state, cell->cell, b, own)); return true;
    case WEIR_FAST_SUM:
        *value_out = sum_of(sum_all(state, cell, b, own), cell->cell->binding.type, overflow_out);
        return true;
    case WEIR_FAST_MEAN:
        *value_out = mean_of(sum_all(state, cell, b, own), cell->mean_scale);
        return true;
    case WEIR_FAST_SHARE_OF: *value_out = share_of(state, cell->cell, b, own); return true;
    default: return false;
    }
}
