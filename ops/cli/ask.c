/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/ask.h"

#include <stdio.h>
#include <string.h>

#include "ops/cli/listing.h"
#include "ops/cli/settings.h"
#include "ops/runtime/http_client.h"

enum { CALL_TIMEOUT_MS = 10000 };

weir_error *weir_ask_fields(const weir_cli *cli, const char *option, const char *member,
                            weir_json_writer *writer)
{
    if (weir_cli_option(cli, option) == NULL) return NULL;
    weir_json_write_key(writer, member);
    weir_json_write_begin(writer, '{');
    for (size_t i = 0; weir_cli_option_at(cli, option, i) != NULL; i++) {
        const char *text = weir_cli_option_at(cli, option, i);
        const char *equals = strchr(text, '=');
        if (equals == NULL)
            return weir_error_new(WEIR_E_USAGE, "--%s %s: write FIELD=VALUE, such as card=c1",
                                  option, text);
        weir_json_write_key_bytes(writer, text, (size_t)(equals - text));
        weir_json_write_text(writer, equals + 1);
    }
    weir_json_write_end(writer, '}');
    return NULL;
}

void weir_ask_text(const weir_cli *cli, const char *option, weir_json_writer *writer)
{
    if (weir_cli_option(cli, option) == NULL) return;
    weir_json_write_key(writer, option);
    weir_json_write_text(writer, weir_cli_option(cli, option));
}

/* The server's own words out of its problem document; else what it sent. */
static weir_error *refuse(weir_cli *cli, const char *server, int status, weir_bytes body)
{
    weir_json json;
    weir_bytes detail = body, text;
    weir_json_init(&json, body.data, body.size, &cli->arena);
    if (weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN)) {
        while (weir_json_next_key(&json)) {
            bool is_detail = weir_json_key_is(&json, "detail");
            if (is_detail && weir_json_string(&json, &text)) detail = text;
            if (!is_detail && !weir_json_skip(&json)) break;
        }
    }
    weir_error_code code = status >= 500 ? WEIR_E_UNAVAILABLE : WEIR_E_DATA;
    return weir_error_new(code, "%s answered %d: %.*s", server, status, (int)detail.size,
                          (const char *)detail.data);
}

/* The scalars of an answer by their paths, "values.card_vel_n_1h"; arrays count from 0. */
typedef struct flat_answer {
    weir_cli *cli;
    const char **names, **texts;
    size_t count, capacity;
} flat_answer;

static void add_scalar(flat_answer *flat, const char *path, const char *text, size_t size)
{
    weir_arena *arena = &flat->cli->arena;
    if (flat->count == flat->capacity) {
        size_t capacity = flat->capacity == 0 ? 64 : 2 * flat->capacity;
        const char **names = weir_arena_array(arena, const char *, capacity);
        const char **texts = weir_arena_array(arena, const char *, capacity);
        for (size_t i = 0; i < flat->count; i++) {
            names[i] = flat->names[i];
            texts[i] = flat->texts[i];
        }
        flat->names = names;
        flat->texts = texts;
        flat->capacity = capacity;
    }
    flat->names[flat->count] = path;
    flat->texts[flat->count++] = text == NULL ? NULL : weir_arena_string(arena, text, size);
}

static void flatten(flat_answer *flat, weir_json *json, const char *path)
{
    weir_arena *arena = &flat->cli->arena;
    weir_json_token token = weir_json_next(json);
    if (token == WEIR_JSON_OBJECT_BEGIN) {
        while (weir_json_next_key(json))
            flatten(flat, json,
                    weir_arena_printf(arena, "%s%s%.*s", path, path[0] == '\0' ? "" : ".",
                                      (int)json->text.size, (const char *)json->text.data));
    } else if (token == WEIR_JSON_ARRAY_BEGIN) {
        for (size_t i = 0; weir_json_next_item(json); i++)
            flatten(flat, json, weir_arena_printf(arena, "%s.%zu", path, i));
    } else if (token == WEIR_JSON_TRUE || token == WEIR_JSON_FALSE) {
        add_scalar(flat, path, token == WEIR_JSON_TRUE ? "true" : "false",
                   token == WEIR_JSON_TRUE ? 4 : 5);
    } else if (token == WEIR_JSON_STRING || token == WEIR_JSON_NUMBER) {
        add_scalar(flat, path, (const char *)json->text.data, json->text.size);
    } else if (token == WEIR_JSON_NULL) {
        add_scalar(flat, path, NULL, 0);
    }
}

