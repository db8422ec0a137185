/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/decimal.h"

typedef struct ratio_vector {
    const char *numerator, *denominator;
    double quotient;
} ratio_vector;
typedef struct round_vector {
    double value;
    unsigned scale;
    const char *unscaled; /* NULL: does not fit */
} round_vector;
typedef struct compare_vector {
    const char *unscaled;
    unsigned scale;
    double value;
    int order;
} compare_vector;
#include "tests/unit/decimal_vectors.inc"

/* NULL is no number: gcc does not know that a failed check before does not return. */
static weir_int128 number(const char *text)
{
    weir_int128 value = 0;
    const char *digits = text == NULL ? "nothing" : text;
    if (!weir_decimal_parse(digits, strlen(digits), 38, 0, &value)) fail_msg("%s", digits);
    return value;
}

static const char *print(weir_int128 value, unsigned scale)
{
    static char text[WEIR_DECIMAL_TEXT_MAX + 1];
    size_t length = weir_decimal_print(value, scale, text);
    assert_true(length <= WEIR_DECIMAL_TEXT_MAX);
    text[length] = '\0';
    return text;
}

static uint64_t seed = 88172645463325252u;
static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static weir_int128 random_number(void)
{
    weir_int128 value = (weir_int128)random_bits() << 62 ^ random_bits();
    value >>= random_bits() % 126;
    if (value >= weir_decimal_pow10(38)) value >>= 2;
    return random_bits() % 2 ? value : -value;
}

static void powers_of_ten_are_exact(void **state)
{
    (void)state;
    weir_int128 power = 1;
    for (unsigned i = 0; i <= 38; i++) {
        assert_true(weir_decimal_pow10(i) == power);
        if (i < 38) power *= 10;
    }
}

static void print_and_parse_are_inverse(void **state)
{
    (void)state;
    assert_string_equal(print(1230, 2), "12.30");
    assert_string_equal(print(-5, 2), "-0.05");
    assert_string_equal(print(0, 3), "0.000");
    assert_string_equal(print(7, 0), "7");
    assert_string_equal(print(weir_decimal_pow10(38) - 1, 0),
                        "99999999999999999999999999999999999999");
    assert_string_equal(print(1 - weir_decimal_pow10(38), 38),
                        "-0.99999999999999999999999999999999999999");
    assert_string_equal(print(weir_decimal_pow10(36), 18),
                        "1000000000000000000.000000000000000000");
    for (int i = 0; i < 20000; i++) {
        weir_int128 value = random_number(), back = 0;
        unsigned scale = (unsigned)(random_bits() % 39);
        const char *text = print(value, scale);
        assert_true(weir_decimal_parse(text, strlen(text), 38, scale, &back));
        assert_true(back == value);
    }
}

static void check_parse(const char *text, unsigned precision, unsigned scale, const char *want)
{
    weir_int128 value = 0;
    bool ok = weir_decimal_parse(text, strlen(text), precision, scale, &value);
    if (ok != (want != NULL)) fail_msg("%s as decimal(%u,%u): %d", text, precision, scale, ok);
    if (ok && value != number(want)) fail_msg("%s is %s", text, print(value, 0));
}

