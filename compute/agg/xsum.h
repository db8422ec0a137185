/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xsum.h - exact sums of float64, of integers and of their products.
 *
 * A sum is one two's complement number on a fixed grid of 64-bit words: word w counts units of
 * 2^(64 w), w may be negative. Only the words between the lowest and the highest that were ever
 * needed are kept, four of them inside, so that sums of money or of measurements never allocate.
 * Adding and subtracting are exact, hence undo each other and may come in any order; the one
 * rounding happens when the sum is read.
 *
 * Owns: `heap` where four words do not do. A zeroed weir_xsum is the empty sum.
 */
#pragma once

#include "compute/expr/exact.h"
#include "ops/runtime/buffer.h"

enum { WEIR_XSUM_INLINE = 4, WEIR_XSUM_WORDS_MAX = 600 };

typedef struct weir_xsum {
    int32_t base;            /* grid index of the lowest word kept */
    uint16_t size, capacity; /* capacity 0: the words are inside */
    union {
        uint64_t inside[WEIR_XSUM_INLINE];
        uint64_t *heap;
    } as;
} weir_xsum;

/* One term: +-mantissa * 2^exponent, up to 8 words. */
typedef struct weir_term {
    bool negative;
    uint8_t size; /* words in use, at least 1 */
    int32_t exponent;
    uint64_t words[8];
} weir_term;

weir_term weir_term_of_double(double value);
weir_term weir_term_of_int(weir_int128 value);
weir_term weir_term_multiply(const weir_term *a, const weir_term *b); /* of at most 4 words each */

void weir_xsum_deinit(weir_xsum *sum);
void weir_xsum_copy(const weir_xsum *sum, weir_xsum *copy_out); /* owns memory of its own */
size_t weir_xsum_bytes(const weir_xsum *sum);                   /* on the heap */
void weir_xsum_add(weir_xsum *sum, const weir_term *term, bool subtract);
void weir_xsum_add_double(weir_xsum *sum, double value, bool subtract);
void weir_xsum_merge(weir_xsum *sum, const weir_xsum *other);
/* The sum is big * 2^*exponent_out. */
weir_signed_big weir_xsum_get(const weir_xsum *sum, int64_t *exponent_out, weir_arena *into);
double weir_xsum_round(const weir_xsum *sum);
/* Canonical bytes: equal sums, equal bytes. */
void weir_xsum_encode(const weir_xsum *sum, weir_buffer *out);
bool weir_xsum_decode(weir_xsum *sum, weir_reader *reader);
