/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - topics and groups from outside: what exists, how it is configured, where it ends, what
 * a group committed.
 *
 * Owns:    its handle. Results live in the arena of the call.
 * Threads: one thread at a time.
 */
#pragma once

#include "ingest/kafka.h"
#include "ops/runtime/arena.h"

typedef struct weir_admin weir_admin;

/* A topic as it should be made. A NULL or negative configuration is left to the broker. */
typedef struct weir_topic_spec {
    const char *name;
    int32_t partitions;
    int16_t replication;        /* -1: the broker's default */
    const char *const *configs; /* name, value, ..., NULL; may be NULL */
} weir_topic_spec;

/* A topic as it is. */
typedef struct weir_topic_state {
    const char *name;
    bool exists;
    int32_t partitions;
    int32_t replication;
    bool knows_config;       /* false: the broker does not tell (librdkafka's mock) */
    bool is_log_append_time; /* message.timestamp.type */
    bool is_compacted;       /* cleanup.policy has "compact" */
    bool is_deleted;         /* cleanup.policy has "delete": retention applies */
    int64_t retention_ms;    /* -1: for ever */
    int64_t retention_bytes; /* -1: no limit */
    int64_t max_message_bytes;
} weir_topic_state;

typedef struct weir_broker_info {
    int32_t id;
    const char *host;
    int port;
} weir_broker_info;

/* A member of a group. */
typedef struct weir_group_member {
    const char *name; /* its instance id (static membership), else its client's */
    const char *host;
    size_t partitions; /* that it was dealt */
} weir_group_member;

typedef struct weir_group_state {
    const char *state; /* Kafka's word: "Stable", "PreparingRebalance", "Empty", "Dead" (unknown) */
    const weir_group_member *members;
    size_t member_count;
} weir_group_state;

weir_error *weir_admin_open(const weir_kafka_options *options, weir_admin **admin_out);
void weir_admin_close(weir_admin *admin); /* NULL is fine */

/* The cluster's brokers and its controller (-1: unknown); the first call that needs a broker at
 * all. */
weir_error *weir_admin_brokers(weir_admin *admin, weir_arena *into, const weir_broker_info **out,
                               size_t *count_out);

/* Whether the cluster is an embedded one (ingest/mock.h), in this process or another. */
weir_error *weir_admin_is_embedded(weir_admin *admin, bool *is_embedded_out);

/* States of the topics, in the order of `names`. */
weir_error *weir_admin_topics(weir_admin *admin, const char *const *names, size_t count,
                              weir_arena *into, weir_topic_state **states_out);
/* Every topic of the cluster but internal ones. */
weir_error *weir_admin_list(weir_admin *admin, weir_arena *into, const char *const **names_out,
                            size_t *count_out);
/* Creates them and waits until they can be written. One that exists already is no error. A broker
 * without CreateTopics (the mock) makes them by itself when asked for; their partition count is
 * then its own. */
weir_error *weir_admin_create(weir_admin *admin, const weir_topic_spec *specs, size_t count);
weir_error *weir_admin_delete(weir_admin *admin, const char *name);

/* First offset still there, and one past the last. */
weir_error *weir_admin_ends(weir_admin *admin, const char *topic, int32_t partition,
                            int64_t *start_out, int64_t *end_out);
/* First offset whose timestamp is at or after time_us; the end if there is none. */
weir_error *weir_admin_offset_at(weir_admin *admin, const char *topic, int32_t partition,
                                 int64_t time_us, int64_t *offset_out);
/* Who is in the group. The mock does not know that call: ask weir_admin_is_embedded before. */
weir_error *weir_admin_group(weir_admin *admin, const char *group, weir_arena *into,
                             weir_group_state *out);
/* What `group` has committed, for partitions 0 .. count of a topic; -1 where nothing. */
weir_error *weir_admin_committed(weir_admin *admin, const char *group, const char *topic,
                                 int32_t count, int64_t *offsets_out);
