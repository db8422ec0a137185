/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may take what. The nodes of one level take turns: the one whose next event is the earliest
 * goes on until the next event of another is earlier. Beyond that, no node takes an event later
 * than its *limit*: the least order time that may still come to a journal that it copies to, from a
 * partition that has nothing to take just now:
 *
 *   - of ours, not read to its end: the greatest order time it has taken (more is on its way from
 * the broker);
 *   - of ours, read to its end: what its feeders may still copy into it (nothing, if they are idle,
 * too);
 *   - of another thread or worker: its mark, plus `align`, since order between producers is not
 * ours to keep.
 *
 * The last journal of all feeds nothing: each of its partitions goes as far as it can, pack by
 * pack, since what the order between them would keep is kept by each journal itself.
 *
 * A topic does not wait for what lies downstream of itself: where an event leaves out its first
 * hop, its copy may come earlier than copies of older events that go by way of that hop, since to
 * wait would be to take one event at a time.
 *
 * What is replayed from L to K sends nothing, so it takes part in none of this.
 *
 * The earliest event of all can always be taken, so nobody waits for ever; who waits longer than
 * align_patience takes no more notice of whoever has not moved meanwhile, until that one moves
 * again. To say the same again is not to move.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ingest/member_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

enum {
    MUCH_BYTES = 65536,     /* that much at hand does not wait for more */
    WAVE_EVENTS_MAX = 8192, /* then acknowledgements and other levels get their turn */
    FILL_SOURCE = 1024,
    FILL_JOURNAL = 32, /* packs of up to 512 KiB */
    RETRY_US = 250000,
    TELL_US = 10000000, /* between two lines of the log about one wait */
    LOOK_MS = 10000,
};

static bool is_forgotten(const member *self, const member_node *node)
{
    (void)self;
    return node->is_ignored || node->lane->is_stopped;
}

/* Read to its end, and to the end of what this process itself has written. */
bool member_is_at_end(const member *self, const member_node *node)
{
    if (node->has_head || node->lane->count > 0 || node->lane->has_gap || !node->lane->is_at_end) {
        return false;
    }
    const weir_board_row *row = weir_board_at(self->board, node->topic, node->partition);
    return row == NULL ||
           node->position >= atomic_load_explicit(&row->produced_end, memory_order_acquire);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greatest(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t later(int64_t time_us, int64_t by_us)
{
    return time_us > INT64_MAX - by_us ? INT64_MAX : time_us + by_us;
}

/* All copies of events before this order time are acknowledged. INT64_MAX: nothing can come of it
 * as things are. */
static int64_t node_mark(const member *self, const member_node *node)
{
    if (node->outstanding > 0) {
        /* Something not yet acknowledged, perhaps of the turn that is being taken. */
        return node->epoch_end > node->epoch_first ? node->epochs[node->epoch_first].first_us
                                                   : node->front_us;
    }
    if (is_forgotten(self, node)) return INT64_MAX;
    if (node->has_head) return greatest(node->front_us, node->head_us);
    return member_is_at_end(self, node) ? INT64_MAX : node->front_us;
}

/*
 * The same of a partition that is not ours. Whoever had it before the last deal has told the truth
 * about it, too: what he took stays taken. But that it is at its end, or stopped, only its owner
 * since then can tell. Whoever has not moved since we began to wait, and lost patience, is left out.
 */
static int64_t row_mark(const member *self, const weir_board_row *row)
{
    if (atomic_load_explicit(&row->moved_us, memory_order_relaxed) <= self->gave_up_us)
        return INT64_MAX;
    bool is_heard = atomic_load_explicit(&row->told_us, memory_order_acquire) >= self->assigned_us;
    weir_board_news news = weir_board_look(row);
    if (is_heard && (news.state == WEIR_BOARD_AT_END || news.state == WEIR_BOARD_STOPPED))
        return INT64_MAX;
    return later(news.mark_us, self->options->align_us);
}

member_node *member_node_at(const member *self, weir_topic topic, int32_t partition)
{
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node != NULL && node->lane != NULL && node->partition == partition &&
            node->topic == topic) {
            return node;
        }
    }
    return NULL;
}

