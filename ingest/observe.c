/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/observe.h"

#include <stdio.h>
#include <stdlib.h>

#include "ingest/dead_letter.h"
#include "ingest/decoders.h"
#include "ingest/epochs.h"
#include "ingest/hop_key.h"
#include "ingest/journal.h"
#include "ingest/planted.h"
#include "ops/runtime/assert.h"

enum { OBSERVE_MAGIC = 0x0b5e7e01, DETAIL_MAX = 512 };

/* One stream that reads the topic. */
typedef struct reader {
    uint32_t stream; /* index into the plan */
    bool is_first;   /* of the topic's streams: its dead letters go by the plain key */
    weir_decoders decoders;
    weir_value *slots;
    /* The head of the last copy: the next one's, if schema and hop are the same. */
    weir_buffer head;
    int32_t head_schema;
    uint64_t head_fingerprint;
    uint32_t head_hop;
} reader;

/* What became of a record under one stream: a copy for a hop, or a reason. */
typedef struct verdict {
    bool is_dead;
    weir_dead_reason reason;
    const char *detail;
    int64_t et_us;
    uint32_t hop;
    weir_bytes key;
    const weir_decoder_entry *entry;
    weir_bytes body;
} verdict;

typedef struct observe {
    weir_node node;
    uint32_t magic;
    weir_observe_options options;
    const weir_plan *plan;
    const char *topic_name;
    reader *readers;
    size_t reader_count;
    weir_epochs epochs;
    int64_t next;         /* offset to take next */
    uint32_t next_reader; /* streams of record `next` that are served */
    bool has_dead_id;
    int32_t dead_id;
    weir_arena scratch;
    weir_buffer copy, key, letter, letter_key;
    char detail[DETAIL_MAX];
    weir_observe_counters counters;
} observe;

static observe *self_of(const weir_node *node)
{
    observe *self = (observe *)node;
    WEIR_ASSERT(self != NULL && self->magic == OBSERVE_MAGIC);
    return self;
}

const char *weir_dead_reason_name(weir_dead_reason reason)
{
    static const char *const names[WEIR_DEAD_REASON_COUNT] = {
        "bad_frame", "bad_schema", "bad_avro",  "bad_number", "expect",
        "future",    "no_key",     "oversized", "bad_value"};
    WEIR_ASSERT(reason < WEIR_DEAD_REASON_COUNT);
    return names[reason];
}

static bool dead(verdict *v, weir_dead_reason reason, const char *detail)
{
    v->is_dead = true;
    v->reason = reason;
    v->detail = detail;
    return false;
}

/* ---- the contract, check by check; each returns false once the record is dead ---- */

static weir_error *unframe(reader *r, const weir_log_record *record, verdict *v)
{
    int32_t id = 0;
    if (record->value.size > WEIR_EVENT_BYTES_MAX) {
        (void)dead(v, WEIR_DEAD_OVERSIZED, "the value is larger than 1 MiB");
    } else if (record->value.data == NULL) {
        (void)dead(v, WEIR_DEAD_BAD_FRAME, "the record has no value");
    } else if (!weir_frame_read(record->value, &id, &v->body)) {
        (void)dead(v, WEIR_DEAD_BAD_FRAME,
                   "the value does not begin with a zero byte and a schema id");
    } else {
        WEIR_TRY(weir_decoders_find(&r->decoders, id, &v->entry));
        if (v->entry->decoder == NULL) (void)dead(v, WEIR_DEAD_BAD_SCHEMA, v->entry->problem);
    }
    return NULL;
}

static bool decode(observe *self, reader *r, verdict *v)
{
    weir_decode_result result =
        weir_decoder_decode(v->entry->decoder, v->body, &self->scratch, r->slots);
    self->counters.nulled_numbers += result.nulled_numbers;
    if (__builtin_expect(result.reason == WEIR_DECODE_OK, 1)) return true;
    (void)snprintf(self->detail, sizeof self->detail, "%s%s%s at byte %zu",
                   result.problem == NULL ? "the bytes do not fit the schema" : result.problem,
                   result.path == NULL ? "" : " in field ", result.path == NULL ? "" : result.path,
                   result.offset);
    bool is_number = result.reason == WEIR_DECODE_BAD_NUMBER;
    return dead(v, is_number ? WEIR_DEAD_BAD_NUMBER : WEIR_DEAD_BAD_AVRO, self->detail);
}

