/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang.h - from the text of definitions to a plan.
 *
 * All .weir files of a project are compiled together (one package path per file; names are resolved
 * across files of a package). Up to 20 diagnostics are collected: each has a stable code
 * (schemas/diagnostics.def), a place, a cause and a cure, and prints with a caret under the place.
 * Pure: schemas and zones come through the host.
 *
 * Owns: a result owns its plan and its texts. See also: docs/language/reference.md
 */
#pragma once

#include "compute/plan.h"

typedef struct weir_source_text {
    const char *name; /* file name for messages */
    const char *text;
    size_t size;
} weir_source_text;

typedef struct weir_lang_host {
    void *context;
    /* The schema of that full name, or NULL with an error. */
    weir_error *(*load_schema)(void *context, const char *full_name,
                               const weir_schema **schema_out);
    const weir_zone *(*load_zone)(void *context, const char *name, const char **problem_out);
} weir_lang_host;

typedef struct weir_diagnostic {
    const char *code; /* "E0213" or "W0231" */
    bool is_warning;
    uint32_t source;               /* index of the text */
    uint32_t line, column, length; /* from 1; columns in bytes */
    const char *message;           /* cause */
    const char *help;              /* cure, or NULL */
} weir_diagnostic;

typedef struct weir_compilation {
    weir_arena arena;
    const weir_plan *plan; /* NULL if there was an error */
    size_t diagnostic_count;
    const weir_diagnostic *diagnostics;
} weir_compilation;

enum { WEIR_LANG_DIAGNOSTICS_MAX = 20, WEIR_LANG_TEXT_BYTES_MAX = 4 << 20 };

weir_compilation *weir_lang_compile(const weir_source_text *sources, size_t count,
                                    const weir_lang_host *host);
void weir_compilation_destroy(weir_compilation *compilation);
/* Prints one diagnostic as a person reads it (caret, cause, help); `color` adds ANSI colours. */
void weir_diagnostic_print(const weir_diagnostic *diagnostic, const weir_source_text *sources,
                           bool color, weir_buffer *out);
/* The long explanation of a code, or NULL; its one-line summary; the codes by index, NULL past the
 * last. */
const char *weir_diagnostic_explain(const char *code);
const char *weir_diagnostic_summary(const char *code);
const char *weir_diagnostic_code_at(size_t index);

/* The canonical layout of a text. A text that does not parse gives diagnostics and no output. */
weir_compilation *weir_lang_format(const weir_source_text *source, weir_buffer *out);

/* Runs the `test` blocks of a plan through the engine; results are printed by the caller. */
typedef struct weir_test_result {
    const char *name;
    uint32_t source, line;
    bool passed;
    const char *message; /* lines: what was expected and what came, and which events were dropped */
} weir_test_result;
weir_error *weir_lang_run_tests(const weir_plan *plan, weir_arena *into,
                                const weir_test_result **results_out, size_t *count_out);
