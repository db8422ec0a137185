/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ops/runtime/json_scan.h"

static weir_json reader_of(const char *text, weir_arena *arena)
{
    weir_json json;
    weir_json_init(&json, text, strlen(text), arena);
    return json;
}

static void tokens_come_in_order(void **state)
{
    (void)state;
    weir_arena arena = {0};
    weir_json json = reader_of(
        " {\"a\" : [1, -2.5e+3 ,{}], \"b\\n\":\"x\\u00e9\\ud83d\\ude00\", \"c\":null}\n", &arena);
    assert_int_equal(weir_json_peek(&json), WEIR_JSON_OBJECT_BEGIN);
    assert_int_equal(weir_json_next(&json), WEIR_JSON_OBJECT_BEGIN);
    assert_true(weir_json_next_key(&json));
    assert_true(weir_json_key_is(&json, "a"));
    assert_int_equal(weir_json_next(&json), WEIR_JSON_ARRAY_BEGIN);
    assert_true(weir_json_next_item(&json));
    int64_t integer = 0;
    assert_true(weir_json_int64(&json, &integer));
    assert_int_equal(integer, 1);
    assert_true(weir_json_next_item(&json));
    assert_int_equal(weir_json_next(&json), WEIR_JSON_NUMBER);
    assert_true(weir_json_key_is(&json, "-2.5e+3"));
    assert_true(weir_json_next_item(&json));
    assert_true(weir_json_skip(&json));
    assert_false(weir_json_next_item(&json));
    assert_true(weir_json_next_key(&json));
    assert_true(weir_json_key_is(&json, "b\n"));
    weir_bytes text;
    assert_true(weir_json_string(&json, &text));
    assert_int_equal(text.size, 7);
    assert_memory_equal(text.data, "x\xc3\xa9\xf0\x9f\x98\x80", 7);
    assert_true(weir_json_next_key(&json));
    assert_true(weir_json_skip(&json));
    assert_false(weir_json_next_key(&json));
    assert_int_equal(weir_json_next(&json), WEIR_JSON_END);
    assert_int_equal(weir_json_next(&json), WEIR_JSON_END);
    assert_null(weir_json_error(&json, WEIR_E_DATA, "x"));
    weir_arena_deinit(&arena);
}

static bool is_accepted(const char *text)
{
    weir_arena arena = {0};
    weir_json json = reader_of(text, &arena);
    bool ok = weir_json_skip(&json) && weir_json_expect(&json, WEIR_JSON_END);
    weir_json again = reader_of(text, &arena);
    while (weir_json_peek(&again) != WEIR_JSON_END && weir_json_peek(&again) != WEIR_JSON_ERROR) {
        weir_json_token peeked = weir_json_peek(&again), taken = weir_json_next(&again);
        if (taken != WEIR_JSON_ERROR) assert_int_equal(peeked, taken);
    }
    assert_int_equal(ok, again.problem == NULL);
    weir_arena_deinit(&arena);
    return ok;
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "]",
        "}",
        "[}",
        "{]",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "1a",
        "tru",
        "truex",
        "nul",
        "NaN",
        "Infinity",
        "-Infinity",
        "\"a",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\x80\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\\",
        "1 2",
        "[] []",
        "'a'",
        "[1]//",
        "{\"a\":1}}",
        "\xef\xbb\xbf{}",
        "\"\\\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (is_accepted(bad[i])) fail_msg("accepted: %s", bad[i]);
    }
    static const char *const good[] = {
        "0",
        "-0",
        "1.5",
        "1E5",
        "-1e-05",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        " [ ] ",
        "[[],[{}]]",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\\u0000\\/\"}",
        "\"\\ud83d\\ude00\"",
        "\"\x7f\xf4\x8f\xbf\xbf\"",
        "[\"sixteen bytes or more of plain text\",\"and then \\n an escape\"]",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!is_accepted(good[i])) fail_msg("refused: %s", good[i]);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '[', sizeof text);
    weir_arena arena = {0};
    weir_json json;
    weir_json_init(&json, text, sizeof text, &arena);
    assert_false(weir_json_skip(&json));
    memset(text + 64, ']', 64);
    weir_json_init(&json, text, 128, &arena);
    assert_true(weir_json_skip(&json));
    weir_arena_deinit(&arena);
}

static void integers_keep_all_their_bits(void **state)
{
    (void)state;
    weir_arena arena = {0};
    weir_json json =
        reader_of("[9007199254740993,-9223372036854775808,9223372036854775807]", &arena);
    (void)weir_json_next(&json);
    int64_t values[3];
    for (int i = 0; i < 3; i++)
        assert_true(weir_json_int64(&json, &values[i]));
    assert_true(values[0] == 9007199254740993 && values[1] == INT64_MIN && values[2] == INT64_MAX);
    static const char *const bad[] = {"9223372036854775808", "-9223372036854775809", "1.0", "1e3",
                                      "\"1\""};
    for (int i = 0; i < 5; i++) {
        json = reader_of(bad[i], &arena);
        assert_false(weir_json_int64(&json, values));
    }
    weir_arena_deinit(&arena);
}

