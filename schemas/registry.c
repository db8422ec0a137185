/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/http_client.h"
#include "ops/runtime/json_tree.h"
#include "ops/runtime/logger.h"
#include "ops/runtime/metrics.h"

enum {
    TIMEOUT_MS = 5000,
    BACKOFF_US_MIN = 100 * 1000,
    BACKOFF_US_MAX = 10 * 1000 * 1000,
    ANSWER_BYTES_MAX = 2 << 20, /* a schema of 1 MiB, escaped as a JSON string */
    ANSWER_NODES_MAX = 100000,
    SCHEMAS_MAX = 100000,
    SUBJECTS_MAX = 1000,
    URL_MAX = 2048,
    ERROR_NO_SCHEMA = 40403,
    ERROR_NO_SUBJECT = 40401,
    ERROR_NO_VERSION = 40402,
};

/* One thing that never changes: what an id is, or why weir refuses it. */
typedef struct known_schema {
    int32_t id;
    const weir_schema *schema; /* NULL: refused */
    const char *problem;
} known_schema;

typedef struct known_subject {
    const char *subject, *json;
    int32_t id;
} known_subject;

struct weir_registry {
    pthread_mutex_t lock;
    weir_arena arena;
    weir_registry_options options;
    const char *url; /* without a slash at its end */
    weir_http_client *http;
    weir_registry_state state;
    weir_metric_cell *up;
    int64_t backoff_us;
    known_schema *schemas;
    size_t schema_count, schema_capacity;
    known_subject *subjects;
    size_t subject_count, subject_capacity;
};

/* -- Life -- */

static int64_t real_clock(void *context)
{
    (void)context;
    return weir_clock_monotonic_us();
}

static int64_t now_us(const weir_registry *registry)
{
    return registry->options.monotonic_us(registry->options.context);
}

static const char *copy_text(weir_registry *registry, const char *text)
{
    return text == NULL ? NULL : weir_arena_string(&registry->arena, text, strlen(text));
}

weir_error *weir_registry_open(const weir_registry_options *options, weir_registry **registry_out)
{
    const char *url = options->url;
    size_t length = url == NULL ? 0 : strlen(url);
    bool is_http =
        length > 0 && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    if (!is_http || length > URL_MAX || strpbrk(url, " ?#\"") != NULL)
        return weir_error_new(
            WEIR_E_SETTINGS,
            "registry_url is \"%.100s\"; it wants http://HOST:PORT[/PATH] or https://...",
            length == 0 ? "" : url);
    if (strchr(url, '@') != NULL) /* it would stand in logs and messages */
        return weir_error_new(WEIR_E_SETTINGS, "registry_url holds a user or password; give them "
                                               "as registry_user and registry_password");
    weir_registry *registry = calloc(1, sizeof *registry);
    WEIR_ASSERT(registry != NULL);
    (void)pthread_mutex_init(&registry->lock, NULL);
    while (length > 0 && url[length - 1] == '/')
        length--;
    registry->url = weir_arena_string(&registry->arena, url, length);
    registry->options = *options;
    registry->options.url = registry->url;
    registry->options.user = copy_text(registry, options->user);
    registry->options.password = copy_text(registry, options->password);
    if (options->timeout_ms == 0) registry->options.timeout_ms = TIMEOUT_MS;
    if (options->monotonic_us == NULL) registry->options.monotonic_us = real_clock;
    registry->http = weir_http_client_create();
    registry->state.is_up = true;
    registry->state.since_us = now_us(registry);
    registry->up = weir_metric_cell_create0(WEIR_METRIC_REGISTRY_UP);
    weir_metric_set(registry->up, 1);
    *registry_out = registry;
    return NULL;
}

void weir_registry_close(weir_registry *registry)
{
    if (registry == NULL) return;
    weir_http_client_destroy(registry->http);
    weir_metric_cell_destroy(registry->up);
    (void)pthread_mutex_destroy(&registry->lock);
    weir_arena_deinit(&registry->arena);
    free(registry->schemas);
    free(registry->subjects);
    free(registry);
}

