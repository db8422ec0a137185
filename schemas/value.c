/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical bytes (docs/formats/values.md has them in full). Everything that is a count or an
 * integer is one *number*: a lead byte, 0 for null, 1..239 for the values 0..238, and 240 + k for a
 * value that follows in k + 1 bytes, little-endian, shortest form only. Integers go in as zigzag,
 * strings as their length followed by their bytes. So most counts, and all nulls, are one byte.
 */
#include "schemas/value.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "schemas/decimal.h"

/* -- Order and equality -- */

static int order_bytes(const weir_value *a, const weir_value *b)
{
    size_t common = a->size < b->size ? a->size : b->size;
    int order = common == 0 ? 0 : memcmp(a->as.bytes, b->as.bytes, common);
    if (order != 0) return order < 0 ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

static int order_double(double a, double b) { return (a > b) - (a < b); }
static int order_int(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* Items may be null where the list's type allows it; null comes first. */
static int order_items(weir_type type, const weir_value *a, const weir_value *b)
{
    if (weir_is_null(a) || weir_is_null(b)) return (int)weir_is_null(b) - (int)weir_is_null(a);
    return weir_value_compare(type, a, b);
}

static int order_lists(weir_type type, const weir_value *a, const weir_value *b)
{
    bool is_map = type.kind == WEIR_MAP;
    size_t stride = is_map ? 2 : 1, common = (a->size < b->size ? a->size : b->size) * stride;
    for (size_t i = 0; i < common; i++) {
        weir_type item = is_map && i % 2 == 0 ? *type.key : *type.item;
        int order = order_items(item, &a->as.items[i], &b->as.items[i]);
        if (order != 0) return order;
    }
    return (a->size > b->size) - (a->size < b->size);
}

static int order_vectors(const weir_value *a, const weir_value *b)
{
    size_t common = a->size < b->size ? a->size : b->size;
    for (size_t i = 0; i < common; i++) {
        int order = order_double((double)a->as.vec[i], (double)b->as.vec[i]);
        if (order != 0) return order;
    }
    return (a->size > b->size) - (a->size < b->size);
}

int weir_value_compare(weir_type type, const weir_value *a, const weir_value *b)
{
    WEIR_ASSERT(a->kind == type.kind && b->kind == type.kind);
    switch (type.kind) {
    case WEIR_BOOL: return (int)a->as.boolean - (int)b->as.boolean;
    case WEIR_FLOAT64: return order_double(a->as.float64, b->as.float64);
    case WEIR_DECIMAL: return (a->as.decimal > b->as.decimal) - (a->as.decimal < b->as.decimal);
    case WEIR_STRING:
    case WEIR_BYTES: return order_bytes(a, b);
    case WEIR_GEO: {
        int order = order_double(a->as.geo.latitude, b->as.geo.latitude);
        return order != 0 ? order : order_double(a->as.geo.longitude, b->as.geo.longitude);
    }
    case WEIR_VEC: return order_vectors(a, b);
    case WEIR_LIST:
    case WEIR_MAP: return order_lists(type, a, b);
    default: return order_int(a->as.integer, b->as.integer);
    }
}

static bool items_equal(const weir_value *a, const weir_value *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!weir_value_equal(&a[i], &b[i])) return false;
    }
    return true;
}

bool weir_value_equal(const weir_value *a, const weir_value *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case WEIR_NULL: return true;
    case WEIR_BOOL: return a->as.boolean == b->as.boolean;
    case WEIR_DECIMAL: return a->as.decimal == b->as.decimal;
    case WEIR_STRING:
    case WEIR_BYTES:
        return a->size == b->size &&
               (a->size == 0 || memcmp(a->as.bytes, b->as.bytes, a->size) == 0);
    case WEIR_VEC:
        return a->size == b->size &&
               (a->size == 0 || memcmp(a->as.vec, b->as.vec, 4 * (size_t)a->size) == 0);
    case WEIR_GEO: return memcmp(&a->as.geo, &b->as.geo, sizeof a->as.geo) == 0;
    case WEIR_LIST: return a->size == b->size && items_equal(a->as.items, b->as.items, a->size);
    case WEIR_MAP:
        return a->size == b->size && items_equal(a->as.items, b->as.items, 2 * (size_t)a->size);
    default: return a->as.integer == b->as.integer; /* float64 too: the same 64 bits */
    }
}

