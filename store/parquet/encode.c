/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunk on its way into pages: choose an encoding, cut pages, encode, hash, compress, checksum,
 * emit.
 *
 * The choice is a trial on values alone (never on compressed sizes, which depend on zstd's
 * version): the costs of a dictionary, of differences and of plain values are estimated in
 * sixteenths of a bit a value, from a sample and, where a dictionary was made, from its real size.
 * zstd's help is guessed at by rules: it codes bytes, so indexes of 3 or 5 to 7 bits are widened to
 * 4 or 8 where their entropy is worth it.
 *
 * Pages hold WEIR_PARQUET_PAGE_ROWS entries, fewer where strings are long; lists are never cut
 * inside a row.
 */
#include <string.h>

#include "ops/runtime/assert.h"
#include "store/parquet/chunk.h"
#include "store/parquet/encoding.h"

enum {
    SAMPLE_VALUES = 4096,
    SAMPLE_BLOCK = 129, /* consecutive values for a trial of differences */
    SAMPLE_BLOCKS = 16,
    PAGE_BYTES = 1 << 20,
    DICTIONARY_ENTRIES_MAX = 1 << 17,
    DICTIONARY_BYTES_MAX = 8 << 20,
    COST = 16, /* of one bit */
};

typedef struct encoding_plan {
    parquet_encoding encoding;
    unsigned index_width; /* dictionary */
} encoding_plan;

static bool is_integer(const parquet_chunk_builder *chunk)
{
    return chunk->store == PARQUET_STORE_I32 || chunk->store == PARQUET_STORE_I64;
}

/* --- Choosing --- */

/* Distinct values of the chunk, judged by every n-th value. */
static uint64_t estimate_distinct(const parquet_chunk_builder *chunk, parquet_encoder *encoder,
                                  unsigned bytes)
{
    size_t count = chunk->value_count;
    size_t step = count / SAMPLE_VALUES + 1, n = 0;
    weir_buffer_clear(&encoder->sample);
    for (size_t i = 0; i < count; i += step, n++)
        weir_buffer_put(&encoder->sample, chunk->values.data + i * bytes, bytes);
    bool made =
        parquet_dictionary_fixed(&encoder->dictionary, encoder->sample.data, n, bytes, (uint32_t)n);
    return made ? parquet_distinct_estimate(&encoder->dictionary, n, count) : count;
}

static uint64_t delta_cost(const parquet_chunk_builder *chunk)
{
    size_t count = chunk->value_count, stride = count / SAMPLE_BLOCKS;
    int64_t block[SAMPLE_BLOCK];
    uint64_t cost = 0, blocks = 0;
    for (size_t start = 0;
         start < count && blocks<SAMPLE_BLOCKS; start += stride> 0 ? stride : 1, blocks++) {
        size_t n = count - start < SAMPLE_BLOCK ? count - start : SAMPLE_BLOCK;
        if (chunk->store == PARQUET_STORE_I64) {
            memcpy(block, chunk->values.data + start * 8, n * 8);
        } else {
            const int32_t *from = (const void *)chunk->values.data;
            for (size_t i = 0; i < n; i++)
                block[i] = from[start + i];
        }
        cost += parquet_delta_cost(block, n);
    }
    return cost / blocks;
}

/* The width that indexes get, and what an index then costs after compression. */
static uint64_t index_cost(const parquet_dictionary *dictionary, size_t count, unsigned *width_out)
{
    unsigned width =
        parquet_bit_width(dictionary->entry_count > 0 ? dictionary->entry_count - 1 : 0);
    *width_out = width;
    if (width > 8 || width == 0) return (uint64_t)width * COST;
    uint64_t entropy = parquet_index_entropy(dictionary, count) + COST / 8;
    bool divides_byte = width == 1 || width == 2 || width == 4 || width == 8;
    unsigned wide = width == 3 ? 4 : 8;
    if (!divides_byte && entropy + COST / 4 < (uint64_t)width * COST) *width_out = wide;
    return entropy < (uint64_t)width * COST ? entropy : (uint64_t)width * COST;
}

