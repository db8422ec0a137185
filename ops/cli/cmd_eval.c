/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir eval: the events of a file through the worker's own nodes, a row for each that triggers the
 * vector.
 *
 * With --features there is no vector: one is made for each stream that observes the group's entity,
 * as text, and compiled with the folder's definitions, so that its members are evaluated like any
 * vector's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/event_file.h"
#include "ingest/filelog.h"
#include "ops/cli/cli.h"
#include "ops/cli/eval_rows.h"
#include "ops/cli/project.h"
#include "ops/runtime/assert.h"

// clang-format off
static const weir_option options[] = {
    {"events",   'e', "FILE", "events: .jsonl, .csv, .avro or .parquet, or anything that begins so; - is standard input", false},
    {"vector",   'v', "NAME", "print the rows of this vector (default: the only one)", false},
    {"features", 'f', "NAME", "print the members of this group for every event of the streams that observe its entity", false},
    {"stream",   's', "NAME", "the stream of the events, where the file does not name it", false},
    {"strict",    0,  NULL,   "exit with 65 if an event was refused or a duplicate", false},
    {0},
};
// clang-format on

typedef struct evaluation {
    weir_cli *cli;
    weir_project *project;
    uint32_t *vectors;
    size_t vector_count;
    uint32_t entity; /* of the group; WEIR_NONE: of no group */
    weir_eval_rows *rows;
    weir_filelog *log;
    weir_event_file *file;
} evaluation;

/* ---- which vectors ---- */

static weir_error *list_vectors(const weir_plan *plan, const char *problem)
{
    weir_buffer names = {0};
    for (uint32_t i = 0; i < plan->vector_count; i++)
        weir_buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", plan->vectors[i].name);
    weir_error *error = weir_error_new(WEIR_E_USAGE, "%s; the folder defines: %.*s", problem,
                                       names.size == 0 ? 4 : (int)names.size,
                                       names.size == 0 ? "none" : (const char *)names.data);
    weir_buffer_deinit(&names);
    return error;
}

static weir_error *choose_vector(evaluation *e, const char *name)
{
    const weir_plan *plan = e->project->plan;
    uint32_t found = name == NULL ? 0 : weir_plan_find_vector(plan, name);
    if (name == NULL && plan->vector_count != 1)
        return list_vectors(plan, "name a vector with --vector, or a group with --features");
    if (found == WEIR_NONE)
        return list_vectors(plan,
                            weir_arena_printf(&e->cli->arena, "there is no vector `%s`", name));
    e->vectors = weir_arena_array(&e->cli->arena, uint32_t, 1);
    e->vectors[e->vector_count++] = found;
    return NULL;
}

static bool observes(const weir_plan_stream *stream, uint32_t entity)
{
    for (uint32_t i = 0; i < stream->hop_count; i++)
        if (stream->hops[i].entity == entity) return true;
    return false;
}

/* A member that uses `this` fits a stream whose schema has those fields. */
static bool fits(const weir_plan_member *member, const weir_plan_stream *stream)
{
    for (uint32_t i = 0; i < member->this_count; i++) {
        const weir_schema_field *field = weir_schema_find(stream->schema, member->this_names[i]);
        if (field == NULL || field->type.kind != member->this_types[i].kind) return false;
    }
    return true;
}

static bool feature_fits(const weir_plan *plan, const weir_plan_group *group, const char *feature,
                         const weir_plan_stream *stream)
{
    for (uint32_t i = 0; i < group->member_count; i++) {
        const weir_plan_member *member = &plan->members[group->members[i]];
        if (strcmp(member->feature, feature) == 0 && !fits(member, stream)) return false;
    }
    return true;
}