static int64_t partition_mark(const member *self, weir_topic topic, int32_t partition)
{
    const member_node *node = member_node_at(self, topic, partition);
    if (node != NULL) return node_mark(self, node);
    const weir_board_row *row = weir_board_at(self->board, topic, partition);
    return row == NULL ? INT64_MAX : row_mark(self, row);
}

/*
 * The least order time that may still be copied into a topic that has been read to its end.
 *
 * A mark says that copies are acknowledged, and how far the journals are by them was told before
 * it. So marks are looked at first, the furthest upstream first of all, and ends behind them: the
 * other way round, copies that came in between would be in neither.
 */
static int64_t upstream_mark(const member *self, weir_topic topic)
{
    int64_t mark = INT64_MAX;
    for (size_t i = 0; i < self->options->topic_count; i++) {
        weir_topic from = self->downward[i];
        if (!self->upstream[topic][from]) continue;
        int32_t count = weir_board_count(self->board, from);
        for (int32_t p = 0; p < count; p++)
            mark = least(mark, partition_mark(self, from, p));
    }
    return mark;
}

/* What a partition that is not ours may still bring; `upstream`: the mark of its topic's. */
static int64_t row_bound(const member *self, const weir_board_row *row, int64_t upstream)
{
    int64_t mark = row_mark(self, row);
    return mark == INT64_MAX ? later(upstream, self->options->align_us) : mark;
}

/* What an empty partition of ours may still bring. */
static int64_t empty_bound(const member *self, const member_node *node, int64_t upstream)
{
    if (is_forgotten(self, node)) return INT64_MAX;
    return member_is_at_end(self, node) ? upstream : node->front_us;
}

/* May it take its head now? Else the world was away. */
static bool takes_turns(const member *self, const member_node *node)
{
    return node->retry_us <= self->now_us;
}

/* The limit of a topic's nodes, but for the heads of those that take turns with them. */
static int64_t topic_limit(const member *self, weir_topic topic, uint32_t group)
{
    int64_t limit = INT64_MAX;
    for (size_t other = 0; other < self->options->topic_count; other++) {
        if (!self->siblings[topic][other] || self->upstream[other][topic]) continue;
        bool in_turns = self->groups[other] == group;
        int64_t upstream = upstream_mark(self, (weir_topic)other);
        int32_t count = weir_board_count(self->board, (weir_topic)other);
        for (int32_t i = 0; i < count; i++) {
            const member_node *node = member_node_at(self, (weir_topic)other, i);
            int64_t bound = INT64_MAX;
            if (node == NULL) {
                bound = row_bound(self, weir_board_at(self->board, (weir_topic)other, i), upstream);
            } else if (!node->has_head) {
                bound = empty_bound(self, node, upstream);
            } else if (!(in_turns && takes_turns(self, node)) && !is_forgotten(self, node)) {
                bound = node->head_us;
            }
            limit = least(limit, bound);
        }
    }
    return limit;
}

/* Its journal up to K is folded again, silently: nothing of that goes out. */
static bool is_replaying(const member_node *node) { return node->position < node->committed; }

/* What is parked may come back. */
static bool is_awaited(const member *self, const member_node *node)
{
    if (node->opened_us > atomic_load(&self->over_us) || !is_replaying(node)) return false;
    return node->lane == NULL || (!node->lane->is_stopped && !member_is_at_end(self, node));
}

void member_count_replaying(member *self)
{
    uint32_t count = 0;
    for (size_t i = 0; i < self->node_count; i++)
        count += self->nodes[i] != NULL && is_awaited(self, self->nodes[i]);
    atomic_store(&self->counters.replaying, count);
}

/* --- telling the others --- */

static weir_board_state node_state(const member *self, const member_node *node)
{
    if (node->lane->is_stopped) return WEIR_BOARD_STOPPED;
    if (node->outstanding == 0 && member_is_at_end(self, node)) return WEIR_BOARD_AT_END;
    return is_replaying(node) ? WEIR_BOARD_REPLAYING : WEIR_BOARD_ACTIVE;
}

