/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/help.h"

#include <string.h>

#include "ops/runtime/assert.h"

static void print_formats(unsigned formats, FILE *to)
{
    const char *comma = "";
    for (unsigned bit = WEIR_FORMAT_TEXT; bit <= WEIR_FORMAT_PARQUET; bit <<= 1) {
        if ((formats & bit) == 0) continue;
        (void)fprintf(to, "%s%s", comma, weir_format_name((weir_format)bit));
        comma = ", ";
    }
}

/* "  -o, --output FORMAT    form of the answer"; a long left side takes a line of its own. */
static void print_option(const weir_option *option, FILE *to)
{
    char left[128] = "      ";
    if (option->letter != 0) (void)snprintf(left, sizeof left, "  -%c, ", option->letter);
    size_t used = strlen(left);
    (void)snprintf(left + used, sizeof left - used, "--%s%s%s", option->name,
                   option->argument == NULL ? "" : " ",
                   option->argument == NULL ? "" : option->argument);
    (void)fprintf(to, "%-28s%s%s%s\n", left,
                  strlen(left) > 27 ? "\n                            " : "", option->help,
                  option->may_repeat ? "; may be given again" : "");
}

static void print_options(const weir_option *options, FILE *to)
{
    for (const weir_option *option = options; option != NULL && option->name != NULL; option++)
        print_option(option, to);
}

static void print_command(const weir_command *command, FILE *to)
{
    bool has_options = command->options != NULL && command->options->name != NULL;
    (void)fprintf(to, "%s\n\nUsage: weir %s%s%s%s\n", command->summary, command->name,
                  has_options ? " [OPTIONS]" : "", command->arguments[0] == '\0' ? "" : " ",
                  command->arguments);
    if (command->help != NULL) (void)fprintf(to, "\n%s\n", command->help);
    if (has_options) (void)fputs("\nOptions:\n", to);
    print_options(command->options, to);
    if (command->formats != 0) {
        (void)fputs("\nForms of the answer (-o): ", to);
        print_formats(command->formats, to);
        (void)fputc('\n', to);
    }
    (void)fputs("\nEverywhere:\n", to);
    print_options(weir_global_options(), to);
}

static void print_group(weir_command_group group, FILE *to)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->group != group || commands[i]->is_hidden) continue;
        if (is_first) (void)fprintf(to, "\n%s:\n", weir_command_group_title(group));
        is_first = false;
        (void)fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
}

void weir_help_print(const weir_command *command, FILE *to)
{
    if (command != NULL) {
        print_command(command, to);
        return;
    }
    (void)fputs("weir " WEIR_VERSION " - a streaming feature store and online scorer\n\n"
                "Usage: weir COMMAND [OPTIONS] [...]\n",
                to);
    for (weir_command_group group = 0; group < WEIR_GROUP_COUNT; group++)
        print_group(group, to);
    (void)fputs("\nEverywhere:\n", to);
    print_options(weir_global_options(), to);
    (void)fputs("\n`weir help COMMAND` tells more about one.\n", to);
}
