/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "schemas/decimal.h"
#include "schemas/json_value.h"

static const char *const symbols[] = {"red", "green"};
static const weir_enum_type colours = {"Colour", symbols, 2};
static const weir_type string_type = {.kind = WEIR_STRING};
static const weir_type float_type = {.kind = WEIR_FLOAT64};

typedef struct outcome {
    bool ok, bad_number, is_null;
    const char *problem;
    char text[256];
} outcome;

/* Reads JSON as a value and writes it again. */
static outcome read_json(const char *text, weir_type type, weir_time_unit unit)
{
    outcome o = {0};
    weir_arena arena = {0};
    weir_json json;
    weir_json_init(&json, text, strlen(text), &arena);
    weir_value value;
    o.ok = weir_json_read_value(&json, type, unit, &arena, &value, &o.bad_number, &o.problem);
    if (o.ok) {
        weir_buffer out = {0};
        weir_json_write_value(&(weir_json_writer){.out = &out}, type, &value);
        assert_true(out.size < sizeof o.text);
        memcpy(o.text, out.data, out.size);
        weir_buffer_deinit(&out);
        assert_true(weir_json_expect(&json, WEIR_JSON_END));
        o.is_null = weir_is_null(&value);
    } else {
        assert_non_null(o.problem);
    }
    weir_arena_deinit(&arena);
    return o;
}

static void check(weir_type type, const char *in, const char *want)
{
    outcome o = read_json(in, type, WEIR_UNIT_US);
    if (o.ok != (want != NULL)) fail_msg("%s: %s", in, o.ok ? o.text : o.problem);
    if (o.ok && strcmp(o.text, want) != 0) fail_msg("%s: %s, want %s", in, o.text, want);
    assert_false(o.bad_number);
}

static void scalars_have_one_convention(void **state)
{
    (void)state;
    weir_type type = weir_type_of(WEIR_INT64);
    check(type, "9007199254740993", "9007199254740993");
    check(type, "\"-9223372036854775808\"", "-9223372036854775808");
    check(type, "5.0", "5");
    check(type, "9223372036854775808", NULL);
    check(type, "1.5", NULL);
    check(type, "\"\"", NULL);
    check(type, "true", NULL);
    check(type, "null", NULL);
    type = weir_type_decimal(10, 2);
    check(type, "1234567.89", "\"1234567.89\"");
    check(type, "\"1.5\"", "\"1.50\"");
    check(type, "1e2", "\"100.00\"");
    check(type, "\"abc\"", NULL);
    check(float_type, "1", "1.0");
    check(float_type, "0.1", "0.1");
    check(float_type, "-0.0", "0.0");
    check(float_type, "\"1\"", NULL);
    check(string_type, "\"a\\u00e9\"", "\"a\xc3\xa9\"");
    check(string_type, "1", NULL);
    check(weir_type_of(WEIR_BYTES), "\"AAEC/w==\"", "\"AAEC/w==\"");
    check(weir_type_of(WEIR_BYTES), "\"\"", "\"\"");
    check(weir_type_of(WEIR_BYTES), "\"AAEC/x==\"", NULL);
    check(weir_type_of(WEIR_BYTES), "\"AAE\"", NULL);
    check(weir_type_of(WEIR_BYTES), "\"AA=A\"", NULL);
    check(weir_type_of(WEIR_BOOL), "true", "true");
    check(weir_type_of(WEIR_BOOL), "\"true\"", NULL);
    check((weir_type){.kind = WEIR_ENUM, .symbols = &colours}, "\"green\"", "\"green\"");
    check((weir_type){.kind = WEIR_ENUM, .symbols = &colours}, "\"blue\"", NULL);
    check((weir_type){.kind = WEIR_ENUM, .symbols = &colours}, "1", NULL);
    check(weir_type_of(WEIR_DURATION), "-5", "-5");
    check(weir_type_of(WEIR_TIME), "\"2026-03-01T12:00:00Z\"", "\"2026-03-01T12:00:00.000000Z\"");
    check(weir_type_of(WEIR_TIME), "1772366400000000", "\"2026-03-01T12:00:00.000000Z\"");
    check(weir_type_of(WEIR_TIME), "\"yesterday\"", NULL);
}

static void integers_of_time_are_in_the_schemas_unit(void **state)
{
    (void)state;
    weir_type type = weir_type_of(WEIR_TIME);
    assert_string_equal(read_json("1772366400000", type, WEIR_UNIT_MS).text,
                        "\"2026-03-01T12:00:00.000000Z\"");
    assert_string_equal(read_json("1772366400", type, WEIR_UNIT_S).text,
                        "\"2026-03-01T12:00:00.000000Z\"");
    assert_string_equal(read_json("1", type, WEIR_UNIT_DAY).text,
                        "\"1970-01-02T00:00:00.000000Z\"");
    assert_string_equal(read_json("\"1970-01-02\"", type, WEIR_UNIT_DAY).text,
                        "\"1970-01-02T00:00:00.000000Z\"");
    assert_false(read_json("\"1970-01-02\"", type, WEIR_UNIT_MS).ok);
    outcome o = read_json("9223372036854775807", type, WEIR_UNIT_MS);
    assert_true(!o.ok && o.bad_number);
}

