/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All integers varint unless said otherwise, `z` zigzag:
 *
 *   head: u8 version - string stream - z schema id - u64 fingerprint - 8 bytes of the definition's
 *         digest - hop - visited hops, bit h for hop h - string entity of the last of them
 *   copy: u8 flags (1: has a source timestamp) - i64 source timestamp (if it has one)
 *         - source partition - source offset - z event time minus source timestamp (or minus 0)
 *         - string key - { partition - offset - index * 2 + beyond_horizon } of each visited hop
 *         - string carried - rest: body
 *   carried: two bits a value, four to a byte, low bits first: 0 null, 1 there, 2 null because of
 *         an overflow; then the values that are there, float64 as eight bytes, others canonical
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

static uint64_t take_limited(weir_reader *reader, uint64_t max)
{
    uint64_t value = weir_reader_varint(reader);
    if (__builtin_expect(value > max, 0)) reader->bad = true;
    return reader->bad ? 0 : value;
}

#define OFFSET_MAX ((uint64_t)INT64_MAX >> WEIR_SEQ_INDEX_BITS)

/* ---- heads ---- */

void weir_journal_head_encode(const weir_journal_head *head, weir_buffer *out)
{
    WEIR_ASSERT(head->hop < WEIR_PLAN_HOPS_MAX && head->point_count <= head->hop);
    WEIR_ASSERT((head->sender.size > 0) == (head->point_count > 0));
    uint64_t visited = 0;
    for (uint32_t i = 0; i < head->point_count; i++)
        visited |= UINT64_C(1) << head->points[i];
    weir_buffer_put_u8(out, WEIR_JOURNAL_VERSION);
    put_string(out, head->stream);
    weir_buffer_put_zigzag(out, head->schema_id);
    weir_buffer_put_u64(out, head->fingerprint);
    weir_buffer_put(out, head->digest, WEIR_JOURNAL_DIGEST_BYTES);
    weir_buffer_put_varint(out, head->hop);
    weir_buffer_put_varint(out, visited);
    put_string(out, head->sender);
}

bool weir_journal_head_decode(weir_bytes bytes, weir_journal_head *head_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    if (weir_reader_u8(&reader) != WEIR_JOURNAL_VERSION) return false;
    head_out->stream = weir_reader_string(&reader);
    int64_t id = weir_reader_zigzag(&reader);
    if (id < INT32_MIN || id > INT32_MAX) return false;
    head_out->schema_id = (int32_t)id;
    head_out->fingerprint = weir_reader_u64(&reader);
    const uint8_t *digest = weir_reader_take(&reader, WEIR_JOURNAL_DIGEST_BYTES);
    if (digest == NULL) return false;
    memcpy(head_out->digest, digest, WEIR_JOURNAL_DIGEST_BYTES);
    head_out->hop = (uint32_t)take_limited(&reader, WEIR_PLAN_HOPS_MAX - 1);
    uint64_t visited = take_limited(&reader, (UINT64_C(1) << head_out->hop) - 1);
    head_out->point_count = 0;
    for (uint8_t h = 0; h < head_out->hop; h++)
        if (visited >> h & 1) head_out->points[head_out->point_count++] = h;
    head_out->sender = weir_reader_string(&reader);
    if ((head_out->sender.size > 0) != (visited > 0)) return false;
    return !reader.bad && weir_reader_left(&reader) == 0;
}

/* ---- copies ---- */

/* The most that all but the strings of a copy take. */
enum { FIXED_BYTES_MAX = 1 + (7 + 3 * WEIR_PLAN_HOPS_MAX) * WEIR_VARINT_BYTES };

