/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the settings as a command sees them.
 *
 * Reads `--set`, the environment and weir.yaml of the project folder, and sets the log level.
 *
 * Owns:    the caller destroys the config (weir_config_destroy).
 */
#pragma once

#include "ops/cli/cli.h"
#include "ops/runtime/config.h"

weir_error *weir_cli_settings(const weir_cli *cli, weir_config **config_out);
/* Is every `--set` a setting? Also where the command needs none. */
weir_error *weir_cli_check_assignments(const weir_cli *cli);
