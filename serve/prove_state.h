/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_state.h - the state that workers keep, compared with the replayed fold.
 *
 * Under a state folder stand live shards (<worker>/<topic>-<partition>) and checkpoints
 * (checkpoints/<topic>-<partition>/<L>). Each slice of each of them stands at a position L_s of its
 * own, so it must hold, byte for byte, what a fold that has just come to L_s would write: every
 * part of every key, the shard's clock, counts and origin marks, and the duplicates that a restart
 * asks for. When the replay reaches such a position, its own state is settled into its store and
 * the two are walked side by side. A shard that a running worker has open is not looked at
 * (checkpoints are), nor is one of another definition; both are counted as skipped.
 *
 * Owns: open stores; create/destroy. Threads: one.
 */
#pragma once

#include "serve/proof.h"
#include "serve/replay.h"

typedef struct weir_state_proof weir_state_proof;

/* Opens what it finds under `state_dir`. What is damaged is a difference, not an error. */
weir_error *weir_state_proof_open(const weir_topics *topics, const char *state_dir,
                                  weir_arena *into, weir_proof *proof,
                                  weir_state_proof **state_out);
void weir_state_proof_close(weir_state_proof *state); /* NULL is fine */

/* Compares the slices that stand at this place: to be called before each record and at the end. */
weir_error *weir_state_proof_check(weir_state_proof *state, weir_replay *replay,
                                   const weir_replay_place *at, weir_node *fold);
/* Slices whose position no replay came to: their state is beyond the journal. */
void weir_state_proof_finish(weir_state_proof *state, const weir_replay *replay);
