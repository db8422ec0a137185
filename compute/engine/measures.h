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
 * The measure of a least or greatest value is a chain instead: for row i, how far back the nearest
 * row stands that beats it. Going back along it from the end of a window, the last row that is
 * still in the window holds the extreme: a few steps, but for values that rise or fall all the
 * time.
 *
 * Measures are derived: never stored, made anew when a state is decoded.
 */
#pragma once

#include "compute/engine/state_internal.h"

/* After a row came to be row `at`; those behind it have moved. */
void weir_measures_inserted(weir_key_state *state, uint32_t at);
void weir_measures_build(weir_key_state *state); /* after decoding */

/* How far back the nearest row stands that beats row `at`, or is the first that counts before one
 * that does not; 0: there is none. */
static inline uint32_t weir_chain_step(const weir_key_state *state, size_t offset, uint32_t at)
{
    const uint32_t *steps = weir_state_lane(state, offset, sizeof *steps);
    return steps[at] <= at ? steps[at] : 0; /* that row has left the log */
}
/* Is row `at` one that the measure looks at? */
bool weir_measure_counts(const weir_key_state *state, const weir_layout_measure *measure,
                         uint32_t at);