static uint8_t *put_bytes(uint8_t *to, weir_bytes bytes)
{
    to = weir_varint_put(to, bytes.size);
    if (bytes.size > 0) memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static uint8_t *put_points(uint8_t *to, const weir_journal_copy *copy)
{
    for (uint32_t i = 0; i < copy->point_count; i++) {
        const weir_read_point *point = &copy->points[i];
        to = weir_varint_put(to, (uint32_t)point->partition);
        to = weir_varint_put(to, (uint64_t)weir_seq_offset(point->seq));
        to = weir_varint_put(to, (uint64_t)weir_seq_index(point->seq) * 2 + point->beyond_horizon);
    }
    return to;
}

void weir_journal_copy_encode(const weir_journal_copy *copy, weir_buffer *out)
{
    WEIR_ASSERT(copy->source_partition >= 0 && copy->source_offset >= 0);
    WEIR_ASSERT(copy->point_count <= WEIR_PLAN_HOPS_MAX);
    bool has_timestamp = copy->source_timestamp_us != INT64_MIN;
    int64_t base = has_timestamp ? copy->source_timestamp_us : 0;
    /* Wraps around on purpose, here and when read: any pair of int64 goes through. */
    int64_t difference = (int64_t)((uint64_t)copy->et_us - (uint64_t)base);
    size_t strings = copy->key.size + copy->carried.size + copy->body.size;
    uint8_t *start = weir_buffer_reserve(out, FIXED_BYTES_MAX + strings), *to = start;
    *to++ = has_timestamp ? FLAG_TIMESTAMP : 0;
    if (has_timestamp) {
        memcpy(to, &base, sizeof base);
        to += sizeof base;
    }
    to = weir_varint_put(to, (uint32_t)copy->source_partition);
    to = weir_varint_put(to, (uint64_t)copy->source_offset);
    to = weir_varint_put(to, weir_zigzag(difference));
    to = put_bytes(to, copy->key);
    to = put_points(to, copy);
    to = put_bytes(to, copy->carried);
    if (copy->body.size > 0) memcpy(to, copy->body.data, copy->body.size);
    out->size += (size_t)(to - start) + copy->body.size;
}

static void take_point(weir_reader *reader, weir_read_point *point)
{
    point->partition = (int32_t)take_limited(reader, INT32_MAX);
    uint64_t offset = take_limited(reader, OFFSET_MAX);
    uint64_t index = take_limited(reader, (UINT64_C(2) << WEIR_SEQ_INDEX_BITS) - 1);
    point->seq = weir_seq_of((int64_t)offset, (uint32_t)(index >> 1));
    point->beyond_horizon = (index & 1) != 0;
}

bool weir_journal_copy_decode(const weir_journal_head *head, weir_bytes bytes,
                              weir_journal_copy *copy_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    uint8_t flags = weir_reader_u8(&reader);
    if (flags > FLAG_TIMESTAMP) return false;
    bool has_timestamp = flags == FLAG_TIMESTAMP;
    int64_t base = has_timestamp ? (int64_t)weir_reader_u64(&reader) : 0;
    if (has_timestamp && base == INT64_MIN) return false;
    copy_out->source_timestamp_us = has_timestamp ? base : INT64_MIN;
    copy_out->source_partition = (int32_t)take_limited(&reader, INT32_MAX);
    copy_out->source_offset = (int64_t)take_limited(&reader, OFFSET_MAX);
    copy_out->et_us = (int64_t)((uint64_t)base + (uint64_t)weir_reader_zigzag(&reader));
    copy_out->key = weir_reader_string(&reader);
    copy_out->point_count = head->point_count;
    for (uint32_t i = 0; i < head->point_count; i++) {
        copy_out->points[i].hop = head->points[i];
        take_point(&reader, &copy_out->points[i]);
    }
    copy_out->carried = weir_reader_string(&reader);
    copy_out->body = (weir_bytes){reader.next, weir_reader_left(&reader)};
    return !reader.bad;
}

/* ---- carried values ---- */

enum { CARRIED_NULL = 0, CARRIED_THERE = 1, CARRIED_OVERFLOW = 2, STATES_A_BYTE = 4 };

weir_carried_layout weir_carried_layout_of(const weir_plan_stream *stream, uint32_t hop,
                                           weir_arena *into)
{
    weir_carried_layout layout = {.total_count = stream->carried_count};
    weir_carried_field *fields =
        weir_arena_array(into, weir_carried_field, stream->carried_count + 1);
    for (uint32_t i = 0; i < stream->carried_count; i++)
        if (stream->carried[i].hop < hop)
            fields[layout.count++] = (weir_carried_field){i, stream->carried[i].type};
    layout.fields = fields;
    return layout;
}

static size_t state_bytes(const weir_carried_layout *layout)
{
    return (layout->count + STATES_A_BYTE - 1) / STATES_A_BYTE;
}

/* Most values are float64 or small counts, for which `out` has room at `to`; the rest goes the
 * general way, which leaves `room` bytes free again. */
static inline uint8_t *put_value(const weir_carried_field *field, const weir_value *value,
                                 weir_buffer *out, uint8_t *to, size_t room)
{
    if (value->kind == WEIR_FLOAT64) {
        memcpy(to, &value->as.float64, 8);
        return to + 8;
    }
    if (weir_value_is_small(value)) {
        *to = weir_value_small(value);
        return to + 1;
    }
    out->size = (size_t)(to - out->data);
    weir_value_encode(field->type, value, out);
    return weir_buffer_reserve(out, room);
}

void weir_carried_encode(const weir_carried_layout *layout, const weir_value *carried,
                         const bool *overflow, weir_buffer *out)
{
    size_t at = out->size, room = 8 * (size_t)layout->count;
    uint8_t *to = weir_buffer_reserve(out, state_bytes(layout) + room) + state_bytes(layout);
    unsigned states = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        const weir_carried_field *field = &layout->fields[i];
        const weir_value *value = &carried[field->index];
        unsigned state = CARRIED_THERE;
        if (!weir_is_null(value))
            to = put_value(field, value, out, to, room);
        else
            state = overflow[field->index] && !WEIR_PLANTED(OVERFLOW_FLAG_LOST) ? CARRIED_OVERFLOW
                                                                                : CARRIED_NULL;
        states |= state << 2 * (i % STATES_A_BYTE);
        out->data[at + i / STATES_A_BYTE] = (uint8_t)states;
        if (i % STATES_A_BYTE == STATES_A_BYTE - 1) states = 0;
    }
    out->size = (size_t)(to - out->data);
}

