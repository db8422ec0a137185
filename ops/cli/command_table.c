/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/command_table.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define WEIR_COMMAND(id) extern const weir_command weir_command_##id;
#include "ops/cli/commands.def"
#undef WEIR_COMMAND

static const weir_command *const table[] = {
#define WEIR_COMMAND(id) &weir_command_##id,
#include "ops/cli/commands.def"
#undef WEIR_COMMAND
};

// clang-format off
static const weir_option global_options[] = {
    {"directory", 'C', "DIR",       "act on the project folder DIR instead of the one we stand in", false},
    {"output",    'o', "FORMAT",    "form of the answer: text, table, json, jsonl, csv or parquet", false},
    {"set",        0,  "KEY=VALUE", "a setting, before the environment and weir.yaml", true},
    {"quiet",     'q', NULL,        "print nothing but results and errors", false},
    {"help",      'h', NULL,        "show the help of a command", false},
    {"version",    0,  NULL,        "print the version", false},
    {0},
};

static const char *const titles[WEIR_GROUP_COUNT] = {
    [WEIR_GROUP_PROJECT]     = "A project folder",
    [WEIR_GROUP_DEFINITIONS] = "Definitions, without a broker",
    [WEIR_GROUP_STREAM]      = "Streams, through Kafka",
    [WEIR_GROUP_ANSWERS]     = "Lookups, training data, proof",
    [WEIR_GROUP_HELP]        = "Help",
};
// clang-format on

const weir_command *const *weir_commands(size_t *count_out)
{
    *count_out = sizeof table / sizeof *table;
    return table;
}

const weir_command *weir_command_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

const char *weir_command_group_title(weir_command_group group)
{
    WEIR_ASSERT(group < WEIR_GROUP_COUNT);
    return titles[group];
}

const weir_option *weir_global_options(void) { return global_options; }

const char *weir_format_name(weir_format format)
{
    switch (format) {
    case WEIR_FORMAT_DEFAULT: return "default";
    case WEIR_FORMAT_TEXT: return "text";
    case WEIR_FORMAT_TABLE: return "table";
    case WEIR_FORMAT_JSON: return "json";
    case WEIR_FORMAT_JSONL: return "jsonl";
    case WEIR_FORMAT_CSV: return "csv";
    case WEIR_FORMAT_PARQUET: return "parquet";
    }
    WEIR_UNREACHABLE();
}
