/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_aligned_and_survives_growth),
        cmocka_unit_test(error_carries_code_and_context),
        cmocka_unit_test(reader_turns_bad_past_the_end_and_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