static void parse_never_rounds(void **state)
{
    (void)state;
    check_parse("12.3", 10, 2, "1230");
    check_parse("+12.3", 10, 2, "1230");
    check_parse("-12.30000", 10, 2, "-1230");
    check_parse("12.345", 10, 2, NULL);
    check_parse("12.340", 10, 2, "1234");
    check_parse("99999999.99", 10, 2, "9999999999");
    check_parse("100000000.00", 10, 2, NULL);
    check_parse("1.2e3", 10, 2, "120000");
    check_parse("1.2E+3", 10, 2, "120000");
    check_parse("120000e-5", 10, 2, "120");
    check_parse("1e-3", 10, 2, NULL);
    check_parse("0e-999999999", 10, 2, "0");
    check_parse(".5", 10, 2, "50");
    check_parse("-.5e1", 10, 2, "-500");
    check_parse("5.", 10, 2, "500");
    check_parse(".505", 10, 2, NULL);
    check_parse("0.000000000000000000000000000000000000000000000000", 10, 2, "0");
    check_parse("1e99999999999999999999", 38, 0, NULL);
    check_parse("00000000000000000000000000000000000000000000001", 38, 0, "1");
    check_parse("99999999999999999999999999999999999999", 38, 0,
                "99999999999999999999999999999999999999");
    check_parse("100000000000000000000000000000000000000", 38, 0, NULL);
    static const char *const bad[] = {"",   "-",  "+",  ".",   "-.",  ".e1", "1e",    "1e+",
                                      "e5", "1 ", " 1", "1,5", "0x1", "NaN", "1.2.3", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_parse(bad[i], 38, 10, NULL);
}

static void arithmetic_stops_at_38_digits(void **state)
{
    (void)state;
    weir_int128 max = weir_decimal_pow10(38) - 1, out = 42;
    assert_false(weir_decimal_add(max, 1, &out));
    assert_false(weir_decimal_subtract(-max, 1, &out));
    assert_false(weir_decimal_multiply(max, 2, &out));
    assert_false(weir_decimal_multiply(weir_decimal_pow10(19), weir_decimal_pow10(19), &out));
    assert_false(weir_decimal_multiply(max, max, &out));
    assert_true(out == 42);
    assert_true(weir_decimal_multiply(weir_decimal_pow10(19), -weir_decimal_pow10(18), &out));
    assert_true(out == -weir_decimal_pow10(37));
    assert_true(weir_decimal_add(max, -max, &out) && out == 0);
    for (int i = 0; i < 20000; i++) {
        weir_int128 a = random_number() >> 64, b = random_number() >> 64;
        if (a == 0 || b == 0) continue;
        assert_true(!weir_decimal_multiply(a, b, &out) || (out / a == b && out % a == 0));
    }
}

static void scales_change_exactly_or_half_even(void **state)
{
    (void)state;
    weir_int128 out = 0;
    assert_true(weir_decimal_rescale(1230, 2, 1, &out) && out == 123);
    assert_false(weir_decimal_rescale(1235, 2, 1, &out));
    assert_true(weir_decimal_rescale(-5, 0, 3, &out) && out == -5000);
    assert_false(weir_decimal_rescale(weir_decimal_pow10(30), 0, 8, &out));
    static const int cases[][2] = {{125, 12}, {135, 14}, {-125, -12}, {-135, -14}, {126, 13},
                                   {124, 12}, {5, 0},    {15, 2},     {-6, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(weir_decimal_round(cases[i][0], 1, 0, &out) && out == cases[i][1]);
    assert_true(weir_decimal_round(weir_decimal_pow10(38) - 1, 38, 0, &out) && out == 1);
    assert_true(weir_decimal_round(weir_decimal_pow10(38) / 2, 38, 0, &out) && out == 0);
}

static void ratios_are_rounded_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        const ratio_vector *v = &ratios[i];
        double got = weir_int128_ratio(number(v->numerator), number(v->denominator));
        if (got != v->quotient)
            fail_msg("%s / %s: %a, want %a", v->numerator, v->denominator, got, v->quotient);
    }
    assert_true(!signbit(weir_int128_ratio(0, -5)));
}

static void decimals_become_the_nearest_double(void **state)
{
    (void)state;
    for (int i = 0; i < 50000; i++) {
        weir_int128 value = random_number();
        unsigned scale = (unsigned)(random_bits() % 39);
        double want = strtod(print(value, scale), NULL) + 0.0,
               got = weir_decimal_to_double(value, scale);
        if (want != got || signbit(want) != signbit(got))
            fail_msg("%s: %a, want %a", print(value, scale), got, want);
        assert_true(weir_int128_to_double(value) == strtod(print(value, 0), NULL));
    }
}

static void doubles_become_the_nearest_decimal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++) {
        const round_vector *v = &roundings[i];
        weir_int128 got = 0;
        bool ok = weir_decimal_from_double(v->value, v->scale, &got);
        if (ok != (v->unscaled != NULL)) fail_msg("%a at scale %u: %d", v->value, v->scale, ok);
        if (ok && got != number(v->unscaled))
            fail_msg("%a at scale %u: %s, want %s", v->value, v->scale, print(got, 0), v->unscaled);
    }
    weir_int128 out;
    assert_false(weir_decimal_from_double(__builtin_inf(), 0, &out));
    assert_false(weir_decimal_from_double(__builtin_nan(""), 0, &out));
}

static void numbers_of_all_types_compare_by_exact_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        const compare_vector *v = &comparisons[i];
        weir_value a = weir_decimal(number(v->unscaled)), b = weir_float(v->value);
        weir_type type_a = weir_type_decimal(38, v->scale), type_b = weir_type_of(WEIR_FLOAT64);
        int got = weir_number_compare(type_a, &a, type_b, &b);
        if (got != v->order)
            fail_msg("%s at %u against %a: %d", v->unscaled, v->scale, v->value, got);
        assert_int_equal(weir_number_compare(type_b, &b, type_a, &a), -v->order);
    }
    weir_type whole = weir_type_of(WEIR_INT64), real = weir_type_of(WEIR_FLOAT64);
    weir_value a = weir_int(9007199254740993), b = weir_float(9007199254740992.0);
    assert_int_equal(weir_number_compare(whole, &a, real, &b), 1);
    a = weir_int(INT64_MAX);
    b = weir_float(9223372036854775808.0);
    assert_int_equal(weir_number_compare(whole, &a, real, &b), -1);
    a = weir_int(INT64_MIN);
    b = weir_float(-9223372036854775808.0);
    assert_int_equal(weir_number_compare(whole, &a, real, &b), 0);
}

