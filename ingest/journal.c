/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy, all integers varint unless said otherwise, `z` zigzag:
 *
 *   u8 version · u8 flags (1: has a source timestamp) · string stream · z schema id · u64
 * fingerprint · 8 bytes of the definition's digest · source partition · source offset · z source
 * timestamp (if it has one) · z event time minus source timestamp (or minus 0) · hop · string key ·
 *   point count · { hop · partition · offset · index * 2 + beyond_horizon } · string carried ·
 * rest: body
 *
 * Offsets and partitions are never negative; anything else makes the bytes bad.
 */
#include "ingest/journal.h"

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

enum { FLAG_TIMESTAMP = 1 };

static void put_string(weir_buffer *out, weir_bytes bytes)
{
    weir_buffer_put_varint(out, bytes.size);
    weir_buffer_put(out, bytes.data, bytes.size);
}

static void put_points(weir_buffer *out, const weir_journal_copy *copy)
{
    weir_buffer_put_varint(out, copy->point_count);
    for (uint32_t i = 0; i < copy->point_count; i++) {
        const weir_read_point *point = &copy->points[i];
        weir_buffer_put_varint(out, point->hop);
        weir_buffer_put_varint(out, (uint32_t)point->partition);
        weir_buffer_put_varint(out, (uint64_t)weir_seq_offset(point->seq));
        weir_buffer_put_varint(out,
                               (uint64_t)weir_seq_index(point->seq) * 2 + point->beyond_horizon);
    }
}

void weir_journal_copy_encode(const weir_journal_copy *copy, weir_buffer *out)
{
    WEIR_ASSERT(copy->source_partition >= 0 && copy->source_offset >= 0);
    WEIR_ASSERT(copy->point_count <= copy->hop && copy->hop < WEIR_PLAN_HOPS_MAX);
    bool has_timestamp = copy->source_timestamp_us != INT64_MIN;
    int64_t base = has_timestamp ? copy->source_timestamp_us : 0;
    weir_buffer_put_u8(out, WEIR_JOURNAL_VERSION);
    weir_buffer_put_u8(out, has_timestamp ? FLAG_TIMESTAMP : 0);
    put_string(out, copy->stream);
    weir_buffer_put_zigzag(out, copy->schema_id);
    weir_buffer_put_u64(out, copy->fingerprint);
    weir_buffer_put(out, copy->digest, WEIR_JOURNAL_DIGEST_BYTES);
    weir_buffer_put_varint(out, (uint32_t)copy->source_partition);
    weir_buffer_put_varint(out, (uint64_t)copy->source_offset);
    if (has_timestamp) weir_buffer_put_zigzag(out, base);
    /* Wraps around on purpose, here and when read: any pair of int64 goes through. */
    weir_buffer_put_zigzag(out, (int64_t)((uint64_t)copy->et_us - (uint64_t)base));
    weir_buffer_put_varint(out, copy->hop);
    put_string(out, copy->key);
    put_points(out, copy);
    put_string(out, copy->carried);
    weir_buffer_put(out, copy->body.data, copy->body.size);
}

static uint64_t take_limited(weir_reader *reader, uint64_t max)
{
    uint64_t value = weir_reader_varint(reader);
    if (value > max) reader->bad = true;
    return reader->bad ? 0 : value;
}

#define OFFSET_MAX ((uint64_t)INT64_MAX >> WEIR_SEQ_INDEX_BITS)

static weir_read_point take_point(weir_reader *reader)
{
    weir_read_point point = {.hop = (uint32_t)take_limited(reader, WEIR_PLAN_HOPS_MAX - 1),
                             .partition = (int32_t)take_limited(reader, INT32_MAX)};
    uint64_t offset = take_limited(reader, OFFSET_MAX);
    uint64_t index = take_limited(reader, (UINT64_C(2) << WEIR_SEQ_INDEX_BITS) - 1);
    point.seq = weir_seq_of((int64_t)offset, (uint32_t)(index >> 1));
    point.beyond_horizon = (index & 1) != 0;
    return point;
}

static void take_points(weir_reader *reader, weir_journal_copy *copy)
{
    copy->point_count = (uint32_t)take_limited(reader, copy->hop);
    for (uint32_t i = 0; i < copy->point_count; i++) {
        copy->points[i] = take_point(reader);
        uint32_t least = i == 0 ? 0 : copy->points[i - 1].hop + 1;
        if (copy->points[i].hop < least || copy->points[i].hop >= copy->hop) reader->bad = true;
    }
}