weir_registry_state weir_registry_state_of(weir_registry *registry)
{
    (void)pthread_mutex_lock(&registry->lock);
    weir_registry_state state = registry->state;
    (void)pthread_mutex_unlock(&registry->lock);
    return state;
}

/* -- Up and away -- */

static void note_answered(weir_registry *registry)
{
    weir_metric_count(WEIR_METRIC_REGISTRY_REQUESTS, "answered", 1);
    if (!registry->state.is_up) {
        int64_t now = now_us(registry);
        WEIR_LOG(INFO, "registry_back",
                 WEIR_INT("away_s", (now - registry->state.since_us) / 1000000));
        registry->state.since_us = now;
        weir_metric_set(registry->up, 1);
    }
    registry->state.is_up = true;
    registry->state.next_try_us = 0;
    registry->backoff_us = 0;
}

static void note_away(weir_registry *registry, const char *problem)
{
    int64_t now = now_us(registry);
    weir_metric_count(WEIR_METRIC_REGISTRY_REQUESTS, "failed", 1);
    if (registry->state.is_up) {
        WEIR_LOG(WARN, "registry_away", WEIR_TEXT("reason", problem));
        registry->state.since_us = now;
        weir_metric_set(registry->up, 0);
    }
    registry->state.is_up = false;
    registry->state.failures++;
    registry->backoff_us = registry->backoff_us == 0 ? BACKOFF_US_MIN : registry->backoff_us * 2;
    if (registry->backoff_us > BACKOFF_US_MAX) registry->backoff_us = BACKOFF_US_MAX;
    registry->state.next_try_us = now + registry->backoff_us;
    (void)snprintf(registry->state.last_problem, sizeof registry->state.last_problem, "%s",
                   problem);
}

static weir_error *still_away(const weir_registry *registry)
{
    int64_t now = now_us(registry);
    return weir_error_new(WEIR_E_UNAVAILABLE,
                          "the schema registry %s is away since %" PRId64
                          " s (%s); it is asked again in %" PRId64 " ms",
                          registry->url, (now - registry->state.since_us) / 1000000,
                          registry->state.last_problem,
                          (registry->state.next_try_us - now + 999) / 1000);
}

/* -- Calls -- */

typedef struct answer {
    int status;
    int64_t error_code;         /* of the body of an error, else 0 */
    const char *message;        /* likewise, else ""               */
    const weir_json_node *root; /* NULL if the body is no JSON     */
} answer;

static void put_encoded(weir_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        char c = *text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        if (plain) {
            weir_buffer_put_u8(out, (uint8_t)c);
        } else {
            weir_buffer_printf(out, "%%%02X", (unsigned)(uint8_t)c);
        }
    }
}

/* "<base><before><subject, encoded><after>" */
static const char *url_of(const weir_registry *registry, const char *before, const char *subject,
                          const char *after, weir_arena *scratch)
{
    weir_buffer url = {0};
    weir_buffer_put_text(&url, registry->url);
    weir_buffer_put_text(&url, before);
    put_encoded(&url, subject);
    weir_buffer_put_text(&url, after);
    const char *text = weir_arena_string(scratch, (const char *)url.data, url.size);
    weir_buffer_deinit(&url);
    return text;
}

static void read_answer(weir_bytes body, weir_arena *scratch, answer *a)
{
    weir_json json;
    weir_json_init(&json, body.data, body.size, scratch);
    weir_error *error =
        weir_json_tree(&json, ANSWER_NODES_MAX, WEIR_E_REGISTRY, "answer", scratch, &a->root);
    weir_error_free(error);
    a->message = "";
    const weir_json_node *message = weir_json_member(a->root, "message");
    (void)weir_json_node_int64(weir_json_member(a->root, "error_code"), &a->error_code);
    if (message != NULL && message->kind == WEIR_JSON_STRING)
        a->message = weir_arena_string(scratch, (const char *)message->text.data,
                                       message->text.size < 500 ? message->text.size : 500);
}

