/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "ops/cli/settings.h"
#include "ops/runtime/http_client.h"
#include "ops/runtime/json.h"

enum { CALL_TIMEOUT_MS = 10000 };

static const weir_option options[] = {
    {"features", 0, "NAME", "the features group", false},
    {"key", 0, "FIELD=VALUE", "a key field; once per field of the entity", true},
    {"at", 0, "TIME", "as of this instant (RFC 3339); else the server's clock", false},
    {"server", 0, "URL", "the server; else http:// and the setting `listen`", false},
    {0},
};

/* Values go as strings: by the JSON convention an int64 may be one, too. */
static weir_error *write_key(const weir_cli *cli, weir_json_writer *writer)
{
    weir_json_write_key(writer, "key");
    weir_json_write_begin(writer, '{');
    for (size_t i = 0; weir_cli_option_at(cli, "key", i) != NULL; i++) {
        const char *text = weir_cli_option_at(cli, "key", i);
        const char *equals = strchr(text, '=');
        if (equals == NULL)
            return weir_error_new(WEIR_E_USAGE, "--key %s: write FIELD=VALUE, such as card=c1",
                                  text);
        char name[256];
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        weir_json_write_key(writer, name);
        weir_json_write_text(writer, equals + 1);
    }
    weir_json_write_end(writer, '}');
    return NULL;
}

static weir_error *write_query(const weir_cli *cli, weir_buffer *out)
{
    const char *features = weir_cli_option(cli, "features");
    if (features == NULL)
        return weir_error_new(WEIR_E_USAGE, "name a features group: --features NAME");
    if (weir_cli_option(cli, "key") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name the key: --key FIELD=VALUE");
    weir_json_writer writer = {.out = out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "features");
    weir_json_write_text(&writer, features);
    WEIR_TRY(write_key(cli, &writer));
    if (weir_cli_option(cli, "at") != NULL) {
        weir_json_write_key(&writer, "at");
        weir_json_write_text(&writer, weir_cli_option(cli, "at"));
    }
    weir_json_write_end(&writer, '}');
    return NULL;
}

static weir_error *ask(weir_cli *cli, const weir_config *config)
{
    const char *server = weir_cli_option(cli, "server");
    if (server == NULL)
        server = weir_arena_printf(&cli->arena, "http://%s",
                                   weir_config_text(config, WEIR_SETTING_LISTEN));
    weir_buffer query = {0};
    weir_http_client *client = weir_http_client_create();
    weir_error *error = NULL;
    int status = 0;
    weir_bytes body = {0};
    WEIR_TRY_OUT(write_query(cli, &query));
    weir_http_call call = {.method = "POST",
                           .url = weir_arena_printf(&cli->arena, "%s/lookup", server),
                           .content_type = "application/json",
                           .body = {query.data, query.size},
                           .timeout_ms = CALL_TIMEOUT_MS};
    WEIR_TRY_OUT(weir_http_client_call(client, &call, &cli->arena, &status, &body));
    if (status == 200) {
        (void)printf("%.*s\n", (int)body.size, (const char *)body.data);
    } else {
        weir_error_code code = status >= 500 ? WEIR_E_UNAVAILABLE : WEIR_E_DATA;
        error = weir_error_new(code, "%s answered %d: %.*s", server, status, (int)body.size,
                               (const char *)body.data);
    }
out:
    weir_http_client_destroy(client);
    weir_buffer_deinit(&query);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    weir_config *config = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    weir_error *error = ask(cli, config);
    weir_config_destroy(config);
    return error;
}

const weir_command weir_command_lookup = {
    .name = "lookup",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Ask a running server for the features of a key",
    .arguments = "",
    .help = "weir lookup --features card_vel --key card=c1 prints one JSON object: the values, the "
            "errors, and the receipt\n"
            "that says where they were read.",
    .options = options,
    .formats = WEIR_FORMAT_JSON,
    .run = run,
};