/* Against 128-bit floating point, which holds a double times 10^15 exactly. */
static void a_decimal_beside_its_nearest_double_compares_by_exact_value(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        int64_t unscaled = (int64_t)random_bits() >> random_bits() % 64;
        unsigned scale = (unsigned)(random_bits() % 16);
        double near = weir_decimal_to_double(unscaled, scale), value = near;
        uint64_t bits;
        memcpy(&bits, &near, 8);
        bits += random_bits() % 3 - 1;
        if (unscaled != 0) memcpy(&value, &bits, 8);
        __extension__ __float128 exact = (__float128)value * (__float128)weir_decimal_pow10(scale);
        int want = ((__float128)unscaled > exact) - ((__float128)unscaled < exact);
        weir_value a = weir_decimal(unscaled), b = weir_float(value);
        assert_int_equal(
            weir_number_compare(weir_type_decimal(38, scale), &a, weir_type_of(WEIR_FLOAT64), &b),
            want);
    }
}

static void integers_print_as_the_c_library_prints_them(void **state)
{
    (void)state;
    char got[32], want[32];
    for (int i = 0; i < 200000; i++) {
        uint64_t value = random_bits() >> random_bits() % 64;
        if (i < 60) value = (uint64_t)weir_decimal_pow10((unsigned)i / 3) + (uint64_t)(i % 3) - 1;
        size_t size = weir_uint64_print(value, got);
        int length = snprintf(want, sizeof want, "%llu", (unsigned long long)value);
        if ((int)size != length || memcmp(got, want, size) != 0) fail_msg("%s", want);
    }
}

static void decimals_compare_across_scales(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        weir_int128 small = random_number() >> 64, more = 0;
        unsigned scale = (unsigned)(random_bits() % 18);
        if (!weir_decimal_rescale(small, scale, scale + 12, &more)) continue;
        weir_value a = weir_decimal(small), b = weir_decimal(more), c = weir_decimal(more + 1);
        weir_type narrow = weir_type_decimal(38, scale), wide = weir_type_decimal(38, scale + 12);
        assert_int_equal(weir_number_compare(narrow, &a, wide, &b), 0);
        assert_int_equal(weir_number_compare(narrow, &a, wide, &c), -1);
        assert_int_equal(weir_number_compare(wide, &c, narrow, &a), 1);
    }
    weir_value one = weir_int(1), huge = weir_decimal(weir_decimal_pow10(38) - 1);
    weir_type whole = weir_type_of(WEIR_INT64);
    assert_int_equal(weir_number_compare(whole, &one, weir_type_decimal(38, 38), &huge), 1);
    assert_int_equal(
        weir_number_compare(weir_type_decimal(38, 0), &huge, weir_type_decimal(38, 38), &huge), 1);
}

/* A plus in front makes the parser take the long way. */
static void short_texts_parse_as_by_the_long_way(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[40] = "+";
        size_t size = 1;
        uint64_t bits = random_bits() >> 1;
        unsigned length = (unsigned)(bits % 20), point = (unsigned)(bits / 20 % 24);
        for (unsigned d = 0; d < length; d++) {
            if (d == point) text[size++] = '.';
            text[size++] = "0123456789"[(bits >> d) % 10];
        }
        unsigned precision = 1 + (unsigned)(bits / 480 % 38), scale = (unsigned)(bits / 77 % 20);
        weir_int128 fast = 0, slow = 0;
        bool is_fast = weir_decimal_parse(text + 1, size - 1, precision, scale, &fast);
        bool is_slow = weir_decimal_parse(text, size, precision, scale, &slow);
        assert_int_equal(is_fast, is_slow);
        assert_true(!is_fast || fast == slow);
        text[0] = '-';
        if (is_slow) assert_true(weir_decimal_parse(text, size, precision, scale, &fast));
        if (is_slow) assert_true(fast == -slow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_ten_are_exact),
        cmocka_unit_test(print_and_parse_are_inverse),
        cmocka_unit_test(parse_never_rounds),
        cmocka_unit_test(arithmetic_stops_at_38_digits),
        cmocka_unit_test(scales_change_exactly_or_half_even),
        cmocka_unit_test(ratios_are_rounded_once),
        cmocka_unit_test(decimals_become_the_nearest_double),
        cmocka_unit_test(doubles_become_the_nearest_decimal),
        cmocka_unit_test(numbers_of_all_types_compare_by_exact_value),
        cmocka_unit_test(a_decimal_beside_its_nearest_double_compares_by_exact_value),
        cmocka_unit_test(integers_print_as_the_c_library_prints_them),
        cmocka_unit_test(decimals_compare_across_scales),
        cmocka_unit_test(short_texts_parse_as_by_the_long_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