/* 5xx and 429 are not about what was asked: the registry is as good as away. */
static bool is_refusal_to_work(int status)
{
    return status >= 500 || status == 429 || status == 408;
}

static weir_error *status_error(const weir_registry *registry, const char *url, const answer *a)
{
    if (a->status == 401 || a->status == 403)
        return weir_error_new(
            WEIR_E_PERMISSION,
            "the schema registry refuses %s (%d %s); see registry_user and registry_password", url,
            a->status, a->message);
    if (a->status == 409 || a->status == 422)
        return weir_error_new(WEIR_E_SCHEMA, "the schema registry does not take the schema: %s",
                              *a->message != '\0' ? a->message : "it is incompatible");
    return weir_error_new(
        WEIR_E_REGISTRY, "the schema registry answers %d to %s%s%s; is registry_url (%s) right?",
        a->status, url, *a->message != '\0' ? ": " : "", a->message, registry->url);
}

static weir_error *send(weir_registry *registry, const weir_http_call *call, weir_arena *scratch,
                        answer *a)
{
    weir_bytes body = {0};
    registry->state.calls++;
    weir_error *error = weir_http_client_call(registry->http, call, scratch, &a->status, &body);
    if (error != NULL) {
        note_away(registry, weir_error_message(error));
        return weir_error_while(error, "asking the schema registry");
    }
    read_answer(body, scratch, a);
    if (is_refusal_to_work(a->status)) {
        error = status_error(registry, call->url, a);
        note_away(registry, weir_error_message(error));
        return error;
    }
    note_answered(registry);
    return NULL;
}

/* Any answer that is about what was asked comes back in *a; the caller looks at its status. */
static weir_error *call_registry(weir_registry *registry, const char *method, const char *url,
                                 const weir_buffer *body, weir_arena *scratch, answer *a)
{
    *a = (answer){0};
    if (!registry->state.is_up && now_us(registry) < registry->state.next_try_us)
        return still_away(registry);
    weir_http_call call = {.method = method,
                           .url = url,
                           .accept = "application/vnd.schemaregistry.v1+json, application/json",
                           .user = registry->options.user,
                           .password = registry->options.password,
                           .timeout_ms = registry->options.timeout_ms,
                           .answer_bytes_max = ANSWER_BYTES_MAX};
    if (body != NULL) {
        call.content_type = "application/vnd.schemaregistry.v1+json";
        call.body = (weir_bytes){body->data, body->size};
    }
    return send(registry, &call, scratch, a);
}

static bool is_missing(const answer *a)
{
    return a->status == 404 &&
           (a->error_code == ERROR_NO_SCHEMA || a->error_code == ERROR_NO_SUBJECT ||
            a->error_code == ERROR_NO_VERSION);
}

/* -- Schemas -- */

static const known_schema *find_known(const weir_registry *registry, int32_t id)
{
    for (size_t i = 0; i < registry->schema_count; i++) {
        if (registry->schemas[i].id == id) return &registry->schemas[i];
    }
    return NULL;
}

static void *grown(void *items, size_t item_size, size_t count, size_t *capacity)
{
    if (count < *capacity) return items;
    *capacity = *capacity == 0 ? 16 : 2 * *capacity;
    void *more = realloc(items, *capacity * item_size);
    WEIR_ASSERT(more != NULL);
    return more;
}

static const known_schema *keep_schema(weir_registry *registry, known_schema schema)
{
    registry->schemas =
        grown(registry->schemas, sizeof schema, registry->schema_count, &registry->schema_capacity);
    registry->schemas[registry->schema_count] = schema;
    registry->state.schemas = registry->schema_count + 1;
    return &registry->schemas[registry->schema_count++];
}

