/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored values as weir's: first the encoding (to integers, doubles or byte strings), then what the
 * type makes of it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "store/parquet/cursor.h"
#include "store/parquet/reader.h"

/* A batch between the two steps; which one is used follows from the physical type. */
typedef union raw {
    int64_t integers[PARQUET_CURSOR_ENTRIES];
    double doubles[PARQUET_CURSOR_ENTRIES];
    weir_bytes bytes[PARQUET_CURSOR_ENTRIES];
} raw;

static weir_error *damaged(const parquet_cursor *cursor, const char *problem)
{
    return parquet_pages_error(&cursor->pages, WEIR_E_CORRUPT, "%s (%s)", problem,
                               parquet_encoding_name(cursor->encoding));
}

static size_t fixed_bytes(const parquet_element *element)
{
    switch (element->physical) {
    case PARQUET_INT32:
    case PARQUET_FLOAT: return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE: return 8;
    case PARQUET_INT96: return 12;
    case PARQUET_FIXED: return (size_t)element->type_length;
    default: return 0;
    }
}

static weir_arena *arena_of(parquet_cursor *cursor)
{
    return &cursor->memory->arenas[cursor->memory->current];
}

/* --- Conversions --- */

static weir_value bad_value(const char *problem)
{
    return (weir_value){.kind = (uint8_t)WEIR_PARQUET_BAD_VALUE,
                        .as.bytes = (const uint8_t *)problem};
}

static weir_value time_value(const parquet_read_leaf *leaf, int64_t stored)
{
    int64_t us = 0;
    if (leaf->scale < 0) {
        if (stored % -leaf->scale != 0)
            return bad_value("a time in nanoseconds that is no whole microsecond");
        us = stored / -leaf->scale;
    } else if (__builtin_mul_overflow(stored, leaf->scale, &us)) {
        return bad_value("a time beyond the range of microseconds");
    }
    return leaf->conversion == PARQUET_AS_TIME ? weir_time(us) : weir_duration(us);
}

static weir_value integer_value(const parquet_read_leaf *leaf, int64_t stored)
{
    switch (leaf->conversion) {
    case PARQUET_AS_BOOL: return weir_bool(stored != 0);
    case PARQUET_AS_UINT32: return weir_int((int64_t)(uint32_t)stored);
    case PARQUET_AS_UINT64: return weir_decimal((weir_int128)(uint64_t)stored);
    case PARQUET_AS_DECIMAL_INT: return weir_decimal(stored);
    case PARQUET_AS_TIME:
    case PARQUET_AS_DURATION: return time_value(leaf, stored);
    default: return weir_int(stored);
    }
}

/* Big-endian two's complement of any length, as long as the number fits 128 bits. */
static weir_value decimal_value(weir_bytes bytes)
{
    uint8_t sign = bytes.size > 0 && bytes.data[0] >= 0x80 ? 0xff : 0;
    weir_uint128 value = sign != 0 ? ~(weir_uint128)0 : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bool is_lost = bytes.size - i > 16 && bytes.data[i] != sign;
        bool flips = bytes.size - i == 16 && (bytes.data[i] ^ sign) >= 0x80;
        if (is_lost || flips) return bad_value("a decimal of more than 128 bits");
        value = value << 8 | bytes.data[i];
    }
    return weir_decimal((weir_int128)value);
}

/* Nanoseconds of the day, then the Julian day, both little-endian. */
static weir_value int96_value(weir_bytes bytes)
{
    enum { JULIAN_EPOCH = 2440588 };
    int64_t nanoseconds = 0, us = 0;
    int32_t day = 0;
    memcpy(&nanoseconds, bytes.data, 8);
    memcpy(&day, bytes.data + 8, 4);
    if (nanoseconds % 1000 != 0)
        return bad_value("a time in nanoseconds that is no whole microsecond");
    if (__builtin_mul_overflow((int64_t)day - JULIAN_EPOCH, INT64_C(86400000000), &us) ||
        __builtin_add_overflow(us, nanoseconds / 1000, &us)) {
        return bad_value("a time beyond the range of microseconds");
    }
    return weir_time(us);
}

