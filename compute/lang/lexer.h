/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lexer.h - the text of a definition as tokens.
 *
 * The whole text is cut at once into an array that ends with WEIR_TOKEN_END. Comments are kept
 * aside with their places, for the formatter and for documentation. A mistake is reported, and
 * gives an ERROR token that the parser steps over without saying anything more.
 *
 * Owns: tokens and comments live in the arena. Threads: one compilation, one thread.
 */
#pragma once

#include "compute/lang/diagnostic.h"
#include "compute/lang/names.h"

typedef enum weir_token_kind {
    WEIR_TOKEN_END,
    WEIR_TOKEN_ERROR,
    WEIR_TOKEN_NAME,
    WEIR_TOKEN_INT,
    WEIR_TOKEN_DECIMAL, /* with a point or an exponent */
    WEIR_TOKEN_STRING,
    WEIR_TOKEN_DURATION,
    WEIR_TOKEN_TIME, /* hh:mm:ss[.f] */
    WEIR_TOKEN_SIGN, /* `sign` says which */
} weir_token_kind;

/* Signs of two characters have both in one number. */
#define WEIR_SIGN2(a, b) ((uint16_t)((a) | (b) << 8))

typedef struct weir_token {
    uint8_t kind;
    bool is_first;   /* of its line */
    bool is_percent; /* INT, DECIMAL: followed by % */
    uint16_t sign;
    uint32_t start, end, line;
    union {
        const char *name; /* NAME: interned; STRING: unescaped, with a NUL */
        int64_t integer;  /* DURATION, TIME: microseconds */
    } as;
    uint32_t size; /* STRING: bytes */
} weir_token;

typedef struct weir_comment {
    uint32_t start, end, line; /* without the newline */
    bool is_first;             /* nothing but blanks before it on its line */
    bool is_doc;               /* three slashes */
} weir_comment;

typedef struct weir_lexed {
    const weir_token *tokens; /* token_count, the last one is END */
    size_t token_count;
    const weir_comment *comments;
    size_t comment_count;
} weir_lexed;

enum { WEIR_TOKENS_MAX = 1 << 20 };

void weir_lex(weir_diagnostics *diagnostics, uint32_t source, weir_intern *intern, weir_arena *into,
              weir_lexed *out);
