/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/help.h"

/* Roff reads a backslash, a dot at the start of a line and a plain dash in its own way. */
static void print_escaped(const char *text, FILE *to)
{
    bool at_line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (at_line_start && (*c == '.' || *c == '\'')) (void)fputs("\\&", to);
        if (*c == '\\')
            (void)fputs("\\e", to);
        else if (*c == '-')
            (void)fputs("\\-", to);
        else if (*c == '\n' && c[1] == '\n')
            (void)fputs("\n.PP", to);
        else if (*c == '\n' && c[1] == ' ')
            (void)fputs("\n.br", to);
        else
            (void)fputc(*c, to);
        if (*c == '\n' && c[1] == '\n') {
            c++;
            (void)fputc('\n', to);
        } else if (*c == '\n' && c[1] == ' ') {
            (void)fputc('\n', to);
        }
        at_line_start = *c == '\n';
    }
}

static void print_option(const weir_option *option, FILE *to)
{
    (void)fputs(".TP\n", to);
    if (option->letter != 0) (void)fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
    (void)fputs("\\fB\\-\\-", to);
    print_escaped(option->name, to);
    (void)fprintf(to, "\\fR%s\\fI%s\\fR\n", option->argument == NULL ? "" : " ",
                  option->argument == NULL ? "" : option->argument);
    print_escaped(option->help, to);
    (void)fprintf(to, "%s.\n", option->may_repeat ? "; may be given again" : "");
}

static void print_options(const weir_option *options, const char *title, FILE *to)
{
    if (options == NULL || options->name == NULL) return;
    (void)fprintf(to, ".SH %s\n", title);
    for (; options->name != NULL; options++)
        print_option(options, to);
}

static void print_command_list(FILE *to)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    (void)fputs(".SH COMMANDS\n", to);
    for (weir_command_group group = 0; group < WEIR_GROUP_COUNT; group++) {
        (void)fprintf(to, ".SS %s\n", weir_command_group_title(group));
        for (size_t i = 0; i < count; i++) {
            if (commands[i]->group != group || commands[i]->is_hidden) continue;
            (void)fprintf(to, ".TP\n\\fB%s\\fR\n", commands[i]->name);
            print_escaped(commands[i]->summary, to);
            (void)fputc('\n', to);
        }
    }
}

static void print_command(const weir_command *command, FILE *to)
{
    (void)fprintf(
        to, ".TH WEIR\\-%s 1 \"\" \"weir " WEIR_VERSION "\" \"Weir\"\n.SH NAME\nweir\\-%s \\- ",
        command->name, command->name);
    print_escaped(command->summary, to);
    (void)fprintf(to, "\n.SH SYNOPSIS\n\\fBweir %s\\fR [\\fIOPTIONS\\fR] ", command->name);
    print_escaped(command->arguments, to);
    (void)fputc('\n', to);
    if (command->help != NULL) {
        (void)fputs(".SH DESCRIPTION\n", to);
        print_escaped(command->help, to);
        (void)fputc('\n', to);
    }
    print_options(command->options, "OPTIONS", to);
    print_options(weir_global_options(), "OPTIONS EVERYWHERE", to);
    (void)fputs(".SH SEE ALSO\n\\fBweir\\fR(1)\n", to);
}

void weir_man_print(const weir_command *command, FILE *to)
{
    if (command != NULL) {
        print_command(command, to);
        return;
    }
    (void)fputs(".TH WEIR 1 \"\" \"weir " WEIR_VERSION "\" \"Weir\"\n.SH NAME\nweir \\- "
                "a streaming feature store and online scorer\n"
                ".SH SYNOPSIS\n\\fBweir\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [...]\n"
                ".SH DESCRIPTION\nWeir turns events from Kafka into features and scores. "
                "All commands act on the project folder they stand in, or on the one that "
                "\\fB\\-C\\fR names.\n",
                to);
    print_command_list(to);
    print_options(weir_global_options(), "OPTIONS", to);
    (void)fputs(".SH EXIT STATUS\n0 done; 1 a check said no; 3 a proof found a difference; 64 "
                "usage; 65 wrong data or "
                "definition; 66 a file can not be opened; 69 a service can not be reached; 70 a "
                "bug of ours; 71 out "
                "of memory; 73 can not write; 74 I/O; 75 try again; 77 permission; 78 settings.\n"
                ".SH FILES\nweir.yaml, *.weir, schemas/*.avsc, models/\n",
                to);
}
