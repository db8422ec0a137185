/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser.h - from tokens to a tree, going on after mistakes.
 *
 * Recursive descent with two tokens of lookahead. After a mistake the parser skips to the next item
 * of the block or the next declaration, so that one run shows all mistakes of a file, each once.
 * Depth is bounded.
 */
#pragma once

#include "compute/lang/ast.h"

enum { WEIR_PARSER_DEPTH_MAX = 100, WEIR_PARSER_CHAIN_MAX = 200 };

/* Lexes and parses one text. Mistakes are in `diagnostics`; the unit holds what could be read. */
void weir_parse(weir_diagnostics *diagnostics, uint32_t source, weir_intern *intern,
                weir_arena *into, weir_ast_unit *unit_out);
