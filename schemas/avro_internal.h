/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_internal.h - the tree of an Avro schema, as the files of this folder share it.
 *
 * avro-c's own tree drops logical types, defaults and aliases, so this one is ours. It is immutable
 * after parse; a named type that is used twice is one node with two parents, and there are no
 * circles.
 */
#pragma once

#include "schemas/avro.h"

enum {
    WEIR_AVRO_DEPTH_MAX = 64,
    WEIR_AVRO_NODES_MAX = 10000, /* counted with named types written out at each use */
    WEIR_AVRO_TEXT_MAX = 1 << 20,
    WEIR_AVRO_NAME_MAX = 256,
    WEIR_AVRO_ITEMS_MAX = 10000,          /* of one array or map              */
    WEIR_AVRO_MESSAGE_ITEMS_MAX = 100000, /* of all of them in one message   */
    WEIR_AVRO_STRING_MAX = 64 * 1024,
    WEIR_AVRO_MESSAGE_MAX = 1 << 20,
};

typedef enum weir_avro_kind {
    WEIR_AVRO_NULL,
    WEIR_AVRO_BOOLEAN,
    WEIR_AVRO_INT,
    WEIR_AVRO_LONG,
    WEIR_AVRO_FLOAT,
    WEIR_AVRO_DOUBLE,
    WEIR_AVRO_BYTES,
    WEIR_AVRO_STRING,
    WEIR_AVRO_RECORD,
    WEIR_AVRO_ENUM,
    WEIR_AVRO_ARRAY,
    WEIR_AVRO_MAP,
    WEIR_AVRO_UNION,
    WEIR_AVRO_FIXED,
} weir_avro_kind;

typedef enum weir_avro_logical {
    WEIR_LOGICAL_NONE,
    WEIR_LOGICAL_DECIMAL,
    WEIR_LOGICAL_DATE,
    WEIR_LOGICAL_TIME_MILLIS,
    WEIR_LOGICAL_TIME_MICROS,
    WEIR_LOGICAL_TIMESTAMP_MILLIS, /* local-timestamp-* too: as if UTC */
    WEIR_LOGICAL_TIMESTAMP_MICROS,
    WEIR_LOGICAL_TIMESTAMP_NANOS, /* an int64: times have microseconds; the same goes for local */
    WEIR_LOGICAL_UUID,
} weir_avro_logical;

typedef struct weir_schema_member {
    const char *name;
    const char *const *aliases;
    size_t alias_count;
    const char *doc; /* or NULL */
    const weir_schema_node *node;
    bool has_default;
    weir_bytes default_bytes; /* the default as an Avro body of `node` */
} weir_schema_member;

struct weir_schema_node {
    weir_avro_kind kind;
    weir_avro_logical logical;
    uint8_t precision, scale;   /* decimal                                      */
    uint32_t size;              /* fixed                                        */
    uint32_t written_out;       /* nodes below and itself, each use counted     */
    uint32_t height;            /* levels below, itself included                */
    const char *name;           /* record, enum, fixed: full name               */
    const char *const *aliases; /* full names                                   */
    size_t alias_count;
    size_t count;                            /* of members, branches or symbols              */
    const weir_schema_member *members;       /* record                              */
    const weir_schema_node *const *branches; /* union                               */
    const weir_enum_type *symbols;           /* enum                                */
    int64_t default_symbol;                  /* enum: index, or -1                  */
    const weir_schema_node *item;            /* array, map                          */
};

const char *weir_avro_kind_name(weir_avro_kind kind);
/* "record pay.Tx", "decimal(10,2)", "union of null, string": for messages. */
const char *weir_avro_node_print(const weir_schema_node *node, weir_arena *into);

/* [null, T] or [T, null] gives T and sets *nullable_out; [T] gives T; else the node itself. */
const weir_schema_node *weir_avro_strip_null(const weir_schema_node *node, bool *nullable_out);
bool weir_avro_is_geo(const weir_schema_node *node); /* a record of lat and lon, float or double */
/* The type by which the language can name a value of this node (not a record but geo); false if
 * none. */
bool weir_avro_type_of(const weir_schema_node *node, weir_arena *into, weir_type *type_out);

/* avro_canonical.c: the Parsing Canonical Form, and the CRC-64-AVRO of it. */
void weir_avro_canonical(const weir_schema_node *root, weir_buffer *out);
uint64_t weir_avro_fingerprint(weir_bytes canonical);

/* avro_fields.c: fills fields and field_count of a schema whose root is set. */
weir_error *weir_avro_list_fields(weir_schema *schema, weir_arena *into);

/* avro_compile.c: the value that `default_bytes` of `member` has at `path`, which begins with its
 * name. */
weir_error *weir_avro_default_value(const weir_schema_member *member, const char *path,
                                    weir_type type, weir_arena *into, weir_value *value_out);
