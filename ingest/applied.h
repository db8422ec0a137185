/* SPDX-License-Identifier: Apache-2.0 */
/*
 * applied.h - which definitions and models are in force.
 *
 * `weir apply` alone puts them there: a notice in every journal partition (what history is read
 * with), and one record per name in the package's marks topic, which is compacted and small, so
 * that everybody can find the present state without reading journals:
 *
 *   key   "definition/<package>" or "model/<name>"       value  a notice (ingest/journal.h)
 *
 * Writing is idempotent by digest. Journals come first: what stands in the marks topic stands in
 * all journals.
 *
 * Threads: one.
 */
#pragma once

#include "compute/model/model.h"
#include "ingest/journal.h"
#include "ingest/kafka.h"
#include "ingest/topics.h"

typedef struct weir_applied {
    const char *name; /* "definition/card" */
    uint8_t digest[WEIR_DIGEST_BYTES];
    uint8_t fold_digest[WEIR_DIGEST_BYTES]; /* of definitions */
    weir_bytes text;                        /* canonical definitions; empty for a model */
} weir_applied;

/* What is in force; nothing if the marks topic is missing. Lives in `into`. */
weir_error *weir_applied_read(const weir_kafka_options *kafka, const weir_topics *topics,
                              weir_arena *into, const weir_applied **items_out, size_t *count_out);
/* The one of that name, or NULL. */
const weir_applied *weir_applied_find(const weir_applied *items, size_t count, const char *name);
/* Writes the notices into every partition of every journal, then into the marks topic. */
weir_error *weir_applied_write(const weir_kafka_options *kafka, const weir_topics *topics,
                               const weir_journal_notice *notices, size_t count);
/* "definition/<package>" or "model/<name>" of a notice. */
const char *weir_applied_name(const weir_journal_notice *notice, weir_arena *into);
/* Fails with WEIR_E_NOT_APPLIED unless exactly the plan's definitions are in force, and of each
 * score the model that is here (NULL: no file; then none may be in force). */
weir_error *weir_applied_check(const weir_kafka_options *kafka, const weir_topics *topics,
                               const weir_model *const *models);
