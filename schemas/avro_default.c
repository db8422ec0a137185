/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/avro_default.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/double.h"

static const char *encode_integer(const weir_schema_node *node, const weir_json_node *value,
                                  weir_buffer *out)
{
    int64_t integer = 0;
    if (!weir_json_node_int64(value, &integer)) return "a whole number is wanted";
    if (node->kind == WEIR_AVRO_INT && integer != (int32_t)integer)
        return "a number of 32 bits is wanted";
    weir_buffer_put_zigzag(out, integer);
    return NULL;
}

static const char *encode_real(const weir_schema_node *node, const weir_json_node *value,
                               weir_buffer *out)
{
    if (value->kind != WEIR_JSON_NUMBER) return "a number is wanted";
    const char *text = (const char *)value->text.data;
    double real = 0;
    float single = 0;
    bool fits = node->kind == WEIR_AVRO_FLOAT ? weir_float_parse(text, value->text.size, &single)
                                              : weir_double_parse(text, value->text.size, &real);
    if (!fits || !isfinite(real) || !isfinite(single)) return "a number within range is wanted";
    weir_buffer_put(out, node->kind == WEIR_AVRO_FLOAT ? (const void *)&single : &real,
                    node->kind == WEIR_AVRO_FLOAT ? 4 : 8);
    return NULL;
}

static const char *encode_string(const weir_json_node *value, weir_buffer *out)
{
    if (value->kind != WEIR_JSON_STRING) return "a string is wanted";
    if (value->text.size > WEIR_AVRO_STRING_MAX) return "the string is longer than 64 KiB";
    weir_buffer_put_zigzag(out, (int64_t)value->text.size);
    weir_buffer_put(out, value->text.data, value->text.size);
    return NULL;
}

/* Bytes stand in JSON as characters U+0000 to U+00FF, one for each byte. */
static const char *encode_bytes(const weir_schema_node *node, const weir_json_node *value,
                                weir_buffer *out)
{
    if (value->kind != WEIR_JSON_STRING)
        return "a string of characters \\u0000 to \\u00ff is wanted";
    size_t size = 0;
    for (size_t i = 0; i < value->text.size; i++) {
        if (value->text.data[i] > 0xc3)
            return "a string of characters \\u0000 to \\u00ff is wanted";
        size += (value->text.data[i] & 0xc0) != 0x80;
    }
    if (size > WEIR_AVRO_STRING_MAX) return "the bytes are more than 64 KiB";
    if (node->kind == WEIR_AVRO_FIXED && size != node->size)
        return "it does not have the size of the fixed";
    if (node->kind == WEIR_AVRO_BYTES) weir_buffer_put_zigzag(out, (int64_t)size);
    for (size_t i = 0; i < value->text.size; i++) {
        uint8_t byte = value->text.data[i];
        if (byte >= 0xc2) byte = (uint8_t)(byte << 6 | (value->text.data[++i] & 0x3f));
        weir_buffer_put_u8(out, byte);
    }
    return NULL;
}

static const char *encode_symbol(const weir_schema_node *node, const weir_json_node *value,
                                 weir_buffer *out)
{
    for (uint32_t i = 0; i < node->symbols->symbol_count; i++) {
        if (!weir_json_text_is(value, node->symbols->symbols[i])) continue;
        weir_buffer_put_zigzag(out, i);
        return NULL;
    }
    return "one of the enum's symbols is wanted";
}

static const char *encode_items(const weir_schema_node *node, const weir_json_node *value,
                                weir_buffer *out)
{
    bool is_map = node->kind == WEIR_AVRO_MAP;
    if (value->kind != (is_map ? WEIR_JSON_OBJECT_BEGIN : WEIR_JSON_ARRAY_BEGIN))
        return is_map ? "an object is wanted" : "an array is wanted";
    if (value->count > WEIR_AVRO_ITEMS_MAX) return "there are more than 10,000 items";
    if (value->count > 0) weir_buffer_put_zigzag(out, (int64_t)value->count);
    for (const weir_json_node *at = value->first; at != NULL; at = at->next) {
        if (is_map) {
            weir_buffer_put_zigzag(out, (int64_t)at->key.size);
            weir_buffer_put(out, at->key.data, at->key.size);
        }
        const char *problem = weir_avro_encode_default(node->item, at, out);
        if (problem != NULL) return problem;
    }
    weir_buffer_put_u8(out, 0);
    return NULL;
}

static const char *encode_record(const weir_schema_node *node, const weir_json_node *value,
                                 weir_buffer *out)
{
    if (value->kind != WEIR_JSON_OBJECT_BEGIN) return "an object is wanted";
    for (size_t i = 0; i < node->count; i++) {
        const weir_schema_member *member = &node->members[i];
        const weir_json_node *given = weir_json_member(value, member->name);
        if (given == NULL && !member->has_default) return "a field of the record is missing";
        if (given == NULL) {
            weir_buffer_put(out, member->default_bytes.data, member->default_bytes.size);
            continue;
        }
        const char *problem = weir_avro_encode_default(member->node, given, out);
        if (problem != NULL) return problem;
    }
    return NULL;
}

/* Avro 1.11 wants the union's first type, 1.12 any of them. */
static const char *encode_branch(const weir_schema_node *node, const weir_json_node *value,
                                 weir_buffer *out)
{
    size_t start = out->size;
    for (size_t i = 0; i < node->count; i++) {
        out->size = start;
        weir_buffer_put_zigzag(out, (int64_t)i);
        if (weir_avro_encode_default(node->branches[i], value, out) == NULL) return NULL;
    }
    return "it is of none of the union's types";
}

const char *weir_avro_encode_default(const weir_schema_node *node, const weir_json_node *value,
                                     weir_buffer *out)
{
    if (out->size > WEIR_AVRO_MESSAGE_MAX) return "it is larger than 1 MiB";
    switch (node->kind) {
    case WEIR_AVRO_NULL: return value->kind == WEIR_JSON_NULL ? NULL : "null is wanted";
    case WEIR_AVRO_BOOLEAN:
        if (value->kind != WEIR_JSON_TRUE && value->kind != WEIR_JSON_FALSE)
            return "true or false is wanted";
        weir_buffer_put_u8(out, value->kind == WEIR_JSON_TRUE);
        return NULL;
    case WEIR_AVRO_INT:
    case WEIR_AVRO_LONG: return encode_integer(node, value, out);
    case WEIR_AVRO_FLOAT:
    case WEIR_AVRO_DOUBLE: return encode_real(node, value, out);
    case WEIR_AVRO_BYTES:
    case WEIR_AVRO_FIXED: return encode_bytes(node, value, out);
    case WEIR_AVRO_STRING: return encode_string(value, out);
    case WEIR_AVRO_ENUM: return encode_symbol(node, value, out);
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: return encode_items(node, value, out);
    case WEIR_AVRO_RECORD: return encode_record(node, value, out);
    case WEIR_AVRO_UNION: return encode_branch(node, value, out);
    }
    WEIR_UNREACHABLE();
}
