/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact.h - natural numbers of any size, and the one rounding.
 *
 * A float64 result of Weir is one exact real number rounded once, to nearest, ties to even (R12).
 * Where that number does not fit into 128 bits it is built here: magnitudes are little-endian runs
 * of 64-bit words in an arena, signs are kept by the caller. Nothing here is fast; callers try what
 * fits in a register first.
 *
 * Invariant: the highest word of a number is not zero; zero has no words.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "schemas/value.h"

typedef struct weir_big {
    uint32_t size; /* words */
    uint64_t *words;
} weir_big;

weir_big weir_big_of(weir_uint128 value, weir_arena *into);
weir_big weir_big_from_words(const uint64_t *words, size_t count, weir_arena *into);
weir_big weir_big_add(weir_big a, weir_big b, weir_arena *into);
weir_big weir_big_subtract(weir_big a, weir_big b, weir_arena *into); /* a >= b */
weir_big weir_big_multiply(weir_big a, weir_big b, weir_arena *into);
weir_big weir_big_shift_left(weir_big a, uint64_t bits, weir_arena *into);
int weir_big_compare(weir_big a, weir_big b);
uint64_t weir_big_bits(weir_big a); /* position of the highest set bit + 1; 0 for zero */

/* A whole number with a sign; `negative` is false for zero. */
typedef struct weir_signed_big {
    bool negative;
    weir_big magnitude;
} weir_signed_big;

weir_signed_big weir_signed_big_of(weir_int128 value, weir_arena *into);
weir_signed_big weir_signed_big_add(weir_signed_big a, weir_signed_big b, weir_arena *into);
weir_signed_big weir_signed_big_subtract(weir_signed_big a, weir_signed_big b, weir_arena *into);
weir_signed_big weir_signed_big_multiply(weir_signed_big a, weir_signed_big b, weir_arena *into);

/* The nearest double of +-(q + s) * 2^exponent, where 0 < s < 1 iff `sticky` (then q has at least
 * 64 bits). Infinite where out of range. */
double weir_exact_round(bool negative, weir_uint128 q, bool sticky, int64_t exponent);
/* The nearest double of numerator / denominator * 2^exponent; denominator is not zero. */
double weir_exact_ratio(weir_signed_big numerator, weir_big denominator, int64_t exponent,
                        weir_arena *scratch);
/* The nearest double of the root of numerator / denominator, with the sign given. */
double weir_exact_root_of_ratio(bool negative, weir_big numerator, weir_big denominator,
                                weir_arena *scratch);
/* x = mantissa * 2^exponent exactly, for finite x. */
void weir_double_split(double x, int64_t *mantissa_out, int *exponent_out);
