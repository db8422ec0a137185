/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_event.h - a JSON object as a record of an Avro schema.
 *
 * Files of events are not decoded by a way of their own: an object is turned into the schema's Avro
 * bytes, and those go through observe like any other (docs/reference/json.md tells the convention).
 * Members are matched by name, inner records by nesting; unknown members are skipped, absent ones
 * take null, else the schema's default; one that stands twice is an error. A bad number in an
 * optional field becomes null and is counted (R10).
 *
 * Owns: tables in the arena given. Threads: one.
 */
#pragma once

#include "ops/runtime/json.h"
#include "schemas/avro.h"
#include "schemas/json_value.h"

typedef struct weir_json_event weir_json_event;

typedef struct weir_json_event_result {
    bool is_ok;
    bool is_bad_number; /* not ok because of a number (R10) */
    uint32_t nulled_numbers;
    const char *path;    /* of the field that did not fit, or NULL */
    const char *problem; /* static text */
    weir_bytes text;     /* what did not fit, as it stands in the document; may be empty */
} weir_json_event_result;

weir_json_event *weir_json_event_create(const weir_schema *schema, weir_arena *into);
/* Takes one value of `json`. values_out: one per schema->fields; they live in the document and in
 * scratch. */
weir_json_event_result weir_json_event_read(const weir_json_event *event, weir_json *json,
                                            weir_arena *scratch, weir_value *values_out);
