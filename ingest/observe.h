/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.h - the first node: takes a partition of a source topic, checks the contract, copies to a
 * journal.
 *
 * Stateless. Each record is unframed, decoded, checked (`expect`, `future`), and one copy
 * (ingest/journal.h) goes to the journal of the first entity of `observed by` whose key is not null
 * (R2). What fails becomes a dead letter with its reason and original bytes. Both are pure
 * functions of the record, so that what is sent again after a crash is the same bytes to the same
 * partition. If several streams read one topic, each is served in the plan's order.
 *
 * Threads: one.
 */
#pragma once

#include "ingest/node.h"
#include "ingest/schema_source.h"
#include "ingest/topics.h"

typedef struct weir_observe_options {
    const weir_topics *topics; /* and with it the plan; outlives the node, like all below */
    weir_topic topic;          /* a source */
    int32_t partition;
    const weir_output_port *port;
    const weir_schema_source *schemas;
    bool serves_one_stream; /* files name the stream of each event: only `stream` */
    uint32_t stream;
} weir_observe_options;

/* Fails where the plan's expressions can not be bound; contract errors of records never fail.
 * Opened by ops->open. */
weir_error *weir_observe_create(const weir_observe_options *options, weir_node **node_out);

/* Why a record became a dead letter: stable names (weir_dead_reason_name). */
typedef enum weir_dead_reason {
    WEIR_DEAD_BAD_FRAME,  /* no Confluent framing, or a null value                         */
    WEIR_DEAD_BAD_SCHEMA, /* the id is unknown, or the schema does not resolve              */
    WEIR_DEAD_BAD_AVRO,   /* truncated, trailing bytes, over a limit, bad UTF-8, ...        */
    WEIR_DEAD_BAD_NUMBER, /* R10                                                            */
    WEIR_DEAD_EXPECT,     /* an `expect` is false or null                                   */
    WEIR_DEAD_FUTURE,     /* event time > ingest time + future (R8)                         */
    WEIR_DEAD_NO_KEY,     /* the keys of all entities are null                              */
    WEIR_DEAD_OVERSIZED,  /* larger than WEIR_EVENT_BYTES_MAX                               */
    WEIR_DEAD_BAD_VALUE,  /* file sources only: the line does not fit the stream's schema   */
    WEIR_DEAD_REASON_COUNT,
} weir_dead_reason;
const char *weir_dead_reason_name(weir_dead_reason reason);

enum { WEIR_EVENT_BYTES_MAX = 1 << 20 };

typedef struct weir_observe_counters {
    uint64_t records; /* taken                                             */
    uint64_t copies;  /* sent to a journal                                  */
    uint64_t dead[WEIR_DEAD_REASON_COUNT];
    uint64_t nulled_numbers; /* bad numbers that became null in optional fields */
} weir_observe_counters;

const weir_observe_counters *weir_observe_counted(const weir_node *node);
