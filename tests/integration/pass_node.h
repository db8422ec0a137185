/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_node.h - nodes without a meaning: they pass events on, so that a test sees what the driver
 * does.
 *
 * An event is text "time_us key payload". The first node copies it to the next topic by key,
 * packed; a node that reads packs passes each on, to another journal or as a plain record to the
 * output. State is nothing but a position, kept in the group's commit alone: so L = K.
 */
#pragma once

#include "ingest/node.h"

typedef struct pass_options {
    bool reads_packs;
    weir_topic to;
    bool writes_packs; /* else plain records, the score's way */
    const weir_output_port *port;
    _Atomic uint64_t *events, *skips; /* of all nodes */
    _Atomic uint64_t *ticks, *rests;  /* the same; rests: ticks of an idle member. May be NULL */
    /* Asked before each event; an error leaves it untaken. May be NULL. */
    weir_error *(*before)(weir_topic to, int64_t time_us);
    bool replays; /* reads from the start, as a fold without state: passes nothing on below K */
} pass_options;

weir_node *pass_node_create(const pass_options *options);
int64_t pass_event_time(weir_bytes event); /* INT64_MIN: none */
