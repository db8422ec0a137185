/* SPDX-License-Identifier: Apache-2.0 */
/* One copy on its way through a shard: is it new, what is read, where it goes afterwards. */
#include "ingest/fold_internal.h"

#include "ingest/hop_key.h"
#include "ops/runtime/assert.h"

/* ---- which copies are taken ---- */

static bool is_stream(const weir_lane *l, weir_bytes name)
{
    return strlen(l->stream->name) == name.size &&
           memcmp(l->stream->name, name.data, name.size) == 0;
}

weir_lane *fold_find_lane(fold *self, weir_bytes name)
{
    if (is_stream(&self->lanes[self->last_lane], name)) return &self->lanes[self->last_lane];
    for (uint32_t i = 0; i < self->plan->stream_count; i++) {
        if (!is_stream(&self->lanes[i], name)) continue;
        self->last_lane = i;
        return &self->lanes[i];
    }
    return NULL;
}

weir_error *fold_damaged(const fold *self, int64_t offset, uint32_t index, const char *what)
{
    return weir_error_new(WEIR_E_CORRUPT,
                          "journal %s/%d, offset %lld, copy %u: %s; the record was not written by "
                          "weir or is damaged: "
                          "restore the topic, or start a new package",
                          self->topic_name, self->options.partition, (long long)offset, index,
                          what);
}

/*
 * A copy of another definition. At the first hop it holds the event alone and any definition that
 * begins there, too, can take it. Later on it carries values that were read under that definition:
 * they do not fit this one. If rows here depend on them, or the event still has to go on, this
 * definition can not take it.
 */
