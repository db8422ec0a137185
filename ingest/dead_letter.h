/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_letter.h - a record that broke its contract, as it is kept.
 *
 * Key: "topic/partition/offset", with "/stream" behind it for the second and later streams of a
 * topic. Value: an Avro record weir.DeadLetter (schemas/dead_letter.avsc) in Confluent framing,
 * with the original key and value whole. Both are pure functions of the record and the definition:
 * no host, no clock. Copies are byte-identical and go by their key.
 *
 * See also: docs/formats/dead-letter.md
 */
#pragma once

#include "ingest/log.h"

typedef struct weir_dead_letter {
    const char *stream;
    const char *topic;
    int32_t partition;
    const char *reason; /* weir_dead_reason_name */
    const char *detail; /* a sentence; may be "" */
    bool has_stream_in_key;
    const weir_log_record *record;
} weir_dead_letter;

extern const char weir_dead_letter_schema[]; /* the Avro schema, JSON */

/* Both append. */
void weir_dead_letter_key(const weir_dead_letter *letter, weir_buffer *out);
void weir_dead_letter_encode(const weir_dead_letter *letter, int32_t schema_id, weir_buffer *out);
