/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - a question of a command to a running `weir serve`, and its answer.
 *
 * The command names its options `--server URL` and, per JSON object of the question, one that may
 * repeat and is given as FIELD=VALUE.
 *
 * Owns:    nothing. Threads: main thread.
 */
#pragma once

#include "ops/cli/cli.h"
#include "ops/runtime/json.h"

#define WEIR_ASK_SERVER                                                                            \
    {                                                                                              \
        "server", 0, "URL", "the server; else http:// and the setting `listen`", false             \
    }

/* Writes "member": {"FIELD": "VALUE", ...} of the option's values, if there are any. Values go as
 * strings: the server reads them by the field's type. */
weir_error *weir_ask_fields(const weir_cli *cli, const char *option, const char *member,
                            weir_json_writer *writer);
/* Writes "member": "TEXT" if the option was given. */
void weir_ask_text(const weir_cli *cli, const char *option, weir_json_writer *writer);
/* Posts the question to the route and prints the answer by -o: json, a table of names and values,
 * or csv, one row.
 */
weir_error *weir_ask(weir_cli *cli, const char *route, const weir_buffer *question);
