/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/asof.h"

#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "serve/evidence.h"
#include "serve/trigger.h"

typedef struct asof_event {
    int64_t et_us;
    size_t data; /* where its bytes begin: size of the fields, fields, size of the note, note */
    uint32_t stream;
    uint32_t next_hop;
    uint32_t hops_left; /* a bit per hop that its copies are still to come to */
    /* Where it came from, and where its first hop read it. */
    int32_t source_partition, first_partition;
    int64_t source_offset;
    weir_seq first_seq;
    bool is_whole; /* of another version */
    /* While its instant is under way. */
    weir_value *fields, *carried;
    bool *overflow;
    weir_bytes note;
} asof_event;

/* One copy: an event at one hop. */
typedef struct asof_visit {
    int64_t et_us;
    weir_seq seq;
    uint32_t shard, hop;
    size_t event;
    uint64_t order; /* in its instant and shard */
} asof_visit;

typedef struct asof_shard {
    weir_topic topic;
    int32_t partition;
    weir_shard_clock clock;
} asof_shard;

_Static_assert(WEIR_PLAN_HOPS_MAX < 32, "a bit per hop");

struct weir_asof {
    const weir_topics *topics;
    weir_engine *engine;
    weir_memory_state *states;
    const weir_asof_sinks *sinks;
    asof_event *events;
    asof_visit *visits;
    size_t event_count, event_capacity, visit_count, visit_capacity;
    asof_shard *shards;
    uint32_t shard_count, shard_capacity;
    weir_evidence taken; /* events: found whole; where there are such, also replayed to the end */
    weir_buffer data, key;
    weir_arena arena; /* of one instant */
};

static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return array;
    *capacity = *capacity == 0 ? 1024 : *capacity * 2;
    array = realloc(array, *capacity * size);
    WEIR_ASSERT(array != NULL);
    return array;
}

weir_asof *weir_asof_create(const weir_topics *topics, weir_engine *engine)
{
    weir_asof *asof = calloc(1, sizeof *asof);
    WEIR_ASSERT(asof != NULL);
    asof->topics = topics;
    asof->engine = engine;
    asof->states = weir_memory_state_create(topics->plan);
    return asof;
}

void weir_asof_destroy(weir_asof *asof)
{
    if (asof == NULL) return;
    weir_memory_state_destroy(asof->states);
    weir_evidence_deinit(&asof->taken);
    weir_buffer_deinit(&asof->data);
    weir_buffer_deinit(&asof->key);
    weir_arena_deinit(&asof->arena);
    free(asof->events);
    free(asof->visits);
    free(asof->shards);
    free(asof);
}

const weir_state_port *weir_asof_states(weir_asof *asof)
{
    return weir_memory_state_port(asof->states);
}

static uint32_t find_shard(const weir_asof *asof, weir_topic topic, int32_t partition)
{
    uint32_t i = 0;
    while (i < asof->shard_count &&
           (asof->shards[i].topic != topic || asof->shards[i].partition != partition))
        i++;
    return i;
}

const weir_shard_clock *weir_asof_clock(const weir_asof *asof, weir_topic journal,
                                        int32_t partition)
{
    static const weir_shard_clock nothing = {INT64_MIN, INT64_MIN};
    uint32_t shard = find_shard(asof, journal, partition);
    return shard == asof->shard_count ? &nothing : &asof->shards[shard].clock;
}

/* ---- the events ---- */

static void add_visit(weir_asof *asof, const weir_event *event, uint32_t hop, int32_t partition,
                      weir_seq seq)
{
    uint32_t entity = asof->topics->plan->streams[event->stream].hops[hop].entity;
    weir_topic topic = asof->topics->journals[entity];
    uint32_t shard = find_shard(asof, topic, partition);
    if (shard == asof->shard_count) {
        size_t capacity = asof->shard_capacity;
        asof->shards = grown(asof->shards, asof->shard_count, &capacity, sizeof(asof_shard));
        asof->shard_capacity = (uint32_t)capacity;
        asof->shards[asof->shard_count++] = (asof_shard){topic, partition, {INT64_MIN, INT64_MIN}};
    }
    asof->visits =
        grown(asof->visits, asof->visit_count, &asof->visit_capacity, sizeof(asof_visit));
    asof->visits[asof->visit_count++] =
        (asof_visit){event->et_us, seq, shard, hop, asof->event_count, seq};
}

