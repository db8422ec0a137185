/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_snapshot.h - an exported snapshot, compared with what the journals give.
 *
 * The snapshot's manifest says what was exported: vector, further fields, event times, offset
 * ranges. The same export is made again up to the same offsets, beside the state, and the two are
 * read side by side: row by row, value by value. Hashes are not what is trusted: a snapshot whose
 * hashes were made to fit its changed values is found out as well.
 */
#pragma once

#include "serve/proof.h"
#include "serve/replay.h"

/* Damage and differences go into `proof`; texts live in `into`. A snapshot of other definitions is
 * skipped. */
weir_error *weir_snapshot_prove(const weir_replay_options *replay, const char *path,
                                weir_arena *into, weir_proof *proof);

/* Snapshots in `folder` and up to three folders deeper: what holds a _manifest.json and a first
 * part. Hidden folders and `skip` are not entered. */
weir_error *weir_snapshots_find(const char *folder, const char *skip, weir_arena *into,
                                const char *const **paths_out, size_t *count_out);
