/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, checked against the tables: `weir [global options] COMMAND [options and words
 * in any order]`.
 * `--name VALUE`, `--name=VALUE`, `-x VALUE`, `-xVALUE`; letters without values may be joined; `--`
 * ends the options; `-` alone is a word. Negative numbers after an option that takes a value are
 * its value.
 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/help.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/nearest.h"

typedef struct cursor {
    const char *const *argv;
    int argc, next;
} cursor;

weir_error *weir_cli_no_command(const char *name)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    weir_nearest nearest = weir_nearest_of(name);
    for (size_t i = 0; i < count; i++)
        weir_nearest_offer(&nearest, commands[i]->name);
    if (nearest.name != NULL)
        return weir_error_new(WEIR_E_USAGE, "there is no command `%s`; did you mean `%s`?", name,
                              nearest.name);
    return weir_error_new(WEIR_E_USAGE, "there is no command `%s`; `weir help` lists them", name);
}

weir_error *weir_cli_none_named(const char *what, const weir_nearest *nearest)
{
    if (nearest->name != NULL)
        return weir_error_new(WEIR_E_USAGE, "there is no %s `%s`; did you mean `%s`?", what,
                              nearest->word, nearest->name);
    return weir_error_new(WEIR_E_USAGE, "there is no %s `%s`", what, nearest->word);
}

static const char *command_word(const weir_cli *cli)
{
    return cli->command == NULL ? "" : cli->command->name;
}

static weir_error *unknown_option(const weir_cli *cli, const char *written, const char *name)
{
    weir_nearest nearest = weir_nearest_of(name);
    const weir_option *lists[] = {cli->command == NULL ? NULL : cli->command->options,
                                  weir_global_options()};
    for (size_t i = 0; i < 2; i++)
        for (const weir_option *option = lists[i]; option != NULL && option->name != NULL; option++)
            weir_nearest_offer(&nearest, option->name);
    const char *space = cli->command == NULL ? "" : " ";
    if (nearest.name != NULL)
        return weir_error_new(WEIR_E_USAGE, "weir%s%s has no option %s; did you mean --%s?", space,
                              command_word(cli), written, nearest.name);
    return weir_error_new(WEIR_E_USAGE, "weir%s%s has no option %s; `weir help%s%s` lists them",
                          space, command_word(cli), written, space, command_word(cli));
}

const weir_option *weir_option_find(const weir_option *options, const char *name)
{
    for (const weir_option *option = options; option != NULL && option->name != NULL; option++)
        if (strcmp(option->name, name) == 0) return option;
    return NULL;
}

static const weir_option *find_letter(const weir_option *options, char letter)
{
    for (const weir_option *option = options; option != NULL && option->name != NULL; option++)
        if (option->letter == letter) return option;
    return NULL;
}

static weir_error *set_format(weir_cli *cli, const char *name)
{
    for (unsigned bit = WEIR_FORMAT_TEXT; bit <= WEIR_FORMAT_PARQUET; bit <<= 1) {
        if (strcmp(weir_format_name((weir_format)bit), name) != 0) continue;
        cli->format = (weir_format)bit;
        return NULL;
    }
    return weir_error_new(WEIR_E_USAGE,
                          "-o %s is unknown; wants text, table, json, jsonl, csv or parquet", name);
}

/* Global options have a field each; `--set` stays in the list, for the settings to read. */
static weir_error *set_global(weir_cli *cli, const weir_option *option, const char *value)
{
    const weir_option *globals = weir_global_options();
    if (option < globals || weir_option_find(globals, option->name) != option) return NULL;
    if (strcmp(option->name, "directory") == 0) cli->project_dir = value;
    if (strcmp(option->name, "output") == 0) return set_format(cli, value);
    if (strcmp(option->name, "quiet") == 0) cli->is_quiet = true;
    if (strcmp(option->name, "help") == 0) cli->wants_help = true;
    if (strcmp(option->name, "version") == 0) cli->wants_version = true;
    return NULL;
}

static weir_error *add_value(weir_cli *cli, const weir_option *option, const char *value)
{
    for (size_t i = 0; i < cli->value_count && !option->may_repeat && option->argument != NULL; i++)
        if (cli->values[i].option == option)
            return weir_error_new(WEIR_E_USAGE, "--%s is given twice", option->name);
    if (cli->value_count == WEIR_CLI_OPTIONS_MAX)
        return weir_error_new(WEIR_E_USAGE, "more than %d options", WEIR_CLI_OPTIONS_MAX);
    cli->values[cli->value_count++] = (weir_cli_value){option, value};
    return set_global(cli, option, value);
}