static void errors_name_line_and_column(void **state)
{
    (void)state;
    weir_arena arena = {0};
    weir_json json = reader_of("{\"a\": 1,\n  \"b\": [1, x]}", &arena);
    assert_false(weir_json_skip(&json));
    assert_int_equal(weir_json_next(&json), WEIR_JSON_ERROR);
    weir_error *error = weir_json_error(&json, WEIR_E_DATA, "tx.json");
    assert_string_equal(weir_error_message(error), "tx.json:2:12: expected a value");
    weir_error_free(error);
    weir_arena_deinit(&arena);
}

static void nonfinite_words_only_where_allowed(void **state)
{
    (void)state;
    weir_arena arena = {0};
    weir_json json = reader_of("[NaN, -Infinity, 1e999]", &arena);
    json.allow_nonfinite = true;
    (void)weir_json_next(&json);
    double value = 0;
    assert_true(weir_json_double(&json, &value) && value != value);
    assert_true(weir_json_double(&json, &value) && value == -__builtin_inf());
    assert_true(weir_json_double(&json, &value) && value == __builtin_inf());
    weir_arena_deinit(&arena);
}

static void write_sample(weir_json_writer *writer)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "a");
    weir_json_write_begin(writer, '[');
    weir_json_write_int(writer, INT64_MIN);
    weir_json_write_bool(writer, true);
    weir_json_write_null(writer);
    weir_json_write_end(writer, ']');
    weir_json_write_key(writer, "b");
    weir_json_write_string(writer, "q\"\\\n\x01\xc3\xa9", 7);
    weir_json_write_key(writer, "c");
    weir_json_write_begin(writer, '{');
    weir_json_write_end(writer, '}');
    weir_json_write_end(writer, '}');
}

static void writer_puts_commas_and_escapes(void **state)
{
    (void)state;
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out};
    write_sample(&writer);
    weir_buffer_put_u8(&out, 0);
    assert_string_equal((char *)out.data, "{\"a\":[-9223372036854775808,true,null],"
                                          "\"b\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\",\"c\":{}}");
    weir_buffer_clear(&out);
    writer = (weir_json_writer){.out = &out, .pretty = true};
    write_sample(&writer);
    weir_buffer_put_u8(&out, 0);
    assert_string_equal((char *)out.data,
                        "{\n  \"a\": [\n    -9223372036854775808,\n    true,\n    null\n  ],\n"
                        "  \"b\": \"q\\\"\\\\\\n\\u0001\xc3\xa9\",\n  \"c\": {}\n}");
    weir_buffer_deinit(&out);
}

/* ---- the short ways are the long way, or nothing ---- */

static weir_json inside_object(const char *text, weir_arena *arena)
{
    weir_json json;
    weir_json_init(&json, text, strlen(text), arena);
    assert_true(weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN));
    return json;
}

static void assert_same_place(const weir_json *a, const weir_json *b)
{
    assert_ptr_equal(a->next, b->next);
    assert_ptr_equal(a->token, b->token);
    assert_int_equal(a->after_key, b->after_key);
    assert_int_equal(a->after_value, b->after_value);
    assert_true(a->text.data == b->text.data && a->text.size == b->text.size);
}

/* scalar: the kind of token that the short way takes, or WEIR_JSON_ERROR where it takes none. */
static void check_short_ways(const char *text, bool has_key, weir_json_token scalar)
{
    weir_arena arena = {0};
    weir_json fast = inside_object(text, &arena), plain = fast, before = fast;
    assert_int_equal(weir_json_take_key(&fast, "\"ab\":", 5), has_key);
    if (!has_key) {
        assert_same_place(&fast, &before);
        weir_arena_deinit(&arena);
        return;
    }
    assert_true(weir_json_next_key(&plain));
    assert_same_place(&fast, &plain);
    weir_json_scalar seen;
    bool is_seen = weir_json_peek_scalar(&fast, &seen);
    assert_same_place(&fast, &plain); /* it only looks */
    assert_int_equal(is_seen, scalar != WEIR_JSON_ERROR);
    if (is_seen) {
        assert_int_equal(seen.kind, scalar);
        weir_json_take_scalar(&fast, &seen);
        assert_int_equal(weir_json_next(&plain), scalar);
        /* Behind true and false the long way leaves what text there was before. */
        if (scalar == WEIR_JSON_TRUE || scalar == WEIR_JSON_FALSE) plain.text = fast.text;
        assert_same_place(&fast, &plain);
    }
    weir_arena_deinit(&arena);
}

