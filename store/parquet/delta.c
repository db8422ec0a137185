/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delta binary packed: varints block size, miniblocks a block, count; the first value, zigzag. Then
 * blocks: the least difference, zigzag; a byte of width a miniblock; the miniblocks, each
 * difference less the least. Ours: blocks of 128 in four miniblocks. All arithmetic wraps, so any
 * int64 follows any other.
 */
#include "ops/runtime/assert.h"
#include "store/parquet/encoding.h"

enum { BLOCK = 128, MINIBLOCK = 32, MINIBLOCKS = BLOCK / MINIBLOCK };

static void pack_wide(const uint64_t *values, size_t count, unsigned width, weir_buffer *out)
{
    size_t size = count * width / 8;
    uint8_t *to = weir_buffer_reserve(out, size + 16);
    memset(to, 0, size + 16);
    uint64_t bit = 0;
    for (size_t i = 0; i < count; i++, bit += width) {
        uint8_t *at = to + (bit >> 3);
        uint64_t low = 0;
        memcpy(&low, at, 8);
        low |= values[i] << (bit & 7);
        memcpy(at, &low, 8);
        if ((bit & 7) + width > 64) at[8] = (uint8_t)(values[i] >> (64 - (bit & 7)));
    }
    out->size += size;
}

static void put_miniblock(const uint64_t *values, unsigned width, weir_buffer *out)
{
    if (width == 0) return;
    if (width > 32) {
        pack_wide(values, MINIBLOCK, width, out);
        return;
    }
    uint32_t narrow[MINIBLOCK];
    for (size_t i = 0; i < MINIBLOCK; i++)
        narrow[i] = (uint32_t)values[i];
    parquet_pack(narrow, MINIBLOCK, width, out);
}

/* The differences of a block, less their least one; the unused end is zero. Returns the least. */
static int64_t block_deltas(const int64_t *values, size_t count, bool is_32, uint64_t deltas[BLOCK])
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t delta = (uint64_t)values[i + 1] - (uint64_t)values[i];
        if (is_32) delta = (uint64_t)(int64_t)(int32_t)(uint32_t)delta;
        deltas[i] = delta;
        if ((int64_t)delta < least) least = (int64_t)delta;
    }
    for (size_t i = 0; i < count; i++)
        deltas[i] -= (uint64_t)least;
    for (size_t i = count; i < BLOCK; i++)
        deltas[i] = 0;
    return least;
}

static unsigned miniblock_width(const uint64_t *deltas)
{
    uint64_t all = 0;
    for (size_t i = 0; i < MINIBLOCK; i++)
        all |= deltas[i];
    return parquet_bit_width(all);
}

/* `values` has one value before the `count` of this block. */
static void put_block(const int64_t *values, size_t count, bool is_32, weir_buffer *out)
{
    uint64_t deltas[BLOCK];
    int64_t least = block_deltas(values, count, is_32, deltas);
    weir_buffer_put_zigzag(out, least);
    uint8_t widths[MINIBLOCKS] = {0};
    for (size_t m = 0; m * MINIBLOCK < count; m++)
        widths[m] = (uint8_t)miniblock_width(deltas + m * MINIBLOCK);
    weir_buffer_put(out, widths, sizeof widths);
    for (size_t m = 0; m * MINIBLOCK < count; m++)
        put_miniblock(deltas + m * MINIBLOCK, widths[m], out);
}

static void put_header(size_t count, int64_t first, weir_buffer *out)
{
    weir_buffer_put_varint(out, BLOCK);
    weir_buffer_put_varint(out, MINIBLOCKS);
    weir_buffer_put_varint(out, count);
    weir_buffer_put_zigzag(out, first);
}

void parquet_delta_encode(const int64_t *values, size_t count, bool is_32, weir_buffer *out)
{
    put_header(count, count > 0 ? values[0] : 0, out);
    for (size_t i = 0; i + 1 < count; i += BLOCK) {
        size_t left = count - i - 1;
        put_block(values + i, left < BLOCK ? left : BLOCK, is_32, out);
    }
}

void parquet_delta_encode_i32(const int32_t *values, size_t count, weir_buffer *out)
{
    put_header(count, count > 0 ? values[0] : 0, out);
    for (size_t i = 0; i + 1 < count; i += BLOCK) {
        size_t left = count - i - 1, n = left < BLOCK ? left : BLOCK;
        int64_t wide[BLOCK + 1];
        for (size_t k = 0; k <= n; k++)
            wide[k] = values[i + k];
        put_block(wide, n, true, out);
    }
}

