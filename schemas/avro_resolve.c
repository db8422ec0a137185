/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/avro_resolve.h"

#include <string.h>

#include "schemas/time.h"

static const char *simple_name(const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    return dot == NULL ? full_name : dot + 1;
}

/* Names match without their namespaces (specification 1.11), or by one of the reader's aliases. */
static bool names_match(const weir_schema_node *writer, const weir_schema_node *reader)
{
    if (strcmp(simple_name(writer->name), simple_name(reader->name)) == 0) return true;
    for (size_t i = 0; i < reader->alias_count; i++) {
        if (strcmp(reader->aliases[i], writer->name) == 0) return true;
        if (strcmp(simple_name(reader->aliases[i]), simple_name(writer->name)) == 0) return true;
    }
    return false;
}

static bool is_promoted(weir_avro_kind writer, weir_avro_kind reader)
{
    switch (reader) {
    case WEIR_AVRO_LONG: return writer == WEIR_AVRO_INT;
    case WEIR_AVRO_FLOAT: return writer == WEIR_AVRO_INT || writer == WEIR_AVRO_LONG;
    case WEIR_AVRO_DOUBLE:
        return writer == WEIR_AVRO_INT || writer == WEIR_AVRO_LONG || writer == WEIR_AVRO_FLOAT;
    case WEIR_AVRO_STRING: return writer == WEIR_AVRO_BYTES;
    case WEIR_AVRO_BYTES: return writer == WEIR_AVRO_STRING;
    default: return false;
    }
}

typedef enum family {
    FAMILY_NONE,
    FAMILY_TIME,
    FAMILY_NANOS, /* of another unit than all the rest, which would be taken for microseconds */
    FAMILY_DURATION,
    FAMILY_DECIMAL,
    FAMILY_TEXT
} family;

static family family_of(const weir_schema_node *node)
{
    switch (node->logical) {
    case WEIR_LOGICAL_DATE:
    case WEIR_LOGICAL_TIMESTAMP_MILLIS:
    case WEIR_LOGICAL_TIMESTAMP_MICROS: return FAMILY_TIME;
    case WEIR_LOGICAL_TIMESTAMP_NANOS: return FAMILY_NANOS;
    case WEIR_LOGICAL_TIME_MILLIS:
    case WEIR_LOGICAL_TIME_MICROS: return FAMILY_DURATION;
    case WEIR_LOGICAL_DECIMAL: return FAMILY_DECIMAL;
    case WEIR_LOGICAL_UUID: return FAMILY_TEXT;
    default: return FAMILY_NONE;
    }
}

static bool is_real(weir_avro_kind kind)
{
    return kind == WEIR_AVRO_FLOAT || kind == WEIR_AVRO_DOUBLE;
}

/*
 * What the underlying types allow, the logical types may still forbid: two instants of different
 * units are converted, but an instant is no time of day, and a decimal of another scale another
 * number.
 */
static bool logicals_match(const weir_schema_node *writer, const weir_schema_node *reader)
{
    family w = family_of(writer), r = family_of(reader);
    if (w == FAMILY_DECIMAL && r == FAMILY_DECIMAL) return writer->scale == reader->scale;
    if (r == FAMILY_DECIMAL) return w == FAMILY_NONE && writer->kind == reader->kind;
    if (is_real(reader->kind)) return w == FAMILY_NONE; /* an instant is no measure */
    return w == FAMILY_NONE || r == FAMILY_NONE || w == r;
}

int64_t weir_avro_unit(const weir_schema_node *writer, const weir_schema_node *reader)
{
    if (family_of(reader) == FAMILY_NONE) return 1;
    switch (family_of(writer) == FAMILY_NONE ? reader->logical : writer->logical) {
    case WEIR_LOGICAL_DATE: return WEIR_US_PER_DAY;
    case WEIR_LOGICAL_TIME_MILLIS:
    case WEIR_LOGICAL_TIMESTAMP_MILLIS: return 1000;
    default: return 1;
    }
}

/* Without looking inside: what decides which branch of a union is taken. */
static bool shallow_match(const weir_schema_node *writer, const weir_schema_node *reader)
{
    if (writer->kind != reader->kind) return false;
    if (writer->name == NULL) return true;
    return names_match(writer, reader) &&
           (writer->kind != WEIR_AVRO_FIXED || writer->size == reader->size);
}

static bool both_decimal(const weir_schema_node *writer, const weir_schema_node *reader)
{
    return writer->logical == WEIR_LOGICAL_DECIMAL && reader->logical == WEIR_LOGICAL_DECIMAL;
}

static weir_error *mismatch(const weir_schema_node *writer, const weir_schema_node *reader,
                            const char *path)
{
    weir_arena scratch = {0};
    weir_error *error = weir_error_new(
        WEIR_E_SCHEMA,
        "%s%s: the data's type is %s, which the schema's %s can not take; change the schema's "
        "type to the data's or to one that it is promoted to",
        *path == '\0' ? "the record" : "field ", path, weir_avro_node_print(writer, &scratch),
        weir_avro_node_print(reader, &scratch));
    weir_arena_deinit(&scratch);
    return error;
}