static uint32_t entries_limit(size_t count)
{
    size_t limit = count / 2 + 16;
    return (uint32_t)(limit < DICTIONARY_ENTRIES_MAX ? limit : DICTIONARY_ENTRIES_MAX);
}

static encoding_plan choose_integer(const parquet_chunk_builder *chunk, parquet_encoder *encoder,
                                    const parquet_statistics *statistics)
{
    size_t count = chunk->value_count;
    bool is_32 = chunk->store == PARQUET_STORE_I32;
    int64_t least = 0, greatest = 0;
    int32_t small[2] = {0, 0};
    if (is_32) {
        memcpy(&small[0], statistics->least, 4);
        memcpy(&small[1], statistics->greatest, 4);
        least = small[0];
        greatest = small[1];
    } else {
        memcpy(&least, statistics->least, 8);
        memcpy(&greatest, statistics->greatest, 8);
    }
    uint64_t range = (uint64_t)greatest - (uint64_t)least;
    unsigned range_width = parquet_bit_width(range), full = is_32 ? 32 : 64;
    uint64_t delta = delta_cost(chunk);
    /* zstd sees through leading bytes that are the same in all values. */
    uint64_t plain = (uint64_t)COST * (range_width + 6 < full ? range_width + 6 : full);
    encoding_plan best = {PARQUET_PLAIN, 0};
    uint64_t cost = plain;
    if (delta + delta / 16 < cost) {
        best.encoding = PARQUET_DELTA_BINARY_PACKED;
        cost = delta;
    }
    unsigned bytes = is_32 ? 4 : 8;
    uint64_t distinct = estimate_distinct(chunk, encoder, bytes);
    unsigned least_width = parquet_bit_width(
        encoder->dictionary.entry_count > 0 ? encoder->dictionary.entry_count - 1 : 0);
    bool is_direct = range < PARQUET_DIRECT_RANGE_MAX && range < 16 * (uint64_t)count + 256;
    if (distinct > entries_limit(count) || (least_width > 8 && (uint64_t)least_width * COST > cost))
        return best;
    if (is_direct) {
        parquet_dictionary_direct(&encoder->dictionary, chunk->values.data, count, is_32, least,
                                  greatest);
        if (encoder->dictionary.entry_count > entries_limit(count)) return best;
    } else if (!parquet_dictionary_fixed(&encoder->dictionary, chunk->values.data, count, bytes,
                                         entries_limit(count))) {
        return best;
    }
    unsigned width = 0;
    uint64_t entry = (uint64_t)COST * (is_direct ? range_width / 2 + 4 : range_width + 6);
    uint64_t dictionary = index_cost(&encoder->dictionary, count, &width) +
                          entry * encoder->dictionary.entry_count / count;
    if (dictionary <= cost) best = (encoding_plan){PARQUET_RLE_DICTIONARY, width};
    return best;
}

/* Doubles, floats and large decimals: a dictionary if values come back often enough. */
static encoding_plan choose_fixed(const parquet_chunk_builder *chunk, parquet_encoder *encoder)
{
    size_t count = chunk->value_count;
    unsigned bytes = parquet_store_bytes(chunk->store), width = 0;
    encoding_plan plain = {PARQUET_PLAIN, 0};
    if (estimate_distinct(chunk, encoder, bytes) > entries_limit(count)) return plain;
    if (!parquet_dictionary_fixed(&encoder->dictionary, chunk->values.data, count, bytes,
                                  entries_limit(count))) {
        return plain;
    }
    uint64_t full = (uint64_t)COST * 8 * bytes;
    uint64_t cost = index_cost(&encoder->dictionary, count, &width) +
                    full * encoder->dictionary.entry_count / count;
    return cost + full / 8 < full ? (encoding_plan){PARQUET_RLE_DICTIONARY, width} : plain;
}

