/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schemas/decimal.h"
#include "schemas/value.h"

static const char *const symbols[] = {"a", "b", "c"};
static const weir_enum_type letters = {"Letters", symbols, 3};
static const weir_type int_type = {.kind = WEIR_INT64, .optional = true};
static const weir_type string_type = {.kind = WEIR_STRING};

static void check_round_trip(weir_type type, weir_value value)
{
    weir_buffer first = {0}, second = {0};
    weir_arena arena = {0};
    weir_value_encode(type, &value, &first);
    weir_reader reader = weir_reader_of(first.data, first.size);
    weir_value back = weir_value_decode(type, &reader, &arena);
    assert_false(reader.bad);
    assert_int_equal(weir_reader_left(&reader), 0);
    assert_true(weir_value_equal(&value, &back));
    weir_value copy = weir_value_copy(&back, &arena);
    weir_value_encode(type, &copy, &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    for (size_t size = 0; size < first.size; size++) { /* every prefix is refused */
        reader = weir_reader_of(first.data, size);
        (void)weir_value_decode(type, &reader, &arena);
        assert_true(reader.bad);
    }
    weir_buffer_deinit(&first);
    weir_buffer_deinit(&second);
    weir_arena_deinit(&arena);
}

static void every_kind_survives_encode_and_decode(void **state)
{
    (void)state;
    static const int64_t integers[] = {0,    1,   -1,    118,       119,      120,
                                       -120, 255, 65536, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        check_round_trip(int_type, weir_int(integers[i]));
        check_round_trip(weir_type_of(WEIR_TIME), weir_time(integers[i]));
        check_round_trip(weir_type_decimal(38, 2),
                         weir_decimal((weir_int128)integers[i] * 1000000007));
    }
    weir_int128 max = weir_decimal_pow10(38) - 1;
    check_round_trip(weir_type_decimal(38, 2), weir_decimal(max));
    check_round_trip(weir_type_decimal(38, 2), weir_decimal(-max));
    check_round_trip(int_type, weir_null());
    check_round_trip(weir_type_of(WEIR_BOOL), weir_bool(true));
    check_round_trip(weir_type_of(WEIR_BOOL), weir_bool(false));
    check_round_trip(weir_type_of(WEIR_FLOAT64), weir_float(-1.5));
    check_round_trip(string_type, weir_string("", 0));
    check_round_trip(string_type, weir_string("caf\xc3\xa9", 5));
    uint8_t big[1000] = {0};
    check_round_trip(weir_type_of(WEIR_BYTES),
                     (weir_value){.kind = WEIR_BYTES, .size = 1000, .as.bytes = big});
    weir_type enumeration = {.kind = WEIR_ENUM, .symbols = &letters};
    check_round_trip(enumeration, (weir_value){.kind = WEIR_ENUM, .as.integer = 2});
    check_round_trip(weir_type_of(WEIR_GEO),
                     (weir_value){.kind = WEIR_GEO, .as.geo = {50.1, -14.4}});
    static const float floats[] = {1.5f, -2.25f, 0};
    check_round_trip((weir_type){.kind = WEIR_VEC, .length = 3},
                     (weir_value){.kind = WEIR_VEC, .size = 3, .as.vec = floats});
    weir_value items[] = {weir_int(1), weir_null(), weir_int(1000)};
    check_round_trip((weir_type){.kind = WEIR_LIST, .item = &int_type},
                     (weir_value){.kind = WEIR_LIST, .size = 3, .as.items = items});
    weir_value pairs[] = {weir_string("k", 1), weir_int(1), weir_string("", 0), weir_null()};
    check_round_trip((weir_type){.kind = WEIR_MAP, .key = &string_type, .item = &int_type},
                     (weir_value){.kind = WEIR_MAP, .size = 2, .as.items = pairs});
}

static void small_values_take_one_byte(void **state)
{
    (void)state;
    weir_buffer out = {0};
    weir_value value = weir_int(100);
    weir_value_encode(int_type, &value, &out);
    value = weir_null();
    weir_value_encode(int_type, &value, &out);
    value = weir_int(119);
    weir_value_encode(int_type, &value, &out);
    value = weir_int(1000);
    weir_value_encode(int_type, &value, &out);
    static const uint8_t want[] = {201, 0, 239, 241, 0xd0, 0x07};
    assert_int_equal(out.size, sizeof want);
    assert_memory_equal(out.data, want, sizeof want);
    weir_buffer_deinit(&out);
}

static void check_refused(weir_type type, const char *bytes, size_t size)
{
    weir_arena arena = {0};
    weir_reader reader = weir_reader_of(bytes, size);
    (void)weir_value_decode(type, &reader, &arena);
    assert_true(reader.bad);
    weir_arena_deinit(&arena);
}

static void bytes_that_are_not_canonical_are_refused(void **state)
{
    (void)state;
    check_refused(int_type, "\xf0\x05", 2);     /* 5 in two bytes           */
    check_refused(int_type, "\xf1\xff\x00", 3); /* a zero on top            */
    check_refused(int_type, "\xf8\x01\x00\x00\x00\x00\x00\x00\x00\x01", 10); /* above 64 bits */
    check_refused(weir_type_of(WEIR_BOOL), "\x03", 1);
    check_refused(weir_type_of(WEIR_FLOAT64), "\x02", 1);
    check_refused(weir_type_of(WEIR_FLOAT64), "\x01\0\0\0\0\0\0\0\x80", 9);   /* -0 */
    check_refused(weir_type_of(WEIR_FLOAT64), "\x01\0\0\0\0\0\0\xf0\x7f", 9); /* infinity */
    check_refused(weir_type_of(WEIR_GEO), "\x01\0\0\0\0\0\0\xf8\x7f\0\0\0\0\0\0\0\0", 17);
    check_refused(string_type, "\x02\x80", 2); /* no UTF-8                 */
    check_refused((weir_type){.kind = WEIR_ENUM, .symbols = &letters}, "\x04", 1);
    check_refused(weir_type_decimal(2, 0), "\xf0\xfa", 2); /* 125 has three digits     */
    check_refused((weir_type){.kind = WEIR_VEC, .length = 1}, "\x03\0\0\0\0\0\0\0\0", 9);
    check_refused((weir_type){.kind = WEIR_LIST, .item = &int_type}, "\xf3\xff\xff\xff\xff", 5);
}

static void values_have_an_order(void **state)
{
    (void)state;
    weir_value a = weir_string("ab", 2), b = weir_string("abc", 3), c = weir_string("b", 1);
    assert_int_equal(weir_value_compare(string_type, &a, &b), -1);
    assert_int_equal(weir_value_compare(string_type, &c, &b), 1);
    assert_int_equal(weir_value_compare(string_type, &b, &b), 0);
    weir_value high = weir_string("\xc3\xa9", 2); /* bytes are unsigned */
    assert_int_equal(weir_value_compare(string_type, &a, &high), -1);
    weir_value f = weir_bool(false), t = weir_bool(true);
    assert_int_equal(weir_value_compare(weir_type_of(WEIR_BOOL), &f, &t), -1);
    weir_value one[] = {weir_int(1)}, two[] = {weir_int(1), weir_null()};
    weir_type list = {.kind = WEIR_LIST, .item = &int_type};
    weir_value short_list = {.kind = WEIR_LIST, .size = 1, .as.items = one};
    weir_value long_list = {.kind = WEIR_LIST, .size = 2, .as.items = two};
    assert_int_equal(weir_value_compare(list, &short_list, &long_list), -1);
}

static void null_equals_null_and_nothing_else(void **state)
{
    (void)state;
    weir_value null = weir_null(), zero = weir_int(0), real = weir_float(0);
    assert_true(weir_value_equal(&null, &null));
    assert_false(weir_value_equal(&null, &zero));
    assert_false(weir_value_equal(&real, &zero));
    weir_value nan = weir_float(__builtin_nan("")), minus = weir_float(-0.0);
    assert_true(weir_is_null(&nan));
    assert_true(weir_value_equal(&real, &minus));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_survives_encode_and_decode),
        cmocka_unit_test(small_values_take_one_byte),
        cmocka_unit_test(bytes_that_are_not_canonical_are_refused),
        cmocka_unit_test(values_have_an_order),
        cmocka_unit_test(null_equals_null_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