static void node_tell(member *self, const member_node *node)
{
    weir_board_row *row = weir_board_at(self->board, node->topic, node->partition);
    if (row == NULL) return;
    weir_board_news news = {.state = node_state(self, node), .position = node->position};
    news.mark_us = news.state == WEIR_BOARD_AT_END ? node->front_us : node_mark(self, node);
    /* Left out by us: others decide for themselves. */
    if (news.mark_us == INT64_MAX) news.mark_us = node->front_us;
    atomic_store_explicit(&row->member, (int32_t)self->index + 1, memory_order_relaxed);
    if (weir_board_tell(row, &news, self->now_us)) self->has_told = true;
}

/* --- filling --- */

static member_gap *gap_entry(member *self, const member_node *node)
{
    member_gap *free_entry = &self->gaps[0];
    for (size_t i = 0; i < sizeof self->gaps / sizeof *self->gaps; i++) {
        member_gap *gap = &self->gaps[i];
        if (gap->tries > 0 && gap->topic == node->topic && gap->partition == node->partition &&
            gap->offset == node->lane->gap_first) {
            return gap;
        }
        if (gap->tries < free_entry->tries) free_entry = gap;
    }
    *free_entry = (member_gap){
        .topic = node->topic, .partition = node->partition, .offset = node->lane->gap_first};
    return free_entry;
}

/* Records are missing: the member starts again from L, which reads them anew; if they stay away,
 * the partition stops. */
static weir_error *gap_is_loss(member *self, member_node *node)
{
    member_gap *gap = gap_entry(self, node);
    const char *topic = self->options->topics[node->topic].name;
    if (++gap->tries < WEIR_MEMBER_GAP_TRIES) {
        return weir_error_new(
            WEIR_E_LOG_GAP, "%s[%d]: after offset %" PRId64 " came %" PRId64 "; reading again",
            topic, node->partition, node->lane->gap_first - 1, node->lane->gap_next);
    }
    WEIR_LOG(ERROR, "partition_stopped", WEIR_TEXT("topic", topic),
             WEIR_INT("partition", node->partition),
             WEIR_INT("missing_from", node->lane->gap_first),
             WEIR_INT("missing_to", node->lane->gap_next - 1),
             WEIR_TEXT("help", "records are gone from a journal; see docs/runbooks/log-gap.md"));
    node->lane->is_stopped = true;
    MEMBER_COUNT(self, stopped, 1);
    return NULL;
}

/* A reader that asks for little and never waits: gaps may come by the hundred. */
static weir_error *looker_open(member *self)
{
    static const weir_kafka_setting quick[] = {{"fetch.wait.max.ms", "1"},
                                               {"fetch.message.max.bytes", "65536"},
                                               {"queued.min.messages", "1"}};
    enum { QUICK = sizeof quick / sizeof *quick };
    weir_kafka_options options = *self->options->kafka;
    weir_kafka_setting *settings = calloc(options.setting_count + QUICK, sizeof *settings);
    WEIR_ASSERT(settings != NULL);
    if (options.setting_count > 0) {
        memcpy(settings, options.settings, options.setting_count * sizeof *settings);
    }
    memcpy(settings + options.setting_count, quick, sizeof quick);
    options.settings = settings;
    options.setting_count += QUICK;
    weir_error *error = weir_kafka_reader_open(&options, &self->looker);
    free(settings);
    return error;
}

/* In a source, control records and compaction leave gaps: a second, plain consumer must see the
 * same one. */
static weir_error *gap_judge(member *self, member_node *node)
{
    weir_lane *lane = node->lane;
    const weir_driver_topic *topic = &self->options->topics[node->topic];
    if (topic->is_journal) return gap_is_loss(self, node);
    if (self->looker == NULL) WEIR_TRY(looker_open(self));
    int64_t seen = -1;
    WEIR_TRY(weir_kafka_reader_look(self->looker, topic->name, node->partition, lane->gap_first,
                                    LOOK_MS, &seen));
    if (seen != lane->gap_next) return gap_is_loss(self, node);
    MEMBER_COUNT(self, gaps, 1);
    WEIR_TRY(node->node->ops->skip(node->node, lane->gap_first, lane->gap_next));
    node->position = lane->gap_next;
    node->is_touched = true;
    return weir_lane_accept_gap(lane);
}

