/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/project.h"
#include "ops/runtime/file.h"

static weir_error *find_model(const char *name, weir_arena *scratch, const char **path_out)
{
    static const char *const endings[] = {"", ".onnx", ".json", ".ubj", ".txt", ".model"};
    *path_out = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *path = weir_arena_printf(scratch, "models/%s%s", name, endings[i]);
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
        "there is no model `%s` in models/ (endings .onnx .json .ubj .txt .model); put its file "
        "there",
        name);
}

weir_error *weir_project_model(const char *name, const weir_model_options *options,
                               weir_model **model_out)
{
    weir_arena scratch = {0};
    const char *path = NULL;
    weir_bytes bytes;
    weir_error *error = NULL;
    *model_out = NULL;
    WEIR_TRY_OUT(find_model(name, &scratch, &path));
    WEIR_TRY_OUT(weir_file_read(path, WEIR_MODEL_BYTES_MAX, &scratch, &bytes));
    WEIR_TRY_OUT(weir_model_load(path, bytes, options, model_out));
out:
    weir_arena_deinit(&scratch);
    return error;
}
