/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scorer.h - a model bound to a vector: from an event after its last hop to one score record.
 *
 * Binding happens once and says exactly what does not fit: inputs by name, else one unnamed tensor
 * takes the columns in order; null is NaN where the model or the column's `??` allows it
 * (language.md, note 13). The record (schemas/score.avsc, docs/formats/score.md) carries id,
 * receipt, digests, numerics profile, score, decision, reasons and the vector; it is a pure
 * function of the event, its read points and the definitions.
 *
 * Owns:    workspace and scratch; the model belongs to the caller and may be shared.
 * Threads: one.
 */
#pragma once

#include "compute/engine/engine.h"
#include "compute/model/model.h"
#include "ingest/journal.h"
#include "ingest/log.h"

typedef struct weir_scorer weir_scorer;

extern const char weir_score_schema[]; /* schemas/score.avsc */

/* model may be NULL: then only the fallback answers (`weir check`, tests). Fails with WEIR_E_MODEL
 * naming what does not fit. */
weir_error *weir_scorer_create(const weir_plan *plan, uint32_t score, const weir_model *model,
                               weir_scorer **scorer_out);
void weir_scorer_destroy(weir_scorer *scorer);

/* What a score was computed from; see weir_fold_row. */
typedef struct weir_score_request {
    weir_engine *engine;
    const weir_event *event;
    const weir_journal_copy *copy;
    const weir_read_point *points;
    uint32_t point_count;
    const char *journal; /* topic of the last hop, and its partition: the id */
    int32_t partition;
    uint32_t ordinal;  /* among the stream's scores */
    int32_t schema_id; /* of the Confluent frame */
} weir_score_request;

/* Where records go: one behind the other, each a head, its Kafka key and its framed value. */
typedef struct weir_score_head {
    weir_topic topic; /* the sink's */
    uint32_t key_size, value_size;
} weir_score_head;
typedef struct weir_score_sink {
    weir_buffer *records;
    weir_topic topic;
} weir_score_sink;

/*
 * Scores an event. A model that is cheaper by the block waits for one: records come in the order of
 * their events, at the latest when the scorer is settled, and with the same bytes as one by one.
 * `key` is copied. Whoever adds settles before anybody else adds.
 */
void weir_scorer_add(weir_scorer *scorer, const weir_score_request *request, weir_bytes key,
                     const weir_score_sink *sink);
void weir_scorer_settle(weir_scorer *scorer, const weir_score_sink *sink);

/* The score alone, of a vector's values: for `weir serve` and tests. */
typedef struct weir_score_answer {
    double score;
    bool has_score; /* false: neither model nor fallback gave a number */
    bool is_fallback;
    const char *decision;    /* or NULL */
    uint32_t decision_index; /* of the score's, where there is one */
    uint32_t reason_count;
    const uint32_t *reason_columns; /* of the vector, greatest contribution first */
    const double *reason_values;
} weir_score_answer;
void weir_scorer_answer(weir_scorer *scorer, const weir_value *columns, const weir_value *carried,
                        const weir_value *self, weir_score_answer *answer_out);