/* "vector eval_features_tx on tx { card_vel.{n, spend} }"; false if no feature fits the stream. */
static bool put_vector(weir_buffer *text, const weir_plan *plan, const weir_plan_group *group,
                       const weir_plan_stream *stream)
{
    const char *last = "";
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->member_count; i++) {
        const char *feature = plan->members[group->members[i]].feature;
        if (strcmp(feature, last) == 0 || !feature_fits(plan, group, feature, stream)) continue;
        if (count == 0)
            weir_buffer_printf(text, "vector eval_features_%s on %s { %s.{", stream->name,
                               stream->name, group->name);
        weir_buffer_printf(text, "%s%s", count++ == 0 ? "" : ", ", feature);
        last = feature;
    }
    if (count > 0) weir_buffer_put_text(text, "} }\n");
    return count > 0;
}

static weir_error *no_group(evaluation *e, const char *name)
{
    const weir_plan *plan = e->project->plan;
    weir_buffer names = {0};
    for (uint32_t i = 0; i < plan->group_count; i++)
        weir_buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", plan->groups[i].name);
    weir_error *error =
        weir_error_new(WEIR_E_USAGE, "there are no features `%s`; the folder defines: %.*s", name,
                       (int)names.size, names.size == 0 ? "" : (const char *)names.data);
    weir_buffer_deinit(&names);
    return error;
}

/* Compiles again, with the vectors that were made. */
static weir_error *open_with(evaluation *e, const weir_buffer *text)
{
    weir_source_text extra = {"(features)", (const char *)text->data, text->size};
    weir_project_options project_options = {.extra = &extra, .extra_count = 1, .is_quiet = true};
    weir_project_close(e->project);
    e->project = NULL;
    return weir_project_open_with_settings(e->cli, &project_options, &e->project);
}

static weir_error *make_vectors(evaluation *e, const char *name)
{
    const weir_plan *plan = e->project->plan;
    uint32_t index = weir_plan_find_group(plan, name);
    if (index == WEIR_NONE) return no_group(e, name);
    const weir_plan_group *group = &plan->groups[index];
    weir_buffer text = {0};
    weir_buffer_printf(&text, "package %s\n", plan->package);
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->stream_count; i++)
        if (observes(&plan->streams[i], group->entity))
            count += put_vector(&text, plan, group, &plan->streams[i]);
    weir_error *error =
        count > 0
            ? open_with(e, &text)
            : weir_error_new(WEIR_E_USAGE, "no stream observes the entity of features `%s`", name);
    weir_buffer_deinit(&text);
    if (error != NULL) return error;
    plan = e->project->plan;
    e->entity = plan->groups[weir_plan_find_group(plan, name)].entity;
    e->vectors = weir_arena_array(&e->cli->arena, uint32_t, plan->vector_count);
    for (uint32_t i = 0; i < plan->vector_count; i++)
        if (strncmp(plan->vectors[i].name, "eval_features_", 14) == 0)
            e->vectors[e->vector_count++] = i;
    return NULL;
}

/* ---- the run ---- */

static weir_error *open_rest(evaluation *e)
{
    weir_cli *cli = e->cli;
    const weir_plan *plan = e->project->plan;
    const char *path = weir_cli_option(cli, "events");
    if (path == NULL) return weir_error_new(WEIR_E_USAGE, "name the file of events: --events FILE");
    if (strcmp(path, "-") != 0) path = weir_cli_path(cli, path);
    WEIR_TRY(
        weir_eval_rows_create(plan, e->vectors, e->vector_count, e->entity, cli->format, &e->rows));
    weir_fold_row_sink sink = {.context = e->rows, .take = weir_eval_rows_take};
    weir_fold_row_sink *kept = weir_arena_copy(&cli->arena, &sink, sizeof sink);
    weir_filelog_options log_options = {.plan = plan, .rows = kept};
    WEIR_TRY(weir_filelog_create(&log_options, &e->log));
    return weir_event_file_open(plan, path, weir_cli_option(cli, "stream"), &e->file);
}

