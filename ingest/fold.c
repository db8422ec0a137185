/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/fold.h"

#include <stdlib.h>

#include "ingest/admission.h"
#include "ingest/epochs.h"
#include "ingest/hop_key.h"
#include "ingest/lane.h"
#include "ingest/packer.h"
#include "ingest/slices.h"
#include "ops/runtime/assert.h"

enum { FOLD_MAGIC = 0x0f01d001, WAITING_MAX = 8 };

/* What a head of the present pack means here: found out once for all of its copies. */
typedef struct route {
    weir_journal_head head;
    weir_lane *lane; /* NULL: a stream or an entity that these definitions do not know */
    const weir_decoder *decoder; /* NULL: not yet looked for */
    bool is_foreign;             /* carries values of another definition: they are not looked at */
    uint32_t onward; /* the hop to which `bytes` is the head of copies; WEIR_NONE: none yet */
    weir_buffer bytes;
} route;

/* One copy on its way through the shard. */
typedef struct passage {
    route *route;
    weir_lane *lane;
    weir_journal_copy copy;
    weir_event event;
    uint64_t hash; /* of the key */
    int64_t record_us, order_us;
    weir_pack_mark behind; /* where the pack goes on */
    bool emits;            /* at or above K */
} passage;

/* Copies are read from the pack some at a time, so that the cache misses of their keys overlap. */
enum { AHEAD_MAX = 16 };

typedef struct fold {
    weir_node node;
    uint32_t magic;
    weir_fold_options options;
    const weir_plan *plan;
    const char *topic_name;
    uint32_t entity;
    weir_lane *lanes; /* one per stream of the plan */
    uint32_t last_lane;
    weir_state_table *table;
    weir_slices slices;
    weir_shard_record record;
    weir_epochs epochs;
    int64_t next;                      /* offset to take next */
    uint32_t next_index;               /* of it, copies that are taken */
    weir_pack_mark next_mark;          /* where the next copy begins; valid behind the first */
    weir_pack_reader reader;           /* of the pack at `next` */
    route routes[WEIR_PACK_HEADS_MAX]; /* one per head that was met in it */
    uint32_t route_count;
    passage ahead[AHEAD_MAX];
    int64_t emit_from; /* K when opened: what lies below was sent before */
    int64_t committed; /* K */
    bool is_open, is_failed;
    uint32_t events_since_freeze;
    int64_t last_freeze_us, last_checkpoint_us, checkpoint_low;
    int32_t *score_ids; /* schema id per score of the plan; valid where has_score_id */
    bool *has_score_id;
    weir_arena scratch;
    weir_buffer bytes, values, key;
    weir_buffer held; /* scores of the pack that is being taken: release_scores */
} fold;

static fold *self_of(const weir_node *node)
{
    fold *self = (fold *)node;
    WEIR_ASSERT(self != NULL && self->magic == FOLD_MAGIC);
    return self;
}

/* ---- which copies are taken ---- */

static bool is_stream(const weir_lane *l, weir_bytes name)
{
    return strlen(l->stream->name) == name.size &&
           memcmp(l->stream->name, name.data, name.size) == 0;
}

static weir_lane *find_lane(fold *self, weir_bytes name)
{
    if (is_stream(&self->lanes[self->last_lane], name)) return &self->lanes[self->last_lane];
    for (uint32_t i = 0; i < self->plan->stream_count; i++) {
        if (!is_stream(&self->lanes[i], name)) continue;
        self->last_lane = i;
        return &self->lanes[i];
    }
    return NULL;
}

static weir_error *damaged(const fold *self, int64_t offset, uint32_t index, const char *what)
{
    return weir_error_new(WEIR_E_CORRUPT,
                          "journal %s/%d, offset %lld, copy %u: %s; the record was not written by "
                          "weir or is damaged: "
                          "restore the topic, or start a new package",
                          self->topic_name, self->options.partition, (long long)offset, index,
                          what);
}

/*
 * A copy of another definition. At the first hop it holds the event alone and any definition can
 * take it. Later on it carries values that were read under that definition: they do not fit this
 * one. If rows here depend on them, or the event still has to go on, this definition can not take
 * it.
 */
static weir_error *check_definition(const fold *self, const passage *p)
{
    if (!p->route->is_foreign || p->copy.point_count == 0) return NULL;
    if (!p->emits && !p->lane->needs_earlier) return NULL;
    return weir_error_new(
        WEIR_E_NOT_APPLIED,
        "journal %s/%d, offset %lld: an event of stream %s carries values of another version of "
        "the definitions; %s",
        self->topic_name, self->options.partition, (long long)weir_seq_offset(p->event.seq),
        p->lane->stream->name,
        p->emits ? "let workers of that version drain the journals first, then run weir apply"
                 : "state that depends on such values can not be rebuilt under this one: give the "
                   "package a new name");
}