static encoding_plan choose_text(const parquet_chunk_builder *chunk, parquet_encoder *encoder)
{
    size_t count = chunk->value_count;
    encoding_plan plain = {PARQUET_PLAIN, 0};
    const uint64_t *offsets = (const void *)chunk->values.data;
    if (chunk->heap.data == NULL && chunk->heap.size == 0) return plain; /* all empty */
    if (!parquet_dictionary_bytes(&encoder->dictionary, offsets, chunk->heap.data, count,
                                  entries_limit(count))) {
        return plain;
    }
    uint64_t bytes = 0;
    const uint32_t *entries = (const void *)encoder->dictionary.entries.data;
    for (size_t i = 0; i < encoder->dictionary.entry_count; i++)
        bytes += 4 + parquet_string_at(chunk, entries[i]).size;
    unsigned width = 0;
    uint64_t cost = index_cost(&encoder->dictionary, count, &width) * count / COST / 8 + bytes;
    bool pays = bytes <= DICTIONARY_BYTES_MAX && cost < chunk->heap.size + 2 * count;
    return pays ? (encoding_plan){PARQUET_RLE_DICTIONARY, width} : plain;
}

static encoding_plan choose(const parquet_chunk_builder *chunk, parquet_encoder *encoder,
                            const parquet_statistics *statistics)
{
    if (chunk->value_count == 0 || chunk->store == PARQUET_STORE_U8)
        return (encoding_plan){PARQUET_PLAIN, 0};
    if (chunk->store == PARQUET_STORE_ENUM) {
        int64_t last = (int64_t)chunk->leaf->type.symbols->symbol_count - 1;
        encoding_plan dictionary = {PARQUET_RLE_DICTIONARY, 0};
        parquet_dictionary_direct(&encoder->dictionary, chunk->values.data, chunk->value_count,
                                  true, 0, last);
        (void)index_cost(&encoder->dictionary, chunk->value_count, &dictionary.index_width);
        return dictionary;
    }
    if (chunk->store == PARQUET_STORE_BYTES) return choose_text(chunk, encoder);
    return is_integer(chunk) ? choose_integer(chunk, encoder, statistics)
                             : choose_fixed(chunk, encoder);
}

/* --- Bodies --- */

static void put_plain_text(weir_buffer *out, weir_bytes text)
{
    weir_buffer_put_u32(out, (uint32_t)text.size);
    weir_buffer_put(out, text.data, text.size);
}

static void put_plain_decimals(weir_buffer *out, const uint8_t *from, size_t count, size_t size)
{
    uint8_t *to = weir_buffer_reserve(out, count * size);
    for (size_t i = 0; i < count; i++) {
        weir_int128 value = 0;
        memcpy(&value, from + 16 * i, 16);
        parquet_put_big_endian(value, size, to + i * size);
    }
    out->size += count * size;
}

static void put_plain_bools(weir_buffer *out, const uint8_t *values, size_t count)
{
    uint8_t *to = weir_buffer_reserve(out, (count + 7) / 8);
    memset(to, 0, (count + 7) / 8);
    for (size_t i = 0; i < count; i++)
        to[i / 8] |= (uint8_t)(values[i] << (i % 8));
    out->size += (count + 7) / 8;
}

static void put_plain(const parquet_chunk_builder *chunk, size_t from, size_t to, weir_buffer *out)
{
    unsigned size = parquet_store_bytes(chunk->store);
    switch (chunk->store) {
    case PARQUET_STORE_U8: put_plain_bools(out, chunk->values.data + from, to - from); break;
    case PARQUET_STORE_I128:
        put_plain_decimals(out, chunk->values.data + from * 16, to - from,
                           (size_t)chunk->leaf->type_length);
        break;
    case PARQUET_STORE_BYTES:
        for (size_t i = from; i < to; i++)
            put_plain_text(out, parquet_string_at(chunk, i));
        break;
    default: weir_buffer_put(out, chunk->values.data + from * size, (to - from) * size);
    }
}

