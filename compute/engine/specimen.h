/* SPDX-License-Identifier: Apache-2.0 */
/*
 * specimen.h - what a key's state takes, before there is any: one is made up and weighed.
 *
 * A specimen is a state of the engine's own, so its bytes are those of the codec and its memory is
 * what the state table would count; only its events are invented. They come at random times of the
 * span that the view keeps, with values that are usual for the types of their columns
 * (docs/formats/state.md says which). state_bench holds it to states that the engine made.
 *
 * Owns: nothing. Threads: any. Same plan, same answer.
 */
#pragma once

#include "compute/engine/engine.h"

/* Times are drawn in whole `unit_us`: a second costs less than a millisecond. */
#define WEIR_SPECIMEN_SECOND INT64_C(1000000)
#define WEIR_SPECIMEN_MILLI  INT64_C(1000)

/* Of one key that keeps `rows` events, read once. `view` may be WEIR_VIEW_IDS + stream: ids of so
 * many events within `late`; equal ones, of a type that has not enough, count once. */
weir_state_sizes weir_specimen_weigh(const weir_plan *plan, uint32_t view, uint32_t rows,
                                     int64_t unit_us);
