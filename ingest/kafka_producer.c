/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka_producer.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ingest/kafka_consumer.h"
#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"

/*
 * A partition has one batch on its way at a time: what comes meanwhile is staged here, and goes out
 * with the next batch. The library would not send it sooner (an idempotent producer has five
 * messages or one batch in flight per partition), but while it holds messages that it may not send,
 * its thread polls without pause: half of a busy worker's CPU. So batches grow with the load by
 * themselves.
 */
enum {
    COORDINATOR_TIMEOUT_MS = 30000,   /* longest wait; between two of our calls a setting holds */
    BATCH_MESSAGES_MAX = 10000,       /* no more than the library puts into one request: */
    BATCH_BYTES_MAX = 900000,         /* the rest would make it spin                     */
    STAGED_BYTES_MAX = 256 * 1048576, /* then send() waits */
};

/* A message waiting in the staging buffer: places, since the buffer may move. */
typedef struct staged {
    size_t key_at, key_size;
    size_t value_at, value_size;
    int64_t timestamp_ms;
    uint64_t tag;
    bool has_key, has_value;
} staged;

/* What is staged for one partition, messages[first .. count), and what of it is on its way. */
typedef struct lane {
    weir_topic topic;
    int32_t partition;
    bool is_active, has_timestamps;
    staged *messages;
    size_t first, count, capacity;
    weir_buffer bytes; /* keys and values */
    size_t in_flight;  /* messages */
} lane;

typedef struct producer_topic {
    rd_kafka_topic_t *handle;
    int32_t partitions;
    uint32_t *lanes; /* per partition: index + 1 into producer->lanes; 0: none yet */
} producer_topic;

struct weir_kafka_producer {
    rd_kafka_t *handle;
    int timeout_ms;
    void *context;
    void (*delivered)(void *context, const weir_delivery *delivery);
    producer_topic *topics;
    size_t topic_count;
    lane *lanes;
    size_t lane_count, lane_capacity;
    uint32_t *active; /* lanes with something staged */
    size_t active_count;
    size_t staged_bytes;
    rd_kafka_message_t *batch;
    size_t batch_capacity;
    size_t pending, pending_bytes;
    bool is_transactional;
    int failed_code; /* of the first delivery that failed */
    char failed_where[300];
};

static const char *const idempotent_defaults[] = {
    "queue.buffering.max.messages",
    "2000000",
    "queue.buffering.max.kbytes",
    "1048576",
    "batch.num.messages",
    "10000",
    "message.max.bytes",
    "4194304",
    "batch.size",
    "1000000",
    NULL,
};
/*
 * While a batch is handed over, message by message, the library's thread must not send the first
 * part of it, or it spins until that is acknowledged, with the rest in hand: it lingers for longer
 * than handing over takes. A single message cannot be torn apart.
 */
static const char *const linger_default = "3";
static const char *const linger_prompt = "0";

static const char *const idempotent_fixed[] = {
    "enable.idempotence",
    "true",
    "enable.gapless.guarantee",
    "true",
    "message.timeout.ms",
    "0",
    NULL,
};
static const char *const transactional_fixed[] = {"enable.idempotence", "true", NULL};

static lane *lane_of(weir_kafka_producer *producer, weir_topic topic, int32_t partition)
{
    return &producer->lanes[producer->topics[topic].lanes[partition] - 1];
}

/* What the library itself put on the message need not be what the log says. */
static int64_t timestamp_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? ms * 1000 : INT64_MIN;
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    (void)handle;
    weir_kafka_producer *producer = opaque;
    WEIR_ASSERT(producer->pending > 0);
    producer->pending--;
    producer->pending_bytes -= message->len + message->key_len;
    weir_topic topic = (weir_topic)(uintptr_t)rd_kafka_topic_opaque(message->rkt);
    lane *from = lane_of(producer, topic, message->partition);
    WEIR_ASSERT(from->in_flight > 0);
    from->in_flight--;
    if (message->err != 0) {
        if (producer->failed_code != 0) return;
        producer->failed_code = message->err;
        (void)snprintf(producer->failed_where, sizeof producer->failed_where, "%s[%d]",
                       rd_kafka_topic_name(message->rkt), message->partition);
        return;
    }
    if (producer->delivered == NULL) return;
    weir_delivery delivery = {.tag = (uint64_t)(uintptr_t)message->_private,
                              .topic = topic,
                              .partition = message->partition,
                              .offset = message->offset,
                              .timestamp_us = timestamp_of(message),
                              .value = {message->payload, message->len}};
    producer->delivered(producer->context, &delivery);
}

