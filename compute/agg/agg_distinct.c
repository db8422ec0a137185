/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_distinct.c - how many different values.
 *
 * Of values there are only counts, and no order: a table by hash with open addressing, one place a
 * value, so that a row costs one look whatever the number of values. Values are 64 bits (texts by
 * their number, float64 by its bits, of which equal numbers have equal ones); decimals of more digits
 * stand in an ordered multiset instead. A value that is no more is taken out at once and those behind
 * it move up: there are no graves, and what a table looks like has no say in what it counts.
 */
#include <string.h>

#include "compute/agg/multiset.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/memory.h"

enum { BITS_MIN = 3, ROWS_AT_ONCE = 64 };

typedef struct counted {
    uint64_t value;
    uint64_t rows; /* 0: an empty place */
} counted;

typedef struct counts {
    counted *places; /* 2^bits of them; NULL before rows are added */
    uint32_t used, bits;
} counts;

static void copy_values(const weir_column *column, size_t from, size_t count, uint64_t *out)
{
    const void *values = column->values;
    switch (column->layout) {
    case WEIR_LAYOUT_BOOL:
        for (size_t i = 0; i < count; i++)
            out[i] = ((const uint8_t *)values)[from + i];
        return;
    case WEIR_LAYOUT_INT32:
    case WEIR_LAYOUT_TEXT:
        for (size_t i = 0; i < count; i++)
            out[i] = ((const uint32_t *)values)[from + i];
        return;
    case WEIR_LAYOUT_INT64:
    case WEIR_LAYOUT_FLOAT64:
        memcpy(out, (const uint64_t *)values + from, count * sizeof *out);
        return;
    default: WEIR_UNREACHABLE();
    }
}

/* The values of the rows that count, of ROWS_AT_ONCE at most; how many they are. */
static size_t values_of(const weir_agg_binding *binding, const weir_rows *rows, size_t from,
                        size_t to, uint64_t *out)
{
    const weir_column *column = &rows->args[0];
    copy_values(column, from, to - from, out);
    bool may_be_null = column->nulls != NULL || column->layout == WEIR_LAYOUT_BOOL;
    if (rows->filter == NULL && !may_be_null) return to - from;
    size_t count = 0;
    for (size_t i = from; i < to; i++) {
        out[count] = out[i - from];
        count += weir_rows_count(binding, rows, i);
    }
    return count;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t mask_of(const counts *c) { return ((size_t)1 << c->bits) - 1; }

/* Where a value belongs: the upper bits of a product by an odd number depend on all of it. The first
 * one spreads what is alike, whatever the seed; the second, whatever was chosen. */
static size_t home_of(unsigned bits, uint64_t value)
{
    uint64_t mixed = value * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 32;
    return (size_t)(mixed * (weir_table_seed | 1) >> (64 - bits));
}

/* The value's place, or the empty one where it would stand. */
static inline size_t place_of(const counted *places, unsigned bits, uint64_t value)
{
    size_t mask = ((size_t)1 << bits) - 1, at = home_of(bits, value);
    while (places[at].rows > 0 && places[at].value != value)
        at = (at + 1) & mask;
    return at;
}

static void resize(counts *c, uint32_t bits)
{
    counted *places = weir_memory_calloc((size_t)1 << bits, sizeof *places);
    for (size_t i = 0; c->places != NULL && i <= mask_of(c); i++)
        if (c->places[i].rows > 0)
            places[place_of(places, bits, c->places[i].value)] = c->places[i];
    weir_memory_free(c->places);
    c->places = places;
    c->bits = bits;
}

/* A quarter of the places stay empty. */
static void make_room(counts *c, size_t more)
{
    uint32_t bits = c->places == NULL ? BITS_MIN : c->bits;
    while (c->used + more > ((size_t)3 << bits) / 4)
        bits++;
    if (c->places == NULL || bits > c->bits) resize(c, bits);
}

static void put(counts *c, const uint64_t *values, size_t count)
{
    make_room(c, count);
    counted *places = c->places;
    unsigned bits = c->bits;
    uint32_t used = c->used;
    for (size_t i = 0; i < count; i++) {
        counted *place = &places[place_of(places, bits, values[i])];
        used += place->rows == 0;
        place->value = values[i];
        place->rows++;
    }
    c->used = used;
}

/* Closes the gap: whoever would no longer be found moves up. */
static void close_gap(counts *c, size_t gap)
{
    size_t mask = mask_of(c);
    for (size_t at = (gap + 1) & mask; c->places[at].rows > 0; at = (at + 1) & mask) {
        size_t home = home_of(c->bits, c->places[at].value);
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        c->places[gap] = c->places[at];
        gap = at;
    }
    c->places[gap].rows = 0;
}

static void take(counts *c, uint64_t value)
{
    size_t at = place_of(c->places, c->bits, value);
    WEIR_ASSERT(c->places[at].rows > 0);
    if (--c->places[at].rows > 0) return;
    close_gap(c, at);
    c->used--;
    if (c->bits > BITS_MIN && c->used < mask_of(c) / 8) resize(c, c->bits - 1);
}

static size_t counts_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(counts);
}

static void counts_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                       size_t from, size_t to)
{
    uint64_t values[ROWS_AT_ONCE];
    for (size_t end; from < to; from = end) {
        end = least(from + ROWS_AT_ONCE, to);
        put(acc, values, values_of(binding, rows, from, end, values));
    }
}

static void counts_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                          size_t from, size_t to)
{
    uint64_t values[ROWS_AT_ONCE];
    for (size_t end; from < to; from = end) {
        end = least(from + ROWS_AT_ONCE, to);
        size_t count = values_of(binding, rows, from, end, values);
        for (size_t i = 0; i < count; i++)
            take(acc, values[i]);
    }
}

static weir_value counts_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_int(((const counts *)acc)->used);
}

static void counts_deinit(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    weir_memory_free(((counts *)acc)->places);
    *(counts *)acc = (counts){0};
}

static size_t counts_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    (void)binding;
    const counts *c = acc;
    return c->places == NULL ? 0 : sizeof(counted) << c->bits;
}

static weir_value multiset_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_int((int64_t)((const weir_multiset *)acc)->distinct);
}

static const weir_acc_ops counts_ops = {.size = counts_size,
                                        .add = counts_add,
                                        .remove = counts_remove,
                                        .result = counts_result,
                                        .deinit = counts_deinit,
                                        .heap_bytes = counts_heap_bytes};

static const weir_acc_ops multiset_ops = {.size = weir_multiset_acc_size,
                                          .add = weir_multiset_acc_add,
                                          .remove = weir_multiset_acc_remove,
                                          .result = multiset_result,
                                          .deinit = weir_multiset_acc_deinit,
                                          .heap_bytes = weir_multiset_acc_heap_bytes};

const weir_acc_ops *weir_acc_distinct(const weir_agg_binding *binding)
{
    bool is_wide = weir_layout_of(binding->args[0]) == WEIR_LAYOUT_INT128;
    return is_wide ? &multiset_ops : &counts_ops;
}

const char *weir_agg_bind_distinct(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}
