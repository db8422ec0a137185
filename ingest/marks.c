/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/marks.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/kafka_producer.h"
#include "ingest/kafka_reader.h"
#include "ingest/mark_record.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

enum {
    AGAIN_US = 1000000, /* what does not change is told again this often, or */
    AGAIN_PARTS = 4,    /* so many times within the patience of who listens, but not sooner than */
    AGAIN_US_LEAST = 50000,
    ALONE_MS = 50, /* all partitions are here: look now and then */
    BUSY_MS = 2,
    RETRY_US = 1000000,
    PENDING_MAX = 1000,
};

/* What was told last of one partition. */
typedef struct told {
    int64_t mark_us, end;
    int32_t state;
    int64_t at_us;
} told;

struct weir_marks {
    const weir_driver_options *options;
    weir_board *board;
    void (*wake)(void *context);
    void *context;
    pthread_t thread;
    atomic_bool stop;
    bool is_running;
    int64_t again_us;
    weir_kafka_reader *reader;
    weir_kafka_producer *producer;
    char teller[40]; /* tells our own records from others' */
    told **told;     /* per topic, per partition */
    int64_t next;    /* where reading goes on after an error; at the start: the end */
};

/* --- reading --- */

static weir_topic topic_of(const weir_marks *self, const char *name)
{
    for (size_t i = 0; i < self->options->topic_count; i++) {
        if (strcmp(self->options->topics[i].name, name) == 0) return (weir_topic)i;
    }
    return UINT32_MAX;
}

/* A row of another worker. What stands on the board by a thread of ours is better than what was
 * read. */
static void mark_take(weir_marks *self, weir_board_row *row, const weir_mark_record *mark)
{
    if (mark->state > WEIR_BOARD_REPLAYING || atomic_load(&row->member) != 0) return;
    const weir_env *env = self->options->env;
    const weir_board_news news = {.state = (weir_board_state)mark->state,
                                  .mark_us = mark->mark_us,
                                  .position = mark->position};
    (void)weir_board_tell(row, &news, env->monotonic_us(env->context));
}

static void record_take(weir_marks *self, const weir_log_record *record)
{
    weir_mark_record heard;
    if (!weir_mark_record_decode(record->key, record->value, &heard)) return;
    weir_topic topic = topic_of(self, heard.topic);
    weir_board_row *row =
        topic == UINT32_MAX ? NULL : weir_board_at(self->board, topic, heard.partition);
    if (row == NULL) return;
    if (heard.kind == WEIR_MARK_MARK)
        mark_take(self, row, &heard);
    else
        weir_board_produced(self->board, topic, heard.partition, heard.end);
}

static weir_error *read_some(weir_marks *self, int timeout_ms)
{
    const weir_fetched *items = NULL;
    size_t count = 0;
    WEIR_TRY(weir_kafka_reader_poll(self->reader, 500, timeout_ms, &items, &count, NULL));
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        self->next = items[i].record.offset + !items[i].is_end;
        if (items[i].is_end) continue;
        record_take(self, &items[i].record);
        any = true;
    }
    if (any) self->wake(self->context);
    return NULL;
}

/* --- writing --- */

static weir_error *put(weir_marks *self, const weir_mark_record *record)
{
    weir_buffer key = {0}, value = {0};
    weir_mark_record_encode(record, &key, &value);
    weir_error *error = weir_kafka_producer_add(self->producer, self->options->marks, 0,
                                                (weir_bytes){key.data, key.size},
                                                (weir_bytes){value.data, value.size}, 0, 0);
    weir_buffer_deinit(&key);
    weir_buffer_deinit(&value);
    return error;
}

static weir_mark_record record_of(const weir_marks *self, weir_mark_kind kind, size_t topic,
                                  int32_t partition)
{
    weir_mark_record record = {.kind = kind, .partition = partition};
    (void)snprintf(record.topic, sizeof record.topic, "%s", self->options->topics[topic].name);
    return record;
}

static told *told_of(weir_marks *self, weir_topic topic, int32_t count)
{
    if (self->told[topic] == NULL) {
        self->told[topic] = calloc((size_t)count, sizeof(told));
        WEIR_ASSERT(self->told[topic] != NULL);
    }
    return self->told[topic];
}

/* First pass: our marks as they are now. They are written after the ends, which are looked at
 * later. */
static weir_error *marks_put(weir_marks *self, int64_t now_us, weir_buffer *keep)
{
    const weir_driver_options *options = self->options;
    for (size_t i = 0; i < options->topic_count; i++) {
        int32_t count = weir_board_count(self->board, (weir_topic)i);
        told *last = count == 0 ? NULL : told_of(self, (weir_topic)i, count);
        for (int32_t p = 0; p < count; p++) {
            weir_board_row *row = weir_board_at(self->board, (weir_topic)i, p);
            if (atomic_load(&row->member) == 0) {
                last[p].at_us = 0; /* whoever gets it next waits to be heard */
                continue;
            }
            int32_t state = atomic_load(&row->state);
            int64_t mark = atomic_load(&row->mark_us);
            bool is_same = last[p].state == state && last[p].mark_us == mark;
            if (state == WEIR_BOARD_UNKNOWN ||
                (is_same && now_us - last[p].at_us < self->again_us)) {
                continue;
            }
            last[p] = (told){.mark_us = mark, .end = last[p].end, .state = state, .at_us = now_us};
            weir_mark_record record = record_of(self, WEIR_MARK_MARK, i, p);
            record.state = (uint8_t)state;
            record.mark_us = mark;
            record.position = atomic_load(&row->position);
            weir_buffer_put(keep, &record, sizeof record);
        }
    }
    return NULL;
}

