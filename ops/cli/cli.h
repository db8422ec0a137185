/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what a command is given.
 *
 * The parser has already checked the command line against the command's row: options exist, have
 * their values, and the number of words fits. A command asks for what it wants, prints results on
 * stdout and progress on stderr, and returns an error or NULL; whoever called it prints the error
 * and exits with its code. A command that has told its own story (say, twenty diagnostics) sets
 * `exit_code` and returns NULL.
 *
 * `-C DIR` changes the working folder before the command runs, so every relative path of the
 * project (weir.yaml, schemas/, state) just works; paths that the user typed go through
 * weir_cli_path() first, which reads them from where he stands.
 *
 * Owns:    the arena, everything handed out lives until the process ends.
 * Threads: main thread.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "ops/cli/command_table.h"
#include "ops/runtime/arena.h"
#include "ops/runtime/nearest.h"

enum { WEIR_CLI_OPTIONS_MAX = 256 };

typedef struct weir_cli_value {
    const weir_option *option;
    const char *value; /* NULL where the option takes none */
} weir_cli_value;

typedef struct weir_cli {
    const weir_command *command; /* NULL before its name was seen                     */
    weir_format format;          /* -o, or WEIR_FORMAT_DEFAULT                        */
    bool is_quiet;               /* -q                                                */
    bool wants_help;             /* -h                                                */
    bool wants_version;          /* --version                                         */
    const char *project_dir;     /* what -C named, else "."; already the working folder */
    const char *start_dir;       /* where the user stands                             */
    const char **arguments;      /* the words, without options                        */
    size_t argument_count;       /* of them                                           */
    int exit_code;               /* where no error is returned                        */
    weir_arena arena;            /* for the life of the process                       */
    weir_cli_value values[WEIR_CLI_OPTIONS_MAX];
    size_t value_count;
} weir_cli;

/* Parses. Fails with E0001 and the nearest name. Does not change the folder. */
weir_error *weir_cli_parse(weir_cli *cli, int argc, const char *const *argv);

/* There is none of that name; says which is nearest. */
weir_error *weir_cli_no_command(const char *name);
/* There is no `what` of the name that was looked for (E0001), but perhaps one that is near. */
weir_error *weir_cli_none_named(const char *what, const weir_nearest *nearest);

/* The whole program: parse, run, report. Returns the exit code. */
int weir_cli_main(int argc, const char *const *argv);

/* Options by long name; the name must stand in the command's row (asserted). */
bool weir_cli_flag(const weir_cli *cli, const char *name);
const char *weir_cli_option(const weir_cli *cli, const char *name); /* NULL if not given */
const char *weir_cli_option_at(const weir_cli *cli, const char *name,
                               size_t index); /* NULL past the last */
/* A whole number within bounds; `*value` keeps what it holds where the option was not given. */
weir_error *weir_cli_int(const weir_cli *cli, const char *name, int64_t least, int64_t most,
                         int64_t *value);

/* A path that the user typed: from where he stands, or, if only that exists, from the project. */
const char *weir_cli_path(weir_cli *cli, const char *path);

/* Errors and notes to stderr: "error[E0004]: ..." in colour on a terminal without NO_COLOR. */
void weir_cli_report(const weir_error *error);
bool weir_cli_has_color(FILE *stream);
/* Progress for people: one line on stderr, nothing under -q. */
__attribute__((format(printf, 2, 3))) void weir_cli_note(const weir_cli *cli, const char *format,
                                                         ...);
