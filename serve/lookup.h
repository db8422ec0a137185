/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.h - features of keys now: the port between what answers and what asks.
 *
 * The follower (serve/follower.h) implements it over fold shards; the routes (serve/feast.h) and
 * tests use it. A lookup reads members of one entity for one key at p = head of the key's shard,
 * tau = the server's clock or a given instant (R3). The answer says where it was read, so that it
 * can be proved.
 */
#pragma once

#include "compute/engine/engine.h"

typedef struct weir_lookup_request {
    uint32_t entity;
    const weir_value *key; /* plan->entities[entity].key_count values, none null */
    const uint32_t *members;
    size_t member_count;
    int64_t tau_us;
    bool is_now; /* tau is the server's clock instead */
} weir_lookup_request;

typedef struct weir_lookup_answer {
    weir_value *values; /* caller's, one per member; they point into memory that lives until the
                           next lookup */
    bool *overflow;     /* caller's, one per member */
    bool is_known;      /* the key has been seen by a group of these members */
    int64_t horizon_us; /* before it, tau may miss events (R8); INT64_MIN: there is none */
    int64_t tau_us;
    int32_t partition;
    weir_seq position; /* p: everything before it was known */
} weir_lookup_answer;

/* Where one hop of an event that stands in no journal was read (serve/trigger.h). */
typedef struct weir_hop_answer {
    int32_t partition;
    weir_seq position;
    int64_t horizon_us; /* as for a lookup */
    bool beyond_horizon;
} weir_hop_answer;

typedef struct weir_lookup_port {
    void *context;
    weir_error *(*lookup)(void *context, const weir_lookup_request *request,
                          weir_lookup_answer *answer);
    /* Reads the members of the event's hop at (p, event->et_us) into event->carried; its key is
     * set. Hops come in order: values of the earlier ones live until the next event. */
    weir_error *(*read)(void *context, weir_event *event, weir_hop_answer *answer);
} weir_lookup_port;
