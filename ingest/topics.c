/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/topics.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "schemas/key.h"

/* A table under construction; the plan bounds the number of topics. */
typedef struct builder {
    weir_arena *into;
    weir_topic_info *items;
    uint32_t count;
} builder;

static weir_topic find(const builder *b, const char *name)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->items[i].name, name) == 0) return i;
    return WEIR_NONE;
}

static const char *role_name(weir_topic_role role)
{
    static const char *const names[] = {"a source",     "a journal", "a score output",
                                        "dead letters", "marks",     "served answers"};
    return names[role];
}

/* Adds a topic, or finds it again if it has the same role. */
static weir_error *add(builder *b, const char *name, weir_topic_role role, weir_topic *topic_out)
{
    size_t size = strlen(name);
    if (size == 0 || size > WEIR_TOPIC_NAME_MAX) {
        return weir_error_new(WEIR_E_DEFINITION,
                              "the topic name `%.80s%s` has %zu characters, Kafka allows 1 to %d; "
                              "shorten the package, entity or topic name",
                              name, size > 80 ? "..." : "", size, WEIR_TOPIC_NAME_MAX);
    }
    *topic_out = find(b, name);
    if (*topic_out != WEIR_NONE) {
        weir_topic_role had = b->items[*topic_out].role;
        if (had == role && role <= WEIR_TOPIC_SCORE) return NULL;
        return weir_error_new(
            WEIR_E_DEFINITION,
            "the topic `%s` would be %s and %s at once; give one of them another topic", name,
            role_name(had), role_name(role));
    }
    *topic_out = b->count;
    b->items[b->count++] = (weir_topic_info){
        .name = weir_arena_string(b->into, name, size), .role = role, .entity = WEIR_NONE};
    return NULL;
}

static void set(weir_topic_info *info, const char *name, const char *value)
{
    WEIR_ASSERT(info->setting_count < WEIR_TOPIC_SETTINGS_MAX);
    info->settings[info->setting_count++] = (weir_topic_setting){name, value};
}

/* What the protocol needs of each role; `weir apply` sets it and every worker compares before its
 * first send. */
static void settle(weir_topic_info *info)
{
    info->is_consumed = info->role == WEIR_TOPIC_SOURCE || info->role == WEIR_TOPIC_JOURNAL;
    info->is_ours = info->role != WEIR_TOPIC_SOURCE && info->role != WEIR_TOPIC_SCORE;
    info->has_default_partitions = info->is_consumed;
    switch (info->role) {
    case WEIR_TOPIC_SOURCE: set(info, "message.timestamp.type", "CreateTime"); break;
    case WEIR_TOPIC_JOURNAL:
        set(info, "message.timestamp.type", "LogAppendTime");
        set(info, "cleanup.policy", "delete");
        set(info, "retention.ms", "-1");
        set(info, "retention.bytes", "-1");
        set(info, "max.message.bytes", "4194304");
        break;
    case WEIR_TOPIC_MARKS: set(info, "cleanup.policy", "compact"); break;
    case WEIR_TOPIC_DEAD:
        set(info, "message.timestamp.type", "LogAppendTime");
        set(info, "retention.ms", "-1");
        set(info, "max.message.bytes", "4194304");
        break;
    case WEIR_TOPIC_SCORE:
    case WEIR_TOPIC_SERVED: set(info, "message.timestamp.type", "LogAppendTime"); break;
    }
}

/* "card,merchant" can not stand in a topic's name; '-' can, and never occurs in a field's name. */
static const char *journal_name(weir_arena *into, const char *package, const char *entity)
{
    char *name = weir_arena_printf(into, "weir.%s.journal.%s", package, entity);
    for (char *at = name; *at != '\0'; at++)
        if (*at == ',') *at = '-';
    return name;
}

static weir_error *add_sources(builder *b, const weir_plan *plan, weir_topic *sources)
{
    for (uint32_t i = 0; i < plan->stream_count; i++)
        WEIR_TRY(add(b, plan->streams[i].topic, WEIR_TOPIC_SOURCE, &sources[i]));
    return NULL;
}

static bool is_observed(const weir_plan *plan, uint32_t entity)
{
    for (uint32_t i = 0; i < plan->stream_count; i++)
        for (uint32_t h = 0; h < plan->streams[i].hop_count; h++)
            if (plan->streams[i].hops[h].entity == entity) return true;
    return false;
}

