/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/provider.h"
#include "ops/cli/settings.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"

enum {
    FILES_MAX = 10000,
    SCHEMA_BYTES_MAX = 1 << 20,
    ZONE_BYTES_MAX = 1 << 20,
    ZONE_NAME_MAX = 128
};

static const char zone_folder[] = "/usr/share/zoneinfo";

/* ---- what the compiler asks its host for ---- */

const weir_schema *weir_project_schema(const weir_project *project, const char *full_name)
{
    for (size_t i = 0; i < project->schema_count; i++)
        if (strcmp(project->schemas[i]->full_name, full_name) == 0) return project->schemas[i];
    return NULL;
}

static weir_error *load_schema(void *context, const char *full_name, const weir_schema **schema_out)
{
    weir_project *project = context;
    *schema_out = weir_project_schema(project, full_name);
    if (*schema_out == NULL && project->options.load_schema != NULL)
        WEIR_TRY(project->options.load_schema(project->options.context, full_name, schema_out));
    if (*schema_out != NULL) return NULL;
    return weir_error_new(
        WEIR_E_SCHEMA,
        "no file in schemas/ declares `%s`; put its Avro schema there, or check the name",
        full_name);
}

/* "Europe/Prague", never a path that leaves the folder. */
static bool is_zone_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > ZONE_NAME_MAX || name[0] == '/' || strstr(name, "..") != NULL)
        return false;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!is_letter && strchr("_+-/", *at) == NULL) return false;
    }
    return true;
}

static const weir_zone *load_zone(void *context, const char *name, const char **problem_out)
{
    weir_project *project = context;
    weir_bytes bytes;
    const weir_zone *zone = NULL;
    *problem_out =
        "no such time zone; names are those of the IANA database, such as \"Europe/Prague\"";
    if (!is_zone_name(name)) return NULL;
    const char *path = weir_arena_printf(&project->arena, "%s/%s", zone_folder, name);
    weir_error *error = weir_file_read(path, ZONE_BYTES_MAX, &project->arena, &bytes);
    if (error == NULL) error = weir_zone_parse(name, bytes, &project->arena, &zone);
    if (error != NULL) weir_error_free(error);
    return zone;
}

/* ---- reading the folder ---- */

static weir_error *check_unique(const weir_schema_text *texts, size_t count)
{
    const weir_schema_text *last = &texts[count];
    for (size_t i = 0; i < count; i++) {
        if (last->full_name[0] == '\0' || strcmp(texts[i].full_name, last->full_name) != 0)
            continue;
        return weir_error_new(WEIR_E_SCHEMA, "%s declares `%s`, which %s declares, too; remove one",
                              last->name, last->full_name, texts[i].name);
    }
    return NULL;
}

static weir_error *read_schema_texts(weir_project *project, const char *const *names, size_t count,
                                     weir_schema_text *texts)
{
    for (size_t i = 0; i < count; i++) {
        weir_bytes bytes;
        texts[i].name = weir_arena_printf(&project->arena, "schemas/%s", names[i]);
        WEIR_TRY(weir_file_read(texts[i].name, SCHEMA_BYTES_MAX, &project->arena, &bytes));
        bool has_mark = bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0;
        texts[i].json = (const char *)bytes.data + (has_mark ? 3 : 0); /* a byte order mark */
        texts[i].size = bytes.size - (has_mark ? 3 : 0);
        WEIR_TRY(weir_schema_name(&texts[i], &project->arena));
        WEIR_TRY(check_unique(texts, i));
    }
    return NULL;
}

/* One named type a file: records, and what they use of each other. */
static weir_error *read_schemas(weir_project *project)
{
    const char *const *names = NULL;
    size_t count = 0;
    if (!weir_file_exists("schemas")) return NULL;
    WEIR_TRY(weir_dir_list("schemas", ".avsc", FILES_MAX, &project->arena, &names, &count));
    weir_schema_text *texts = weir_arena_array(&project->arena, weir_schema_text, count + 1);
    const weir_schema **schemas = weir_arena_array(&project->arena, const weir_schema *, count + 1);
    WEIR_TRY(read_schema_texts(project, names, count, texts));
    project->schemas = schemas;
    for (size_t i = 0; i < count; i++) {
        const weir_schema *schema = NULL;
        WEIR_TRY(weir_schema_parse_among(&texts[i], texts, count, &project->arena, &schema));
        if (schema != NULL) schemas[project->schema_count++] = schema;
    }
    return NULL;
}