static void put_values(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                       encoding_plan plan, size_t from, size_t to, weir_buffer *out)
{
    if (plan.encoding == PARQUET_RLE_DICTIONARY) {
        const uint32_t *indexes = (const void *)encoder->dictionary.indexes.data;
        weir_buffer_put_u8(out, (uint8_t)plan.index_width);
        if (to > from) parquet_hybrid_encode(indexes + from, to - from, plan.index_width, out);
    } else if (plan.encoding == PARQUET_DELTA_BINARY_PACKED) {
        if (chunk->store == PARQUET_STORE_I64) {
            parquet_delta_encode((const int64_t *)(const void *)chunk->values.data + from,
                                 to - from, false, out);
        } else {
            parquet_delta_encode_i32((const int32_t *)(const void *)chunk->values.data + from,
                                     to - from, out);
        }
    } else {
        put_plain(chunk, from, to, out);
    }
}

static void put_dictionary(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                           weir_buffer *out)
{
    const parquet_dictionary *dictionary = &encoder->dictionary;
    if (chunk->store == PARQUET_STORE_BYTES || chunk->store == PARQUET_STORE_ENUM) {
        for (size_t i = 0; i < dictionary->entry_count; i++)
            put_plain_text(out, parquet_text_of(chunk, encoder, true, i));
    } else if (chunk->store == PARQUET_STORE_I128) {
        put_plain_decimals(out, dictionary->entries.data, dictionary->entry_count,
                           (size_t)chunk->leaf->type_length);
    } else {
        weir_buffer_put(out, dictionary->entries.data, dictionary->entries.size);
    }
}

/* A length of four bytes, then the hybrid. */
static void put_levels(const uint8_t *levels, size_t count, unsigned most, weir_buffer *out)
{
    size_t at = out->size;
    weir_buffer_put_u32(out, 0);
    parquet_hybrid_encode_u8(levels, count, parquet_bit_width(most), out);
    uint32_t size = (uint32_t)(out->size - at - 4);
    memcpy(out->data + at, &size, 4);
}

static void put_definitions(const parquet_chunk_builder *chunk, size_t from, size_t to,
                            weir_buffer *out)
{
    unsigned most = chunk->leaf->max_definition;
    if (most == 0) return;
    if (chunk->definitions.size > 0) {
        put_levels(chunk->definitions.data + from, to - from, most, out);
        return;
    }
    uint32_t all = (uint32_t)most; /* one run: a value everywhere */
    size_t at = out->size;
    weir_buffer_put_u32(out, 0);
    weir_buffer_put_varint(out, (uint64_t)(to - from) << 1);
    weir_buffer_put(out, &all, 1);
    uint32_t size = (uint32_t)(out->size - at - 4);
    memcpy(out->data + at, &size, 4);
}

/* --- Pages --- */

static weir_error *emit_page(parquet_encoder *encoder, weir_bytes body, parquet_page_header *header,
                             parquet_chunk_summary *summary)
{
    enum { HEADER_ROOM = 64 };
    header->uncompressed_bytes = (int32_t)body.size;
    parquet_content_page(encoder->content, header, body.data);
    /* Compressed behind room for the header, which is written last and put right before. */
    weir_buffer *page = &encoder->page;
    weir_buffer_clear(page);
    (void)weir_buffer_reserve(page, HEADER_ROOM);
    page->size = HEADER_ROOM;
    if (encoder->compressor != NULL) {
        weir_compressor_zstd(encoder->compressor, body.data, body.size, page);
    } else {
        weir_buffer_put(page, body.data, body.size);
    }
    header->compressed_bytes = (int32_t)(page->size - HEADER_ROOM);
    header->has_crc = true;
    header->crc = weir_crc32(0, page->data + HEADER_ROOM, page->size - HEADER_ROOM);
    weir_buffer_clear(&encoder->sample);
    parquet_page_header_encode(header, &encoder->sample);
    size_t header_bytes = encoder->sample.size;
    WEIR_ASSERT(header_bytes <= HEADER_ROOM);
    uint8_t *start = page->data + HEADER_ROOM - header_bytes;
    memcpy(start, encoder->sample.data, header_bytes);
    summary->uncompressed_bytes += (int64_t)(header_bytes + body.size);
    summary->compressed_bytes += (int64_t)header_bytes + header->compressed_bytes;
    return encoder->emit(encoder->context, start, header_bytes + (size_t)header->compressed_bytes);
}

