/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker's smaller parts promise: copies as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/journal.h"

static weir_bytes text(const char *s) { return (weir_bytes){(const uint8_t *)s, strlen(s)}; }

static weir_journal_head sample_head(void)
{
    return (weir_journal_head){.stream = text("tx"),
                               .schema_id = 7,
                               .fingerprint = UINT64_C(0x1122334455667788),
                               .digest = {1, 2, 3, 4, 5, 6, 7, 8},
                               .hop = 3,
                               .point_count = 2,
                               .points = {0, 2},
                               .sender = text("shop")};
}

static weir_journal_copy sample(void)
{
    weir_journal_copy copy = {.source_partition = 3,
                              .source_offset = 123456789,
                              .source_timestamp_us = INT64_C(1772366400000000),
                              .et_us = INT64_C(1772366399999999),
                              .key = text("m-17"),
                              .point_count = 2,
                              .carried = text("xyz"),
                              .body = text("body")};
    copy.points[0] = (weir_read_point){.hop = 0, .partition = 1, .seq = weir_seq_of(9, 4)};
    copy.points[1] = (weir_read_point){
        .hop = 2, .partition = 2, .seq = weir_seq_of(1 << 20, 1048575), .beyond_horizon = true};
    return copy;
}

static void a_head_reads_back_equal(void **state)
{
    (void)state;
    weir_journal_head head = sample_head(), back;
    weir_buffer out = {0};
    weir_journal_head_encode(&head, &out);
    assert_true(weir_journal_head_decode((weir_bytes){out.data, out.size}, &back));
    assert_int_equal(back.stream.size, 2);
    assert_int_equal(back.schema_id, 7);
    assert_true(back.fingerprint == head.fingerprint);
    assert_memory_equal(back.digest, head.digest, sizeof head.digest);
    assert_int_equal(back.hop, 3);
    assert_int_equal(back.point_count, 2);
    assert_int_equal(back.points[1], 2);
    assert_int_equal(back.sender.size, 4);
    assert_memory_equal(back.sender.data, "shop", 4);
    for (size_t size = 0; size < out.size; size++)
        assert_false(weir_journal_head_decode((weir_bytes){out.data, size}, &back));
    size_t visited = out.size - 1 - head.sender.size - 1;
    out.data[visited] = 1 << 3; /* says that the hop it goes to lies behind it */
    assert_false(weir_journal_head_decode((weir_bytes){out.data, out.size}, &back));
    out.data[visited] = 0; /* says that it comes from the source, and from an entity */
    assert_false(weir_journal_head_decode((weir_bytes){out.data, out.size}, &back));
    weir_buffer_deinit(&out);
}