static weir_error *answer_of(const known_schema *known, const weir_schema **schema_out)
{
    if (known->problem != NULL) return weir_error_new(WEIR_E_SCHEMA, "%s", known->problem);
    *schema_out = known->schema;
    return NULL;
}

static bool is_avro(const weir_json_node *root)
{
    const weir_json_node *type = weir_json_member(root, "schemaType");
    return type == NULL || weir_json_text_is(type, "AVRO");
}

static weir_error *parse_answer(weir_registry *registry, int32_t id, const weir_json_node *root,
                                const weir_schema **schema_out)
{
    const weir_json_node *text = weir_json_member(root, "schema"),
                         *references = weir_json_member(root, "references");
    char name[64];
    (void)snprintf(name, sizeof name, "schema %" PRId32 " of the registry", id);
    if (!is_avro(root)) return weir_error_new(WEIR_E_SCHEMA, "%s is not Avro", name);
    if (references != NULL && references->count > 0)
        return weir_error_new(
            WEIR_E_SCHEMA, "%s refers to other subjects; register it with all of its types inside",
            name);
    return weir_schema_parse((const char *)text->text.data, text->text.size, name, &registry->arena,
                             schema_out);
}

/* Parses what the registry sent for an id and keeps it, or why it was refused. */
static weir_error *learn(weir_registry *registry, int32_t id, const answer *a,
                         const weir_schema **schema_out)
{
    const known_schema *known = find_known(registry, id);
    if (known != NULL) return answer_of(known, schema_out);
    const weir_json_node *text = weir_json_member(a->root, "schema");
    if (text == NULL || text->kind != WEIR_JSON_STRING)
        return weir_error_new(WEIR_E_REGISTRY,
                              "the schema registry's answer for id %" PRId32
                              " has no \"schema\"; is registry_url (%s) right?",
                              id, registry->url);
    if (registry->schema_count >= SCHEMAS_MAX)
        return weir_error_new(WEIR_E_LIMIT, "more than %d schemas of the registry in use",
                              SCHEMAS_MAX);
    known_schema fresh = {.id = id};
    weir_error *error = parse_answer(registry, id, a->root, &fresh.schema);
    if (error != NULL) {
        fresh.schema = NULL;
        fresh.problem = copy_text(registry, weir_error_message(error));
        weir_error_free(error);
    }
    return answer_of(keep_schema(registry, fresh), schema_out);
}

static weir_error *ask_id(weir_registry *registry, int32_t id, weir_arena *scratch,
                          const weir_schema **schema_out)
{
    char path[64];
    answer a;
    (void)snprintf(path, sizeof path, "/schemas/ids/%" PRIu32, (uint32_t)id);
    const char *url = url_of(registry, path, "", "", scratch);
    WEIR_TRY(call_registry(registry, "GET", url, NULL, scratch, &a));
    if (is_missing(&a)) return NULL;
    if (a.status != 200) return status_error(registry, url, &a);
    return learn(registry, id, &a, schema_out);
}

weir_error *weir_registry_by_id(weir_registry *registry, int32_t id, const weir_schema **schema_out)
{
    *schema_out = NULL;
    weir_arena scratch = {0};
    (void)pthread_mutex_lock(&registry->lock);
    const known_schema *known = find_known(registry, id);
    weir_error *error =
        known != NULL ? answer_of(known, schema_out) : ask_id(registry, id, &scratch, schema_out);
    (void)pthread_mutex_unlock(&registry->lock);
    weir_arena_deinit(&scratch);
    return error;
}

/* -- Subjects -- */

static weir_error *check_subject(const char *subject)
{
    if (*subject != '\0' && strlen(subject) <= WEIR_SUBJECT_MAX) return NULL;
    return weir_error_new(WEIR_E_USAGE, "a subject has 1 to %d bytes", WEIR_SUBJECT_MAX);
}

