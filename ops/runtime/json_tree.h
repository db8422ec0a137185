/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_tree.h - a JSON document as a tree, for documents whose members may come in any order.
 *
 * Schemas and registry answers are small and are looked at from several sides: they are read whole,
 * with a limit on nodes. Events are not (see json.h). Each node knows its place in the text, for
 * messages.
 *
 * Owns:    nodes live in the arena; texts point into the document or the arena.
 */
#pragma once

#include "ops/runtime/json.h"

typedef struct weir_json_node weir_json_node;
struct weir_json_node {
    weir_json_token kind; /* OBJECT_BEGIN, ARRAY_BEGIN, STRING, NUMBER, TRUE, FALSE or NULL */
    weir_bytes key;       /* of a member: its name                                          */
    weir_bytes text;      /* of a string or number                                          */
    const uint8_t *place; /* where it begins                                                */
    const weir_json_node *first; /* first item or member */
    const weir_json_node *next; /* the next one beside it                                         */
    size_t count;               /* items or members                                               */
};

/* Fails with `code` for bad JSON, more than node_max nodes, or a member that stands twice in an
 * object. */
weir_error *weir_json_tree(weir_json *json, size_t node_max, weir_error_code code, const char *what,
                           weir_arena *into, const weir_json_node **root_out);
/* The member of that name, or NULL; NULL also where `object` is none. */
const weir_json_node *weir_json_member(const weir_json_node *object, const char *name);
bool weir_json_text_is(const weir_json_node *node, const char *text); /* a string of that text? */
bool weir_json_node_int64(const weir_json_node *node, int64_t *out);  /* false for anything else */