static const weir_value *items_copy(const weir_value *items, size_t count, weir_arena *into)
{
    weir_value *copy = weir_arena_alloc(into, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = weir_value_copy(&items[i], into);
    return copy;
}

weir_value weir_value_copy(const weir_value *value, weir_arena *into)
{
    weir_value copy = *value;
    switch (value->kind) {
    case WEIR_STRING:
    case WEIR_BYTES: copy.as.bytes = weir_arena_copy(into, value->as.bytes, value->size); break;
    case WEIR_VEC:
        copy.as.vec = weir_arena_copy(into, value->as.vec, 4 * (size_t)value->size);
        break;
    case WEIR_LIST: copy.as.items = items_copy(value->as.items, value->size, into); break;
    case WEIR_MAP:
        copy.as.items = items_copy(value->as.items, 2 * (size_t)value->size, into);
        break;
    default: break;
    }
    return copy;
}

/* -- Canonical bytes -- */

enum { LEAD_NULL = 0, LEAD_LONG = WEIR_NUMBER_SMALL_COUNT + 1, NUMBER_BYTES_MAX = 17 };

static void put_number(weir_buffer *out, weir_uint128 number)
{
    uint8_t *to = weir_buffer_reserve(out, NUMBER_BYTES_MAX);
    uint64_t high = (uint64_t)(number >> 64), low = (uint64_t)number;
    if (high == 0 && low < WEIR_NUMBER_SMALL_COUNT) {
        to[0] = (uint8_t)(low + 1);
        out->size += 1;
        return;
    }
    unsigned bits =
        high != 0 ? 128 - (unsigned)__builtin_clzll(high) : 64 - (unsigned)__builtin_clzll(low);
    unsigned size = (bits + 7) / 8;
    to[0] = (uint8_t)(LEAD_LONG + size - 1);
    memcpy(to + 1, &number, 16);
    out->size += 1 + size;
}

/* False for null and where the reader turned bad. */
static bool take_number(weir_reader *reader, weir_uint128 *out)
{
    uint8_t lead = weir_reader_u8(reader);
    if (lead == LEAD_NULL) return false;
    if (lead < LEAD_LONG) {
        *out = lead - 1u;
        return true;
    }
    size_t size = lead - LEAD_LONG + 1u;
    const uint8_t *at = weir_reader_take(reader, size);
    if (at == NULL) return false;
    weir_uint128 number = 0;
    memcpy(&number, at, size);
    if (at[size - 1] == 0 || number < WEIR_NUMBER_SMALL_COUNT) {
        reader->bad = true; /* there is a shorter form */
        return false;
    }
    *out = number;
    return true;
}

static weir_uint128 zigzag128(weir_int128 value)
{
    return (weir_uint128)value << 1 ^ (weir_uint128)(value >> 127);
}
static weir_int128 unzigzag128(weir_uint128 value)
{
    return (weir_int128)(value >> 1) ^ -(weir_int128)(value & 1);
}

static void put_doubles(weir_buffer *out, const double *values, size_t count)
{
    weir_buffer_put_u8(out, 1);
    weir_buffer_put(out, values, count * sizeof *values);
}

static void put_items(weir_type type, const weir_value *value, weir_buffer *out)
{
    put_number(out, value->size);
    for (size_t i = 0; i < value->size; i++) {
        if (type.kind == WEIR_MAP) weir_value_encode(*type.key, &value->as.items[2 * i], out);
        weir_value_encode(*type.item, &value->as.items[type.kind == WEIR_MAP ? 2 * i + 1 : i], out);
    }
}

void weir_value_encode(weir_type type, const weir_value *value, weir_buffer *out)
{
    if (weir_is_null(value)) {
        weir_buffer_put_u8(out, LEAD_NULL);
        return;
    }
    WEIR_ASSERT(value->kind == type.kind);
    if (weir_value_is_small(value)) {
        weir_buffer_put_u8(out, weir_value_small(value));
        return;
    }
    switch (type.kind) {
    case WEIR_BOOL: put_number(out, value->as.boolean); break;
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION: put_number(out, weir_zigzag(value->as.integer)); break;
    case WEIR_ENUM: put_number(out, (uint64_t)value->as.integer); break;
    case WEIR_FLOAT64: put_doubles(out, &value->as.float64, 1); break;
    case WEIR_GEO: put_doubles(out, &value->as.geo.latitude, 2); break;
    case WEIR_DECIMAL: put_number(out, zigzag128(value->as.decimal)); break;
    case WEIR_STRING:
    case WEIR_BYTES:
        put_number(out, value->size);
        weir_buffer_put(out, value->as.bytes, value->size);
        break;
    case WEIR_VEC:
        put_number(out, value->size);
        weir_buffer_put(out, value->as.vec, 4 * (size_t)value->size);
        break;
    case WEIR_LIST:
    case WEIR_MAP: put_items(type, value, out); break;
    default: WEIR_UNREACHABLE();
    }
}

static weir_value refuse(weir_reader *reader)
{
    reader->bad = true;
    return weir_null();
}

static weir_value take_double(weir_reader *reader)
{
    double value = 0;
    const uint8_t *at = weir_reader_take(reader, 8);
    if (at != NULL) memcpy(&value, at, 8);
    if (!isfinite(value) || (value == 0 && signbit(value))) return refuse(reader);
    return (weir_value){.kind = WEIR_FLOAT64, .as.float64 = value};
}

static weir_value take_doubles(weir_kind kind, weir_reader *reader)
{
    uint8_t lead = weir_reader_u8(reader);
    if (lead == LEAD_NULL) return weir_null();
    if (lead != 1) return refuse(reader);
    weir_value first = take_double(reader);
    if (kind == WEIR_FLOAT64) return first;
    weir_value second = take_double(reader);
    if (reader->bad) return weir_null();
    return (weir_value){.kind = WEIR_GEO, .as.geo = {first.as.float64, second.as.float64}};
}

static weir_value take_integer(weir_type type, weir_reader *reader)
{
    weir_uint128 number = 0;
    if (!take_number(reader, &number)) return weir_null();
    weir_value value = {.kind = type.kind};
    switch (type.kind) {
    case WEIR_BOOL:
        if (number > 1) return refuse(reader);
        value.as.boolean = number == 1;
        break;
    case WEIR_ENUM:
        if (number >= (type.symbols == NULL ? UINT32_MAX : type.symbols->symbol_count))
            return refuse(reader);
        value.as.integer = (int64_t)number;
        break;
    case WEIR_DECIMAL:
        value.as.decimal = unzigzag128(number);
        if (!weir_decimal_fits(value.as.decimal, type.precision)) return refuse(reader);
        break;
    default:
        if (number > UINT64_MAX) return refuse(reader);
        value.as.integer = weir_unzigzag((uint64_t)number);
        break;
    }
    return value;
}

static bool take_size(weir_reader *reader, size_t unit, uint32_t *out)
{
    weir_uint128 number = 0;
    if (!take_number(reader, &number)) return false;
    if (number > weir_reader_left(reader) / unit || number > UINT32_MAX) {
        reader->bad = true;
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static weir_value take_bytes(weir_type type, weir_reader *reader)
{
    uint32_t size = 0;
    if (!take_size(reader, 1, &size)) return weir_null();
    const uint8_t *bytes = weir_reader_take(reader, size);
    if (bytes == NULL) return weir_null();
    if (type.kind == WEIR_STRING && !weir_utf8_is_valid(bytes, size)) return refuse(reader);
    return (weir_value){.kind = type.kind, .size = size, .as.bytes = bytes};
}

static weir_value take_vector(weir_type type, weir_reader *reader, weir_arena *into)
{
    uint32_t size = 0;
    if (!take_size(reader, 4, &size)) return weir_null();
    if (size != type.length) return refuse(reader);
    float *vec =
        weir_arena_copy(into, weir_reader_take(reader, 4 * (size_t)size), 4 * (size_t)size);
    for (uint32_t i = 0; i < size; i++) {
        if (!isfinite(vec[i]) || (vec[i] == 0 && signbit(vec[i]))) return refuse(reader);
    }
    return (weir_value){.kind = WEIR_VEC, .size = size, .as.vec = vec};
}

/* An item takes one byte at least, which bounds the memory that hostile bytes can ask for. */
static weir_value take_items(weir_type type, weir_reader *reader, weir_arena *into)
{
    uint32_t size = 0;
    bool is_map = type.kind == WEIR_MAP;
    if (!take_size(reader, is_map ? 2 : 1, &size)) return weir_null();
    size_t count = is_map ? 2 * (size_t)size : size;
    weir_value *items = weir_arena_alloc(into, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (reader->bad) return weir_null();
        items[i] = weir_value_decode(is_map && i % 2 == 0 ? *type.key : *type.item, reader, into);
    }
    return (weir_value){.kind = type.kind, .size = size, .as.items = items};
}

weir_value weir_value_decode(weir_type type, weir_reader *reader, weir_arena *into)
{
    weir_value small = weir_null();
    if (weir_value_take_small(type.kind, reader, &small)) return small;
    switch (type.kind) {
    case WEIR_FLOAT64:
    case WEIR_GEO: return take_doubles(type.kind, reader);
    case WEIR_STRING:
    case WEIR_BYTES: return take_bytes(type, reader);
    case WEIR_VEC: return take_vector(type, reader, into);
    case WEIR_LIST:
    case WEIR_MAP: return take_items(type, reader, into);
    default: return take_integer(type, reader);
    }
}
