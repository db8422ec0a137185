/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - the table in which a proof joins what was sent with what a replay sends again.
 *
 * One entry per thing that has an identity (a copy: journal and origin; a score: its id), 48 bytes,
 * keyed by a 128-bit hash of the identity, holding a hash of the bytes and who has shown it so far.
 * Both sides may come in any order and any number of times.
 *
 * Owns: its memory. Threads: one.
 */
#pragma once

#include "ops/runtime/buffer.h"

typedef enum weir_evidence_side {
    WEIR_EVIDENCE_FOUND = 1,
    WEIR_EVIDENCE_REPLAYED = 2,
    WEIR_EVIDENCE_OTHER = 4 /* another version's record stands there; its bytes are not compared */
} weir_evidence_side;

typedef struct weir_evidence_entry {
    uint64_t key[2];
    uint64_t bytes_hash;
    int64_t offset; /* where it was found, or of the record that sends it */
    int32_t partition;
    uint16_t topic;      /* in which it stands (or should) */
    uint8_t sides;       /* weir_evidence_side bits; 0: free */
    uint16_t generation; /* of the model that made the score (model_history.h) */
    uint8_t version;     /* of the other version (prove_versions.h) */
    uint16_t from_topic; /* of the record that sends it: only where nothing was found */
    bool is_ours;        /* it is this version's turn to send it */
    bool is_required, is_different;
} weir_evidence_entry;

typedef struct weir_evidence {
    weir_evidence_entry *entries;
    size_t capacity, count;
} weir_evidence;

void weir_evidence_deinit(weir_evidence *evidence);

/* What showing one side did. */
typedef enum weir_evidence_verdict {
    WEIR_EVIDENCE_NEW,    /* the first of the two sides   */
    WEIR_EVIDENCE_AGREES, /* both sides, the same bytes   */
    WEIR_EVIDENCE_AGAIN,  /* this side had been shown already, with the same bytes */
    WEIR_EVIDENCE_DIFFERS,
} weir_evidence_verdict;

/* What is known of `identity`, or NULL. It lives until the next call. */
const weir_evidence_entry *weir_evidence_find(const weir_evidence *evidence, weir_bytes identity);

/* Says that a record of another version stands under `identity`. */
void weir_evidence_note_other(weir_evidence *evidence, weir_bytes identity, uint8_t version);

/* Shows `bytes` of `identity` from one side. *entry_out lives until the next call. */
weir_evidence_verdict weir_evidence_show(weir_evidence *evidence, weir_evidence_side side,
                                         weir_bytes identity, weir_bytes bytes,
                                         weir_evidence_entry **entry_out);