static weir_error *add_journals(builder *b, const weir_plan *plan, weir_topic *journals)
{
    for (uint32_t i = 0; i < plan->entity_count; i++) {
        journals[i] = WEIR_NONE;
        if (!is_observed(plan, i)) continue;
        const char *name = journal_name(b->into, plan->package, plan->entities[i].name);
        WEIR_TRY(add(b, name, WEIR_TOPIC_JOURNAL, &journals[i]));
        b->items[journals[i]].entity = i;
    }
    return NULL;
}

static weir_error *add_outputs(builder *b, const weir_plan *plan, weir_topic *scores,
                               weir_topics *topics)
{
    for (uint32_t i = 0; i < plan->score_count; i++)
        WEIR_TRY(add(b, plan->scores[i].topic, WEIR_TOPIC_SCORE, &scores[i]));
    const char *package = plan->package;
    WEIR_TRY(add(b, weir_arena_printf(b->into, "weir.%s.dead", package), WEIR_TOPIC_DEAD,
                 &topics->dead));
    WEIR_TRY(add(b, weir_arena_printf(b->into, "weir.%s.marks", package), WEIR_TOPIC_MARKS,
                 &topics->marks));
    return add(b, weir_arena_printf(b->into, "weir.%s.served", package), WEIR_TOPIC_SERVED,
               &topics->served);
}

static weir_error *build(weir_topics *topics, const weir_plan *plan)
{
    weir_arena *into = &topics->arena;
    uint32_t most = plan->stream_count + plan->entity_count + plan->score_count + 3;
    builder b = {.into = into, .items = weir_arena_array(into, weir_topic_info, most)};
    weir_topic *sources = weir_arena_array(into, weir_topic, plan->stream_count);
    weir_topic *journals = weir_arena_array(into, weir_topic, plan->entity_count);
    weir_topic *scores = weir_arena_array(into, weir_topic, plan->score_count);
    WEIR_TRY(add_sources(&b, plan, sources));
    WEIR_TRY(add_journals(&b, plan, journals));
    WEIR_TRY(add_outputs(&b, plan, scores, topics));
    for (uint32_t i = 0; i < b.count; i++)
        settle(&b.items[i]);
    topics->items = b.items;
    topics->count = b.count;
    topics->sources = sources;
    topics->journals = journals;
    topics->scores = scores;
    return NULL;
}

weir_error *weir_topics_create(const weir_plan *plan, weir_topics **topics_out)
{
    WEIR_ASSERT(plan != NULL && plan->package != NULL);
    weir_topics *topics = calloc(1, sizeof *topics);
    WEIR_ASSERT(topics != NULL);
    topics->plan = weir_plan_ref(plan);
    weir_error *error = build(topics, plan);
    if (error != NULL) {
        weir_topics_destroy(topics);
        topics = NULL;
    }
    *topics_out = topics;
    return error;
}

void weir_topics_destroy(weir_topics *topics)
{
    if (topics == NULL) return;
    weir_plan_unref(topics->plan);
    weir_arena_deinit(&topics->arena);
    free(topics);
}

weir_topic weir_topics_find(const weir_topics *topics, const char *name)
{
    for (uint32_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i].name, name) == 0) return i;
    return WEIR_NONE;
}

int32_t weir_partition_of(weir_bytes key, int32_t partition_count)
{
    WEIR_ASSERT(partition_count > 0);
    return (int32_t)weir_key_partition(key, (uint32_t)partition_count);
}

bool weir_topics_shard(const weir_topics *topics, const char *name, weir_topic *topic_out,
                       int32_t *partition_out)
{
    const char *dash = strrchr(name, '-');
    char *end = NULL;
    if (dash == NULL || dash[1] < '0' || dash[1] > '9') return false;
    long partition = strtol(dash + 1, &end, 10);
    if (*end != '\0' || partition > INT32_MAX) return false;
    for (weir_topic t = 0; t < topics->count; t++) {
        const char *topic = topics->items[t].name;
        if (topics->items[t].role != WEIR_TOPIC_JOURNAL) continue;
        if (strlen(topic) != (size_t)(dash - name) || memcmp(topic, name, strlen(topic)) != 0)
            continue;
        *topic_out = t;
        *partition_out = (int32_t)partition;
        return true;
    }
    return false;
}
