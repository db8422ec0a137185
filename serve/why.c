/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/admin.h"
#include "ingest/decoders.h"
#include "ingest/kafka_range.h"
#include "ingest/packer.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "schemas/json_value.h"

enum { EVENTS_MAX = 1000000 };

/* A copy found in a journal, with its fields. */
typedef struct found_event {
    uint32_t stream;
    weir_seq seq;
    int64_t et_us;
    int32_t source_partition;
    int64_t source_offset;
    weir_value *fields;
    weir_value *carried; /* of earlier hops */
} found_event;

typedef struct inquiry {
    const weir_why_options *options;
    const weir_topics *topics;
    const weir_plan *plan;
    weir_arena arena;
    weir_decoders *decoders; /* per stream */
    weir_buffer *out;
    /* The event asked about. */
    weir_topic topic;
    int32_t partition;
    weir_seq seq;
    bool is_found;
    found_event event;
    uint32_t hop; /* its last */
    weir_read_point points[WEIR_PLAN_HOPS_MAX + 1];
    uint32_t point_count;
    const uint8_t
        *sender; /* of another version that sent it here; NULL: it came from its source, or
                              is ours */
    uint8_t version[WEIR_DIGEST_BYTES]; /* the sender's, else the one in force before the event */
    bool has_version, is_kin;           /* kin: it keeps and reads what these definitions do */
    /* Of the hop looked at. */
    weir_bytes key;
    found_event *events;
    size_t event_count, event_capacity;
} inquiry;

static weir_error *parse_receipt(inquiry *q)
{
    char name[WEIR_TOPIC_NAME_MAX + 1] = {0};
    unsigned index = 0;
    int64_t offset = 0;
    int used = 0;
    int got = sscanf(q->options->receipt, "%249[^/]/%" SCNd32 "/%" SCNd64 "/%u%n", name,
                     &q->partition, &offset, &index, &used);
    const char *rest = q->options->receipt + used;
    bool is_whole = got == 4 && (*rest == '\0' || *rest == '/');
    if (!is_whole || offset < 0 || q->partition < 0) {
        return weir_error_new(
            WEIR_E_USAGE,
            "`%s` is no receipt; it is the id of a score: journal/partition/offset/index/ordinal",
            q->options->receipt);
    }
    q->topic = weir_topics_find(q->topics, name);
    if (q->topic == WEIR_NONE || q->topics->items[q->topic].role != WEIR_TOPIC_JOURNAL) {
        return weir_error_new(WEIR_E_USAGE, "%s is no journal of package %s", name,
                              q->plan->package);
    }
    q->seq = weir_seq_of(offset, index);
    return NULL;
}

static bool is_foreign(const inquiry *q, const weir_journal_head *head)
{
    return memcmp(head->digest, q->plan->fold_digest, sizeof head->digest) != 0;
}

static weir_error *decode_event(inquiry *q, const weir_journal_head *head,
                                const weir_journal_copy *copy, weir_seq seq, found_event *event_out)
{
    char *name = weir_arena_string(&q->arena, (const char *)head->stream.data, head->stream.size);
    uint32_t index = weir_plan_find_stream(q->plan, name);
    if (index == WEIR_NONE)
        return weir_error_new(WEIR_E_DATA, "the journal has an event of an unknown stream `%s`",
                              name);
    const weir_plan_stream *stream = &q->plan->streams[index];
    const weir_decoder_entry *entry = NULL;
    WEIR_TRY(weir_decoders_find(&q->decoders[index], head->schema_id, &entry));
    if (entry->decoder == NULL)
        return weir_error_new(WEIR_E_SCHEMA, "schema %d: %s", head->schema_id, entry->problem);
    weir_bytes body = {weir_arena_copy(&q->arena, copy->body.data, copy->body.size),
                       copy->body.size};
    weir_bytes carried = {weir_arena_copy(&q->arena, copy->carried.data, copy->carried.size),
                          copy->carried.size};
    *event_out = (found_event){
        .stream = index,
        .seq = seq,
        .et_us = copy->et_us,
        .source_partition = copy->source_partition,
        .source_offset = copy->source_offset,
        .fields = weir_arena_array(&q->arena, weir_value, stream->slot_count + 1),
        .carried = weir_arena_array(&q->arena, weir_value, stream->carried_count + 1)};
    bool *overflow = weir_arena_array(&q->arena, bool, stream->carried_count + 1);
    bool is_good = weir_decoder_decode(entry->decoder, body, &q->arena, event_out->fields).reason ==
                   WEIR_DECODE_OK;
    if (is_foreign(q, head) || copy->point_count == 0) { /* nothing was read yet that counts */
        for (uint32_t i = 0; i < stream->carried_count; i++)
            event_out->carried[i] = weir_null();
    } else {
        weir_carried_layout layout = weir_carried_layout_of(stream, head->hop, &q->arena);
        is_good = is_good &&
                  weir_carried_decode(&layout, carried, &q->arena, event_out->carried, overflow);
    }
    if (is_good) return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "the journal's copy of %s %d/%" PRId64 " can not be decoded", name,
                          copy->source_partition, copy->source_offset);
}