static double half_to_double(weir_bytes bytes)
{
    unsigned half = bytes.data[0] | (unsigned)bytes.data[1] << 8;
    unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    double value = 0;
    if (exponent == 31) {
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    } else if (exponent == 0) {
        value = fraction / 16777216.0; /* 2^-24 */
    } else {
        uint64_t bits = (uint64_t)(exponent - 15 + 1023) << 52 | (uint64_t)fraction << 42;
        memcpy(&value, &bits, 8);
    }
    return half >> 15 != 0 ? -value : value;
}

static weir_value uuid_value(weir_bytes bytes, weir_arena *into)
{
    static const char digits[] = "0123456789abcdef";
    char *text = weir_arena_alloc(into, 36), *to = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
        *to++ = digits[bytes.data[i] >> 4];
        *to++ = digits[bytes.data[i] & 15];
    }
    return weir_string(text, 36);
}

static weir_value bytes_value(const parquet_read_leaf *leaf, weir_bytes bytes, weir_arena *into)
{
    switch (leaf->conversion) {
    case PARQUET_AS_DECIMAL_BYTES: return decimal_value(bytes);
    case PARQUET_AS_INT96: return int96_value(bytes);
    case PARQUET_AS_FLOAT16:
        return (weir_value){.kind = WEIR_FLOAT64, .as.float64 = half_to_double(bytes)};
    case PARQUET_AS_UUID: return uuid_value(bytes, into);
    case PARQUET_AS_STRING:
        return weir_utf8_is_valid(bytes.data, bytes.size) ? weir_string(bytes.data, bytes.size)
                                                          : bad_value("text that is not UTF-8");
    default:
        return (weir_value){
            .kind = WEIR_BYTES, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
    }
}

static void convert(const parquet_read_leaf *leaf, const raw *from, weir_value *values,
                    size_t count, weir_arena *into)
{
    switch (leaf->element->physical) {
    case PARQUET_BOOLEAN:
    case PARQUET_INT32:
    case PARQUET_INT64:
        for (size_t i = 0; i < count; i++)
            values[i] = integer_value(leaf, from->integers[i]);
        break;
    case PARQUET_FLOAT:
    case PARQUET_DOUBLE:
        for (size_t i = 0; i < count; i++)
            values[i] = (weir_value){.kind = WEIR_FLOAT64, .as.float64 = from->doubles[i]};
        break;
    default:
        for (size_t i = 0; i < count; i++)
            values[i] = bytes_value(leaf, from->bytes[i], into);
    }
}

/* --- Encodings --- */

/* `count` stored numbers at `data`, `stride` bytes apart, to the raw form. */
static void load_fixed(const parquet_element *element, const uint8_t *data, size_t count, raw *to)
{
    size_t size = fixed_bytes(element);
    for (size_t i = 0; i < count; i++, data += size) {
        int32_t narrow = 0;
        float single = 0;
        switch (element->physical) {
        case PARQUET_INT32:
            memcpy(&narrow, data, 4);
            to->integers[i] = narrow;
            break;
        case PARQUET_INT64: memcpy(&to->integers[i], data, 8); break;
        case PARQUET_FLOAT:
            memcpy(&single, data, 4);
            to->doubles[i] = (double)single;
            break;
        case PARQUET_DOUBLE: memcpy(&to->doubles[i], data, 8); break;
        default: to->bytes[i] = (weir_bytes){data, size};
        }
    }
}

static bool plain_bools(parquet_cursor *cursor, size_t count, raw *to)
{
    for (size_t i = 0; i < count; i++) {
        if (cursor->bool_bit == 8) {
            if (cursor->plain.next == cursor->plain.end) return false;
            cursor->plain.next++;
            cursor->bool_bit = 0;
        }
        to->integers[i] = cursor->plain.next[-1] >> cursor->bool_bit++ & 1;
    }
    return true;
}

static bool plain_texts(parquet_cursor *cursor, size_t count, raw *to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t size = weir_reader_u32(&cursor->plain);
        const uint8_t *data = weir_reader_take(&cursor->plain, size);
        if (data == NULL) return false;
        to->bytes[i] = (weir_bytes){data, size};
    }
    return true;
}