/* The origin filter: dropped is what its sender has sent before. */
static bool is_new(fold *self, const passage *p)
{
    const weir_journal_copy *copy = &p->copy;
    if (copy->point_count == 0 || WEIR_PLANTED(ORIGIN_BY_SOURCE)) {
        return weir_origin_admit(&self->record.streams[p->lane->index],
                                 (uint32_t)copy->source_partition,
                                 weir_seq_of(copy->source_offset, 0));
    }
    const weir_read_point *from = &copy->points[copy->point_count - 1];
    uint32_t entity = p->lane->stream->hops[from->hop].entity;
    return weir_origin_admit(&self->record.entities[entity], (uint32_t)from->partition, from->seq);
}

/* R2: max(the shard's previous, min(source timestamp, journal timestamp)); a missing one does not
 * count. */
static int64_t ingest_time(const fold *self, const passage *p)
{
    int64_t source = p->copy.source_timestamp_us, journal = p->record_us;
    int64_t time =
        source == INT64_MIN || (journal != INT64_MIN && journal < source) ? journal : source;
    if (time == INT64_MIN) time = p->copy.et_us;
    return time > self->record.clock.ingest_us ? time : self->record.clock.ingest_us;
}

/* ---- the event itself ---- */

static weir_error *decode_event(fold *self, passage *p)
{
    weir_lane *l = p->lane;
    int64_t offset = weir_seq_offset(p->event.seq);
    uint32_t index = weir_seq_index(p->event.seq);
    weir_decode_result result =
        weir_decoder_decode(p->route->decoder, p->copy.body, &self->scratch, l->slots);
    if (result.reason != WEIR_DECODE_OK)
        return damaged(self, offset, index, "its Avro body does not fit its schema");
    if (p->route->is_foreign || p->copy.point_count == 0) { /* nothing was read yet that counts */
        memset(l->carried, 0, l->stream->carried_count * sizeof *l->carried); /* all null */
        memset(l->overflow, 0, l->stream->carried_count * sizeof *l->overflow);
    } else if (!weir_carried_decode(&l->layouts[l->hop], p->copy.carried, &self->scratch,
                                    l->carried, l->overflow)) {
        return damaged(self, offset, index, "its carried values do not fit the definitions");
    }
    return NULL;
}

/* Values that point into key states must outlive the change of those states. */
static void hold_values(fold *self, weir_lane *l)
{
    for (uint32_t i = 0; i < l->held_count; i++) {
        weir_value *value = &l->carried[l->held[i]];
        if (!weir_is_null(value)) *value = weir_value_copy(value, &self->scratch);
    }
}

static weir_error *read_absent(fold *self, passage *p, uint32_t hop)
{
    weir_event event = p->event;
    event.hop = hop;
    event.key = (weir_bytes){0};
    WEIR_TRY(weir_engine_read_absent(self->options.engine, &event));
    hold_values(self, p->lane);
    return NULL;
}

/* The first hop decides on duplicates (R9); a null id is none. */
static weir_error *decide_duplicate(fold *self, const passage *p, bool *duplicate_out)
{
    uint32_t slot = p->lane->stream->id_slot;
    *duplicate_out = false;
    if (p->copy.point_count > 0 || slot == WEIR_NONE || weir_is_null(&p->lane->slots[slot]))
        return NULL;
    return weir_engine_is_duplicate(self->options.engine, weir_state_table_port(self->table),
                                    &p->event, duplicate_out);
}

/* Reads what the event carries from here on; at the first hop for those before it, too, whose keys
 * are null. */
static weir_error *read_event(fold *self, passage *p, weir_read_point *point_out)
{
    bool beyond_horizon = false;
    for (uint32_t h = 0; p->copy.point_count == 0 && h < p->event.hop; h++)
        WEIR_TRY(read_absent(self, p, h));
    WEIR_TRY(weir_engine_read(self->options.engine, weir_state_table_port(self->table),
                              &self->record.clock, &p->event, &beyond_horizon));
    hold_values(self, p->lane);
    *point_out = (weir_read_point){.hop = p->event.hop,
                                   .partition = self->options.partition,
                                   .seq = p->event.seq,
                                   .beyond_horizon = beyond_horizon};
    return NULL;
}

static void advance_clock(fold *self, const passage *p)
{
    weir_shard_clock *clock = &self->record.clock;
    int64_t bound = 0;
    bool has_bound =
        !__builtin_sub_overflow(clock->greatest_et_us, p->lane->stream->late_us, &bound);
    if (has_bound && clock->greatest_et_us != INT64_MIN && p->event.et_us < bound)
        self->record.counters.late++;
    if (p->event.et_us > clock->greatest_et_us) clock->greatest_et_us = p->event.et_us;
    self->record.counters.events++;
}

static void count_duplicate(fold *self, const passage *p)
{
    self->record.counters.duplicates++;
    if (WEIR_PLANTED(DUPLICATES_FORGOTTEN)) return;
    weir_seq_list_add(&self->slices.duplicates[weir_slice_of(p->hash)], p->event.seq);
}

/* Below K nothing leaves: values are read only where rows depend on them, or a sink wants them. */
static bool must_read(const fold *self, const passage *p)
{
    return p->emits || p->lane->needs_reads ||
           (self->options.rows != NULL && self->options.replay_rows);
}

