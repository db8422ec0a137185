/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/settings.h"

#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

static weir_error *add_assignments(const weir_cli *cli, weir_config *config)
{
    const char *assignment = NULL;
    for (size_t i = 0; (assignment = weir_cli_option_at(cli, "set", i)) != NULL; i++)
        WEIR_TRY(weir_config_add_assignment(config, assignment));
    return NULL;
}

static weir_error *load(const weir_cli *cli, weir_config *config)
{
    WEIR_TRY(weir_config_add_file(config, "weir.yaml"));
    WEIR_TRY(weir_config_add_environment(config, (const char *const *)environ));
    return add_assignments(cli, config);
}

weir_error *weir_cli_check_assignments(const weir_cli *cli)
{
    weir_config *config = weir_config_create();
    weir_error *error = add_assignments(cli, config);
    weir_config_destroy(config);
    return error;
}

weir_error *weir_cli_settings(const weir_cli *cli, weir_config **config_out)
{
    weir_config *config = weir_config_create();
    weir_error *error = load(cli, config);
    if (error != NULL) {
        weir_config_destroy(config);
        return error;
    }
    weir_log_level level = WEIR_LOG_INFO;
    WEIR_ASSERT(weir_log_level_parse(weir_config_text(config, WEIR_SETTING_LOG_LEVEL), &level));
    if (cli->is_quiet && level < WEIR_LOG_WARN) level = WEIR_LOG_WARN;
    weir_logger_set_level(level);
    *config_out = config;
    return NULL;
}
