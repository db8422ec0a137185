/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/project.h"
#include "ops/runtime/json.h"

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
    if (result->passed) {
        (void)printf("ok    %s:%u: %s\n", file, result->line, result->name);
        return;
    }
    (void)printf("FAIL  %s:%u: %s\n", file, result->line, result->name);
    const char *at = result->message;
    while (*at != '\0') {
        const char *end = strchr(at, '\n');
        int length = end == NULL ? (int)strlen(at) : (int)(end - at);
        (void)printf("      %.*s\n", length, at);
        at += length + (end != NULL);
    }
}

static void write_json(weir_json_writer *writer, const weir_project *project,
                       const weir_test_result *result)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "file");
    weir_json_write_text(writer, project->sources[result->source].name);
    weir_json_write_key(writer, "line");
    weir_json_write_int(writer, result->line);
    weir_json_write_key(writer, "name");
    weir_json_write_text(writer, result->name);
    weir_json_write_key(writer, "passed");
    weir_json_write_bool(writer, result->passed);
    weir_json_write_key(writer, "message");
    weir_json_write_text(writer, result->message);
    weir_json_write_end(writer, '}');
}

static weir_error *run_project(weir_cli *cli, const weir_project *project)
{
    const weir_test_result *results = NULL;
    size_t count = 0, ran = 0, failed = 0;
    WEIR_TRY(weir_lang_run_tests(project->plan, &cli->arena, &results, &count));
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out, .pretty = true};
    if (cli->format == WEIR_FORMAT_JSON) weir_json_write_begin(&writer, '[');
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(cli, &results[i])) continue;
        ran += 1;
        failed += !results[i].passed;
        if (cli->format == WEIR_FORMAT_JSON)
            write_json(&writer, project, &results[i]);
        else
            print_text(project, &results[i]);
    }
    if (cli->format == WEIR_FORMAT_JSON) {
        weir_json_write_end(&writer, ']');
        (void)printf("%.*s\n", (int)out.size, (const char *)out.data);
    }
    weir_buffer_deinit(&out);
    weir_cli_note(cli, "%zu tests, %zu failed", ran, failed);
    if (failed > 0) cli->exit_code = 1;
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_project_options project_options = {.is_quiet = cli->is_quiet};
    weir_project *project = NULL;
    WEIR_TRY(weir_project_open(&project_options, &project));
    weir_error *error = run_project(cli, project);
    weir_project_close(project);
    return error;
}

const weir_command weir_command_test = {
    .name = "test",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Run the test blocks of the definitions",
    .arguments = "",
    .help = "Each `test` block's events go through the engine that the stream uses; an expectation "
            "that does not hold prints "
            "what was expected and what came. Leaves with 1 if one failed.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON,
    .run = run,
};
