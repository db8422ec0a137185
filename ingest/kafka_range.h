/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_range.h - reads the records of one stretch of one partition, in order.
 *
 * For whoever wants a finite piece of a topic: replays, `weir why`, looks ahead. The stretch ends
 * where the partition does, if that comes first.
 */
#pragma once

#include "ingest/kafka_reader.h"

typedef struct weir_kafka_range {
    const char *topic;
    int32_t partition;
    int64_t from; /* offset, or WEIR_OFFSET_START */
    int64_t end;  /* offset behind the last */
} weir_kafka_range;

/* The record lives until it returns. *is_over_out: no further record is wanted. */
typedef weir_error *weir_kafka_visit(void *context, const weir_log_record *record,
                                     bool *is_over_out);

/* Fails with the visitor's error, or with WEIR_E_TIMEOUT if Kafka sends nothing for a minute. */
weir_error *weir_kafka_range_read(const weir_kafka_options *kafka, const weir_kafka_range *range,
                                  weir_kafka_visit *visit, void *context);