/* Sees to it that the node has a head if anything is there. */
static weir_error *node_fill(member *self, member_node *node)
{
    weir_lane *lane = node->lane;
    if (node->has_head || lane->is_stopped || node->retry_us > self->now_us) return NULL;
    bool is_journal = self->options->topics[node->topic].is_journal;
    for (int i = 0; i < 64 && lane->count == 0 && !lane->is_stopped; i++) {
        if (lane->has_gap) {
            WEIR_TRY(gap_judge(self, node));
            continue;
        }
        WEIR_TRY(weir_lane_fill(self->consumer, lane, is_journal ? FILL_JOURNAL : FILL_SOURCE));
        if (!lane->has_gap) break;
    }
    if (lane->count == 0) return NULL;
    node->has_head = true;
    node->is_ignored = false;
    node->head_us = node->node->ops->order_time(node->node, &lane->records[0]);
    return NULL;
}

/* --- taking --- */

/* The nodes of a group that have something to take, and how far each may go. */
typedef struct wave {
    member_node *nodes[WEIR_MEMBER_NODES_MAX];
    size_t count;
    size_t weight; /* of what lies at hand, in bytes or so */
    bool is_free;  /* they feed nothing: no order between them is anybody's business */
    int64_t limit; /* of all: the least of their topics' limits */
} wave;

static size_t weight_of(const member *self, const member_node *node)
{
    enum { SOURCE_BYTES = 64 }; /* a guess spares looking at each */
    const weir_lane *lane = node->lane;
    if (!self->options->topics[node->topic].is_journal) return lane->count * SOURCE_BYTES;
    size_t bytes = 0;
    for (size_t i = 0; i < lane->count; i++)
        bytes += lane->records[i].value.size;
    return bytes;
}

static weir_error *wave_gather(member *self, uint32_t group, wave *into)
{
    into->count = into->weight = 0;
    into->limit = INT64_MAX;
    into->is_free = true;
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL || node->lane == NULL || self->groups[node->topic] != group) continue;
        WEIR_TRY(node_fill(self, node));
        into->is_free = into->is_free && !self->feeds[node->topic];
        if (!node->has_head || !takes_turns(self, node)) continue;
        into->nodes[into->count++] = node;
        into->weight += weight_of(self, node);
    }
    if (into->count == 0 || into->is_free) return NULL;
    for (size_t topic = 0; topic < self->options->topic_count; topic++) {
        bool is_here = false;
        for (size_t i = 0; i < into->count; i++)
            is_here = is_here || into->nodes[i]->topic == topic;
        if (is_here) into->limit = least(into->limit, topic_limit(self, (weir_topic)topic, group));
    }
    return NULL;
}

/* The node with the earliest head, and the earliest head among the others. */
static member_node *wave_first(const wave *from, int64_t *others_us_out)
{
    member_node *first = NULL;
    int64_t others_us = INT64_MAX;
    for (size_t i = 0; i < from->count; i++) {
        member_node *node = from->nodes[i];
        if (first == NULL || node->head_us < first->head_us) {
            if (first != NULL) others_us = least(others_us, first->head_us);
            first = node;
        } else {
            others_us = least(others_us, node->head_us);
        }
    }
    *others_us_out = others_us;
    return first;
}

static void wave_remove(wave *from, const member_node *node)
{
    for (size_t i = 0; i < from->count; i++) {
        if (from->nodes[i] != node) continue;
        from->nodes[i] = from->nodes[--from->count];
        return;
    }
}

/* The world was away in the middle of a batch (the registry, say): the node stops before the record
 * and tries later. */
static weir_error *node_postpone(member *self, member_node *node, weir_error *error)
{
    bool is_passing = weir_error_class_of(error) == WEIR_CLASS_TRANSIENT &&
                      weir_error_code_of(error) != WEIR_E_AGAIN; /* that restarts the member */
    if (!is_passing) return error;
    node->retry_us = self->now_us + RETRY_US;
    if (node->told_us == 0 || self->now_us - node->told_us >= TELL_US) {
        node->told_us = self->now_us;
        WEIR_LOG(
            WARN, "partition_waits", WEIR_TEXT("topic", self->options->topics[node->topic].name),
            WEIR_INT("partition", node->partition), WEIR_TEXT("reason", weir_error_message(error)));
    }
    weir_error_free(error);
    return NULL;
}