typedef weir_error *visit_copy(inquiry *q, const weir_journal_head *head,
                               const weir_journal_copy *copy, weir_seq seq);

static void take_notice(inquiry *q, weir_bytes value)
{
    weir_journal_notice notice;
    if (!weir_journal_definition_decode(value, &notice)) return;
    if (q->sender != NULL && memcmp(notice.fold_digest, q->sender, WEIR_JOURNAL_DIGEST_BYTES) != 0)
        return;
    memcpy(q->version, notice.digest, WEIR_DIGEST_BYTES);
    q->is_kin = memcmp(notice.fold_digest, q->plan->fold_digest, WEIR_DIGEST_BYTES) == 0;
    q->has_version = true;
}

/* A way through a journal partition. */
typedef struct journal_walk {
    inquiry *q;
    weir_seq end;
    visit_copy *visit;
} journal_walk;

static weir_error *visit_record(void *context, const weir_log_record *record, bool *is_over_out)
{
    const journal_walk *way = context;
    (void)is_over_out;
    if (record->value.size == 0 || record->value.data[0] != WEIR_JOURNAL_PACK) {
        take_notice(way->q, record->value);
        return NULL;
    }
    bool is_bad = false;
    weir_pack_reader reader;
    weir_packed packed;
    if (!weir_pack_open(&reader, record->value)) return NULL;
    for (uint32_t index = 0; weir_pack_next(&reader, &packed, &is_bad); index++) {
        weir_seq seq = weir_seq_of(record->offset, index);
        weir_journal_head head;
        weir_journal_copy copy;
        if (seq >= way->end) return NULL;
        if (!weir_journal_head_decode(packed.head, &head)) break;
        if (!weir_journal_copy_decode(&head, packed.rest, &copy)) break;
        WEIR_TRY(way->visit(way->q, &head, &copy, seq));
    }
    return NULL;
}

/* Visits the copies of a journal partition in [from, end). */
static weir_error *walk(inquiry *q, weir_topic topic, int32_t partition, int64_t from, weir_seq end,
                        visit_copy *visit)
{
    journal_walk way = {q, end, visit};
    weir_kafka_range range = {.topic = q->topics->items[topic].name,
                              .partition = partition,
                              .from = from,
                              .end = weir_seq_offset(end) + (weir_seq_index(end) > 0)};
    return weir_kafka_range_read(q->options->replay->kafka, &range, visit_record, &way);
}

/* The event's hop in the journal asked about. */
static uint32_t hop_here(const inquiry *q)
{
    const weir_plan_stream *stream = &q->plan->streams[q->event.stream];
    uint32_t hop = 0;
    while (hop < stream->hop_count && q->topics->journals[stream->hops[hop].entity] != q->topic)
        hop++;
    return hop;
}

static weir_error *take_subject(inquiry *q, const weir_journal_head *head,
                                const weir_journal_copy *copy, weir_seq seq)
{
    if (seq != q->seq) return NULL;
    bool is_from_other = is_foreign(q, head) && copy->point_count > 0;
    q->is_found = true;
    if (is_from_other) {
        q->sender = weir_arena_copy(&q->arena, head->digest, sizeof head->digest);
        return NULL;
    }
    WEIR_TRY(decode_event(q, head, copy, seq, &q->event));
    q->hop = hop_here(q);
    memcpy(q->points, copy->points, copy->point_count * sizeof q->points[0]);
    q->point_count = copy->point_count;
    q->points[q->point_count++] =
        (weir_read_point){.hop = q->hop, .partition = q->partition, .seq = seq};
    return NULL;
}

static bool hop_key(inquiry *q, const found_event *event, const weir_plan_hop *hop,
                    weir_buffer *out)
{
    const weir_plan_entity *entity = &q->plan->entities[hop->entity];
    weir_value key[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t k = 0; k < entity->key_count; k++)
        key[k] = event->fields[hop->key_slots[k]];
    weir_buffer_clear(out);
    return weir_key_encode(entity->key_types, key, entity->key_count, out);
}

