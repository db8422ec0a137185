/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lexer, parser, checker, plan builder, formatter and tests: any bytes give diagnostics or a plan;
 * what was formatted is in the layout already and means the same.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lang_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_layout(const char *text, size_t size, const weir_plan *plan)
{
    weir_source_text source = {"t.weir", text, size};
    weir_buffer once = {0}, twice = {0};
    weir_compilation *first = weir_lang_format(&source, &once);
    if (first->diagnostic_count == 0) {
        weir_source_text formatted = {"t.weir", (const char *)once.data, once.size};
        weir_compilation *second = weir_lang_format(&formatted, &twice);
        if (second->diagnostic_count > 0 || once.size != twice.size ||
            memcmp(once.data, twice.data, once.size) != 0)
            abort();
        weir_compilation_destroy(second);
        weir_compilation *again = weir_lang_compile(&formatted, 1, weir_fixture_host());
        if ((again->plan == NULL) != (plan == NULL)) abort();
        if (plan != NULL &&
            (memcmp(plan->digest, again->plan->digest, WEIR_DIGEST_BYTES) != 0 ||
             memcmp(plan->fold_digest, again->plan->fold_digest, WEIR_DIGEST_BYTES) != 0))
            abort();
        weir_compilation_destroy(again);
    } else if (plan != NULL) {
        abort();
    }
    weir_compilation_destroy(first);
    weir_buffer_deinit(&once);
    weir_buffer_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 100000) return 0;
    weir_fixture_examples();
    char *text = malloc(size + 1); /* exactly as long as it is: reads past the end are seen */
    memcpy(text, data, size);
    weir_source_text source = {"t.weir", text, size};
    weir_compilation *result = weir_lang_compile(&source, 1, weir_fixture_host());
    if ((result->plan == NULL) != (result->diagnostic_count > 0) && result->plan == NULL) abort();
    weir_buffer out = {0};
    for (size_t i = 0; i < result->diagnostic_count; i++)
        weir_diagnostic_print(&result->diagnostics[i], &source, true, &out);
    weir_buffer_deinit(&out);
    check_layout(text, size, result->plan);
    weir_arena arena = {0};
    const weir_test_result *results = NULL;
    size_t count = 0;
    if (result->plan != NULL)
        weir_error_free(weir_lang_run_tests(result->plan, &arena, &results, &count));
    weir_arena_deinit(&arena);
    weir_compilation_destroy(result);
    weir_fixture_reset();
    free(text);
    return 0;
}