uint64_t parquet_delta_cost(const int64_t *values, size_t count)
{
    uint64_t bits = 0, deltas[BLOCK];
    for (size_t i = 0; i + 1 < count; i += BLOCK) {
        size_t left = count - i - 1, n = left < BLOCK ? left : BLOCK;
        int64_t least = block_deltas(values + i, n, false, deltas);
        bits += 8 * (MINIBLOCKS + 1) + parquet_bit_width(weir_zigzag(least)) * 8 / 7;
        for (size_t m = 0; m * MINIBLOCK < n; m++)
            bits += (uint64_t)MINIBLOCK * miniblock_width(deltas + m * MINIBLOCK);
    }
    return count < 2 ? 16 : bits * 16 / (count - 1);
}

bool parquet_delta_init(parquet_delta *delta, weir_bytes data)
{
    *delta = (parquet_delta){.in = weir_reader_of(data.data, data.size)};
    uint64_t block = weir_reader_varint(&delta->in);
    uint64_t miniblocks = weir_reader_varint(&delta->in);
    delta->value_count = weir_reader_varint(&delta->in);
    delta->last = (uint64_t)weir_reader_zigzag(&delta->in);
    if (delta->in.bad || block == 0 || block > 1 << 20 || block % 8 != 0) return false;
    if (miniblocks == 0 || miniblocks > 1 << 16 || block % miniblocks != 0) return false;
    if ((block / miniblocks) % 8 != 0) return false;
    delta->miniblock_count = (uint32_t)miniblocks;
    delta->per_miniblock = block / miniblocks;
    delta->miniblock = delta->miniblock_count; /* a block begins with the first difference */
    delta->position = delta->per_miniblock;
    delta->left = delta->value_count;
    delta->has_first = delta->value_count > 0;
    return true;
}

/* `left` values are still to come, one at least. */
static bool next_miniblock(parquet_delta *delta)
{
    if (delta->miniblock >= delta->miniblock_count) {
        delta->min_delta = (uint64_t)weir_reader_zigzag(&delta->in);
        delta->widths = weir_reader_take(&delta->in, delta->miniblock_count);
        if (delta->widths == NULL) return false;
        delta->miniblock = 0;
    }
    delta->width = delta->widths[delta->miniblock++];
    if (delta->width > 64) return false;
    uint64_t size = delta->per_miniblock * delta->width / 8;
    /* Some writers cut the last miniblock off behind its last value. */
    uint64_t need =
        (delta->left < delta->per_miniblock ? delta->left * delta->width + 7 : size * 8) / 8;
    uint64_t there = weir_reader_left(&delta->in);
    if (need > there) return false;
    delta->packed_size = (size_t)(size < there ? size : there);
    delta->packed = weir_reader_take(&delta->in, delta->packed_size);
    delta->position = 0;
    return delta->packed != NULL;
}

bool parquet_delta_read(parquet_delta *delta, int64_t *values, size_t count)
{
    if (count > delta->left) return false;
    size_t i = 0;
    if (delta->has_first && count > 0) {
        values[i++] = (int64_t)delta->last;
        delta->has_first = false;
        delta->left--;
    }
    while (i < count) {
        if (delta->position == delta->per_miniblock && !next_miniblock(delta)) return false;
        uint64_t left = delta->per_miniblock - delta->position;
        size_t n = left < count - i ? (size_t)left : count - i;
        for (size_t k = 0; k < n; k++) {
            uint64_t more = parquet_unpack_one(delta->packed, delta->packed_size,
                                               (size_t)delta->position + k, delta->width);
            delta->last += delta->min_delta + more;
            values[i + k] = (int64_t)delta->last;
        }
        delta->position += n;
        delta->left -= n;
        i += n;
    }
    return true;
}

bool parquet_delta_end(const parquet_delta *delta, const uint8_t **end_out)
{
    parquet_delta copy = *delta;
    int64_t values[256];
    while (copy.left > 0) {
        size_t n = copy.left < 256 ? (size_t)copy.left : 256;
        if (!parquet_delta_read(&copy, values, n)) return false;
    }
    *end_out = copy.in.next;
    return true;
}
