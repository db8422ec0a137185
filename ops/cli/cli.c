/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/help.h"
#include "ops/cli/settings.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/signal.h"
#include "ops/runtime/utf8.h"

static const weir_option *option_of(const weir_cli *cli, const char *name)
{
    const weir_option *option = weir_option_find(cli->command->options, name);
    if (option == NULL) option = weir_option_find(weir_global_options(), name);
    WEIR_ASSERT(option != NULL);
    return option;
}

const char *weir_cli_option_at(const weir_cli *cli, const char *name, size_t index)
{
    const weir_option *option = option_of(cli, name);
    WEIR_ASSERT(option->argument != NULL);
    for (size_t i = 0; i < cli->value_count; i++)
        if (cli->values[i].option == option && index-- == 0) return cli->values[i].value;
    return NULL;
}

const char *weir_cli_option(const weir_cli *cli, const char *name)
{
    return weir_cli_option_at(cli, name, 0);
}

bool weir_cli_flag(const weir_cli *cli, const char *name)
{
    const weir_option *option = option_of(cli, name);
    for (size_t i = 0; i < cli->value_count; i++)
        if (cli->values[i].option == option) return true;
    return false;
}

weir_error *weir_cli_int(const weir_cli *cli, const char *name, int64_t least, int64_t most,
                         int64_t *value)
{
    const char *text = weir_cli_option(cli, name);
    if (text == NULL) return NULL;
    errno = 0;
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most)
        return weir_error_new(WEIR_E_USAGE, "--%s is `%s`, wants a whole number from %lld to %lld",
                              name, text, (long long)least, (long long)most);
    *value = number;
    return NULL;
}

const char *weir_cli_path(weir_cli *cli, const char *path)
{
    if (path[0] == '/' || strcmp(path, "-") == 0 || strcmp(cli->project_dir, ".") == 0) return path;
    const char *here = weir_arena_printf(&cli->arena, "%s/%s", cli->start_dir, path);
    return access(here, F_OK) != 0 && access(path, F_OK) == 0 ? path : here;
}

bool weir_cli_has_color(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_color != NULL && no_color[0] != '\0') return false;
    if (terminal != NULL && strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(stream)) == 1;
}

void weir_cli_report(const weir_error *error)
{
    bool color = weir_cli_has_color(stderr);
    (void)fprintf(stderr, "%serror[%s]%s: %s\n", color ? "\033[1;31m" : "",
                  weir_error_name(weir_error_code_of(error)), color ? "\033[0m" : "",
                  weir_error_message(error));
}

void weir_cli_note(const weir_cli *cli, const char *format, ...)
{
    if (cli->is_quiet) return;
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size < 0) return;
    weir_text_clean(text, (size_t)size);
    (void)fprintf(stderr, "%s\n", text);
    free(text);
}

static weir_error *enter_project(weir_cli *cli)
{
    char *here = getcwd(NULL, 0);
    cli->start_dir = weir_arena_printf(&cli->arena, "%s", here == NULL ? "." : here);
    free(here);
    if (strcmp(cli->project_dir, ".") == 0 || chdir(cli->project_dir) == 0) return NULL;
    return weir_error_new(errno == EACCES ? WEIR_E_PERMISSION : WEIR_E_NO_INPUT,
                          "the project folder %s can not be entered: %s", cli->project_dir,
                          strerror(errno));
}

static weir_error *run(weir_cli *cli)
{
    if (cli->wants_version) {
        (void)puts("weir " WEIR_VERSION);
        return NULL;
    }
    if (cli->command == NULL || cli->wants_help) {
        weir_help_print(cli->command, stdout);
        return NULL;
    }
    WEIR_TRY(weir_cli_check_assignments(cli));
    WEIR_TRY(enter_project(cli));
    if (cli->command->is_long_running) weir_signals_install();
    return cli->command->run(cli);
}

/* Whether stdout has lost its reader. errno does not tell: the write that failed may be long ago. */
static bool is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/*
 * A result that did not reach its reader is a failure, unless the reader went away on purpose (`|
 * head`, Ctrl-C): then what failed on the way to it is no news to anybody. Takes the command's
 * error, and returns what is to be told.
 */
static weir_error *flush_results(weir_error *error)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return error;
    if (is_reader_gone()) {
        if (error == NULL || weir_error_code_of(error) != WEIR_E_IO) return error;
        weir_error_free(error);
        return NULL;
    }
    if (error != NULL) return error;
    return weir_error_new(errno == ENOSPC ? WEIR_E_DISK_FULL : WEIR_E_IO, "writing the results: %s",
                          errno == 0 ? "the output refused them" : strerror(errno));
}

int weir_cli_main(int argc, const char *const *argv)
{
    weir_cli cli = {.project_dir = "."};
    weir_signals_end_bugs();
    weir_signals_ignore_pipe(); /* a reader who goes away is seen where it is written to */
    weir_error *error = weir_cli_parse(&cli, argc, argv);
    bool said_nothing =
        error == NULL && cli.command == NULL && !cli.wants_help && !cli.wants_version;
    if (error == NULL) error = run(&cli);
    error = flush_results(error);
    int code = error != NULL ? weir_error_exit_code(error) : said_nothing ? 64 : cli.exit_code;
    if (error != NULL) weir_cli_report(error);
    weir_error_free(error);
    weir_arena_deinit(&cli.arena);
    return code;
}
