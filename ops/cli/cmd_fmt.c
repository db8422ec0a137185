/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compute/lang/lang.h"
#include "ops/cli/cli.h"
#include "ops/runtime/file.h"

enum { FILES_MAX = 10000 };

static const weir_option options[] = {
    {"check", 0, NULL, "change nothing; leave with 1 and name the files that are not in the layout",
     false},
    {0},
};

static void print_diagnostics(const weir_compilation *result, const weir_source_text *source)
{
    weir_buffer out = {0};
    for (size_t i = 0; i < result->diagnostic_count; i++)
        weir_diagnostic_print(&result->diagnostics[i], source, weir_cli_has_color(stderr), &out);
    if (out.size > 0) (void)fwrite(out.data, 1, out.size, stderr);
    weir_buffer_deinit(&out);
}

/* Formats one text. *parsed_out is false if it has mistakes, which are printed. */
static void format(const weir_source_text *source, weir_buffer *out, bool *parsed_out)
{
    weir_compilation *result = weir_lang_format(source, out);
    *parsed_out = result->diagnostic_count == 0;
    print_diagnostics(result, source);
    weir_compilation_destroy(result);
}

static weir_error *read_all_of_stdin(weir_buffer *text)
{
    char chunk[8192];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, stdin)) > 0;) {
        weir_buffer_put(text, chunk, got);
        if (text->size > WEIR_LANG_TEXT_BYTES_MAX)
            return weir_error_new(WEIR_E_LIMIT, "the text on stdin is larger than 4 MiB; split it");
    }
    return NULL;
}

static weir_error *format_stdin(weir_cli *cli)
{
    weir_buffer text = {0}, out = {0};
    weir_error *error = NULL;
    bool parsed = false;
    WEIR_TRY_OUT(read_all_of_stdin(&text));
    weir_source_text source = {"stdin", text.size == 0 ? "" : (const char *)text.data, text.size};
    format(&source, &out, &parsed);
    if (!parsed) {
        cli->exit_code = 65;
    } else if (weir_cli_flag(cli, "check")) {
        bool same = out.size == text.size && memcmp(out.data, text.data, out.size) == 0;
        if (!same) cli->exit_code = 1;
    } else {
        if (out.size > 0) (void)fwrite(out.data, 1, out.size, stdout);
    }
out:
    weir_buffer_deinit(&text);
    weir_buffer_deinit(&out);
    return error;
}

/* A link stays a link: what it leads to is written. */
static weir_error *rewrite(const char *path, const weir_buffer *text)
{
    char *real = realpath(path, NULL);
    if (real == NULL) return weir_error_of_errno(errno, "following", path);
    weir_error *error = weir_file_write(real, text->data, text->size);
    free(real);
    return error;
}

static weir_error *format_file(weir_cli *cli, const char *path)
{
    weir_bytes bytes;
    bool parsed = false;
    WEIR_TRY(weir_file_read(path, WEIR_LANG_TEXT_BYTES_MAX, &cli->arena, &bytes));
    weir_source_text source = {path, bytes.size == 0 ? "" : (const char *)bytes.data, bytes.size};
    weir_buffer out = {0};
    weir_error *error = NULL;
    format(&source, &out, &parsed);
    bool same = parsed && out.size == bytes.size && memcmp(out.data, bytes.data, out.size) == 0;
    if (!parsed) {
        cli->exit_code = 65;
    } else if (!same && weir_cli_flag(cli, "check")) {
        (void)printf("%s\n", path);
        if (cli->exit_code == 0) cli->exit_code = 1;
    } else if (!same) {
        error = rewrite(path, &out);
        if (error == NULL) weir_cli_note(cli, "formatted %s", path);
    }
    weir_buffer_deinit(&out);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    if (cli->argument_count == 1 && strcmp(cli->arguments[0], "-") == 0) return format_stdin(cli);
    for (size_t i = 0; i < cli->argument_count; i++)
        WEIR_TRY(format_file(cli, weir_cli_path(cli, cli->arguments[i])));
    if (cli->argument_count > 0) return NULL;
    const char *const *names = NULL;
    size_t count = 0;
    WEIR_TRY(weir_dir_list(".", ".weir", FILES_MAX, &cli->arena, &names, &count));
    for (size_t i = 0; i < count; i++)
        WEIR_TRY(format_file(cli, names[i]));
    return NULL;
}

const weir_command weir_command_fmt = {
    .name = "fmt",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Bring definitions into their canonical layout",
    .arguments = "[FILE... | -]",
    .help = "Rewrites the named files, or all .weir files of the folder, in place; `-` reads stdin "
            "and writes stdout. Comments "
            "and meaning stay. A text that does not parse is left alone and its mistakes are "
            "printed (65).",
    .options = options,
    .arguments_max = WEIR_ARGUMENTS_MANY,
    .run = run,
};