static weir_error *id_of(const answer *a, const char *url, int32_t *id_out)
{
    int64_t id = 0;
    if (!weir_json_node_int64(weir_json_member(a->root, "id"), &id) || id < 0 || id > INT32_MAX)
        return weir_error_new(WEIR_E_REGISTRY, "the schema registry's answer to %s has no \"id\"",
                              url);
    *id_out = (int32_t)id;
    return NULL;
}

static weir_error *ask_latest(weir_registry *registry, const char *subject, weir_arena *scratch,
                              int32_t *id_out, const weir_schema **schema_out)
{
    answer a;
    const char *url = url_of(registry, "/subjects/", subject, "/versions/latest", scratch);
    WEIR_TRY(call_registry(registry, "GET", url, NULL, scratch, &a));
    if (is_missing(&a)) return NULL;
    if (a.status != 200) return status_error(registry, url, &a);
    WEIR_TRY(id_of(&a, url, id_out));
    return weir_error_while(learn(registry, *id_out, &a, schema_out), "subject %s", subject);
}

weir_error *weir_registry_latest(weir_registry *registry, const char *subject, int32_t *id_out,
                                 const weir_schema **schema_out)
{
    *schema_out = NULL;
    WEIR_TRY(check_subject(subject));
    weir_arena scratch = {0};
    (void)pthread_mutex_lock(&registry->lock);
    weir_error *error = ask_latest(registry, subject, &scratch, id_out, schema_out);
    (void)pthread_mutex_unlock(&registry->lock);
    weir_arena_deinit(&scratch);
    return error;
}

/* A subject that weir refuses is none that we look for; one that can not be asked for is an error.
 */
static weir_error *try_subject(weir_registry *registry, const char *subject, const char *full_name,
                               weir_arena *scratch, const weir_schema **schema_out)
{
    int32_t id = 0;
    const weir_schema *schema = NULL;
    weir_error *error = ask_latest(registry, subject, scratch, &id, &schema);
    if (error != NULL && weir_error_code_of(error) == WEIR_E_SCHEMA) {
        weir_error_free(error);
        return NULL;
    }
    WEIR_TRY(error);
    if (schema != NULL && strcmp(schema->full_name, full_name) == 0) *schema_out = schema;
    return NULL;
}

static weir_error *find_name(weir_registry *registry, const char *full_name, weir_arena *scratch,
                             const weir_schema **schema_out)
{
    WEIR_TRY(try_subject(registry, full_name, full_name, scratch, schema_out));
    if (*schema_out != NULL) return NULL;
    answer a;
    const char *url = url_of(registry, "/subjects", "", "", scratch);
    WEIR_TRY(call_registry(registry, "GET", url, NULL, scratch, &a));
    if (a.status != 200 || a.root == NULL || a.root->kind != WEIR_JSON_ARRAY_BEGIN)
        return status_error(registry, url, &a);
    size_t asked = 0;
    for (const weir_json_node *at = a.root->first;
         at != NULL && *schema_out == NULL && asked < SUBJECTS_MAX; at = at->next, asked++) {
        if (at->kind != WEIR_JSON_STRING || at->text.size == 0 || at->text.size > WEIR_SUBJECT_MAX)
            continue;
        const char *subject =
            weir_arena_string(scratch, (const char *)at->text.data, at->text.size);
        WEIR_TRY(try_subject(registry, subject, full_name, scratch, schema_out));
    }
    return NULL;
}

weir_error *weir_registry_find(weir_registry *registry, const char *full_name,
                               const weir_schema **schema_out)
{
    *schema_out = NULL;
    WEIR_TRY(check_subject(full_name));
    weir_arena scratch = {0};
    (void)pthread_mutex_lock(&registry->lock);
    weir_error *error = find_name(registry, full_name, &scratch, schema_out);
    (void)pthread_mutex_unlock(&registry->lock);
    weir_arena_deinit(&scratch);
    return error;
}

