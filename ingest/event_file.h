/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_file.h - a file of events, line by line, as Avro bodies of their streams' schemas.
 *
 * JSON Lines name the stream, `{"stream":"tx","value":{..}}`, and may give the time of ingest; CSV,
 * Avro containers, Parquet and JSON Lines of bare objects need the stream's name. The default time
 * of ingest is the greater of the event's own time and the previous line's (weir help eval).
 * A line that can not be used is refused and counted, and uses its number up.
 *
 * Owns: the file, buffers. Threads: one.
 */
#pragma once

#include "compute/plan.h"

typedef enum weir_file_event_status {
    WEIR_FILE_EVENT_END,
    WEIR_FILE_EVENT_OK,
    WEIR_FILE_EVENT_REFUSED,
} weir_file_event_status;

typedef struct weir_file_event {
    weir_file_event_status status;
    int64_t line; /* from 0; empty lines of JSON Lines have a number, too */
    uint32_t stream;
    int64_t ingest_us;
    weir_bytes body; /* lives until the next call */
    const char
        *problem; /* of one that is refused: its numbers, and why; lives until the next call */
} weir_file_event;

enum { WEIR_FILE_PROBLEM_BYTES = 400 };

typedef struct weir_event_file_counts {
    uint64_t lines;
    uint64_t bad_line;   /* not an event at all: no JSON, no such stream */
    uint64_t bad_value;  /* does not fit the schema */
    uint64_t bad_number; /* R10 */
    uint64_t nulled_numbers;
    char first_problem[WEIR_FILE_PROBLEM_BYTES]; /* of the first refused line, with its number */
} weir_event_file_counts;

typedef struct weir_event_file weir_event_file;

/* stream may be NULL where the file names it. "-": standard input. */
weir_error *weir_event_file_open(const weir_plan *plan, const char *path, const char *stream,
                                 weir_event_file **file_out);
void weir_event_file_close(weir_event_file *file); /* NULL is fine */
weir_error *weir_event_file_next(weir_event_file *file, weir_file_event *event_out);
weir_event_file_counts weir_event_file_counted(const weir_event_file *file);
