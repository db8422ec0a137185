/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hybrid: a run is a varint h and then, if h is even, one value of ceil(width / 8) bytes that
 * stands h >> 1 times; if h is odd, (h >> 1) groups of eight values, bit-packed. Only the last
 * group may be padded.
 */
#include "ops/runtime/assert.h"
#include "store/parquet/encoding.h"

enum { GROUP = 8, PACK_WIDTH_FAST_MAX = 16 };

uint64_t parquet_unpack_one(const uint8_t *data, size_t size, size_t index, unsigned width)
{
    if (width == 0) return 0;
    uint64_t bit = (uint64_t)index * width;
    size_t byte = (size_t)(bit >> 3);
    unsigned shift = (unsigned)(bit & 7);
    uint64_t low = 0;
    size_t there = size - byte;
    memcpy(&low, data + byte, there < 8 ? there : 8);
    uint64_t value = low >> shift;
    if (shift + width > 64) value |= (uint64_t)data[byte + 8] << (64 - shift);
    return width == 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

/* Eight values of up to 16 bits fit two words. Inlined with a constant width, so that shifts are.
 */
__attribute__((always_inline)) static inline void pack_groups(const uint32_t *values, size_t groups,
                                                              unsigned width, uint8_t *to)
{
    for (size_t g = 0; g < groups; g++, values += GROUP, to += width) {
        uint64_t low = 0, high = 0;
        for (unsigned k = 0; k < 4; k++) {
            low |= (uint64_t)values[k] << (k * width);
            high |= (uint64_t)values[k + 4] << (k * width);
        }
        unsigned half = 4 * width;
        uint64_t words[2];
        words[0] = half == 64 ? low : low | high << half;
        words[1] = half == 64 ? high : high >> (64 - half);
        memcpy(to, words, sizeof words);
    }
}

/* Any width up to 32, by a bit accumulator. */
static void pack_slow(const uint32_t *values, size_t count, unsigned width, uint8_t *to)
{
    uint64_t bits = 0;
    unsigned filled = 0;
    for (size_t i = 0; i < count; i++) {
        bits |= (uint64_t)values[i] << filled;
        filled += width;
        if (filled >= 32) {
            memcpy(to, &bits, 4);
            to += 4;
            bits >>= 32;
            filled -= 32;
        }
    }
    memcpy(to, &bits, 4);
}

#define PACK_CASE(n)                                                                               \
    case n: pack_groups(values, groups, n, to); break

/* Whole groups; `to` has 16 bytes of slack. */
static void pack_whole(const uint32_t *values, size_t groups, unsigned width, uint8_t *to)
{
    switch (width) {
    case 0:
        break;
        PACK_CASE(1);
        PACK_CASE(2);
        PACK_CASE(3);
        PACK_CASE(4);
        PACK_CASE(5);
        PACK_CASE(6);
        PACK_CASE(7);
        PACK_CASE(8);
        PACK_CASE(9);
        PACK_CASE(10);
        PACK_CASE(11);
        PACK_CASE(12);
        PACK_CASE(13);
        PACK_CASE(14);
        PACK_CASE(15);
        PACK_CASE(16);
    default: pack_slow(values, groups * GROUP, width, to);
    }
}

void parquet_pack(const uint32_t *values, size_t count, unsigned width, weir_buffer *out)
{
    WEIR_ASSERT(width <= 32);
    size_t groups = count / GROUP, rest = count % GROUP;
    uint8_t *to = weir_buffer_reserve(out, (groups + 1) * width + 16);
    pack_whole(values, groups, width, to);
    if (rest > 0) {
        uint32_t padded[GROUP] = {0};
        memcpy(padded, values + groups * GROUP, rest * sizeof *padded);
        pack_whole(padded, 1, width, to + groups * width);
    }
    out->size += (groups + (rest > 0)) * width;
}

static void put_packed_run(const uint32_t *values, size_t count, unsigned width, weir_buffer *out)
{
    if (count == 0) return;
    weir_buffer_put_varint(out, (count + GROUP - 1) / GROUP << 1 | 1);
    parquet_pack(values, count, width, out);
}

static void put_rle_run(uint32_t value, size_t count, unsigned width, weir_buffer *out)
{
    weir_buffer_put_varint(out, (uint64_t)count << 1);
    weir_buffer_put(out, &value, (width + 7) / 8);
}

static size_t run_length(const uint32_t *values, size_t count)
{
    size_t n = 1;
    while (n < count && values[n] == values[0])
        n++;
    return n;
}

void parquet_hybrid_encode(const uint32_t *values, size_t count, unsigned width, weir_buffer *out)
{
    WEIR_ASSERT(width <= 32);
    if (width == 0) {
        if (count > 0) put_rle_run(0, count, 0, out);
        return;
    }
    /* A run is worth its header and the one that follows it from 64 bits on. */
    size_t worth = 64 / width < GROUP ? GROUP : 64 / width;
    size_t start = 0; /* of the values not yet written */
    for (size_t i = 0; i < count;) {
        bool may_run =
            count - i >= worth && values[i] == values[i + 1] && values[i] == values[i + worth - 1];
        size_t run = may_run ? run_length(values + i, count - i) : 0;
        if (run >= worth) {
            put_packed_run(values + start, i - start, width, out);
            put_rle_run(values[i], run, width, out);
            i += run;
            start = i;
        } else {
            i += GROUP; /* whole groups only may precede a run */
        }
    }
    put_packed_run(values + start, count - start, width, out);
}

void parquet_hybrid_encode_u8(const uint8_t *values, size_t count, unsigned width, weir_buffer *out)
{
    /* Levels are mostly one long run: it is found here, before anything is widened. */
    size_t run = 0;
    while (run < count && values[run] == values[0])
        run++;
    if (run == count && count > 0) {
        put_rle_run(values[0], count, width, out);
        return;
    }
    /* All at once: only the last run of a hybrid may be padded. */
    weir_buffer room = {0};
    uint32_t *wide = (void *)weir_buffer_reserve(&room, count * sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = values[i];
    parquet_hybrid_encode(wide, count, width, out);
    weir_buffer_deinit(&room);
}

void parquet_hybrid_init(parquet_hybrid *hybrid, weir_bytes data, unsigned width)
{
    WEIR_ASSERT(width <= 32);
    *hybrid = (parquet_hybrid){.in = weir_reader_of(data.data, data.size), .width = width};
}

static bool next_run(parquet_hybrid *hybrid)
{
    weir_reader *in = &hybrid->in;
    uint64_t head = weir_reader_varint(in);
    uint64_t count = head >> 1;
    if (in->bad || count == 0) return false;
    hybrid->is_packed = head & 1;
    if (!hybrid->is_packed) {
        uint32_t value = 0;
        size_t size = (hybrid->width + 7) / 8;
        const uint8_t *at = weir_reader_take(in, size);
        if (at == NULL) return false;
        memcpy(&value, at, size);
        if (hybrid->width < 32 && value >> hybrid->width != 0) return false;
        hybrid->run_value = value;
        hybrid->run_left = count;
        return true;
    }
    if (count > UINT32_MAX) return false;
    /* Some writers cut the padding of the last group off: take what is there. */
    uint64_t want = count * hybrid->width, left = weir_reader_left(in);
    size_t size = (size_t)(want < left ? want : left);
    hybrid->packed = weir_reader_take(in, size);
    hybrid->packed_size = size;
    hybrid->packed_index = 0;
    hybrid->run_left = want <= left ? count * GROUP : (uint64_t)size * 8 / hybrid->width;
    return hybrid->run_left > 0;
}

static void unpack_some(parquet_hybrid *hybrid, uint32_t *values, size_t count)
{
    unsigned width = hybrid->width;
    uint64_t mask = (UINT64_C(1) << width) - 1;
    uint64_t bit = (uint64_t)hybrid->packed_index * width;
    for (size_t i = 0; i < count; i++, bit += width) {
        size_t byte = (size_t)(bit >> 3);
        uint64_t word = 0;
        if (hybrid->packed_size - byte >= 8) {
            memcpy(&word, hybrid->packed + byte, 8);
        } else if (width > 0) {
            memcpy(&word, hybrid->packed + byte, hybrid->packed_size - byte);
        }
        values[i] = (uint32_t)(word >> (bit & 7) & mask);
    }
    hybrid->packed_index += count;
}

bool parquet_hybrid_read(parquet_hybrid *hybrid, uint32_t *values, size_t count)
{
    while (count > 0) {
        if (hybrid->run_left == 0 && !next_run(hybrid)) return false;
        size_t n = hybrid->run_left < count ? (size_t)hybrid->run_left : count;
        if (hybrid->is_packed) {
            unpack_some(hybrid, values, n);
        } else {
            for (size_t i = 0; i < n; i++)
                values[i] = hybrid->run_value;
        }
        hybrid->run_left -= n;
        values += n;
        count -= n;
    }
    return true;
}

bool parquet_hybrid_read_u8(parquet_hybrid *hybrid, uint8_t *values, size_t count)
{
    WEIR_ASSERT(hybrid->width <= 8);
    uint32_t wide[256];
    while (count > 0) {
        size_t n = count < 256 ? count : 256;
        if (!parquet_hybrid_read(hybrid, wide, n)) return false;
        for (size_t i = 0; i < n; i++)
            values[i] = (uint8_t)wide[i];
        values += n;
        count -= n;
    }
    return true;
}
