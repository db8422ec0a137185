/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/listing.h"
#include "ops/cli/project.h"
#include "ops/cli/provider.h"
#include "ops/cli/settings.h"

static void print_listing(weir_cli *cli, const weir_project *project)
{
    static const char *const columns[] = {"code",   "severity", "file",    "line",
                                          "column", "length",   "message", "help"};
    weir_listing list = weir_listing_begin(cli, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < project->compilation->diagnostic_count; i++) {
        const weir_diagnostic *one = &project->compilation->diagnostics[i];
        weir_listing_text(&list, one->code);
        weir_listing_text(&list, one->is_warning ? "warning" : "error");
        weir_listing_text(&list, project->sources[one->source].name);
        weir_listing_int(&list, one->line);
        weir_listing_int(&list, one->column);
        weir_listing_int(&list, one->length);
        weir_listing_text(&list, one->message);
        weir_listing_text(&list, one->help);
    }
    weir_listing_end(&list);
}

static void print_text(const weir_project *project)
{
    weir_buffer out = {0};
    for (size_t i = 0; i < project->compilation->diagnostic_count; i++) {
        weir_diagnostic_print(&project->compilation->diagnostics[i], project->sources,
                              weir_cli_has_color(stderr), &out);
        weir_buffer_put_u8(&out, '\n');
    }
    if (out.size > 0) (void)fwrite(out.data, 1, out.size, stderr);
    weir_buffer_deinit(&out);
}

static const char *plural(size_t count) { return count == 1 ? "" : "s"; }

static void print_summary(const weir_project *project, const weir_cli *cli)
{
    size_t errors = 0, warnings = 0;
    for (size_t i = 0; i < project->compilation->diagnostic_count; i++) {
        if (project->compilation->diagnostics[i].is_warning)
            warnings += 1;
        else
            errors += 1;
    }
    const weir_plan *plan = project->plan;
    if (plan == NULL) {
        weir_cli_note(cli, "%zu error%s, %zu warning%s; `weir explain CODE` says more", errors,
                      plural(errors), warnings, plural(warnings));
        return;
    }
    weir_cli_note(cli,
                  "package %s is good: %u stream%s, %u feature%s, %u vector%s, %u score%s, "
                  "%u test%s; %zu warning%s",
                  plan->package, plan->stream_count, plural(plan->stream_count), plan->member_count,
                  plural(plan->member_count), plan->vector_count, plural(plan->vector_count),
                  plan->score_count, plural(plan->score_count), plan->test_count,
                  plural(plan->test_count), warnings, plural(warnings));
}

/* A model that is not there yet is no mistake: it is trained on what the definitions compute. */
static weir_error *check_model(const weir_cli *cli, const weir_config *config,
                               const weir_plan *plan, uint32_t index)
{
    weir_model *model = NULL;
    weir_error *error = weir_project_score_model(config, plan, index, &model);
    if (error == NULL) weir_model_destroy(model);
    if (error == NULL || weir_error_code_of(error) != WEIR_E_NO_INPUT) return error;
    weir_cli_note(cli, "score %s: %s", plan->scores[index].name, weir_error_message(error));
    weir_error_free(error);
    return NULL;
}

static weir_error *check_models(const weir_cli *cli, const weir_plan *plan)
{
    weir_config *config = NULL;
    weir_error *error = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    for (uint32_t i = 0; i < plan->score_count && error == NULL; i++)
        error = check_model(cli, config, plan, i);
    weir_config_destroy(config);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    weir_project_options options = {.allow_no_plan = true, .print_nothing = true};
    weir_project *project = NULL;
    WEIR_TRY(weir_project_open_with_settings(cli, &options, &project));
    if (cli->format == WEIR_FORMAT_DEFAULT || cli->format == WEIR_FORMAT_TEXT)
        print_text(project);
    else
        print_listing(cli, project);
    weir_error *error = project->plan == NULL ? weir_provider_take_problem(project->provider)
                                              : check_models(cli, project->plan);
    if (error == NULL) print_summary(project, cli);
    if (project->plan == NULL) cli->exit_code = 65;
    weir_project_close(project);
    return error;
}

const weir_command weir_command_check = {
    .name = "check",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Parse, type and plan everything in the folder",
    .arguments = "",
    .help =
        "Prints up to twenty diagnostics with their place, cause and cure on stderr (with -o "
        "json, jsonl, csv "
        "or table on stdout), and "
        "leaves with 65 if there was an "
        "error, or a model does not fit its vector. Warnings alone leave with 0, and so does a "
        "model that is not there yet. Nothing outside of the folder is asked, but for schemas that "
        "schemas/ does not have, where registry_url is set.",
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
