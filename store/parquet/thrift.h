/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thrift.h - the part of Thrift's compact protocol that Parquet's metadata use, bounded.
 *
 * Writing: fields in ascending order, each `thrift_put_*` taking the struct's last field id by
 * pointer. Reading: `thrift_next` walks over a struct's fields; the caller takes the ones it knows
 * with the reader of the field's type and hands the rest to `thrift_skip`, which is bounded in
 * depth. A field of a known id but another type makes the reader bad, as does anything past the
 * end: callers check `in.bad` once at the end.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "ops/runtime/buffer.h"

typedef enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
} thrift_type;

/* --- Writing --- */
void thrift_put_field(weir_buffer *out, int16_t *last, int16_t id, thrift_type type);
void thrift_put_i32(weir_buffer *out, int16_t *last, int16_t id, int32_t value);
void thrift_put_i64(weir_buffer *out, int16_t *last, int16_t id, int64_t value);
void thrift_put_bool(weir_buffer *out, int16_t *last, int16_t id, bool value);
void thrift_put_binary(weir_buffer *out, int16_t *last, int16_t id, const void *data, size_t size);
void thrift_put_list(weir_buffer *out, int16_t *last, int16_t id, thrift_type item, size_t count);
void thrift_put_stop(weir_buffer *out);
/* An element of a list of binary. */
void thrift_put_string_item(weir_buffer *out, const void *data, size_t size);

/* --- Reading --- */
typedef struct thrift_field {
    int16_t id; /* 0 before the first: `thrift_field field = {0};` */
    uint8_t type;
} thrift_field;

/* The next field of the struct that `field` walks over; false at its end or when the reader is bad.
 */
bool thrift_next(weir_reader *in, thrift_field *field);
/* Skips the value of the field. */
void thrift_skip(weir_reader *in, thrift_field field);
int64_t thrift_int(weir_reader *in, thrift_field field);   /* I8 to I64 */
int32_t thrift_int32(weir_reader *in, thrift_field field); /* bad if it does not fit */
bool thrift_bool(weir_reader *in, thrift_field field);
weir_bytes thrift_binary(weir_reader *in, thrift_field field);
/* A list's count; bad unless its items are `item` and `item_bytes_min` bytes each are still there.
 */
size_t thrift_list(weir_reader *in, thrift_field field, thrift_type item, size_t item_bytes_min);
/* Makes the reader bad unless the field is a struct. Its fields follow. */
void thrift_struct(weir_reader *in, thrift_field field);
