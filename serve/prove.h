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

#include "serve/replay.h"

enum { WEIR_PROOF_DIFFERENCES_MAX = 10 };

typedef struct weir_proof weir_proof;
struct weir_proof {
    uint64_t events;    /* folded again                                            */
    uint64_t copies;    /* hop copies compared                                     */
    uint64_t scores;    /* score records compared                                  */
    uint64_t served;    /* answers of `weir serve` compared                        */
    uint64_t exported;  /* rows of snapshots compared                              */
    uint64_t snapshots; /* made again and compared                                 */
    uint64_t states;    /* live shards and checkpoints compared                    */
    uint64_t parts;     /* of keys' states in them                                 */
    uint64_t values;    /* values in scores, answers and snapshots                 */
    uint64_t resent;    /* compared again because they stand twice (after a crash) */
    uint64_t in_flight; /* sent by the replay, not yet seen in Kafka, not yet committed */
    uint64_t skipped;   /* made under another definition, or in use: not compared  */
    uint64_t others;    /* copies and scores of other versions: not compared       */
    uint64_t behind;    /* journal records that this version can not fold          */
    uint64_t missing;   /* should stand in Kafka and do not                        */
    uint64_t unknown;   /* stand in Kafka and no replay sends them                 */
    uint64_t differing; /* stand there with other bytes                            */
    size_t difference_count;
    const char *differences[WEIR_PROOF_DIFFERENCES_MAX]; /* text, with offsets and both values */
};

typedef struct weir_prove_options {
    const weir_replay_options *replay;
    const char *vector;           /* only the scores of this vector; NULL: all */
    const char *const *snapshots; /* folders */
    size_t snapshot_count;
    const char *state_dir; /* whose shards and checkpoints are compared; NULL: none */
} weir_prove_options;

/* Texts live in `into`. */
weir_error *weir_prove(const weir_prove_options *options, weir_arena *into, weir_proof *proof_out);
static inline bool weir_proof_holds(const weir_proof *proof)
{
    return proof->missing == 0 && proof->unknown == 0 && proof->differing == 0;
}
