/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/stack.h"
#include "serve/why.h"

static const weir_option options[] = {
    {"feature", 0, "COLUMN", "only events behind this feature, such as card_vel_n_1h", false},
    {0},
};

static weir_error *check_feature(const weir_plan *plan, const char *column)
{
    if (column == NULL) return NULL;
    weir_nearest nearest = weir_nearest_of(column);
    for (uint32_t i = 0; i < plan->member_count; i++) {
        if (strcmp(plan->members[i].column, column) == 0) return NULL;
        weir_nearest_offer(&nearest, plan->members[i].column);
    }
    return weir_cli_none_named("feature with the column", &nearest);
}

/* The lines as they are, or as one array. */
static void print_lines(const weir_cli *cli, const weir_buffer *lines)
{
    bool is_array = cli->format == WEIR_FORMAT_JSON;
    const uint8_t *at = lines->data, *end = at + lines->size;
    if (is_array) (void)fputc('[', stdout);
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *next = stop == NULL ? end : stop + 1;
        (void)fwrite(at, 1, (size_t)((stop == NULL ? end : stop) - at), stdout);
        if (!is_array || next < end) (void)fputs(is_array ? ",\n" : "\n", stdout);
        at = next;
    }
    if (is_array) (void)fputs("]\n", stdout);
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_replay_options replay = {
        .topics = stack.topics, .kafka = &stack.kafka, .schemas = &stack.schemas};
    weir_why_options why = {.replay = &replay,
                            .receipt = cli->arguments[0],
                            .feature = weir_cli_option(cli, "feature"),
                            .state_dir = weir_config_text(stack.config, WEIR_SETTING_STATE_DIR)};
    weir_buffer out = {0};
    weir_error *error = check_feature(stack.plan, why.feature);
    if (error == NULL) error = weir_why(&why, &out);
    if (error == NULL) print_lines(cli, &out);
    weir_buffer_deinit(&out);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_why = {
    .name = "why",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "List the events that made the values of a score",
    .arguments = "RECEIPT",
    .help = "RECEIPT is the `id` of a score record: journal/partition/offset/index/ordinal. Prints "
            "JSON Lines: first\n"
            "the event itself, then, for each entity that it visited, the events known at that "
            "point that stand in a\n"
            "window of a feature, oldest first, with the features that they are `in`. A score of "
            "another version of the\n"
            "definitions is explained in a folder of that version.",
    .options = options,
    .formats = WEIR_FORMAT_JSONL | WEIR_FORMAT_JSON,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
