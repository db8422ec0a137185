/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_table.h - one row per subcommand.
 *
 * A row is everything that is known about a command: the parser checks options against it, `weir
 * help`, the man pages and the shell completions print it, and `run` does it. To add a command
 * write `ops/cli/cmd_x.c` with `const weir_command weir_command_x = {...};` and name it in
 * commands.def.
 *
 * Owns:    nothing; rows are constant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ops/runtime/error.h"

struct weir_cli;

/* `weir help` prints the commands group by group. */
typedef enum weir_command_group {
    WEIR_GROUP_PROJECT,     /* start and look after a project folder       */
    WEIR_GROUP_DEFINITIONS, /* write and try definitions; needs no broker  */
    WEIR_GROUP_STREAM,      /* talks to Kafka                              */
    WEIR_GROUP_ANSWERS,     /* lookups, training data, proof               */
    WEIR_GROUP_HELP,
    WEIR_GROUP_COUNT
} weir_command_group;

/* What `-o` may say. A row lists what the command can print. */
typedef enum weir_format {
    WEIR_FORMAT_DEFAULT = 0, /* no -o was given: for people */
    WEIR_FORMAT_TEXT = 1 << 0,
    WEIR_FORMAT_TABLE = 1 << 1,
    WEIR_FORMAT_JSON = 1 << 2,
    WEIR_FORMAT_JSONL = 1 << 3,
    WEIR_FORMAT_CSV = 1 << 4,
    WEIR_FORMAT_PARQUET = 1 << 5,
} weir_format;

typedef struct weir_option {
    const char *name;     /* long name without dashes; NULL ends a list   */
    char letter;          /* short name, or 0                             */
    const char *argument; /* what to call its value; NULL: takes none     */
    const char *help;     /* half a sentence, lower case, no full stop    */
    bool may_repeat;      /* else given twice is an error                 */
} weir_option;

typedef struct weir_command {
    const char *name;
    weir_command_group group;
    const char *summary;        /* one line for the list of commands                    */
    const char *arguments;      /* for the usage line, such as "FILE [ROW]", or ""      */
    const char *help;           /* paragraphs, or NULL                                  */
    const weir_option *options; /* ends with a row whose name is NULL; or NULL for none */
    unsigned formats;           /* weir_format bits that `-o` may name; 0: none         */
    unsigned arguments_min;     /* words that must follow                               */
    unsigned arguments_max;     /* words that may follow (WEIR_ARGUMENTS_MANY)          */
    bool is_long_running;       /* looks at weir_stop_requested(): signals then drain   */
    bool is_hidden;             /* left out of the list of commands                     */
    weir_error *(*run)(struct weir_cli *cli);
} weir_command;

enum { WEIR_ARGUMENTS_MANY = 1000000 };

/* All rows in the order of commands.def; `*count_out` of them. */
const weir_command *const *weir_commands(size_t *count_out);
const weir_command *weir_command_find(const char *name); /* NULL if there is none */
const char *weir_command_group_title(weir_command_group group);
const weir_option *weir_global_options(void); /* ends with a NULL name */
const char *weir_format_name(weir_format format);
