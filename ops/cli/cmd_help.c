/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/cli.h"
#include "ops/cli/help.h"

static weir_error *run(weir_cli *cli)
{
    const weir_command *command = NULL;
    if (cli->argument_count == 1) {
        command = weir_command_find(cli->arguments[0]);
        if (command == NULL) return weir_cli_no_command(cli->arguments[0]);
    }
    weir_help_print(command, stdout);
    return NULL;
}

const weir_command weir_command_help = {
    .name = "help",
    .group = WEIR_GROUP_HELP,
    .summary = "List the commands, or tell all about one",
    .arguments = "[COMMAND]",
    .arguments_max = 1,
    .run = run,
};
