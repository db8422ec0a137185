/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics.h - the topics of a package, derived from its plan and numbered.
 *
 * Everybody who speaks of a topic on the hot path uses its number (weir_topic), an index into this
 * table. The order is fixed by the plan: sources (one per distinct topic of the streams), journals
 * (one per entity that some stream observes), score outputs (one per distinct topic), then the
 * package's own: dead letters, marks, served answers.
 *
 *   weir.<package>.journal.<entity>   copies of events, kept for ever; <entity> of
 *                                     (card, merchant) is card-merchant
 *   weir.<package>.dead               dead letters
 *   weir.<package>.marks              alignment marks, compacted
 *   weir.<package>.served             sampled answers of `weir serve`
 *
 * Owns:    everything lives in the table; create/destroy. Holds a reference of the plan.
 * Threads: immutable after creation.
 */
#pragma once

#include "compute/plan.h"
#include "ingest/log.h"

typedef enum weir_topic_role {
    WEIR_TOPIC_SOURCE,
    WEIR_TOPIC_JOURNAL,
    WEIR_TOPIC_SCORE,
    WEIR_TOPIC_DEAD,
    WEIR_TOPIC_MARKS,
    WEIR_TOPIC_SERVED,
} weir_topic_role;

/* One setting that the topic must have on the broker. */
typedef struct weir_topic_setting {
    const char *name, *value; /* "message.timestamp.type", "LogAppendTime" */
} weir_topic_setting;

enum { WEIR_TOPIC_SETTINGS_MAX = 6, WEIR_TOPIC_NAME_MAX = 249 };

typedef struct weir_topic_info {
    const char *name;
    weir_topic_role role;
    uint32_t entity;  /* JOURNAL; else WEIR_NONE */
    bool is_consumed; /* by the worker's group: sources and journals */
    bool is_ours; /* created by `weir apply`; sources and outputs are, too, where they do not exist
                   */
    bool has_default_partitions; /* journals and sources: as many as asked for; else one */
    uint32_t setting_count;
    weir_topic_setting settings[WEIR_TOPIC_SETTINGS_MAX];
} weir_topic_info;

typedef struct weir_topics {
    weir_arena arena;
    const weir_plan *plan;
    uint32_t count;
    const weir_topic_info *items;
    const weir_topic *sources;  /* per stream of the plan */
    const weir_topic *journals; /* per entity of the plan; WEIR_NONE: no stream observes it */
    const weir_topic *scores;   /* per score of the plan */
    weir_topic dead, marks, served;
} weir_topics;

/* Fails with WEIR_E_DEFINITION where a name would be longer than Kafka allows or two roles meet in
 * one topic. */
weir_error *weir_topics_create(const weir_plan *plan, weir_topics **topics_out);
void weir_topics_destroy(weir_topics *topics);
/* The number of that name, or WEIR_NONE. */
weir_topic weir_topics_find(const weir_topics *topics, const char *name);
/* Is `name` that of a shard's folder, <topic>-<partition> of one of our journals? */
bool weir_topics_shard(const weir_topics *topics, const char *name, weir_topic *topic_out,
                       int32_t *partition_out);

/* Java's default partitioner (schemas/key.h). */
int32_t weir_partition_of(weir_bytes key, int32_t partition_count);