static void take_times(weir_reader *reader, bool has_timestamp, weir_journal_copy *copy)
{
    int64_t base = has_timestamp ? weir_reader_zigzag(reader) : 0;
    copy->source_timestamp_us = has_timestamp ? base : INT64_MIN;
    if (has_timestamp && base == INT64_MIN) reader->bad = true;
    copy->et_us = (int64_t)((uint64_t)base + (uint64_t)weir_reader_zigzag(reader));
}

bool weir_journal_copy_decode(weir_bytes bytes, weir_journal_copy *copy_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    uint8_t version = weir_reader_u8(&reader);
    uint8_t flags = weir_reader_u8(&reader);
    if (reader.bad || version != WEIR_JOURNAL_VERSION || flags > FLAG_TIMESTAMP) return false;
    copy_out->stream = weir_reader_string(&reader);
    int64_t id = weir_reader_zigzag(&reader);
    if (id < INT32_MIN || id > INT32_MAX) reader.bad = true;
    copy_out->schema_id = (int32_t)id;
    copy_out->fingerprint = weir_reader_u64(&reader);
    const uint8_t *digest = weir_reader_take(&reader, WEIR_JOURNAL_DIGEST_BYTES);
    if (digest != NULL) memcpy(copy_out->digest, digest, WEIR_JOURNAL_DIGEST_BYTES);
    copy_out->source_partition = (int32_t)take_limited(&reader, INT32_MAX);
    copy_out->source_offset = (int64_t)take_limited(&reader, OFFSET_MAX);
    take_times(&reader, flags & FLAG_TIMESTAMP, copy_out);
    copy_out->hop = (uint32_t)take_limited(&reader, WEIR_PLAN_HOPS_MAX - 1);
    copy_out->key = weir_reader_string(&reader);
    take_points(&reader, copy_out);
    copy_out->carried = weir_reader_string(&reader);
    copy_out->body = (weir_bytes){reader.next, weir_reader_left(&reader)};
    return !reader.bad;
}

void weir_carried_encode(const weir_plan_stream *stream, uint32_t hop, const weir_value *carried,
                         const bool *overflow, weir_buffer *out)
{
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        if (stream->carried[i].hop >= hop) continue;
        WEIR_DEBUG_ASSERT(!overflow[i] || weir_is_null(&carried[i]));
        weir_buffer_put_u8(out, overflow[i] && !WEIR_PLANTED(OVERFLOW_FLAG_LOST));
        weir_value_encode(weir_type_optional(stream->carried[i].type), &carried[i], out);
    }
}

bool weir_carried_decode(const weir_plan_stream *stream, uint32_t hop, weir_bytes bytes,
                         weir_arena *scratch, weir_value *carried_out, bool *overflow_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        carried_out[i] = weir_null();
        overflow_out[i] = false;
        if (stream->carried[i].hop >= hop) continue;
        uint8_t flag = weir_reader_u8(&reader);
        carried_out[i] =
            weir_value_decode(weir_type_optional(stream->carried[i].type), &reader, scratch);
        if (flag > 1 || (flag == 1 && !weir_is_null(&carried_out[i]))) reader.bad = true;
        overflow_out[i] = flag == 1;
    }
    return !reader.bad && weir_reader_left(&reader) == 0;
}

/* A notice: u8 kind · u8 version · string name · 32 bytes of digest · rest: text. */
void weir_journal_notice_encode(const weir_journal_notice *notice, weir_buffer *out)
{
    WEIR_ASSERT(notice->kind == WEIR_JOURNAL_DEFINITION || notice->kind == WEIR_JOURNAL_MODEL);
    weir_buffer_put_u8(out, notice->kind);
    weir_buffer_put_u8(out, WEIR_JOURNAL_VERSION);
    put_string(out, notice->name);
    weir_buffer_put(out, notice->digest, WEIR_DIGEST_BYTES);
    weir_buffer_put(out, notice->text.data, notice->text.size);
}

bool weir_journal_notice_decode(weir_bytes bytes, weir_journal_notice *notice_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    notice_out->kind = weir_reader_u8(&reader);
    if (notice_out->kind != WEIR_JOURNAL_DEFINITION && notice_out->kind != WEIR_JOURNAL_MODEL)
        return false;
    if (weir_reader_u8(&reader) != WEIR_JOURNAL_VERSION) return false;
    notice_out->name = weir_reader_string(&reader);
    const uint8_t *digest = weir_reader_take(&reader, WEIR_DIGEST_BYTES);
    if (digest != NULL) memcpy(notice_out->digest, digest, WEIR_DIGEST_BYTES);
    notice_out->text = (weir_bytes){reader.next, weir_reader_left(&reader)};
    return !reader.bad;
}