static void short_ways_take_what_the_long_way_takes_or_nothing(void **state)
{
    (void)state;
    const weir_json_token none = WEIR_JSON_ERROR;
    check_short_ways("{\"ab\":\"x y\"}", true, WEIR_JSON_STRING);
    check_short_ways("{ \"ab\": \"\" }", true, WEIR_JSON_STRING);
    check_short_ways("{\"ab\":\"a long text of more than sixteen bytes\",\"c\":1}", true,
                     WEIR_JSON_STRING);
    check_short_ways("{\"ab\":\"with \\n an escape\"}", true, none);
    check_short_ways("{\"ab\":\"\xc3\xa9\"}", true, none);
    check_short_ways("{\"ab\":\"a\tb\"}", true, none);
    check_short_ways("{\"ab\":\"no end", true, none);
    check_short_ways("{\"ab\":12}", true, WEIR_JSON_NUMBER);
    check_short_ways("{\"ab\": -7 }", true, WEIR_JSON_NUMBER);
    check_short_ways("{\"ab\":0,\"c\":1}", true, WEIR_JSON_NUMBER);
    check_short_ways("{\"ab\":12345678901234567890123}", true, WEIR_JSON_NUMBER);
    check_short_ways("{\"ab\":-12345678.12345678e-10}", true, WEIR_JSON_NUMBER);
    check_short_ways("{\"ab\":true}", true, WEIR_JSON_TRUE);
    check_short_ways("{\"ab\": false ,", true, WEIR_JSON_FALSE);
    const char *const refused[] = {
        "012", "1.",   "1.e3", ".5",  "1e",   "1e+",   "-",
        "12x", "1_0",  "+1",   "tru", "True", "truer", "fals",
        "nul", "null", "[1]",  "{}",  "",     " ",     "1234567812345678/",
        "}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"ab\":%s}", refused[i]);
        check_short_ways(text, true, none);
    }
    check_short_ways("{\"ab\":", true, none);
    check_short_ways("{\"ab\" :1}", false, none);
    check_short_ways("{\"a\":1}", false, none);
    check_short_ways("{\"ac\":1}", false, none);
    check_short_ways("{,\"ab\":1}", false, none);
    check_short_ways("{}", false, none);
}

/* Any name, whatever words it is compared by, and one that differs in any one byte. */
static void a_key_is_taken_by_all_of_its_bytes(void **state)
{
    (void)state;
    weir_arena arena = {0};
    for (size_t size = 1; size <= 40; size++) {
        char name[64], text[80], token[64];
        for (size_t i = 0; i < size; i++)
            name[i] = (char)('a' + i % 26);
        name[size] = '\0';
        int token_size = snprintf(token, sizeof token, "\"%s\":", name);
        (void)snprintf(text, sizeof text, "{\"%s\":1}", name);
        weir_json json = inside_object(text, &arena);
        assert_true(weir_json_take_key(&json, token, (size_t)token_size));
        for (size_t i = 0; i < size; i++) {
            text[2 + i] ^= 1;
            json = inside_object(text, &arena);
            assert_false(weir_json_take_key(&json, token, (size_t)token_size));
            text[2 + i] ^= 1;
        }
    }
    weir_arena_deinit(&arena);
}

/* Seeded bytes about the digits: eight at a time says what one at a time says. */
static void digits_are_the_same_eight_at_a_time(void **state)
{
    (void)state;
    static const char near[] =
        "0123456789012345678901234567890123456789/:;.-+e \x00\x2f\x3a\xb0\xb9\xff";
    uint64_t seed = 23;
    size_t eights = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t text[20];
        size_t size = 0;
        for (; size < sizeof text; size++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[size] = (uint8_t)near[(seed >> 33) % (round % 2 ? 40 : sizeof near - 1)];
            if (seed >> 60 == 0) break;
        }
        uint64_t want = 0, got = 0, eight = 0;
        const uint8_t *at = text, *end = text + size;
        while (at < end && *at >= '0' && *at <= '9' && at - text < 19)
            want = want * 10 + (*at++ - '0');
        const uint8_t *stop = weir_digits_take(text, end, &got);
        if (stop - text <= 19) assert_true(stop == at && got == want);
        if (size < 8) continue;
        assert_int_equal(weir_digits_eight(text, &eight), at - text >= 8);
        eights += at - text >= 8;
    }
    assert_true(eights > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_in_order),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(integers_keep_all_their_bits),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(nonfinite_words_only_where_allowed),
        cmocka_unit_test(writer_puts_commas_and_escapes),
        cmocka_unit_test(short_ways_take_what_the_long_way_takes_or_nothing),
        cmocka_unit_test(a_key_is_taken_by_all_of_its_bytes),
        cmocka_unit_test(digits_are_the_same_eight_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
