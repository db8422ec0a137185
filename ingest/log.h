/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - the log as the worker sees it: records in, outputs out, acknowledgements as events.
 *
 * Three logs implement it: Kafka (ingest/kafka*.c; the mock cluster is Kafka too), a file (weir
 * eval) and the simulation (tests/sim). The worker never calls a log: it is *given* records, it
 * hands outputs to a port, and it is told what became durable. That is what makes a crash at every
 * step testable.
 */
#pragma once

#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

/* One record of a partition. The bytes live until the call that hands it over returns. */
typedef struct weir_log_record {
    int64_t offset;
    int64_t timestamp_us; /* Kafka's timestamp (ms) in microseconds; INT64_MIN if it has none */
    weir_bytes key;       /* data NULL: no key */
    weir_bytes value;     /* data NULL: a tombstone */
} weir_log_record;

/* Topics are numbered by the worker's topic table (ingest/topics.h), so that the hot path compares
 * integers. */
typedef uint32_t weir_topic;

enum { WEIR_PARTITION_BY_KEY = -1 }; /* murmur2 of the key, as Java's default partitioner */

/*
 * One record to be written, or one hop copy. The port copies key and value before it returns.
 * Copies of one partition are packed by the port, in the order in which all nodes of a thread sent
 * them, into one record per batch (ingest/packer.h): nodes that take turns in event-time order
 * would otherwise write one pack each, and undo it.
 */
typedef struct weir_output {
    weir_topic topic;
    int32_t partition;
    weir_bytes
        key; /* of a record; a copy's key only chooses the partition (WEIR_PARTITION_BY_KEY) */
    weir_bytes value;
    weir_bytes head;       /* of a copy: what it has in common with others, said once per pack */
    uint64_t epoch;        /* of the sending node: comes back in its ops->acked() */
    bool is_transactional; /* a score: goes into the transaction under `delivery transactional` */
    bool is_copy;          /* value is one copy, to be packed */
} weir_output;

typedef struct weir_output_port {
    void *context;
    weir_error *(*send)(void *context, const weir_output *output);
    /* Number of partitions of a topic: what WEIR_PARTITION_BY_KEY is taken modulo. */
    int32_t (*partition_count)(void *context, weir_topic topic);
} weir_output_port;