static weir_error *check_definition(const fold *self, const passage *p)
{
    if (!p->is_others) return NULL;
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
    return weir_origin_admit(p->route->origin, (uint32_t)from->partition, from->seq);
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
        return fold_damaged(self, offset, index, "its Avro body does not fit its schema");
    if (p->route->is_foreign || p->copy.point_count == 0) { /* nothing was read yet that counts */
        memset(l->carried, 0, l->stream->carried_count * sizeof *l->carried); /* all null */
        memset(l->overflow, 0, l->stream->carried_count * sizeof *l->overflow);
    } else if (!weir_carried_decode(&l->layouts[l->hop], p->copy.carried, &self->scratch,
                                    l->carried, l->overflow)) {
        return fold_damaged(self, offset, index, "its carried values do not fit the definitions");
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
static weir_error *read_event(fold *self, passage *p, bool *beyond_horizon_out)
{
    for (uint32_t h = 0; p->copy.point_count == 0 && h < p->event.hop; h++)
        WEIR_TRY(read_absent(self, p, h));
    WEIR_TRY(weir_engine_read(self->options.engine, weir_state_table_port(self->table),
                              &self->record.clock, &p->event, beyond_horizon_out));
    hold_values(self, p->lane);
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

/* Below K nothing leaves: values are read only where rows depend on them, or the sink wants them. */
static bool must_read(const fold *self, const passage *p)
{
    return p->emits || p->lane->needs_reads || (p->is_shown && !self->options.rows->ignores_values);
}

static bool goes_on(const fold *self, const passage *p)
{
    return p->is_shown || must_read(self, p);
}

static bool is_shown(const fold *self, const passage *p)
{
    const weir_fold_row_sink *rows = self->options.rows;
    if (rows == NULL || !(p->emits || self->options.replay_rows)) return false;
    return rows->wants == NULL || rows->wants(rows->context, &p->event);
}

/* Duplicate, read, apply, in this order (R4, R9). */
static weir_error *fold_event(fold *self, passage *p, bool *duplicate_out, bool *beyond_horizon_out)
{
    WEIR_TRY(decide_duplicate(self, p, duplicate_out));
    if (*duplicate_out && !WEIR_PLANTED(DUPLICATE_TRAVELS)) return NULL;
    if (must_read(self, p)) WEIR_TRY(read_event(self, p, beyond_horizon_out));
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
        memcpy(head.digest, self->plan->fold_digest, WEIR_JOURNAL_DIGEST_BYTES);
        head.point_count = p->copy.point_count;
        for (uint32_t i = 0; i < p->copy.point_count; i++)
            head.points[i] = (uint8_t)p->copy.points[i].hop;
        const char *sender = self->plan->entities[self->entity].name;
        head.sender = (weir_bytes){(const uint8_t *)sender, strlen(sender)};
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
void fold_settle_scores(fold *self)
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
weir_error *fold_release_scores(fold *self)
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

static weir_fold_row row_of(const fold *self, const passage *p)
{
    return (weir_fold_row){.event = &p->event,
                           .head = &p->route->head,
                           .copy = &p->copy,
                           .points = p->copy.points,
                           .point_count = p->copy.point_count,
                           .is_foreign = p->is_others,
                           .engine = self->options.engine};
}

/* Most events have none. */
static void count_overflows(fold *self, const weir_lane *l)
{
    uint32_t count = l->stream->carried_count;
    if (count == 0 || memchr(l->overflow, true, count) == NULL) return;
    for (uint32_t i = 0; i < count; i++)
        self->record.counters.overflows += l->overflow[i];
}

static weir_error *finish_event(fold *self, passage *p)
{
    weir_lane *l = p->lane;
    self->record.counters.rows += p->emits;
    if (p->emits) count_overflows(self, l);
    if (p->is_shown) {
        weir_fold_row row = row_of(self, p);
        WEIR_TRY(self->options.rows->take(self->options.rows->context, &row));
    }
    for (uint32_t i = 0; p->emits && self->options.scorers != NULL && i < l->score_count; i++)
        WEIR_TRY(send_score(self, p, i));
    return NULL;
}

static weir_error *begin_row(fold *self, const passage *p)
{
    const weir_fold_row_sink *rows = self->options.rows;
    if (rows == NULL || rows->begin == NULL) return NULL;
    weir_fold_row row = row_of(self, p);
    return rows->begin(rows->context, &row);
}

/* On to the next hop whose key is not null; those between read as absent (R2). After the last one:
 * the end. */
static weir_error *pass_on(fold *self, passage *p, bool beyond_horizon)
{
    p->copy.points[p->copy.point_count++] = (weir_read_point){.hop = p->event.hop,
                                                              .partition = self->options.partition,
                                                              .seq = p->event.seq,
                                                              .beyond_horizon = beyond_horizon};
    for (uint32_t h = p->event.hop + 1; h < p->lane->stream->hop_count; h++) {
        weir_bytes key;
        if (hop_key(self, p->lane, h, &key)) {
            self->record.counters.passed += p->emits;
            bool begins = p->copy.point_count == 1 && (p->is_shown || p->is_others);
            if (begins) WEIR_TRY(begin_row(self, p));
            return p->emits ? send_copy(self, p, h, key) : NULL;
        }
        if (must_read(self, p)) WEIR_TRY(read_absent(self, p, h));
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
    bool duplicate = false, beyond_horizon = false;
    WEIR_TRY(decode_event(self, p));
    weir_state_table_begin(self->table, p->copy.key, p->hash);
    weir_error *error = fold_event(self, p, &duplicate, &beyond_horizon);
    weir_state_table_end(self->table);
    if (error != NULL) return error;
    if (duplicate) {
        count_duplicate(self, p);
        if (WEIR_PLANTED(DUPLICATE_TRAVELS) && must_read(self, p))
            return pass_on(self, p, beyond_horizon);
        return NULL;
    }
    advance_clock(self, p);
    return goes_on(self, p) ? pass_on(self, p, beyond_horizon) : NULL;
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

/*
 * Another version's first hop need not be ours: an event that it began here would have come by an
 * earlier hop under these definitions, and what that one would have read is not there.
 */
static weir_error *check_beginning(fold *self, passage *p)
{
    weir_bytes key;
    if (!p->route->is_foreign || p->copy.point_count > 0 || p->event.hop == 0) return NULL;
    weir_arena_reset(&self->scratch);
    WEIR_TRY(decode_event(self, p));
    for (uint32_t h = 0; h < p->event.hop && !p->is_others; h++)
        p->is_others = hop_key(self, p->lane, h, &key);
    p->emits = p->emits && !(self->options.spans_versions && p->is_others);
    return check_definition(self, p);
}

/* Takes a copy, which is decoded already. What can fail for outside reasons comes before anything
 * is changed. */
weir_error *fold_take_copy(fold *self, passage *p, weir_seq seq)
{
    set_event(p, seq);
    if (p->copy.source_partition >= WEIR_ORIGIN_PARTITIONS_MAX)
        return fold_damaged(self, weir_seq_offset(seq), weir_seq_index(seq),
                            "its source partition is too large");
    if (__builtin_expect(p->route->decoder == NULL, 0)) WEIR_TRY(admit_route(self, p));
    WEIR_TRY(check_beginning(self, p));
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
    p->is_shown = is_shown(self, p);
    if (weir_slices_is_ahead(&self->slices, weir_slice_of(p->hash), weir_seq_offset(seq)))
        replay_ahead(self, p);
    else
        WEIR_TRY(replay_or_fold(self, p));
    self->is_failed = false;
    self->events_since_freeze++;
    return NULL;
}
