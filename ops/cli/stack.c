/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/stack.h"

#include <string.h>

#include "ingest/dead_letter.h"
#include "ingest/scorer.h"
#include "ops/cli/settings.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"
#include "serve/served.h"

static void open_kafka(weir_stack *stack)
{
    size_t count = weir_config_kafka_count(stack->config);
    weir_kafka_setting *settings = weir_arena_array(&stack->arena, weir_kafka_setting, count + 1);
    for (size_t i = 0; i < count; i++)
        weir_config_kafka_at(stack->config, i, &settings[i].name, &settings[i].value);
    stack->kafka =
        (weir_kafka_options){.brokers = weir_config_text(stack->config, WEIR_SETTING_BROKERS),
                             .settings = settings,
                             .setting_count = count};
}

static void name_group(weir_stack *stack)
{
    stack->group = weir_config_text(stack->config, WEIR_SETTING_GROUP);
    if (stack->group[0] == '\0')
        stack->group = weir_arena_printf(&stack->arena, "weir.%s", stack->plan->package);
}

weir_error *weir_stack_open(weir_cli *cli, weir_stack *stack)
{
    *stack = (weir_stack){0};
    weir_error *error = NULL;
    weir_project_options options = {.is_quiet = cli->is_quiet};
    WEIR_TRY_OUT(weir_cli_settings(cli, &stack->config));
    WEIR_TRY_OUT(weir_provider_open(stack->config, &stack->provider));
    WEIR_TRY_OUT(weir_provider_open_project(stack->provider, &options, &stack->project));
    stack->plan = stack->project->plan;
    WEIR_ASSERT(stack->plan != NULL);
    WEIR_TRY_OUT(weir_topics_create(stack->plan, &stack->topics));
    stack->models =
        weir_arena_array(&stack->arena, const weir_model *, stack->plan->score_count + 1);
    weir_provider_set_project(stack->provider, stack->project);
    stack->schemas = weir_provider_source(stack->provider);
    open_kafka(stack);
    name_group(stack);
    return NULL;
out:
    weir_stack_close(stack);
    return error;
}

static weir_error *load_model(weir_cli *cli, weir_stack *stack, uint32_t index)
{
    const weir_plan_score *score = &stack->plan->scores[index];
    weir_model *model = NULL;
    weir_error *error = weir_project_score_model(stack->config, stack->plan, index, &model);
    bool is_missing = error != NULL && weir_error_code_of(error) == WEIR_E_NO_INPUT;
    if (is_missing && score->fallback != NULL) {
        weir_cli_note(cli, "score %s: %s; its fallback answers", score->name,
                      weir_error_message(error));
        weir_error_free(error);
        return NULL;
    }
    stack->models[index] = model;
    return error;
}

weir_error *weir_stack_load_models(weir_cli *cli, weir_stack *stack)
{
    for (uint32_t i = 0; i < stack->plan->score_count; i++)
        WEIR_TRY(load_model(cli, stack, i));
    return NULL;
}

weir_error *weir_stack_find_model(void *context, const uint8_t digest[WEIR_DIGEST_BYTES],
                                  const char *profile, const weir_model **model_out)
{
    static const char *const endings[] = {".onnx", ".json", ".ubj", ".txt", ".model", ""};
    weir_stack *stack = context;
    const weir_model_options options = {.numerics = weir_numerics_of_profile(profile)};
    char name[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, name);
    *model_out = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && *model_out == NULL; i++) {
        const char *path = weir_arena_printf(
            &stack->arena, "%s/models/%s%s",
            weir_config_text(stack->config, WEIR_SETTING_STATE_DIR), name, endings[i]);
        weir_bytes bytes;
        weir_model *model = NULL;
        if (!weir_file_exists(path)) continue;
        WEIR_TRY(weir_file_read(path, WEIR_MODEL_BYTES_MAX, &stack->arena, &bytes));
        WEIR_TRY(weir_model_load(path, bytes, &options, &model));
        weir_buffer_put(&stack->archived, &model, sizeof model);
        *model_out = model;
    }
    return NULL;
}

static void close_archived(weir_stack *stack)
{
    for (size_t at = 0; at < stack->archived.size; at += sizeof(weir_model *)) {
        weir_model *model = NULL;
        memcpy(&model, stack->archived.data + at, sizeof model);
        weir_model_destroy(model);
    }
    weir_buffer_deinit(&stack->archived);
}

void weir_stack_close(weir_stack *stack)
{
    for (uint32_t i = 0; stack->plan != NULL && i < stack->plan->score_count; i++) {
        weir_model *model = NULL;
        memcpy(&model, &stack->models[i], sizeof model); /* ours, though callers see it constant */
        if (model != NULL) weir_model_destroy(model);
    }
    close_archived(stack);
    if (stack->topics != NULL) weir_topics_destroy(stack->topics);
    weir_project_close(stack->project);
    weir_provider_close(stack->provider);
    if (stack->config != NULL) weir_config_destroy(stack->config);
    weir_arena_deinit(&stack->arena);
    *stack = (weir_stack){0};
}
