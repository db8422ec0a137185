/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir sql: features as SELECTs over views of the journals, for another engine to compute.
 */
#include <string.h>

#include "compute/lang/sql.h"
#include "ops/cli/listing.h"
#include "ops/cli/project.h"

static const weir_option options[] = {
    {"dialect", 'd', "NAME", "duckdb (the default) or spark", false},
    {"stream", 's', "NAME", "the stream whose events ask; else one that carries the feature",
     false},
    {0},
};

typedef struct printing {
    weir_cli *cli;
    const weir_plan *plan;
    weir_sql_dialect dialect;
    uint32_t stream;
    weir_listing list;
    size_t found, without;
} printing;

static bool is_asked(const printing *p, const weir_plan_member *member)
{
    if (p->cli->argument_count == 0) return true;
    for (size_t i = 0; i < p->cli->argument_count; i++) {
        const char *name = p->cli->arguments[i];
        const char *feature =
            weir_arena_printf(&p->cli->arena, "%s.%s", member->group, member->feature);
        const char *windowed = weir_arena_printf(&p->cli->arena, "%s[%s]", feature, member->suffix);
        if (strcmp(name, member->group) == 0 || strcmp(name, member->column) == 0 ||
            strcmp(name, feature) == 0 || strcmp(name, windowed) == 0)
            return true;
    }
    return false;
}

static void print_member(printing *p, uint32_t index)
{
    const weir_plan_member *member = &p->plan->members[index];
    weir_buffer text = {0};
    const char *problem =
        weir_sql_member(p->plan, index, p->stream, p->dialect, &p->cli->arena, &text);
    uint32_t stream = p->stream == WEIR_NONE ? weir_sql_stream(p->plan, index) : p->stream;
    const char *sql = weir_arena_string(&p->cli->arena, (const char *)text.data, text.size);
    p->found++;
    p->without += problem != NULL;
    if (p->cli->format == WEIR_FORMAT_DEFAULT || p->cli->format == WEIR_FORMAT_TEXT) {
        (void)printf("-- %s\n", member->column);
        (void)printf(problem != NULL ? "-- no SQL: %s\n\n" : "%s;\n\n",
                     problem != NULL ? problem : sql);
    } else {
        weir_listing_text(&p->list, member->column);
        weir_listing_text(&p->list, stream == WEIR_NONE ? NULL : p->plan->streams[stream].name);
        weir_listing_text(&p->list, p->plan->entities[member->entity].name);
        weir_listing_text(&p->list, weir_type_print(member->type, &p->cli->arena));
        weir_listing_text(&p->list, problem != NULL ? NULL : sql);
        weir_listing_text(&p->list, problem);
    }
    weir_buffer_deinit(&text);
}

static weir_error *no_feature(const printing *p)
{
    weir_nearest nearest = weir_nearest_of(p->cli->arguments[0]);
    for (uint32_t i = 0; i < p->plan->group_count; i++)
        weir_nearest_offer(&nearest, p->plan->groups[i].name);
    for (uint32_t i = 0; i < p->plan->member_count; i++)
        weir_nearest_offer(&nearest, p->plan->members[i].column);
    return weir_cli_none_named("group or feature", &nearest);
}

static weir_error *print_all(printing *p)
{
    static const char *const columns[] = {"feature", "stream", "entity", "type", "sql", "problem"};
    bool is_text = p->cli->format == WEIR_FORMAT_DEFAULT || p->cli->format == WEIR_FORMAT_TEXT;
    p->list = weir_listing_begin(p->cli, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < p->plan->member_count; i++)
        if (is_asked(p, &p->plan->members[i])) print_member(p, i);
    if (p->found == 0 && p->cli->argument_count > 0) return no_feature(p);
    if (!is_text) weir_listing_end(&p->list);
    weir_cli_note(p->cli, "%zu features, %zu of them without SQL", p->found, p->without);
    return NULL;
}

static weir_error *choose(printing *p)
{
    const char *dialect = weir_cli_option(p->cli, "dialect"),
               *stream = weir_cli_option(p->cli, "stream");
    if (dialect != NULL && strcmp(dialect, "spark") == 0)
        p->dialect = WEIR_SQL_SPARK;
    else if (dialect != NULL && strcmp(dialect, "duckdb") != 0)
        return weir_error_new(WEIR_E_USAGE, "--dialect is `%s`, wants duckdb or spark", dialect);
    if (stream == NULL) return NULL;
    p->stream = weir_plan_find_stream(p->plan, stream);
    if (p->stream != WEIR_NONE) return NULL;
    return weir_error_new(WEIR_E_USAGE, "there is no stream `%s`; `weir plan` lists them", stream);
}

static weir_error *run(weir_cli *cli)
{
    weir_project_options project_options = {.is_quiet = true};
    weir_project *project = NULL;
    WEIR_TRY(weir_project_open_with_settings(cli, &project_options, &project));
    printing p = {.cli = cli, .plan = project->plan, .stream = WEIR_NONE};
    weir_error *error = choose(&p);
    if (error == NULL) error = print_all(&p);
    weir_project_close(project);
    return error;
}

const weir_command weir_command_sql = {
    .name = "sql",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Print features as SQL for another engine",
    .arguments = "[GROUP | FEATURE ...]",
    .help =
        "Each feature is one SELECT over views <stream>_by_<entity> of the journals: event, seq, "
        "it, et (microseconds\n"
        "as BIGINT) and the stream's fields; times and durations are microseconds, enums their "
        "names. Integers and\n"
        "decimals come out equal to weir's, float64 as far as the engine's sums are exact. What "
        "has no SQL is named.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMATS_OF_LISTINGS,
    .arguments_max = WEIR_ARGUMENTS_MANY,
    .run = run,
};
