/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - the worker as single-threaded state machines, one per partition.
 *
 * An *observe* node consumes a partition of a source topic, a *fold* node one of a journal. A
 * driver (Kafka, file, simulation) owns threads, sockets and order: it opens a node at its
 * committed position, hands it records in batches, tells it which outputs were acknowledged and
 * which position was committed, and closes it. Nodes know no Kafka, clock or thread; fold nodes
 * reach their store through weir_store_port.
 *
 * Epochs. apply() may be called several times; flush() ends the batch: all outputs since the last
 * flush belong to one *epoch*. When every output of an epoch is acknowledged (the counts of acked()
 * add up to the sends), and so are those of all earlier epochs, the node's committable position
 * moves behind that batch. The driver commits it (K) and reports committed(); only then may a fold
 * write slices with L_s <= K (always L <= K).
 *
 * Turns. The nodes of one level take turns in the order of event time (architecture.md, Alignment),
 * so a packed record may be taken in part: the next apply() then begins with the same record, and
 * the node goes on where it stopped. Committable never lies behind a record of which a part is not
 * taken.
 *
 * Any failed delivery is fatal to the node's memory: the driver discards the producer and all nodes
 * that sent through it and opens them anew.
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

/* One call of apply(): how far it may go, and how far it came. */
typedef struct weir_node_turn {
    int64_t until_us;     /* in: INT64_MAX takes all */
    size_t taken;         /* out: records wholly taken */
    uint32_t event_count; /* out: events taken, for pace and metrics */
    int64_t greatest_us;  /* out: greatest order time taken, INT64_MIN if none */
    int64_t next_us;      /* out: order time of the first event not taken; INT64_MAX: all taken */
} weir_node_turn;

typedef struct weir_node_ops {
    const char *kind; /* "observe", "fold" */
    /* Opens; *start_out is the offset to read from (fold: L). Refuses with the exact remedy
     * (architecture.md). */
    weir_error *(*open)(weir_node *node, const weir_node_position *at, int64_t *start_out);
    /*
     * Takes records in offset order up to, and not including, the first event whose order time is
     * greater than turn->until_us; offsets below K are replayed silently. turn says how far it
     * came.
     */
    weir_error *(*apply)(weir_node *node, const weir_log_record *records, size_t count,
                         weir_node_turn *turn);
    /* An offset range that holds no record (control records, compaction), confirmed by the driver.
     * Journals refuse. */
    weir_error *(*skip)(weir_node *node, int64_t first, int64_t next);
    weir_error *(*flush)(weir_node *node);
    void (*acked)(weir_node *node, uint64_t epoch, uint32_t count);
    int64_t (*committable)(const weir_node *node); /* the position that may be committed */
    weir_error *(*committed)(weir_node *node, int64_t position);
    /* Order time of a record's first event not yet taken: min(event time, Kafka timestamp),
     * microseconds. What has none (a definition record, poison) is INT64_MIN: taken at once. */
    int64_t (*order_time)(weir_node *node, const weir_log_record *record);
    /* Paced housekeeping (slice freezing, checkpoints); `idle` when no records wait. */
    weir_error *(*tick)(weir_node *node, int64_t monotonic_us, bool idle);
    void (*close)(weir_node *node); /* frees it; nothing is written that was not yet committed */
} weir_node_ops;

struct weir_node {
    const weir_node_ops *ops;
};
