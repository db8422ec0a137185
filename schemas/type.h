/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type.h - the types of the definition language.
 *
 * A weir_type is a small value: copy it. Types are non-null unless `optional` is set (`T?`).
 * Details that do not fit (an enum's symbols, what a list holds) are behind pointers that live in
 * the arena of the schema or plan that made the type; two types are the same when weir_type_equal
 * says so, never by pointer.
 *
 * See also: docs/language/types.md
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"

typedef enum weir_kind {
    WEIR_NULL = 0, /* only as the kind of a null value, or of the literal `null` */
    WEIR_BOOL,
    WEIR_INT64,
    WEIR_FLOAT64,
    WEIR_DECIMAL, /* precision 1..38, scale 0..precision, exact on 128 bits */
    WEIR_STRING,  /* valid UTF-8, compared by bytes, never normalised       */
    WEIR_BYTES,
    WEIR_ENUM,     /* an index into the symbols; only == and !=              */
    WEIR_TIME,     /* int64 microseconds since 1970-01-01T00:00:00Z          */
    WEIR_DURATION, /* int64 microseconds                                     */
    WEIR_GEO,      /* latitude, longitude in degrees                         */
    WEIR_VEC,      /* n float32                                              */
    WEIR_LIST,
    WEIR_MAP,
} weir_kind;

/* What an integer counts where a time is wanted: JSON rows use the schema's own unit. */
typedef enum weir_time_unit {
    WEIR_UNIT_US,
    WEIR_UNIT_MS,
    WEIR_UNIT_S,
    WEIR_UNIT_DAY,
} weir_time_unit;

/* The symbols of an enum, in order. `name` is the declared or Avro name. */
typedef struct weir_enum_type {
    const char *name;
    const char *const *symbols;
    uint32_t symbol_count;
} weir_enum_type;

typedef struct weir_type {
    uint8_t kind; /* weir_kind */
    bool optional;
    uint8_t precision;             /* decimal                    */
    uint8_t scale;                 /* decimal                    */
    uint32_t length;               /* vec: number of components  */
    const weir_enum_type *symbols; /* enum                       */
    const struct weir_type *key;   /* map                        */
    const struct weir_type *item;  /* list, map: the value       */
} weir_type;

enum { WEIR_DECIMAL_PRECISION_MAX = 38 };

static inline weir_type weir_type_of(weir_kind kind) { return (weir_type){.kind = (uint8_t)kind}; }
static inline weir_type weir_type_decimal(unsigned precision, unsigned scale)
{
    return (weir_type){
        .kind = WEIR_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}
static inline weir_type weir_type_optional(weir_type type)
{
    type.optional = true;
    return type;
}
static inline bool weir_type_is_number(weir_type type)
{
    return type.kind == WEIR_INT64 || type.kind == WEIR_FLOAT64 || type.kind == WEIR_DECIMAL;
}

bool weir_type_equal(weir_type a, weir_type b); /* `optional` counts */

/* The type as the language writes it: "decimal(10,2)?". Printed into `into`. */
const char *weir_type_print(weir_type type, weir_arena *into);

/* A stable binary form for digests and stored plans (enum symbols and item types included). */
void weir_type_encode(weir_type type, weir_buffer *out);
