/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/proto.h"

enum { GROUP_BEGIN = 3, GROUP_END = 4 };

static bool take(weir_proto *proto)
{
    weir_reader *reader = &proto->reader;
    proto->number = 0;
    proto->bytes = (weir_bytes){0};
    switch (proto->wire) {
    case WEIR_PROTO_VARINT: proto->number = weir_reader_varint(reader); break;
    case WEIR_PROTO_FIXED64: proto->number = weir_reader_u64(reader); break;
    case WEIR_PROTO_FIXED32: proto->number = weir_reader_u32(reader); break;
    case WEIR_PROTO_BYTES: proto->bytes = weir_reader_string(reader); break;
    default: reader->bad = true; break; /* groups: no writer of ONNX makes them */
    }
    return !reader->bad;
}

bool weir_proto_next(weir_proto *proto)
{
    if (proto->reader.bad || weir_reader_left(&proto->reader) == 0) return false;
    uint64_t tag = weir_reader_varint(&proto->reader);
    if (proto->reader.bad || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        proto->reader.bad = true;
        return false;
    }
    proto->field = (uint32_t)(tag >> 3);
    proto->wire = (unsigned)(tag & 7);
    return take(proto);
}

float weir_proto_float(const weir_proto *proto)
{
    float value = 0;
    uint32_t bits = (uint32_t)proto->number;
    if (proto->wire == WEIR_PROTO_FIXED32) memcpy(&value, &bits, 4);
    return value;
}

bool weir_proto_repeated_int64(const weir_proto *proto, weir_buffer *out)
{
    if (proto->wire == WEIR_PROTO_VARINT) {
        weir_buffer_put_u64(out, proto->number);
        return true;
    }
    if (proto->wire != WEIR_PROTO_BYTES) return true;
    weir_reader reader = weir_reader_of(proto->bytes.data, proto->bytes.size);
    while (!reader.bad && weir_reader_left(&reader) > 0)
        weir_buffer_put_u64(out, weir_reader_varint(&reader));
    return !reader.bad;
}

static bool repeated_fixed(const weir_proto *proto, unsigned wire, size_t size, weir_buffer *out)
{
    if (proto->wire == wire) {
        weir_buffer_put(out, &proto->number, size);
        return true;
    }
    if (proto->wire != WEIR_PROTO_BYTES) return true;
    if (proto->bytes.size % size != 0) return false;
    weir_buffer_put(out, proto->bytes.data, proto->bytes.size);
    return true;
}

bool weir_proto_repeated_fixed32(const weir_proto *proto, weir_buffer *out)
{
    return repeated_fixed(proto, WEIR_PROTO_FIXED32, 4, out);
}

bool weir_proto_repeated_fixed64(const weir_proto *proto, weir_buffer *out)
{
    return repeated_fixed(proto, WEIR_PROTO_FIXED64, 8, out);
}
