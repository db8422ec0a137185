/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/topic_check.h"

#include <string.h>

weir_error *weir_topic_states(weir_admin *admin, const weir_topics *topics, weir_arena *into,
                              weir_topic_state **states_out)
{
    const char **names = weir_arena_array(into, const char *, topics->count + 1);
    for (uint32_t i = 0; i < topics->count; i++)
        names[i] = topics->items[i].name;
    return weir_admin_topics(admin, names, topics->count, into, states_out);
}

static const char *setting_problem(const weir_topic_info *info, const weir_topic_state *state,
                                   const weir_topic_setting *setting, weir_arena *into)
{
    bool is_wrong = false;
    bool is_ours = info->role != WEIR_TOPIC_SOURCE;
    if (strcmp(setting->name, "message.timestamp.type") == 0 && is_ours) {
        is_wrong = state->is_log_append_time != (strcmp(setting->value, "LogAppendTime") == 0);
    } else if (strcmp(setting->name, "cleanup.policy") == 0) {
        bool wants_compaction = strcmp(setting->value, "compact") == 0;
        is_wrong = state->is_compacted != wants_compaction;
    } else if (strcmp(setting->name, "retention.ms") == 0) {
        is_wrong = state->retention_ms != -1;
    } else if (strcmp(setting->name, "retention.bytes") == 0) {
        is_wrong = state->retention_bytes != -1;
    } else if (strcmp(setting->name, "max.message.bytes") == 0) {
        is_wrong = state->max_message_bytes < 4194304;
    }
    if (!is_wrong) return NULL;
    return weir_arena_printf(into,
                             "must have %s=%s: kafka-configs --alter --entity-type topics "
                             "--entity-name %s --add-config %s=%s",
                             setting->name, setting->value, info->name, setting->name,
                             setting->value);
}

const char *weir_topic_problem(const weir_topic_info *info, const weir_topic_state *state,
                               const weir_config *config, weir_arena *into)
{
    (void)config;
    if (!state->exists) return "is missing: run `weir apply`";
    if (!state->knows_config) return NULL;
    for (uint32_t i = 0; i < info->setting_count; i++) {
        const char *problem = setting_problem(info, state, &info->settings[i], into);
        if (problem != NULL) return problem;
    }
    if (info->role == WEIR_TOPIC_SOURCE && state->is_compacted) {
        return "is compacted: events of one key replace each other before weir has read them; set "
               "cleanup.policy=delete";
    }
    return NULL;
}

int64_t weir_history_us(const weir_plan *plan)
{
    int64_t most = 0;
    for (uint32_t i = 0; i < plan->view_count; i++) {
        const weir_plan_view *view = &plan->views[i];
        if (view->has_ever || view->keep_last > 0) return INT64_MAX;
        int64_t keep = view->keep_us + view->late_us;
        if (keep > most) most = keep;
    }
    return most;
}
