/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - named fields of a request, `{"card": "c1", "amount": "12.00"}`, as values.
 *
 * Values follow the JSON convention (docs/reference/json.md). A string is read as text where its
 * field is no string, so a command line may send what it was given: {"amount": "12.00", "ok":
 * "true"}.
 *
 * Owns:    nothing; values live in the document or in the arena. Threads: any.
 */
#pragma once

#include "ops/runtime/json.h"
#include "schemas/json_value.h"

typedef struct weir_field_want {
    const char *name;
    weir_type type;
    weir_time_unit unit;
} weir_field_want;

/*
 * Reads an object whose members are among `wants`, in any order, into values[i] of wants[i]; what
 * is absent keeps the value it had. NULL, or what is wrong: "`what` has no field ..., it may have
 * ...".
 */
const char *weir_fields_read(weir_bytes object, const char *what, const weir_field_want *wants,
                             size_t count, weir_arena *into, weir_value *values, bool *is_given);

/*
 * The body of a request, member by member: fails `json` where the member at hand is one of `names`
 * and was given before, for which of the two counts would be a guess; takes a name, or an object as
 * it stands.
 */
bool weir_fields_once(weir_json *json, const char *const *names, const bool *is_given,
                      size_t count);
bool weir_fields_name(weir_json *json, weir_arena *into, const char **name_out);
bool weir_fields_raw(weir_json *json, weir_bytes *text_out);
