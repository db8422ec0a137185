/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/listing.h"
#include "ops/cli/project.h"

static const weir_option options[] = {
    {"filter", 'f', "TEXT", "only tests whose title contains TEXT", false},
    {0},
};

static bool is_wanted(const weir_cli *cli, const weir_test_result *result)
{
    const char *filter = weir_cli_option(cli, "filter");
    return filter == NULL || strstr(result->name, filter) != NULL;
}

static void print_text(const weir_project *project, const weir_test_result *result)
{
    const char *file = project->sources[result->source].name;
    (void)printf("%s  %s:%u: %s\n", result->passed ? "ok  " : "FAIL", file, result->line,
                 result->name);
    const char *at = result->message;
    while (*at != '\0') {
        const char *end = strchr(at, '\n');
        int length = end == NULL ? (int)strlen(at) : (int)(end - at);
        (void)printf("      %.*s\n", length, at);
        at += length + (end != NULL);
    }
}

static void put_result(weir_listing *list, const weir_project *project,
                       const weir_test_result *result)
{
    weir_listing_text(list, project->sources[result->source].name);
    weir_listing_int(list, result->line);
    weir_listing_text(list, result->name);
    weir_listing_bool(list, result->passed);
    weir_listing_text(list, result->message);
}

static weir_error *run_project(weir_cli *cli, const weir_project *project)
{
    const weir_test_result *results = NULL;
    size_t count = 0, ran = 0, failed = 0;
    WEIR_TRY(weir_lang_run_tests(project->plan, &cli->arena, &results, &count));
    static const char *const columns[] = {"file", "line", "name", "passed", "message"};
    weir_listing list = weir_listing_begin(cli, columns, sizeof columns / sizeof *columns);
    bool is_text = cli->format == WEIR_FORMAT_DEFAULT || cli->format == WEIR_FORMAT_TEXT;
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(cli, &results[i])) continue;
        ran += 1;
        failed += !results[i].passed;
        if (is_text)
            print_text(project, &results[i]);
        else
            put_result(&list, project, &results[i]);
    }
    if (!is_text) weir_listing_end(&list);
    weir_cli_note(cli, "%zu test%s, %zu failed", ran, ran == 1 ? "" : "s", failed);
    if (failed > 0) cli->exit_code = 1;
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_project_options project_options = {.is_quiet = cli->is_quiet};
    weir_project *project = NULL;
    WEIR_TRY(weir_project_open_with_settings(cli, &project_options, &project));
    weir_error *error = run_project(cli, project);
    weir_project_close(project);
    return error;
}

const weir_command weir_command_test = {
    .name = "test",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Run the test blocks of the definitions",
    .arguments = "",
    .help =
        "Each `test` block's events go through the engine that the stream uses; an expectation "
        "that does not hold prints "
        "what was expected and what came. An event that `expect` refuses or that is a duplicate "
        "changes nothing, and is named. Leaves with 1 if one failed.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
