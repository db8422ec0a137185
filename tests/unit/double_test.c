/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/double.h"

static uint64_t seed = 88172645463325252u;
static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const char *print(double value)
{
    static char text[40];
    text[weir_double_print(value, text)] = '\0';
    return text;
}

static void known_texts(void **state)
{
    (void)state;
    assert_string_equal(print(2.0), "2.0");
    assert_string_equal(print(-0.0), "-0.0");
    assert_string_equal(print(0.1), "0.1");
    assert_string_equal(print(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(print(1e-4), "0.0001");
    assert_string_equal(print(1e-7), "1e-7");
    assert_string_equal(print(1.5e-7), "1.5e-7");
    assert_string_equal(print(123456.789), "123456.789");
    assert_string_equal(print(1e15), "1000000000000000.0");
    assert_string_equal(print(1e16), "1e16");
    assert_string_equal(print(9007199254740993.0), "9007199254740992.0");
    assert_string_equal(print(1e23), "1e23");
    assert_string_equal(print(5e-324), "5e-324");
    assert_string_equal(print(1.7976931348623157e308), "1.7976931348623157e308");
    assert_string_equal(print(2.2250738585072014e-308), "2.2250738585072014e-308");
    assert_string_equal(print(9.5367431640625e-07), "9.5367431640625e-7");
    char text[40];
    text[weir_float_print(0.1f, text)] = '\0';
    assert_string_equal(text, "0.1");
    text[weir_float_print(16777216.0f, text)] = '\0';
    assert_string_equal(text, "16777216.0");
    text[weir_float_print(3.4028235e38f, text)] = '\0';
    assert_string_equal(text, "3.4028235e38");
    text[weir_float_print(1e-45f, text)] = '\0';
    assert_string_equal(text, "1e-45");
}

/* The digits without point, zeros at the ends and exponent: what "shortest" is about. */
static int digit_count(const char *text)
{
    char digits[64];
    int count = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0')) digits[count++] = *text;
    }
    while (count > 0 && digits[count - 1] == '0')
        count--;
    return count;
}

static void check_double(double value)
{
    char text[40], libc[40];
    text[weir_double_print(value, text)] = '\0';
    double back = 0;
    if (strtod(text, NULL) != value) fail_msg("%s does not read back as %.17g", text, value);
    if (!weir_double_parse(text, strlen(text), &back) || back != value)
        fail_msg("%s is misread", text);
    for (int precision = 1;; precision++) {
        snprintf(libc, sizeof libc, "%.*e", precision - 1, value);
        if (strtod(libc, NULL) == value) break;
    }
    /* Fewer happen: at powers of two the closest text of a length may not read back where another
     * does. */
    if (digit_count(text) > digit_count(libc)) fail_msg("%s is not as short as %s", text, libc);
}

static double random_double(void)
{
    uint64_t bits = random_bits();
    double value;
    switch (bits % 4) {
    case 0: return (double)(int64_t)(random_bits() % 100000000) / 1000.0;
    case 1: return (double)(random_bits() >> (random_bits() % 64));
    case 2: return ldexp(1.0, (int)(random_bits() % 2046) - 1070);
    default:
        bits = random_bits();
        memcpy(&value, &bits, 8);
        return isfinite(value) ? value : 1.0;
    }
}

static void printing_is_shortest_and_reads_back(void **state)
{
    (void)state;
    for (int i = 0; i < 60000; i++)
        check_double(random_double());
}

static void float32_reads_back(void **state)
{
    (void)state;
    for (int i = 0; i < 60000; i++) {
        uint32_t bits = (uint32_t)random_bits();
        float value;
        memcpy(&value, &bits, 4);
        if (!isfinite(value)) continue;
        char text[40], libc[40];
        text[weir_float_print(value, text)] = '\0';
        if (strtof(text, NULL) != value)
            fail_msg("%s does not read back as %.9g", text, (double)value);
        int precision = 0;
        do
            snprintf(libc, sizeof libc, "%.*e", precision++, (double)value);
        while (strtof(libc, NULL) != value);
        assert_true(digit_count(text) <= digit_count(libc));
    }
}

static void check_parse(const char *text)
{
    double value = 0, libc = strtod(text, NULL);
    if (!weir_double_parse(text, strlen(text), &value)) fail_msg("%s is refused", text);
    if (memcmp(&value, &libc, 8) != 0) fail_msg("%s: %.17g is not %.17g", text, value, libc);
}

static void parsing_rounds_as_libc_does(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.0000000000000000000001",
        "1e400",
        "-1e400",
        "1e-400",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623159e308",
        "0.000000000000000000000000000000000000001",
        ".5",
        "5.",
        "+1.5",
        "00012.5",
        "1e0000000000000000001",
        "1e99999999",
        "123456789012345678901234567890",
        "2.2250738585072011e-308",
        "6631236846766476e-316",
        "0.500000000000000166533453693773481063544750213623046875",
        "1e22",
        "1e23",
        "8.5e22",
        "100000000000000000000000",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_parse(texts[i]);
    for (int i = 0; i < 100000; i++) {
        char text[80];
        uint64_t a = random_bits() >> (random_bits() % 60), b = random_bits();
        int exponent = (int)(random_bits() % 700) - 360;
        switch (b % 3) {
        case 0: snprintf(text, sizeof text, "%llue%d", (unsigned long long)a, exponent); break;
        case 1:
            snprintf(text, sizeof text, "-%llu.%llu", (unsigned long long)a, (unsigned long long)b);
            break;
        default: snprintf(text, sizeof text, "%.*e", (int)(b % 30), random_double()); break;
        }
        check_parse(text);
    }
}

/* Halfway between two doubles, written out in full, and one digit beside it. */
static void ties_go_to_even(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        double value = random_double();
        double next = nextafter(value, 1e300);
        if (!(fabs(value) > 1e-200 && fabs(value) < 1e200)) continue;
        char text[1600];
        snprintf(text, sizeof text, "%.700Lf", ((long double)value + (long double)next) / 2);
        check_parse(text);
        strcat(text, "0000000000000000000000000000000001");
        check_parse(text);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "+",  "-",  ".",    "e5",    "1e",  "1e+", "nan",
                                      "inf", "1 ", " 1", "0x10", "1.2.3", "1,5", "--1"};
    double value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_double_parse(bad[i], strlen(bad[i]), &value));
    assert_false(weir_double_parse("1\0002", 3, &value));
    assert_true(value == 7);
}

static void a_long_text_is_read_whole(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    char *text = malloc(SIZE + 1);
    memset(text, '0', SIZE);
    text[SIZE] = '\0';
    text[0] = '1';
    text[1] = '.';
    text[SIZE - 1] = '1';
    check_parse(text);
    text[1] = '0';
    check_parse(text);
    text[0] = '.';
    check_parse(text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),
        cmocka_unit_test(printing_is_shortest_and_reads_back),
        cmocka_unit_test(float32_reads_back),
        cmocka_unit_test(parsing_rounds_as_libc_does),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_long_text_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