static weir_bytes body_of(const parquet_encoder *encoder)
{
    return (weir_bytes){encoder->body.data, encoder->body.size};
}

static weir_error *write_dictionary(const parquet_chunk_builder *chunk, parquet_encoder *encoder,
                                    parquet_chunk_summary *summary)
{
    weir_buffer_clear(&encoder->body);
    put_dictionary(chunk, encoder, &encoder->body);
    parquet_page_header header = {
        .type = PARQUET_DICTIONARY_PAGE,
        .value_count = (int32_t)encoder->dictionary.entry_count,
        .encoding = PARQUET_PLAIN,
    };
    WEIR_TRY(emit_page(encoder, body_of(encoder), &header, summary));
    summary->dictionary_bytes = summary->compressed_bytes;
    return NULL;
}

/* Where the page that begins at an entry and a value ends; *value_end_out is the value behind it.
 */
static size_t page_end(const parquet_chunk_builder *chunk, size_t entry, size_t value,
                       size_t *value_end_out)
{
    const uint8_t *definitions = chunk->definitions.data;
    const uint8_t *repetitions = chunk->leaf->max_repetition > 0 ? chunk->repetitions.data : NULL;
    const uint64_t *offsets =
        chunk->store == PARQUET_STORE_BYTES ? (const void *)chunk->values.data : NULL;
    bool has_levels = chunk->definitions.size > 0;
    size_t start = entry, end = chunk->entry_count;
    if (!has_levels && offsets == NULL) {
        end = end - entry < WEIR_PARQUET_PAGE_ROWS ? end : entry + WEIR_PARQUET_PAGE_ROWS;
        *value_end_out = value + (end - entry);
        return end;
    }
    uint64_t bytes_end = offsets != NULL ? offsets[value] + PAGE_BYTES : 0;
    for (; entry < end; entry++) {
        bool may_cut = entry > start && (repetitions == NULL || repetitions[entry] == 0);
        bool is_full = entry - start >= WEIR_PARQUET_PAGE_ROWS ||
                       (offsets != NULL && offsets[value] >= bytes_end);
        if (may_cut && is_full) break;
        value += !has_levels || definitions[entry] == chunk->leaf->max_definition;
    }
    *value_end_out = value;
    return entry;
}

/* Plain fixed values without levels are a page's body as they lie; NULL where they are not that. */
static weir_bytes plain_in_place(const parquet_chunk_builder *chunk, encoding_plan plan,
                                 size_t from, size_t to)
{
    bool is_as_stored = chunk->store != PARQUET_STORE_U8 && chunk->store != PARQUET_STORE_I128 &&
                        chunk->store != PARQUET_STORE_BYTES;
    if (plan.encoding != PARQUET_PLAIN || chunk->leaf->max_definition > 0 || !is_as_stored)
        return (weir_bytes){0};
    unsigned size = parquet_store_bytes(chunk->store);
    return (weir_bytes){chunk->values.data + from * size, (to - from) * size};
}

