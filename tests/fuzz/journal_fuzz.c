/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal bytes: packs, copies and notices never hurt, and what is accepted as a copy encodes to
 * bytes that decode the same; a pack reads the same from any mark.
 */
#include <stdlib.h>

#include "ingest/journal.h"
#include "ingest/packer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(weir_bytes bytes)
{
    weir_journal_head head;
    weir_buffer out = {0};
    if (!weir_journal_head_decode(bytes, &head)) return;
    weir_journal_head_encode(&head, &out);
    weir_journal_head again;
    if (!weir_journal_head_decode((weir_bytes){out.data, out.size}, &again)) abort();
    bool same = again.hop == head.hop && again.schema_id == head.schema_id &&
                again.point_count == head.point_count && again.stream.size == head.stream.size &&
                again.sender.size == head.sender.size;
    if (!same) abort();
    weir_buffer_deinit(&out);
}

static void check_rest(const weir_journal_head *head, weir_bytes bytes)
{
    weir_journal_copy copy, again;
    weir_buffer out = {0};
    if (!weir_journal_copy_decode(head, bytes, &copy)) return;
    weir_journal_copy_encode(&copy, &out);
    if (!weir_journal_copy_decode(head, (weir_bytes){out.data, out.size}, &again)) abort();
    bool same = again.et_us == copy.et_us &&
                again.source_timestamp_us == copy.source_timestamp_us &&
                again.source_offset == copy.source_offset &&
                again.point_count == copy.point_count && again.body.size == copy.body.size &&
                again.carried.size == copy.carried.size && again.key.size == copy.key.size;
    if (!same) abort();
    weir_buffer_deinit(&out);
}

static void check_packed(const weir_packed *packed)
{
    weir_journal_head head;
    check_head(packed->head);
    if (weir_journal_head_decode(packed->head, &head)) check_rest(&head, packed->rest);
}

/* As it stands, and again from the mark before each copy: a turn may stop anywhere. */
static void check_pack(weir_bytes bytes)
{
    bool bad = false;
    weir_pack_reader reader;
    weir_packed packed, again;
    if (!weir_pack_open(&reader, bytes)) return;
    size_t count = 0;
    weir_pack_mark mark = weir_pack_tell(&reader);
    while (weir_pack_next(&reader, &packed, &bad)) {
        if (++count > bytes.size) abort();
        check_packed(&packed);
        weir_pack_seek(&reader, bytes, mark);
        if (!weir_pack_next(&reader, &again, &bad) || again.rest.data != packed.rest.data ||
            again.head.data != packed.head.data)
            abort();
        mark = weir_pack_tell(&reader);
    }
}

/* Carried values have one form: what is accepted is what would be written. */
static void check_carried(weir_bytes bytes)
{
    static const weir_plan_carried carried[] = {{.type = {.kind = WEIR_FLOAT64}},
                                                {.type = {.kind = WEIR_INT64}},
                                                {.type = {.kind = WEIR_STRING}},
                                                {.type = {.kind = WEIR_DECIMAL, .precision = 18}},
                                                {.type = {.kind = WEIR_BOOL}}};
    enum { COUNT = sizeof carried / sizeof carried[0] };
    static const weir_plan_stream stream = {.carried_count = COUNT, .carried = carried};
    weir_value values[COUNT];
    bool overflow[COUNT];
    weir_arena arena = {0};
    weir_buffer out = {0};
    weir_carried_layout layout = weir_carried_layout_of(&stream, 1, &arena);
    if (weir_carried_decode(&layout, bytes, &arena, values, overflow)) {
        weir_carried_encode(&layout, values, overflow, &out);
        if (out.size != bytes.size || memcmp(out.data, bytes.data, out.size) != 0) abort();
    }
    weir_buffer_deinit(&out);
    weir_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const weir_journal_head first = {.hop = 0},
                                   third = {.hop = 2, .point_count = 2, .points = {0, 1}};
    weir_journal_notice notice;
    weir_bytes bytes = {data, size};
    (void)weir_journal_notice_decode(bytes, &notice);
    check_head(bytes);
    check_rest(&first, bytes);
    check_rest(&third, bytes);
    check_carried(bytes);
    check_pack(bytes);
    return 0;
}
