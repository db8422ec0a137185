/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_value.h - values to and from JSON by the one convention of the command line
 * (docs/reference/json.md).
 *
 * int64 is a number (all 64 bits exact) or a string; decimal a string or a number read from its
 * digits, printed as a string with its scale; float64 shortest round trip; time RFC 3339 with up to
 * microseconds, or an integer of the schema's own unit; duration integer microseconds; bytes
 * base64; enum its name; geo {"lat":..,"lon":..}; vec and list arrays; map an object. null or
 * absent is an optional without value.
 */
#pragma once

#include "ops/runtime/json.h"
#include "schemas/time.h"
#include "schemas/value.h"

/*
 * Takes the next JSON value as one of `type`. Returns false with *problem_out set (static text)
 * when it does not fit. A NaN, an infinity or a bad decimal sets *bad_number_out (else it is set to
 * false): null, and no failure, if the type is optional, else false (R10). Strings live in the
 * document or its arena; the rest in `into`.
 */
bool weir_json_read_value(weir_json *json, weir_type type, weir_time_unit unit, weir_arena *into,
                          weir_value *value_out, bool *bad_number_out, const char **problem_out);
/* The same for a member's value, in the short way: a scalar that stands as programs write it. False,
 * and nothing taken, where it does not or does not fit; then the call above says what it is. */
bool weir_json_take_plain(weir_json *json, const weir_type *type, weir_time_unit unit,
                          weir_value *value_out);
void weir_json_write_value(weir_json_writer *writer, weir_type type, const weir_value *value);

/*
 * The same convention for plain text (CSV cells, --key arguments): an empty text is null where
 * allowed; geo, vec, list and map are JSON. Strings point into `text`.
 */
bool weir_text_read_value(const char *text, size_t size, weir_type type, weir_time_unit unit,
                          weir_arena *into, weir_value *value_out, bool *bad_number_out,
                          const char **problem_out);
void weir_text_write_value(weir_buffer *out, weir_type type,
                           const weir_value *value); /* null: nothing */

/* The text of a bool, number, time or duration; returns its length, no NUL. */
enum { WEIR_SCALAR_TEXT_MAX = 64 };
size_t weir_scalar_print(weir_type type, const weir_value *value, char *out);

/* Base64 (RFC 4648 section 4, padded). decode refuses everything else; NULL then. */
void weir_base64_write(weir_buffer *out, weir_bytes bytes);
bool weir_base64_read(const char *text, size_t size, weir_arena *into, weir_bytes *out);
