/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the definition language can name in a schema: a flat list of paths with their types, in the
 * order of the schema, depth first. The encoder walks the same tree in the same order.
 */
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/avro_internal.h"

const weir_schema_node *weir_avro_strip_null(const weir_schema_node *node, bool *nullable_out)
{
    *nullable_out = false;
    if (node->kind != WEIR_AVRO_UNION) return node;
    if (node->count == 1) return node->branches[0];
    if (node->count != 2) return node;
    for (size_t i = 0; i < 2; i++) {
        if (node->branches[i]->kind != WEIR_AVRO_NULL) continue;
        *nullable_out = true;
        return node->branches[1 - i];
    }
    return node;
}

static bool is_coordinate(const weir_schema_member *member, const char *name)
{
    bool is_real = member->node->kind == WEIR_AVRO_DOUBLE || member->node->kind == WEIR_AVRO_FLOAT;
    return is_real && strcmp(member->name, name) == 0;
}

bool weir_avro_is_geo(const weir_schema_node *node)
{
    if (node->kind != WEIR_AVRO_RECORD || node->count != 2) return false;
    const weir_schema_member *m = node->members;
    return (is_coordinate(&m[0], "lat") && is_coordinate(&m[1], "lon")) ||
           (is_coordinate(&m[0], "lon") && is_coordinate(&m[1], "lat"));
}

static weir_type bytes_type(const weir_schema_node *node)
{
    if (node->logical == WEIR_LOGICAL_DECIMAL)
        return weir_type_decimal(node->precision, node->scale);
    return weir_type_of(WEIR_BYTES);
}

static weir_type integer_type(const weir_schema_node *node)
{
    switch (node->logical) {
    case WEIR_LOGICAL_DATE:
    case WEIR_LOGICAL_TIMESTAMP_MILLIS:
    case WEIR_LOGICAL_TIMESTAMP_MICROS: return weir_type_of(WEIR_TIME);
    case WEIR_LOGICAL_TIME_MILLIS:
    case WEIR_LOGICAL_TIME_MICROS: return weir_type_of(WEIR_DURATION);
    default: return weir_type_of(WEIR_INT64);
    }
}

/* What an integer means in JSON rows: the schema's own unit. */
static weir_time_unit unit_of(const weir_schema_node *node)
{
    switch (node->logical) {
    case WEIR_LOGICAL_DATE: return WEIR_UNIT_DAY;
    case WEIR_LOGICAL_TIMESTAMP_MILLIS: return WEIR_UNIT_MS;
    default: return WEIR_UNIT_US;
    }
}

static bool container_type(const weir_schema_node *node, weir_arena *into, weir_type *type_out)
{
    static const weir_type key = {.kind = WEIR_STRING};
    weir_type item;
    if (!weir_avro_type_of(node->item, into, &item)) return false;
    *type_out = weir_type_of(node->kind == WEIR_AVRO_ARRAY ? WEIR_LIST : WEIR_MAP);
    type_out->item = weir_arena_copy(into, &item, sizeof item);
    if (node->kind == WEIR_AVRO_MAP) type_out->key = &key;
    return true;
}

static bool plain_type(const weir_schema_node *node, weir_arena *into, weir_type *type_out)
{
    switch (node->kind) {
    case WEIR_AVRO_BOOLEAN: *type_out = weir_type_of(WEIR_BOOL); return true;
    case WEIR_AVRO_INT:
    case WEIR_AVRO_LONG: *type_out = integer_type(node); return true;
    case WEIR_AVRO_FLOAT:
    case WEIR_AVRO_DOUBLE: *type_out = weir_type_of(WEIR_FLOAT64); return true;
    case WEIR_AVRO_BYTES:
    case WEIR_AVRO_FIXED: *type_out = bytes_type(node); return true;
    case WEIR_AVRO_STRING: *type_out = weir_type_of(WEIR_STRING); return true;
    case WEIR_AVRO_ENUM:
        *type_out = weir_type_of(WEIR_ENUM);
        type_out->symbols = node->symbols;
        return true;
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: return container_type(node, into, type_out);
    case WEIR_AVRO_RECORD: *type_out = weir_type_of(WEIR_GEO); return weir_avro_is_geo(node);
    default: return false;
    }
}

bool weir_avro_type_of(const weir_schema_node *node, weir_arena *into, weir_type *type_out)
{
    bool nullable = false;
    const weir_schema_node *inner = weir_avro_strip_null(node, &nullable);
    if (!plain_type(inner, into, type_out)) return false;
    type_out->optional = nullable;
    return true;
}

/* -- The list -- */

typedef struct lister {
    weir_arena *into;
    weir_schema_field *fields;
    size_t count;
    const weir_schema_member
        *outer_default; /* the outermost record with a default around us, or NULL */
    weir_error *error;
} lister;

