/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/thrift.h"

#include "ops/runtime/assert.h"

enum { SKIP_DEPTH_MAX = 32, SHORT_DELTA_MAX = 15 };

void thrift_put_field(weir_buffer *out, int16_t *last, int16_t id, thrift_type type)
{
    WEIR_ASSERT(id > *last && id - *last <= SHORT_DELTA_MAX);
    weir_buffer_put_u8(out, (uint8_t)((id - *last) << 4 | (int)type));
    *last = id;
}

void thrift_put_i32(weir_buffer *out, int16_t *last, int16_t id, int32_t value)
{
    thrift_put_field(out, last, id, THRIFT_I32);
    weir_buffer_put_zigzag(out, value);
}

void thrift_put_i64(weir_buffer *out, int16_t *last, int16_t id, int64_t value)
{
    thrift_put_field(out, last, id, THRIFT_I64);
    weir_buffer_put_zigzag(out, value);
}

void thrift_put_bool(weir_buffer *out, int16_t *last, int16_t id, bool value)
{
    thrift_put_field(out, last, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_put_string_item(weir_buffer *out, const void *data, size_t size)
{
    weir_buffer_put_varint(out, size);
    weir_buffer_put(out, data, size);
}

void thrift_put_binary(weir_buffer *out, int16_t *last, int16_t id, const void *data, size_t size)
{
    thrift_put_field(out, last, id, THRIFT_BINARY);
    thrift_put_string_item(out, data, size);
}

void thrift_put_list(weir_buffer *out, int16_t *last, int16_t id, thrift_type item, size_t count)
{
    thrift_put_field(out, last, id, THRIFT_LIST);
    if (count < 15) {
        weir_buffer_put_u8(out, (uint8_t)(count << 4 | (size_t)item));
    } else {
        weir_buffer_put_u8(out, (uint8_t)(0xf0 | (int)item));
        weir_buffer_put_varint(out, count);
    }
}

void thrift_put_stop(weir_buffer *out) { weir_buffer_put_u8(out, THRIFT_STOP); }

bool thrift_next(weir_reader *in, thrift_field *field)
{
    uint8_t head = weir_reader_u8(in);
    if (in->bad) return false;
    field->type = head & 0x0f;
    if (field->type == THRIFT_STOP) return false;
    if (head >> 4 != 0) {
        int32_t id = field->id + (head >> 4);
        if (id > INT16_MAX) in->bad = true;
        field->id = (int16_t)id;
    } else {
        int64_t id = weir_reader_zigzag(in);
        if (id < INT16_MIN || id > INT16_MAX) in->bad = true;
        field->id = (int16_t)id;
    }
    if (field->type > THRIFT_STRUCT) in->bad = true;
    return !in->bad;
}

static void skip_value(weir_reader *in, uint8_t type, unsigned depth);

static void skip_items(weir_reader *in, uint8_t item, uint64_t count, unsigned depth)
{
    /* An item takes a byte at least (booleans in lists too), so the loop ends with the input. */
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        if (item == THRIFT_TRUE || item == THRIFT_FALSE) {
            (void)weir_reader_u8(in);
        } else {
            skip_value(in, item, depth);
        }
    }
}

static void skip_list(weir_reader *in, unsigned depth)
{
    uint8_t head = weir_reader_u8(in);
    uint64_t count = head >> 4;
    if (count == 15) count = weir_reader_varint(in);
    skip_items(in, head & 0x0f, count, depth);
}

static void skip_map(weir_reader *in, unsigned depth)
{
    uint64_t count = weir_reader_varint(in);
    if (count == 0) return;
    uint8_t types = weir_reader_u8(in);
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        skip_items(in, types >> 4, 1, depth);
        skip_items(in, types & 0x0f, 1, depth);
    }
}

static void skip_value(weir_reader *in, uint8_t type, unsigned depth)
{
    if (depth == SKIP_DEPTH_MAX) {
        in->bad = true;
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: break;
    case THRIFT_I8: (void)weir_reader_u8(in); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: (void)weir_reader_varint(in); break;
    case THRIFT_DOUBLE: (void)weir_reader_take(in, 8); break;
    case THRIFT_BINARY: (void)weir_reader_string(in); break;
    case THRIFT_LIST:
    case THRIFT_SET: skip_list(in, depth + 1); break;
    case THRIFT_MAP: skip_map(in, depth + 1); break;
    case THRIFT_STRUCT: {
        thrift_field field = {0};
        while (thrift_next(in, &field))
            skip_value(in, field.type, depth + 1);
        break;
    }
    default: in->bad = true;
    }
}

void thrift_skip(weir_reader *in, thrift_field field) { skip_value(in, field.type, 0); }

int64_t thrift_int(weir_reader *in, thrift_field field)
{
    if (field.type == THRIFT_I8) return (int8_t)weir_reader_u8(in);
    if (field.type != THRIFT_I16 && field.type != THRIFT_I32 && field.type != THRIFT_I64) {
        in->bad = true;
        return 0;
    }
    return weir_reader_zigzag(in);
}

int32_t thrift_int32(weir_reader *in, thrift_field field)
{
    int64_t value = thrift_int(in, field);
    if (value < INT32_MIN || value > INT32_MAX) in->bad = true;
    return in->bad ? 0 : (int32_t)value;
}

bool thrift_bool(weir_reader *in, thrift_field field)
{
    if (field.type != THRIFT_TRUE && field.type != THRIFT_FALSE) in->bad = true;
    return field.type == THRIFT_TRUE;
}

weir_bytes thrift_binary(weir_reader *in, thrift_field field)
{
    if (field.type != THRIFT_BINARY) in->bad = true;
    return weir_reader_string(in);
}

size_t thrift_list(weir_reader *in, thrift_field field, thrift_type item, size_t item_bytes_min)
{
    uint8_t head = weir_reader_u8(in);
    uint64_t count = head >> 4;
    if (count == 15) count = weir_reader_varint(in);
    bool same = (head & 0x0f) == (uint8_t)item || count == 0;
    if (field.type != THRIFT_LIST || !same) in->bad = true;
    if (count > weir_reader_left(in) / item_bytes_min) in->bad = true;
    return in->bad ? 0 : (size_t)count;
}

void thrift_struct(weir_reader *in, thrift_field field)
{
    if (field.type != THRIFT_STRUCT) in->bad = true;
}