static weir_error *read_sources(weir_project *project)
{
    const char *const *names = NULL;
    size_t count = 0;
    WEIR_TRY(weir_dir_list(".", ".weir", FILES_MAX, &project->arena, &names, &count));
    if (count == 0 && project->options.extra_count == 0) {
        return weir_error_new(
            WEIR_E_DEFINITION,
            "this folder holds no definitions (*.weir); go to the project's folder, name it "
            "with -C, or make one with weir init");
    }
    weir_source_text *sources =
        weir_arena_array(&project->arena, weir_source_text, count + project->options.extra_count);
    for (size_t i = 0; i < count; i++) {
        weir_bytes bytes;
        WEIR_TRY(weir_file_read(names[i], WEIR_LANG_TEXT_BYTES_MAX, &project->arena, &bytes));
        sources[i] = (weir_source_text){names[i], (const char *)bytes.data, bytes.size};
    }
    for (size_t i = 0; i < project->options.extra_count; i++)
        sources[count + i] = project->options.extra[i];
    project->sources = sources;
    project->source_count = count + project->options.extra_count;
    return NULL;
}

static void print_diagnostics(const weir_project *project)
{
    weir_buffer out = {0};
    bool has_color = weir_cli_has_color(stderr);
    for (size_t i = 0; i < project->compilation->diagnostic_count; i++) {
        const weir_diagnostic *diagnostic = &project->compilation->diagnostics[i];
        if (diagnostic->is_warning && project->options.is_quiet) continue;
        weir_diagnostic_print(diagnostic, project->sources, has_color, &out);
    }
    if (out.size > 0) (void)fwrite(out.data, 1, out.size, stderr);
    weir_buffer_deinit(&out);
}

static weir_error *compile(weir_project *project)
{
    weir_lang_host host = {project, load_schema, load_zone};
    project->compilation = weir_lang_compile(project->sources, project->source_count, &host);
    project->plan = project->compilation->plan;
    if (!project->options.print_nothing) print_diagnostics(project);
    if (project->plan != NULL || project->options.allow_no_plan) return NULL;
    size_t errors = 0;
    for (size_t i = 0; i < project->compilation->diagnostic_count; i++)
        errors += !project->compilation->diagnostics[i].is_warning;
    return weir_error_new(WEIR_E_DEFINITION, "the definitions have %zu error%s", errors,
                          errors == 1 ? "" : "s");
}

static weir_error *open_all(weir_project *project)
{
    WEIR_TRY(read_schemas(project));
    WEIR_TRY(read_sources(project));
    return compile(project);
}

weir_error *weir_project_open(const weir_project_options *options, weir_project **project_out)
{
    weir_project *project = calloc(1, sizeof *project);
    WEIR_ASSERT(project != NULL);
    if (options != NULL) project->options = *options;
    weir_error *error = open_all(project);
    if (error != NULL) {
        weir_project_close(project);
        project = NULL;
    }
    *project_out = project;
    return error;
}

weir_error *weir_project_open_with_settings(const weir_cli *cli,
                                            const weir_project_options *options,
                                            weir_project **project_out)
{
    weir_config *config = NULL;
    weir_provider *provider = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    weir_error *error = weir_provider_open(config, &provider);
    weir_config_destroy(config);
    if (error == NULL) error = weir_provider_open_project(provider, options, project_out);
    if (error == NULL)
        (*project_out)->provider = provider;
    else
        weir_provider_close(provider);
    return error;
}

void weir_project_close(weir_project *project)
{
    if (project == NULL) return;
    if (project->compilation != NULL) weir_compilation_destroy(project->compilation);
    weir_provider_close(project->provider);
    weir_arena_deinit(&project->arena);
    free(project);
}

/* ---- models ---- */