static void put_fields(weir_asof *asof, const weir_event *event, weir_bytes note)
{
    const weir_plan_stream *stream = &asof->topics->plan->streams[event->stream];
    for (uint32_t s = 0; s < stream->slot_count; s++)
        weir_value_encode(stream->slot_types[s], &event->fields[s], &asof->data);
    weir_buffer_put_varint(&asof->data, note.size);
    weir_buffer_put(&asof->data, note.data, note.size);
}

static void identify(weir_buffer *out, uint32_t stream, int32_t partition, int64_t offset)
{
    weir_buffer_clear(out);
    weir_buffer_put_varint(out, stream);
    weir_buffer_put_zigzag(out, partition);
    weir_buffer_put_zigzag(out, offset);
}

/* False: it was taken in this way before. */
static bool note_taken(weir_asof *asof, uint32_t stream, int32_t source_partition,
                       int64_t source_offset, weir_evidence_side side)
{
    weir_evidence_entry *entry = NULL;
    identify(&asof->key, stream, source_partition, source_offset);
    weir_bytes identity = {asof->key.data, asof->key.size}, nothing = {0};
    return weir_evidence_show(&asof->taken, side, identity, nothing, &entry) != WEIR_EVIDENCE_AGAIN;
}

static weir_error *add_event(weir_asof *asof, const weir_fold_row *row, asof_event event,
                             weir_bytes note)
{
    if (asof->event_count == WEIR_ASOF_EVENTS_MAX) {
        return weir_error_new(WEIR_E_LIMIT,
                              "as-of holds the events in memory, at most %d; export "
                              "as-known, or fewer events",
                              WEIR_ASOF_EVENTS_MAX);
    }
    event.et_us = row->event->et_us;
    event.stream = row->event->stream;
    event.data = asof->data.size;
    event.source_partition = row->copy->source_partition;
    event.source_offset = row->copy->source_offset;
    asof->events =
        grown(asof->events, asof->event_count, &asof->event_capacity, sizeof(asof_event));
    asof->events[asof->event_count++] = event;
    put_fields(asof, row->event, note);
    return NULL;
}

weir_error *weir_asof_add(weir_asof *asof, const weir_fold_row *row, int32_t partition,
                          weir_bytes note)
{
    const weir_event *event = row->event;
    uint32_t hops = 0;
    for (uint32_t i = 0; i < row->point_count; i++) {
        hops |= UINT32_C(1) << row->points[i].hop;
        add_visit(asof, event, row->points[i].hop, row->points[i].partition, row->points[i].seq);
    }
    uint32_t own = UINT32_C(1) << event->hop;
    if ((hops & own) == 0) add_visit(asof, event, event->hop, partition, event->seq);
    asof_event added = {
        .hops_left = hops | own, .first_partition = partition, .first_seq = event->seq};
    if (row->point_count > 0) {
        added.first_partition = row->points[0].partition;
        added.first_seq = row->points[0].seq;
    }
    return add_event(asof, row, added, note);
}

weir_error *weir_asof_add_whole(weir_asof *asof, const weir_fold_row *row, int32_t partition,
                                const int32_t *partition_counts, weir_bytes note)
{
    const weir_event *event = row->event;
    const weir_plan_stream *stream = &asof->topics->plan->streams[event->stream];
    if (!note_taken(asof, event->stream, row->copy->source_partition, row->copy->source_offset,
                    WEIR_EVIDENCE_FOUND))
        return NULL;
    asof_event added = {.first_partition = partition, .first_seq = event->seq, .is_whole = true};
    for (uint32_t h = 0; h < stream->hop_count; h++) {
        weir_buffer_clear(&asof->key);
        if (!weir_trigger_key(asof->topics->plan, event->stream, h, event->fields, &asof->key))
            continue;
        weir_bytes key = {asof->key.data, asof->key.size};
        weir_topic topic = asof->topics->journals[stream->hops[h].entity];
        added.hops_left |= UINT32_C(1) << h;
        add_visit(asof, event, h, weir_partition_of(key, partition_counts[topic]), event->seq);
    }
    return add_event(asof, row, added, note);
}

