/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_consumer.h - a member of the group, one queue per partition.
 *
 * Each assigned partition has a *lane*: its own queue, a buffer of records taken from it, and the
 * offset that must come next. A lane that is not filled is simply not read, so a partition can be
 * held back without pause or seek (which lose messages in librdkafka 2.0.2). Every record's offset
 * is checked: a jump is shown as a gap, behind which nothing is visible until the owner has judged
 * it. Assignment is eager (range): all lanes come and go together, each starts at the offset that
 * the owner names in the assigned() call.
 *
 * Owns:    its handle, lanes and the records in them.
 * Threads: one; calls back inside weir_kafka_consumer_serve and close.
 */
#pragma once

#include "ingest/kafka.h"
#include "ingest/kafka_producer.h"

typedef struct weir_kafka_consumer weir_kafka_consumer;

typedef struct weir_lane {
    weir_topic topic;
    int32_t partition;
    uint32_t index; /* among the lanes of this assignment */
    void *owner;    /* the driver's node */
    /* Records not yet taken: records[0 .. count). */
    const weir_log_record *records;
    size_t count;
    int64_t next;      /* offset behind the last record (or accepted gap): what must come next */
    int64_t committed; /* at assignment; -1: none */
    int64_t log_start, log_end; /* at assignment */
    int64_t
        end_seen; /* greatest end of the log seen: at assignment, or when it was read to its end */
    bool is_at_end; /* read to its end when last looked at */
    bool has_gap;   /* behind records[0 .. count): nothing between gap_first and gap_next */
    int64_t gap_first, gap_next;
    bool is_stopped; /* the owner gave it up */
    struct weir_lane_buffer *buffer;
} weir_lane;

typedef struct weir_consumer_options {
    const weir_kafka_options *kafka;
    const char *group;
    const char *instance_id; /* static membership; NULL: none */
    const char *const
        *topics; /* subscribed; numbered 0 .. topic_count as weir_topic by topic_numbers */
    const weir_topic *topic_numbers;
    size_t topic_count;
    int wake_fd;       /* an eventfd that becomes readable when something waits */
    int64_t gather_us; /* how long the broker may wait for more, where that saves requests */
    void *context;
    /* Partitions came: committed, log_start and log_end are set; sets lane->owner and lane->next.
     * On an error the member has nothing; serve hands the error up. */
    weir_error *(*assigned)(void *context, weir_lane *lanes, size_t count);
    /* They are about to go. is_lost: another member may have them already, committing is in vain.
     * After an error nothing more is assigned; serve hands it up. */
    weir_error *(*revoked)(void *context, bool is_lost);
    /* An asynchronous commit came through; failed ones are logged and tried again by the next. */
    void (*committed)(void *context, weir_lane *lane, int64_t offset);
} weir_consumer_options;

weir_error *weir_kafka_consumer_open(const weir_consumer_options *options,
                                     weir_kafka_consumer **consumer_out);
/* Calls revoked() where something is assigned, and leaves. `is_abrupt` does neither: for a restart
 * from L and K. */
void weir_kafka_consumer_close(weir_kafka_consumer *consumer, bool is_abrupt);

/* Serves rebalances, commits and errors; never waits. */
weir_error *weir_kafka_consumer_serve(weir_kafka_consumer *consumer);
/* Every lane is looked at again, whether news came or not: for ends that moved without a record. */
void weir_kafka_consumer_refresh(weir_kafka_consumer *consumer);
weir_lane *weir_kafka_consumer_lanes(weir_kafka_consumer *consumer, size_t *count_out);
bool weir_kafka_consumer_is_assigned(const weir_kafka_consumer *consumer);

/* Takes up to `max` records from the lane's queue into its buffer, if the buffer is empty. Looks
 * only where the library has told of something since, or the end may have moved (refresh). */
weir_error *weir_lane_fill(weir_kafka_consumer *consumer, weir_lane *lane, size_t max);
void weir_lane_drop(weir_lane *lane, size_t count); /* the first `count` records were taken */
/* A record that this process wrote was acknowledged. If it is what must come next, it need not be
 * read back: ingest/echo.h. Only for journals, where nothing but records has an offset. */
void weir_lane_echo(weir_lane *lane, int64_t offset, int64_t timestamp_us, weir_bytes value);
weir_error *weir_lane_accept_gap(weir_lane *lane); /* count must be 0 */

/* Commits positions: without waiting (one at a time; false in *sent_out while one is on its way),
 * or waiting. */
weir_error *weir_kafka_consumer_commit(weir_kafka_consumer *consumer, weir_lane *const *lanes,
                                       const int64_t *offsets, size_t count, bool *sent_out);
weir_error *weir_kafka_consumer_commit_wait(weir_kafka_consumer *consumer, weir_lane *const *lanes,
                                            const int64_t *offsets, size_t count);
/* Commits sent but not yet answered. */
bool weir_kafka_consumer_is_committing(const weir_kafka_consumer *consumer);

struct rd_kafka_s;
struct rd_kafka_s *weir_kafka_consumer_handle(weir_kafka_consumer *consumer); /* for transactions */
