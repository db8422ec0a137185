/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - a bounded pull reader of JSON, and a writer.
 *
 * One reader serves events, schemas, model files, registry answers and HTTP bodies. It is a pull
 * parser: the caller asks for the next token and knows what it wants, so nothing is built that
 * nobody reads, and numbers come as their digits, since a double would lose 9007199254740993 and
 * 1234567.89. Depth is bounded; input is the caller's memory and must outlive the tokens; strings
 * without escapes are handed out in place, others are unescaped into the arena. UTF-8 is checked.
 * RFC 8259, no extensions: bare NaN or Infinity are errors unless `allow_nonfinite` is set (XGBoost
 * writes them).
 *
 * Errors are sticky: after one, every call gives WEIR_JSON_ERROR; weir_json_error() tells place and
 * cause.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

enum { WEIR_JSON_DEPTH_MAX = 64 };

typedef enum weir_json_token {
    WEIR_JSON_ERROR,
    WEIR_JSON_END, /* of the whole document */
    WEIR_JSON_OBJECT_BEGIN,
    WEIR_JSON_OBJECT_END,
    WEIR_JSON_ARRAY_BEGIN,
    WEIR_JSON_ARRAY_END,
    WEIR_JSON_KEY,    /* text: the member's name, unescaped */
    WEIR_JSON_STRING, /* text: unescaped                    */
    WEIR_JSON_NUMBER, /* text: its digits as written        */
    WEIR_JSON_TRUE,
    WEIR_JSON_FALSE,
    WEIR_JSON_NULL,
} weir_json_token;

typedef struct weir_json {
    const uint8_t *start, *next, *end;
    const uint8_t *token; /* where the last token begins: the place that errors name */
    weir_arena *scratch;  /* for strings with escapes */
    weir_bytes text;      /* of the last key, string or number */
    const char *problem;  /* NULL while all is well */
    unsigned depth;
    bool allow_nonfinite;
    bool after_value; /* reader's own: a comma or an end must come next */
    bool after_key;
    uint8_t containers[WEIR_JSON_DEPTH_MAX]; /* '{' or '[' per level */
} weir_json;

void weir_json_init(weir_json *json, const void *data, size_t size, weir_arena *scratch);
weir_json_token weir_json_next(weir_json *json);
weir_json_token weir_json_peek(
    weir_json *json); /* looks, does not take (strings are not unescaped) */
/* Skips the value that comes next, whole. False after an error. */
bool weir_json_skip(weir_json *json);
/* Takes the next token and fails unless it is `want`. */
bool weir_json_expect(weir_json *json, weir_json_token want);
/* In an object: true and the key in json->text, or false at its end (taken) or on an error. */
bool weir_json_next_key(weir_json *json);
/* In an array: true if a value follows, false at its end (taken) or on an error. */
bool weir_json_next_item(weir_json *json);
bool weir_json_key_is(const weir_json *json, const char *name);
/* Short ways through what programs write are in json_scan.h. */
/* Convenience: typed values; false (and an error) when the value is of another kind or out of
 * range. */
bool weir_json_int64(weir_json *json, int64_t *out);
bool weir_json_double(weir_json *json, double *out);
bool weir_json_bool(weir_json *json, bool *out);
bool weir_json_string(weir_json *json, weir_bytes *out);
/* Marks the document as bad at the present place. `problem` must live on. */
void weir_json_fail(weir_json *json, const char *problem);
/* NULL while all is well; else an error with line and column: `what`:3:17: expected ... */
weir_error *weir_json_error(const weir_json *json, weir_error_code code, const char *what);

/* Writing. The writer puts commas; begin and end must match (asserted). */
typedef struct weir_json_writer {
    weir_buffer *out;
    unsigned depth;
    bool needs_comma;
    bool after_key;
    bool pretty;      /* two spaces a level */
    uint64_t objects; /* bit n: level n is an object */
} weir_json_writer;

void weir_json_write_begin(weir_json_writer *writer, char bracket); /* '{' or '[' */
void weir_json_write_end(weir_json_writer *writer, char bracket);   /* '}' or ']' */
void weir_json_write_key(weir_json_writer *writer, const char *name);
void weir_json_write_key_bytes(weir_json_writer *writer, const void *name, size_t size);
void weir_json_write_string(weir_json_writer *writer, const void *text, size_t size);
void weir_json_write_text(weir_json_writer *writer, const char *text);
void weir_json_write_int(weir_json_writer *writer, int64_t value);
void weir_json_write_double(weir_json_writer *writer, double value); /* finite; shortest digits */
void weir_json_write_raw(weir_json_writer *writer, const char *token,
                         size_t size); /* a ready token */
void weir_json_write_bool(weir_json_writer *writer, bool value);
void weir_json_write_null(weir_json_writer *writer);