static bool check_time(const weir_plan_stream *stream, const weir_log_record *record,
                       const reader *r, verdict *v)
{
    const weir_value *time = &r->slots[stream->time_slot];
    if (weir_is_null(time)) return dead(v, WEIR_DEAD_BAD_AVRO, "the time field is null");
    v->et_us = time->as.integer;
    int64_t latest = 0;
    if (record->timestamp_us == INT64_MIN) return true;
    if (__builtin_add_overflow(record->timestamp_us, stream->future_us, &latest)) return true;
    if (v->et_us <= latest) return true;
    return dead(v, WEIR_DEAD_FUTURE,
                "the event's time is later than its ingest time plus `future`");
}

static bool check_expects(observe *self, const weir_plan_stream *stream, const reader *r,
                          verdict *v)
{
    for (uint32_t i = 0; i < stream->expect_count; i++) {
        weir_expr_env env = {.fields = r->slots, .scratch = &self->scratch};
        weir_value value = weir_expr_eval(stream->expects[i], &env);
        if (value.kind == WEIR_BOOL && value.as.boolean) continue;
        (void)snprintf(self->detail, sizeof self->detail, "expect %s is %s",
                       stream->expect_texts == NULL ? "" : stream->expect_texts[i],
                       weir_is_null(&value) ? "null" : "false");
        return dead(v, WEIR_DEAD_EXPECT, self->detail);
    }
    return true;
}

/* The first hop whose key is not null (R2). */
static bool choose_hop(observe *self, const weir_plan_stream *stream, const reader *r, verdict *v)
{
    for (v->hop = 0; v->hop < stream->hop_count; v->hop++)
        if (weir_hop_key(self->plan, &stream->hops[v->hop], r->slots, &self->key, &v->key))
            return true;
    return dead(v, WEIR_DEAD_NO_KEY, "the keys of all entities that observe the stream are null");
}

static weir_error *judge(observe *self, reader *r, const weir_log_record *record, verdict *v)
{
    const weir_plan_stream *stream = &self->plan->streams[r->stream];
    *v = (verdict){.et_us = INT64_MIN};
    weir_arena_reset(&self->scratch);
    WEIR_TRY(unframe(r, record, v));
    if (v->is_dead || !decode(self, r, v)) return NULL;
    if (!check_time(stream, record, r, v)) return NULL;
    if (!check_expects(self, stream, r, v)) return NULL;
    (void)choose_hop(self, stream, r, v);
    return NULL;
}

/* ---- what goes out ---- */

static weir_error *send(observe *self, weir_output *output)
{
    bool is_uncounted = WEIR_PLANTED(LETTER_UNCOUNTED) && !output->is_copy;
    output->epoch = is_uncounted ? UINT64_MAX : weir_epochs_sent(&self->epochs);
    return self->options.port->send(self->options.port->context, output);
}

static weir_bytes head_of(const observe *self, reader *r, const verdict *v)
{
    const weir_plan_stream *stream = &self->plan->streams[r->stream];
    bool is_same = r->head.size > 0 && r->head_schema == v->entry->id && r->head_hop == v->hop &&
                   r->head_fingerprint == v->entry->fingerprint;
    if (__builtin_expect(!is_same, 0)) {
        weir_journal_head head = {.stream = {(const uint8_t *)stream->name, strlen(stream->name)},
                                  .schema_id = v->entry->id,
                                  .fingerprint = v->entry->fingerprint,
                                  .hop = v->hop};
        memcpy(head.digest, self->plan->fold_digest, WEIR_JOURNAL_DIGEST_BYTES);
        weir_buffer_clear(&r->head);
        weir_journal_head_encode(&head, &r->head);
        r->head_schema = v->entry->id;
        r->head_fingerprint = v->entry->fingerprint;
        r->head_hop = v->hop;
    }
    return (weir_bytes){r->head.data, r->head.size};
}

static weir_error *send_copy(observe *self, reader *r, const weir_log_record *record,
                             const verdict *v)
{
    const weir_plan_stream *stream = &self->plan->streams[r->stream];
    weir_journal_copy copy;
    copy.source_partition = self->options.partition;
    copy.source_offset = record->offset;
    copy.source_timestamp_us = record->timestamp_us;
    copy.et_us = v->et_us;
    copy.key = v->key;
    copy.point_count = 0;
    copy.carried = (weir_bytes){0};
    copy.body = v->body;
    weir_buffer_clear(&self->copy);
    weir_journal_copy_encode(&copy, &self->copy);
    weir_output output = {.topic = self->options.topics->journals[stream->hops[v->hop].entity],
                          .partition = WEIR_PARTITION_BY_KEY,
                          .key = v->key,
                          .value = {self->copy.data, self->copy.size},
                          .head = head_of(self, r, v),
                          .is_copy = true};
    self->counters.copies++;
    return send(self, &output);
}

