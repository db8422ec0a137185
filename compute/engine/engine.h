/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - the fold: apply(plan, event, state) and read(plan, state, tau).
 *
 * The one engine behind stream, replay, export, lookup, eval and proof. It is pure: state comes
 * through a port, time is an argument. For an event at a hop the caller asks, in this order: is it
 * a duplicate (first hop), read (fills the carried values of that hop; the event itself is not yet
 * known, R4), apply.
 *
 * See also: docs/ARCHITECTURE.md; rules R1-R13 are cited where they are implemented.
 */
#pragma once

#include "compute/engine/key_state.h"

/* Where states live. Keys are canonical key bytes (weir_key_encode), composite keys included. */
typedef struct weir_state_port {
    void *context;
    /* The state of a key, or NULL if it has none. Valid until the next call of the port. Errors
     * stop the shard. */
    weir_error *(*find)(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out);
    /* The same, created if missing and marked as changed. */
    weir_error *(*edit)(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out);
} weir_state_port;

/* What a shard knows besides its keys; stored with its position. */
typedef struct weir_shard_clock {
    int64_t ingest_us; /* greatest ingest time so far; INT64_MIN before the first event       */
    int64_t greatest_et_us; /* M of R8; INT64_MIN before the first event */
} weir_shard_clock;

typedef struct weir_event {
    uint32_t stream;
    uint32_t hop;             /* which of the stream's hops this copy is at */
    const weir_value *fields; /* stream->slot_count */
    weir_value *carried;      /* stream->carried_count; those of earlier hops are set */
    bool *carried_overflow; /* stream->carried_count: the value is null because of an overflow (R12)
                             */
    weir_bytes key;         /* canonical key of the hop's entity */
    int64_t et_us;
    int64_t ingest_us; /* as the fold set it (R2) */
    weir_seq seq;
} weir_event;

typedef struct weir_engine weir_engine; /* scratch and slabs around a plan; one a thread */

weir_engine *weir_engine_create(const weir_plan *plan); /* refs the plan */
void weir_engine_destroy(weir_engine *engine);

/*
 * Duplicates (R9): true if an event of the same stream and id was kept under this first-hop key
 * with an ingest time at most `late` away. Otherwise remembers the id. Ids live in a state of their
 * own: view WEIR_VIEW_IDS + stream.
 */
#define WEIR_VIEW_IDS 0x8000u
weir_error *weir_engine_is_duplicate(weir_engine *engine, const weir_state_port *port,
                                     const weir_event *event, bool *duplicate_out);
/* Reads the members of the event's hop at (seq, et) into event->carried. *beyond_horizon_out: R8.
 */
weir_error *weir_engine_read(weir_engine *engine, const weir_state_port *port,
                             const weir_shard_clock *clock, const weir_event *event,
                             bool *beyond_horizon_out);
/* The same for a hop whose key is null: as for an unknown key (R2). */
weir_error *weir_engine_read_absent(weir_engine *engine, const weir_event *event);
/* What the hop reads before that may miss events (R8). False: all is kept, or nothing has come yet. */
bool weir_engine_hop_horizon(const weir_engine *engine, const weir_shard_clock *clock,
                             const weir_event *event, int64_t *horizon_us_out);
/* Applies the event to the views that the hop feeds; the caller advances the clock afterwards. */
weir_error *weir_engine_apply(weir_engine *engine, const weir_state_port *port,
                              const weir_shard_clock *clock, const weir_event *event);

/*
 * A lookup (R3): members of one entity for one key at tau, everything known being known. `self` may
 * be NULL; members that use `this` need it, bound to `stream`. values/overflow: one per member.
 */
typedef struct weir_lookup {
    const uint32_t *members;
    size_t member_count;
    weir_bytes key;
    int64_t tau_us;
    uint32_t stream; /* whose slots `self` has; WEIR_NONE without */
    const weir_value *self;
} weir_lookup;
weir_error *weir_engine_lookup(weir_engine *engine, const weir_state_port *port,
                               const weir_shard_clock *clock, const weir_lookup *lookup,
                               weir_value *values_out, bool *overflow_out);
/* Lookups of these members before that tau may miss events, or over `ever` see later ones (R8).
 * False: all is kept, or nothing has come yet. */
bool weir_engine_horizon(const weir_engine *engine, const weir_shard_clock *clock,
                         const uint32_t *members, size_t member_count, int64_t *horizon_us_out);

/* The vector's columns after the last hop. overflow: per column. Values live until the next call.
 */
void weir_engine_vector(weir_engine *engine, uint32_t vector, const weir_event *event,
                        weir_value *values_out, bool *overflow_out);
/* The same without a copy: each column where it stands, in the event, the plan or the engine.
 * Returns whether there is an overflow at all; only then overflow_out is filled. */
bool weir_engine_vector_view(weir_engine *engine, uint32_t vector, const weir_event *event,
                             const weir_value **columns_out, bool *overflow_out);

/* A state port in memory, for tests, `weir test` and small replays. */
typedef struct weir_memory_state weir_memory_state;
weir_memory_state *weir_memory_state_create(const weir_plan *plan);
void weir_memory_state_destroy(weir_memory_state *states);
const weir_state_port *weir_memory_state_port(weir_memory_state *states);
/* Encodes and decodes every key again, as a restart would: values must not change. */
weir_error *weir_memory_state_reload(weir_memory_state *states);
/* What the states of a view take: rows, bytes stored, bytes in memory. */
typedef struct weir_state_sizes {
    uint64_t keys, rows, stored_bytes, memory_bytes;
} weir_state_sizes;
weir_state_sizes weir_memory_state_sizes(weir_memory_state *states, uint32_t view);
/* All states, canonically: equal iff the states are equal. */
void weir_memory_state_digest(weir_memory_state *states, uint8_t digest[WEIR_DIGEST_BYTES]);