static weir_error *write_data(const parquet_chunk_builder *chunk, parquet_encoder *encoder,
                              encoding_plan plan, parquet_chunk_summary *summary)
{
    size_t entry = 0, value = 0;
    while (entry < chunk->entry_count) {
        size_t value_end = value;
        size_t end = page_end(chunk, entry, value, &value_end);
        weir_buffer *body = &encoder->body;
        weir_buffer_clear(body);
        weir_bytes in_place = plain_in_place(chunk, plan, value, value_end);
        if (in_place.data == NULL) {
            if (chunk->leaf->max_repetition > 0) {
                put_levels(chunk->repetitions.data + entry, end - entry,
                           chunk->leaf->max_repetition, body);
            }
            put_definitions(chunk, entry, end, body);
            put_values(chunk, encoder, plan, value, value_end, body);
        }
        if (body->size > INT32_MAX / 2) {
            return weir_error_new(WEIR_E_LIMIT,
                                  "column %s: a row is larger than a Parquet page can be",
                                  chunk->leaf->path[0]);
        }
        parquet_page_header header = {
            .type = PARQUET_DATA_PAGE,
            .value_count = (int32_t)(end - entry),
            .encoding = plan.encoding,
            .definition_encoding = PARQUET_RLE,
            .repetition_encoding = PARQUET_RLE,
        };
        WEIR_TRY(emit_page(encoder, in_place.data != NULL ? in_place : body_of(encoder), &header,
                           summary));
        summary->page_count++;
        entry = end;
        value = value_end;
    }
    WEIR_ASSERT(value == chunk->value_count);
    return NULL;
}

weir_error *parquet_chunk_write(parquet_chunk_builder *chunk, parquet_encoder *encoder,
                                parquet_chunk_summary *summary_out)
{
    *summary_out = (parquet_chunk_summary){
        .entry_count = (int64_t)chunk->entry_count,
        .null_count = (int64_t)(chunk->entry_count - chunk->value_count),
    };
    bool is_text = chunk->store == PARQUET_STORE_BYTES || chunk->store == PARQUET_STORE_ENUM;
    parquet_statistics *statistics = &summary_out->statistics;
    /* Integers are chosen by their range; texts are compared once each, in the dictionary if there
     * is one. */
    if (!is_text) parquet_chunk_statistics(chunk, encoder, false, statistics);
    encoding_plan chosen = choose(chunk, encoder, statistics);
    summary_out->encoding = chosen.encoding;
    bool has_dictionary = chosen.encoding == PARQUET_RLE_DICTIONARY;
    if (is_text) parquet_chunk_statistics(chunk, encoder, has_dictionary, statistics);
    if (has_dictionary) WEIR_TRY(write_dictionary(chunk, encoder, summary_out));
    return write_data(chunk, encoder, chosen, summary_out);
}

/* --- Content hash --- */

static void add_numbers(weir_sha256 *sha, char tag, const uint64_t *numbers, size_t count)
{
    weir_sha256_add(sha, &tag, 1);
    weir_sha256_add(sha, numbers, count * sizeof *numbers); /* the host is little-endian */
}

void parquet_content_begin(weir_sha256 *sha, const parquet_element *elements, size_t count)
{
    static const char magic[] = "weir parquet content 1\n";
    weir_sha256_add(sha, magic, sizeof magic - 1);
    weir_buffer bytes = {0};
    for (size_t i = 0; i < count; i++)
        parquet_element_encode(&elements[i], &bytes);
    add_numbers(sha, 'S', (uint64_t[]){bytes.size}, 1);
    weir_sha256_add(sha, bytes.data, bytes.size);
    weir_buffer_deinit(&bytes);
}

void parquet_content_group(weir_sha256 *sha, uint64_t row_count)
{
    add_numbers(sha, 'G', &row_count, 1);
}

void parquet_content_chunk(weir_sha256 *sha, uint32_t leaf, uint64_t entry_count)
{
    add_numbers(sha, 'C', (uint64_t[]){leaf, entry_count}, 2);
}

void parquet_content_page(weir_sha256 *sha, const parquet_page_header *header, const void *body)
{
    uint64_t numbers[] = {(uint64_t)header->type, (uint64_t)header->encoding,
                          (uint64_t)header->value_count, (uint64_t)header->uncompressed_bytes};
    add_numbers(sha, 'P', numbers, 4);
    weir_sha256_add(sha, body, (size_t)header->uncompressed_bytes);
}

void parquet_content_end(weir_sha256 *sha, uint64_t row_count)
{
    add_numbers(sha, 'E', &row_count, 1);
}
