/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove.h - offline equals online, shown: folds the journals again and compares every byte that was
 * sent, exported or kept.
 *
 * Each hop is replayed from its own journal. What a fold sends again - copies with the values
 * carried to the next hop, score records with their vectors, receipts and digests - must be, byte
 * for byte, what stands in the next journal (joined by origin) and in the score topics (joined by
 * id). Sampled answers of `weir serve` are looked up again at the position and time that they name.
 * By induction over the hops every value that was carried, scored or served is then a pure function
 * of the journals (R20, G3). Snapshots are exported again and compared value by value
 * (prove_snapshot.h), and the state that workers keep with the replay's own (prove_state.h).
 *
 * A journal may hold events of several versions of the definitions (replay.h). Records of others are
 * counted and not compared. What this version sends is compared wherever it stands; it must be there
 * only where this version was in force, and no later one can have taken the event (prove_versions.h).
 *
 * What lies below the group's committed offset must be there; what lies above may be on its way,
 * and is counted apart.
 */
#pragma once

#include "serve/proof.h"
#include "serve/replay.h"

typedef struct weir_prove_options {
    const weir_replay_options *replay;
    const char *vector;           /* only the scores of this vector; NULL: all */
    const char *const *snapshots; /* folders */
    size_t snapshot_count;
    const char *state_dir; /* whose shards and checkpoints are compared; NULL: none */
} weir_prove_options;

/* Texts live in `into`. */
weir_error *weir_prove(const weir_prove_options *options, weir_arena *into, weir_proof *proof_out);
