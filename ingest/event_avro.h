/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_avro.h - the records of an Avro container file as events of a stream.
 *
 * The file's schema is the writer's, the stream's the reader's: records are resolved by the program
 * that resolves Kafka messages, so the same bytes mean the same in a file and on a topic. A record
 * of the stream's own schema is handed on as it stands, with the fields that have no name in the
 * language. Schemas that do not resolve are left to ingest/rows, which converts by column.
 *
 * Owns:    buffers in the arena given; the container stays the caller's.
 * Threads: one.
 */
#pragma once

#include "schemas/avro_file.h"

typedef struct weir_event_avro weir_event_avro;

typedef struct weir_event_avro_record {
    bool is_end;
    weir_decode_result result;
    weir_bytes body; /* as the stream's schema has it; no data: encode the values */
    bool has_ingest; /* the file has a time `ingest` that is no field of the stream's schema */
    int64_t ingest_us;
} weir_event_avro_record;

/* NULL in *avro_out: the schemas do not resolve. */
void weir_event_avro_bind(weir_avro_reader *container, const weir_schema *reader, weir_arena *into,
                          weir_event_avro **avro_out);
/* The next record: a value per field of the reader's schema. The body lives until the next call. */
weir_error *weir_event_avro_next(weir_event_avro *avro, weir_arena *scratch, weir_value *values,
                                 weir_event_avro_record *record_out);
