/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "ingest/admin.h"
#include "ops/cli/stack.h"
#include "ops/cli/topic_check.h"
#include "ops/runtime/json.h"

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

static void print_json(const weir_topic_info *info, const weir_topic_state *state, int64_t records,
                       const char *problem, weir_buffer *out)
{
    weir_json_writer writer = {.out = out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "topic");
    weir_json_write_text(&writer, info->name);
    weir_json_write_key(&writer, "role");
    weir_json_write_text(&writer, role_name(info->role));
    weir_json_write_key(&writer, "exists");
    weir_json_write_bool(&writer, state->exists);
    weir_json_write_key(&writer, "partitions");
    weir_json_write_int(&writer, state->partitions);
    weir_json_write_key(&writer, "replication");
    weir_json_write_int(&writer, state->replication);
    weir_json_write_key(&writer, "records");
    weir_json_write_int(&writer, records);
    weir_json_write_key(&writer, "problem");
    if (problem == NULL) {
        weir_json_write_null(&writer);
    } else {
        weir_json_write_text(&writer, problem);
    }
    weir_json_write_end(&writer, '}');
    weir_buffer_put_text(out, "\n");
}

static weir_error *list(weir_cli *cli, weir_stack *stack, weir_admin *admin)
{
    const weir_topics *topics = stack->topics;
    weir_topic_state *states = NULL;
    WEIR_TRY(weir_topic_states(admin, topics, &cli->arena, &states));
    weir_buffer out = {0};
    bool is_json = cli->format == WEIR_FORMAT_JSON || cli->format == WEIR_FORMAT_JSONL;
    if (!is_json)
        weir_buffer_printf(&out, "%-44s %-13s %10s %12s  %s\n", "topic", "role", "partitions",
                           "records", "state");
    for (uint32_t i = 0; i < topics->count; i++) {
        int64_t records = 0;
        WEIR_TRY(records_count(admin, &states[i], &records));
        const char *problem =
            weir_topic_problem(&topics->items[i], &states[i], stack->config, &cli->arena);
        if (is_json) {
            print_json(&topics->items[i], &states[i], records, problem, &out);
        } else {
            weir_buffer_printf(&out, "%-44s %-13s %10d %12" PRId64 "  %s\n", topics->items[i].name,
                               role_name(topics->items[i].role), states[i].partitions,
                               records < 0 ? 0 : records, problem == NULL ? "ok" : problem);
        }
    }
    (void)fwrite(out.data, 1, out.size, stdout);
    weir_buffer_deinit(&out);
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
    .formats = WEIR_FORMAT_TABLE | WEIR_FORMAT_JSON | WEIR_FORMAT_JSONL,
    .run = run,
};