static weir_error *take_value(weir_cli *cli, cursor *at, const weir_option *option,
                              const char *joined)
{
    if (option->argument == NULL) return add_value(cli, option, NULL);
    if (joined != NULL) return add_value(cli, option, joined);
    if (at->next == at->argc)
        return weir_error_new(WEIR_E_USAGE, "--%s wants a value: --%s %s", option->name,
                              option->name, option->argument);
    return add_value(cli, option, at->argv[at->next++]);
}

static weir_error *parse_long(weir_cli *cli, cursor *at, const char *written)
{
    const char *equals = strchr(written, '=');
    size_t length = equals == NULL ? strlen(written) : (size_t)(equals - written);
    const char *name = weir_arena_string(&cli->arena, written + 2, length - 2);
    const weir_option *option =
        cli->command == NULL ? NULL : weir_option_find(cli->command->options, name);
    if (option == NULL) option = weir_option_find(weir_global_options(), name);
    if (option == NULL) return unknown_option(cli, written, name);
    if (equals != NULL && option->argument == NULL)
        return weir_error_new(WEIR_E_USAGE, "--%s takes no value", name);
    return take_value(cli, at, option, equals == NULL ? NULL : equals + 1);
}

static weir_error *parse_letters(weir_cli *cli, cursor *at, const char *written)
{
    for (const char *letter = written + 1; *letter != '\0'; letter++) {
        const weir_option *option =
            cli->command == NULL ? NULL : find_letter(cli->command->options, *letter);
        if (option == NULL) option = find_letter(weir_global_options(), *letter);
        if (option == NULL) return unknown_option(cli, written, written + 1);
        if (option->argument != NULL)
            return take_value(cli, at, option, letter[1] == '\0' ? NULL : letter + 1);
        WEIR_TRY(add_value(cli, option, NULL));
    }
    return NULL;
}

static weir_error *parse_word(weir_cli *cli, const char *word)
{
    if (cli->command == NULL) {
        cli->command = weir_command_find(word);
        return cli->command == NULL ? weir_cli_no_command(word) : NULL;
    }
    cli->arguments[cli->argument_count++] = word;
    return NULL;
}

static weir_error *format_refused(const weir_command *command, weir_format format)
{
    char can[128] = "";
    for (unsigned bit = WEIR_FORMAT_TEXT; bit <= WEIR_FORMAT_PARQUET; bit <<= 1) {
        if ((command->formats & bit) == 0) continue;
        size_t used = strlen(can);
        (void)snprintf(can + used, sizeof can - used, "%s%s", used == 0 ? "; it can print " : ", ",
                       weir_format_name((weir_format)bit));
    }
    return weir_error_new(WEIR_E_USAGE, "weir %s can not print %s%s", command->name,
                          weir_format_name(format), can[0] == '\0' ? "; it takes no -o" : can);
}

static weir_error *check_words(const weir_cli *cli)
{
    const weir_command *command = cli->command;
    if (command == NULL || cli->wants_help || cli->wants_version) return NULL;
    if (cli->argument_count < command->arguments_min)
        return weir_error_new(WEIR_E_USAGE, "weir %s wants more: weir %s %s", command->name,
                              command->name, command->arguments);
    if (cli->argument_count > command->arguments_max && command->arguments_max == 0)
        return weir_error_new(
            WEIR_E_USAGE,
            "weir %s does not know what to do with `%s`: it takes options only; the project is "
            "the folder it runs in, or -C DIR",
            command->name, cli->arguments[0]);
    if (cli->argument_count > command->arguments_max)
        return weir_error_new(
            WEIR_E_USAGE, "weir %s does not know what to do with `%s`: weir %s %s", command->name,
            cli->arguments[command->arguments_max], command->name, command->arguments);
    if (cli->format != WEIR_FORMAT_DEFAULT && (command->formats & (unsigned)cli->format) == 0)
        return format_refused(command, cli->format);
    return NULL;
}

weir_error *weir_cli_parse(weir_cli *cli, int argc, const char *const *argv)
{
    WEIR_ASSERT(argc >= 0);
    cli->arguments = weir_arena_array(&cli->arena, const char *, (size_t)argc + 1);
    bool only_words = false;
    cursor at = {argv, argc, 1};
    while (at.next < argc) {
        const char *written = argv[at.next++];
        if (only_words || written[0] != '-' || written[1] == '\0') {
            WEIR_TRY(parse_word(cli, written));
        } else if (strcmp(written, "--") == 0) {
            only_words = true;
        } else if (written[1] == '-') {
            WEIR_TRY(parse_long(cli, &at, written));
        } else {
            WEIR_TRY(parse_letters(cli, &at, written));
        }
    }
    return check_words(cli);
}