static void check_bad_number(weir_type type, const char *in)
{
    outcome o = read_json(in, type, WEIR_UNIT_US);
    if (o.ok || !o.bad_number) fail_msg("%s is not a bad number", in);
    o = read_json(in, weir_type_optional(type), WEIR_UNIT_US);
    if (!o.ok || !o.bad_number || !o.is_null) fail_msg("%s does not become null", in);
}

static void bad_numbers_are_null_only_where_optional(void **state)
{
    (void)state;
    weir_type list = {.kind = WEIR_LIST, .item = &float_type};
    check_bad_number(float_type, "\"NaN\"");
    check_bad_number(float_type, "\"-Infinity\"");
    check_bad_number(float_type, "1e999");
    check_bad_number(weir_type_decimal(4, 2), "1.234");
    check_bad_number(weir_type_decimal(4, 2), "\"100.00\"");
    check_bad_number(weir_type_decimal(4, 2), "\"NaN\"");
    check_bad_number(list, "[1,\"NaN\",2]");
    check_bad_number((weir_type){.kind = WEIR_VEC, .length = 2}, "[1, 1e39]");
    check_bad_number(weir_type_of(WEIR_GEO), "{\"lat\":1e999,\"lon\":{\"x\":[1]}}");
}

static void nested_values(void **state)
{
    (void)state;
    check(weir_type_of(WEIR_GEO), "{\"lon\":14.5,\"x\":[1,{}],\"lat\":50}",
          "{\"lat\":50.0,\"lon\":14.5}");
    check(weir_type_of(WEIR_GEO), "{\"lat\":50}", NULL);
    check(weir_type_of(WEIR_GEO), "{\"lat\":50,\"lon\":1,\"lat\":51}",
          NULL); /* which of the two? */
    weir_type vec = {.kind = WEIR_VEC, .length = 3};
    check(vec, "[0.1, -0, 16777217]", "[0.1,0.0,16777216.0]");
    check(vec, "[1,2]", NULL);
    check(vec, "[1,2,3,4]", NULL);
    weir_type optional_int = weir_type_optional(weir_type_of(WEIR_INT64));
    weir_type list = {.kind = WEIR_LIST, .item = &optional_int};
    check(list, "[1,null,3,4,5,6,7,8,9,10]", "[1,null,3,4,5,6,7,8,9,10]");
    check(list, "[]", "[]");
    weir_type map = {.kind = WEIR_MAP, .key = &string_type, .item = &list};
    check(map, "{\"a\":[1],\"b\":[]}", "{\"a\":[1],\"b\":[]}");
    weir_type by_int = {.kind = WEIR_MAP, .key = &optional_int, .item = &string_type};
    check(by_int, "{\"5\":\"x\"}", "{\"5\":\"x\"}");
    check(list, "[1", NULL);
    check(list, "[1}", NULL);
}

/* 0.5 + 2^-25 + 2^-60: to double it is a middle of two floats, but the text is above it. */
static void vec_components_are_rounded_once(void **state)
{
    (void)state;
    float value = 0;
    const char *above = "1.00000005960464477539062500000000000001",
               *middle = "1.000000059604644775390625";
    assert_true(weir_float_parse(above, strlen(above), &value) && value == 0x1.000002p0f);
    assert_true(weir_float_parse(middle, strlen(middle), &value) && value == 1.0f);
    assert_true(weir_float_parse("1e-45", 5, &value) && value == 0x1p-149f);
    assert_true(weir_float_parse("-3.5e38", 7, &value) && isinf(value));
}

static outcome read_text(const char *text, weir_type type)
{
    outcome o = {0};
    weir_arena arena = {0};
    weir_value value;
    o.ok = weir_text_read_value(text, strlen(text), type, WEIR_UNIT_US, &arena, &value,
                                &o.bad_number, &o.problem);
    o.is_null = weir_is_null(&value);
    if (o.ok) {
        weir_buffer out = {0};
        weir_text_write_value(&out, type, &value);
        if (out.size > 0) memcpy(o.text, out.data, out.size);
        weir_buffer_deinit(&out);
    }
    weir_arena_deinit(&arena);
    return o;
}

static void text_follows_the_same_convention(void **state)
{
    (void)state;
    assert_string_equal(read_text("a\"b", string_type).text, "a\"b");
    assert_true(read_text("", string_type).ok && !read_text("", string_type).is_null);
    assert_true(read_text("", weir_type_optional(string_type)).is_null);
    assert_false(read_text("", float_type).ok);
    assert_true(read_text("nan", weir_type_optional(float_type)).is_null);
    assert_true(read_text("nan", float_type).bad_number);
    assert_string_equal(read_text("1e3", float_type).text, "1000.0");
    assert_string_equal(read_text("True", weir_type_of(WEIR_BOOL)).text, "true");
    assert_string_equal(read_text("12.3", weir_type_decimal(5, 2)).text, "12.30");
    assert_string_equal(read_text("{\"lat\":1,\"lon\":2}", weir_type_of(WEIR_GEO)).text,
                        "{\"lat\":1.0,\"lon\":2.0}");
    assert_false(read_text("{\"lat\":1,\"lon\":2} x", weir_type_of(WEIR_GEO)).ok);
    assert_false(read_text("\xff", string_type).ok);
    assert_string_equal(read_text("2026-03-01T12:00:00+01:00", weir_type_of(WEIR_TIME)).text,
                        "2026-03-01T11:00:00.000000Z");
}

