/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/json_tree.h"

#include <string.h>

typedef struct builder {
    weir_json *json;
    weir_arena *into;
    size_t nodes_left;
} builder;

static weir_json_node *read_node(builder *b);

static bool bytes_equal(weir_bytes a, weir_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool has_member(const weir_json_node *object, weir_bytes key)
{
    for (const weir_json_node *at = object->first; at != NULL; at = at->next) {
        if (bytes_equal(at->key, key)) return true;
    }
    return false;
}

/* Members of wide objects are not checked against each other: that is quadratic. */
enum { MEMBERS_CHECKED_MAX = 256 };

static bool read_children(builder *b, weir_json_node *parent)
{
    bool is_object = parent->kind == WEIR_JSON_OBJECT_BEGIN;
    const weir_json_node **link = &parent->first;
    while (is_object ? weir_json_next_key(b->json) : weir_json_next_item(b->json)) {
        weir_bytes key = is_object ? b->json->text : (weir_bytes){0};
        if (is_object && parent->count < MEMBERS_CHECKED_MAX && has_member(parent, key)) {
            weir_json_fail(b->json, "the member stands twice in its object");
            return false;
        }
        weir_json_node *child = read_node(b);
        if (child == NULL) return false;
        child->key = key;
        *link = child;
        link = &child->next;
        parent->count++;
    }
    return b->json->problem == NULL;
}

/* Recursion is bounded by the reader's depth. */
static weir_json_node *read_node(builder *b)
{
    if (b->nodes_left == 0) {
        weir_json_fail(b->json, "the document has too many parts");
        return NULL;
    }
    b->nodes_left--;
    weir_json_node *node = weir_arena_new(b->into, weir_json_node);
    node->kind = weir_json_next(b->json);
    node->place = b->json->token;
    if (node->kind == WEIR_JSON_ERROR) return NULL;
    if (node->kind == WEIR_JSON_OBJECT_BEGIN || node->kind == WEIR_JSON_ARRAY_BEGIN)
        return read_children(b, node) ? node : NULL;
    node->text = b->json->text;
    return node;
}

weir_error *weir_json_tree(weir_json *json, size_t node_max, weir_error_code code, const char *what,
                           weir_arena *into, const weir_json_node **root_out)
{
    builder b = {.json = json, .into = into, .nodes_left = node_max};
    weir_json_node *root = read_node(&b);
    if (root == NULL || !weir_json_expect(json, WEIR_JSON_END))
        return weir_json_error(json, code, what);
    *root_out = root;
    return NULL;
}

const weir_json_node *weir_json_member(const weir_json_node *object, const char *name)
{
    if (object == NULL || object->kind != WEIR_JSON_OBJECT_BEGIN) return NULL;
    weir_bytes key = {(const uint8_t *)name, strlen(name)};
    for (const weir_json_node *at = object->first; at != NULL; at = at->next) {
        if (bytes_equal(at->key, key)) return at;
    }
    return NULL;
}

bool weir_json_text_is(const weir_json_node *node, const char *text)
{
    if (node == NULL || node->kind != WEIR_JSON_STRING) return false;
    return bytes_equal(node->text, (weir_bytes){(const uint8_t *)text, strlen(text)});
}

bool weir_json_node_int64(const weir_json_node *node, int64_t *out)
{
    if (node == NULL || node->kind != WEIR_JSON_NUMBER) return false;
    weir_json json;
    weir_json_init(&json, node->text.data, node->text.size, NULL);
    return weir_json_int64(&json, out);
}
