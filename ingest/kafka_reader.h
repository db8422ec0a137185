/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_reader.h - reads given partitions from given offsets, without a group.
 *
 * For tail, prove, export, the follower of `weir serve`, and the second look at a gap. Records of
 * one partition come in offset order; partitions come as they arrive. A partition read to its end
 * says so by an item of its own, once each time, with the offset at which it ended: control records
 * and compaction make the last offset unpredictable.
 *
 * Owns:    its handle and, until the next poll, the records it handed out.
 * Threads: one thread at a time.
 */
#pragma once

#include "ingest/kafka.h"

typedef struct weir_kafka_reader weir_kafka_reader;

typedef struct weir_fetched {
    uint32_t source; /* number that weir_kafka_reader_add gave */
    bool is_end;     /* no record: the partition ended, record.offset is its next offset */
    weir_log_record record;
    const void *message; /* for weir_kafka_reader_headers */
} weir_fetched;

enum { WEIR_OFFSET_START = -2, WEIR_OFFSET_END = -1 };

weir_error *weir_kafka_reader_open(const weir_kafka_options *options,
                                   weir_kafka_reader **reader_out);
void weir_kafka_reader_close(weir_kafka_reader *reader); /* NULL is fine */

/* Number of partitions of a topic; fails if it does not exist. */
weir_error *weir_kafka_reader_count(weir_kafka_reader *reader, const char *topic,
                                    int32_t *count_out);

/* The offset behind a partition's last record, now. */
weir_error *weir_kafka_reader_end(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                  int64_t *end_out);

/* Adds a partition; `offset` or WEIR_OFFSET_START, WEIR_OFFSET_END. Fails if the topic does not
 * exist. */
weir_error *weir_kafka_reader_add(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                  int64_t offset, uint32_t *source_out);
const char *weir_kafka_reader_topic(const weir_kafka_reader *reader, uint32_t source);
int32_t weir_kafka_reader_partition(const weir_kafka_reader *reader, uint32_t source);

/*
 * Up to `max` items; waits up to timeout_ms for the first one. Count 0: nothing came. They live
 * until the next poll. An offset that is no longer there is an error (WEIR_E_LOG_TRUNCATED), not a
 * silent jump. While no broker can be reached nothing comes; *is_away_out (may be NULL) then turns
 * true.
 */
weir_error *weir_kafka_reader_poll(weir_kafka_reader *reader, size_t max, int timeout_ms,
                                   const weir_fetched **items_out, size_t *count_out,
                                   bool *is_away_out);

/*
 * The second look at a gap: which offset comes first at or after `offset`, be it a record or the
 * end? Reads one partition for a moment; not for readers that have sources of their own.
 */
weir_error *weir_kafka_reader_look(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                   int64_t offset, int timeout_ms, int64_t *seen_out);

/* Calls `visit` for each header of an item of the last poll. */
void weir_kafka_reader_headers(const weir_fetched *item,
                               void (*visit)(void *context, const char *name, weir_bytes value),
                               void *context);
