/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir explain`: a code, or what a plan does and costs, before it is deployed.
 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/explain.h"
#include "ops/cli/listing.h"
#include "ops/cli/project.h"
#include "ops/runtime/json.h"

/* ---- Codes ---- */

/* "E0213", "e0213": what was typed by hand counts, too. */
static bool is_code(const char *word)
{
    if (word[0] == '\0' || strchr("EeWw", word[0]) == NULL) return false;
    return strlen(word) == 5 && strspn(word + 1, "0123456789") == 4;
}

static const char *error_summary(const char *code)
{
    for (int i = 0; i < WEIR_ERROR_CODE_COUNT; i++) {
        if (strcmp(weir_error_name((weir_error_code)i), code) == 0)
            return weir_error_summary((weir_error_code)i);
    }
    return NULL;
}

static void print_code_json(const char *code, const char *summary, const char *more)
{
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out, .pretty = true};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "code");
    weir_json_write_text(&writer, code);
    weir_json_write_key(&writer, "summary");
    weir_json_write_text(&writer, summary);
    weir_json_write_key(&writer, "explanation");
    if (more != NULL)
        weir_json_write_text(&writer, more);
    else
        weir_json_write_null(&writer);
    weir_json_write_end(&writer, '}');
    (void)printf("%.*s\n", (int)out.size, (const char *)out.data);
    weir_buffer_deinit(&out);
}

static weir_error *explain_code(const weir_cli *cli, const char *word)
{
    const char code[] = {
        word[0] == 'e' || word[0] == 'E' ? 'E' : 'W', word[1], word[2], word[3], word[4], '\0'};
    const char *summary = weir_diagnostic_summary(code);
    if (summary == NULL) summary = error_summary(code);
    if (summary == NULL)
        return weir_error_new(WEIR_E_USAGE,
                              "there is no code %s; `weir explain --codes` lists those of "
                              "definitions, docs/reference/exit-codes.md the others",
                              code);
    const char *more = weir_diagnostic_explain(code);
    if (cli->format == WEIR_FORMAT_JSON) {
        print_code_json(code, summary, more);
        return NULL;
    }
    (void)printf("%s: %s\n", code, summary);
    if (more != NULL) (void)printf("\n%s\n", more);
    return NULL;
}

static weir_error *list_codes(weir_cli *cli)
{
    static const char *const columns[] = {"code", "summary"};
    weir_listing list = weir_listing_begin(cli, columns, 2);
    bool is_json = cli->format == WEIR_FORMAT_JSON;
    for (size_t i = 0; weir_diagnostic_code_at(i) != NULL; i++) {
        const char *code = weir_diagnostic_code_at(i), *summary = weir_diagnostic_summary(code);
        if (!is_json) {
            (void)printf("%s  %s\n", code, summary);
            continue;
        }
        weir_listing_text(&list, code);
        weir_listing_text(&list, summary);
    }
    if (is_json) weir_listing_end(&list);
    return NULL;
}

/* docs/language/diagnostics.md. */
static weir_error *print_reference(void)
{
    (void)printf("# Diagnostics\n\nWhat the compiler of definitions can say. Codes are stable; W "
                 "is a warning. `weir explain CODE` "
                 "prints the same.\nThis page is printed by `weir explain --reference`.\n");
    for (size_t i = 0; weir_diagnostic_code_at(i) != NULL; i++) {
        const char *code = weir_diagnostic_code_at(i);
        (void)printf("\n## %s: %s\n\n```text\n%s\n```\n", code, weir_diagnostic_summary(code),
                     weir_diagnostic_explain(code));
    }
    return NULL;
}

/* ---- Plans ---- */

static weir_error *unknown(const weir_plan *plan, const char *name)
{
    weir_nearest nearest = weir_nearest_of(name);
    for (uint32_t i = 0; i < plan->group_count; i++)
        weir_nearest_offer(&nearest, plan->groups[i].name);
    for (uint32_t i = 0; i < plan->vector_count; i++)
        weir_nearest_offer(&nearest, plan->vectors[i].name);
    for (uint32_t i = 0; i < plan->member_count; i++)
        weir_nearest_offer(&nearest, plan->members[i].column);
    return weir_cli_none_named("group, vector, stream or feature", &nearest);
}

static weir_error *explain_project(const weir_cli *cli, const weir_plan *plan)
{
    weir_buffer out = {0};
    const char *name = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    bool is_known = true;
    if (weir_cli_flag(cli, "canonical"))
        weir_buffer_put_text(&out, plan->canonical);
    else if (cli->format == WEIR_FORMAT_JSON)
        is_known = weir_explain_json(plan, name, &out) || name == NULL;
    else if (name != NULL)
        is_known = weir_explain_name(plan, name, &out);
    else
        weir_explain_project(plan, &out);
    if (is_known && out.size > 0) (void)fwrite(out.data, 1, out.size, stdout);
    weir_buffer_deinit(&out);
    return is_known ? NULL : unknown(plan, name);
}

static const weir_option options[] = {
    {"canonical", 0, NULL,
     "print what the package's digest is over: a line and a digest for each thing", false},
    {"codes", 0, NULL, "list all codes of the compiler", false},
    {"reference", 0, NULL, "print the reference page of all codes", false},
    {0},
};

static weir_error *run(weir_cli *cli)
{
    if (weir_cli_flag(cli, "codes")) return list_codes(cli);
    if (weir_cli_flag(cli, "reference")) return print_reference();
    if (cli->argument_count > 0 && is_code(cli->arguments[0]))
        return explain_code(cli, cli->arguments[0]);
    weir_project_options project_options = {.is_quiet = true};
    weir_project *project = NULL;
    WEIR_TRY(weir_project_open_with_settings(cli, &project_options, &project));
    weir_error *error = explain_project(cli, project->plan);
    weir_project_close(project);
    return error;
}

const weir_command weir_command_explain = {
    .name = "explain",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Explain a code, or what a plan does and costs",
    .arguments = "[CODE | STREAM | GROUP | VECTOR | FEATURE]",
    .help = "`weir explain E0213` says what a message means. Without a word: the whole plan, with "
            "what is kept per key and how "
            "much is read for each event. A feature is named group.feature, group.feature[1h] or "
            "by its column.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON,
    .arguments_max = 1,
    .run = run,
};
