/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of the compiler, word for word: tests/golden/diagnostics/<anything>.case holds a
 * definition, a line
 * `---`, and what is printed for it. WEIR_GOLDEN_UPDATE=1 writes what is printed now; read the
 * difference before you commit it. Each code of schemas/diagnostics.def must occur in a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/file.h"
#include "tests/unit/lang_fixture.h"

static weir_arena arena;
static const char *const *names;
static size_t count;
static const char *folder;

static int open_folder(void **state)
{
    (void)state;
    const char *root = getenv("WEIR_TEST_ROOT");
    folder = weir_arena_printf(&arena, "%s/tests/golden/diagnostics", root == NULL ? "." : root);
    weir_fixture_examples();
    weir_fixture_schema("pay.Odd", "card int64, amount string, ts time");
    weir_fixture_schema("pay.Odd2", "card string, amount string, ts time");
    weir_error_free(weir_dir_list(folder, ".case", 10000, &arena, &names, &count));
    return count > 0 ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    weir_fixture_reset();
    weir_arena_deinit(&arena);
    return 0;
}

/* Splits a case at its `---`. */
static void read_case(const char *path, char **definition, char **expected)
{
    weir_bytes bytes;
    assert_null(weir_file_read(path, 1 << 20, &arena, &bytes));
    *definition = weir_arena_string(&arena, (const char *)bytes.data, bytes.size);
    char *line = strstr(*definition, "\n---\n");
    assert_non_null(line);
    *expected = line + 5;
    line[1] = '\0';
}

static void each_case_prints_its_diagnostics(void **state)
{
    (void)state;
    bool update = getenv("WEIR_GOLDEN_UPDATE") != NULL;
    for (size_t i = 0; i < count; i++) {
        const char *path = weir_arena_printf(&arena, "%s/%s", folder, names[i]);
        char *definition = NULL, *expected = NULL;
        read_case(path, &definition, &expected);
        weir_compilation *result = weir_fixture_compile(definition);
        const char *printed = weir_fixture_print(result, definition);
        if (update) {
            const char *text = weir_arena_printf(&arena, "%s---\n%s", definition, printed);
            assert_null(weir_file_write(path, text, strlen(text)));
        } else if (strcmp(printed, expected) != 0) {
            print_error("%s\n--- expected\n%s--- printed\n%s", names[i], expected, printed);
            fail();
        }
        weir_compilation_destroy(result);
    }
}

static void each_code_has_a_case(void **state)
{
    (void)state;
    weir_buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        char *definition = NULL, *expected = NULL;
        read_case(weir_arena_printf(&arena, "%s/%s", folder, names[i]), &definition, &expected);
        weir_buffer_put_text(&all, expected);
    }
    weir_buffer_put_u8(&all, 0);
    for (size_t i = 0; weir_diagnostic_code_at(i) != NULL; i++) {
        const char *code = weir_diagnostic_code_at(i);
        /* These need more text than a case should hold, or several files: see lang_test.c. */
        if (strcmp(code, "E0111") == 0 || strcmp(code, "E0209") == 0) continue;
        if (strstr((const char *)all.data, weir_arena_printf(&arena, "[%s]", code)) == NULL) {
            print_error("no case shows %s\n", code);
            fail();
        }
        assert_non_null(weir_diagnostic_explain(code));
        assert_non_null(weir_diagnostic_summary(code));
    }
    weir_buffer_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_prints_its_diagnostics),
        cmocka_unit_test(each_code_has_a_case),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
