/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/provider.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

enum { US_PER_MS = 1000 };

struct weir_provider {
    weir_registry *registry; /* NULL: schemas/ */
    const weir_project *project;
    weir_error *problem;  /* of the last load that the registry did not answer */
    pthread_mutex_t lock; /* of the arena */
    weir_arena arena;
};

weir_error *weir_provider_open(const weir_config *config, weir_provider **provider_out)
{
    weir_provider *provider = calloc(1, sizeof *provider);
    WEIR_ASSERT(provider != NULL);
    (void)pthread_mutex_init(&provider->lock, NULL);
    weir_registry_options options = {
        .url = weir_config_text(config, WEIR_SETTING_REGISTRY_URL),
        .user = weir_config_text(config, WEIR_SETTING_REGISTRY_USER),
        .password = weir_config_text(config, WEIR_SETTING_REGISTRY_PASSWORD),
        .timeout_ms =
            (uint32_t)(weir_config_int(config, WEIR_SETTING_REGISTRY_TIMEOUT) / US_PER_MS),
    };
    weir_error *error =
        options.url[0] == '\0' ? NULL : weir_registry_open(&options, &provider->registry);
    if (error != NULL) {
        weir_provider_close(provider);
        return error;
    }
    *provider_out = provider;
    return NULL;
}

void weir_provider_close(weir_provider *provider)
{
    if (provider == NULL) return;
    weir_registry_close(provider->registry);
    weir_error_free(provider->problem);
    (void)pthread_mutex_destroy(&provider->lock);
    weir_arena_deinit(&provider->arena);
    free(provider);
}

static weir_error *load(void *context, const char *full_name, const weir_schema **schema_out)
{
    weir_provider *provider = context;
    *schema_out = NULL;
    if (provider->registry == NULL) return NULL;
    weir_error *error = weir_registry_find(provider->registry, full_name, schema_out);
    if (error == NULL || weir_error_class_of(error) == WEIR_CLASS_CALLER) return error;
    /* To the compiler this is a mistake at the stream's schema; to the command, a service that is
     * away. */
    weir_error_free(provider->problem);
    provider->problem = weir_error_new(weir_error_code_of(error), "%s", weir_error_message(error));
    return error;
}

weir_error *weir_provider_take_problem(weir_provider *provider)
{
    weir_error *problem = provider->problem;
    provider->problem = NULL;
    return problem;
}

weir_error *weir_provider_open_project(weir_provider *provider, const weir_project_options *options,
                                       weir_project **project_out)
{
    weir_project_options with = *options;
    with.load_schema = load;
    with.context = provider;
    weir_error *error = weir_project_open(&with, project_out);
    if (error == NULL || provider->problem == NULL) return error;
    weir_error_free(error);
    return weir_provider_take_problem(provider);
}

void weir_provider_set_project(weir_provider *provider, const weir_project *project)
{
    provider->project = project;
}

weir_registry *weir_provider_registry(const weir_provider *provider) { return provider->registry; }

static int32_t folder_id(const weir_schema *schema)
{
    return (int32_t)(schema->fingerprint & 0x7fffffff);
}

static void find_in_folder(const weir_provider *provider, const char *topic, int32_t id,
                           const weir_schema **schema_out)
{
    const weir_project *project = provider->project;
    for (size_t i = 0; i < project->schema_count; i++) {
        if (folder_id(project->schemas[i]) == id) {
            *schema_out = project->schemas[i];
            return;
        }
    }
    for (uint32_t i = 0; i < project->plan->stream_count && *schema_out == NULL; i++) {
        if (strcmp(project->plan->streams[i].topic, topic) == 0)
            *schema_out = project->plan->streams[i].schema;
    }
}

static weir_error *find_writer(void *context, const char *topic, int32_t id,
                               const weir_schema **schema_out)
{
    weir_provider *provider = context;
    *schema_out = NULL;
    if (provider->registry == NULL) {
        find_in_folder(provider, topic, id, schema_out);
        return NULL;
    }
    weir_error *error = weir_registry_by_id(provider->registry, id, schema_out);
    if (error == NULL || weir_error_class_of(error) != WEIR_CLASS_CALLER) return error;
    if (weir_error_code_of(error) != WEIR_E_SCHEMA)
        return error; /* a wrong password is not the message's fault */
    weir_error_free(error);
    return NULL;
}

static weir_error *find_folder_id(weir_provider *provider, const char *topic,
                                  const char *schema_json, int32_t *id_out)
{
    const weir_schema *schema = NULL;
    (void)pthread_mutex_lock(&provider->lock);
    weir_error *error =
        weir_schema_parse(schema_json, strlen(schema_json), topic, &provider->arena, &schema);
    (void)pthread_mutex_unlock(&provider->lock);
    if (error == NULL) *id_out = folder_id(schema);
    return error;
}

static weir_error *find_output_id(void *context, const char *topic, const char *schema_json,
                                  int32_t *id_out)
{
    weir_provider *provider = context;
    if (provider->registry == NULL) return find_folder_id(provider, topic, schema_json, id_out);
    char subject[WEIR_SUBJECT_MAX];
    (void)snprintf(subject, sizeof subject, "%s-value",
                   topic); /* Confluent's default: TopicNameStrategy */
    return weir_registry_register(provider->registry, subject, schema_json, id_out);
}

weir_schema_source weir_provider_source(weir_provider *provider)
{
    return (weir_schema_source){provider, find_writer, find_output_id};
}
