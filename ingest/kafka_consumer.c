/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka_consumer.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/echo.h"
#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"

/*
 * What stands behind a lane. Messages are taken from the queue in one batch, turned into records
 * one after the other until a jump of the offset stops the scan, and given back together before the
 * next batch.
 */
typedef struct weir_lane_buffer {
    rd_kafka_queue_t *queue;
    int wake_fd;
    atomic_bool has_news; /* something may be in the queue; it is costly to ask in vain */
    rd_kafka_message_t **messages;
    size_t message_count, scanned, capacity;
    weir_log_record *records;
    size_t record_count;
    int64_t read_next; /* what the queue must bring next; lane->next may be ahead by echoes */
    weir_echo echo;
} weir_lane_buffer;

struct weir_kafka_consumer {
    rd_kafka_t *handle;
    weir_consumer_options options;
    int timeout_ms;
    weir_lane *lanes;
    size_t lane_count;
    bool is_assigned, is_committing, is_abrupt;
    weir_error *failure; /* met inside a callback, handed up by serve */
};

static const char *const consumer_defaults[] = {
    "session.timeout.ms",
    "6000",
    "heartbeat.interval.ms",
    "2000",
    "queued.min.messages",
    "20000",
    "queued.max.messages.kbytes",
    "8192",
    "fetch.error.backoff.ms",
    "100",
    NULL,
};
static const char *const consumer_fixed[] = {
    "enable.auto.commit",
    "false",
    "enable.auto.offset.store",
    "false",
    "enable.partition.eof",
    "true",
    "auto.offset.reset",
    "error",
    "isolation.level",
    "read_committed", /* also of positions: K is not told while a dead worker's commit is in doubt
                       */
    "partition.assignment.strategy",
    "range",
    "allow.auto.create.topics",
    "false",
    NULL,
};

/* --- lanes --- */

static void lane_release(weir_lane_buffer *buffer)
{
    for (size_t i = 0; i < buffer->message_count; i++)
        rd_kafka_message_destroy(buffer->messages[i]);
    buffer->message_count = buffer->scanned = buffer->record_count = 0;
}

/* The queue is no longer empty; called by a thread of the library. */
static void on_news(rd_kafka_t *handle, void *opaque)
{
    (void)handle;
    static const uint64_t one = 1;
    weir_lane_buffer *buffer = opaque;
    if (atomic_exchange(&buffer->has_news, true))
        return; /* not taken up yet: who waits was woken */
    (void)!write(buffer->wake_fd, &one, sizeof one);
}

static void lanes_drop(weir_kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->lane_count; i++) {
        weir_lane_buffer *buffer = consumer->lanes[i].buffer;
        if (buffer == NULL) continue;
        lane_release(buffer);
        if (buffer->queue != NULL) {
            rd_kafka_queue_cb_event_enable(buffer->queue, NULL, NULL);
            rd_kafka_queue_destroy(buffer->queue);
        }
        free(buffer->messages);
        free(buffer->records);
        weir_echo_deinit(&buffer->echo);
        free(buffer);
    }
    free(consumer->lanes);
    consumer->lanes = NULL;
    consumer->lane_count = 0;
    consumer->is_assigned = false;
}

static weir_error *lane_judge(const weir_lane *lane, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return weir_error_new(WEIR_E_LOG_TRUNCATED,
                              "%s[%d] no longer holds offset %" PRId64
                              ", where reading has to go on: its retention has passed us, and "
                              "what was not read is gone; weir doctor says how much, "
                              "docs/runbooks/log-truncated.md what to do (%s)",
                              topic, lane->partition, lane->next, rd_kafka_message_errstr(message));
    default: return weir_kafka_failed(message->err, "reading %s[%d]", topic, lane->partition);
    }
}

/* A gap may also lie before the end of the partition, where control records stand last. */
static bool lane_meets_gap(weir_lane *lane, int64_t offset)
{
    if (offset <= lane->buffer->read_next) return false;
    lane->has_gap = true;
    lane->gap_first = lane->buffer->read_next;
    lane->gap_next = offset;
    return true;
}

