/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser_internal.h - what the two halves of the parser share: tokens, complaints, lists.
 *
 * A function that parses a part returns false (or NULL) after it has complained; its caller then
 * hands that up to the item or declaration, which recovers. Nobody complains twice about one place.
 */
#pragma once

#include "compute/lang/parser.h"

typedef struct weir_parser {
    weir_diagnostics *diagnostics;
    weir_arena *into;
    weir_arena *scratch; /* growing lists */
    weir_intern *intern;
    const weir_lexed *lexed;
    const char *text;
    uint32_t source;
    size_t at;
    uint32_t depth;
} weir_parser;

const weir_token *weir_parser_peek(const weir_parser *parser, size_t ahead);
const weir_token *weir_parser_take(weir_parser *parser);
bool weir_parser_is_word(const weir_parser *parser, size_t ahead, const char *word);
bool weir_parser_is_sign(const weir_parser *parser, size_t ahead, uint16_t sign);
bool weir_parser_take_word(weir_parser *parser, const char *word); /* if it comes next */
bool weir_parser_take_sign(weir_parser *parser, uint16_t sign);
bool weir_parser_want_word(weir_parser *parser, const char *word); /* or complains */
bool weir_parser_want_sign(weir_parser *parser, uint16_t sign);
bool weir_parser_want_name(weir_parser *parser, const char *what, weir_ast_name *out);
bool weir_parser_want_string(weir_parser *parser, const char *what, const char **out);
bool weir_parser_want_duration(weir_parser *parser, const char *what, weir_ast_duration *out);
bool weir_parser_want_int(weir_parser *parser, const char *what, int64_t *out); /* -1: too large */
bool weir_parser_is_reserved(const char *name);
/* "expected X, found Y" at the next token. Always false. */
bool weir_parser_complain(weir_parser *parser, const char *expected);
/* Help for what those write at the next token who come from other languages, or NULL. */
const char *weir_parser_habit(const weir_parser *parser);
weir_span weir_parser_span(const weir_parser *parser,
                           size_t first_token); /* to the last taken one */

/* A list that grows in the parser's scratch and is copied out when done. */
typedef struct weir_list {
    size_t count, capacity, item_bytes;
    void *items;
} weir_list;
void *weir_list_push(weir_parser *parser, weir_list *list, size_t item_bytes); /* cleared */
void *weir_list_finish(weir_parser *parser, const weir_list *list);

const weir_ast_expr *weir_parse_expr(weir_parser *parser);
bool weir_parse_window(weir_parser *parser, weir_ast_window *out);
const weir_ast_expr *weir_parse_value(weir_parser *parser); /* a literal of a test */
const weir_ast_expr *weir_parse_path(weir_parser *parser, bool allow_this);

weir_span weir_parser_span_of(const weir_parser *parser, const weir_token *token);
/* "`where` is given twice". Always true: the text is read on. */
bool weir_parser_complain_twice(weir_parser *parser, weir_span at, const char *clause);
bool weir_parse_names(weir_parser *parser, const char *what, weir_ast_names *out);
/* The documentation comments right above a token, or NULL. */
const char *weir_parser_doc_before(weir_parser *parser, const weir_token *token);
/*
 * Runs `item` until the closing bracket of a block; it returns false after a complaint, and the
 * block goes on at the next item. False if the bracket is missing.
 */
typedef bool weir_parse_item(weir_parser *parser, void *context);
bool weir_parse_block(weir_parser *parser, weir_parse_item *item, void *context);
bool weir_parse_declaration(weir_parser *parser, weir_ast_decl *decl);