static bool plain_values(parquet_cursor *cursor, size_t count, raw *to)
{
    const parquet_element *element = cursor->leaf->element;
    if (element->physical == PARQUET_BOOLEAN) return plain_bools(cursor, count, to);
    if (element->physical == PARQUET_BYTE_ARRAY) return plain_texts(cursor, count, to);
    const uint8_t *data = weir_reader_take(&cursor->plain, count * fixed_bytes(element));
    if (data != NULL) load_fixed(element, data, count, to);
    return data != NULL;
}

static bool delta_integers(parquet_cursor *cursor, size_t count, raw *to)
{
    if (!parquet_delta_read(&cursor->lengths, to->integers, count)) return false;
    if (cursor->leaf->element->physical == PARQUET_INT32) {
        for (size_t i = 0; i < count; i++)
            to->integers[i] = (int32_t)(uint32_t)(uint64_t)to->integers[i];
    }
    return true;
}

static bool delta_lengths(parquet_cursor *cursor, size_t count, raw *to)
{
    int64_t lengths[PARQUET_CURSOR_ENTRIES];
    if (!parquet_delta_read(&cursor->lengths, lengths, count)) return false;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || lengths[i] > UINT32_MAX) return false;
        const uint8_t *data = weir_reader_take(&cursor->plain, (size_t)lengths[i]);
        if (data == NULL) return false;
        to->bytes[i] = (weir_bytes){data, (size_t)lengths[i]};
    }
    return true;
}

/* A prefix of the text before, and a suffix. Short bytes can stand for long texts: what is built is
 * bounded. */
static bool delta_texts(parquet_cursor *cursor, size_t count, raw *to)
{
    int64_t prefixes[PARQUET_CURSOR_ENTRIES];
    if (!parquet_delta_read(&cursor->prefixes, prefixes, count) ||
        !delta_lengths(cursor, count, to))
        return false;
    for (size_t i = 0; i < count; i++) {
        weir_bytes suffix = to->bytes[i];
        if (prefixes[i] < 0 || (uint64_t)prefixes[i] > cursor->previous.size) return false;
        size_t prefix = (size_t)prefixes[i];
        if (prefix > 0) {
            cursor->built_bytes += prefix + suffix.size;
            if (cursor->built_bytes > 4u * WEIR_PARQUET_PAGE_BYTES_MAX) return false;
            uint8_t *text = weir_arena_alloc(arena_of(cursor), prefix + suffix.size);
            memcpy(text, cursor->previous.data, prefix);
            if (suffix.size > 0) memcpy(text + prefix, suffix.data, suffix.size);
            to->bytes[i] = (weir_bytes){text, prefix + suffix.size};
        }
        cursor->previous = to->bytes[i];
    }
    /* What the next batch's prefixes come from must outlive this batch's arena. */
    if (count > 0) {
        weir_buffer_clear(&cursor->previous_text);
        weir_buffer_put(&cursor->previous_text, cursor->previous.data, cursor->previous.size);
        cursor->previous.data = cursor->previous_text.data;
    }
    return true;
}

/* Byte k of every value stands together: value i is split[i], split[n + i], ... */
static bool split_values(parquet_cursor *cursor, size_t count, raw *to)
{
    const parquet_element *element = cursor->leaf->element;
    size_t size = fixed_bytes(element);
    if (count > cursor->split_count - cursor->split_next) return false;
    uint8_t *joined = weir_arena_alloc(arena_of(cursor), count * size);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < size; k++)
            joined[i * size + k] = cursor->split[k * cursor->split_count + cursor->split_next + i];
    }
    cursor->split_next += count;
    load_fixed(element, joined, count, to);
    return true;
}

static bool rle_bools(parquet_cursor *cursor, size_t count, raw *to)
{
    uint32_t bits[PARQUET_CURSOR_ENTRIES];
    if (!parquet_hybrid_read(&cursor->indexes, bits, count)) return false;
    for (size_t i = 0; i < count; i++)
        to->integers[i] = bits[i];
    return true;
}

