/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schemas/avro_internal.h"

/* -- Parsing Canonical Form (Avro specification 1.11): a named type is written out at its first use
 * -- */

typedef struct printer {
    weir_buffer *out;
    weir_arena scratch;
    const weir_schema_node **seen;
    size_t seen_count, seen_capacity;
} printer;

static void put_node(printer *p, const weir_schema_node *node);

static void put_quoted(printer *p, const char *text)
{
    weir_buffer_put_u8(p->out, '"');
    weir_buffer_put_text(p->out, text); /* names only: nothing to escape */
    weir_buffer_put_u8(p->out, '"');
}

static void put_member(printer *p, const char *name)
{
    weir_buffer_printf(p->out, "\"%s\":", name);
}

/* True where the type was written before; then its name is all that stands here. */
static bool put_seen(printer *p, const weir_schema_node *node)
{
    for (size_t i = 0; i < p->seen_count; i++) {
        if (p->seen[i] == node) {
            put_quoted(p, node->name);
            return true;
        }
    }
    if (p->seen_count == p->seen_capacity) {
        size_t capacity = p->seen_capacity == 0 ? 16 : 2 * p->seen_capacity;
        const weir_schema_node **seen =
            weir_arena_array(&p->scratch, const weir_schema_node *, capacity);
        if (p->seen_count > 0) memcpy(seen, p->seen, p->seen_count * sizeof *seen);
        p->seen = seen;
        p->seen_capacity = capacity;
    }
    p->seen[p->seen_count++] = node;
    return false;
}

static void put_record(printer *p, const weir_schema_node *node)
{
    put_member(p, "fields");
    for (size_t i = 0; i < node->count; i++) {
        weir_buffer_put_text(p->out, i == 0 ? "[{" : ",{");
        put_member(p, "name");
        put_quoted(p, node->members[i].name);
        weir_buffer_put_u8(p->out, ',');
        put_member(p, "type");
        put_node(p, node->members[i].node);
        weir_buffer_put_u8(p->out, '}');
    }
    weir_buffer_put_text(p->out, node->count == 0 ? "[]" : "]");
}

static void put_symbols(printer *p, const weir_schema_node *node)
{
    put_member(p, "symbols");
    for (size_t i = 0; i < node->count; i++) {
        weir_buffer_put_u8(p->out, i == 0 ? '[' : ',');
        put_quoted(p, node->symbols->symbols[i]);
    }
    weir_buffer_put_u8(p->out, ']');
}

static void put_named(printer *p, const weir_schema_node *node)
{
    if (put_seen(p, node)) return;
    weir_buffer_put_u8(p->out, '{');
    put_member(p, "name");
    put_quoted(p, node->name);
    weir_buffer_put_u8(p->out, ',');
    put_member(p, "type");
    put_quoted(p, weir_avro_kind_name(node->kind));
    weir_buffer_put_u8(p->out, ',');
    if (node->kind == WEIR_AVRO_RECORD) put_record(p, node);
    if (node->kind == WEIR_AVRO_ENUM) put_symbols(p, node);
    if (node->kind == WEIR_AVRO_FIXED) weir_buffer_printf(p->out, "\"size\":%u", node->size);
    weir_buffer_put_u8(p->out, '}');
}

static void put_container(printer *p, const weir_schema_node *node)
{
    weir_buffer_put_u8(p->out, '{');
    put_member(p, "type");
    put_quoted(p, weir_avro_kind_name(node->kind));
    weir_buffer_put_u8(p->out, ',');
    put_member(p, node->kind == WEIR_AVRO_ARRAY ? "items" : "values");
    put_node(p, node->item);
    weir_buffer_put_u8(p->out, '}');
}

static void put_union(printer *p, const weir_schema_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        weir_buffer_put_u8(p->out, i == 0 ? '[' : ',');
        put_node(p, node->branches[i]);
    }
    weir_buffer_put_u8(p->out, ']');
}

static void put_node(printer *p, const weir_schema_node *node)
{
    switch (node->kind) {
    case WEIR_AVRO_RECORD:
    case WEIR_AVRO_ENUM:
    case WEIR_AVRO_FIXED: put_named(p, node); break;
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: put_container(p, node); break;
    case WEIR_AVRO_UNION: put_union(p, node); break;
    default: put_quoted(p, weir_avro_kind_name(node->kind)); break;
    }
}

void weir_avro_canonical(const weir_schema_node *root, weir_buffer *out)
{
    printer p = {.out = out};
    put_node(&p, root);
    weir_arena_deinit(&p.scratch);
}

/* -- CRC-64-AVRO, as the specification gives it -- */

#define EMPTY UINT64_C(0xc15d213aa4d7a795)

uint64_t weir_avro_fingerprint(weir_bytes canonical)
{
    uint64_t fingerprint = EMPTY;
    for (size_t i = 0; i < canonical.size; i++) {
        uint64_t row = (fingerprint ^ canonical.data[i]) & 0xff;
        for (int bit = 0; bit < 8; bit++)
            row = row >> 1 ^ (EMPTY & -(row & 1));
        fingerprint = fingerprint >> 8 ^ row;
    }
    return fingerprint;
}