static weir_error *find_dead_id(observe *self)
{
    if (self->has_dead_id) return NULL;
    const weir_topics *topics = self->options.topics;
    const weir_schema_source *schemas = self->options.schemas;
    WEIR_TRY(schemas->output_id(schemas->context, topics->items[topics->dead].name,
                                weir_dead_letter_schema, &self->dead_id));
    self->has_dead_id = true;
    return NULL;
}

static weir_error *send_dead(observe *self, const reader *r, const weir_log_record *record,
                             const verdict *v)
{
    WEIR_TRY(find_dead_id(self));
    weir_dead_letter letter = {.stream = self->plan->streams[r->stream].name,
                               .topic = self->topic_name,
                               .partition = self->options.partition,
                               .reason = weir_dead_reason_name(v->reason),
                               .detail = v->detail,
                               .has_stream_in_key = !r->is_first,
                               .record = record};
    weir_buffer_clear(&self->letter);
    weir_buffer_clear(&self->letter_key);
    weir_dead_letter_key(&letter, &self->letter_key);
    weir_dead_letter_encode(&letter, self->dead_id, &self->letter);
    weir_output output = {.topic = self->options.topics->dead,
                          .partition = WEIR_PARTITION_BY_KEY,
                          .key = {self->letter_key.data, self->letter_key.size},
                          .value = {self->letter.data, self->letter.size}};
    self->counters.dead[v->reason]++;
    return send(self, &output);
}

static int64_t order_of(const weir_log_record *record, int64_t et_us)
{
    if (et_us == INT64_MIN || record->timestamp_us == INT64_MIN) return et_us;
    return et_us < record->timestamp_us ? et_us : record->timestamp_us;
}

/*
 * One record for the streams that are not yet served. The order time is that of the first of them;
 * all streams of a record are taken in one turn. An error leaves the streams served so far behind,
 * so that trying again sends nothing twice.
 */
static weir_error *take(observe *self, const weir_log_record *record, weir_node_turn *turn,
                        bool *taken_out)
{
    *taken_out = false;
    for (uint32_t i = self->next_reader; i < self->reader_count; i++) {
        reader *r = &self->readers[i];
        verdict v;
        WEIR_TRY(judge(self, r, record, &v));
        int64_t order = order_of(record, v.et_us);
        if (i == 0 && order > turn->until_us) {
            turn->next_us = order;
            return NULL;
        }
        if (order > turn->greatest_us) turn->greatest_us = order;
        WEIR_TRY(v.is_dead ? send_dead(self, r, record, &v) : send_copy(self, r, record, &v));
        self->next_reader = i + 1;
    }
    self->next_reader = 0;
    self->next = record->offset + 1;
    self->counters.records++;
    turn->event_count++;
    *taken_out = true;
    return NULL;
}

/* ---- the node ---- */

static weir_error *observe_apply(weir_node *node, const weir_log_record *records, size_t count,
                                 weir_node_turn *turn)
{
    observe *self = self_of(node);
    *turn = (weir_node_turn){
        .until_us = turn->until_us, .greatest_us = INT64_MIN, .next_us = INT64_MAX};
    for (size_t i = 0; i < count; i++) {
        bool taken = false;
        WEIR_ASSERT(records[i].offset >= self->next);
        WEIR_TRY(take(self, &records[i], turn, &taken));
        if (!taken) return NULL;
        turn->taken++;
    }
    return NULL;
}

static weir_error *observe_open(weir_node *node, const weir_node_position *at, int64_t *start_out)
{
    observe *self = self_of(node);
    if (at->committed >= 0 && at->committed < at->log_start) {
        return weir_error_new(
            WEIR_E_LOG_TRUNCATED,
            "source %s/%d begins at offset %lld, but %lld is to be read next: the topic's "
            "retention "
            "deleted records that were never taken; to accept the loss, reset the group's offset "
            "of this "
            "partition to %lld (kafka-consumer-groups --reset-offsets), and raise retention.ms",
            self->topic_name, self->options.partition, (long long)at->log_start,
            (long long)at->committed, (long long)at->log_start);
    }
    if (at->committed > at->log_end) {
        return weir_error_new(
            WEIR_E_STATE_NEWER,
            "source %s/%d ends at offset %lld, but the group has committed %lld: the topic was "
            "recreated or cut; restore it, or start a new package",
            self->topic_name, self->options.partition, (long long)at->log_end,
            (long long)at->committed);
    }
    self->next = at->committed >= 0 ? at->committed : at->log_start;
    self->next_reader = 0;
    weir_epochs_deinit(&self->epochs);
    weir_epochs_init(&self->epochs, self->next);
    *start_out = self->next;
    return NULL;
}