/* Duplicate, read, apply, in this order (R4, R9). */
static weir_error *fold_event(fold *self, passage *p, bool *duplicate_out,
                              weir_read_point *point_out)
{
    WEIR_TRY(decide_duplicate(self, p, duplicate_out));
    if (*duplicate_out && !WEIR_PLANTED(DUPLICATE_TRAVELS)) return NULL;
    if (must_read(self, p)) WEIR_TRY(read_event(self, p, point_out));
    if (WEIR_PLANTED(DUPLICATE_TRAVELS) && *duplicate_out) return NULL;
    return weir_engine_apply(self->options.engine, weir_state_table_port(self->table),
                             &self->record.clock, &p->event);
}

/* ---- where it goes afterwards ---- */

static weir_error *send(fold *self, weir_output *output)
{
    output->epoch = weir_epochs_sent(&self->epochs);
    return self->options.port->send(self->options.port->context, output);
}

static bool hop_key(fold *self, const weir_lane *l, uint32_t hop, weir_bytes *key_out)
{
    return weir_hop_key(self->plan, &l->stream->hops[hop], l->slots, &self->key, key_out);
}

/* The head of copies that go on to that hop: the same for all that came under one head. */
static weir_bytes onward_head(fold *self, const passage *p, uint32_t hop)
{
    route *r = p->route;
    if (__builtin_expect(r->onward != hop, 0)) {
        weir_journal_head head = r->head;
        head.hop = hop;
        memcpy(head.digest, self->plan->digest, WEIR_JOURNAL_DIGEST_BYTES);
        head.point_count = p->copy.point_count;
        for (uint32_t i = 0; i < p->copy.point_count; i++)
            head.points[i] = (uint8_t)p->copy.points[i].hop;
        weir_buffer_clear(&r->bytes);
        weir_journal_head_encode(&head, &r->bytes);
        r->onward = hop;
    }
    return (weir_bytes){r->bytes.data, r->bytes.size};
}

static weir_error *send_copy(fold *self, passage *p, uint32_t hop, weir_bytes key)
{
    const weir_plan_stream *stream = p->lane->stream;
    weir_buffer_clear(&self->values);
    weir_carried_encode(&p->lane->layouts[hop], p->lane->carried, p->lane->overflow, &self->values);
    p->copy.key = key;
    p->copy.carried = (weir_bytes){self->values.data, self->values.size};
    weir_buffer_clear(&self->bytes);
    weir_journal_copy_encode(&p->copy, &self->bytes);
    weir_output output = {.topic = self->options.topics->journals[stream->hops[hop].entity],
                          .partition = WEIR_PARTITION_BY_KEY,
                          .key = key,
                          .value = {self->bytes.data, self->bytes.size},
                          .head = onward_head(self, p, hop),
                          .is_copy = true};
    return send(self, &output);
}

static weir_error *find_score_id(fold *self, uint32_t score)
{
    if (self->has_score_id[score]) return NULL;
    const weir_schema_source *schemas = self->options.schemas;
    WEIR_TRY(schemas->output_id(schemas->context, self->plan->scores[score].topic,
                                weir_score_schema, &self->score_ids[score]));
    self->has_score_id[score] = true;
    return NULL;
}

/* A score's key is that of the stream's first entity whose key is not null. */
static weir_bytes score_key(fold *self, const weir_lane *l)
{
    weir_bytes key;
    for (uint32_t h = 0; h < l->stream->hop_count; h++)
        if (hop_key(self, l, h, &key)) return key;
    WEIR_UNREACHABLE();
}

/* Scorers are shared between the shards of a worker: none keeps an event of ours beyond a turn. */
static void settle_scores(fold *self)
{
    for (uint32_t i = 0; self->options.scorers != NULL && i < self->plan->score_count; i++) {
        weir_score_sink sink = {&self->held, self->options.topics->scores[i]};
        if (self->options.scorers[i] != NULL) weir_scorer_settle(self->options.scorers[i], &sink);
    }
}

/*
 * Scores are held back until their pack is wholly taken. K can only stand between packs, and under
 * transactional delivery it is committed with the scores: a turn that stops amid a pack (alignment)
 * must not leave scores behind K in a transaction that is closed, or a restart scores them again.
 */
static weir_error *release_scores(fold *self)
{
    for (size_t at = 0; at < self->held.size;) {
        weir_score_head head;
        memcpy(&head, self->held.data + at, sizeof head);
        const uint8_t *key = self->held.data + at + sizeof head;
        weir_output output = {.topic = head.topic,
                              .partition = WEIR_PARTITION_BY_KEY,
                              .key = {key, head.key_size},
                              .value = {key + head.key_size, head.value_size},
                              .is_transactional = true};
        WEIR_TRY(send(self, &output));
        at += sizeof head + head.key_size + head.value_size;
    }
    weir_buffer_clear(&self->held);
    return NULL;
}

