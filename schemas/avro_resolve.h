/* SPDX-License-Identifier: Apache-2.0 */
/* avro_resolve.h - which of a writer's types a reader's type can take (Avro specification, schema
 * resolution). */
#pragma once

#include "schemas/avro_internal.h"

/* NULL, or why not, naming the field at `path`, both types and the cure. */
weir_error *weir_avro_resolve(const weir_schema_node *writer, const weir_schema_node *reader,
                              const char *path);
bool weir_avro_resolves(const weir_schema_node *writer, const weir_schema_node *reader);

/*
 * The reader's member that the writer's member of that index is read into, by name, or by alias
 * where the writer has no member of the reader's own name; SIZE_MAX: none.
 */
size_t weir_avro_member_for(const weir_schema_node *reader, const weir_schema_node *writer,
                            size_t index);
/* The writer's index of each reader's symbol; -1: unknown, and no default. `table` has
 * writer->count entries. */
void weir_avro_symbol_table(const weir_schema_node *writer, const weir_schema_node *reader,
                            int32_t *table);
/* How many microseconds one unit of the writer's integer is, seen as the reader sees it; 1 for
 * plain numbers. */
int64_t weir_avro_unit(const weir_schema_node *writer, const weir_schema_node *reader);