static weir_error *observe_skip(weir_node *node, int64_t first, int64_t next)
{
    observe *self = self_of(node);
    WEIR_ASSERT(first == self->next && next > first);
    self->next = next;
    return NULL;
}

static weir_error *observe_flush(weir_node *node)
{
    observe *self = self_of(node);
    weir_epochs_close(&self->epochs, self->next);
    return NULL;
}

static void observe_acked(weir_node *node, uint64_t epoch, uint32_t count)
{
    if (WEIR_PLANTED(LETTER_UNCOUNTED) && epoch == UINT64_MAX) return;
    weir_epochs_acked(&self_of(node)->epochs, epoch, count);
}

static int64_t observe_committable(const weir_node *node)
{
    return self_of(node)->epochs.committable;
}

static weir_error *observe_committed(weir_node *node, int64_t position)
{
    WEIR_ASSERT(position <= self_of(node)->epochs.committable);
    return NULL;
}

/* A registry that is away gives INT64_MIN: apply() then meets the error itself. */
static int64_t observe_order_time(weir_node *node, const weir_log_record *record)
{
    observe *self = self_of(node);
    if (self->reader_count == 0) return INT64_MIN;
    verdict v;
    uint64_t nulled = self->counters.nulled_numbers;
    weir_error *error = judge(self, &self->readers[0], record, &v);
    self->counters.nulled_numbers = nulled;
    if (error == NULL) return order_of(record, v.et_us);
    weir_error_free(error);
    return INT64_MIN;
}

static weir_error *observe_tick(weir_node *node, int64_t monotonic_us, bool idle)
{
    (void)node;
    (void)monotonic_us;
    (void)idle;
    return NULL;
}

static void observe_close(weir_node *node)
{
    observe *self = self_of(node);
    for (size_t i = 0; i < self->reader_count; i++) {
        weir_decoders_deinit(&self->readers[i].decoders);
        weir_buffer_deinit(&self->readers[i].head);
        free(self->readers[i].slots);
    }
    free(self->readers);
    weir_epochs_deinit(&self->epochs);
    weir_arena_deinit(&self->scratch);
    weir_buffer_deinit(&self->copy);
    weir_buffer_deinit(&self->key);
    weir_buffer_deinit(&self->letter);
    weir_buffer_deinit(&self->letter_key);
    self->magic = 0;
    free(self);
}

static const weir_node_ops observe_ops = {
    .kind = "observe",
    .open = observe_open,
    .apply = observe_apply,
    .skip = observe_skip,
    .flush = observe_flush,
    .acked = observe_acked,
    .committable = observe_committable,
    .committed = observe_committed,
    .order_time = observe_order_time,
    .tick = observe_tick,
    .close = observe_close,
};

static void add_readers(observe *self)
{
    const weir_topics *topics = self->options.topics;
    self->readers = calloc(self->plan->stream_count, sizeof *self->readers);
    WEIR_ASSERT(self->readers != NULL);
    for (uint32_t i = 0; i < self->plan->stream_count; i++) {
        if (topics->sources[i] != self->options.topic) continue;
        if (self->options.serves_one_stream && self->options.stream != i) continue;
        reader *r = &self->readers[self->reader_count];
        r->stream = i;
        r->is_first = self->reader_count++ == 0;
        r->slots = calloc(self->plan->streams[i].slot_count + 1, sizeof *r->slots);
        WEIR_ASSERT(r->slots != NULL);
        weir_decoders_init(&r->decoders, &self->plan->streams[i], self->options.schemas);
    }
}

weir_error *weir_observe_create(const weir_observe_options *options, weir_node **node_out)
{
    WEIR_ASSERT(options->topics != NULL && options->port != NULL && options->schemas != NULL);
    WEIR_ASSERT(options->topics->items[options->topic].role == WEIR_TOPIC_SOURCE);
    observe *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->node.ops = &observe_ops;
    self->magic = OBSERVE_MAGIC;
    self->options = *options;
    self->plan = options->topics->plan;
    self->topic_name = options->topics->items[options->topic].name;
    add_readers(self);
    weir_epochs_init(&self->epochs, 0);
    *node_out = &self->node;
    return NULL;
}

const weir_observe_counters *weir_observe_counted(const weir_node *node)
{
    return &self_of(node)->counters;
}
