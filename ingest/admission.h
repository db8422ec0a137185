/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - what must fit together before a fold shard may start: definitions, state, journal,
 * sources.
 *
 * Each refusal says what was found, and the exact remedy (docs/adr/0001).
 */
#pragma once

#include "ingest/fold.h"

/* Whose state the store holds; a new store is marked as ours. */
weir_error *weir_admit_identity(const weir_fold_options *options);
/* Whether an identity that a store holds names the plan's fold digest: state of its definitions, or
 * of some that keep and carry the same. */
bool weir_identity_is_of(weir_bytes identity, const weir_plan *plan);
/* L <= K <= log end, log start <= L. */
weir_error *weir_admit_positions(const weir_fold_options *options, const weir_node_position *at,
                                 int64_t low);
/* No source ends below what was folded from it: it would be another topic under the same name. */
weir_error *weir_admit_origins(const weir_fold_options *options, const weir_shard_record *record);
/* All of these for a store that is only read: would a worker start from it? One that was never
 * written to is fine. */
weir_error *weir_admit_kept(const weir_fold_options *options, const weir_node_position *at);
