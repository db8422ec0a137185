/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.h - SHA-256 (FIPS 180-4), for digests of definitions, views and plans.
 *
 * Our own because `compute` is pure and links no third-party library. Not for hot paths.
 *
 * Owns: nothing. Threads: a state belongs to one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { WEIR_SHA256_BYTES = 32 };

typedef struct weir_sha256 {
    uint32_t words[8];
    uint64_t size;     /* bytes so far */
    uint8_t block[64]; /* the last, unfinished block */
} weir_sha256;

void weir_sha256_init(weir_sha256 *sha);
void weir_sha256_update(weir_sha256 *sha, const void *bytes, size_t size);
void weir_sha256_final(weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES]);
void weir_sha256_of(const void *bytes, size_t size, uint8_t digest_out[WEIR_SHA256_BYTES]);