static weir_error *send_score(fold *self, const passage *p, uint32_t ordinal)
{
    uint32_t score = p->lane->scores[ordinal];
    WEIR_TRY(find_score_id(self, score));
    weir_score_request request = {.engine = self->options.engine,
                                  .event = &p->event,
                                  .copy = &p->copy,
                                  .points = p->copy.points,
                                  .point_count = p->copy.point_count,
                                  .journal = self->topic_name,
                                  .partition = self->options.partition,
                                  .ordinal = ordinal,
                                  .schema_id = self->score_ids[score]};
    weir_score_sink sink = {&self->held, self->options.topics->scores[score]};
    weir_scorer_add(self->options.scorers[score], &request, score_key(self, p->lane), &sink);
    return NULL;
}

static weir_error *finish_event(fold *self, passage *p)
{
    weir_lane *l = p->lane;
    self->record.counters.rows += p->emits;
    for (uint32_t i = 0; p->emits && i < l->stream->carried_count; i++)
        self->record.counters.overflows += l->overflow[i];
    if (self->options.rows != NULL && (p->emits || self->options.replay_rows)) {
        weir_fold_row row = {.event = &p->event,
                             .head = &p->route->head,
                             .copy = &p->copy,
                             .points = p->copy.points,
                             .point_count = p->copy.point_count,
                             .engine = self->options.engine};
        WEIR_TRY(self->options.rows->take(self->options.rows->context, &row));
    }
    for (uint32_t i = 0; p->emits && self->options.scorers != NULL && i < l->score_count; i++)
        WEIR_TRY(send_score(self, p, i));
    return NULL;
}

/* On to the next hop whose key is not null; those between read as absent (R2). After the last one:
 * the end. */
static weir_error *pass_on(fold *self, passage *p, weir_read_point point)
{
    p->copy.points[p->copy.point_count++] = point;
    for (uint32_t h = p->event.hop + 1; h < p->lane->stream->hop_count; h++) {
        weir_bytes key;
        if (hop_key(self, p->lane, h, &key)) {
            self->record.counters.passed += p->emits;
            return p->emits ? send_copy(self, p, h, key) : NULL;
        }
        WEIR_TRY(read_absent(self, p, h));
    }
    return finish_event(self, p);
}

/* ---- one copy ---- */

/* An event that its slice knows already: only what the shard as a whole remembers moves on. */
static void replay_ahead(fold *self, const passage *p)
{
    bool is_first = p->copy.point_count == 0;
    if (is_first &&
        weir_seq_list_has(&self->slices.duplicates[weir_slice_of(p->hash)], p->event.seq)) {
        self->record.counters.duplicates++;
        return;
    }
    advance_clock(self, p);
}

static weir_error *replay_or_fold(fold *self, passage *p)
{
    bool duplicate = false;
    weir_read_point point = {0};
    WEIR_TRY(decode_event(self, p));
    weir_state_table_begin(self->table, p->copy.key, p->hash);
    weir_error *error = fold_event(self, p, &duplicate, &point);
    weir_state_table_end(self->table);
    if (error != NULL) return error;
    if (duplicate) {
        count_duplicate(self, p);
        if (WEIR_PLANTED(DUPLICATE_TRAVELS) && must_read(self, p)) return pass_on(self, p, point);
        return NULL;
    }
    advance_clock(self, p);
    return must_read(self, p) ? pass_on(self, p, point) : NULL;
}

static void set_event(passage *p, weir_seq seq)
{
    p->event = (weir_event){.stream = p->lane->index,
                            .hop = p->lane->hop,
                            .fields = p->lane->slots,
                            .carried = p->lane->carried,
                            .carried_overflow = p->lane->overflow,
                            .key = p->copy.key,
                            .et_us = p->copy.et_us,
                            .seq = seq};
}

static weir_error *find_decoder(fold *self, passage *p)
{
    const weir_journal_head *head = &p->route->head;
    const weir_decoder_entry *entry = NULL;
    WEIR_TRY(weir_decoders_find(&p->lane->decoders, head->schema_id, &entry));
    if (entry->decoder != NULL && entry->fingerprint == head->fingerprint) {
        p->route->decoder = entry->decoder;
        return NULL;
    }
    return weir_error_new(
        WEIR_E_SCHEMA,
        "journal %s/%d, offset %lld: schema id %d of stream %s %s; restore the registry's entry "
        "under "
        "this id",
        self->topic_name, self->options.partition, (long long)weir_seq_offset(p->event.seq),
        head->schema_id, p->lane->stream->name,
        entry->decoder == NULL ? entry->problem : "is now bound to another schema");
}

/* What is asked once for all copies of a pack that have one head. */
static weir_error *admit_route(fold *self, passage *p)
{
    WEIR_TRY(check_definition(self, p));
    return find_decoder(self, p);
}

/* Takes a copy, which is decoded already. What can fail for outside reasons comes before anything
 * is changed. */