static const char *find_text(const flat_answer *flat, const char *name)
{
    for (size_t i = 0; i < flat->count; i++)
        if (strcmp(flat->names[i], name) == 0) return flat->texts[i];
    return NULL;
}

static const char *find_in(const flat_answer *flat, const char *place, const char *name)
{
    return find_text(flat, weir_arena_printf(&flat->cli->arena, "%s.%s", place, name));
}

/* R8. The state has only what reads at the head and a little before it need. */
static void note_horizon(const flat_answer *flat, const char *place)
{
    const char *is_beyond = find_in(flat, place, "beyond_horizon");
    const char *horizon = find_in(flat, place, "horizon"), *entity = find_in(flat, place, "entity");
    if (is_beyond == NULL || strcmp(is_beyond, "true") != 0 || horizon == NULL) return;
    weir_cli_note(flat->cli,
                  "all that is needed of %s is kept for times from %s on; these values, of %s, may "
                  "miss events: `weir export --spine FILE` reads any time from the journals, as it "
                  "was known then, or with --mode as-of as it is known now",
                  entity, horizon, find_text(flat, "receipt.tau"));
}

/* A lookup has one place where it read, a score one an entity. */
static void note_horizons(const flat_answer *flat)
{
    note_horizon(flat, "receipt");
    for (size_t i = 0;; i++) {
        const char *place = weir_arena_printf(&flat->cli->arena, "receipt.read.%zu", i);
        if (find_in(flat, place, "entity") == NULL) return;
        note_horizon(flat, place);
    }
}

static void print_answer(weir_cli *cli, const flat_answer *flat, weir_bytes body)
{
    if (cli->format != WEIR_FORMAT_TABLE && cli->format != WEIR_FORMAT_CSV) {
        (void)printf("%.*s\n", (int)body.size, (const char *)body.data);
        return;
    }
    if (flat->count == 0) return;
    if (cli->format == WEIR_FORMAT_CSV) {
        weir_listing list = weir_listing_begin(cli, flat->names, flat->count);
        for (size_t i = 0; i < flat->count; i++)
            weir_listing_text(&list, flat->texts[i]);
        weir_listing_end(&list);
        return;
    }
    for (size_t i = 0; i < flat->count; i++)
        (void)printf("%-32s  %s\n", flat->names[i],
                     flat->texts[i] == NULL ? "null" : flat->texts[i]);
}

static const char *server_of(weir_cli *cli, const weir_config *config)
{
    const char *server = weir_cli_option(cli, "server");
    if (server != NULL) return server;
    return weir_arena_printf(&cli->arena, "http://%s",
                             weir_config_text(config, WEIR_SETTING_LISTEN));
}

static weir_error *call(weir_cli *cli, const char *server, const char *route,
                        const weir_buffer *question)
{
    weir_http_client *client = weir_http_client_create();
    int status = 0;
    weir_bytes body = {0};
    weir_http_call call = {.method = "POST",
                           .url = weir_arena_printf(&cli->arena, "%s%s", server, route),
                           .content_type = "application/json",
                           .body = {question->data, question->size},
                           .timeout_ms = CALL_TIMEOUT_MS};
    weir_error *error = weir_http_client_call(client, &call, &cli->arena, &status, &body);
    weir_http_client_destroy(client);
    if (error != NULL) return weir_error_while(error, "asking %s (is `weir serve` up?)", server);
    if (status != 200) return refuse(cli, server, status, body);
    weir_json json;
    flat_answer flat = {.cli = cli};
    weir_json_init(&json, body.data, body.size, &cli->arena);
    flatten(&flat, &json, "");
    print_answer(cli, &flat, body);
    note_horizons(&flat);
    return NULL;
}

weir_error *weir_ask(weir_cli *cli, const char *route, const weir_buffer *question)
{
    weir_config *config = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    weir_error *error = call(cli, server_of(cli, config), route, question);
    weir_config_destroy(config);
    return error;
}
