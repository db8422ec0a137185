/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measures.h - running totals beside the rows of a log.
 *
 * A measure says, for row i, what all rows before it add up to: amounts, or rows that count. The
 * sum over any run of rows, hence over any window of any cell, is one difference of two of them, so
 * a read costs the same whatever the window's length, and all windows share one column. Totals are
 * kept modulo 2^64 (rows: 2^32), which is exact for a difference that fits; whether a sum surely
 * does is told by the greatest magnitude seen. A late row moves the totals behind it, as it moves
 * the rows.
 *
 * Measures are derived: never stored, made anew when a state is decoded.
 */
#pragma once

#include "compute/engine/state_internal.h"

/* After a row came to be row `at`; those behind it have moved. */
void weir_measures_inserted(weir_key_state *state, uint32_t at);
void weir_measures_build(weir_key_state *state); /* after decoding */

static inline const void *weir_measure_lane(const weir_key_state *state, uint32_t measure)
{
    return state->block + (size_t)state->layout->measures[measure].offset * state->capacity;
}

/* What the rows [low, high) add up to, modulo 2^64. */
static inline uint64_t weir_measure_sum(const weir_key_state *state, uint32_t measure, uint32_t low,
                                        uint32_t high)
{
    if (low >= high) return 0;
    const uint64_t *before = (const uint64_t *)weir_measure_lane(state, measure) + state->head;
    uint64_t end = high == state->count ? state->totals[measure].sum : before[high];
    return end - before[low];
}

/* How many of the rows [low, high) count. */
static inline uint32_t weir_measure_count(const weir_key_state *state, uint32_t measure,
                                          uint32_t low, uint32_t high)
{
    if (low >= high) return 0;
    const uint32_t *before = (const uint32_t *)weir_measure_lane(state, measure) + state->head;
    uint32_t end = high == state->count ? (uint32_t)state->totals[measure].sum : before[high];
    return end - before[low];
}

/* Does a sum over so many rows fit 64 bits, whichever rows they are? */
static inline bool weir_measure_fits(const weir_key_state *state, uint32_t measure, uint32_t rows)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(state->totals[measure].magnitudes | 1);
    return bits < 63 && (uint64_t)rows >> (63 - bits) == 0;
}
