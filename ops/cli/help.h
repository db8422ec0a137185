/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.h - the table of commands, printed: help, manual pages, shell completions.
 *
 * Everything comes from the rows, so a new command is documented the moment it exists.
 */
#pragma once

#include <stdio.h>

#include "ops/cli/command_table.h"

const weir_option *weir_option_find(const weir_option *options, const char *name); /* or NULL */

/* The list of commands where `command` is NULL, else all about one. */
void weir_help_print(const weir_command *command, FILE *to);
/* A page in roff: weir(1) or weir-check(1). */
void weir_man_print(const weir_command *command, FILE *to);
void weir_completion_bash(FILE *to);
void weir_completion_zsh(FILE *to);
void weir_completion_fish(FILE *to);