static weir_error *take_copy(fold *self, passage *p, weir_seq seq)
{
    set_event(p, seq);
    if (p->copy.source_partition >= WEIR_ORIGIN_PARTITIONS_MAX)
        return damaged(self, weir_seq_offset(seq), weir_seq_index(seq),
                       "its source partition is too large");
    if (__builtin_expect(p->route->decoder == NULL, 0)) WEIR_TRY(admit_route(self, p));
    self->is_failed = true; /* until it is through: a shard that stops in between is thrown away */
    if (!is_new(self, p)) {
        self->record.counters.resent++;
        self->is_failed = false;
        return NULL;
    }
    weir_arena_reset(&self->scratch);
    p->event.ingest_us = ingest_time(self, p);
    const weir_fold_watch *watch = self->options.watch;
    if (watch != NULL)
        WEIR_TRY(watch->before(watch->context, &self->node, seq, p->event.ingest_us));
    self->record.clock.ingest_us = p->event.ingest_us;
    if (weir_slices_is_ahead(&self->slices, weir_slice_of(p->hash), weir_seq_offset(seq)))
        replay_ahead(self, p);
    else
        WEIR_TRY(replay_or_fold(self, p));
    self->is_failed = false;
    self->events_since_freeze++;
    return NULL;
}

/* ---- packs ---- */

/* A head that was not met before. Nothing here depends on streams and entities that these
 * definitions do not know: such a route has no lane. */
static weir_error *add_route(fold *self, weir_bytes bytes, int64_t offset, uint32_t index)
{
    route *r = &self->routes[self->route_count];
    if (!weir_journal_head_decode(bytes, &r->head))
        return damaged(self, offset, index, "its bytes are not the head of a copy");
    r->decoder = NULL;
    r->onward = WEIR_NONE;
    r->is_foreign = memcmp(r->head.digest, self->plan->digest, WEIR_JOURNAL_DIGEST_BYTES) != 0;
    r->lane = find_lane(self, r->head.stream);
    if (r->lane != NULL && r->lane->hop == WEIR_NONE) r->lane = NULL;
    if (r->lane != NULL && !r->is_foreign && r->head.hop != r->lane->hop)
        return damaged(self, offset, index, "it belongs to another entity");
    uint32_t last = r->head.point_count;
    if (r->lane != NULL && last > 0 && r->head.points[last - 1] >= r->lane->stream->hop_count)
        return damaged(self, offset, index, "its read points do not fit the stream");
    self->route_count++;
    return NULL;
}

static weir_error *read_copy(fold *self, const weir_packed *packed, int64_t offset, uint32_t index,
                             passage *p)
{
    if (__builtin_expect(packed->head_number >= self->route_count, 0))
        WEIR_TRY(add_route(self, packed->head, offset, index));
    p->route = &self->routes[packed->head_number];
    p->lane = p->route->lane;
    if (!weir_journal_copy_decode(&p->route->head, packed->rest, &p->copy))
        return damaged(self, offset, index, "its bytes are not a copy");
    for (uint32_t i = 0; i < p->copy.point_count; i++)
        if (p->copy.points[i].partition >= WEIR_ORIGIN_PARTITIONS_MAX)
            return damaged(self, offset, index, "its read points do not fit the stream");
    if (index >= UINT32_C(1) << WEIR_SEQ_INDEX_BITS)
        return damaged(self, offset, index, "the pack is too long");
    return NULL;
}

static int64_t order_of(int64_t et_us, int64_t record_us)
{
    return record_us != INT64_MIN && record_us < et_us ? record_us : et_us;
}

/* At its beginning, or where the last turn stopped. */
static weir_error *open_pack(fold *self, const weir_log_record *record)
{
    if (self->next_index > 0) {
        weir_pack_seek(&self->reader, record->value, self->next_mark);
        return NULL;
    }
    self->route_count = 0;
    if (weir_pack_open(&self->reader, record->value)) return NULL;
    return damaged(self, record->offset, 0, "it is no pack");
}

/* ---- records ---- */

static void record_done(fold *self, int64_t offset)
{
    self->next = offset + 1;
    self->next_index = 0;
}

/*
 * Reads the next copies, up to the first that is behind the turn, and asks the memory for their
 * keys. What is wrong with one is told when all before it are taken: then it is the first.
 */
static weir_error *look_ahead(fold *self, const weir_log_record *record, int64_t until_us,
                              size_t *count_out)
{
    uint64_t hashes[AHEAD_MAX];
    bool bad = false, is_behind = false;
    weir_packed packed;
    size_t count = 0;
    weir_error *error = NULL;
    while (count < AHEAD_MAX && !is_behind && weir_pack_next(&self->reader, &packed, &bad)) {
        passage *p = &self->ahead[count];
        uint32_t index = self->next_index + (uint32_t)count;
        error = read_copy(self, &packed, record->offset, index, p);
        if (error != NULL) break;
        p->record_us = record->timestamp_us;
        p->emits = record->offset >= self->emit_from + WEIR_PLANTED(FIRST_AT_K_SILENT);
        p->order_us = order_of(p->copy.et_us, record->timestamp_us);
        p->behind = weir_pack_tell(&self->reader);
        p->hash = hashes[count++] = weir_state_hash(p->copy.key);
        is_behind = p->order_us > until_us;
    }
    if (bad) error = damaged(self, record->offset, self->next_index, "the pack is cut off");
    if (error != NULL && count > 0) {
        weir_error_free(error);
        error = NULL;
        weir_pack_seek(&self->reader, record->value, self->ahead[count - 1].behind);
    }
    weir_state_table_prefetch(self->table, hashes, count);
    *count_out = count;
    return error;
}