/* Turns messages into records up to the next gap. */
static weir_error *lane_scan(weir_lane *lane)
{
    weir_lane_buffer *buffer = lane->buffer;
    for (; buffer->scanned < buffer->message_count; buffer->scanned++) {
        const rd_kafka_message_t *message = buffer->messages[buffer->scanned];
        bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err != 0 && !is_end) return lane_judge(lane, message);
        if (!is_end && message->offset < buffer->read_next) {
            return weir_error_new(WEIR_E_LOG_GAP,
                                  "%s[%d] gave offset %" PRId64 " again after %" PRId64,
                                  rd_kafka_topic_name(message->rkt), lane->partition,
                                  message->offset, buffer->read_next - 1);
        }
        if (lane_meets_gap(lane, message->offset)) break;
        lane->is_at_end = is_end;
        if (is_end) {
            if (message->offset > lane->end_seen) lane->end_seen = message->offset;
            continue;
        }
        buffer->read_next = message->offset + 1;
        if (message->offset < lane->next) continue; /* taken already, as an echo */
        buffer->records[buffer->record_count] = weir_kafka_record(message);
        weir_echo_check(&buffer->echo, &buffer->records[buffer->record_count++]);
        lane->next = message->offset + 1;
    }
    lane->count = buffer->record_count - (size_t)(lane->records - buffer->records);
    return NULL;
}

static const char *topic_name(const weir_kafka_consumer *consumer, weir_topic number);

/*
 * The library tells of a partition's end only when a fetch comes back empty, up to
 * fetch.wait.max.ms late. The end that came with the last fetch is known at once.
 */
static void lane_look_at_end(const weir_kafka_consumer *consumer, weir_lane *lane)
{
    int64_t start = 0, end = 0;
    if (rd_kafka_get_watermark_offsets(consumer->handle, topic_name(consumer, lane->topic),
                                       lane->partition, &start, &end) != 0 ||
        end < 0) {
        return;
    }
    if (end > lane->end_seen) lane->end_seen = end;
    /* What an earlier assignment left in the library's memory may be older than what we asked for.
     */
    if (end <= lane->next && lane->next >= lane->log_end) lane->is_at_end = true;
}

/* A batch of the lane's queue. */
static weir_error *lane_read(weir_lane *lane, size_t max)
{
    weir_lane_buffer *buffer = lane->buffer;
    lane_release(buffer);
    ssize_t got = rd_kafka_consume_batch_queue(buffer->queue, 0, buffer->messages, max);
    buffer->message_count = got > 0 ? (size_t)got : 0;
    /* Until it has been seen empty, the queue does not tell again. */
    if (buffer->message_count > 0) atomic_store(&buffer->has_news, true);
    return lane_scan(lane);
}

weir_error *weir_lane_fill(weir_kafka_consumer *consumer, weir_lane *lane, size_t max)
{
    if (lane->count > 0 || lane->has_gap || lane->is_stopped) return NULL;
    weir_lane_buffer *buffer = lane->buffer;
    lane_release(buffer);
    if (max > buffer->capacity) {
        buffer->capacity = max;
        buffer->messages = realloc(buffer->messages, max * sizeof(rd_kafka_message_t *));
        buffer->records = realloc(buffer->records, max * sizeof *buffer->records);
        WEIR_ASSERT(buffer->messages != NULL && buffer->records != NULL);
    }
    lane->records = buffer->records;
    bool was_read = false;
    while (lane->count == 0 && !lane->has_gap && atomic_exchange(&buffer->has_news, false)) {
        WEIR_TRY(lane_read(lane, max));
        was_read = true;
    }
    if (lane->count > 0 || lane->has_gap) return NULL;
    lane->count = weir_echo_take(&buffer->echo, lane->next, buffer->records, max);
    lane->next += (int64_t)lane->count;
    if (lane->count == 0 && was_read) lane_look_at_end(consumer, lane);
    return NULL;
}

void weir_lane_echo(weir_lane *lane, int64_t offset, int64_t timestamp_us, weir_bytes value)
{
    if (lane->is_stopped || lane->has_gap) return;
    (void)weir_echo_offer(&lane->buffer->echo, lane->next, offset, timestamp_us, value);
}

