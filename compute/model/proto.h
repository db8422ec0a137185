/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto.h - a bounded pull reader of Protocol Buffers' wire format.
 *
 * It hands out one field after the other of one message; a nested message is a run of bytes that
 * the caller opens with a reader of its own, so depth is a matter of the caller's code and never of
 * the file. Errors are sticky: a truncated or malformed field ends the message and leaves `bad`
 * set, to be checked once at its end. A field whose wire type is not the expected one is skipped,
 * as an unknown field is.
 *
 * Owns: nothing; everything points into the caller's bytes.
 */
#pragma once

#include "ops/runtime/buffer.h"

enum {
    WEIR_PROTO_VARINT = 0,
    WEIR_PROTO_FIXED64 = 1,
    WEIR_PROTO_BYTES = 2,
    WEIR_PROTO_FIXED32 = 5
};

typedef struct weir_proto {
    weir_reader reader;
    uint32_t field; /* of the current field */
    unsigned wire;
    uint64_t number;  /* varint, fixed64, fixed32: its bits */
    weir_bytes bytes; /* length-delimited: its content      */
} weir_proto;

static inline weir_proto weir_proto_of(weir_bytes message)
{
    return (weir_proto){.reader = weir_reader_of(message.data, message.size)};
}

/* Takes the next field. False at the end of the message, or when it is bad. */
bool weir_proto_next(weir_proto *proto);

static inline bool weir_proto_is_bytes(const weir_proto *proto)
{
    return proto->wire == WEIR_PROTO_BYTES;
}
static inline bool weir_proto_is_varint(const weir_proto *proto)
{
    return proto->wire == WEIR_PROTO_VARINT;
}

/* A float field; 0 where the wire type is another. */
float weir_proto_float(const weir_proto *proto);

/* Appends a repeated field's value or packed values (4 bytes for fixed32, else 8) to `out`. */
bool weir_proto_repeated_int64(const weir_proto *proto, weir_buffer *out); /* varints to int64 */
bool weir_proto_repeated_fixed32(const weir_proto *proto, weir_buffer *out);
bool weir_proto_repeated_fixed64(const weir_proto *proto, weir_buffer *out);