/* Whether the short way took the value of a member; then the long way reads the same. */
static bool short_way_agrees(const char *text, const weir_type *type, weir_time_unit unit)
{
    weir_arena arena = {0};
    char object[96];
    int size = snprintf(object, sizeof object, "{\"a\":%s}", text);
    weir_json in_object, alone;
    weir_value taken, value;
    bool bad_number = false;
    const char *problem = NULL;
    weir_json_init(&in_object, object, (size_t)size, &arena);
    assert_true(weir_json_expect(&in_object, WEIR_JSON_OBJECT_BEGIN));
    assert_true(weir_json_next_key(&in_object));
    const weir_json before = in_object;
    bool is_taken = weir_json_take_plain(&in_object, type, unit, &taken);
    if (is_taken) {
        weir_json_init(&alone, text, strlen(text), &arena); /* no member: the long way */
        if (!weir_json_read_value(&alone, *type, unit, &arena, &value, &bad_number, &problem) ||
            !weir_value_equal(&taken, &value))
            fail_msg("%s as kind %d: the short way took another value", text, (int)type->kind);
        weir_json by_token = before;
        assert_true(weir_json_next(&by_token) != WEIR_JSON_ERROR);
        assert_true(in_object.next == by_token.next && in_object.token == by_token.token);
    } else {
        assert_memory_equal(&in_object, &before, sizeof before);
    }
    weir_arena_deinit(&arena);
    return is_taken;
}

/* Seeded: what programs write, with a byte of it changed, taken away or doubled now and then. */
static void the_short_way_reads_what_the_long_way_reads(void **state)
{
    (void)state;
    static const char *const texts[] = {"true",
                                        "false",
                                        "0",
                                        "-17",
                                        "123456789012345678",
                                        "1234567890123456789",
                                        "12345678.25",
                                        "-0.0",
                                        "1e22",
                                        "17976931348623157e293",
                                        "123.4500",
                                        "\"1200.75\"",
                                        "\"red\"",
                                        "\"green\"",
                                        "\"2026-03-01T12:00:00Z\"",
                                        "\"2026-02-28T23:59:59.123456+01:30\"",
                                        "\"2024-02-29 00:00:00.5z\"",
                                        "\"+12026-01-01T00:00:00Z\"",
                                        "\"contactless at a till\"",
                                        "1772366400000",
                                        "\"17\"",
                                        "\"\xc3\xa4\"",
                                        "\"a\\n\"",
                                        "null",
                                        " 7 ",
                                        "\"\""};
    const weir_type types[] = {
        weir_type_of(WEIR_BOOL),    weir_type_of(WEIR_INT64),
        weir_type_of(WEIR_FLOAT64), {.kind = WEIR_DECIMAL, .precision = 12, .scale = 2},
        weir_type_of(WEIR_STRING),  {.kind = WEIR_ENUM, .symbols = &colours},
        weir_type_of(WEIR_TIME),    weir_type_of(WEIR_DURATION)};
    static const char bytes[] = "0159.-+:TZ \"e/";
    enum { TEXTS = sizeof texts / sizeof *texts, TYPES = sizeof types / sizeof *types };
    uint64_t seed = 41;
    size_t taken[TYPES] = {0};
    for (int round = 0; round < 100000; round++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned r = (unsigned)(seed >> 33);
        char text[64];
        (void)snprintf(text, sizeof text, "%s", texts[r % TEXTS]);
        size_t size = strlen(text), at = r / 64 % size;
        if (r % 3 == 1) text[at] = bytes[r / 4096 % (sizeof bytes - 1)];
        if (r % 9 == 2) memmove(text + at, text + at + 1, size - at);
        if (r % 9 == 5) memmove(text + at + 1, text + at, size - at + 1);
        size_t type = r / 128 % TYPES;
        taken[type] += short_way_agrees(text, &types[type], (weir_time_unit)(r / 1024 % 4));
    }
    for (size_t i = 0; i < TYPES; i++)
        assert_true(types[i].kind == WEIR_DURATION ? taken[i] == 0 : taken[i] > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_have_one_convention),
        cmocka_unit_test(integers_of_time_are_in_the_schemas_unit),
        cmocka_unit_test(bad_numbers_are_null_only_where_optional),
        cmocka_unit_test(nested_values),
        cmocka_unit_test(vec_components_are_rounded_once),
        cmocka_unit_test(text_follows_the_same_convention),
        cmocka_unit_test(the_short_way_reads_what_the_long_way_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