void weir_lane_drop(weir_lane *lane, size_t count)
{
    WEIR_ASSERT(count <= lane->count);
    lane->records += count;
    lane->count -= count;
}

weir_error *weir_lane_accept_gap(weir_lane *lane)
{
    WEIR_ASSERT(lane->has_gap && lane->count == 0);
    lane->has_gap = false;
    lane->buffer->read_next = lane->gap_next;
    if (lane->next < lane->gap_next) lane->next = lane->gap_next;
    return lane_scan(lane);
}

/* --- assignment --- */

static weir_topic topic_number(const weir_kafka_consumer *consumer, const char *name)
{
    const weir_consumer_options *options = &consumer->options;
    for (size_t i = 0; i < options->topic_count; i++) {
        if (strcmp(options->topics[i], name) == 0) return options->topic_numbers[i];
    }
    return UINT32_MAX;
}

static const char *topic_name(const weir_kafka_consumer *consumer, weir_topic number)
{
    const weir_consumer_options *options = &consumer->options;
    for (size_t i = 0; i < options->topic_count; i++) {
        if (options->topic_numbers[i] == number) return options->topics[i];
    }
    WEIR_UNREACHABLE();
}

static weir_error *lane_open(weir_kafka_consumer *consumer, weir_lane *lane,
                             const rd_kafka_topic_partition_t *part)
{
    *lane = (weir_lane){.topic = topic_number(consumer, part->topic),
                        .partition = part->partition,
                        .index = (uint32_t)(lane - consumer->lanes),
                        .committed = part->offset >= 0 ? part->offset : -1,
                        .next = -1};
    if (part->err != 0) {
        return weir_kafka_failed(part->err, "reading what was committed for %s[%d]", part->topic,
                                 part->partition);
    }
    WEIR_ASSERT(lane->topic != UINT32_MAX);
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(consumer->handle, part->topic, part->partition,
                                         &lane->log_start, &lane->log_end, consumer->timeout_ms);
    if (code != 0) {
        return weir_kafka_failed(code, "asking for the ends of %s[%d]", part->topic,
                                 part->partition);
    }
    lane->end_seen = lane->log_end;
    lane->buffer = calloc(1, sizeof *lane->buffer);
    WEIR_ASSERT(lane->buffer != NULL);
    lane->buffer->queue =
        rd_kafka_queue_get_partition(consumer->handle, part->topic, part->partition);
    if (lane->buffer->queue == NULL) {
        return weir_error_new(WEIR_E_KAFKA, "no queue for %s[%d]", part->topic, part->partition);
    }
    /* Out of the consumer's common queue, before the assignment starts to fetch. */
    rd_kafka_queue_forward(lane->buffer->queue, NULL);
    lane->buffer->wake_fd = consumer->options.wake_fd;
    lane->buffer->has_news = true;
    rd_kafka_queue_cb_event_enable(lane->buffer->queue, on_news, lane->buffer);
    return NULL;
}

static weir_error *lanes_open(weir_kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    consumer->lanes = calloc((size_t)list->cnt + 1, sizeof *consumer->lanes);
    WEIR_ASSERT(consumer->lanes != NULL);
    if (list->cnt > 0) {
        rd_kafka_resp_err_t code = rd_kafka_committed(consumer->handle, list, consumer->timeout_ms);
        if (code != 0) return weir_kafka_failed(code, "reading what was committed");
    }
    for (int i = 0; i < list->cnt; i++) {
        consumer->lane_count = (size_t)i + 1;
        WEIR_TRY(lane_open(consumer, &consumer->lanes[i], &list->elems[i]));
    }
    WEIR_TRY(consumer->options.assigned(consumer->options.context, consumer->lanes,
                                        consumer->lane_count));
    for (int i = 0; i < list->cnt; i++) {
        WEIR_ASSERT(consumer->lanes[i].next >= 0);
        list->elems[i].offset = consumer->lanes[i].next;
        consumer->lanes[i].buffer->read_next = consumer->lanes[i].next;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer->handle, list);
    if (code != 0) return weir_kafka_failed(code, "taking partitions");
    consumer->is_assigned = true;
    return NULL;
}