/* The library writes to wake_fd whenever its event queue stops being empty. */
static void wake_enable(rd_kafka_t *handle, int wake_fd)
{
    if (wake_fd < 0) return;
    static const uint64_t one = 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(handle);
    rd_kafka_queue_io_event_enable(queue, wake_fd, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
}

static void transactions_conf(rd_kafka_conf_t *conf, const weir_producer_options *options)
{
    char timeout[16];
    WEIR_ASSERT(options->transaction_timeout_ms > 0);
    (void)snprintf(timeout, sizeof timeout, "%d", options->transaction_timeout_ms);
    (void)rd_kafka_conf_set(conf, "transactional.id", options->transactional_id, NULL, 0);
    (void)rd_kafka_conf_set(conf, "transaction.timeout.ms", timeout, NULL, 0);
}

weir_error *weir_kafka_producer_open(const weir_producer_options *options,
                                     weir_kafka_producer **producer_out)
{
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *handle = NULL;
    bool is_transactional = options->transactional_id != NULL;
    const char *defaults[sizeof idempotent_defaults / sizeof *idempotent_defaults + 2] = {
        "linger.ms", options->is_prompt ? linger_prompt : linger_default};
    memcpy(defaults + 2, idempotent_defaults, sizeof idempotent_defaults);
    WEIR_TRY(weir_kafka_conf(options->kafka, defaults,
                             is_transactional ? transactional_fixed : idempotent_fixed, &conf));
    if (is_transactional) transactions_conf(conf, options);
    weir_kafka_producer *producer = calloc(1, sizeof *producer);
    WEIR_ASSERT(producer != NULL);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, producer);
    weir_error *error = weir_kafka_handle(conf, true, &handle);
    if (error != NULL) {
        free(producer);
        return error;
    }
    producer->handle = handle;
    producer->timeout_ms = weir_kafka_timeout(options->kafka);
    producer->context = options->context;
    producer->delivered = options->delivered;
    producer->is_transactional = is_transactional;
    wake_enable(handle, options->wake_fd);
    *producer_out = producer;
    if (!is_transactional) return NULL;
    error = weir_kafka_failure(rd_kafka_init_transactions(handle, producer->timeout_ms * 3),
                               "opening transactions as %s", options->transactional_id);
    if (error != NULL) weir_kafka_producer_close(producer);
    return error;
}

void weir_kafka_producer_close(weir_kafka_producer *producer)
{
    if (producer == NULL) return;
    producer->delivered = NULL;
    (void)rd_kafka_purge(producer->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                               RD_KAFKA_PURGE_F_NON_BLOCKING);
    (void)rd_kafka_poll(producer->handle, 0);
    for (size_t i = 0; i < producer->topic_count; i++) {
        if (producer->topics[i].handle != NULL) rd_kafka_topic_destroy(producer->topics[i].handle);
    }
    weir_kafka_destroy(producer->handle);
    for (size_t i = 0; i < producer->topic_count; i++)
        free(producer->topics[i].lanes);
    for (size_t i = 0; i < producer->lane_count; i++) {
        free(producer->lanes[i].messages);
        weir_buffer_deinit(&producer->lanes[i].bytes);
    }
    free(producer->topics);
    free(producer->lanes);
    free(producer->active);
    free(producer->batch);
    free(producer);
}

static weir_error *failure_of(const weir_kafka_producer *producer)
{
    if (producer->failed_code == 0) return NULL;
    return weir_kafka_failed(producer->failed_code, "writing to %s", producer->failed_where);
}

/* --- topics --- */

/* 0: the broker that we asked does not know the topic. */
static weir_error *partitions_ask(weir_kafka_producer *producer, const char *name,
                                  int32_t *count_out)
{
    const rd_kafka_metadata_t *metadata = NULL;
    /* Everything, since asking for one missing topic would create it with the broker's defaults. */
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(producer->handle, 1, NULL, &metadata, producer->timeout_ms);
    if (code != 0) return weir_kafka_failed(code, "looking up topic %s", name);
    *count_out = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, name) == 0 && metadata->topics[i].err == 0) {
            *count_out = metadata->topics[i].partition_cnt;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return NULL;
}

/* Of several brokers one may hear of a topic a moment after another has told that it is there. */
static weir_error *partitions_get(weir_kafka_producer *producer, const char *name,
                                  int32_t *count_out)
{
    enum { TRIES = 20, PAUSE_US = 100000 };
    for (int i = 0; i < TRIES; i++) {
        WEIR_TRY(partitions_ask(producer, name, count_out));
        if (*count_out > 0) return NULL;
        usleep(PAUSE_US);
    }
    return weir_error_new(WEIR_E_NOT_APPLIED,
                          "topic %s does not exist; run `weir apply` to create it", name);
}

