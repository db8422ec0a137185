/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"
#include "ops/runtime/utf8.h"

static void arena_memory_is_aligned_and_survives_growth(void **state)
{
    (void)state;
    weir_arena arena = {0};
    char *first = weir_arena_string(&arena, "first", 5);
    for (int i = 0; i < 1000; i++) {
        char *memory = weir_arena_alloc(&arena, 100);
        assert_int_equal((uintptr_t)memory % 16, 0);
        memset(memory, i, 100);
    }
    assert_string_equal(first, "first");
    weir_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    weir_arena_deinit(&arena);
}

static void error_carries_code_and_context(void **state)
{
    (void)state;
    weir_error *error = weir_error_new(WEIR_E_SCHEMA, "field %s is missing", "amount");
    error = weir_error_while(error, "reading %s", "tx.avsc");
    assert_string_equal(weir_error_message(error), "reading tx.avsc: field amount is missing");
    assert_int_equal(weir_error_exit_code(error), 65);
    assert_string_equal(weir_error_name(weir_error_code_of(error)), "E0004");
    weir_error_free(error);
}

static void a_message_is_text_whatever_it_quotes(void **state)
{
    (void)state;
    weir_error *error = weir_error_new(WEIR_E_DATA, "`%s` is no time", "\x1b[31m\xff\xc3\xa9\xc3");
    error = weir_error_while(error, "line 1\tof\r %s", "\xe2\x82");
    assert_string_equal(weir_error_message(error), "line 1\tof? ??: `?[31m?\xc3\xa9?` is no time");
    weir_error_free(error);
    char long_text[20000];
    memset(long_text, 'a', sizeof long_text);
    for (size_t i = 0; i + 3 < sizeof long_text; i += 3)
        memcpy(long_text + i, "\xe2\x82\xac", 3);
    long_text[sizeof long_text - 1] = '\0';
    for (int shift = 0; shift < 3; shift++) {
        error = weir_error_new(WEIR_E_DATA, "%.*s%s", shift, "ab", long_text);
        error = weir_error_while(error, "a");
        const char *message = weir_error_message(error);
        assert_true(weir_utf8_is_valid(message, strlen(message)));
        weir_error_free(error);
    }
}

static void reader_turns_bad_past_the_end_and_stays_so(void **state)
{
    (void)state;
    weir_buffer buffer = {0};
    weir_buffer_put_varint(&buffer, 300);
    weir_buffer_put_zigzag(&buffer, INT64_MIN);
    weir_reader reader = weir_reader_of(buffer.data, buffer.size);
    assert_int_equal(weir_reader_varint(&reader), 300);
    assert_true(weir_reader_zigzag(&reader) == INT64_MIN);
    assert_false(reader.bad);
    assert_int_equal(weir_reader_u8(&reader), 0);
    assert_true(reader.bad);
    weir_buffer_deinit(&buffer);
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 1};
    reader = weir_reader_of(endless, sizeof endless);
    (void)weir_reader_varint(&reader);
    assert_true(reader.bad);
}

/* The format, byte by byte. */
static size_t plain_varint(uint64_t value, uint8_t *to)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        to[size++] = (uint8_t)(value | 0x80);
    to[size++] = (uint8_t)value;
    return size;
}

static void check_varint(uint64_t value)
{
    uint8_t want[WEIR_VARINT_BYTES], padded[32];
    size_t size = plain_varint(value, want);
    weir_buffer out = {0};
    weir_buffer_put_varint(&out, value);
    assert_int_equal(out.size, size);
    assert_memory_equal(out.data, want, size);
    weir_buffer_deinit(&out);
    for (size_t behind = 0; behind <= 8; behind++) {
        memset(padded, behind % 2 == 0 ? 0xff : 0, sizeof padded);
        memcpy(padded, want, size);
        weir_reader reader = weir_reader_of(padded, size + behind);
        assert_true(weir_reader_varint(&reader) == value && !reader.bad);
        assert_int_equal(reader.next - padded, size);
    }
    weir_reader cut = weir_reader_of(want, size - 1);
    assert_true(weir_reader_varint(&cut) == 0 && cut.bad);
}

static void varint_by_words_is_the_varint_by_bytes(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        check_varint(power - 1);
        check_varint(power);
        check_varint(power + power / 3);
    }
    check_varint(UINT64_MAX);
}

static void text_is_ascii_iff_no_byte_is_above_127(void **state)
{
    (void)state;
    uint8_t text[40];
    for (size_t size = 0; size <= sizeof text; size++) {
        memset(text, 'a', sizeof text);
        assert_true(weir_is_ascii(text, size));
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = 0x80;
            assert_true(weir_is_ascii(text, size) == (i >= size));
            text[i] = 'a';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_aligned_and_survives_growth),
        cmocka_unit_test(error_carries_code_and_context),
        cmocka_unit_test(a_message_is_text_whatever_it_quotes),
        cmocka_unit_test(reader_turns_bad_past_the_end_and_stays_so),
        cmocka_unit_test(varint_by_words_is_the_varint_by_bytes),
        cmocka_unit_test(text_is_ascii_iff_no_byte_is_above_127),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
