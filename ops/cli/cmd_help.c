/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/cli.h"
#include "ops/cli/help.h"
#include "ops/runtime/nearest.h"

static weir_error *run(weir_cli *cli)
{
    const weir_command *command = NULL;
    if (cli->argument_count == 1) {
        command = weir_command_find(cli->arguments[0]);
        if (command == NULL) {
            size_t count = 0;
            const weir_command *const *commands = weir_commands(&count);
            weir_nearest nearest = weir_nearest_of(cli->arguments[0]);
            for (size_t i = 0; i < count; i++)
                weir_nearest_offer(&nearest, commands[i]->name);
            return weir_error_new(WEIR_E_USAGE, "there is no command `%s`; did you mean `%s`?",
                                  cli->arguments[0], nearest.name == NULL ? "help" : nearest.name);
        }
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