static weir_error *dictionary_values(parquet_cursor *cursor, weir_value *values, size_t count)
{
    uint32_t indexes[PARQUET_CURSOR_ENTRIES];
    if (!parquet_hybrid_read(&cursor->indexes, indexes, count))
        return damaged(cursor, "its indexes end too early");
    for (size_t i = 0; i < count; i++) {
        if (indexes[i] >= cursor->dictionary_count)
            return damaged(cursor, "an index is beyond the dictionary");
        values[i] = cursor->dictionary[indexes[i]];
    }
    return NULL;
}

weir_error *parquet_decode_values(parquet_cursor *cursor, weir_value *values, size_t count)
{
    if (count == 0) return NULL;
    raw batch;
    bool ok = false;
    switch (cursor->encoding) {
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY: return dictionary_values(cursor, values, count);
    case PARQUET_PLAIN: ok = plain_values(cursor, count, &batch); break;
    case PARQUET_RLE: ok = rle_bools(cursor, count, &batch); break;
    case PARQUET_DELTA_BINARY_PACKED: ok = delta_integers(cursor, count, &batch); break;
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY: ok = delta_lengths(cursor, count, &batch); break;
    case PARQUET_DELTA_BYTE_ARRAY: ok = delta_texts(cursor, count, &batch); break;
    case PARQUET_BYTE_STREAM_SPLIT: ok = split_values(cursor, count, &batch); break;
    default: WEIR_UNREACHABLE(); /* parquet_decode_begin lets no other through */
    }
    if (!ok) return damaged(cursor, "its values are damaged or end too early");
    if (cursor->encoding == PARQUET_DELTA_BYTE_ARRAY &&
        cursor->leaf->element->physical == PARQUET_FIXED) {
        for (size_t i = 0; i < count; i++) {
            if (batch.bytes[i].size != (size_t)cursor->leaf->element->type_length) {
                return damaged(cursor, "a fixed value has another length");
            }
        }
    }
    convert(cursor->leaf, &batch, values, count, arena_of(cursor));
    return NULL;
}

/* --- Beginnings --- */

static bool suits(int32_t encoding, int32_t physical)
{
    bool is_int = physical == PARQUET_INT32 || physical == PARQUET_INT64;
    switch (encoding) {
    case PARQUET_PLAIN:
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY: return true;
    case PARQUET_RLE: return physical == PARQUET_BOOLEAN;
    case PARQUET_DELTA_BINARY_PACKED: return is_int;
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY: return physical == PARQUET_BYTE_ARRAY;
    case PARQUET_DELTA_BYTE_ARRAY:
        return physical == PARQUET_BYTE_ARRAY || physical == PARQUET_FIXED;
    case PARQUET_BYTE_STREAM_SPLIT:
        return is_int || physical == PARQUET_FLOAT || physical == PARQUET_DOUBLE ||
               physical == PARQUET_FIXED;
    default: return false;
    }
}

static weir_error *begin_indexes(parquet_cursor *cursor, weir_bytes data)
{
    if (cursor->dictionary == NULL) return damaged(cursor, "the column chunk has no dictionary");
    unsigned width = data.size > 0 ? data.data[0] : 0;
    if (width > 32) return damaged(cursor, "indexes of more than 32 bits");
    size_t head = data.size > 0 ? 1 : 0;
    parquet_hybrid_init(&cursor->indexes, (weir_bytes){data.data + head, data.size - head}, width);
    return NULL;
}

/* Deltas first, and `plain` behind them. */
static weir_error *begin_lengths(parquet_cursor *cursor, parquet_delta *delta, weir_bytes *data)
{
    const uint8_t *end = NULL;
    bool ok = parquet_delta_init(delta, *data) && delta->value_count <= cursor->page_left &&
              parquet_delta_end(delta, &end);
    if (!ok) return damaged(cursor, "its lengths are damaged");
    *data = (weir_bytes){end, (size_t)(data->data + data->size - end)};
    return NULL;
}

static weir_error *begin_split(parquet_cursor *cursor, weir_bytes data)
{
    size_t size = fixed_bytes(cursor->leaf->element);
    if (data.size % size != 0) return damaged(cursor, "its bytes are no whole number of values");
    cursor->split = data.data;
    cursor->split_count = data.size / size;
    cursor->split_next = 0;
    return NULL;
}