/* -- Records -- */

static size_t member_named(const weir_schema_node *record, const char *name)
{
    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->members[i].name, name) == 0) return i;
    }
    return SIZE_MAX;
}

static bool has_alias(const weir_schema_member *member, const char *name)
{
    for (size_t i = 0; i < member->alias_count; i++) {
        if (strcmp(member->aliases[i], name) == 0) return true;
    }
    return false;
}

size_t weir_avro_member_for(const weir_schema_node *reader, const weir_schema_node *writer,
                            size_t index)
{
    const char *name = writer->members[index].name;
    size_t same = member_named(reader, name);
    if (same != SIZE_MAX) return same;
    for (size_t i = 0; i < reader->count; i++) {
        const weir_schema_member *member = &reader->members[i];
        if (has_alias(member, name) && member_named(writer, member->name) == SIZE_MAX) return i;
    }
    return SIZE_MAX;
}

static bool is_written(const weir_schema_node *writer, const weir_schema_node *reader,
                       size_t member)
{
    for (size_t i = 0; i < writer->count; i++) {
        if (weir_avro_member_for(reader, writer, i) == member) return true;
    }
    return false;
}

static weir_error *resolve_members(const weir_schema_node *writer, const weir_schema_node *reader,
                                   const char *path, weir_arena *scratch)
{
    const char *dot = *path == '\0' ? "" : ".";
    for (size_t i = 0; i < writer->count; i++) {
        size_t member = weir_avro_member_for(reader, writer, i);
        if (member == SIZE_MAX) continue;
        const char *below =
            weir_arena_printf(scratch, "%s%s%s", path, dot, reader->members[member].name);
        WEIR_TRY(weir_avro_resolve(writer->members[i].node, reader->members[member].node, below));
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->members[i].has_default || is_written(writer, reader, i)) continue;
        return weir_error_new(WEIR_E_SCHEMA,
                              "field %s%s%s: the data were written without it and the schema gives "
                              "no default; add one",
                              path, dot, reader->members[i].name);
    }
    return NULL;
}

static weir_error *resolve_record(const weir_schema_node *writer, const weir_schema_node *reader,
                                  const char *path)
{
    weir_arena scratch = {0};
    weir_error *error = resolve_members(writer, reader, path, &scratch);
    weir_arena_deinit(&scratch);
    return error;
}

/* -- Unions -- */

/* It is enough that one branch can be read; the others are refused when they come. */
static weir_error *resolve_written_union(const weir_schema_node *writer,
                                         const weir_schema_node *reader, const char *path)
{
    for (size_t i = 0; i < writer->count; i++) {
        if (weir_avro_resolves(writer->branches[i], reader)) return NULL;
    }
    return mismatch(writer, reader, path);
}

static weir_error *resolve_read_union(const weir_schema_node *writer,
                                      const weir_schema_node *reader, const char *path)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (shallow_match(writer, reader->branches[i]))
            return weir_avro_resolve(writer, reader->branches[i], path);
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (weir_avro_resolves(writer, reader->branches[i])) return NULL;
    }
    return mismatch(writer, reader, path);
}

/* -- All -- */

weir_error *weir_avro_resolve(const weir_schema_node *writer, const weir_schema_node *reader,
                              const char *path)
{
    if (writer == reader) return NULL;
    if (writer->kind == WEIR_AVRO_UNION) return resolve_written_union(writer, reader, path);
    if (reader->kind == WEIR_AVRO_UNION) return resolve_read_union(writer, reader, path);
    bool matches = shallow_match(writer, reader) || is_promoted(writer->kind, reader->kind) ||
                   both_decimal(writer, reader);
    if (!matches || !logicals_match(writer, reader)) return mismatch(writer, reader, path);
    switch (writer->kind) {
    case WEIR_AVRO_RECORD: return resolve_record(writer, reader, path);
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: return weir_avro_resolve(writer->item, reader->item, path);
    default: return NULL;
    }
}

bool weir_avro_resolves(const weir_schema_node *writer, const weir_schema_node *reader)
{
    weir_error *error = weir_avro_resolve(writer, reader, "");
    weir_error_free(error);
    return error == NULL;
}

void weir_avro_symbol_table(const weir_schema_node *writer, const weir_schema_node *reader,
                            int32_t *table)
{
    for (size_t i = 0; i < writer->count; i++) {
        table[i] = (int32_t)reader->default_symbol;
        for (size_t k = 0; k < reader->count; k++) {
            if (strcmp(writer->symbols->symbols[i], reader->symbols->symbols[k]) == 0)
                table[i] = (int32_t)k;
        }
    }
}