static weir_error *ends_put(weir_marks *self)
{
    for (size_t i = 0; i < self->options->topic_count; i++) {
        int32_t count = weir_board_count(self->board, (weir_topic)i);
        told *last = count == 0 ? NULL : told_of(self, (weir_topic)i, count);
        for (int32_t p = 0; p < count; p++) {
            int64_t end = atomic_load(&weir_board_at(self->board, (weir_topic)i, p)->produced_end);
            if (end == last[p].end) continue;
            last[p].end = end;
            weir_mark_record record = record_of(self, WEIR_MARK_END, i, p);
            memcpy(record.teller, self->teller, sizeof record.teller);
            record.end = end;
            WEIR_TRY(put(self, &record));
        }
    }
    return NULL;
}

static weir_error *kept_put(weir_marks *self, const weir_buffer *keep)
{
    weir_mark_record record;
    for (size_t at = 0; at < keep->size; at += sizeof record) {
        memcpy(&record, keep->data + at, sizeof record);
        WEIR_TRY(put(self, &record));
    }
    return NULL;
}

static weir_error *write_some(weir_marks *self)
{
    const weir_env *env = self->options->env;
    if (weir_kafka_producer_pending(self->producer) > PENDING_MAX) return NULL;
    weir_buffer keep = {0};
    weir_error *error = marks_put(self, env->monotonic_us(env->context), &keep);
    if (error == NULL && keep.size > 0) error = ends_put(self);
    if (error == NULL) error = kept_put(self, &keep);
    weir_buffer_deinit(&keep);
    return error;
}

/* Does anybody else own partitions? */
static bool is_alone(const weir_marks *self)
{
    for (size_t i = 0; i < self->options->topic_count; i++) {
        int32_t count = weir_board_count(self->board, (weir_topic)i);
        for (int32_t p = 0; p < count; p++) {
            if (atomic_load(&weir_board_at(self->board, (weir_topic)i, p)->member) == 0)
                return false;
        }
    }
    return true;
}

/* --- the thread --- */

static void clients_close(weir_marks *self)
{
    weir_kafka_reader_close(self->reader);
    weir_kafka_producer_close(self->producer);
    self->reader = NULL;
    self->producer = NULL;
    for (size_t i = 0; i < self->options->topic_count; i++) { /* whether it was heard is unknown */
        free(self->told[i]);
        self->told[i] = NULL;
    }
}

static weir_error *clients_open(weir_marks *self)
{
    const weir_driver_options *options = self->options;
    const char *name = options->topics[options->marks].name;
    weir_producer_options how = {.kafka = options->kafka, .wake_fd = -1, .is_prompt = true};
    uint32_t source = 0;
    WEIR_TRY(weir_kafka_reader_open(options->kafka, &self->reader));
    WEIR_TRY(weir_kafka_reader_add(self->reader, name, 0, self->next, &source));
    WEIR_TRY(weir_kafka_producer_open(&how, &self->producer));
    return weir_kafka_producer_topic(self->producer, options->marks, name);
}

static weir_error *round_once(weir_marks *self)
{
    if (is_alone(self)) return read_some(self, ALONE_MS);
    WEIR_TRY(write_some(self));
    WEIR_TRY(weir_kafka_producer_send(self->producer));
    WEIR_TRY(weir_kafka_producer_poll(self->producer, 0));
    return read_some(self, BUSY_MS);
}

static void *marks_main(void *context)
{
    weir_marks *self = context;
    while (!atomic_load(&self->stop)) {
        weir_error *error = self->reader == NULL ? clients_open(self) : NULL;
        while (error == NULL && !atomic_load(&self->stop))
            error = round_once(self);
        if (error == NULL) break;
        WEIR_LOG(DEBUG, "marks_wait", WEIR_TEXT("reason", weir_error_message(error)));
        if (weir_error_code_of(error) == WEIR_E_LOG_TRUNCATED) self->next = WEIR_OFFSET_END;
        weir_error_free(error);
        clients_close(self);
        for (int i = 0; i < 50 && !atomic_load(&self->stop); i++)
            usleep(RETRY_US / 50);
    }
    clients_close(self);
    return NULL;
}

weir_marks *weir_marks_create(const weir_driver_options *options, weir_board *board,
                              void (*wake)(void *context), void *context)
{
    if (options->marks >= options->topic_count) return NULL;
    weir_marks *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    *self = (weir_marks){.options = options,
                         .board = board,
                         .wake = wake,
                         .context = context,
                         .next = WEIR_OFFSET_END};
    int64_t part_us = options->align_patience_us / AGAIN_PARTS;
    if (part_us < AGAIN_US_LEAST) part_us = AGAIN_US_LEAST;
    self->again_us = part_us < AGAIN_US ? part_us : AGAIN_US;
    self->told = calloc(options->topic_count + 1, sizeof(told *));
    WEIR_ASSERT(self->told != NULL);
    (void)snprintf(self->teller, sizeof self->teller, "%016llx",
                   (unsigned long long)options->env->random(options->env->context));
    self->is_running = pthread_create(&self->thread, NULL, marks_main, self) == 0;
    if (self->is_running) (void)pthread_setname_np(self->thread, "marks");
    return self;
}

void weir_marks_destroy(weir_marks *marks)
{
    if (marks == NULL) return;
    atomic_store(&marks->stop, true);
    if (marks->is_running) (void)pthread_join(marks->thread, NULL);
    free(marks->told);
    free(marks);
}