weir_error *weir_kafka_producer_topic(weir_kafka_producer *producer, weir_topic topic,
                                      const char *name)
{
    if (topic >= producer->topic_count) {
        producer->topics = realloc(producer->topics, (topic + 1) * sizeof *producer->topics);
        WEIR_ASSERT(producer->topics != NULL);
        memset(producer->topics + producer->topic_count, 0,
               (topic + 1 - producer->topic_count) * sizeof *producer->topics);
        producer->topic_count = topic + 1;
    }
    producer_topic *slot = &producer->topics[topic];
    WEIR_ASSERT(slot->handle == NULL);
    WEIR_TRY(partitions_get(producer, name, &slot->partitions));
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(producer->handle);
    rd_kafka_topic_conf_set_opaque(conf, (void *)(uintptr_t)topic);
    slot->handle = rd_kafka_topic_new(producer->handle, name, conf);
    if (slot->handle == NULL) return weir_kafka_failed(rd_kafka_last_error(), "topic %s", name);
    slot->lanes = calloc((size_t)slot->partitions, sizeof *slot->lanes);
    WEIR_ASSERT(slot->lanes != NULL);
    /* The first message to an unknown topic waits up to a second: warm the metadata. */
    const rd_kafka_metadata_t *metadata = NULL;
    if (rd_kafka_metadata(producer->handle, 0, slot->handle, &metadata, producer->timeout_ms) ==
        0) {
        rd_kafka_metadata_destroy(metadata);
    }
    return NULL;
}

int32_t weir_kafka_producer_partitions(const weir_kafka_producer *producer, weir_topic topic)
{
    WEIR_ASSERT(topic < producer->topic_count && producer->topics[topic].handle != NULL);
    return producer->topics[topic].partitions;
}

/* --- staging and sending --- */

static lane *lane_get(weir_kafka_producer *producer, weir_topic topic, int32_t partition)
{
    producer_topic *slot = &producer->topics[topic];
    WEIR_ASSERT(partition >= 0 && partition < slot->partitions);
    if (slot->lanes[partition] == 0) {
        if (producer->lane_count == producer->lane_capacity) {
            producer->lane_capacity =
                producer->lane_capacity == 0 ? 16 : producer->lane_capacity * 2;
            producer->lanes = realloc(producer->lanes, producer->lane_capacity * sizeof(lane));
            producer->active =
                realloc(producer->active, producer->lane_capacity * sizeof *producer->active);
            WEIR_ASSERT(producer->lanes != NULL && producer->active != NULL);
        }
        producer->lanes[producer->lane_count] = (lane){.topic = topic, .partition = partition};
        slot->lanes[partition] = (uint32_t)++producer->lane_count;
    }
    return lane_of(producer, topic, partition);
}

weir_error *weir_kafka_producer_add(weir_kafka_producer *producer, weir_topic topic,
                                    int32_t partition, weir_bytes key, weir_bytes value,
                                    int64_t timestamp_ms, uint64_t tag)
{
    WEIR_ASSERT(topic < producer->topic_count && producer->topics[topic].handle != NULL);
    lane *into = lane_get(producer, topic, partition);
    if (!into->is_active) {
        producer->active[producer->active_count++] = (uint32_t)(into - producer->lanes);
        into->is_active = true;
    }
    if (into->count == into->capacity) {
        into->capacity = into->capacity == 0 ? 64 : into->capacity * 2;
        into->messages = realloc(into->messages, into->capacity * sizeof *into->messages);
        WEIR_ASSERT(into->messages != NULL);
    }
    staged *message = &into->messages[into->count++];
    *message = (staged){.key_at = into->bytes.size,
                        .key_size = key.size,
                        .value_at = into->bytes.size + key.size,
                        .value_size = value.size,
                        .timestamp_ms = timestamp_ms,
                        .tag = tag,
                        .has_key = key.data != NULL,
                        .has_value = value.data != NULL};
    into->has_timestamps = into->has_timestamps || timestamp_ms != 0;
    weir_buffer_put(&into->bytes, key.data, key.size);
    weir_buffer_put(&into->bytes, value.data, value.size);
    producer->pending++;
    producer->pending_bytes += key.size + value.size;
    producer->staged_bytes += key.size + value.size;
    return failure_of(producer);
}

