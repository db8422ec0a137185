/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.h - follows all journals of a package and answers lookups at its applied position.
 *
 * A follower is a set of fold nodes with outputs off: no group, a state folder of its own, every
 * partition of every journal. It runs on the thread of who polls it, so a lookup sees a state
 * between two records, never within one. It tells truthfully how far it is behind (G8): ready means
 * that every partition has reached the end it had when the follower was opened.
 *
 * Owns:    nodes, stores, its reader. Threads: one.
 */
#pragma once

#include "ingest/fold.h"
#include "ingest/kafka_reader.h"
#include "ops/runtime/env.h"
#include "serve/lookup.h"

typedef struct weir_follower_options {
    const weir_topics *topics;
    const weir_kafka_options *kafka;
    const weir_schema_source *schemas;
    const char *state; /* folder for its own state, kept from run to run */
    size_t table_bytes, cache_bytes;
    uint64_t free_bytes_min;
    const weir_env *env; /* the clock of lookups */
} weir_follower_options;

typedef struct weir_follower weir_follower;

weir_error *weir_follower_open(const weir_follower_options *options, weir_follower **follower_out);
void weir_follower_close(weir_follower *follower); /* NULL is fine */

/* Applies what has come, at most `max` records; waits up to timeout_ms for the first. */
weir_error *weir_follower_poll(weir_follower *follower, size_t max, int timeout_ms,
                               size_t *applied_out);

typedef struct weir_follower_status {
    bool is_ready;
    bool is_away;           /* no broker can be reached: values are as of the last record seen */
    uint64_t events;        /* applied since opening */
    int64_t records_behind; /* at the last look at the ends */
    int64_t greatest_et_us; /* least over the partitions that have events; INT64_MIN: none */
} weir_follower_status;
void weir_follower_describe(const weir_follower *follower, weir_follower_status *status_out);

const weir_lookup_port *weir_follower_port(weir_follower *follower);
int64_t weir_follower_now(const weir_follower *follower); /* the clock of lookups, us */
/* For vectors of what its port has read, between two polls. */
weir_engine *weir_follower_engine(weir_follower *follower);

/* One lookup over given states: what the follower does, and the proof again. */
weir_error *weir_lookup_in(const weir_plan *plan, weir_engine *engine, weir_node *fold,
                           weir_bytes key, const weir_lookup_request *request,
                           weir_lookup_answer *answer);