/* One turn of one node. */
static weir_error *node_take(member *self, member_node *node, int64_t until_us, size_t *events)
{
    weir_lane *lane = node->lane;
    weir_node_turn turn = {.until_us = until_us, .greatest_us = INT64_MIN, .next_us = INT64_MAX};
    /* Where nothing limits it, a pack at a time does. */
    size_t count = self->feeds[node->topic] ? lane->count : 1;
    while (is_replaying(node) && count > 1 && lane->records[count - 1].offset >= node->committed)
        count--;
    node->is_touched = true;
    weir_error *error = node->node->ops->apply(node->node, lane->records, count, &turn);
    WEIR_ASSERT(turn.taken <= count);
    if (turn.taken > 0) node->position = lane->records[turn.taken - 1].offset + 1;
    weir_lane_drop(lane, turn.taken);
    *events += turn.event_count > 0 ? turn.event_count : turn.taken;
    node->front_us = greatest(node->front_us, turn.greatest_us);
    if (turn.taken > 0 || turn.event_count > 0) node->is_ignored = false;
    if (self->options->topics[node->topic].is_journal) {
        MEMBER_COUNT(self, journal_events, turn.event_count);
    } else {
        MEMBER_COUNT(self, source_events, turn.event_count);
    }
    node->has_head = lane->count > 0;
    if (error != NULL) return node_postpone(self, node, member_node_damaged(self, node, error));
    if (!node->has_head) return NULL;
    WEIR_ASSERT(turn.taken == count || turn.next_us > until_us); /* else nothing moved */
    node->head_us = turn.taken < count ? turn.next_us
                                       : node->node->ops->order_time(node->node, &lane->records[0]);
    return NULL;
}

/* What a node that has left the wave may still bring. */
static int64_t rest_bound(const member *self, const member_node *node)
{
    if (node->has_head) return node->head_us;
    if (node->retry_us > self->now_us) return node->front_us;
    return empty_bound(self, node, upstream_mark(self, node->topic));
}

static weir_error *wave_run(member *self, wave *over, size_t *events)
{
    while (over->count > 0 && *events < WAVE_EVENTS_MAX) {
        int64_t others_us = INT64_MAX;
        member_node *node = wave_first(over, &others_us);
        if (node->head_us > over->limit) return NULL;
        int64_t until_us = over->is_free ? INT64_MAX : least(others_us, over->limit);
        WEIR_TRY(node_take(self, node, until_us, events));
        bool is_away = node->retry_us > self->now_us; /* its head still holds the others back */
        if (!is_away && !node->has_head) WEIR_TRY(node_fill(self, node));
        if (!is_away && node->has_head) continue;
        wave_remove(over, node);
        if (!over->is_free) over->limit = least(over->limit, rest_bound(self, node));
    }
    return NULL;
}

/* What is replayed disturbs nobody's order. And it must not wait for others: they may replay, too,
 * and tell nothing new until they are through. */
static weir_error *wave_replay(member *self, const wave *over, size_t *events)
{
    for (size_t i = 0; i < over->count; i++) {
        if (is_replaying(over->nodes[i]))
            WEIR_TRY(node_take(self, over->nodes[i], INT64_MAX, events));
    }
    return NULL;
}

static weir_error *touched_flush(member *self)
{
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL || !node->is_touched) continue;
        node->is_touched = false;
        WEIR_TRY(node->node->ops->flush(node->node));
    }
    return member_send_batch(self);
}

static void log_wait(const member *self, const char *event, weir_topic topic, int32_t partition)
{
    WEIR_LOG(WARN, event, WEIR_TEXT("topic", self->options->topics[topic].name),
             WEIR_INT("partition", partition));
}

/* Names those of others that have not moved since we began to wait. */
static void rows_name(const member *self, const char *event, int64_t since_us)
{
    for (size_t topic = 0; topic < self->options->topic_count; topic++) {
        int32_t count = self->feeds[topic] ? weir_board_count(self->board, (weir_topic)topic) : 0;
        for (int32_t i = 0; i < count; i++) {
            const weir_board_row *row = weir_board_at(self->board, (weir_topic)topic, i);
            bool is_ours = member_node_at(self, (weir_topic)topic, i) != NULL;
            bool has_moved = atomic_load_explicit(&row->moved_us, memory_order_relaxed) > since_us;
            if (is_ours || has_moved || row_mark(self, row) == INT64_MAX) continue;
            log_wait(self, event, (weir_topic)topic, i);
        }
    }
}

