/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/kafka_reader.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

typedef struct reader_source {
    rd_kafka_topic_t *topic;
    char *name;
    int32_t partition;
    int32_t topic_partitions;
} reader_source;

enum { LOOKS_MAX = 64, LOOK_AHEAD = 100000 };

/* A partition that was looked at, open for the next look. */
typedef struct reader_look {
    rd_kafka_topic_t *topic; /* NULL: free */
    rd_kafka_queue_t *queue;
    int32_t partition;
    int64_t next;
} reader_look;

static void looks_close(weir_kafka_reader *reader);

struct weir_kafka_reader {
    rd_kafka_t *handle;
    rd_kafka_queue_t *queue;
    int timeout_ms;
    reader_source *sources;
    size_t source_count, source_capacity;
    uint32_t last; /* source of the last message */
    rd_kafka_message_t **messages;
    weir_fetched *items;
    size_t message_count, capacity;
    reader_look looks[LOOKS_MAX];
    size_t look_next;
};

static const char *const reader_defaults[] = {"fetch.wait.max.ms", "100", NULL};
static const char *const reader_fixed[] = {
    "enable.auto.commit",
    "false",
    "enable.partition.eof",
    "true",
    "auto.offset.reset",
    "error",
    NULL,
};

weir_error *weir_kafka_reader_open(const weir_kafka_options *options,
                                   weir_kafka_reader **reader_out)
{
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *handle = NULL;
    WEIR_TRY(weir_kafka_conf(options, reader_defaults, reader_fixed, &conf));
    WEIR_TRY(weir_kafka_handle(conf, false, &handle));
    weir_kafka_reader *reader = calloc(1, sizeof *reader);
    WEIR_ASSERT(reader != NULL);
    reader->handle = handle;
    reader->queue = rd_kafka_queue_new(handle);
    reader->timeout_ms = weir_kafka_timeout(options);
    *reader_out = reader;
    return NULL;
}

static void release(weir_kafka_reader *reader)
{
    for (size_t i = 0; i < reader->message_count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    reader->message_count = 0;
}

void weir_kafka_reader_close(weir_kafka_reader *reader)
{
    if (reader == NULL) return;
    release(reader);
    for (size_t i = 0; i < reader->source_count; i++) {
        reader_source *source = &reader->sources[i];
        (void)rd_kafka_consume_stop(source->topic, source->partition);
        rd_kafka_topic_destroy(source->topic);
        free(source->name);
    }
    looks_close(reader);
    rd_kafka_queue_destroy(reader->queue);
    weir_kafka_destroy(reader->handle);
    free(reader->sources);
    free(reader->messages);
    free(reader->items);
    free(reader);
}

weir_error *weir_kafka_reader_count(weir_kafka_reader *reader, const char *topic,
                                    int32_t *count_out)
{
    for (size_t i = 0; i < reader->source_count; i++) {
        if (strcmp(reader->sources[i].name, topic) != 0) continue;
        *count_out = reader->sources[i].topic_partitions;
        return NULL;
    }
    const rd_kafka_metadata_t *metadata = NULL;
    /* All topics: some brokers create one that is asked for by name. */
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(reader->handle, 1, NULL, &metadata, reader->timeout_ms);
    if (code != 0) return weir_kafka_failed(code, "looking up topic %s", topic);
    *count_out = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *one = &metadata->topics[i];
        if (strcmp(one->topic, topic) == 0) *count_out = one->err == 0 ? one->partition_cnt : 0;
    }
    rd_kafka_metadata_destroy(metadata);
    if (*count_out > 0) return NULL;
    return weir_error_new(WEIR_E_NO_INPUT,
                          "topic %s does not exist; `weir topics` lists those that do", topic);
}

static reader_source *source_new(weir_kafka_reader *reader)
{
    if (reader->source_count == reader->source_capacity) {
        reader->source_capacity = reader->source_capacity == 0 ? 8 : reader->source_capacity * 2;
        reader->sources =
            realloc(reader->sources, reader->source_capacity * sizeof *reader->sources);
        WEIR_ASSERT(reader->sources != NULL);
    }
    return &reader->sources[reader->source_count];
}

weir_error *weir_kafka_reader_end(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                  int64_t *end_out)
{
    int64_t start = 0;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        reader->handle, topic, partition, &start, end_out, reader->timeout_ms);
    return code == 0 ? NULL
                     : weir_kafka_failed(code, "asking for the end of %s[%d]", topic, partition);
}

