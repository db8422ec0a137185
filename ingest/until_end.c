/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/until_end.h"

#include <stdlib.h>

#include "ingest/admin.h"
#include "ops/runtime/assert.h"

typedef struct goal {
    weir_topic topic;
    int32_t partition;
    int64_t start, end;
    bool is_reached;
} goal;

struct weir_until_end {
    const weir_driver_options *options;
    weir_admin *admin;
    goal *goals;
    size_t goal_count;
    bool has_goals, is_journals;
    uint32_t rounds; /* of the journals */
};

weir_until_end *weir_until_end_create(const weir_driver_options *options)
{
    weir_until_end *watch = calloc(1, sizeof *watch);
    WEIR_ASSERT(watch != NULL);
    watch->options = options;
    return watch;
}

void weir_until_end_destroy(weir_until_end *watch)
{
    if (watch == NULL) return;
    weir_admin_close(watch->admin);
    free(watch->goals);
    free(watch);
}

static weir_error *topic_goals(weir_until_end *watch, weir_topic topic, int32_t partitions)
{
    watch->goals = realloc(watch->goals, (watch->goal_count + (size_t)partitions) * sizeof(goal));
    WEIR_ASSERT(watch->goals != NULL);
    for (int32_t i = 0; i < partitions; i++) {
        goal *one = &watch->goals[watch->goal_count];
        *one = (goal){.topic = topic, .partition = i};
        WEIR_TRY(weir_admin_ends(watch->admin, watch->options->topics[topic].name, i, &one->start,
                                 &one->end));
        one->is_reached = one->start == one->end;
        watch->goal_count++;
    }
    return NULL;
}

/* Ends of all sources, or of all journals, as they are now. */
static weir_error *goals_set(weir_until_end *watch)
{
    const weir_driver_options *options = watch->options;
    watch->goal_count = 0;
    for (size_t i = 0; i < options->topic_count; i++) {
        const weir_driver_topic *topic = &options->topics[i];
        if (!topic->is_consumed || topic->is_journal != watch->is_journals) continue;
        weir_arena arena = {0};
        weir_topic_state *state = NULL;
        weir_error *error = weir_admin_topics(watch->admin, &topic->name, 1, &arena, &state);
        if (error == NULL && !state->exists) {
            error = weir_error_new(WEIR_E_NOT_APPLIED,
                                   "topic %s does not exist; run `weir apply` to create it",
                                   topic->name);
        }
        if (error == NULL) error = topic_goals(watch, (weir_topic)i, state->partitions);
        weir_arena_deinit(&arena);
        WEIR_TRY(error);
    }
    watch->has_goals = true;
    return NULL;
}

/* Where the committed offsets have come to. */
static weir_error *goals_check(weir_until_end *watch, bool *reached_out)
{
    *reached_out = true;
    for (size_t i = 0; i < watch->goal_count;) {
        size_t end = i;
        bool is_open = false;
        for (; end < watch->goal_count && watch->goals[end].topic == watch->goals[i].topic; end++) {
            is_open = is_open || !watch->goals[end].is_reached;
        }
        if (is_open) {
            int64_t *at = calloc(end - i, sizeof *at);
            WEIR_ASSERT(at != NULL);
            weir_error *error = weir_admin_committed(
                watch->admin, watch->options->group,
                watch->options->topics[watch->goals[i].topic].name, (int32_t)(end - i), at);
            for (size_t k = i; error == NULL && k < end; k++) {
                goal *one = &watch->goals[k];
                one->is_reached = one->is_reached || at[one->partition] >= one->end;
                *reached_out = *reached_out && one->is_reached;
            }
            free(at);
            WEIR_TRY(error);
        }
        i = end;
    }
    return NULL;
}

static uint32_t levels_of(const weir_driver_options *options)
{
    uint32_t most = 0;
    for (size_t i = 0; i < options->topic_count; i++) {
        if (options->topics[i].level > most) most = options->topics[i].level;
    }
    return most;
}

/* Sets the journals' goals anew; done when none is open that was not before. */
static weir_error *journals_next(weir_until_end *watch, bool *is_done_out)
{
    watch->rounds++;
    WEIR_TRY(goals_set(watch));
    bool reached = false;
    WEIR_TRY(goals_check(watch, &reached));
    *is_done_out = reached || watch->rounds > levels_of(watch->options) + 1;
    return NULL;
}

weir_error *weir_until_end_begin(weir_until_end *watch)
{
    if (watch->admin == NULL) WEIR_TRY(weir_admin_open(watch->options->kafka, &watch->admin));
    return watch->has_goals ? NULL : goals_set(watch);
}

weir_error *weir_until_end_look(weir_until_end *watch, bool *is_done_out)
{
    *is_done_out = false;
    WEIR_TRY(weir_until_end_begin(watch));
    bool reached = false;
    WEIR_TRY(goals_check(watch, &reached));
    if (!reached) return NULL;
    watch->is_journals = true;
    return journals_next(watch, is_done_out);
}
