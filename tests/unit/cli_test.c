/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/cli/cli.h"

/* Parses "weir <words>" and hands back the message, or NULL. */
static const char *parse(weir_cli *cli, const char *words)
{
    static char text[512], message[512];
    const char *argv[16] = {"weir"};
    int argc = 1;
    *cli = (weir_cli){.project_dir = "."};
    (void)snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    weir_error *error = weir_cli_parse(cli, argc, argv);
    if (error == NULL) return NULL;
    assert_int_equal(weir_error_exit_code(error), 64);
    (void)snprintf(message, sizeof message, "%s", weir_error_message(error));
    weir_error_free(error);
    return message;
}

static void options_stand_before_and_after_the_words(void **state)
{
    (void)state;
    weir_cli cli;
    assert_null(parse(&cli, "-C /tmp man --out=x --set a=1 --set b=2 help"));
    assert_string_equal(cli.project_dir, "/tmp");
    assert_string_equal(weir_cli_option(&cli, "out"), "x");
    assert_string_equal(weir_cli_option_at(&cli, "set", 1), "b=2");
    assert_null(weir_cli_option_at(&cli, "set", 2));
    assert_int_equal(cli.argument_count, 1);
    assert_string_equal(cli.arguments[0], "help");
    weir_arena_deinit(&cli.arena);
    assert_null(parse(&cli, "man -qC/tmp -- help"));
    assert_true(cli.is_quiet && weir_cli_flag(&cli, "quiet"));
    assert_string_equal(cli.project_dir, "/tmp");
    weir_arena_deinit(&cli.arena);
}

static void what_is_wrong_is_named_with_the_nearest(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"hepl", "there is no command `hepl`; did you mean `help`?"},
        {"frobnicate", "there is no command `frobnicate`; `weir help` lists them"},
        {"man --outt x", "weir man has no option --outt; did you mean --out?"},
        {"man --out", "--out wants a value: --out DIR"},
        {"man --out a --out b", "--out is given twice"},
        {"check .", "weir check does not know what to do with `.`: it takes options only; the "
                    "project is the folder it runs in, or -C DIR"},
        {"man a b", "weir man does not know what to do with `b`: weir man [COMMAND]"},
        {"man -o json", "weir man can not print json; it takes no -o"},
        {"man -o yaml", "-o yaml is unknown; wants text, table, json, jsonl, csv or parquet"},
        {"man --quiet=1", "--quiet takes no value"},
        {"completion", "weir completion wants more: weir completion bash|zsh|fish"},
        {"-z", "weir has no option -z; `weir help` lists them"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_cli cli;
        const char *message = parse(&cli, cases[i][0]);
        assert_non_null(message);
        assert_string_equal(message, cases[i][1]);
        weir_arena_deinit(&cli.arena);
    }
}

static void every_row_is_whole(void **state)
{
    (void)state;
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const weir_command *command = commands[i];
        assert_non_null(command->summary);
        assert_non_null(command->arguments);
        assert_non_null(command->run);
        assert_true(command->arguments_min <= command->arguments_max);
        assert_ptr_equal(weir_command_find(command->name), command);
        for (const weir_option *o = command->options; o != NULL && o->name != NULL; o++)
            assert_non_null(o->help);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_before_and_after_the_words),
        cmocka_unit_test(what_is_wrong_is_named_with_the_nearest),
        cmocka_unit_test(every_row_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