/* The next batch of a lane: how many messages, and their bytes. */
static size_t batch_size(const lane *from, size_t *bytes_out)
{
    size_t count = 0, bytes = 0;
    while (from->first + count < from->count && count < BATCH_MESSAGES_MAX) {
        const staged *message = &from->messages[from->first + count];
        size_t size = message->key_size + message->value_size;
        if (count > 0 && bytes + size > BATCH_BYTES_MAX) break;
        bytes += size;
        count++;
    }
    *bytes_out = bytes;
    return count;
}

static void batch_fill(weir_kafka_producer *producer, const lane *from, size_t count)
{
    if (count > producer->batch_capacity) {
        producer->batch_capacity = count * 2;
        producer->batch =
            realloc(producer->batch, producer->batch_capacity * sizeof *producer->batch);
        WEIR_ASSERT(producer->batch != NULL);
    }
    memset(producer->batch, 0, count * sizeof *producer->batch);
    for (size_t i = 0; i < count; i++) {
        const staged *message = &from->messages[from->first + i];
        rd_kafka_message_t *to = &producer->batch[i];
        to->key = message->has_key ? from->bytes.data + message->key_at : NULL;
        to->key_len = message->key_size;
        to->payload = message->has_value ? from->bytes.data + message->value_at : NULL;
        to->len = message->value_size;
        to->_private = (void *)(uintptr_t)message->tag;
    }
}

/* The library's queue is full: serve deliveries until there is room. */
static weir_error *room_wait(weir_kafka_producer *producer)
{
    (void)rd_kafka_poll(producer->handle, 10);
    return failure_of(producer);
}

/*
 * The library looks at each message by itself and goes on behind one that it does not take, so the
 * first `taken` need not be those that were taken. What comes after a gap must not go out (copies
 * are known by their order), so a batch of which the library took a part in the middle has failed;
 * one of which it took the beginning goes on once there is room.
 */
static weir_error *batch_send(weir_kafka_producer *producer, lane *from, size_t count)
{
    rd_kafka_topic_t *topic = producer->topics[from->topic].handle;
    size_t sent = 0;
    while (sent < count) {
        rd_kafka_message_t *batch = producer->batch + sent;
        int left = (int)(count - sent), prefix = 0;
        int taken =
            rd_kafka_produce_batch(topic, from->partition, RD_KAFKA_MSG_F_COPY, batch, left);
        while (prefix < left && batch[prefix].err == 0)
            prefix++;
        if (prefix < left &&
            (taken != prefix || batch[prefix].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)) {
            return weir_kafka_failed(batch[prefix].err, "writing to %s[%d]",
                                     rd_kafka_topic_name(topic), from->partition);
        }
        sent += (size_t)prefix;
        if (sent < count) WEIR_TRY(room_wait(producer));
    }
    return NULL;
}

static weir_error *batch_send_timed(weir_kafka_producer *producer, lane *from, size_t count)
{
    rd_kafka_topic_t *topic = producer->topics[from->topic].handle;
    for (size_t i = 0; i < count;) {
        const rd_kafka_message_t *message = &producer->batch[i];
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer->handle, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(from->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(message->key, message->key_len),
            RD_KAFKA_V_VALUE(message->payload, message->len),
            RD_KAFKA_V_TIMESTAMP(from->messages[from->first + i].timestamp_ms),
            RD_KAFKA_V_OPAQUE(message->_private), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            WEIR_TRY(room_wait(producer));
            continue;
        }
        if (code != 0) {
            return weir_kafka_failed(code, "writing to %s[%d]", rd_kafka_topic_name(topic),
                                     from->partition);
        }
        i++;
    }
    return NULL;
}

/* Forgets the first messages; what is left moves down once it is the smaller part. */
static void lane_drop(lane *from, size_t count)
{
    from->first += count;
    size_t left = from->count - from->first;
    if (left > from->first) return;
    if (left == 0) {
        weir_buffer_clear(&from->bytes);
        from->has_timestamps = false;
    } else {
        size_t gone = from->messages[from->first].key_at;
        memmove(from->messages, from->messages + from->first, left * sizeof *from->messages);
        memmove(from->bytes.data, from->bytes.data + gone, from->bytes.size - gone);
        from->bytes.size -= gone;
        for (size_t i = 0; i < left; i++) {
            from->messages[i].key_at -= gone;
            from->messages[i].value_at -= gone;
        }
    }
    from->first = 0;
    from->count = left;
}