/* ---- events of several versions ---- */

static void note_replayed(weir_asof *asof)
{
    for (size_t i = 0; i < asof->event_count; i++) {
        const asof_event *event = &asof->events[i];
        if (!event->is_whole)
            (void)note_taken(asof, event->stream, event->source_partition, event->source_offset,
                             WEIR_EVIDENCE_REPLAYED);
    }
}

/* One that this version took to its end is not taken whole. */
static bool is_counted(weir_asof *asof, const asof_event *event)
{
    if (!event->is_whole) return true;
    identify(&asof->key, event->stream, event->source_partition, event->source_offset);
    const weir_evidence_entry *entry =
        weir_evidence_find(&asof->taken, (weir_bytes){asof->key.data, asof->key.size});
    return (entry->sides & WEIR_EVIDENCE_REPLAYED) == 0;
}

typedef struct first_read {
    int32_t partition;
    weir_seq seq;
    size_t event;
} first_read;

static int by_first_read(const void *a, const void *b)
{
    const first_read *x = a, *y = b;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    if (x->seq != y->seq) return x->seq < y->seq ? -1 : 1;
    return x->event < y->event ? -1 : x->event > y->event;
}

/* Shards of an event of another version have no position of it: all keep the order of the first hops. */
static void order_whole(weir_asof *asof)
{
    first_read *reads = calloc(asof->event_count + 1, sizeof *reads);
    uint64_t *ranks = calloc(asof->event_count + 1, sizeof *ranks);
    WEIR_ASSERT(reads != NULL && ranks != NULL);
    for (size_t i = 0; i < asof->event_count; i++)
        reads[i] = (first_read){asof->events[i].first_partition, asof->events[i].first_seq, i};
    if (asof->event_count > 0) qsort(reads, asof->event_count, sizeof *reads, by_first_read);
    for (size_t i = 0; i < asof->event_count; i++)
        ranks[reads[i].event] = i;
    size_t kept = 0;
    for (size_t i = 0; i < asof->visit_count; i++) {
        asof_visit visit = asof->visits[i];
        if (!is_counted(asof, &asof->events[visit.event])) continue;
        visit.order = ranks[visit.event];
        asof->visits[kept++] = visit;
    }
    asof->visit_count = kept;
    free(reads);
    free(ranks);
}

/* ---- one instant ---- */

static void load(weir_asof *asof, asof_event *event)
{
    const weir_plan_stream *stream = &asof->topics->plan->streams[event->stream];
    weir_reader reader =
        weir_reader_of(asof->data.data + event->data, asof->data.size - event->data);
    event->fields = weir_arena_array(&asof->arena, weir_value, stream->slot_count + 1);
    event->carried = weir_arena_array(&asof->arena, weir_value, stream->carried_count + 1);
    event->overflow = weir_arena_array(&asof->arena, bool, stream->carried_count + 1);
    for (uint32_t s = 0; s < stream->slot_count; s++)
        event->fields[s] = weir_value_decode(stream->slot_types[s], &reader, &asof->arena);
    event->note.size = (size_t)weir_reader_varint(&reader);
    event->note.data = weir_reader_take(&reader, event->note.size);
    WEIR_ASSERT(!reader.bad);
}

/* What the engine hands out lives until its next call. */
static void keep(weir_asof *asof, const asof_event *event, uint32_t hop)
{
    const weir_plan_stream *stream = &asof->topics->plan->streams[event->stream];
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        if (stream->carried[i].hop == hop)
            event->carried[i] = weir_value_copy(&event->carried[i], &asof->arena);
    }
}

static weir_event event_at(const asof_event *event, uint32_t hop, weir_seq seq)
{
    return (weir_event){.stream = event->stream,
                        .hop = hop,
                        .fields = event->fields,
                        .carried = event->carried,
                        .carried_overflow = event->overflow,
                        .et_us = event->et_us,
                        .ingest_us = event->et_us,
                        .seq = seq};
}

