/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - one value of any type: 24 bytes, passed by pointer, owned by nobody.
 *
 * A value says its kind (WEIR_NULL for null) but not its type: a decimal's scale, an enum's symbols
 * and what a list holds are known to the plan. Text, vectors, lists and maps point into memory that
 * somebody else owns (the record's arena, the state, the plan): the function that hands a value out
 * says how long.
 *
 * Invariants: float64 is finite and never -0; strings are valid UTF-8; enum indexes are in range.
 * Decoders establish them (R10, R13), scalar functions keep them.
 */
#pragma once

#include <math.h>

#include "ops/runtime/error.h"
#include "schemas/type.h"

/* A 128-bit integer that does not ask for 16-byte alignment, so that a value stays at 24 bytes. */
__extension__ typedef __int128 weir_int128;
__extension__ typedef unsigned __int128 weir_uint128;
__extension__ typedef __int128 weir_int128_unaligned __attribute__((aligned(8)));

typedef struct weir_value {
    uint8_t kind; /* weir_kind; WEIR_NULL whatever the type */
    uint8_t reserved[3];
    uint32_t size; /* string, bytes: bytes; vec: components; list: items; map: pairs */
    union {
        bool boolean;
        int64_t integer; /* int64; time and duration in microseconds; enum: the symbol's index */
        double float64;
        weir_int128_unaligned decimal; /* the unscaled number: 12.30 at scale 2 is 1230 */
        const uint8_t *bytes;          /* string, bytes: not terminated */
        const float *vec;
        const struct weir_value *items; /* list: size values; map: 2 * size, key before value */
        struct {
            double latitude, longitude;
        } geo;
    } as;
} weir_value;
_Static_assert(sizeof(weir_value) == 24, "a value is three words");

static inline weir_value weir_null(void) { return (weir_value){.kind = WEIR_NULL}; }
static inline weir_value weir_bool(bool value)
{
    return (weir_value){.kind = WEIR_BOOL, .as.boolean = value};
}
static inline weir_value weir_int(int64_t value)
{
    return (weir_value){.kind = WEIR_INT64, .as.integer = value};
}
static inline weir_value weir_time(int64_t us)
{
    return (weir_value){.kind = WEIR_TIME, .as.integer = us};
}
static inline weir_value weir_duration(int64_t us)
{
    return (weir_value){.kind = WEIR_DURATION, .as.integer = us};
}
static inline weir_value weir_decimal(weir_int128 unscaled)
{
    return (weir_value){.kind = WEIR_DECIMAL, .as.decimal = unscaled};
}
static inline weir_value weir_string(const void *bytes, size_t size)
{
    return (weir_value){
        .kind = WEIR_STRING, .size = (uint32_t)size, .as.bytes = (const uint8_t *)bytes};
}
/* A float64 result of an operation: NaN and infinities become null, -0 becomes +0 (R10, R12). */
static inline weir_value weir_float(double value)
{
    if (__builtin_expect(!isfinite(value), 0)) return weir_null();
    return (weir_value){.kind = WEIR_FLOAT64, .as.float64 = value + 0.0};
}
static inline bool weir_is_null(const weir_value *value) { return value->kind == WEIR_NULL; }

/*
 * Order of two non-null values of one type: -1, 0, 1. Numbers by value, strings and bytes by bytes,
 * false before true, enums as declared, times by time; lists item by item. For decimals both have
 * the scale of `type`.
 */
int weir_value_compare(weir_type type, const weir_value *a, const weir_value *b);
bool weir_value_equal(const weir_value *a, const weir_value *b); /* bit for bit; null equals null */

/* Copies a value and what it points to into `into`. */
weir_value weir_value_copy(const weir_value *value, weir_arena *into);

/*
 * The canonical bytes of a value of `type`, null included (described in docs/formats/values.md):
 * what hops carry, states keep and receipts are hashed over. Same value, same bytes. decode points
 * strings and bytes into the reader's memory and puts lists and vectors into `into`; bytes that are
 * not the canonical form of such a value make the reader bad.
 */
enum { WEIR_NUMBER_SMALL_COUNT = 239 }; /* numbers below take one byte, the number plus one */
void weir_value_encode(weir_type type, const weir_value *value, weir_buffer *out);
weir_value weir_value_decode(weir_type type, weir_reader *reader, weir_arena *into);

/*
 * The short way for whole numbers from -119 to 119, which most counts are: one byte, one more than
 * the zigzag of the number.
 */
static inline bool weir_kind_is_whole(uint8_t kind)
{
    return kind == WEIR_INT64 || kind == WEIR_TIME || kind == WEIR_DURATION;
}
static inline bool weir_value_is_small(const weir_value *value)
{
    return weir_kind_is_whole(value->kind) &&
           (uint64_t)value->as.integer + 119 < WEIR_NUMBER_SMALL_COUNT;
}
static inline uint8_t weir_value_small(const weir_value *value)
{
    return (uint8_t)(weir_zigzag(value->as.integer) + 1);
}
/* False where no such number stands; then nothing was read. */
static inline bool weir_value_take_small(uint8_t kind, weir_reader *reader, weir_value *out)
{
    if (!weir_kind_is_whole(kind) || reader->bad || reader->next == reader->end) return false;
    uint8_t zigzag = (uint8_t)(*reader->next - 1);
    if (zigzag >= WEIR_NUMBER_SMALL_COUNT) return false;
    reader->next++;
    out->kind = kind;
    out->size = 0;
    out->as.integer = weir_unzigzag(zigzag);
    return true;
}

/*
 * The canonical bytes of an entity's key: a single string is its UTF-8, bytes are themselves, a
 * single int64 is its decimal text, other types their printed form (docs/reference/json.md, without
 * quotes); several fields are each put length-prefixed (varint) in that form. Returns false, with
 * nothing appended, where a field is null. The partition is in key.h.
 */
bool weir_key_encode(const weir_type *types, const weir_value *values, size_t count,
                     weir_buffer *out);
/* The opposite. Strings point into `key`. */
weir_error *weir_key_decode(const weir_type *types, size_t count, weir_bytes key,
                            weir_value *values_out);