static void a_copy_reads_back_equal(void **state)
{
    (void)state;
    weir_journal_head head = sample_head();
    int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < 36; i++) {
        weir_journal_copy copy = sample(), back;
        copy.source_timestamp_us = times[i / 6];
        copy.et_us = times[i % 6];
        weir_buffer out = {0}, again = {0};
        weir_journal_copy_encode(&copy, &out);
        assert_true(weir_journal_copy_decode(&head, (weir_bytes){out.data, out.size}, &back));
        assert_int_equal(back.source_timestamp_us, copy.source_timestamp_us);
        assert_int_equal(back.et_us, copy.et_us);
        assert_int_equal(back.points[1].hop, 2);
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
    weir_journal_head head = sample_head();
    weir_journal_copy copy = sample(), back;
    weir_buffer out = {0}, again = {0};
    weir_journal_copy_encode(&copy, &out);
    size_t least = out.size - copy.body.size;
    for (size_t size = 0; size < least; size++)
        assert_false(weir_journal_copy_decode(&head, (weir_bytes){out.data, size}, &back));
    for (size_t bit = 0; bit < out.size * 8; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (weir_journal_copy_decode(&head, (weir_bytes){out.data, out.size}, &back)) {
            weir_buffer_clear(&again);
            weir_journal_copy_encode(&back, &again);
        }
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    weir_buffer_deinit(&out);
    weir_buffer_deinit(&again);
}

/* ---- carried values ---- */

enum { CARRIED = 7 };

static const weir_plan_carried carried_plan[CARRIED] = {
    {.hop = 0, .type = {.kind = WEIR_FLOAT64, .optional = true}},
    {.hop = 0, .type = {.kind = WEIR_INT64}},
    {.hop = 2, .type = {.kind = WEIR_FLOAT64}}, /* read later: not carried yet */
    {.hop = 1, .type = {.kind = WEIR_STRING, .optional = true}},
    {.hop = 1, .type = {.kind = WEIR_DECIMAL, .optional = true, .precision = 38, .scale = 2}},
    {.hop = 0, .type = {.kind = WEIR_BOOL}},
    {.hop = 1, .type = {.kind = WEIR_FLOAT64, .optional = true}}};
static const weir_plan_stream carried_stream = {.carried_count = CARRIED, .carried = carried_plan};

static void fill_carried(weir_value *values, bool *overflow)
{
    weir_value all[CARRIED] = {
        weir_float(-1.5), weir_int(INT64_MIN), weir_float(3.0), weir_string("x\0y", 3),
        weir_null(),      weir_bool(true),     weir_null()};
    memcpy(values, all, sizeof all);
    memset(overflow, 0, CARRIED);
    overflow[4] = true;
}

static void carried_values_read_back_equal(void **state)
{
    (void)state;
    weir_value values[CARRIED], back[CARRIED];
    bool overflow[CARRIED], over[CARRIED];
    weir_arena arena = {0};
    weir_buffer out = {0}, again = {0};
    fill_carried(values, overflow);
    weir_carried_layout layout = weir_carried_layout_of(&carried_stream, 2, &arena);
    weir_carried_encode(&layout, values, overflow, &out);
    assert_true(weir_carried_decode(&layout, (weir_bytes){out.data, out.size}, &arena, back, over));
    for (size_t i = 0; i < CARRIED; i++) {
        assert_true(i == 2 ? weir_is_null(&back[i]) : weir_value_equal(&values[i], &back[i]));
        assert_int_equal(over[i], i == 4);
    }
    weir_carried_encode(&layout, back, over, &again);
    assert_int_equal(out.size, again.size);
    assert_memory_equal(out.data, again.data, out.size);
    weir_buffer_deinit(&out);
    weir_buffer_deinit(&again);
    weir_arena_deinit(&arena);
}

/* One form only: what is accepted is what would be written. */
static void damaged_carried_values_are_refused(void **state)
{
    (void)state;
    weir_value values[CARRIED], back[CARRIED];
    bool overflow[CARRIED], over[CARRIED];
    weir_arena arena = {0};
    weir_buffer out = {0}, again = {0};
    fill_carried(values, overflow);
    weir_carried_layout layout = weir_carried_layout_of(&carried_stream, 2, &arena);
    weir_carried_encode(&layout, values, overflow, &out);
    for (size_t size = 0; size < out.size; size++)
        assert_false(
            weir_carried_decode(&layout, (weir_bytes){out.data, size}, &arena, back, over));
    for (size_t bit = 0; bit < out.size * 8; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (weir_carried_decode(&layout, (weir_bytes){out.data, out.size}, &arena, back, over)) {
            weir_buffer_clear(&again);
            weir_carried_encode(&layout, back, over, &again);
            assert_int_equal(out.size, again.size);
            assert_memory_equal(out.data, again.data, out.size);
        }
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    weir_buffer_deinit(&out);
    weir_buffer_deinit(&again);
    weir_arena_deinit(&arena);
}

static void a_notice_reads_back_equal(void **state)
{
    (void)state;
    weir_journal_notice notice = {
        .kind = WEIR_JOURNAL_DEFINITION, .name = text("card"), .text = text("package card")};
    weir_journal_notice back;
    notice.digest[31] = 9;
    notice.fold_digest[31] = 8;
    weir_buffer out = {0};
    weir_journal_notice_encode(&notice, &out);
    assert_true(weir_journal_notice_decode((weir_bytes){out.data, out.size}, &back));
    assert_int_equal(back.digest[31], 9);
    assert_int_equal(back.fold_digest[31], 8);
    assert_int_equal(back.text.size, 12);
    for (size_t size = 0; size < out.size - notice.text.size; size++)
        assert_false(weir_journal_notice_decode((weir_bytes){out.data, size}, &back));
    weir_buffer_deinit(&out);
}

static void only_a_notice_of_definitions_reads_as_one(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        bool is_definition;
    } cases[] = {{WEIR_JOURNAL_DEFINITION, true}, {WEIR_JOURNAL_MODEL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_journal_notice notice = {.kind = cases[i].kind, .name = text("card")}, back;
        weir_buffer out = {0};
        weir_journal_notice_encode(&notice, &out);
        weir_bytes bytes = {out.data, out.size};
        assert_true(weir_journal_notice_decode(bytes, &back));
        assert_int_equal(back.kind, cases[i].kind);
        assert_true(weir_journal_definition_decode(bytes, &back) == cases[i].is_definition);
        out.data[0] = WEIR_JOURNAL_PACK;
        assert_false(weir_journal_definition_decode(bytes, &back));
        weir_buffer_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_reads_back_equal),
        cmocka_unit_test(a_copy_reads_back_equal),
        cmocka_unit_test(damaged_copies_never_hurt),
        cmocka_unit_test(carried_values_read_back_equal),
        cmocka_unit_test(damaged_carried_values_are_refused),
        cmocka_unit_test(a_notice_reads_back_equal),
        cmocka_unit_test(only_a_notice_of_definitions_reads_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