/* Hops up to `end` where the event has no key. */
static weir_error *pass_absent(weir_asof *asof, asof_event *event, uint32_t end)
{
    for (; event->next_hop < end; event->next_hop++) {
        weir_event at = event_at(event, event->next_hop, 0);
        WEIR_TRY(weir_engine_read_absent(asof->engine, &at));
        keep(asof, event, event->next_hop);
    }
    return NULL;
}

static weir_error *visit(weir_asof *asof, const asof_visit *v)
{
    asof_event *event = &asof->events[v->event];
    asof_shard *shard = &asof->shards[v->shard];
    const weir_state_port *states = weir_asof_states(asof);
    const weir_plan_stream *stream = &asof->topics->plan->streams[event->stream];
    bool beyond = false;
    if (event->fields == NULL) load(asof, event);
    WEIR_TRY(pass_absent(asof, event, v->hop));
    weir_event at = event_at(event, v->hop, v->seq);
    weir_buffer_clear(&asof->key);
    WEIR_ASSERT(
        weir_trigger_key(asof->topics->plan, event->stream, v->hop, event->fields, &asof->key));
    at.key = (weir_bytes){asof->key.data, asof->key.size};
    WEIR_TRY(weir_engine_read(asof->engine, states, &shard->clock, &at, &beyond));
    keep(asof, event, v->hop);
    WEIR_TRY(weir_engine_apply(asof->engine, states, &shard->clock, &at));
    shard->clock = (weir_shard_clock){event->et_us, event->et_us};
    event->next_hop = v->hop + 1;
    event->hops_left &= ~(UINT32_C(1) << v->hop);
    if (event->hops_left != 0) return NULL;
    WEIR_TRY(pass_absent(asof, event, stream->hop_count));
    int32_t partition = event->is_whole ? event->first_partition : shard->partition;
    return asof->sinks->event(asof->sinks->context, &at, partition, event->note);
}

/* Whether the event's copies before this one are through. */
static bool is_ready(const weir_asof *asof, const asof_visit *v)
{
    uint32_t before = (UINT32_C(1) << v->hop) - 1;
    return (asof->events[v->event].hops_left & before) == 0;
}

/* Shards stand one after the other; each is taken as far as it goes, until all are through. */
static weir_error *fold_instant(weir_asof *asof, const asof_visit *visits, size_t count)
{
    size_t *next = weir_arena_array(&asof->arena, size_t, count + 1), *end, runs = 0;
    end = weir_arena_array(&asof->arena, size_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || visits[i].shard != visits[i - 1].shard) next[runs++] = i;
        end[runs - 1] = i + 1;
    }
    for (size_t left = count; left > 0;) {
        size_t before = left;
        for (size_t r = 0; r < runs; r++) {
            for (; next[r] < end[r] && is_ready(asof, &visits[next[r]]); next[r]++, left--)
                WEIR_TRY(visit(asof, &visits[next[r]]));
        }
        WEIR_ASSERT(left < before);
    }
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const asof_visit *x = a, *y = b;
    if (x->et_us != y->et_us) return x->et_us < y->et_us ? -1 : 1;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

weir_error *weir_asof_fold(weir_asof *asof, const weir_asof_sinks *sinks)
{
    asof->sinks = sinks;
    if (asof->taken.count > 0) {
        note_replayed(asof);
        order_whole(asof);
    }
    if (asof->visit_count > 0) qsort(asof->visits, asof->visit_count, sizeof(asof_visit), by_time);
    for (size_t i = 0, n; i < asof->visit_count; i += n) {
        int64_t et_us = asof->visits[i].et_us;
        for (n = 1; i + n < asof->visit_count && asof->visits[i + n].et_us == et_us;)
            n++;
        if (sinks->before != NULL) WEIR_TRY(sinks->before(sinks->context, et_us));
        weir_arena_reset(&asof->arena);
        WEIR_TRY(fold_instant(asof, &asof->visits[i], n));
    }
    return sinks->before == NULL ? NULL : sinks->before(sinks->context, INT64_MAX);
}