/* Patience is at its end: whoever holds the group back is left out until it moves. */
static void patience_lost(member *self, int64_t since_us)
{
    MEMBER_COUNT(self, waits_given_up, 1);
    rows_name(self, "alignment_gave_up", since_us);
    self->gave_up_us = greatest(self->gave_up_us, since_us);
    for (size_t i = 0; i < self->node_count; i++) {
        member_node *node = self->nodes[i];
        if (node == NULL || node->lane == NULL || node->is_ignored) continue;
        bool is_slow = !node->has_head && !member_is_at_end(self, node);
        bool is_waiting = node->has_head && node->retry_us > self->now_us;
        if (!is_slow && !is_waiting) continue;
        node->is_ignored = true;
        log_wait(self, "alignment_gave_up", node->topic, node->partition);
    }
}

/*
 * When a group may take what it has. Every turn costs a request for each partition that is written
 * to, however few its events. So where little is at hand, a source is taken once per `gather`, and
 * a journal when nothing of ours is on its way to it: then a batch of source events goes through
 * all hops together.
 */
static int64_t group_due(const member *self, uint32_t group, const wave *over)
{
    if (over->weight >= MUCH_BYTES) return self->now_us;
    bool gathers = false;
    for (size_t i = 0; i < self->options->topic_count; i++) {
        const weir_driver_topic *topic = &self->options->topics[i];
        if (self->groups[i] != group || !topic->is_consumed) continue;
        gathers = gathers || !topic->is_journal || self->packs_out[i] > 0;
    }
    return gathers ? self->turned_us[group] + self->options->gather_us : self->now_us;
}

/* They are at their end no longer: others hear of it before a long turn, not after. */
static void wave_tell(member *self, const wave *of)
{
    for (size_t i = 0; i < of->count && !of->is_free; i++)
        node_tell(self, of->nodes[i]);
}

/* Where patience has no end, it is at least said whom it is spent on. */
static void wait_judge(member *self, int64_t *blocked_us, bool is_blocked)
{
    if (!is_blocked || *blocked_us == 0) {
        *blocked_us = is_blocked ? self->now_us : 0;
        return;
    }
    int64_t waited_us = self->now_us - *blocked_us;
    if (waited_us > self->options->align_patience_us) {
        patience_lost(self, *blocked_us);
        *blocked_us = 0;
    } else if (waited_us > TELL_US && self->now_us - self->wait_told_us > TELL_US) {
        self->wait_told_us = self->now_us;
        rows_name(self, "alignment_waits", *blocked_us);
    }
}

weir_error *member_turn(member *self, uint32_t group, size_t *events_out)
{
    wave over;
    *events_out = 0;
    WEIR_TRY(wave_gather(self, group, &over));
    bool had_heads = over.count > 0;
    int64_t due_us = had_heads ? group_due(self, group, &over) : INT64_MAX;
    if (had_heads && due_us > self->now_us) {
        self->due_us = least(self->due_us, due_us);
        return NULL;
    }
    wave_tell(self, &over);
    WEIR_TRY(wave_replay(self, &over, events_out));
    if (*events_out == 0) WEIR_TRY(wave_run(self, &over, events_out));
    WEIR_TRY(touched_flush(self));
    if (*events_out > 0 && over.is_free) WEIR_TRY(member_send_few(self));
    if (*events_out > 0) self->turned_us[group] = self->now_us;
    self->is_blocked = self->is_blocked || (had_heads && *events_out == 0);
    wait_judge(self, &self->blocked_us[group], had_heads && *events_out == 0);
    return NULL;
}

void member_tell(member *self)
{
    uint64_t lag = 0;
    for (size_t i = 0; i < self->node_count; i++) {
        const member_node *node = self->nodes[i];
        if (node == NULL || node->lane == NULL) continue;
        node_tell(self, node);
        if (node->lane->end_seen > node->position) {
            lag += (uint64_t)(node->lane->end_seen - node->position);
        }
    }
    atomic_store_explicit(&self->counters.lag, lag, memory_order_relaxed);
    if (self->has_told && self->wake_others != NULL) self->wake_others(self->wake_context, self);
    self->has_told = false;
}