static weir_error *feed(evaluation *e)
{
    weir_file_event event;
    for (;;) {
        WEIR_TRY(weir_event_file_next(e->file, &event));
        if (event.status == WEIR_FILE_EVENT_END) return weir_eval_rows_finish(e->rows);
        if (event.status == WEIR_FILE_EVENT_OK)
            WEIR_TRY(
                weir_filelog_take(e->log, event.stream, event.line, event.ingest_us, event.body));
    }
}

static uint64_t report_dead(const weir_cli *cli, const weir_filelog_counts *counts,
                            const weir_event_file_counts *file)
{
    uint64_t total = 0;
    for (size_t i = 0; i < WEIR_DEAD_REASON_COUNT; i++) {
        uint64_t count = counts->dead[i] + (i == WEIR_DEAD_BAD_VALUE ? file->bad_value : 0) +
                         (i == WEIR_DEAD_BAD_NUMBER ? file->bad_number : 0);
        total += count;
        if (count > 0)
            weir_cli_note(cli, "dead letters: %s %" PRIu64,
                          weir_dead_reason_name((weir_dead_reason)i), count);
    }
    return total;
}

static void report(evaluation *e)
{
    weir_filelog_counts counts = weir_filelog_count(e->log);
    weir_event_file_counts file = weir_event_file_counted(e->file);
    const weir_cli *cli = e->cli;
    weir_cli_note(cli, "%" PRIu64 " events, %" PRIu64 " rows", file.lines,
                  weir_eval_rows_count(e->rows));
    uint64_t refused = report_dead(cli, &counts, &file) + file.bad_line + counts.duplicates;
    if (file.bad_line > 0) weir_cli_note(cli, "refused lines: %" PRIu64, file.bad_line);
    if (file.first_problem[0] != '\0') weir_cli_note(cli, "first refused: %s", file.first_problem);
    if (counts.duplicates > 0) weir_cli_note(cli, "duplicates: %" PRIu64, counts.duplicates);
    if (counts.late > 0) weir_cli_note(cli, "later than `late`: %" PRIu64, counts.late);
    uint64_t nulled = counts.nulled_numbers + file.nulled_numbers;
    if (nulled > 0) weir_cli_note(cli, "bad numbers that became null: %" PRIu64, nulled);
    if (refused > 0 && weir_cli_flag(cli, "strict")) e->cli->exit_code = 65;
}

static weir_error *evaluate(evaluation *e)
{
    const char *vector = weir_cli_option(e->cli, "vector"),
               *features = weir_cli_option(e->cli, "features");
    if (vector != NULL && features != NULL)
        return weir_error_new(WEIR_E_USAGE, "--vector and --features exclude each other");
    weir_project_options project_options = {.is_quiet = e->cli->is_quiet};
    WEIR_TRY(weir_project_open_with_settings(e->cli, &project_options, &e->project));
    WEIR_TRY(features == NULL ? choose_vector(e, vector) : make_vectors(e, features));
    WEIR_TRY(open_rest(e));
    WEIR_TRY(feed(e));
    report(e);
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    evaluation e = {.cli = cli, .entity = WEIR_NONE};
    weir_error *error = evaluate(&e);
    weir_event_file_close(e.file);
    weir_filelog_destroy(e.log);
    weir_eval_rows_destroy(e.rows);
    weir_project_close(e.project);
    return error;
}

const weir_command weir_command_eval = {
    .name = "eval",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Fold the events of a file and print feature values",
    .arguments = "",
    .help =
        "Folds the events in the order of the file through the same engine as the stream and "
        "prints, for every event that "
        "triggers the vector, one row. seq is the number of the line from 0; refused lines, empty "
        "lines and duplicates use theirs up.\n\n"
        "JSON Lines: {\"stream\":\"tx\",\"value\":{...}}, and \"ingest\" where the time of "
        "ingest is not the greater of the "
        "event's own time and the previous line's.",
    .options = options,
    .formats = WEIR_FORMAT_JSONL | WEIR_FORMAT_CSV | WEIR_FORMAT_PARQUET,
    .run = run,
};
