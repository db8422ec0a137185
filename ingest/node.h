/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - the worker as single-threaded state machines, one per partition.
 *
 * An *observe* node consumes a partition of a source topic, a *fold* node one of a journal. A driver (Kafka,
 * file, simulation) owns threads, sockets and order: it opens a node at its committed position, hands it records
 * in batches, tells it which outputs were acknowledged and which position was committed, and closes it. Nodes
 * know no Kafka, clock or thread; fold nodes reach their store through weir_store_port.
 *
 * Epochs. apply() may be called several times; flush() ends the batch: packs at hand are sent and all outputs since
 * the last flush belong to one *epoch*. When every output of an epoch is acknowledged (acked() as often as sends), and
 * so are those of all earlier epochs, the node's committable position moves behind that batch. The driver commits
 * it (K) and reports committed(); only then may a fold write slices with L_s <= K (always L <= K).
 *
 * Any failed delivery is fatal to the node's memory: the driver discards the producer and all nodes that sent
 * through it and opens them anew.
 */
#pragma once

#include "ingest/log.h"
#include "store/port.h"

typedef struct weir_node weir_node;

/* Where a partition stands when a node is opened. */
typedef struct weir_node_position {
    int64_t committed; /* K: the group's committed offset; -1: none */
    int64_t log_start; /* first offset still there */
    int64_t log_end;   /* one past the last (high watermark) */
} weir_node_position;

typedef struct weir_node_ops {
    const char *kind; /* "observe", "fold" */
    /* Opens; *start_out is the offset to read from (fold: L). Refuses with the exact remedy (architecture.md). */
    weir_error *(*open)(weir_node *node, const weir_node_position *at, int64_t *start_out);
    /* Takes records in offset order; offsets below K are replayed silently. */
    weir_error *(*apply)(weir_node *node, const weir_log_record *records, size_t count);
    /* An offset range that holds no record (control records, compaction), confirmed by the driver. Journals refuse. */
    weir_error *(*skip)(weir_node *node, int64_t first, int64_t next);
    weir_error *(*flush)(weir_node *node);
    void (*acked)(weir_node *node, uint64_t epoch);
    int64_t (*committable)(const weir_node *node); /* the position that may be committed */
    weir_error *(*committed)(weir_node *node, int64_t position);
    /* Alignment: min(event time, Kafka timestamp) of a record in microseconds. */
    int64_t (*order_time)(weir_node *node, const weir_log_record *record);
    /* Paced housekeeping (slice freezing, checkpoints); `idle` when no records wait. */
    weir_error *(*tick)(weir_node *node, int64_t monotonic_us, bool idle);
    void (*close)(weir_node *node); /* frees it; nothing is written that was not yet committed */
} weir_node_ops;

struct weir_node {
    const weir_node_ops *ops;
};
