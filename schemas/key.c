/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/key.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "schemas/json_value.h"

uint32_t weir_murmur2(const void *bytes, size_t size)
{
    const uint32_t multiplier = 0x5bd1e995;
    const uint8_t *at = bytes;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)size;
    for (; size >= 4; at += 4, size -= 4) {
        uint32_t word;
        memcpy(&word, at, 4);
        word *= multiplier;
        word ^= word >> 24;
        hash = hash * multiplier ^ word * multiplier;
    }
    if (size >= 3) hash ^= (uint32_t)at[2] << 16;
    if (size >= 2) hash ^= (uint32_t)at[1] << 8;
    if (size >= 1) hash = (hash ^ at[0]) * multiplier;
    hash ^= hash >> 13;
    hash *= multiplier;
    return hash ^ hash >> 15;
}

uint32_t weir_key_partition(weir_bytes key, uint32_t partition_count)
{
    WEIR_ASSERT(partition_count > 0);
    return (weir_murmur2(key.data, key.size) & 0x7fffffff) % partition_count;
}

static bool is_text_kind(weir_kind kind) { return kind == WEIR_STRING || kind == WEIR_BYTES; }

static bool is_nested_kind(weir_kind kind) { return kind > WEIR_DURATION; }

static weir_bytes field_text(weir_type type, const weir_value *value, char *scratch)
{
    WEIR_ASSERT(!is_nested_kind(type.kind) && type.kind != WEIR_NULL);
    if (is_text_kind(type.kind)) return (weir_bytes){value->as.bytes, value->size};
    if (type.kind == WEIR_ENUM) {
        WEIR_ASSERT((uint64_t)value->as.integer < type.symbols->symbol_count);
        const char *symbol = type.symbols->symbols[value->as.integer];
        return (weir_bytes){(const uint8_t *)symbol, strlen(symbol)};
    }
    return (weir_bytes){(const uint8_t *)scratch, weir_scalar_print(type, value, scratch)};
}

static void put_field(weir_buffer *out, weir_bytes text, bool with_length)
{
    if (with_length) weir_buffer_put_varint(out, text.size);
    weir_buffer_put(out, text.data, text.size);
}

bool weir_key_encode(const weir_type *types, const weir_value *values, size_t count,
                     weir_buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_is_null(&values[i])) return false;
    }
    if (count == 1 && is_text_kind(types[0].kind)) { /* nearly every key */
        weir_buffer_put(out, values[0].as.bytes, values[0].size);
        return true;
    }
    char scratch[WEIR_SCALAR_TEXT_MAX];
    for (size_t i = 0; i < count; i++) {
        if (is_nested_kind(types[i].kind)) { /* no entity has such a key; hash() takes them */
            weir_buffer text = {0};
            weir_text_write_value(&text, types[i], &values[i]);
            put_field(out, (weir_bytes){text.data, text.size}, count > 1);
            weir_buffer_deinit(&text);
        } else {
            put_field(out, field_text(types[i], &values[i], scratch), count > 1);
        }
    }
    return true;
}

static weir_error *bad_key(weir_type type)
{
    weir_arena arena = {0};
    weir_error *error =
        weir_error_new(WEIR_E_DATA, "the key is not a %s in the form that weir writes",
                       weir_type_print(type, &arena));
    weir_arena_deinit(&arena);
    return error;
}

static weir_error *decode_field(weir_type type, weir_bytes text, weir_value *out)
{
    type.optional = false; /* a key field that is null has no key */
    if (is_text_kind(type.kind)) {
        if (type.kind == WEIR_STRING && !weir_utf8_is_valid(text.data, text.size))
            return bad_key(type);
        *out = (weir_value){.kind = type.kind, .size = (uint32_t)text.size, .as.bytes = text.data};
        return NULL;
    }
    if (is_nested_kind(type.kind)) return bad_key(type);
    bool bad_number = false;
    const char *problem = NULL;
    const char *chars = (const char *)text.data;
    if (!weir_text_read_value(chars, text.size, type, WEIR_UNIT_US, NULL, out, &bad_number,
                              &problem))
        return bad_key(type);
    char scratch[WEIR_SCALAR_TEXT_MAX];
    weir_bytes again = field_text(type, out, scratch);
    if (again.size != text.size || memcmp(again.data, text.data, text.size) != 0)
        return bad_key(type);
    return NULL;
}

weir_error *weir_key_decode(const weir_type *types, size_t count, weir_bytes key,
                            weir_value *values_out)
{
    if (key.size > UINT32_MAX) return bad_key(types[0]);
    if (count == 1) return decode_field(types[0], key, values_out);
    weir_reader reader = weir_reader_of(key.data, key.size);
    for (size_t i = 0; i < count; i++) {
        weir_bytes text = weir_reader_string(&reader);
        if (reader.bad) return bad_key(types[i]);
        WEIR_TRY(decode_field(types[i], text, &values_out[i]));
    }
    return weir_reader_left(&reader) == 0 ? NULL : bad_key(types[count - 1]);
}