static void add_field(lister *l, const weir_schema_member *member, const char *path, weir_type type)
{
    weir_schema_field *field = &l->fields[l->count++];
    bool nullable = false;
    const weir_schema_node *inner = weir_avro_strip_null(member->node, &nullable);
    *field = (weir_schema_field){.path = path,
                                 .type = type,
                                 .unit = unit_of(inner),
                                 .is_single = inner->kind == WEIR_AVRO_FLOAT,
                                 .is_nanos = inner->logical == WEIR_LOGICAL_TIMESTAMP_NANOS,
                                 .doc = member->doc};
    const weir_schema_member *source = l->outer_default != NULL ? l->outer_default : member;
    if (!source->has_default || l->error != NULL) return;
    field->has_default = true;
    /* The path below the member that has the default, its own name included. */
    size_t depth = 0;
    for (const char *c = path; l->outer_default == NULL && *c != '\0'; c++)
        depth = *c == '.' ? (size_t)(c + 1 - path) : depth;
    l->error = weir_avro_default_value(source, path + depth, type, l->into, &field->default_value);
}

static void list_member(lister *l, const weir_schema_member *member, const char *prefix,
                        bool optional);

static void list_record(lister *l, const weir_schema_node *record, const char *prefix,
                        bool optional)
{
    for (size_t i = 0; i < record->count; i++)
        list_member(l, &record->members[i], prefix, optional);
}

static void list_member(lister *l, const weir_schema_member *member, const char *prefix,
                        bool optional)
{
    bool nullable = false;
    const weir_schema_node *inner = weir_avro_strip_null(member->node, &nullable);
    const char *path =
        *prefix == '\0' ? member->name : weir_arena_printf(l->into, "%s.%s", prefix, member->name);
    weir_type type;
    if (weir_avro_type_of(member->node, l->into, &type)) {
        type.optional |= optional;
        add_field(l, member, path, type);
    } else if (inner->kind == WEIR_AVRO_RECORD) {
        const weir_schema_member *outer = l->outer_default;
        if (outer == NULL && member->has_default && *prefix == '\0') l->outer_default = member;
        list_record(l, inner, path, optional || nullable);
        l->outer_default = outer;
    }
}

weir_error *weir_avro_list_fields(weir_schema *schema, weir_arena *into)
{
    lister l = {.into = into,
                .fields = weir_arena_array(into, weir_schema_field, schema->root->written_out)};
    list_record(&l, schema->root, "", false);
    WEIR_TRY(l.error);
    schema->fields = l.fields;
    schema->field_count = l.count;
    return NULL;
}

const weir_schema_field *weir_schema_find(const weir_schema *schema, const char *path)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].path, path) == 0) return &schema->fields[i];
    }
    return NULL;
}

/* -- Messages -- */

static const char *union_print(const weir_schema_node *node, weir_arena *into)
{
    const char *text = "union of";
    for (size_t i = 0; i < node->count && i < 8; i++)
        text = weir_arena_printf(into, "%s%s %s", text, i == 0 ? "" : ",",
                                 weir_avro_node_print(node->branches[i], into));
    return node->count > 8 ? weir_arena_printf(into, "%s, ...", text) : text;
}

static const char *logical_print(const weir_schema_node *node, weir_arena *into)
{
    static const char *const names[] = {"",
                                        "decimal",
                                        "date",
                                        "time-millis",
                                        "time-micros",
                                        "timestamp-millis",
                                        "timestamp-micros",
                                        "timestamp-nanos",
                                        "uuid"};
    if (node->logical == WEIR_LOGICAL_DECIMAL)
        return weir_arena_printf(into, "decimal(%u,%u)", node->precision, node->scale);
    return names[node->logical];
}

const char *weir_avro_node_print(const weir_schema_node *node, weir_arena *into)
{
    if (node->kind == WEIR_AVRO_UNION) return union_print(node, into);
    const char *kind = weir_avro_kind_name(node->kind);
    if (node->logical != WEIR_LOGICAL_NONE)
        return weir_arena_printf(into, "%s (%s)", logical_print(node, into), kind);
    if (node->name != NULL) return weir_arena_printf(into, "%s %s", kind, node->name);
    if (node->item != NULL)
        return weir_arena_printf(into, "%s of %s", kind, weir_avro_node_print(node->item, into));
    return kind;
}

const char *weir_schema_unnamed(const weir_schema *schema, const char *path, weir_arena *into)
{
    const weir_schema_node *record = schema->root;
    bool nullable = false;
    while (record != NULL && record->kind == WEIR_AVRO_RECORD) {
        if (record != schema->root && weir_avro_is_geo(record)) return "part of a place";
        size_t size = strcspn(path, "."), at = 0;
        while (at < record->count && (strlen(record->members[at].name) != size ||
                                      memcmp(record->members[at].name, path, size) != 0))
            at++;
        if (at == record->count) return NULL;
        record = weir_avro_strip_null(record->members[at].node, &nullable);
        if (path[size] == '\0') return weir_avro_node_print(record, into);
        path += size + 1;
    }
    return NULL;
}