static void put_request(weir_buffer *out, const char *json)
{
    weir_json_writer writer = {.out = out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "schema");
    weir_json_write_text(&writer, json);
    weir_json_write_end(&writer, '}');
}

/* Whoever may only read finds a schema that is registered already; so it is looked up first. */
static weir_error *ask_register(weir_registry *registry, const char *subject,
                                const weir_buffer *body, weir_arena *scratch, int32_t *id_out)
{
    answer a;
    const char *url = url_of(registry, "/subjects/", subject, "", scratch);
    WEIR_TRY(call_registry(registry, "POST", url, body, scratch, &a));
    if (a.status == 200) return id_of(&a, url, id_out);
    url = url_of(registry, "/subjects/", subject, "/versions", scratch);
    WEIR_TRY(call_registry(registry, "POST", url, body, scratch, &a));
    if (a.status != 200)
        return weir_error_while(status_error(registry, url, &a), "subject %s", subject);
    return id_of(&a, url, id_out);
}

static bool find_registered(const weir_registry *registry, const char *subject, const char *json,
                            int32_t *id_out)
{
    for (size_t i = 0; i < registry->subject_count; i++) {
        const known_subject *known = &registry->subjects[i];
        if (strcmp(known->subject, subject) != 0 || strcmp(known->json, json) != 0) continue;
        *id_out = known->id;
        return true;
    }
    return false;
}

static weir_error *register_once(weir_registry *registry, const char *subject, const char *json,
                                 weir_arena *scratch, int32_t *id_out)
{
    if (find_registered(registry, subject, json, id_out)) return NULL;
    weir_buffer body = {0};
    put_request(&body, json);
    weir_error *error = ask_register(registry, subject, &body, scratch, id_out);
    weir_buffer_deinit(&body);
    WEIR_TRY(error);
    registry->subjects = grown(registry->subjects, sizeof *registry->subjects,
                               registry->subject_count, &registry->subject_capacity);
    registry->subjects[registry->subject_count++] =
        (known_subject){copy_text(registry, subject), copy_text(registry, json), *id_out};
    return NULL;
}

weir_error *weir_registry_register(weir_registry *registry, const char *subject, const char *json,
                                   int32_t *id_out)
{
    WEIR_TRY(check_subject(subject));
    weir_arena scratch = {0};
    (void)pthread_mutex_lock(&registry->lock);
    weir_error *error = register_once(registry, subject, json, &scratch, id_out);
    (void)pthread_mutex_unlock(&registry->lock);
    weir_arena_deinit(&scratch);
    return error;
}

static weir_error *ask_check(weir_registry *registry, const char *subject, const weir_buffer *body,
                             weir_arena *scratch, bool *fits_out)
{
    answer a;
    const char *url =
        url_of(registry, "/compatibility/subjects/", subject, "/versions/latest", scratch);
    WEIR_TRY(call_registry(registry, "POST", url, body, scratch, &a));
    *fits_out = true;
    if (is_missing(&a)) return NULL;
    if (a.status != 200)
        return weir_error_while(status_error(registry, url, &a), "subject %s", subject);
    const weir_json_node *fits = weir_json_member(a.root, "is_compatible");
    if (fits == NULL)
        return weir_error_new(WEIR_E_REGISTRY,
                              "the schema registry's answer to %s has no \"is_compatible\"", url);
    *fits_out = fits->kind == WEIR_JSON_TRUE;
    return NULL;
}

weir_error *weir_registry_check(weir_registry *registry, const char *subject, const char *json,
                                bool *fits_out)
{
    WEIR_TRY(check_subject(subject));
    weir_arena scratch = {0};
    weir_buffer body = {0};
    put_request(&body, json);
    (void)pthread_mutex_lock(&registry->lock);
    weir_error *error = ask_check(registry, subject, &body, &scratch, fits_out);
    (void)pthread_mutex_unlock(&registry->lock);
    weir_buffer_deinit(&body);
    weir_arena_deinit(&scratch);
    return error;
}