weir_error *parquet_decode_begin(parquet_cursor *cursor, size_t offset)
{
    weir_bytes data = {cursor->page.data + offset, cursor->page.size - offset};
    if (!suits(cursor->encoding, cursor->leaf->element->physical)) {
        return parquet_pages_error(&cursor->pages, WEIR_E_DATA,
                                   "%s of %s is not supported; write the file with other encodings",
                                   parquet_encoding_name(cursor->encoding),
                                   parquet_physical_name(cursor->leaf->element->physical));
    }
    cursor->plain = weir_reader_of(data.data, data.size);
    cursor->bool_bit = 8;
    cursor->previous = (weir_bytes){0};
    cursor->built_bytes = 0;
    switch (cursor->encoding) {
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_RLE_DICTIONARY: return begin_indexes(cursor, data);
    case PARQUET_RLE: {
        uint32_t size = weir_reader_u32(&cursor->plain);
        const uint8_t *bits = weir_reader_take(&cursor->plain, size);
        /* A page of nulls only may have nothing here at all. */
        parquet_hybrid_init(&cursor->indexes, (weir_bytes){bits, bits == NULL ? 0 : size}, 1);
        return NULL;
    }
    case PARQUET_DELTA_BINARY_PACKED:
        if (data.size == 0) { /* the same */
            cursor->lengths = (parquet_delta){0};
            return NULL;
        }
        return parquet_delta_init(&cursor->lengths, data)
                   ? NULL
                   : damaged(cursor, "its header is damaged");
    case PARQUET_DELTA_BYTE_ARRAY:
        if (data.size == 0) {
            cursor->lengths = cursor->prefixes = (parquet_delta){0};
            return NULL;
        }
        WEIR_TRY(begin_lengths(cursor, &cursor->prefixes, &data)); /* fall through */
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        if (data.size == 0) {
            cursor->lengths = (parquet_delta){0};
            return NULL;
        }
        WEIR_TRY(begin_lengths(cursor, &cursor->lengths, &data));
        cursor->plain = weir_reader_of(data.data, data.size);
        return NULL;
    case PARQUET_BYTE_STREAM_SPLIT: return begin_split(cursor, data);
    default: return NULL;
    }
}

weir_error *parquet_decode_dictionary(parquet_cursor *cursor, const parquet_page_header *header)
{
    cursor->encoding = header->encoding;
    bool is_plain =
        header->encoding == PARQUET_PLAIN || header->encoding == PARQUET_PLAIN_DICTIONARY;
    if (!is_plain || cursor->leaf->element->physical == PARQUET_BOOLEAN) {
        return damaged(cursor, "a dictionary in another encoding than PLAIN");
    }
    if (header->value_count > PARQUET_DICTIONARY_ENTRIES_MAX) {
        return parquet_pages_error(&cursor->pages, WEIR_E_LIMIT,
                                   "a dictionary of %d entries; at most %d are read",
                                   header->value_count, PARQUET_DICTIONARY_ENTRIES_MAX);
    }
    size_t count = (size_t)header->value_count;
    /* An entry takes a byte at least: memory is asked for only as far as bytes are there. */
    if (count > cursor->dictionary_page.size)
        return damaged(cursor, "the dictionary has fewer entries than it says");
    weir_buffer_clear(&cursor->dictionary_values);
    weir_arena_reset(&cursor->dictionary_arena);
    size_t before = cursor->dictionary_values.capacity;
    weir_value *values =
        (void *)weir_buffer_reserve(&cursor->dictionary_values, (count + 1) * sizeof *values);
    cursor->memory->page_bytes += cursor->dictionary_values.capacity - before;
    cursor->plain = weir_reader_of(cursor->dictionary_page.data, cursor->dictionary_page.size);
    for (size_t done = 0; done < count;) {
        raw batch;
        size_t n = count - done < PARQUET_CURSOR_ENTRIES ? count - done : PARQUET_CURSOR_ENTRIES;
        if (!plain_values(cursor, n, &batch)) return damaged(cursor, "the dictionary is damaged");
        convert(cursor->leaf, &batch, values + done, n, &cursor->dictionary_arena);
        done += n;
    }
    cursor->dictionary = values;
    cursor->dictionary_count = (uint32_t)count;
    return NULL;
}