static inline void take_float(weir_reader *reader, weir_value *out)
{
    uint64_t bits = weir_reader_u64(reader);
    out->kind = WEIR_FLOAT64;
    out->as.integer = (int64_t)bits;
    if (!isfinite(out->as.float64) || bits == UINT64_C(1) << 63) reader->bad = true;
}

static inline void take_value(const weir_carried_field *field, weir_reader *reader,
                              weir_arena *scratch, weir_value *out)
{
    if (field->type.kind == WEIR_FLOAT64) {
        take_float(reader, out);
    } else if (!weir_value_take_small(field->type.kind, reader, out)) {
        *out = weir_value_decode(field->type, reader, scratch);
        if (weir_is_null(out)) reader->bad = true; /* it was said to be there */
    }
}

bool weir_carried_decode(const weir_carried_layout *layout, weir_bytes bytes, weir_arena *scratch,
                         weir_value *carried_out, bool *overflow_out)
{
    memset(carried_out, 0, layout->total_count * sizeof *carried_out); /* all null */
    memset(overflow_out, 0, layout->total_count * sizeof *overflow_out);
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    const uint8_t *next = weir_reader_take(&reader, state_bytes(layout));
    unsigned states = 0;
    if (next == NULL) return false;
    for (uint32_t i = 0; i < layout->count; i++, states >>= 2) {
        const weir_carried_field *field = &layout->fields[i];
        if (i % STATES_A_BYTE == 0) states = *next++;
        if ((states & 3) == CARRIED_THERE)
            take_value(field, &reader, scratch, &carried_out[field->index]);
        else if ((states & 3) == CARRIED_OVERFLOW)
            overflow_out[field->index] = true;
        else if ((states & 3) != CARRIED_NULL)
            return false;
    }
    return states == 0 && !reader.bad && weir_reader_left(&reader) == 0;
}
_Static_assert(WEIR_NULL == 0, "nulls are set by memset");

/* ---- notices ---- */

/* A notice: u8 kind · u8 version · string name · 32 bytes of digest · of definitions 32 bytes of the
 * fold's digest · rest: text. */
void weir_journal_notice_encode(const weir_journal_notice *notice, weir_buffer *out)
{
    WEIR_ASSERT(notice->kind == WEIR_JOURNAL_DEFINITION || notice->kind == WEIR_JOURNAL_MODEL);
    weir_buffer_put_u8(out, notice->kind);
    weir_buffer_put_u8(out, WEIR_NOTICE_VERSION);
    put_string(out, notice->name);
    weir_buffer_put(out, notice->digest, WEIR_DIGEST_BYTES);
    if (notice->kind == WEIR_JOURNAL_DEFINITION)
        weir_buffer_put(out, notice->fold_digest, WEIR_DIGEST_BYTES);
    weir_buffer_put(out, notice->text.data, notice->text.size);
}

bool weir_journal_notice_decode(weir_bytes bytes, weir_journal_notice *notice_out)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    notice_out->kind = weir_reader_u8(&reader);
    if (notice_out->kind != WEIR_JOURNAL_DEFINITION && notice_out->kind != WEIR_JOURNAL_MODEL)
        return false;
    if (weir_reader_u8(&reader) != WEIR_NOTICE_VERSION) return false;
    notice_out->name = weir_reader_string(&reader);
    const uint8_t *digest = weir_reader_take(&reader, WEIR_DIGEST_BYTES);
    if (digest != NULL) memcpy(notice_out->digest, digest, WEIR_DIGEST_BYTES);
    memset(notice_out->fold_digest, 0, WEIR_DIGEST_BYTES);
    if (notice_out->kind == WEIR_JOURNAL_DEFINITION) {
        digest = weir_reader_take(&reader, WEIR_DIGEST_BYTES);
        if (digest != NULL) memcpy(notice_out->fold_digest, digest, WEIR_DIGEST_BYTES);
    }
    notice_out->text = (weir_bytes){reader.next, weir_reader_left(&reader)};
    return !reader.bad;
}

void weir_journal_notice_of(const weir_plan *plan, weir_journal_notice *notice_out)
{
    *notice_out =
        (weir_journal_notice){.kind = WEIR_JOURNAL_DEFINITION,
                              .name = {(const uint8_t *)plan->package, strlen(plan->package)},
                              .text = {(const uint8_t *)plan->canonical, strlen(plan->canonical)}};
    memcpy(notice_out->digest, plan->digest, WEIR_DIGEST_BYTES);
    memcpy(notice_out->fold_digest, plan->fold_digest, WEIR_DIGEST_BYTES);
}

bool weir_journal_definition_decode(weir_bytes bytes, weir_journal_notice *notice_out)
{
    return weir_journal_notice_decode(bytes, notice_out) &&
           notice_out->kind == WEIR_JOURNAL_DEFINITION;
}
