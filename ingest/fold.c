/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/fold_internal.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/admission.h"
#include "ops/runtime/assert.h"

enum { FOLD_MAGIC = 0x0f01d001, WAITING_MAX = 8, BYTE_PAUSE_US = 8, FREEZE_EVENTS_FEW = 1024 };

static fold *self_of(const weir_node *node)
{
    fold *self = (fold *)node;
    WEIR_ASSERT(self != NULL && self->magic == FOLD_MAGIC);
    return self;
}

/* ---- packs ---- */

/*
 * Whose marks filter what comes under the head. Its hops are numbers of the version that wrote it,
 * which may order entities otherwise, and have others: only the sender's name means the same here.
 */
static weir_error *find_sender(fold *self, route *r, weir_bytes sender, int64_t offset,
                               uint32_t index)
{
    const weir_lane *l = r->lane;
    r->origin = &self->record.streams[l->index];
    if (r->head.point_count == 0) return NULL;
    r->origin = weir_shard_record_sender(&self->record, self->plan, sender);
    if (r->origin == NULL) {
        return weir_error_new(WEIR_E_LIMIT,
                              "journal %s/%d, offset %lld: copies name more than %d entities that "
                              "these definitions do not have; give the package a new name",
                              self->topic_name, self->options.partition, (long long)offset,
                              WEIR_SENDERS_MAX);
    }
    if (r->is_foreign) return NULL;
    uint32_t entity = l->stream->hops[r->head.points[r->head.point_count - 1]].entity;
    if (r->origin == &self->record.entities[entity]) return NULL;
    return fold_damaged(self, offset, index, "it was not sent by the hop that it names");
}

/* A head that was not met before. Nothing here depends on streams and entities of other definitions
 * that these do not know: such a route has no lane. */
static weir_error *add_route(fold *self, weir_bytes bytes, int64_t offset, uint32_t index)
{
    route *r = &self->routes[self->route_count];
    if (!weir_journal_head_decode(bytes, &r->head))
        return fold_damaged(self, offset, index, "its bytes are not the head of a copy");
    r->decoder = NULL;
    r->onward = WEIR_NONE;
    r->is_foreign = memcmp(r->head.digest, self->plan->fold_digest, WEIR_JOURNAL_DIGEST_BYTES) != 0;
    r->lane = fold_find_lane(self, r->head.stream);
    if (r->lane != NULL && r->lane->hop == WEIR_NONE) r->lane = NULL;
    if (r->lane == NULL && !r->is_foreign)
        return fold_damaged(self, offset, index, "its definitions have no such stream here");
    weir_bytes sender = r->head.sender;
    /* The rest of a pack may be taken when its record stands elsewhere: no pointer into it stays. */
    if (!WEIR_PLANTED(HEAD_IN_RECORD)) {
        const char *name = r->lane == NULL ? "" : r->lane->stream->name;
        r->head.stream = (weir_bytes){(const uint8_t *)name, strlen(name)};
        r->head.sender = (weir_bytes){0};
    }
    if (r->lane != NULL && !r->is_foreign && r->head.hop != r->lane->hop)
        return fold_damaged(self, offset, index, "it belongs to another entity");
    if (r->lane != NULL) WEIR_TRY(find_sender(self, r, sender, offset, index));
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
        return fold_damaged(self, offset, index, "its bytes are not a copy");
    for (uint32_t i = 0; i < p->copy.point_count; i++)
        if (p->copy.points[i].partition >= WEIR_ORIGIN_PARTITIONS_MAX)
            return fold_damaged(self, offset, index, "its read points do not fit the stream");
    if (index >= UINT32_C(1) << WEIR_SEQ_INDEX_BITS)
        return fold_damaged(self, offset, index, "the pack is too long");
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
    return fold_damaged(self, record->offset, 0, "it is no pack");
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
        p->is_others = p->route->is_foreign && p->copy.point_count > 0;
        p->emits = record->offset >= self->emit_from + WEIR_PLANTED(FIRST_AT_K_SILENT) &&
                   !(self->options.spans_versions && p->is_others);
        p->order_us = order_of(p->copy.et_us, record->timestamp_us);
        p->behind = weir_pack_tell(&self->reader);
        p->hash = hashes[count++] = weir_state_hash(p->copy.key);
        is_behind = p->order_us > until_us;
    }
    if (bad) error = fold_damaged(self, record->offset, self->next_index, "the pack is cut off");
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
        if (p->lane != NULL)
            WEIR_TRY(fold_take_copy(self, p, weir_seq_of(offset, self->next_index)));
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
    fold_settle_scores(self);
    if (error != NULL) return error;
    if (*done_out) return fold_release_scores(self);
    if (WEIR_PLANTED(HELD_SCORES_LOST)) weir_buffer_clear(&self->held);
    return NULL;
}

