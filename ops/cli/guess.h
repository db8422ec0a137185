/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guess.h - the schema that a file of events seems to have.
 *
 * Avro and Parquet say their types. Of CSV and JSON Lines every row is looked at: a column is of
 * the narrowest type that all its values have, in the order bool, int64, decimal (all with the same
 * number of places), double, time, string; text of digits with a zero in front stays text. Members
 * of inner objects are columns `a.b`; an inner record is nullable unless some member is in every row.
 * What no schema can hold (two kinds of values in one column, a name that is none in Avro) is left
 * out, and told. Events in `{"stream":..,"value":..}` form are
 * looked into.
 *
 *     weir_guess guess = {.into = &arena};
 *     WEIR_TRY(weir_guess_file(&guess, "events.csv"));
 *     weir_guess_print_schema(&guess, "shop", "Event", &json);
 *
 * Owns:    what it finds lives in `into`. Threads: one.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"
#include "schemas/type.h"

enum { WEIR_GUESS_DISTINCT_MAX = 65536 };

typedef struct weir_guess_column {
    const char *path; /* "a.b" for the member b of a */
    weir_type type;   /* optional where some row has no value; WEIR_NULL: left out, or a record */
    weir_time_unit unit;
    const char *problem; /* why it is left out, or NULL */
    bool is_record;      /* of JSON: its members are columns */
    bool is_counted;     /* text and whole numbers of the first columns: */
    uint64_t distinct;   /* values, up to WEIR_GUESS_DISTINCT_MAX */
    uint64_t repeats;    /* rows whose value was among those before */
    uint64_t nulls;
} weir_guess_column;

typedef struct weir_guess {
    weir_arena *into;
    weir_guess_column *columns;
    size_t count;
    uint64_t rows, bad_rows;
    uint64_t repeats;          /* rows that are in all columns like one before */
    const char *first_problem; /* of a row that can not be read, or NULL */
    const char *stream;        /* that the lines name, or NULL */
    const char *schema_json;   /* of an Avro file: its own, as it stands there; else NULL */
    const char *schema_name;   /* its full name */
} weir_guess;

weir_error *weir_guess_file(weir_guess *guess, const char *path);
/* An Avro schema of the columns that are not left out, for files that do not carry one. */
void weir_guess_print_schema(const weir_guess *guess, const char *space, const char *name,
                             weir_buffer *out);
