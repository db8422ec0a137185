/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why.h - which events made a value.
 *
 * A receipt is the id of a score record: journal/partition/offset/index[/ordinal] of the event's
 * last hop. From there the read points of all hops are known; for each, the journal is read up to
 * that position and every event of the same key is listed that stands in a window of a feature read
 * there and passes its filter, with where it came from. An event of another version of the
 * definitions has no values of ours: it is refused with that version's name.
 */
#pragma once

#include "serve/replay.h"

typedef struct weir_why_options {
    const weir_replay_options *replay; /* topics, kafka, schemas are used */
    const char *receipt;
    const char *feature;   /* a column such as "card_vel_n_1h", or NULL: all */
    const char *state_dir; /* where the texts of other versions are kept: for the message */
} weir_why_options;

/* Appends JSON Lines: first the event with its values per entity, then the events behind them,
 * oldest first. */
weir_error *weir_why(const weir_why_options *options, weir_buffer *out);