static void lanes_lose(weir_kafka_consumer *consumer)
{
    if (consumer->is_assigned && !consumer->is_abrupt) {
        WEIR_ASSERT(consumer->failure == NULL); /* whoever met one has no lanes left */
        consumer->failure = consumer->options.revoked(consumer->options.context,
                                                      rd_kafka_assignment_lost(consumer->handle));
    }
    lanes_drop(consumer);
    (void)rd_kafka_assign(consumer->handle, NULL);
}

static void on_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weir_kafka_consumer *consumer = opaque;
    consumer->handle = handle;
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || consumer->failure != NULL ||
        consumer->is_abrupt) {
        lanes_lose(consumer);
        return;
    }
    consumer->failure = lanes_open(consumer, list);
    if (consumer->failure != NULL) {
        lanes_drop(consumer);
        (void)rd_kafka_assign(handle, NULL);
    }
}

static weir_lane *lane_find(weir_kafka_consumer *consumer, const char *topic, int32_t partition)
{
    weir_topic number = topic_number(consumer, topic);
    for (size_t i = 0; i < consumer->lane_count; i++) {
        weir_lane *lane = &consumer->lanes[i];
        if (lane->topic == number && lane->partition == partition) return lane;
    }
    return NULL;
}

static void commits_tell(weir_kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[i];
        weir_lane *lane = lane_find(consumer, part->topic, part->partition);
        if (lane == NULL || part->err != 0 || part->offset < 0) continue;
        lane->committed = part->offset;
        consumer->options.committed(consumer->options.context, lane, part->offset);
    }
}

static void on_commit(rd_kafka_t *handle, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    (void)handle;
    weir_kafka_consumer *consumer = opaque;
    consumer->is_committing = false;
    if (code == 0) commits_tell(consumer, list);
}

/* --- life --- */

static weir_error *conf_make(const weir_consumer_options *options, weir_kafka_consumer *consumer,
                             rd_kafka_conf_t **conf_out)
{
    rd_kafka_conf_t *conf = NULL;
    /* The broker lets events gather and answers a few large fetches. What this worker writes to
     * journals itself need not come by this road. */
    bool gathers = options->gather_us >= 1000;
    char wait_ms[24];
    (void)snprintf(wait_ms, sizeof wait_ms, "%" PRId64, options->gather_us / 1000);
    const char *defaults[sizeof consumer_defaults / sizeof *consumer_defaults + 4] = {
        "fetch.wait.max.ms", gathers ? wait_ms : "100", "fetch.min.bytes",
        gathers ? "524288" : "1"};
    memcpy(defaults + 4, consumer_defaults, sizeof consumer_defaults);
    WEIR_TRY(weir_kafka_conf(options->kafka, defaults, consumer_fixed, &conf));
    (void)rd_kafka_conf_set(conf, "group.id", options->group, NULL, 0);
    if (options->instance_id != NULL) {
        (void)rd_kafka_conf_set(conf, "group.instance.id", options->instance_id, NULL, 0);
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rd_kafka_conf_set_opaque(conf, consumer);
    *conf_out = conf;
    return NULL;
}

static weir_error *subscribe(weir_kafka_consumer *consumer)
{
    const weir_consumer_options *options = &consumer->options;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)options->topic_count);
    for (size_t i = 0; i < options->topic_count; i++) {
        rd_kafka_topic_partition_list_add(list, options->topics[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 ? NULL : weir_kafka_failed(code, "joining group %s", options->group);
}

weir_error *weir_kafka_consumer_open(const weir_consumer_options *options,
                                     weir_kafka_consumer **consumer_out)
{
    weir_kafka_consumer *consumer = calloc(1, sizeof *consumer);
    WEIR_ASSERT(consumer != NULL);
    consumer->options = *options;
    consumer->timeout_ms = weir_kafka_timeout(options->kafka);
    rd_kafka_conf_t *conf = NULL;
    weir_error *error = conf_make(options, consumer, &conf);
    if (error == NULL) error = weir_kafka_handle(conf, false, &consumer->handle);
    if (error != NULL) {
        free(consumer);
        return error;
    }
    static const uint64_t one = 1;
    (void)rd_kafka_poll_set_consumer(consumer->handle);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer->handle);
    rd_kafka_queue_io_event_enable(queue, options->wake_fd, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
    error = subscribe(consumer);
    if (error != NULL) {
        weir_kafka_consumer_close(consumer, true);
        return error;
    }
    *consumer_out = consumer;
    return NULL;
}

void weir_kafka_consumer_close(weir_kafka_consumer *consumer, bool is_abrupt)
{
    if (consumer == NULL) return;
    consumer->is_abrupt = is_abrupt;
    if (is_abrupt) lanes_drop(consumer);
    (void)rd_kafka_consumer_close(consumer->handle);
    lanes_drop(consumer);
    weir_kafka_destroy(consumer->handle);
    weir_error_free(consumer->failure);
    free(consumer);
}

static weir_error *serve_error(weir_kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    char why[300];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->handle, why, sizeof why);
    if (fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        return weir_error_new(WEIR_E_SETTINGS,
                              "another worker has joined as %s; give each its own --worker-id",
                              consumer->options.instance_id);
    }
    if (fatal != 0) return weir_kafka_failed(fatal, "the group member gave up: %s", why);
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return weir_kafka_failed(message->err, "reading as group %s: %s", consumer->options.group,
                                 rd_kafka_message_errstr(message));
    default: return NULL; /* brokers come and go, polls came late: the library mends it */
    }
}

