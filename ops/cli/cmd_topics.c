/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "ingest/admin.h"
#include "ops/cli/listing.h"
#include "ops/cli/stack.h"
#include "ops/cli/topic_check.h"

static const char *role_name(weir_topic_role role)
{
    static const char *const names[] = {
        [WEIR_TOPIC_SOURCE] = "source", [WEIR_TOPIC_JOURNAL] = "journal",
        [WEIR_TOPIC_SCORE] = "score",   [WEIR_TOPIC_DEAD] = "dead letters",
        [WEIR_TOPIC_MARKS] = "marks",   [WEIR_TOPIC_SERVED] = "served"};
    return names[role];
}

/* Records in it now, -1 if it is not there. */
static weir_error *records_count(weir_admin *admin, const weir_topic_state *state,
                                 int64_t *records_out)
{
    *records_out = state->exists ? 0 : -1;
    for (int32_t i = 0; state->exists && i < state->partitions; i++) {
        int64_t start = 0, end = 0;
        WEIR_TRY(weir_admin_ends(admin, state->name, i, &start, &end));
        *records_out += end - start;
    }
    return NULL;
}

static void put_topic(weir_listing *rows, const weir_topic_info *info,
                      const weir_topic_state *state, int64_t records, const char *problem)
{
    weir_listing_text(rows, info->name);
    weir_listing_text(rows, role_name(info->role));
    weir_listing_bool(rows, state->exists);
    weir_listing_int(rows, state->partitions);
    weir_listing_int(rows, state->replication);
    weir_listing_int(rows, records);
    weir_listing_text(rows, problem);
}

static weir_error *list(weir_cli *cli, weir_stack *stack, weir_admin *admin)
{
    static const char *const columns[] = {"topic",       "role",    "exists", "partitions",
                                          "replication", "records", "problem"};
    const weir_topics *topics = stack->topics;
    weir_topic_state *states = NULL;
    WEIR_TRY(weir_topic_states(admin, topics, &cli->arena, &states));
    bool is_table = cli->format == WEIR_FORMAT_DEFAULT || cli->format == WEIR_FORMAT_TABLE;
    weir_listing rows = weir_listing_begin(cli, columns, sizeof columns / sizeof *columns);
    if (is_table)
        (void)printf("%-44s %-13s %10s %12s  %s\n", "topic", "role", "partitions", "records",
                     "state");
    for (uint32_t i = 0; i < topics->count; i++) {
        int64_t records = 0;
        WEIR_TRY(records_count(admin, &states[i], &records));
        const char *problem =
            weir_topic_problem(&topics->items[i], &states[i], stack->config, &cli->arena);
        if (is_table)
            (void)printf("%-44s %-13s %10d %12" PRId64 "  %s\n", topics->items[i].name,
                         role_name(topics->items[i].role), states[i].partitions,
                         records < 0 ? 0 : records, problem == NULL ? "ok" : problem);
        else
            put_topic(&rows, &topics->items[i], &states[i], records, problem);
    }
    if (!is_table) weir_listing_end(&rows);
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_admin *admin = NULL;
    weir_error *error = weir_admin_open(&stack.kafka, &admin);
    if (error == NULL) error = list(cli, &stack, admin);
    weir_admin_close(admin);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_topics = {
    .name = "topics",
    .group = WEIR_GROUP_STREAM,
    .summary = "List the topics that the definitions need, and their state",
    .arguments = "",
    .formats = WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
