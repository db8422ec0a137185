/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_producer.h - sends batches, and knows what became of each message.
 *
 * Messages are staged per partition and handed to librdkafka in batches of one partition (0.4 us a
 * message against 1.1 singly). The producer is idempotent and gapless and never times out: an order
 * once given stays, however long brokers are away. So a failed delivery is final: from then on
 * every call fails with that error, and the owner throws the producer away together with all memory
 * that relied on it (ingest/node.h).
 *
 * A message carries a `tag` that comes back when it was acknowledged, with its offset.
 *
 * Owns:    its handle and what is staged. Closing purges: what was not acknowledged may or may not
 * be in the log. Threads: one thread at a time; `delivered` is called inside poll, send, flush and
 * the transaction calls.
 */
#pragma once

#include "ingest/kafka.h"

typedef struct weir_kafka_producer weir_kafka_producer;

typedef struct weir_delivery {
    uint64_t tag;
    weir_topic topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_us; /* the log's own (LogAppendTime); INT64_MIN: the broker did not tell */
    weir_bytes value;     /* lives until the call returns */
} weir_delivery;

typedef struct weir_producer_options {
    const weir_kafka_options *kafka;
    const char *transactional_id; /* NULL: idempotent only */
    int transaction_timeout_ms;   /* then the broker ends a transaction that its owner left open */
    void *context;
    void (*delivered)(void *context, const weir_delivery *delivery); /* may be NULL */
    int wake_fd;    /* an eventfd that becomes readable when deliveries wait; -1: none */
    bool is_prompt; /* for few messages at a time: they do not linger for others */
} weir_producer_options;

weir_error *weir_kafka_producer_open(const weir_producer_options *options,
                                     weir_kafka_producer **producer_out);
void weir_kafka_producer_close(weir_kafka_producer *producer); /* NULL is fine */

/* Names topic number `topic`, asks the broker for its partitions and fails if it does not exist. */
weir_error *weir_kafka_producer_topic(weir_kafka_producer *producer, weir_topic topic,
                                      const char *name);
int32_t weir_kafka_producer_partitions(const weir_kafka_producer *producer, weir_topic topic);

/* Stages one message; key and value are copied. timestamp_ms 0: now (the cheap way). */
weir_error *weir_kafka_producer_add(weir_kafka_producer *producer, weir_topic topic,
                                    int32_t partition, weir_bytes key, weir_bytes value,
                                    int64_t timestamp_ms, uint64_t tag);
/* Hands a batch of each partition to the library, unless one is on its way already: then poll()
 * does, once that is acknowledged. Waits while far too much is staged. */
weir_error *weir_kafka_producer_send(weir_kafka_producer *producer);
/* Serves delivery reports, waiting up to timeout_ms for the first, and sends what waited for them.
 */
weir_error *weir_kafka_producer_poll(weir_kafka_producer *producer, int timeout_ms);
/* Nothing is staged or on its way for this partition: what is added now goes out with the next
 * send.
 */
bool weir_kafka_producer_is_free(const weir_kafka_producer *producer, weir_topic topic,
                                 int32_t partition);
/* What lingers goes out now; serves delivery reports. Waits, a millisecond or two at most. */
weir_error *weir_kafka_producer_hasten(weir_kafka_producer *producer);
/* Messages staged or sent, not yet acknowledged; and their bytes. */
size_t weir_kafka_producer_pending(const weir_kafka_producer *producer);
size_t weir_kafka_producer_pending_bytes(const weir_kafka_producer *producer);
/* Sends and waits until nothing is pending, at most timeout_ms (WEIR_E_TIMEOUT). */
weir_error *weir_kafka_producer_flush(weir_kafka_producer *producer, int timeout_ms);

/* Transactions. A failure of any of these is final, too: the outcome may be unknown. */
typedef struct weir_kafka_position {
    const char *topic;
    int32_t partition;
    int64_t offset;
} weir_kafka_position;
struct weir_kafka_consumer;
weir_error *weir_kafka_transaction_begin(weir_kafka_producer *producer);
/* All deliveries must be in. Positions are committed for the consumer's group, fenced by its
 * generation. */
weir_error *weir_kafka_transaction_commit(weir_kafka_producer *producer,
                                          struct weir_kafka_consumer *consumer,
                                          const weir_kafka_position *positions, size_t count);
