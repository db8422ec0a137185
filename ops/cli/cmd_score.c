/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/ask.h"
#include "ops/cli/listing.h"

static const weir_option options[] = {
    {"vector", 0, "NAME", "the vector", false},
    {"key", 0, "FIELD=VALUE", "a key field of an entity of the vector", true},
    {"this", 0, "FIELD=VALUE", "a field of the event that the vector reads with `this`", true},
    {"score", 0, "NAME", "which score, where the vector has several", false},
    {"at", 0, "TIME", "as of this instant (RFC 3339); else the event's time, or the server's clock",
     false},
    WEIR_ASK_SERVER,
    {0},
};

static weir_error *write_question(const weir_cli *cli, weir_json_writer *writer)
{
    weir_json_write_begin(writer, '{');
    weir_ask_text(cli, "vector", writer);
    WEIR_TRY(weir_ask_fields(cli, "key", "key", writer));
    WEIR_TRY(weir_ask_fields(cli, "this", "this", writer));
    weir_ask_text(cli, "score", writer);
    weir_ask_text(cli, "at", writer);
    weir_json_write_end(writer, '}');
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    if (weir_cli_option(cli, "vector") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name a vector: --vector NAME");
    if (weir_cli_option(cli, "key") == NULL)
        return weir_error_new(WEIR_E_USAGE, "name the key: --key FIELD=VALUE");
    weir_buffer question = {0};
    weir_json_writer writer = {.out = &question};
    weir_error *error = write_question(cli, &writer);
    if (error == NULL) error = weir_ask(cli, "/score", &question);
    weir_buffer_deinit(&question);
    return error;
}

const weir_command weir_command_score = {
    .name = "score",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Ask a running server for a vector and its model's score",
    .arguments = "",
    .help = "weir score --vector card_fraud --key card=c1 --key merchant=m1 --this amount=12.00 "
            "prints one JSON object: the\n"
            "values as they would be if that event came now, the score with decision and reasons, "
            "and the receipt. Nothing\n"
            "enters a journal. Fields that the vector reads with `this` must be sent, unless their "
            "schema has a default.",
    .options = options,
    .formats = WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
