/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/ask.h"
#include "ops/cli/listing.h"

static const weir_option options[] = {
    {"features", 0, "NAME", "the features group", false},
    {"key", 0, "FIELD=VALUE", "a key field; once per field of the entity", true},
    {"at", 0, "TIME", "as of this instant (RFC 3339); else the server's clock", false},
    WEIR_ASK_SERVER,
    {0},
};

static weir_error *run(weir_cli *cli)
{
    if (weir_cli_option(cli, "features") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name a features group: --features NAME");
    if (weir_cli_option(cli, "key") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name the key: --key FIELD=VALUE");
    weir_buffer question = {0};
    weir_json_writer writer = {.out = &question};
    weir_json_write_begin(&writer, '{');
    weir_ask_text(cli, "features", &writer);
    weir_error *error = weir_ask_fields(cli, "key", "key", &writer);
    if (error == NULL) {
        weir_ask_text(cli, "at", &writer);
        weir_json_write_end(&writer, '}');
        error = weir_ask(cli, "/lookup", &question);
    }
    weir_buffer_deinit(&question);
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
    .formats = WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
