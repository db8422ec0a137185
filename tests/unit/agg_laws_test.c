/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_laws_test.c - every row of the table of aggregates held to its promises, and formulas to
 * values that exact rational arithmetic gave (Python's fractions).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/agg/multiset.h"
#include "compute/agg/xsum.h"
#include "ops/runtime/memory.h"
#include "schemas/decimal.h"

enum { ROWS = 60, KINDS = 6 };
static weir_arena arena;
static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

typedef struct columns {
    weir_texts texts;
    int64_t times[ROWS];
    weir_column column[KINDS];
    uint8_t filter[ROWS];
} columns;

static weir_type kind_type(unsigned kind)
{
    switch (kind) {
    case 0: return weir_type_of(WEIR_FLOAT64);
    case 1: return weir_type_decimal(12, 3);
    case 2: return weir_type_decimal(34, 6);
    case 3: return weir_type_of(WEIR_BOOL);
    case 4: return weir_type_of(WEIR_STRING);
    default: return weir_type_of(WEIR_INT64);
    }
}

static weir_value random_value(unsigned kind)
{
    static const char *const words[] = {"", "a", "b", "ab", "zebra", "a longer text"};
    const char *word = words[next_random() % 6];
    if (next_random() % 8 == 0) return weir_null();
    switch (kind) {
    case 0: {
        double x = (double)((int64_t)next_random() >> (next_random() % 60)) *
                   (next_random() % 2 ? 1e-9 : 0x1p-400);
        return weir_float(next_random() % 3 == 0 ? 1.25 : x);
    }
    case 1: return weir_decimal((int64_t)(next_random() % 1000000) - 400000);
    case 2: return weir_decimal((weir_int128)(int64_t)next_random() * 12345678901);
    case 3: return weir_bool(next_random() % 3 != 0);
    case 4: return weir_string(word, strlen(word));
    default: return weir_int((int64_t)(next_random() % 20));
    }
}

static columns *make_columns(uint64_t from)
{
    columns *c = weir_arena_new(&arena, columns);
    weir_texts_init(&c->texts);
    seed = from;
    for (unsigned k = 0; k < KINDS; k++) {
        weir_type type = kind_type(k);
        uint8_t *values = weir_arena_calloc(&arena, ROWS, weir_layout_bytes(type));
        uint8_t *nulls = weir_arena_calloc(&arena, ROWS, 1);
        for (size_t i = 0; i < ROWS; i++) {
            weir_value value = random_value(k);
            weir_column_set(type, values, nulls, &c->texts, i, &value);
        }
        c->column[k] = (weir_column){type, weir_layout_of(type), values, nulls, &c->texts};
    }
    for (size_t i = 0; i < ROWS; i++) {
        c->times[i] = INT64_C(1700000000000000) + (int64_t)(i / 2) * 1000003;
        c->filter[i] = (uint8_t)(next_random() % 4 == 0   ? 0
                                 : next_random() % 9 == 0 ? WEIR_BOOL_NULL
                                                          : 1);
    }
    return c;
}

static weir_rows rows_of(const columns *c, const unsigned *kinds, bool filtered)
{
    return (weir_rows){.times = c->times,
                       .args = {c->column[kinds[0]], c->column[kinds[1]]},
                       .filter = filtered ? c->filter : NULL};
}

/* Binds a row of the table to kinds of arguments; false where it does not take them. */
static bool bind(const weir_agg *agg, const unsigned *kinds, weir_agg_binding *binding)
{
    weir_type types[2] = {weir_type_optional(kind_type(kinds[0])),
                          weir_type_optional(kind_type(kinds[1]))};
    weir_agg_param five = {.type = weir_type_of(WEIR_INT64), .value = weir_int(5)};
    weir_agg_param half = {.type = weir_type_decimal(2, 1), .value = weir_decimal(3)};
    if (weir_agg_bind(agg, types, agg->args_max, NULL, 0, &arena, binding) == NULL) return true;
    if (weir_agg_bind(agg, types, agg->args_max, &five, 1, &arena, binding) == NULL) return true;
    return weir_agg_bind(agg, types, agg->args_max, &half, 1, &arena, binding) == NULL;
}

static const char *result_of(const weir_acc_ops *ops, const weir_agg_binding *binding,
                             const void *acc)
{
    weir_acc_context context = {.binding = binding, .scratch = &arena, .width_us = 60000000};
    weir_value value = ops->result(acc, &context);
    if (weir_is_null(&value)) return context.overflow ? "overflow" : "null";
    weir_buffer out = {0};
    weir_type type = binding->type;
    type.optional = false;
    weir_value_encode(type, &value, &out);
    char *text = weir_arena_alloc(&arena, 2 * out.size + 1);
    for (size_t i = 0; i < out.size; i++) {
        text[2 * i] = "0123456789abcdef"[out.data[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[out.data[i] & 15];
    }
    text[2 * out.size] = '\0';
    weir_buffer_deinit(&out);
    return text;
}

static void *acc_of(const weir_acc_ops *ops, const weir_agg_binding *binding)
{
    return weir_arena_calloc(&arena, 1, ops->size(binding));
}

static void drop(const weir_acc_ops *ops, const weir_agg_binding *binding, void *acc)
{
    if (ops->deinit != NULL) ops->deinit(binding, acc);
}

/* Any order, and cut into ranges or row by row: the same bits. */
static void law_order(const weir_acc_ops *ops, const weir_agg_binding *binding,
                      const weir_rows *rows)
{
    void *all = acc_of(ops, binding), *single = acc_of(ops, binding);
    ops->add(binding, all, rows, 0, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        size_t at = (i * 37 + 11) % ROWS; /* 37 and 60 have no common divisor */
        ops->add(binding, single, rows, at, at + 1);
    }
    assert_string_equal(result_of(ops, binding, single), result_of(ops, binding, all));
    drop(ops, binding, all);
    drop(ops, binding, single);
}

/* What was added can be removed: what stays is what the others would have given; of nothing, the
 * empty one. */
static void law_remove(const weir_acc_ops *ops, const weir_agg_binding *binding,
                       const weir_rows *rows)
{
    void *acc = acc_of(ops, binding), *rest = acc_of(ops, binding), *empty = acc_of(ops, binding);
    ops->add(binding, acc, rows, 0, ROWS);
    ops->add(binding, rest, rows, 20, 45);
    ops->remove(binding, acc, rows, 0, 20);
    ops->remove(binding, acc, rows, 45, ROWS);
    assert_string_equal(result_of(ops, binding, acc), result_of(ops, binding, rest));
    ops->remove(binding, acc, rows, 20, 45);
    assert_string_equal(result_of(ops, binding, acc), result_of(ops, binding, empty));
    drop(ops, binding, acc);
    drop(ops, binding, rest);
    drop(ops, binding, empty);
}

/* Stored and read back: the same result, the same bytes, and it goes on as before. */
static void law_stored(const weir_acc_ops *ops, const weir_agg_binding *binding,
                       const weir_rows *rows)
{
    void *acc = acc_of(ops, binding), *back = acc_of(ops, binding), *other = acc_of(ops, binding);
    ops->add(binding, acc, rows, 0, 30);
    if (ops->keep != NULL) ops->keep(binding, acc);
    weir_buffer bytes = {0}, again = {0};
    ops->encode(binding, acc, &bytes);
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    assert_true(ops->decode(binding, back, &reader) && !reader.bad &&
                weir_reader_left(&reader) == 0);
    ops->encode(binding, back, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    ops->add(binding, back, rows, 30, ROWS);
    ops->add(binding, other, rows, 0, ROWS);
    assert_string_equal(result_of(ops, binding, back), result_of(ops, binding, other));
    for (size_t size = 0; size < bytes.size;
         size++) { /* cut off anywhere: refused, and nothing leaks */
        void *cut = acc_of(ops, binding);
        weir_reader part = weir_reader_of(bytes.data, size);
        assert_false(ops->decode(binding, cut, &part) && !part.bad);
        drop(ops, binding, cut);
    }
    weir_buffer_deinit(&bytes);
    weir_buffer_deinit(&again);
    drop(ops, binding, acc);
    drop(ops, binding, back);
    drop(ops, binding, other);
}

static void law_narrow(const weir_acc_ops *ops, const weir_agg_binding *binding,
                       const weir_rows *rows)
{
    void *all = acc_of(ops, binding), *some = acc_of(ops, binding);
    size_t from = 7, to = 50;
    ops->add(binding, all, rows, from, to);
    binding->agg->narrow(binding, rows, &from, &to);
    assert_true(from >= 7 && to <= 50);
    ops->add(binding, some, rows, from, to);
    assert_string_equal(result_of(ops, binding, some), result_of(ops, binding, all));
    drop(ops, binding, all);
    drop(ops, binding, some);
}

static void hold(const weir_agg_binding *binding, const weir_rows *rows)
{
    const weir_agg *agg = binding->agg;
    const weir_acc_ops *running = agg->running(binding);
    const weir_acc_ops *sliding = agg->sliding != NULL ? agg->sliding(binding) : NULL;
    if (!agg->is_ordered) law_order(running, binding, rows);
    if (agg->allows_ever) law_stored(running, binding, rows);
    if (agg->narrow != NULL) law_narrow(running, binding, rows);
    if (sliding == NULL) return;
    law_order(sliding, binding, rows);
    law_remove(sliding, binding, rows);
    void *a = acc_of(running, binding), *b = acc_of(sliding, binding);
    running->add(binding, a, rows, 5, 55);
    sliding->add(binding, b, rows, 5, 55);
    assert_string_equal(result_of(sliding, binding, b), result_of(running, binding, a));
    drop(running, binding, a);
    drop(sliding, binding, b);
}

static void every_row_of_the_table_keeps_its_promises(void **state)
{
    (void)state;
    for (size_t r = 0; r < weir_agg_count; r++) {
        const weir_agg *agg = &weir_agg_table[r];
        unsigned bound = 0;
        for (unsigned pair = 0; pair < KINDS * KINDS; pair++) {
            unsigned kinds[2] = {pair % KINDS, pair / KINDS};
            if (agg->args_max < 2 && kinds[1] > 0) continue;
            weir_agg_binding binding;
            if (!bind(agg, kinds, &binding)) continue;
            bound++;
            for (uint64_t s = 1; s <= 4; s++) {
                columns *c = make_columns(s * 977 + pair);
                weir_rows rows = rows_of(c, kinds, s % 2 == 0);
                hold(&binding, &rows);
                weir_texts_deinit(&c->texts);
                weir_arena_reset(&arena);
                assert_true(bind(agg, kinds, &binding));
            }
        }
        if (bound == 0) fail_msg("%s takes nothing", agg->name);
    }
}

static const double xs[] = {1.5, 2.25, -7.125, 100.5, 3.0, 3.0, 0.1, 1e-3};
static const double ys[] = {2.0, 1.0, 0.5, -3.25, 8.0, 8.5, 0.2, 5.0};

static double formula(const char *name, const char *q)
{
    int64_t times[8];
    for (size_t i = 0; i < 8; i++)
        times[i] = INT64_C(1700000000000000) + (int64_t)i * 1234567;
    weir_type types[2] = {weir_type_of(WEIR_FLOAT64), weir_type_of(WEIR_FLOAT64)};
    const weir_agg *agg = weir_agg_find(name);
    weir_agg_param param = {0};
    if (q != NULL) {
        unsigned scale = (unsigned)strlen(strchr(q, '.') + 1);
        weir_int128 value = 0;
        assert_true(weir_decimal_parse(q, strlen(q), 38, scale, &value));
        param =
            (weir_agg_param){.type = weir_type_decimal(38, scale), .value = weir_decimal(value)};
    }
    weir_agg_binding binding;
    assert_null(weir_agg_bind(agg, types, agg->args_max, &param, q != NULL, &arena, &binding));
    weir_rows rows = {.times = times,
                      .args = {{.type = types[0], .layout = WEIR_LAYOUT_FLOAT64, .values = xs},
                               {.type = types[1], .layout = WEIR_LAYOUT_FLOAT64, .values = ys}}};
    const weir_acc_ops *ops = agg->running(&binding);
    void *acc = acc_of(ops, &binding);
    ops->add(&binding, acc, &rows, 0, 8);
    weir_acc_context context = {.binding = &binding, .scratch = &arena};
    weir_value value = ops->result(acc, &context);
    drop(ops, &binding, acc);
    assert_int_equal(value.kind, WEIR_FLOAT64);
    return value.as.float64;
}

static void formulas_are_exact_and_rounded_once(void **state)
{
    (void)state;
    assert_true(formula("sum", NULL) == 0x1.9ce76c8b43958p+6);
    assert_true(formula("mean", NULL) == 0x1.9ce76c8b43958p+3);
    assert_true(formula("var", NULL) == 0x1.3bdef814a7384p+10);
    assert_true(formula("stddev", NULL) == 0x1.1c5d38d95fd8bp+5);
    assert_true(formula("skew", NULL) == 0x1.63b4b1517eb15p+1);
    assert_true(formula("kurt", NULL) == 0x1.f35427b14bd80p+2);
    assert_true(formula("corr", NULL) == -0x1.195234d1e948ep-1);
    assert_true(formula("slope", NULL) == -0x1.b4492777e31b7p-1);
    assert_true(formula("quantile", "0.95") == 0x1.0980000000000p+6);
    assert_true(formula("quantile", "0.333") == 0x1.2075f6fd21ff3p-1);
    assert_true(formula("quantile", "0.0") == -7.125);
    assert_true(formula("quantile", "1.0") == 100.5);
    assert_true(formula("median", NULL) == 1.875);
    assert_true(formula("mode", NULL) == 3.0);
}

static void sums_are_exact_over_the_whole_range_of_doubles(void **state)
{
    (void)state;
    weir_xsum sum = {0};
    static const double terms[] = {0x1.fffffffffffffp+1023,  0x1p-1074, 1.0,
                                   -0x1.fffffffffffffp+1023, 0x1p-1074, -1.0};
    for (size_t i = 0; i < 6; i++)
        weir_xsum_add_double(&sum, terms[i], false);
    assert_true(weir_xsum_round(&sum) == 0x1p-1073);
    for (int i = 0; i < 3; i++)
        weir_xsum_add_double(&sum, 0x1.fffffffffffffp+1023, false);
    assert_true(isinf(weir_xsum_round(&sum)));
    for (int i = 0; i < 3; i++)
        weir_xsum_add_double(&sum, 0x1.fffffffffffffp+1023, true);
    weir_xsum_add_double(&sum, 0x1p-1073, true);
    assert_true(weir_xsum_round(&sum) == 0.0);
    weir_buffer bytes = {0};
    weir_xsum_encode(&sum, &bytes);
    assert_int_equal(bytes.size, 2);
    weir_buffer_deinit(&bytes);
    weir_xsum_deinit(&sum);
    /* A half of the last place, and a crumb that breaks the tie. */
    weir_xsum_add_double(&sum, 1.0, false);
    weir_xsum_add_double(&sum, 0x1p-53, false);
    assert_true(weir_xsum_round(&sum) == 1.0);
    weir_xsum_add_double(&sum, 0x1p-1074, false);
    assert_true(weir_xsum_round(&sum) == 1.0 + 0x1p-52);
    weir_xsum_add_double(&sum, 2.0, true);
    assert_true(weir_xsum_round(&sum) == -(1.0 - 0x1p-53));
    weir_xsum_deinit(&sum);
}

static int compare_integers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Many blocks, filled and emptied in any order, against a sorted array. */
static void a_large_multiset_ranks_as_a_sorted_array_does(void **state)
{
    (void)state;
    enum { MANY = 6000 };
    static int64_t values[MANY], sorted[MANY];
    seed = 5;
    weir_multiset set = {0};
    weir_column column = {
        .type = weir_type_of(WEIR_INT64), .layout = WEIR_LAYOUT_INT64, .values = values};
    size_t low = 0, high = 0;
    for (size_t i = 0; i < MANY; i++)
        values[i] = (int64_t)(next_random() % 3000) - 1500;
    while (low < MANY) { /* a window that grows, slides and shrinks */
        bool grows =
            high < MANY && (high - low < 100 || next_random() % 16 < (high < MANY / 2 ? 15u : 7u));
        if (grows) {
            weir_multiset_put(&set, &column, high++);
        } else {
            weir_multiset_take(&set, &column, low++);
        }
        assert_int_equal(set.total, high - low);
        if (next_random() % 200 != 0 || high == low) continue;
        memcpy(sorted, values + low, (high - low) * sizeof *sorted);
        qsort(sorted, high - low, sizeof *sorted, compare_integers);
        for (size_t rank = 0; rank < high - low; rank += 1 + (high - low) / 50) {
            assert_int_equal(weir_multiset_select(&set, rank).as.integer, sorted[rank]);
        }
        assert_int_equal(weir_multiset_select(&set, high - low - 1).as.integer,
                         sorted[high - low - 1]);
    }
    assert_int_equal(set.distinct, 0);
    assert_int_equal(set.block_count, 0);
    weir_multiset_deinit(&set);
}

/* Values of which many want the same place of a table by hash (multiples of the inverse of its
 * multiplier), neighbours, and large steps. */
static int64_t crowded_value(void)
{
    switch (next_random() % 3) {
    case 0: return (int64_t)(UINT64_C(0xF1DE83E19937733D) * (next_random() % 200));
    case 1: return (int64_t)(next_random() % 1000) - 500;
    default: return (int64_t)(next_random() % 256 << 56);
    }
}

static void different_values_are_counted_as_they_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 6000, FEW = 100 };
    static int64_t values[MANY], sorted[MANY];
    seed = 9;
    for (size_t i = 0; i < MANY; i++)
        values[i] = crowded_value();
    weir_type type = weir_type_of(WEIR_INT64);
    weir_agg_binding binding;
    assert_null(weir_agg_bind(weir_agg_find("distinct"), &type, 1, NULL, 0, &arena, &binding));
    const weir_acc_ops *ops = binding.agg->sliding(&binding);
    weir_rows rows = {.args = {{.type = type, .layout = WEIR_LAYOUT_INT64, .values = values}}};
    void *acc = acc_of(ops, &binding);
    size_t low = 0, high = 0;
    while (low < MANY) { /* a window that grows, by more or less, slides and shrinks */
        bool grows = high - low < FEW || next_random() % 16 < (high < MANY / 2 ? 12u : 7u);
        size_t step = 1 + next_random() % FEW, *end = grows && high < MANY ? &high : &low;
        size_t most = end == &high ? MANY - high : high - low;
        if (step > most) step = most;
        (end == &high ? ops->add : ops->remove)(&binding, acc, &rows, *end, *end + step);
        *end += step;
        memcpy(sorted, values + low, (high - low) * sizeof *sorted);
        qsort(sorted, high - low, sizeof *sorted, compare_integers);
        int64_t different = high > low;
        for (size_t i = 1; i < high - low; i++)
            different += sorted[i] != sorted[i - 1];
        weir_acc_context context = {.binding = &binding, .scratch = &arena};
        assert_int_equal(ops->result(acc, &context).as.integer, different);
    }
    assert_true(ops->heap_bytes(&binding, acc) < 1024); /* it has shrunk with what it holds */
    drop(ops, &binding, acc);
}

static int end(void **state)
{
    (void)state;
    weir_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_keeps_its_promises),
        cmocka_unit_test(formulas_are_exact_and_rounded_once),
        cmocka_unit_test(a_large_multiset_ranks_as_a_sorted_array_does),
        cmocka_unit_test(different_values_are_counted_as_they_come_and_go),
        cmocka_unit_test(sums_are_exact_over_the_whole_range_of_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