/* Takes the copies at hand. *is_over_out: one is behind the turn. */
static weir_error *take_ahead(fold *self, int64_t offset, size_t count, weir_node_turn *turn,
                              bool *is_over_out)
{
    for (size_t i = 0; i < count; i++) {
        passage *p = &self->ahead[i];
        if (p->order_us > turn->until_us) {
            turn->next_us = p->order_us;
            *is_over_out = true;
            return NULL;
        }
        if (p->lane != NULL) WEIR_TRY(take_copy(self, p, weir_seq_of(offset, self->next_index)));
        if (p->order_us > turn->greatest_us) turn->greatest_us = p->order_us;
        turn->event_count++;
        self->next_index++;
        self->next_mark = p->behind;
    }
    return NULL;
}

/* The copies of a pack from where the last turn stopped; *done_out is false if this one stops, too.
 */
static weir_error *take_copies(fold *self, const weir_log_record *record, weir_node_turn *turn,
                               bool *done_out)
{
    WEIR_TRY(open_pack(self, record));
    *done_out = false;
    for (bool is_over = false; !is_over;) {
        size_t count = 0;
        WEIR_TRY(look_ahead(self, record, turn->until_us, &count));
        if (count == 0) {
            *done_out = true;
            return NULL;
        }
        WEIR_TRY(take_ahead(self, record->offset, count, turn, &is_over));
    }
    return NULL;
}

static weir_error *take_pack(fold *self, const weir_log_record *record, weir_node_turn *turn,
                             bool *done_out)
{
    weir_error *error = take_copies(self, record, turn, done_out);
    settle_scores(self);
    if (error != NULL) return error;
    if (*done_out) return release_scores(self);
    if (WEIR_PLANTED(HELD_SCORES_LOST)) weir_buffer_clear(&self->held);
    return NULL;
}

/* A definition came into force. Below K it is history; from K on a worker of another one must not
 * go on. */
static weir_error *take_notice(fold *self, const weir_log_record *record)
{
    weir_journal_notice notice;
    if (!weir_journal_notice_decode(record->value, &notice))
        return damaged(self, record->offset, 0, "its first byte is unknown");
    if (notice.kind != WEIR_JOURNAL_DEFINITION || record->offset < self->emit_from) return NULL;
    if (memcmp(notice.digest, self->plan->digest, WEIR_DIGEST_BYTES) == 0) return NULL;
    return weir_error_new(
        WEIR_E_NOT_APPLIED,
        "journal %s/%d: another version of package %s was applied at offset %lld; start the worker "
        "with that version's folder, or run weir apply in this one",
        self->topic_name, self->options.partition, self->plan->package, (long long)record->offset);
}

static weir_error *take_record(fold *self, const weir_log_record *record, weir_node_turn *turn,
                               bool *done_out)
{
    *done_out = true;
    if (record->offset != self->next) {
        if (record->offset < self->next || !self->options.accepts_gaps) {
            return weir_error_new(WEIR_E_LOG_GAP,
                                  "journal %s/%d: offset %lld was to come, %lld came",
                                  self->topic_name, self->options.partition, (long long)self->next,
                                  (long long)record->offset);
        }
        self->next = record->offset;
    }
    if ((uint64_t)record->offset >= UINT64_MAX >> WEIR_SEQ_INDEX_BITS)
        return damaged(self, record->offset, 0, "its offset is too large");
    if (record->value.size > 0 && record->value.data[0] == WEIR_JOURNAL_PACK)
        return take_pack(self, record, turn, done_out);
    if (record->value.size == 0) return damaged(self, record->offset, 0, "it is empty");
    return take_notice(self, record);
}

/* ---- freezing ---- */

static int64_t floor_of(const fold *self)
{
    return self->committed > self->emit_from ? self->committed : self->emit_from;
}

static weir_error *freeze_one(fold *self)
{
    self->events_since_freeze = 0;
    if (self->next_index != 0 && !WEIR_PLANTED(FREEZE_IN_PACK)) return NULL;
    if (self->slices.waiting >= WAITING_MAX) return NULL;
    weir_slices_freeze(&self->slices, self->next + (self->next_index != 0), &self->record);
    return weir_slices_write(&self->slices, floor_of(self));
}

static weir_error *freeze_if_due(fold *self)
{
    bool is_due = self->events_since_freeze >= self->options.freeze_every_events ||
                  weir_state_table_is_pressed(self->table);
    return __builtin_expect(is_due, 0) ? freeze_one(self) : NULL;
}

/* Of a planted bug. */
static void forget_part(void *context, uint32_t view, weir_bytes key, uint64_t part,
                        weir_bytes bytes)
{
    (void)context, (void)view, (void)key, (void)part, (void)bytes;
}