static bool is_known_stream(inquiry *q, const weir_journal_head *head)
{
    char *name = weir_arena_string(&q->arena, (const char *)head->stream.data, head->stream.size);
    return weir_plan_find_stream(q->plan, name) != WEIR_NONE;
}

/* An event of the same key; one that was sent again after a crash is listed once. */
static weir_error *take_event(inquiry *q, const weir_journal_head *head,
                              const weir_journal_copy *copy, weir_seq seq)
{
    if (copy->key.size != q->key.size || memcmp(copy->key.data, q->key.data, q->key.size) != 0)
        return NULL;
    found_event event;
    if (is_foreign(q, head) && !is_known_stream(q, head)) return NULL;
    WEIR_TRY(decode_event(q, head, copy, seq, &event));
    for (size_t i = q->event_count; i > 0; i--) {
        const found_event *other = &q->events[i - 1];
        if (other->stream == event.stream && other->source_partition == event.source_partition &&
            other->source_offset == event.source_offset) {
            return NULL;
        }
    }
    if (q->event_count == EVENTS_MAX)
        return weir_error_new(WEIR_E_LIMIT, "more than %d events of one key", EVENTS_MAX);
    if (q->event_count == q->event_capacity) {
        q->event_capacity = q->event_capacity == 0 ? 64 : q->event_capacity * 2;
        q->events = realloc(q->events, q->event_capacity * sizeof(found_event));
        WEIR_ASSERT(q->events != NULL);
    }
    q->events[q->event_count++] = event;
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const found_event *x = a, *y = b;
    if (x->et_us != y->et_us) return x->et_us < y->et_us ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool is_true(const weir_expr *expr, weir_expr_env *env)
{
    weir_value value = weir_expr_eval(expr, env);
    return value.kind == WEIR_BOOL && value.as.boolean;
}

static const weir_plan_source *source_of(const weir_plan_view *view, uint32_t stream)
{
    for (uint32_t i = 0; i < view->source_count; i++) {
        if (view->sources[i].stream == stream) return &view->sources[i];
    }
    return NULL;
}

/* Composite keys: the event's extra key must be the one that `this` asks for. */
static bool same_extra_key(const inquiry *q, uint32_t view_index, const weir_plan_source *source,
                           weir_expr_env *env)
{
    const weir_plan_view *view = &q->plan->views[view_index];
    for (uint32_t i = 0; i < q->plan->view_key_count; i++) {
        const weir_plan_view_key *key = &q->plan->view_keys[i];
        if (key->view != view_index || key->stream != q->event.stream) continue;
        for (uint32_t k = 0; k < view->extra_key_count; k++) {
            weir_value past = weir_expr_eval(source->extra_keys[k], env);
            weir_value now = weir_expr_eval(key->exprs[k], env);
            if (weir_is_null(&past) || !weir_value_equal(&past, &now)) return false;
        }
    }
    return true;
}

/* Whether the event is a row of the cell's view for this trigger. */
static bool is_row(inquiry *q, const weir_plan_cell *cell, const found_event *event,
                   weir_expr_env *env)
{
    const weir_plan_view *view = &q->plan->views[cell->view];
    const weir_plan_source *source = source_of(view, event->stream);
    if (source == NULL) return false;
    env->fields = event->fields;
    env->carried = event->carried;
    env->self = q->event.fields;
    if (source->where != NULL && !is_true(source->where, env)) return false;
    return same_extra_key(q, cell->view, source, env);
}

static bool passes_filter(inquiry *q, const weir_plan_cell *cell, const found_event *event,
                          weir_expr_env *env)
{
    const weir_plan_view *view = &q->plan->views[cell->view];
    const weir_plan_source *source = source_of(view, event->stream);
    if (cell->filter != WEIR_NONE && !is_true(source->columns[cell->filter], env)) return false;
    if (cell->read_filter == NULL) return true;
    weir_value *columns = weir_arena_array(&q->arena, weir_value, view->column_count + 1);
    for (uint32_t i = 0; i < view->column_count; i++)
        columns[i] = weir_expr_eval(source->columns[i], env);
    env->columns = columns;
    return is_true(cell->read_filter, env);
}

/* Whether event `i` (in order of time) stands in the window of the cell. */
static bool in_window(inquiry *q, const weir_plan_cell *cell, size_t i, weir_expr_env *env)
{
    int64_t high = q->event.et_us - cell->window.delay_us;
    const found_event *event = &q->events[i];
    if (event->et_us > high) return false;
    if (cell->window.kind == WEIR_WINDOW_EVER) return true;
    if (cell->window.kind == WEIR_WINDOW_TIME) {
        int64_t low = high;
        if (cell->window.step_us > 0) {
            int64_t rest =
                ((high % cell->window.step_us) + cell->window.step_us) % cell->window.step_us;
            low = high - rest;
        }
        return event->et_us > low - cell->window.width_us;
    }
    uint32_t behind = 0;
    for (size_t j = i + 1; j < q->event_count && q->events[j].et_us <= high; j++) {
        behind += is_row(q, cell, &q->events[j], env);
        if (behind >= cell->window.count) return false;
    }
    return true;
}

static bool expr_contains(inquiry *q, const weir_expr *expr, size_t i, weir_expr_env *env)
{
    if (expr->op == WEIR_EXPR_CELL) {
        const weir_plan_cell *cell = &q->plan->cells[expr->index];
        if (!in_window(q, cell, i, env)) return false;
        return is_row(q, cell, &q->events[i], env) && passes_filter(q, cell, &q->events[i], env);
    }
    for (uint32_t k = 0; k < expr->arg_count; k++) {
        if (expr_contains(q, expr->args[k], i, env)) return true;
    }
    return false;
}

static bool is_asked(const inquiry *q, const weir_plan_member *member)
{
    return q->options->feature == NULL || strcmp(q->options->feature, member->column) == 0;
}

static void write_place(weir_json_writer *writer, const char *journal, int32_t partition,
                        weir_seq seq)
{
    weir_json_write_key(writer, "journal");
    weir_json_write_text(writer, journal);
    weir_json_write_key(writer, "partition");
    weir_json_write_int(writer, partition);
    weir_json_write_key(writer, "offset");
    weir_json_write_int(writer, weir_seq_offset(seq));
    weir_json_write_key(writer, "index");
    weir_json_write_int(writer, weir_seq_index(seq));
}

static void write_event(inquiry *q, const char *journal, int32_t partition,
                        const found_event *event, const char *const *columns, size_t column_count)
{
    const weir_plan_stream *stream = &q->plan->streams[event->stream];
    weir_json_writer writer = {.out = q->out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "stream");
    weir_json_write_text(&writer, stream->name);
    weir_json_write_key(&writer, "time");
    weir_value time = weir_time(event->et_us);
    weir_json_write_value(&writer, weir_type_of(WEIR_TIME), &time);
    write_place(&writer, journal, partition, event->seq);
    weir_json_write_key(&writer, "source");
    char origin[WEIR_TOPIC_NAME_MAX + 64];
    int length = snprintf(origin, sizeof origin, "%s/%d/%" PRId64, stream->topic,
                          event->source_partition, event->source_offset);
    weir_json_write_string(&writer, origin, (size_t)length);
    weir_json_write_key(&writer, "fields");
    weir_json_write_begin(&writer, '{');
    for (uint32_t i = 0; i < stream->slot_count; i++) {
        weir_json_write_key(&writer, stream->slot_paths[i]);
        weir_json_write_value(&writer, stream->slot_types[i], &event->fields[i]);
    }
    weir_json_write_end(&writer, '}');
    weir_json_write_key(&writer, "in");
    weir_json_write_begin(&writer, '[');
    for (size_t i = 0; i < column_count; i++)
        weir_json_write_text(&writer, columns[i]);
    weir_json_write_end(&writer, ']');
    weir_json_write_end(&writer, '}');
    weir_buffer_put_u8(q->out, '\n');
}

/* Lists the events behind the features that were read at one point. */
static weir_error *explain_point(inquiry *q, const weir_read_point *point)
{
    const weir_plan_stream *stream = &q->plan->streams[q->event.stream];
    const weir_plan_hop *hop = &stream->hops[point->hop];
    weir_topic topic = q->topics->journals[hop->entity];
    weir_buffer key = {0};
    q->event_count = 0;
    weir_error *error = NULL;
    if (!hop_key(q, &q->event, hop, &key)) goto out;
    q->key = (weir_bytes){key.data, key.size};
    WEIR_TRY_OUT(walk(q, topic, point->partition, WEIR_OFFSET_START, point->seq, take_event));
    if (q->event_count > 0) qsort(q->events, q->event_count, sizeof(found_event), by_time);
    const char **columns = weir_arena_array(&q->arena, const char *, stream->carried_count + 1);
    for (size_t i = 0; i < q->event_count; i++) {
        size_t count = 0;
        for (uint32_t c = 0; c < stream->carried_count; c++) {
            const weir_plan_carried *carried = &stream->carried[c];
            const weir_plan_member *member = &q->plan->members[carried->member];
            weir_expr_env env = {.scratch = &q->arena};
            if (carried->hop != point->hop || !is_asked(q, member)) continue;
            if (expr_contains(q, carried->expr, i, &env)) columns[count++] = member->column;
        }
        if (count == 0) continue;
        write_event(q, q->topics->items[topic].name, point->partition, &q->events[i], columns,
                    count);
    }
out:
    weir_buffer_deinit(&key);
    return error;
}

/* Where the journal ends: Kafka does not tell an offset behind it from one that retention took. */
static weir_error *find_end(const inquiry *q, int64_t *end_out)
{
    weir_admin *admin = NULL;
    int64_t start = 0;
    WEIR_TRY(weir_admin_open(q->options->replay->kafka, &admin));
    weir_error *error =
        weir_admin_ends(admin, q->topics->items[q->topic].name, q->partition, &start, end_out);
    weir_admin_close(admin);
    return error;
}

static weir_error *find_subject(inquiry *q)
{
    int64_t offset = weir_seq_offset(q->seq), end = 0;
    WEIR_TRY(find_end(q, &end));
    if (offset < end)
        WEIR_TRY(walk(q, q->topic, q->partition, offset, weir_seq_of(offset + 1, 0), take_subject));
    if (q->is_found) return NULL;
    return weir_error_new(
        WEIR_E_DATA, "the journal %s/%d has no event at offset %" PRId64 ", index %u",
        q->topics->items[q->topic].name, q->partition, offset, weir_seq_index(q->seq));
}

static weir_error *pass_over(inquiry *q, const weir_journal_head *head,
                             const weir_journal_copy *copy, weir_seq seq)
{
    (void)q, (void)head, (void)copy, (void)seq;
    return NULL;
}

/* A copy says who sent it on; what came from its source is of the version in force there. What kin
 * read is the same. */
static weir_error *check_version(inquiry *q)
{
    if (q->sender == NULL && q->point_count > 1) return NULL;
    q->has_version = false;
    WEIR_TRY(walk(q, q->topic, q->partition, WEIR_OFFSET_START, q->seq, pass_over));
    if (q->sender == NULL && (!q->has_version || q->is_kin)) return NULL;
    char name[WEIR_SHA256_TEXT_SIZE];
    if (!q->has_version) memcpy(q->version, q->sender, WEIR_JOURNAL_DIGEST_BYTES);
    weir_sha256_print(q->version, name);
    return weir_error_new(WEIR_E_NOT_APPLIED,
                          "the event of %s %s version %.16s of the definitions, not this folder's; "
                          "ask in a folder of that version: its hashes are kept as "
                          "%s/definitions/%s.weir where it was applied",
                          q->options->receipt,
                          q->sender != NULL ? "was scored by" : "came in the time of", name,
                          q->options->state_dir, name);
}

static weir_error *explain(inquiry *q)
{
    WEIR_TRY(parse_receipt(q));
    WEIR_TRY(find_subject(q));
    WEIR_TRY(check_version(q));
    write_event(q, q->topics->items[q->topic].name, q->partition, &q->event, NULL, 0);
    for (uint32_t i = 0; i < q->point_count; i++)
        WEIR_TRY(explain_point(q, &q->points[i]));
    return NULL;
}

weir_error *weir_why(const weir_why_options *options, weir_buffer *out)
{
    inquiry q = {.options = options,
                 .topics = options->replay->topics,
                 .plan = options->replay->topics->plan,
                 .out = out};
    q.decoders = calloc(q.plan->stream_count + 1, sizeof(weir_decoders));
    WEIR_ASSERT(q.decoders != NULL);
    for (uint32_t i = 0; i < q.plan->stream_count; i++) {
        weir_decoders_init(&q.decoders[i], &q.plan->streams[i], options->replay->schemas);
    }
    weir_error *error = explain(&q);
    for (uint32_t i = 0; i < q.plan->stream_count; i++)
        weir_decoders_deinit(&q.decoders[i]);
    free(q.decoders);
    free(q.events);
    weir_arena_deinit(&q.arena);
    return error;
}
