/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - SHA-256, in pieces or at once, and its hexadecimal text.
 *
 * Owns:    a weir_sha256 is freed by its finish or destroy.
 * Threads: one thread at a time each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_SHA256_BYTES = 32, WEIR_SHA256_TEXT_SIZE = 2 * WEIR_SHA256_BYTES + 1 };

typedef struct weir_sha256 weir_sha256;

weir_sha256 *weir_sha256_create(void);
void weir_sha256_destroy(weir_sha256 *sha); /* NULL is fine */
void weir_sha256_add(weir_sha256 *sha, const void *data, size_t size);
/* What it is so far; more may be added afterwards. */
void weir_sha256_peek(const weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES]);
/* The digest; frees it. */
void weir_sha256_finish(weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES]);
void weir_sha256_of(const void *data, size_t size, uint8_t digest_out[WEIR_SHA256_BYTES]);

/* 64 lower-case digits and a NUL. */
void weir_sha256_print(const uint8_t digest[WEIR_SHA256_BYTES],
                       char text_out[WEIR_SHA256_TEXT_SIZE]);
/* False unless `text` is exactly 64 hexadecimal digits. */
bool weir_sha256_parse(const char *text, uint8_t digest_out[WEIR_SHA256_BYTES]);
