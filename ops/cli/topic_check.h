/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic_check.h - does a topic on the brokers fit what the package needs of it?
 *
 * Shared by `weir topics`, `weir apply` and `weir doctor`: one judgement, one wording, each with
 * its cure.
 */
#pragma once

#include "ingest/admin.h"
#include "ingest/topics.h"
#include "ops/runtime/config.h"

/* The state of every topic of the table, in its order. */
weir_error *weir_topic_states(weir_admin *admin, const weir_topics *topics, weir_arena *into,
                              weir_topic_state **states_out);
/* What is wrong with it and what to do, or NULL. */
const char *weir_topic_problem(const weir_topic_info *info, const weir_topic_state *state,
                               const weir_config *config, weir_arena *into);
/* How long history must be kept before an archive exists: greatest window + delay + late,
 * microseconds; INT64_MAX where a definition looks at all of it. */
int64_t weir_history_us(const weir_plan *plan);
