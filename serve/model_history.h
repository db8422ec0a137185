/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_history.h - which model made a score.
 *
 * A model may be replaced while the journal goes on, and so may the numerics it runs under; every
 * score record names the digest and the profile that made it (empty: none, the fallback answered).
 * A proof scores each event again with that very model: the one in force now is generation 0, older
 * ones are numbered as they are met, and come from the archive. A record whose model is nowhere is
 * taken as the present one's, and will differ.
 *
 * Owns:    scratch; the arena holds it, the archive its models.
 * Threads: one.
 */
#pragma once

#include "serve/replay.h"

typedef struct weir_model_history weir_model_history;

weir_error *weir_model_history_create(const weir_replay_options *options, weir_arena *into,
                                      weir_model_history **history_out);

void weir_model_history_close(weir_model_history *history); /* NULL is fine */

/* What made a score record. */
typedef struct weir_score_maker {
    bool is_foreign; /* another version of the definitions */
    uint8_t definition[WEIR_DIGEST_BYTES];
    uint16_t generation; /* of the model; 0 where it is foreign */
} weir_score_maker;

/* Of a framed score record of score `score`. One that can not be read is taken as of the present. */
weir_error *weir_model_history_find(weir_model_history *history, uint32_t score, weir_bytes message,
                                    weir_score_maker *maker_out);
/* Whether any record was of a generation above 0. */
bool weir_model_history_is_needed(const weir_model_history *history);
const weir_model *weir_model_history_get(const weir_model_history *history, uint32_t score,
                                         uint16_t number);
