/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_versions.h - which versions of the definitions came into force where, and so which of them
 * can have sent what.
 *
 * A worker takes a journal record by record and stops at the notice of another version. So an event
 * at some place was taken by the version in force there, or, if it was not yet read when a later one
 * was applied, by that one; never by one that was in force only before. A record of another version
 * excuses the lack of ours only where that version can have taken the event.
 *
 * Owns: its memory. Threads: one.
 */
#pragma once

#include "ingest/topics.h"
#include "ops/runtime/buffer.h"

typedef struct weir_version_place {
    weir_topic topic;
    int32_t partition;
    int64_t offset;
    uint8_t digest[WEIR_DIGEST_BYTES], fold_digest[WEIR_DIGEST_BYTES];
} weir_version_place;

/* Another version as its records name it: a score by its digest, a copy by the first bytes of its
 * fold digest. */
typedef struct weir_version_name {
    uint8_t digest[WEIR_DIGEST_BYTES];
    uint8_t size;
} weir_version_name;

enum { WEIR_VERSION_NAMES_MAX = 255 };

typedef struct weir_versions {
    weir_version_place *places; /* in the order of each partition */
    size_t place_count, place_capacity;
    weir_version_name names[WEIR_VERSION_NAMES_MAX];
    uint8_t name_count;
} weir_versions;

void weir_versions_deinit(weir_versions *versions);
/* A definition came into force. In the order of the journal. */
void weir_versions_add(weir_versions *versions, const weir_version_place *place);
/* A number for what a record calls its version; false: there are too many. */
bool weir_versions_number(weir_versions *versions, weir_bytes digest, uint8_t *number_out);

/* Whether that version ever came into force. */
bool weir_versions_knows(const weir_versions *versions, uint8_t number);
/* Whether it can have taken an event at that place of a journal. */
bool weir_versions_may_take(const weir_versions *versions, uint8_t number, weir_topic topic,
                            int32_t partition, int64_t offset);
