/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/cli/init_from.h"
#include "ops/runtime/file.h"

/* The files of docs/examples/card-fraud, carried in the program (ops/cli/CMakeLists.txt). */
static const char definitions[] = {
#include "init_card_weir.inc"
};
static const char schema[] = {
#include "init_tx_avsc.inc"
};
static const char settings[] = {
#include "init_weir_yaml.inc"
};
static const unsigned char model[] = {
#include "init_model_onnx.inc"
};

typedef struct template_file {
    const char *path;
    const void *bytes;
    size_t size;
} template_file;

/* The arrays end with a 0 that is no part of the file. */
static const template_file files[] = {
    {"weir.yaml", settings, sizeof settings - 1},
    {"card.weir", definitions, sizeof definitions - 1},
    {"schemas/pay.Tx.avsc", schema, sizeof schema - 1},
    {"models/card_fraud.onnx", model, sizeof model - 1},
};
enum { FILE_COUNT = sizeof files / sizeof files[0] };

static const weir_option options[] = {
    {"from", 0, "FILE", "guess the schema from these events (.csv, .jsonl, .avro or .parquet)",
     false},
    {0},
};

static weir_error *write_project(weir_cli *cli, const char *folder, const template_file *written,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *path = weir_arena_printf(&cli->arena, "%s/%s", folder, written[i].path);
        if (weir_file_exists(path)) {
            return weir_error_new(
                WEIR_E_CANT_CREATE,
                "%s is there already; weir init overwrites nothing: choose an empty folder", path);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = weir_arena_printf(&cli->arena, "%s/%s", folder, written[i].path);
        const char *slash = strrchr(path, '/');
        WEIR_TRY(weir_dir_make(weir_arena_string(&cli->arena, path, (size_t)(slash - path))));
        WEIR_TRY(weir_file_write(path, written[i].bytes, written[i].size));
        if (!cli->is_quiet) (void)printf("%s\n", path);
    }
    return NULL;
}

static weir_error *write_guessed(weir_cli *cli, const char *folder, const char *from)
{
    weir_init_texts texts;
    weir_error *error = weir_init_from(cli, from, &texts);
    if (error == NULL) {
        const template_file guessed[] = {
            files[0],
            {texts.definition_path, texts.definition.data, texts.definition.size},
            {texts.schema_path, texts.schema.data, texts.schema.size},
        };
        error = write_project(cli, folder, guessed, sizeof guessed / sizeof *guessed);
    }
    weir_buffer_deinit(&texts.definition);
    weir_buffer_deinit(&texts.schema);
    if (error == NULL)
        weir_cli_note(cli, "next: weir -C %s check, weir -C %s eval --events %s", folder, folder,
                      from);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    const char *folder = cli->argument_count > 0 ? weir_cli_path(cli, cli->arguments[0]) : ".";
    const char *from = weir_cli_option(cli, "from");
    if (from != NULL) return write_guessed(cli, folder, weir_cli_path(cli, from));
    WEIR_TRY(write_project(cli, folder, files, FILE_COUNT));
    weir_cli_note(cli, "next: cd %s, then `weir check`, `weir test`, `weir explain`", folder);
    return NULL;
}

const weir_command weir_command_init = {
    .name = "init",
    .group = WEIR_GROUP_PROJECT,
    .summary = "Make a project folder with a small working example",
    .arguments = "[DIR]",
    .help =
        "Writes weir.yaml, a definition, its schema and a model. Files that are there already "
        "are never overwritten.\n\n"
        "With --from, the schema is guessed from every row of the file, a definition counts its "
        "events and sums its\n"
        "numbers, and `weir eval --events FILE` evaluates it.",
    .options = options,
    .arguments_max = 1,
    .run = run,
};
