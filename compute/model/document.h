/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - a JSON or UBJSON document in memory, for model files.
 *
 * Arrays of nothing but numbers become one run of doubles, which is what a model file mostly is.
 * Depth is bounded, lengths are checked against the bytes that are left before anything is
 * allocated for them.
 *
 * Owns: everything lives in the arena given; nothing points into the file.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

typedef enum weir_doc_kind {
    WEIR_DOC_NULL,
    WEIR_DOC_BOOL,
    WEIR_DOC_NUMBER,
    WEIR_DOC_TEXT,
    WEIR_DOC_NUMBERS, /* an array of numbers (booleans count as 0 and 1); the empty array too */
    WEIR_DOC_LIST,
    WEIR_DOC_OBJECT,
} weir_doc_kind;

typedef struct weir_doc {
    weir_doc_kind kind;
    double number;    /* BOOL: 0 or 1 */
    const char *text; /* TEXT: with a NUL */
    const double *numbers;
    const struct weir_doc *items; /* LIST, OBJECT */
    const char *const *keys;      /* OBJECT */
    size_t count;
} weir_doc;

weir_error *weir_doc_parse_json(weir_bytes file, weir_arena *into, weir_doc *doc_out);
weir_error *weir_doc_parse_ubjson(weir_bytes file, weir_arena *into, weir_doc *doc_out);

/* A member of an object; NULL where there is none (or `doc` is NULL or no object). */
const weir_doc *weir_doc_get(const weir_doc *doc, const char *key);
/* The member's number, also from text ("5E-1"); false where there is none. */
bool weir_doc_number(const weir_doc *doc, const char *key, double *out);
const char *weir_doc_text(const weir_doc *doc, const char *key, const char *otherwise);
