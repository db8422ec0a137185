/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filelog.h - the worker over a file: the same observe and fold nodes, driven without Kafka.
 *
 * Every topic has one partition. What a node sends is handed to the next one at once, and the
 * offset of a copy in a journal is the number of the line that it came from, so that `seq` is that
 * number everywhere (weir help eval). State stays in memory. There is no second
 * engine, no second contract: only this driver differs from the stream's.
 *
 * Owns:    nodes, engine, topics. Threads: one.
 */
#pragma once

#include "ingest/fold.h"
#include "ingest/observe.h"

typedef struct weir_filelog weir_filelog;

typedef struct weir_filelog_options {
    const weir_plan *plan;
    const weir_fold_row_sink *rows; /* or NULL */
    weir_scorer *const *scorers;    /* one per score, or NULL */
    /* What was sent to outputs: scores and dead letters. May be NULL. */
    weir_error *(*output)(void *context, const weir_output *output);
    void *context;
} weir_filelog_options;

typedef struct weir_filelog_counts {
    uint64_t dead[WEIR_DEAD_REASON_COUNT];
    uint64_t duplicates;
    uint64_t copies;
    uint64_t late;
    uint64_t overflows;
    uint64_t nulled_numbers;
} weir_filelog_counts;

weir_error *weir_filelog_create(const weir_filelog_options *options, weir_filelog **log_out);
void weir_filelog_destroy(weir_filelog *log); /* NULL is fine */

/* One event: the Avro body under the stream's own schema. `line` must rise from call to call. */
weir_error *weir_filelog_take(weir_filelog *log, uint32_t stream, int64_t line, int64_t ingest_us,
                              weir_bytes body);

weir_filelog_counts weir_filelog_count(const weir_filelog *log);
const weir_topics *weir_filelog_topics(const weir_filelog *log);
