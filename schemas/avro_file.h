/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_file.h - Avro object container files: records of one schema in compressed blocks.
 *
 * The reader gives one record's body after another, as a Kafka message would hold it, so the same
 * decoders read both. It finds where a record ends by stepping over it, so a file of broken records
 * is refused at the place of the first. Codecs: null, deflate, snappy, zstandard. Blocks are
 * bounded, and nothing is allocated for a size that the file merely claims. The writer's bytes
 * depend on nothing but what is written: its sync marker is made from the schema.
 *
 * Owns:    the reader its stream, schema and buffers; the writer its buffers.
 * Threads: one thread at a time.
 */
#pragma once

#include <stdio.h>

#include "ops/runtime/compress.h"
#include "schemas/avro.h"

typedef struct weir_avro_reader weir_avro_reader;

/* Reads the header: the schema is known afterwards. */
weir_error *weir_avro_reader_open(const char *path, weir_avro_reader **reader_out);
/* The same of a file that is open at its beginning, and becomes the reader's; `path` is for
 * messages. */
weir_error *weir_avro_reader_open_fd(int fd, const char *path, weir_avro_reader **reader_out);
void weir_avro_reader_close(weir_avro_reader *reader); /* NULL is fine */
const weir_schema *weir_avro_reader_schema(const weir_avro_reader *reader);
/* The next record's body, valid until the next call; *end_out true behind the last one. */
weir_error *weir_avro_reader_next(weir_avro_reader *reader, weir_bytes *body_out, bool *end_out);

typedef struct weir_avro_writer weir_avro_writer;

/* Writes the header to `stream`, which stays the caller's. Codecs NONE, DEFLATE, SNAPPY and ZSTD.
 */
weir_avro_writer *weir_avro_writer_create(FILE *stream, const weir_schema *schema,
                                          weir_codec codec);
void weir_avro_writer_put(weir_avro_writer *writer,
                          weir_bytes body); /* a record, as weir_schema_encode makes it */
/* Writes what is left, frees the writer. The stream's error flag tells whether all of it got out.
 */
void weir_avro_writer_close(weir_avro_writer *writer);
