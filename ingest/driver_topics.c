/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/driver_topics.h"

#include "ops/runtime/assert.h"

typedef struct feeders {
    weir_topic *items;
    size_t count;
} feeders;

static void feeder_add(feeders *to, weir_topic topic)
{
    for (size_t i = 0; i < to->count; i++) {
        if (to->items[i] == topic) return;
    }
    to->items[to->count++] = topic;
}

/* May an event leave this hop out? */
static bool hop_is_optional(const weir_topics *topics, const weir_plan_stream *stream, uint32_t hop)
{
    const weir_plan_hop *at = &stream->hops[hop];
    const weir_plan_entity *entity = &topics->plan->entities[at->entity];
    for (uint32_t i = 0; i < entity->key_count; i++) {
        if (stream->slot_types[at->key_slots[i]].optional) return true;
    }
    return false;
}

static void stream_walk(const weir_topics *topics, uint32_t stream, weir_driver_topic *rows,
                        feeders *into)
{
    const weir_plan_stream *plan = &topics->plan->streams[stream];
    for (uint32_t hop = 0; hop < plan->hop_count; hop++) {
        weir_topic journal = topics->journals[plan->hops[hop].entity];
        WEIR_ASSERT(journal != WEIR_NONE);
        if (rows[journal].level < hop + 1) rows[journal].level = hop + 1;
        /* Whoever may come before: the stops behind, as far as those between may be left out. */
        uint32_t before = hop;
        while (before > 0) {
            before--;
            weir_topic from = topics->journals[plan->hops[before].entity];
            if (from != journal) feeder_add(&into[journal], from);
            if (!hop_is_optional(topics, plan, before)) break;
        }
        bool is_direct = hop == 0 || (before == 0 && hop_is_optional(topics, plan, 0));
        if (is_direct) feeder_add(&into[journal], topics->sources[stream]);
    }
}

const weir_driver_topic *weir_driver_topics(const weir_topics *topics, weir_arena *into)
{
    weir_driver_topic *rows = weir_arena_array(into, weir_driver_topic, topics->count + 1);
    feeders *lists = weir_arena_array(into, feeders, topics->count + 1);
    for (uint32_t i = 0; i < topics->count; i++) {
        const weir_topic_info *info = &topics->items[i];
        bool is_written = info->role != WEIR_TOPIC_SOURCE && info->role != WEIR_TOPIC_SERVED &&
                          info->role != WEIR_TOPIC_MARKS;
        rows[i] = (weir_driver_topic){.name = info->name,
                                      .is_consumed = info->is_consumed,
                                      .is_journal = info->role == WEIR_TOPIC_JOURNAL,
                                      .is_written = is_written};
        lists[i].items = weir_arena_array(into, weir_topic, topics->count + 1);
    }
    for (uint32_t i = 0; i < topics->plan->stream_count; i++)
        stream_walk(topics, i, rows, lists);
    for (uint32_t i = 0; i < topics->count; i++) {
        rows[i].feeders = lists[i].items;
        rows[i].feeder_count = lists[i].count;
    }
    return rows;
}
