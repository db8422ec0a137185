/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/scorer.h"
#include "ops/cli/project.h"
#include "ops/runtime/file.h"

weir_error *weir_project_model_path(const char *folder, const char *name, weir_arena *into,
                                    const char **path_out)
{
    static const char *const endings[] = {"", ".onnx", ".json", ".ubj", ".txt", ".model"};
    *path_out = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *path = weir_arena_printf(into, "%s/%s%s", folder, name, endings[i]);
        if (!weir_file_exists(path)) continue;
        if (*path_out != NULL) {
            return weir_error_new(WEIR_E_MODEL, "both %s and %s could be model `%s`; remove one",
                                  *path_out, path, name);
        }
        *path_out = path;
    }
    if (*path_out != NULL) return NULL;
    return weir_error_new(
        WEIR_E_NO_INPUT,
        "there is no model `%s` in %s/ (endings .onnx .json .ubj .txt .model); put its file there",
        name, folder);
}

weir_error *weir_project_model(const char *folder, const char *name,
                               const weir_model_options *options, weir_model **model_out)
{
    weir_arena scratch = {0};
    const char *path = NULL;
    weir_bytes bytes;
    weir_error *error = NULL;
    *model_out = NULL;
    WEIR_TRY_OUT(weir_project_model_path(folder, name, &scratch, &path));
    WEIR_TRY_OUT(weir_file_read(path, WEIR_MODEL_BYTES_MAX, &scratch, &bytes));
    WEIR_TRY_OUT(weir_model_load(path, bytes, options, model_out));
out:
    weir_arena_deinit(&scratch);
    return error;
}

weir_error *weir_project_score_model(const weir_config *config, const weir_plan *plan,
                                     uint32_t score, weir_model **model_out)
{
    const weir_model_options options = {
        .numerics = (weir_numerics)weir_config_choice(config, WEIR_SETTING_NUMERICS)};
    weir_scorer *scorer = NULL;
    WEIR_TRY(weir_project_model(weir_config_text(config, WEIR_SETTING_MODELS_DIR),
                                plan->scores[score].model, &options, model_out));
    weir_error *error = weir_scorer_create(plan, score, *model_out, &scorer);
    if (error == NULL) {
        weir_scorer_destroy(scorer);
        return NULL;
    }
    weir_model_destroy(*model_out);
    *model_out = NULL;
    return error;
}