weir_error *weir_fold_settle(weir_node *node)
{
    fold *self = self_of(node);
    if (!self->is_open || self->is_failed || self->next_index != 0) return NULL;
    WEIR_TRY(weir_slices_write(&self->slices, floor_of(self)));
    if (self->next > floor_of(self)) return NULL;
    for (uint32_t i = 0; WEIR_PLANTED(SETTLE_FORGETS_TABLE) && i < WEIR_SLICE_COUNT; i++)
        weir_state_table_freeze(self->table, i, ++self->slices.batch, forget_part, NULL);
    for (uint32_t i = 0; i < WEIR_SLICE_COUNT; i++)
        weir_slices_freeze(&self->slices, self->next, &self->record);
    return weir_slices_write(&self->slices, floor_of(self));
}

/* ---- the node ---- */

static weir_error *fold_apply(weir_node *node, const weir_log_record *records, size_t count,
                              weir_node_turn *turn)
{
    fold *self = self_of(node);
    WEIR_ASSERT(self->is_open && !self->is_failed);
    *turn = (weir_node_turn){
        .until_us = turn->until_us, .greatest_us = INT64_MIN, .next_us = INT64_MAX};
    for (size_t i = 0; i < count; i++) {
        bool done = false;
        WEIR_TRY(take_record(self, &records[i], turn, &done));
        if (!done) return NULL;
        record_done(self, records[i].offset);
        turn->taken++;
        WEIR_TRY(freeze_if_due(self));
    }
    return NULL;
}

static weir_error *fold_skip(weir_node *node, int64_t first, int64_t next)
{
    fold *self = self_of(node);
    if (self->options.accepts_gaps) {
        self->next = next;
        return NULL;
    }
    return weir_error_new(WEIR_E_LOG_GAP,
                          "journal %s/%d: offsets %lld to %lld are missing; journals have no gaps "
                          "unless records were "
                          "deleted: restore the topic, or start a new package",
                          self->topic_name, self->options.partition, (long long)first,
                          (long long)next - 1);
}

static weir_error *fold_flush(weir_node *node)
{
    fold *self = self_of(node);
    /* What is replayed was committed before: K never falls. */
    int64_t position = self->next > self->emit_from ? self->next : self->emit_from;
    if (WEIR_PLANTED(COMMIT_IN_PACK) && self->next_index > 0) position++;
    weir_epochs_close(&self->epochs, position);
    return NULL;
}

static void fold_acked(weir_node *node, uint64_t epoch, uint32_t count)
{
    weir_epochs_acked(&self_of(node)->epochs, epoch, count);
}

static int64_t fold_committable(const weir_node *node) { return self_of(node)->epochs.committable; }

static weir_error *fold_committed(weir_node *node, int64_t position)
{
    fold *self = self_of(node);
    WEIR_ASSERT(position <= self->epochs.committable);
    if (position > self->committed) self->committed = position;
    if (self->is_failed) return NULL;
    return weir_slices_write(&self->slices, floor_of(self));
}

static int64_t fold_order_time(weir_node *node, const weir_log_record *record)
{
    const fold *self = self_of(node);
    bool bad = false;
    weir_pack_reader reader;
    weir_packed packed;
    weir_journal_head head;
    weir_journal_copy copy;
    if (record->offset == self->next && self->next_index > 0 &&
        self->next_mark.at <= record->value.size) {
        reader = self->reader;
        weir_pack_seek(&reader, record->value, self->next_mark);
    } else if (!weir_pack_open(&reader, record->value)) {
        return INT64_MIN;
    }
    bool is_copy = weir_pack_next(&reader, &packed, &bad) &&
                   weir_journal_head_decode(packed.head, &head) &&
                   weir_journal_copy_decode(&head, packed.rest, &copy);
    return is_copy ? order_of(copy.et_us, record->timestamp_us) : INT64_MIN;
}

static weir_error *checkpoint_if_due(fold *self, int64_t now_us)
{
    int64_t low = weir_slices_low(&self->slices);
    if (self->options.checkpoint_every_us == 0 || low <= self->checkpoint_low) return NULL;
    if (now_us - self->last_checkpoint_us < self->options.checkpoint_every_us) return NULL;
    self->last_checkpoint_us = now_us;
    self->checkpoint_low = low;
    return self->options.store->checkpoint(self->options.store->context, low);
}

static weir_error *fold_tick(weir_node *node, int64_t monotonic_us, bool idle)
{
    fold *self = self_of(node);
    if (self->is_failed) return NULL;
    if (self->last_freeze_us == 0) self->last_freeze_us = self->last_checkpoint_us = monotonic_us;
    bool is_behind = weir_slices_low(&self->slices) < self->next;
    int64_t every = idle ? self->options.freeze_every_us / 8 : self->options.freeze_every_us;
    if (is_behind && monotonic_us - self->last_freeze_us >= every) {
        self->last_freeze_us = monotonic_us;
        WEIR_TRY(freeze_one(self));
    }
    return checkpoint_if_due(self, monotonic_us);
}

