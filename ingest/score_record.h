/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score_record.h - the bytes of a score's records (schemas/score.avsc, docs/formats/score.md).
 *
 * What is the same in every record of a score - names, digests, decisions, the field names of keys
 * - is Avro already when the score is loaded; an event costs only what differs. A record comes in
 * three parts, in this order: the event, the model's answer, and the evidence (where the values
 * were read, the vector, what computed it). So all but the answer can be written before the model
 * has run.
 *
 * Owns:    its templates, in an arena. Threads: one.
 */
#pragma once

#include "ingest/scorer.h"

typedef struct weir_score_record weir_score_record;

/* model may be NULL. The plan must outlive the templates. */
weir_score_record *weir_score_record_create(const weir_plan *plan, const weir_plan_score *score,
                                            const weir_model_info *model);
void weir_score_record_destroy(weir_score_record *record); /* NULL is fine */

/* The Confluent frame, `id` to `event_id`. */
void weir_score_record_put_event(weir_score_record *record, const weir_score_request *request,
                                 weir_buffer *out);
/* `score` to `reasons`. */
void weir_score_record_put_answer(const weir_score_record *record, const weir_score_answer *answer,
                                  weir_buffer *out);
/* `errors` to the end. overflow: per column, or NULL where none of them overflowed. */
void weir_score_record_put_evidence(weir_score_record *record, const weir_score_request *request,
                                    const weir_value *const *columns, const bool *overflow,
                                    weir_buffer *out);
