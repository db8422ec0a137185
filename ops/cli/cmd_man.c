/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/help.h"

static const weir_option options[] = {
    {"out", 0, "DIR", "write weir.1 and weir-COMMAND.1 into DIR, which must exist", false},
    {0},
};

static weir_error *write_page(weir_cli *cli, const char *dir, const weir_command *command)
{
    const char *path =
        weir_arena_printf(&cli->arena, "%s/weir%s%s.1", dir, command == NULL ? "" : "-",
                          command == NULL ? "" : command->name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return weir_error_new(WEIR_E_CANT_CREATE, "%s can not be created: %s", path,
                              strerror(errno));
    weir_man_print(command, file);
    if (fclose(file) != 0)
        return weir_error_new(WEIR_E_IO, "writing %s: %s", path, strerror(errno));
    return NULL;
}

static weir_error *write_all(weir_cli *cli, const char *dir)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    WEIR_TRY(write_page(cli, dir, NULL));
    for (size_t i = 0; i < count; i++)
        WEIR_TRY(write_page(cli, dir, commands[i]));
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    const char *dir = weir_cli_option(cli, "out");
    if (dir != NULL) return write_all(cli, weir_cli_path(cli, dir));
    const weir_command *command = NULL;
    if (cli->argument_count == 1) {
        command = weir_command_find(cli->arguments[0]);
        if (command == NULL) return weir_cli_no_command(cli->arguments[0]);
    }
    weir_man_print(command, stdout);
    return NULL;
}

const weir_command weir_command_man = {
    .name = "man",
    .group = WEIR_GROUP_HELP,
    .summary = "Print a manual page in roff (weir man | man -l -)",
    .arguments = "[COMMAND]",
    .options = options,
    .arguments_max = 1,
    .run = run,
};
