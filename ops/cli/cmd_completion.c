/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/help.h"

static weir_error *run(weir_cli *cli)
{
    const char *shell = cli->arguments[0];
    if (strcmp(shell, "bash") == 0)
        weir_completion_bash(stdout);
    else if (strcmp(shell, "zsh") == 0)
        weir_completion_zsh(stdout);
    else if (strcmp(shell, "fish") == 0)
        weir_completion_fish(stdout);
    else
        return weir_error_new(WEIR_E_USAGE, "no completion for `%s`; wants bash, zsh or fish",
                              shell);
    return NULL;
}

const weir_command weir_command_completion = {
    .name = "completion",
    .group = WEIR_GROUP_HELP,
    .summary = "Print the completion script of a shell",
    .arguments = "bash|zsh|fish",
    .help = "Bash: eval \"$(weir completion bash)\". Zsh and fish: save it where they look for "
            "functions.\n"
            "`cmake --install` puts all three where each shell finds them.",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