static weir_error *lane_send(weir_kafka_producer *producer, lane *from)
{
    size_t bytes = 0;
    size_t count = batch_size(from, &bytes);
    batch_fill(producer, from, count);
    from->in_flight = count; /* before the library can tell of a delivery */
    weir_error *error = from->has_timestamps ? batch_send_timed(producer, from, count)
                                             : batch_send(producer, from, count);
    if (error != NULL) {
        producer->failed_code = RD_KAFKA_RESP_ERR__FAIL; /* part of it is lost: final */
        return error;
    }
    producer->staged_bytes -= bytes;
    lane_drop(from, count);
    return NULL;
}

/* A batch of each partition that has none on its way. */
static weir_error *lanes_send(weir_kafka_producer *producer)
{
    size_t kept = 0;
    weir_error *error = NULL;
    for (size_t i = 0; i < producer->active_count; i++) {
        lane *from = &producer->lanes[producer->active[i]];
        if (error == NULL && from->in_flight == 0) error = lane_send(producer, from);
        from->is_active = from->count > 0;
        if (from->is_active) producer->active[kept++] = producer->active[i];
    }
    producer->active_count = kept;
    return error;
}

weir_error *weir_kafka_producer_send(weir_kafka_producer *producer)
{
    WEIR_TRY(failure_of(producer));
    WEIR_TRY(lanes_send(producer));
    while (producer->staged_bytes > STAGED_BYTES_MAX)
        WEIR_TRY(weir_kafka_producer_poll(producer, 10));
    return NULL;
}

weir_error *weir_kafka_producer_poll(weir_kafka_producer *producer, int timeout_ms)
{
    (void)rd_kafka_poll(producer->handle, timeout_ms);
    WEIR_TRY(failure_of(producer));
    WEIR_TRY(lanes_send(producer));
    char why[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer->handle, why, sizeof why);
    return fatal == 0 ? NULL : weir_kafka_failed(fatal, "the producer gave up: %s", why);
}

weir_error *weir_kafka_producer_hasten(weir_kafka_producer *producer)
{
    if (producer->pending > 0) (void)rd_kafka_flush(producer->handle, 1);
    return weir_kafka_producer_poll(producer, 0);
}

bool weir_kafka_producer_is_free(const weir_kafka_producer *producer, weir_topic topic,
                                 int32_t partition)
{
    const producer_topic *slot = &producer->topics[topic];
    if (slot->lanes[partition] == 0) return true;
    const lane *one = &producer->lanes[slot->lanes[partition] - 1];
    return one->in_flight == 0 && one->count == 0;
}

size_t weir_kafka_producer_pending(const weir_kafka_producer *producer)
{
    return producer->pending;
}

size_t weir_kafka_producer_pending_bytes(const weir_kafka_producer *producer)
{
    return producer->pending_bytes;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

weir_error *weir_kafka_producer_flush(weir_kafka_producer *producer, int timeout_ms)
{
    WEIR_TRY(weir_kafka_producer_send(producer));
    for (int64_t until = monotonic_ms() + timeout_ms; producer->pending > 0;) {
        if (monotonic_ms() >= until) {
            return weir_error_new(WEIR_E_TIMEOUT, "%zu messages were not acknowledged within %d ms",
                                  producer->pending, timeout_ms);
        }
        WEIR_TRY(weir_kafka_producer_poll(producer, 10));
    }
    return NULL;
}

/* --- transactions --- */

weir_error *weir_kafka_transaction_begin(weir_kafka_producer *producer)
{
    WEIR_ASSERT(producer->is_transactional);
    return weir_kafka_failure(rd_kafka_begin_transaction(producer->handle),
                              "beginning a transaction");
}

static weir_error *positions_send(weir_kafka_producer *producer, weir_kafka_consumer *consumer,
                                  const weir_kafka_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(offsets, positions[i].topic, positions[i].partition)
            ->offset = positions[i].offset;
    }
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata(weir_kafka_consumer_handle(consumer));
    rd_kafka_error_t *failure = rd_kafka_send_offsets_to_transaction(producer->handle, offsets,
                                                                     group, COORDINATOR_TIMEOUT_MS);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    return weir_kafka_failure(failure, "adding positions to a transaction");
}

weir_error *weir_kafka_transaction_commit(weir_kafka_producer *producer,
                                          weir_kafka_consumer *consumer,
                                          const weir_kafka_position *positions, size_t count)
{
    WEIR_ASSERT(producer->is_transactional && producer->pending == 0);
    if (count > 0) WEIR_TRY(positions_send(producer, consumer, positions, count));
    return weir_kafka_failure(rd_kafka_commit_transaction(producer->handle, COORDINATOR_TIMEOUT_MS),
                              "committing a transaction");
}
