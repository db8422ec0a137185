/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro.h - Avro schemas, and decoders and encoders compiled from them.
 *
 * avro-c parses a schema (behind a pre-check, since it crashes on hostile text) but never touches
 * data: events are decoded by a program of our own, compiled once per (writer schema, reader
 * schema, wanted fields) and bounded in depth, items and bytes (docs/formats/avro.md has the limits
 * and the reasons).
 *
 * A schema is seen as a flat list of *fields*: the paths ("amount", "card.bin") that the definition
 * language can name, each with its weir type. What can not be named (a union of two types, say) is
 * skipped by the decoder, bounds-checked. A decoder writes the wanted fields into an array of
 * slots.
 *
 * Owns:    schemas and decoders live in the arena they were made in and are immutable afterwards.
 * Threads: immutable things may be shared; decode needs its own scratch arena.
 */
#pragma once

#include "schemas/value.h"

typedef struct weir_schema_field {
    const char *path; /* "a.b" for the field b of the record a */
    weir_type type;
    weir_time_unit
        unit;       /* TIME: what the schema's integers count (timestamp-millis: WEIR_UNIT_MS) */
    bool is_single; /* FLOAT64: an Avro float, whose values have 32 bits */
    bool is_nanos;  /* INT64: an instant in nanoseconds                  */
    bool has_default;
    weir_value default_value; /* in the schema's arena */
    const char *doc;          /* or NULL */
} weir_schema_field;

typedef struct weir_schema_node weir_schema_node; /* the whole tree; avro_internal.h */

typedef struct weir_schema {
    const char *full_name; /* "pay.Tx" */
    const char *json;      /* as given, with the types of other files written in */
    size_t json_size;
    uint64_t fingerprint; /* CRC-64-AVRO (Rabin) of the Parsing Canonical Form (Avro spec 1.11) */
    const weir_schema_field *fields;
    size_t field_count;
    const weir_schema_node *root; /* always a record */
} weir_schema;

typedef struct weir_schema_text {
    const char *name;      /* of the file, for messages */
    const char *full_name; /* of the type that it defines, by weir_schema_name; "": none */
    const char *json;
    size_t size;
} weir_schema_text;

/*
 * Parses one schema of one record. `name` is for messages. Every named type it uses must stand
 * inside it. Refused: recursion, depth > 64, more than 10,000 nodes, text over 1 MiB, bad names,
 * bad logical types.
 */
weir_error *weir_schema_parse(const char *json, size_t size, const char *name, weir_arena *into,
                              const weir_schema **schema_out);
/* Sets full_name. */
weir_error *weir_schema_name(weir_schema_text *text, weir_arena *into);
/*
 * The same of one file among others (which may hold it), each of one named type: what it does not
 * define itself it may take from them. They are written into `json` where they are used first, so
 * that it says all by itself. *schema_out is NULL for an enum or a fixed, which is only there to be
 * used.
 */
weir_error *weir_schema_parse_among(const weir_schema_text *text, const weir_schema_text *others,
                                    size_t other_count, weir_arena *into,
                                    const weir_schema **schema_out);
/* What stands at a path of the schema that no field has: a record, a union of several types, a part
 * of a place, ... in words, made in `into`; NULL: nothing does. */
const char *weir_schema_unnamed(const weir_schema *schema, const char *path, weir_arena *into);
/* The field of that path, or NULL. */
const weir_schema_field *weir_schema_find(const weir_schema *schema, const char *path);

/* Why a message was refused: goes into the dead letter as its reason. */
typedef enum weir_decode_reason {
    WEIR_DECODE_OK,
    WEIR_DECODE_BAD_AVRO, /* truncated, trailing bytes, index out of range, over a limit, bad UTF-8
                           */
    WEIR_DECODE_BAD_NUMBER, /* NaN, infinity or a bad decimal in a field that is not optional (R10)
                             */
} weir_decode_reason;

typedef struct weir_decode_result {
    weir_decode_reason reason;
    const char *problem;     /* static text, or NULL                                     */
    const char *path;        /* the field where it was found, or NULL                    */
    size_t offset;           /* byte in the message                                      */
    uint32_t nulled_numbers; /* bad numbers that became null in optional fields, counted */
} weir_decode_result;

typedef struct weir_decoder weir_decoder;

/*
 * Compiles a decoder of data written with `writer`, seen as `reader` (Avro schema resolution:
 * defaults, removed, promoted, reordered fields, aliases, unions with null). `wanted` names
 * `slot_count` paths of the reader; slot i receives wanted[i]. `as_types` (or NULL) says, per slot,
 * the type it is wanted as, where that may differ from the schema's (vec from a list of float, a
 * declared enum): see language.md note 12. Fails with WEIR_E_SCHEMA, naming field, both types and
 * the cure, where the two do not resolve.
 */
weir_error *weir_decoder_compile(const weir_schema *writer, const weir_schema *reader,
                                 const char *const *wanted, const weir_type *as_types,
                                 size_t slot_count, weir_arena *into,
                                 const weir_decoder **decoder_out);
/* Decodes one whole body (without framing). Strings point into `body`; lists and vectors into
 * scratch. */
weir_decode_result weir_decoder_decode(const weir_decoder *decoder, weir_bytes body,
                                       weir_arena *scratch, weir_value *slots);

/* The same for the record at the front of `bytes`; *used_out is how many bytes it took (container
 * files). */
weir_decode_result weir_decoder_decode_front(const weir_decoder *decoder, weir_bytes bytes,
                                             weir_arena *scratch, weir_value *slots,
                                             size_t *used_out);

/* Encodes a record: one value per schema->fields[i], in that order; paths of inner records
 * included. A field that can not be named takes its default, else null. Appends to `out`. Fails with
 * WEIR_E_DATA naming the field. */
weir_error *weir_schema_encode(const weir_schema *schema, const weir_value *values,
                               weir_buffer *out);

/* Confluent wire format: 0, schema id big-endian, body. */
enum { WEIR_FRAME_BYTES = 5 };
bool weir_frame_read(weir_bytes message, int32_t *schema_id_out, weir_bytes *body_out);
void weir_frame_write(weir_buffer *out, int32_t schema_id);
