/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - runs nodes over Kafka: threads, order, acknowledgements, commits, rebalances.
 *
 * A driver has N *members*: threads, each a member of the package's one consumer group with a
 * consumer, a producer (under transactional delivery a second one) and one node per assigned
 * partition. A member's loop is the life of an event: take records in the order of event time,
 * apply, flush, send, learn what was acknowledged, commit. Nodes come from a factory, so that the
 * same driver runs the worker, and a test's own nodes.
 *
 * What goes wrong is told apart by the error's class: the world is away -> the member throws its
 * clients and nodes away and starts again from L and K, with a back-off, for ever (before the first
 * assignment: until start_timeout); a partition's state is damaged -> that partition stands still,
 * the others go on; a setting or definition is wrong -> the driver stops with that error.
 *
 * Threads: weir_driver_run blocks the caller; stop and stats may be called from any thread.
 * See also: docs/ARCHITECTURE.md, docs/threads.md
 */
#pragma once

#include "ingest/kafka.h"
#include "ingest/node.h"
#include "ops/runtime/env.h"

/* A topic as the driver sees it; its number is its index. */
typedef struct weir_driver_topic {
    const char *name;
    bool is_consumed; /* by the group: a source or a journal */
    bool is_journal;  /* no gaps; its end is no idleness, but what its feeders still may send  */
    bool is_written; /* must exist before anything is sent                                        */
    uint32_t level;  /* sources 0, journals 1 and up: greater is further downstream, served first */
    const weir_topic
        *feeders; /* of a journal: the consumed topics whose nodes copy into it, directly */
    size_t feeder_count;
} weir_driver_topic;

typedef struct weir_node_factory {
    void *context;
    /* What the nodes of one thread share (engine, scorers); called on that thread. May be NULL. */
    weir_error *(*member_open)(void *context, uint32_t member, void **shared_out);
    void (*member_close)(void *context, void *shared);
    weir_error *(*create)(void *context, void *shared, weir_topic topic, int32_t partition,
                          const weir_output_port *port, weir_node **node_out);
    /* A drained node is about to be closed: write down what is known, so that a restart is short.
     * May be NULL. */
    weir_error *(*settle)(void *context, weir_node *node);
} weir_node_factory;

typedef struct weir_driver_stats {
    uint64_t source_events;  /* taken from sources              */
    uint64_t journal_events; /* taken from journals             */
    uint64_t outputs;        /* plain records acknowledged      */
    uint64_t packs;          /* packed records acknowledged     */
    uint64_t copies;         /* copies in them                  */
    uint64_t commits, restarts, gaps, waits_given_up;
    uint64_t lag;        /* records between position and end, over the assigned partitions */
    uint32_t partitions; /* assigned */
    uint32_t stopped;    /* of them: standing still because of damage */
    bool is_ready;       /* all members assigned and caught up with the ends they found */
} weir_driver_stats;

typedef struct weir_driver_options {
    const weir_kafka_options *kafka;
    const weir_env *env;
    const char *group;
    const char *worker_id; /* NULL or "": no static membership */
    uint32_t threads;
    const weir_driver_topic *topics;
    size_t topic_count;
    weir_topic marks; /* number of the marks topic, UINT32_MAX: none */
    weir_node_factory factory;
    bool is_transactional;
    bool until_end;
    int64_t gather_us; /* between two turns of a member that has little to do */
    int64_t commit_interval_us, align_us, align_patience_us, drain_timeout_us;
    int64_t transaction_timeout_us; /* then the broker ends what a worker that is gone left open */
    int64_t
        start_timeout_us; /* longest wait for a broker before the first assignment; 0: for ever */
    void *context;
    void (*on_ready)(void *context); /* once; may be NULL */
    void (*on_progress)(void *context,
                        const weir_driver_stats *stats); /* about once a second; may be NULL */
} weir_driver_options;

typedef struct weir_driver weir_driver;

weir_driver *weir_driver_create(const weir_driver_options *options);
/* Runs until stopped, done (until_end) or failed. */
weir_error *weir_driver_run(weir_driver *driver);
void weir_driver_stop(weir_driver *driver); /* drain, commit, return */
weir_driver_stats weir_driver_describe(weir_driver *driver);
void weir_driver_destroy(weir_driver *driver);
