/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - one stream as a fold shard sees it, with room for one event.
 *
 * Owns:    its arrays and decoders. Threads: the shard's.
 */
#pragma once

#include "ingest/decoders.h"
#include "ingest/journal.h"

typedef struct weir_lane {
    const weir_plan_stream *stream;
    uint32_t index; /* of the stream in the plan */
    uint32_t
        hop; /* where the shard's entity stands among the stream's hops; WEIR_NONE: not observed */
    bool needs_earlier; /* rows or reads of this hop depend on values that were carried here */
    bool needs_reads; /* rows of this hop depend on carried values at all: replay must read, too */
    weir_decoders decoders;
    weir_value *slots;
    weir_value *carried;
    bool *overflow;
    weir_carried_layout *layouts; /* per hop of the stream: what was carried to it */
    uint32_t *held; /* carried values whose bytes live in a state: copied before it changes */
    uint32_t held_count;
    uint32_t *scores; /* of the plan, on this stream */
    uint32_t score_count;
    weir_arena arena; /* of the layouts */
} weir_lane;

void weir_lane_init(weir_lane *lane, const weir_plan *plan, uint32_t stream, uint32_t entity,
                    const weir_schema_source *schemas);
void weir_lane_deinit(weir_lane *lane);

/* Whether rows or reads of a hop depend on values that were read at earlier ones: what another
 * version carried there can not be folded. */
bool weir_lane_needs_earlier(const weir_plan *plan, const weir_plan_stream *stream, uint32_t hop);
