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

/* What the rows before each row add up to: 64 bits for sums, 32 for rows. */
static inline const void *weir_measure_lane(const weir_key_state *state, size_t offset,
                                            size_t width)
{
    return state->block + offset * state->capacity + width * state->head;
}
