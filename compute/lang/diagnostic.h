/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostic.h - collecting what is wrong with a text.
 *
 * Every stage reports here and goes on; nothing returns early because of a mistake in the text. A
 * node that was reported once is poisoned (NULL) and silent afterwards, so that one mistake gives
 * one diagnostic. At most WEIR_LANG_DIAGNOSTICS_MAX are kept; one place is never reported twice
 * with the same code.
 *
 * Owns:    messages live in the arena given.
 * Threads: one compilation, one thread.
 */
#pragma once

#include "compute/lang/lang.h"

typedef enum weir_diagnostic_id {
#define WEIR_DIAGNOSTIC(id, code, summary, explanation) WEIR_D_##id,
#include "schemas/diagnostics.def"
#undef WEIR_DIAGNOSTIC
    WEIR_DIAGNOSTIC_ID_COUNT
} weir_diagnostic_id;

/* A run of bytes in one of the texts. */
typedef struct weir_span {
    uint32_t source, start, end;
} weir_span;

typedef struct weir_diagnostics {
    weir_arena *into;
    const weir_source_text *sources;
    size_t count, error_count;
    weir_diagnostic items[WEIR_LANG_DIAGNOSTICS_MAX];
} weir_diagnostics;

/* Reports. `help` may be NULL and must live in the arena or be static. */
__attribute__((format(printf, 5, 6))) void weir_diagnostics_add(weir_diagnostics *diagnostics,
                                                                weir_diagnostic_id id, weir_span at,
                                                                const char *help,
                                                                const char *format, ...);
/* True if one more error would not be kept: then no work need go into its help. */
bool weir_diagnostics_is_full(weir_diagnostics *diagnostics);
void weir_diagnostics_sort(weir_diagnostics *diagnostics); /* by place */

/* The nearest of `names` to `word`, for "did you mean"; NULL if none is near. */
const char *weir_nearest_name(const char *word, const char *const *names, size_t count);
