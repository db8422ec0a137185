/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof.h - what a proof has counted, and the first differences that it found. prove.h writes it and
 * those who prove a part: prove_snapshot.h, prove_state.h, served.h.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/runtime/arena.h"

enum { WEIR_PROOF_DIFFERENCES_MAX = 10 };

typedef struct weir_proof {
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
} weir_proof;

/* Keeps a text, in `into`, if not enough are kept yet. Counting is the caller's. */
__attribute__((format(printf, 3, 4))) void weir_proof_tell(weir_proof *proof, weir_arena *into,
                                                           const char *format, ...);
__attribute__((format(printf, 3, 0))) void weir_proof_vtell(weir_proof *proof, weir_arena *into,
                                                            const char *format, va_list arguments);

static inline bool weir_proof_holds(const weir_proof *proof)
{
    return proof->missing == 0 && proof->unknown == 0 && proof->differing == 0;
}
