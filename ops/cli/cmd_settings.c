/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/listing.h"
#include "ops/cli/settings.h"
#include "ops/runtime/json.h"
#include "ops/runtime/metrics.h"

static const weir_option options[] = {
    {"reference", 0, NULL, "print the reference page: every setting with kind, bounds and meaning",
     false},
    {"metrics", 0, NULL, "print the reference page of the metrics", false},
    {0},
};

static void print_json(const weir_config *config)
{
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out, .pretty = true};
    weir_json_write_begin(&writer, '{');
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++) {
        weir_setting setting = (weir_setting)i;
        weir_json_write_key(&writer, weir_setting_row_of(setting)->key);
        weir_json_write_begin(&writer, '{');
        weir_json_write_key(&writer, "value");
        weir_json_write_text(&writer, weir_config_written(config, setting));
        weir_json_write_key(&writer, "origin");
        weir_json_write_text(&writer, weir_config_origin(config, setting));
        weir_json_write_end(&writer, '}');
    }
    weir_json_write_end(&writer, '}');
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)fputc('\n', stdout);
    weir_buffer_deinit(&out);
}

static void print_table(const weir_config *config)
{
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++) {
        weir_setting setting = (weir_setting)i;
        (void)printf("%-22s %-28s %s\n", weir_setting_row_of(setting)->key,
                     weir_config_written(config, setting), weir_config_origin(config, setting));
    }
    for (size_t i = 0; i < weir_config_kafka_count(config); i++) {
        const char *key = NULL, *value = NULL;
        weir_config_kafka_at(config, i, &key, &value);
        (void)printf("kafka.%-16s %s\n", key, strstr(key, "password") != NULL ? "********" : value);
    }
}

static void print_rows(weir_cli *cli, const weir_config *config)
{
    static const char *const columns[] = {"setting", "value", "origin"};
    weir_listing list = weir_listing_begin(cli, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < WEIR_SETTING_COUNT; i++) {
        weir_listing_text(&list, weir_setting_row_of((weir_setting)i)->key);
        weir_listing_text(&list, weir_config_written(config, (weir_setting)i));
        weir_listing_text(&list, weir_config_origin(config, (weir_setting)i));
    }
    weir_listing_end(&list);
}

static weir_error *run(weir_cli *cli)
{
    if (weir_cli_flag(cli, "reference")) {
        weir_config_print_reference(stdout);
        return NULL;
    }
    if (weir_cli_flag(cli, "metrics")) {
        weir_metrics_print_reference(stdout);
        return NULL;
    }
    weir_config *config = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    if (cli->format == WEIR_FORMAT_JSON)
        print_json(config);
    else if (cli->format == WEIR_FORMAT_JSONL || cli->format == WEIR_FORMAT_CSV)
        print_rows(cli, config);
    else
        print_table(config);
    weir_config_destroy(config);
    return NULL;
}

const weir_command weir_command_settings = {
    .name = "settings",
    .group = WEIR_GROUP_PROJECT,
    .summary = "Print every setting, its value here and where that comes from",
    .arguments = "",
    .help = "A value is taken from the first of --set key=value, the environment (WEIR_KEY), "
            "weir.yaml, the default.",
    .options = options,
    .formats = WEIR_FORMATS_OF_LISTINGS,
    .run = run,
};
