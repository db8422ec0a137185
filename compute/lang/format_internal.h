/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_internal.h - what the halves of the formatter share.
 */
#pragma once

#include "compute/lang/ast.h"

typedef struct weir_formatter {
    weir_buffer *out;
    const char *text;
    uint32_t text_size;
    const weir_lexed *lexed;
    size_t comment;     /* the next one that was not printed */
    size_t comment_end; /* where the last one ends in `out`; 0: none was printed */
    uint32_t *line_starts;
    uint32_t line_count;
    weir_arena *scratch;
} weir_formatter;

void weir_format_expr(weir_formatter *f, const weir_ast_expr *node);
void weir_format_window(weir_formatter *f, const weir_ast_window *window);
void weir_format_string(weir_formatter *f, const char *text); /* with its quotes */