static void fold_close(weir_node *node)
{
    fold *self = self_of(node);
    for (uint32_t i = 0; i < self->plan->stream_count; i++)
        weir_lane_deinit(&self->lanes[i]);
    free(self->lanes);
    weir_slices_deinit(&self->slices);
    weir_state_table_destroy(self->table);
    weir_shard_record_deinit(&self->record);
    weir_epochs_deinit(&self->epochs);
    weir_arena_deinit(&self->scratch);
    weir_buffer_deinit(&self->bytes);
    weir_buffer_deinit(&self->held);
    weir_buffer_deinit(&self->values);
    weir_buffer_deinit(&self->key);
    for (uint32_t i = 0; i < WEIR_PACK_HEADS_MAX; i++)
        weir_buffer_deinit(&self->routes[i].bytes);
    free(self->score_ids);
    free(self->has_score_id);
    if (self->options.store->close != NULL)
        self->options.store->close(self->options.store->context);
    self->magic = 0;
    free(self);
}

/* ---- opening ---- */

static weir_error *fold_open(weir_node *node, const weir_node_position *at, int64_t *start_out)
{
    fold *self = self_of(node);
    WEIR_ASSERT(!self->is_open);
    WEIR_TRY(weir_admit_identity(&self->options));
    weir_error *error = weir_slices_open(&self->slices, self->plan, self->options.store,
                                         self->table, &self->record);
    if (error != NULL) {
        return weir_error_while(
            error, "state %s (remove the folder to rebuild it from the journal)",
            self->options.state_path == NULL ? "(in memory)" : self->options.state_path);
    }
    int64_t low = weir_slices_low(&self->slices);
    WEIR_TRY(weir_admit_positions(&self->options, at, low));
    WEIR_TRY(weir_admit_origins(&self->options, &self->record));
    self->next = low;
    self->emit_from = self->committed = at->committed >= 0 ? at->committed : low;
    if (WEIR_PLANTED(REPLAY_LEFT_OUT)) self->next = low = self->emit_from;
    self->checkpoint_low = low;
    weir_epochs_deinit(&self->epochs);
    weir_epochs_init(&self->epochs, self->emit_from);
    self->is_open = true;
    *start_out = low;
    return NULL;
}

static const weir_node_ops fold_ops = {
    .kind = "fold",
    .open = fold_open,
    .apply = fold_apply,
    .skip = fold_skip,
    .flush = fold_flush,
    .acked = fold_acked,
    .committable = fold_committable,
    .committed = fold_committed,
    .order_time = fold_order_time,
    .tick = fold_tick,
    .close = fold_close,
};

/* ---- making one ---- */

static void *new_array(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    WEIR_ASSERT(array != NULL);
    return array;
}

static void set_defaults(weir_fold_options *options)
{
    if (options->table_bytes == 0) options->table_bytes = WEIR_FOLD_TABLE_BYTES;
    if (options->freeze_every_us == 0) options->freeze_every_us = WEIR_FOLD_FREEZE_US;
    if (options->freeze_every_events == 0) options->freeze_every_events = WEIR_FOLD_FREEZE_EVENTS;
}

weir_error *weir_fold_create(const weir_fold_options *options, weir_node **node_out)
{
    WEIR_ASSERT(options->topics != NULL && options->port != NULL && options->schemas != NULL);
    WEIR_ASSERT(options->store != NULL && options->engine != NULL);
    const weir_topic_info *info = &options->topics->items[options->topic];
    WEIR_ASSERT(info->role == WEIR_TOPIC_JOURNAL);
    fold *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->node.ops = &fold_ops;
    self->magic = FOLD_MAGIC;
    self->options = *options;
    set_defaults(&self->options);
    self->plan = options->topics->plan;
    self->topic_name = info->name;
    self->entity = info->entity;
    self->lanes = new_array(self->plan->stream_count, sizeof *self->lanes);
    for (uint32_t i = 0; i < self->plan->stream_count; i++)
        weir_lane_init(&self->lanes[i], self->plan, i, self->entity, options->schemas);
    self->score_ids = new_array(self->plan->score_count, sizeof *self->score_ids);
    self->has_score_id = new_array(self->plan->score_count, sizeof *self->has_score_id);
    self->table = weir_state_table_create(self->plan, self->entity, options->store,
                                          self->options.table_bytes);
    weir_shard_record_init(&self->record, self->plan);
    weir_epochs_init(&self->epochs, 0);
    *node_out = &self->node;
    return NULL;
}

const weir_fold_counters *weir_fold_counted(const weir_node *node)
{
    return &self_of(node)->record.counters;
}
int64_t weir_fold_low(const weir_node *node) { return weir_slices_low(&self_of(node)->slices); }
int64_t weir_fold_next(const weir_node *node) { return self_of(node)->next; }
const weir_shard_clock *weir_fold_clock(const weir_node *node)
{
    return &self_of(node)->record.clock;
}

const weir_state_port *weir_fold_states(weir_node *node, weir_bytes entity_key)
{
    fold *self = self_of(node);
    weir_state_table_begin(self->table, entity_key, weir_state_hash(entity_key));
    return weir_state_table_port(self->table);
}