weir_error *weir_kafka_reader_add(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                  int64_t offset, uint32_t *source_out)
{
    int32_t count = 0;
    WEIR_TRY(weir_kafka_reader_count(reader, topic, &count));
    if (partition < 0 || partition >= count) {
        return weir_error_new(WEIR_E_NO_INPUT,
                              "topic %s has partitions 0 to %d; %d is none of them", topic,
                              count - 1, partition);
    }
    rd_kafka_topic_t *handle = rd_kafka_topic_new(reader->handle, topic, NULL);
    if (handle == NULL) return weir_kafka_failed(rd_kafka_last_error(), "topic %s", topic);
    int64_t from = offset == WEIR_OFFSET_START ? RD_KAFKA_OFFSET_BEGINNING
                   : offset == WEIR_OFFSET_END ? RD_KAFKA_OFFSET_END
                                               : offset;
    if (rd_kafka_consume_start_queue(handle, partition, from, reader->queue) != 0) {
        weir_error *error =
            weir_kafka_failed(rd_kafka_last_error(), "reading %s[%d]", topic, partition);
        rd_kafka_topic_destroy(handle);
        return error;
    }
    reader_source *source = source_new(reader);
    *source = (reader_source){
        .topic = handle, .name = strdup(topic), .partition = partition, .topic_partitions = count};
    *source_out = (uint32_t)reader->source_count++;
    return NULL;
}

const char *weir_kafka_reader_topic(const weir_kafka_reader *reader, uint32_t source)
{
    WEIR_ASSERT(source < reader->source_count);
    return reader->sources[source].name;
}

int32_t weir_kafka_reader_partition(const weir_kafka_reader *reader, uint32_t source)
{
    WEIR_ASSERT(source < reader->source_count);
    return reader->sources[source].partition;
}

static bool source_is(const reader_source *source, const rd_kafka_message_t *message)
{
    if (source->partition != message->partition) return false;
    return source->topic == message->rkt ||
           strcmp(source->name, rd_kafka_topic_name(message->rkt)) == 0;
}

/* Messages come in runs of one partition, so the last answer is tried first. */
static uint32_t source_of(weir_kafka_reader *reader, const rd_kafka_message_t *message)
{
    if (reader->last < reader->source_count && source_is(&reader->sources[reader->last], message)) {
        return reader->last;
    }
    for (uint32_t i = 0; i < reader->source_count; i++) {
        if (source_is(&reader->sources[i], message)) return reader->last = i;
    }
    return UINT32_MAX;
}

/* A message that carries an error instead of a record. Transient ones are the library's own
 * business. */
static weir_error *judge(const weir_kafka_reader *reader, const rd_kafka_message_t *message,
                         uint32_t source, bool *is_away_out)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        if (is_away_out != NULL) *is_away_out = true;
        return NULL;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return weir_error_new(WEIR_E_LOG_TRUNCATED,
                              "%s[%d] does not hold the offset that was asked for: %s",
                              reader->sources[source].name, reader->sources[source].partition,
                              rd_kafka_message_errstr(message));
    default:
        return weir_kafka_failed(message->err, "reading %s[%d]", reader->sources[source].name,
                                 reader->sources[source].partition);
    }
}

static void reserve(weir_kafka_reader *reader, size_t max)
{
    if (max <= reader->capacity) return;
    reader->capacity = max;
    reader->messages = realloc(reader->messages, max * sizeof(rd_kafka_message_t *));
    reader->items = realloc(reader->items, max * sizeof *reader->items);
    WEIR_ASSERT(reader->messages != NULL && reader->items != NULL);
}