/* A definition came into force. Below K it is history; from K on a worker of another one must not
 * go on, unless its own came into force again behind it. */
static weir_error *take_notice(fold *self, const weir_log_record *record)
{
    weir_journal_notice notice;
    if (!weir_journal_notice_decode(record->value, &notice))
        return fold_damaged(self, record->offset, 0, "its first byte is unknown");
    if (notice.kind != WEIR_JOURNAL_DEFINITION || record->offset < self->emit_from) return NULL;
    if (memcmp(notice.digest, self->plan->digest, WEIR_DIGEST_BYTES) == 0) return NULL;
    bool is_superseded = self->options.spans_versions;
    if (!is_superseded && self->options.is_superseded != NULL)
        WEIR_TRY(self->options.is_superseded(self->options.log_end_context, self->options.topic,
                                             self->options.partition, record->offset,
                                             &is_superseded));
    if (is_superseded) return NULL;
    return weir_error_new(
        WEIR_E_NOT_APPLIED,
        "journal %s/%d: another version of package %s was applied at offset %lld; start the worker "
        "in that version's folder, or run weir apply in this one (docs/runbooks/not-applied.md)",
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
        return fold_damaged(self, record->offset, 0, "its offset is too large");
    if (record->value.size > 0 && record->value.data[0] == WEIR_JOURNAL_PACK)
        return take_pack(self, record, turn, done_out);
    if (record->value.size == 0) return fold_damaged(self, record->offset, 0, "it is empty");
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
    self->bytes_frozen =
        weir_slices_freeze(&self->slices, self->next + (self->next_index != 0), &self->record);
    return weir_slices_write(&self->slices, floor_of(self));
}

/*
 * What a restart replays is what came since the oldest slice was written, so a slice that is cheap to
 * write is soon followed by the next: a byte that is written takes some 20 ns, RocksDB's own threads
 * included, so eight microseconds of pause for it are a quarter of a percent of a core for each shard.
 * Where more bytes change than that, a longer pause lets more events share a write; where few events
 * came, they are soon replayed, and wait for more.
 */
static int64_t pause_of(const fold *self, bool idle)
{
    int64_t longest = self->options.freeze_every_us, shortest = longest / 4;
    int64_t earned = (int64_t)self->bytes_frozen * BYTE_PAUSE_US;
    if (idle) return longest / 8;
    if (self->events_since_freeze < FREEZE_EVENTS_FEW) return longest;
    return earned < shortest ? shortest : earned > longest ? longest : earned;
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

static void checkpoint_if_due(fold *self, int64_t now_us)
{
    int64_t low = weir_slices_low(&self->slices);
    if (self->options.checkpoint_every_us == 0 || low <= self->checkpoint_low) return;
    if (now_us - self->last_checkpoint_us < self->options.checkpoint_every_us) return;
    self->last_checkpoint_us = now_us;
    self->checkpoint_low = low;
    self->options.store->checkpoint(self->options.store->context, low);
}

static weir_error *fold_tick(weir_node *node, int64_t monotonic_us, bool idle)
{
    fold *self = self_of(node);
    if (self->is_failed) return NULL;
    if (self->last_freeze_us == 0) self->last_freeze_us = self->last_checkpoint_us = monotonic_us;
    bool is_behind = weir_slices_low(&self->slices) < self->next;
    if (is_behind && monotonic_us - self->last_freeze_us >= pause_of(self, idle)) {
        self->last_freeze_us = monotonic_us;
        WEIR_TRY(freeze_one(self));
    }
    checkpoint_if_due(self, monotonic_us);
    return NULL;
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
