/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checksum.h - fast hashes of bytes: against accidents, and for tables.
 *
 * xxHash64 and XXH3 are defined byte for byte, so a stored checksum means the same everywhere.
 * Neither resists an attacker: what must not be forged is named by SHA-256 (digest.h).
 *
 * Owns:    a running checksum belongs to the caller; finish frees it.
 * Threads: one at a time for a running checksum; the rest any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t weir_xxh64(const void *data, size_t size, uint64_t seed);
uint64_t weir_xxh3(const void *data, size_t size, uint64_t seed);

/* For tables in memory whose keys strangers choose: drawn anew for each process, before main, so
 * that nobody can know which will meet. Nothing stored or computed may depend on it. */
extern uint64_t weir_table_seed;

/* xxHash64 in pieces. */
typedef struct weir_xxh64_state weir_xxh64_state;
weir_xxh64_state *weir_xxh64_begin(uint64_t seed);
void weir_xxh64_update(weir_xxh64_state *state, const void *data, size_t size);
uint64_t weir_xxh64_finish(weir_xxh64_state *state); /* frees it */