weir_error *weir_kafka_reader_poll(weir_kafka_reader *reader, size_t max, int timeout_ms,
                                   const weir_fetched **items_out, size_t *count_out,
                                   bool *is_away_out)
{
    WEIR_ASSERT(max > 0);
    release(reader);
    reserve(reader, max);
    *items_out = reader->items;
    *count_out = 0;
    if (is_away_out != NULL) *is_away_out = false;
    (void)rd_kafka_poll(reader->handle, 0); /* log and error callbacks */
    /* A batch call waits for `max` messages: wait for the first one alone, then take what is there.
     */
    rd_kafka_message_t *first = rd_kafka_consume_queue(reader->queue, timeout_ms);
    if (first == NULL) return NULL;
    reader->messages[0] = first;
    ssize_t more =
        max == 1 ? 0
                 : rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages + 1, max - 1);
    reader->message_count = 1 + (more > 0 ? (size_t)more : 0);
    for (size_t i = 0; i < reader->message_count; i++) {
        const rd_kafka_message_t *message = reader->messages[i];
        uint32_t source = message->rkt == NULL ? UINT32_MAX : source_of(reader, message);
        if (source == UINT32_MAX) continue; /* of no partition: the error callback has told it */
        bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err != 0 && !is_end) {
            WEIR_TRY(judge(reader, message, source, is_away_out));
            continue;
        }
        weir_fetched *item = &reader->items[(*count_out)++];
        *item = (weir_fetched){.source = source, .is_end = is_end, .message = message};
        if (is_end) {
            item->record.offset = message->offset;
        } else {
            item->record = weir_kafka_record(message);
        }
    }
    return NULL;
}

void weir_kafka_reader_headers(const weir_fetched *item,
                               void (*visit)(void *context, const char *name, weir_bytes value),
                               void *context)
{
    rd_kafka_headers_t *headers = NULL;
    if (item->is_end || rd_kafka_message_headers(item->message, &headers) != 0) return;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        visit(context, name, (weir_bytes){value, size});
    }
}

/* --- the second look --- */

static void look_stop(reader_look *look)
{
    if (look->topic == NULL) return;
    (void)rd_kafka_consume_stop(look->topic, look->partition);
    rd_kafka_queue_destroy(look->queue);
    rd_kafka_topic_destroy(look->topic);
    *look = (reader_look){0};
}

static void looks_close(weir_kafka_reader *reader)
{
    for (size_t i = 0; i < LOOKS_MAX; i++)
        look_stop(&reader->looks[i]);
}

/*
 * Gaps of one partition come one after the other, so a look goes on where the last one stopped if
 * that is not far behind: to stop and start again costs some ten milliseconds.
 */
static weir_error *look_start(weir_kafka_reader *reader, const char *topic, int32_t partition,
                              int64_t offset, reader_look **look_out)
{
    reader_look *look = &reader->looks[reader->look_next];
    for (size_t i = 0; i < LOOKS_MAX; i++) {
        reader_look *one = &reader->looks[i];
        if (one->topic == NULL || one->partition != partition ||
            strcmp(rd_kafka_topic_name(one->topic), topic) != 0)
            continue;
        look = one;
        if (one->next <= offset && offset - one->next < LOOK_AHEAD) {
            *look_out = one;
            return NULL;
        }
        break;
    }
    if (look == &reader->looks[reader->look_next])
        reader->look_next = (reader->look_next + 1) % LOOKS_MAX;
    look_stop(look);
    look->topic = rd_kafka_topic_new(reader->handle, topic, NULL);
    if (look->topic == NULL) return weir_kafka_failed(rd_kafka_last_error(), "topic %s", topic);
    look->queue = rd_kafka_queue_new(reader->handle);
    look->partition = partition;
    look->next = offset;
    if (rd_kafka_consume_start_queue(look->topic, partition, offset, look->queue) != 0)
        return weir_kafka_failed(rd_kafka_last_error(), "looking at %s[%d] again", topic,
                                 partition);
    *look_out = look;
    return NULL;
}

weir_error *weir_kafka_reader_look(weir_kafka_reader *reader, const char *topic, int32_t partition,
                                   int64_t offset, int timeout_ms, int64_t *seen_out)
{
    reader_look *look = NULL;
    WEIR_TRY(look_start(reader, topic, partition, offset, &look));
    int64_t until = weir_clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    while (weir_clock_monotonic_us() < until) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(look->queue, 50);
        if (message == NULL) continue;
        bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        bool is_answer = message->err == 0 || is_end;
        int64_t seen = message->offset;
        rd_kafka_message_destroy(message);
        if (!is_answer) continue;
        look->next = seen + !is_end;
        if (seen < offset) continue;
        *seen_out = seen;
        return NULL;
    }
    look_stop(look);
    return weir_error_new(WEIR_E_TIMEOUT, "%s[%d] did not answer at offset %lld", topic, partition,
                          (long long)offset);
}