weir_error *weir_kafka_consumer_serve(weir_kafka_consumer *consumer)
{
    weir_error *error = NULL;
    for (int i = 0; i < 16 && error == NULL && consumer->failure == NULL; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->handle, 0);
        if (message == NULL) break;
        /* Records go to the lanes' queues; what comes here tells of errors. */
        WEIR_ASSERT(message->err != 0);
        error = serve_error(consumer, message);
        rd_kafka_message_destroy(message);
    }
    if (error == NULL) {
        error = consumer->failure;
        consumer->failure = NULL;
    }
    return error;
}

void weir_kafka_consumer_refresh(weir_kafka_consumer *consumer)
{
    for (size_t i = 0; i < consumer->lane_count; i++)
        atomic_store_explicit(&consumer->lanes[i].buffer->has_news, true, memory_order_relaxed);
}

weir_lane *weir_kafka_consumer_lanes(weir_kafka_consumer *consumer, size_t *count_out)
{
    *count_out = consumer->lane_count;
    return consumer->lanes;
}

bool weir_kafka_consumer_is_assigned(const weir_kafka_consumer *consumer)
{
    return consumer->is_assigned;
}

/* --- commits --- */

static rd_kafka_topic_partition_list_t *offsets_list(const weir_kafka_consumer *consumer,
                                                     weir_lane *const *lanes,
                                                     const int64_t *offsets, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic_name(consumer, lanes[i]->topic),
                                          lanes[i]->partition)
            ->offset = offsets[i];
    }
    return list;
}

weir_error *weir_kafka_consumer_commit(weir_kafka_consumer *consumer, weir_lane *const *lanes,
                                       const int64_t *offsets, size_t count, bool *sent_out)
{
    *sent_out = false;
    if (count == 0 || consumer->is_committing) return NULL;
    rd_kafka_topic_partition_list_t *list = offsets_list(consumer, lanes, offsets, count);
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer->handle, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != 0) return weir_kafka_failed(code, "committing positions");
    *sent_out = consumer->is_committing = true;
    return NULL;
}

weir_error *weir_kafka_consumer_commit_wait(weir_kafka_consumer *consumer, weir_lane *const *lanes,
                                            const int64_t *offsets, size_t count)
{
    if (count == 0) return NULL;
    rd_kafka_topic_partition_list_t *list = offsets_list(consumer, lanes, offsets, count);
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer->handle, list, 0);
    if (code == 0) commits_tell(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 ? NULL : weir_kafka_failed(code, "committing positions");
}

bool weir_kafka_consumer_is_committing(const weir_kafka_consumer *consumer)
{
    return consumer->is_committing;
}

rd_kafka_t *weir_kafka_consumer_handle(weir_kafka_consumer *consumer) { return consumer->handle; }
