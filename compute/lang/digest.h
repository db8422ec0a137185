/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - the canonical form of what definitions mean (R15).
 *
 * A digest is SHA-256 over a normalised tree: names of features, lets and groups do not occur,
 * since the trees have what they stand for in their place; fields are named by stream, path and
 * type; durations are microseconds; clauses come in a fixed order; zones come with their rules.
 * Trees are hashed bottom up, so that a part that is written in place and one that is referred to
 * give the same bytes.
 */
#pragma once

#include "compute/lang/names.h"
#include "compute/plan.h"
#include "ops/runtime/digest.h"

/* Bytes on their way into a digest. */
typedef struct weir_digester {
    weir_buffer bytes;
} weir_digester;

void weir_digester_init(weir_digester *sha);
void weir_digester_put(weir_digester *sha, const void *bytes, size_t size);
void weir_digester_finish(weir_digester *sha,
                          uint8_t digest_out[WEIR_DIGEST_BYTES]); /* frees the bytes */

struct weir_checker;
struct weir_stream_info;

/* Both streams tell what FIELD/CARRIED and THIS mean; either may be NULL where such leaves do not
 * occur. */
const uint8_t *weir_digest_expr(struct weir_checker *c, const struct weir_stream_info *source,
                                const struct weir_stream_info *self, const weir_expr *expr);
void weir_digest_text(weir_digester *sha, const char *text); /* length first */
void weir_digest_int(weir_digester *sha, int64_t value);
void weir_digest_type(weir_digester *sha, weir_type type);
void weir_digest_binding(weir_digester *sha, const weir_agg_binding *binding);
void weir_digest_window(weir_digester *sha, const weir_plan_window *window);
/* A short interned name for a digest, to look things up by. */
const char *weir_digest_name(struct weir_checker *c, const uint8_t digest[WEIR_DIGEST_BYTES]);
