/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project.h - a project folder, read and compiled: definitions, schemas, zones, models.
 *
 *     weir.yaml, definitions (.weir), schemas/ (.avsc), models/
 *
 * Every command that needs definitions opens the folder it stands in (after -C). Diagnostics are
 * printed on stderr as a person reads them; an error is returned when there is no plan. Schemas
 * come from schemas/ by full name; commands that talk to a registry may offer a further source.
 *
 * Owns:    everything; weir_project_close frees it. The plan is counted: ref it to keep it longer.
 * Threads: one.
 */
#pragma once

#include "compute/lang/lang.h"
#include "compute/model/model.h"
#include "ops/runtime/config.h"

struct weir_cli;

typedef struct weir_project_options {
    bool is_quiet;      /* warnings are not printed */
    bool allow_no_plan; /* definitions with errors are no error: plan is NULL (weir check prints
                           them itself) */
    bool print_nothing; /* the caller prints diagnostics */
    /* More definitions that stand in no file (weir eval --features makes a vector). */
    const weir_source_text *extra;
    size_t extra_count;
    /* Asked for a schema that schemas/ does not have; *schema_out NULL: not there either. May be
     * NULL. */
    weir_error *(*load_schema)(void *context, const char *full_name,
                               const weir_schema **schema_out);
    void *context;
} weir_project_options;

typedef struct weir_project {
    weir_arena arena;
    const weir_source_text *sources; /* *.weir in the order of their names, then the extra ones */
    size_t source_count;
    const weir_schema *const *schemas; /* of schemas/, in the order of file names */
    size_t schema_count;
    weir_compilation *compilation;
    const weir_plan *plan; /* == compilation->plan */
    weir_project_options options;
    struct weir_provider
        *provider; /* whose schemas it uses, closed with it; NULL: somebody else's */
} weir_project;

weir_error *weir_project_open(const weir_project_options *options, weir_project **project_out);
/* The same for a command that needs nothing else. The folder's settings are read first, so that what
 * is wrong with them is told, and the log's level is theirs; a schema that schemas/ does not have
 * comes from the registry, if one is set. */
weir_error *weir_project_open_with_settings(const struct weir_cli *cli,
                                            const weir_project_options *options,
                                            weir_project **project_out);
void weir_project_close(weir_project *project); /* NULL is fine */

/* The schema of that full name in schemas/, or NULL. */
const weir_schema *weir_project_schema(const weir_project *project, const char *full_name);

/*
 * The file of the model of that name: <folder>/<name> with any of the endings .onnx .json .ubj .txt
 * .model (or none). WEIR_E_NO_INPUT where there is none; a clash is an error.
 */
weir_error *weir_project_model_path(const char *folder, const char *name, weir_arena *into,
                                    const char **path_out);
/* That model, loaded. The caller destroys it. */
weir_error *weir_project_model(const char *folder, const char *name,
                               const weir_model_options *options, weir_model **model_out);
/*
 * The model of a score, out of the folder and under the numerics of the settings, and bound to its
 * vector once, so that what does not fit is said before anything runs. The caller destroys it.
 */
weir_error *weir_project_score_model(const weir_config *config, const weir_plan *plan,
                                     uint32_t score, weir_model **model_out);
