/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ops/cli/stack.h"
#include "schemas/time.h"
#include "serve/export.h"

enum { WITH_MAX = 64 };

static const weir_option options[] = {
    {"vector", 0, "NAME", "the vector to export (may be left out where there is only one)", false},
    {"out", 0, "DIR", "the folder to make; it must not exist", false},
    {"with", 0, "FIELD", "a further field of the event as a column", true},
    {"spine", 0, "FILE",
     "rows of key fields and `time` to look features up at (CSV, JSON Lines, Parquet)", false},
    {"from", 0, "TIME", "event times from this instant on (RFC 3339 or a date)", false},
    {"to", 0, "TIME", "event times before this instant", false},
    {"mode", 0, "MODE",
     "as-known (the default): the values that were scored; as-of: by event time alone (grade C)",
     false},
    {0},
};

static weir_error *read_time(const weir_cli *cli, const char *name, int64_t *time_out)
{
    const char *text = weir_cli_option(cli, name);
    if (text == NULL) return NULL;
    char whole[64];
    bool is_date = strlen(text) == 10;
    (void)snprintf(whole, sizeof whole, "%.40s%s", text, is_date ? "T00:00:00Z" : "");
    if (weir_time_parse(whole, strlen(whole), time_out)) return NULL;
    return weir_error_new(WEIR_E_USAGE,
                          "--%s: `%s` is no time; write 2026-03-01 or 2026-03-01T12:00:00Z", name,
                          text);
}

static weir_error *read_options(weir_cli *cli, const weir_stack *stack, weir_export_options *out)
{
    out->vector = weir_cli_option(cli, "vector");
    if (out->vector == NULL && stack->plan->vector_count == 1)
        out->vector = stack->plan->vectors[0].name;
    if (out->vector == NULL)
        return weir_error_new(WEIR_E_USAGE, "name the vector to export: --vector NAME");
    if (weir_cli_option(cli, "out") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name the folder to make: --out DIR");
    out->out = weir_cli_path(cli, weir_cli_option(cli, "out"));
    if (weir_cli_option(cli, "spine") != NULL) {
        const char **spine = weir_arena_array(&cli->arena, const char *, 1);
        spine[0] = weir_cli_path(cli, weir_cli_option(cli, "spine"));
        out->spine = spine;
        out->spine_count = 1;
    }
    const char *mode = weir_cli_option(cli, "mode");
    out->is_asof = mode != NULL && strcmp(mode, "as-of") == 0;
    if (mode != NULL && !out->is_asof && strcmp(mode, "as-known") != 0)
        return weir_error_new(WEIR_E_USAGE, "--mode is `%s`, wants as-known or as-of", mode);
    const char **with = weir_arena_array(&cli->arena, const char *, WITH_MAX);
    while (out->with_count < WITH_MAX && weir_cli_option_at(cli, "with", out->with_count) != NULL) {
        with[out->with_count] = weir_cli_option_at(cli, "with", out->with_count);
        out->with_count++;
    }
    out->with = with;
    WEIR_TRY(read_time(cli, "from", &out->from_us));
    return read_time(cli, "to", &out->to_us);
}

/* What the rows do not show. */
static void note_others(const weir_cli *cli, const weir_export_summary *summary)
{
    if (summary->others > 0)
        weir_cli_note(cli,
                      "%" PRIu64 " events of other versions of the definitions are left out; "
                      "--mode as-of and --spine compute all under this one",
                      summary->others);
    if (summary->behind > 0)
        weir_cli_note(cli,
                      "%" PRIu64 " journal records lie behind another version's that this one can "
                      "not fold; nothing of them is in the rows",
                      summary->behind);
}

/* A mistake that is easily made: events of the past that were published today. */
static void note_unknown(const weir_cli *cli, const weir_export_summary *summary)
{
    char first[48];
    if (summary->unknown == 0 || summary->first_ingest_us == INT64_MAX) return;
    first[weir_time_print(summary->first_ingest_us, first)] = '\0';
    weir_cli_note(cli,
                  "%" PRIu64 " of %" PRIu64 " rows ask for a time before %s, when the first event "
                  "came in, and read nothing; --mode as-of goes by event time alone "
                  "(docs/reference/export.md)",
                  summary->unknown, summary->snapshot.rows, first);
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    weir_error *error = NULL;
    weir_export_options options_of_export = {.from_us = INT64_MIN, .to_us = INT64_MAX};
    weir_export_summary summary;
    const weir_snapshot_summary *made = &summary.snapshot;
    WEIR_TRY_OUT(read_options(cli, &stack, &options_of_export));
    WEIR_TRY_OUT(weir_stack_load_models(cli, &stack));
    weir_replay_options replay = {
        .topics = stack.topics,
        .kafka = &stack.kafka,
        .schemas = &stack.schemas,
        .models = stack.models,
        .scratch = weir_config_text(stack.config, WEIR_SETTING_STATE_DIR),
        .table_bytes = (size_t)weir_config_int(stack.config, WEIR_SETTING_STATE_MEMORY),
    };
    options_of_export.replay = &replay;
    WEIR_TRY_OUT(weir_export(&options_of_export, &summary));
    note_others(cli, &summary);
    note_unknown(cli, &summary);
    if (cli->format == WEIR_FORMAT_JSON) {
        (void)printf("{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
                     ",\"parts\":%u,\"content_sha256\":\"%s\"}\n",
                     made->rows, made->bytes, made->parts, made->content_sha256);
    } else {
        (void)printf("%" PRIu64 " rows in %u file%s, %" PRIu64 " bytes\ncontent %s\n", made->rows,
                     made->parts, made->parts == 1 ? "" : "s", made->bytes, made->content_sha256);
    }
out:
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_export = {
    .name = "export",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Write a training set: every event's vector as it was scored, in Parquet",
    .arguments = "",
    .help = "Replays the journals through the same engine and writes a folder of Parquet files "
            "with a manifest\n"
            "(offsets, definition, hashes). The folder appears whole or not at all, and the same "
            "export twice has the\n"
            "same content hash. `weir verify DIR` checks it.\n\n"
            "--spine FILE looks the vector up at rows of your own: columns `time`, the key fields, "
            "and the fields that\n"
            "the vector reads with `this`. --mode as-of takes the events in the order of their own "
            "times, late ones where\n"
            "they belong: for research, since nobody could have known that.\n\n"
            "Of events as known, those of other versions of the definitions are left out; a spine "
            "and as-of take all.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON,
    .run = run,
};
