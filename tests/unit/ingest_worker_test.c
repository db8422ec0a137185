/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker's smaller parts promise: copies as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/journal.h"

static weir_bytes text(const char *s) { return (weir_bytes){(const uint8_t *)s, strlen(s)}; }

static weir_journal_copy sample(void)
{
    weir_journal_copy copy = {.stream = text("tx"),
                              .schema_id = 7,
                              .fingerprint = UINT64_C(0x1122334455667788),
                              .digest = {1, 2, 3, 4, 5, 6, 7, 8},
                              .source_partition = 3,
                              .source_offset = 123456789,
                              .source_timestamp_us = INT64_C(1772366400000000),
                              .et_us = INT64_C(1772366399999999),
                              .hop = 2,
                              .key = text("m-17"),
                              .point_count = 2,
                              .carried = text("xyz"),
                              .body = text("body")};
    copy.points[0] = (weir_read_point){.hop = 0, .partition = 1, .seq = weir_seq_of(9, 4)};
    copy.points[1] = (weir_read_point){
        .hop = 1, .partition = 2, .seq = weir_seq_of(1 << 20, 1048575), .beyond_horizon = true};
    return copy;
}

static void a_copy_reads_back_equal(void **state)
{
    (void)state;
    int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < 36; i++) {
        weir_journal_copy copy = sample(), back;
        copy.source_timestamp_us = times[i / 6];
        copy.et_us = times[i % 6];
        weir_buffer out = {0}, again = {0};
        weir_journal_copy_encode(&copy, &out);
        assert_true(weir_journal_copy_decode((weir_bytes){out.data, out.size}, &back));
        assert_int_equal(back.source_timestamp_us, copy.source_timestamp_us);
        assert_int_equal(back.et_us, copy.et_us);
        assert_int_equal(back.points[1].seq, copy.points[1].seq);
        assert_true(back.points[1].beyond_horizon);
        weir_journal_copy_encode(&back, &again);
        assert_int_equal(out.size, again.size);
        assert_memory_equal(out.data, again.data, out.size);
        weir_buffer_deinit(&out);
        weir_buffer_deinit(&again);
    }
}

/* Hostile bytes: whatever is cut or flipped, the decoder ends and what it accepts encodes again. */
static void damaged_copies_never_hurt(void **state)
{
    (void)state;
    weir_journal_copy copy = sample(), back;
    weir_buffer out = {0}, again = {0};
    weir_journal_copy_encode(&copy, &out);
    size_t head = out.size - copy.body.size;
    for (size_t size = 0; size < head; size++)
        assert_false(weir_journal_copy_decode((weir_bytes){out.data, size}, &back));
    for (size_t bit = 0; bit < out.size * 8; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (weir_journal_copy_decode((weir_bytes){out.data, out.size}, &back)) {
            weir_buffer_clear(&again);
            weir_journal_copy_encode(&back, &again);
        }
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    weir_buffer_deinit(&out);
    weir_buffer_deinit(&again);
}

static void a_notice_reads_back_equal(void **state)
{
    (void)state;
    weir_journal_notice notice = {
        .kind = WEIR_JOURNAL_DEFINITION, .name = text("card"), .text = text("package card")};
    weir_journal_notice back;
    notice.digest[31] = 9;
    weir_buffer out = {0};
    weir_journal_notice_encode(&notice, &out);
    assert_true(weir_journal_notice_decode((weir_bytes){out.data, out.size}, &back));
    assert_int_equal(back.digest[31], 9);
    assert_int_equal(back.text.size, 12);
    for (size_t size = 0; size < out.size - notice.text.size; size++)
        assert_false(weir_journal_notice_decode((weir_bytes){out.data, size}, &back));
    weir_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_reads_back_equal),
        cmocka_unit_test(damaged_copies_never_hurt),
        cmocka_unit_test(a_notice_reads_back_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
