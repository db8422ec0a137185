/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what a snapshot says about itself: _manifest.json, written last, checked first.
 *
 * The file is one JSON object whose last member, `manifest_sha256`, is the hash of the file's own
 * bytes with that member's 64 digits as zeros, so that a flipped bit in the manifest is found as
 * well. The content hash is computed from facts and from the parts' content hashes by a fixed
 * encoding, not from the JSON.
 *
 * Owns:    nothing; a parsed manifest lives in its arena.
 * See also: docs/formats/snapshot.md
 */
#pragma once

#include "store/snapshot.h"

enum { WEIR_MANIFEST_BYTES_MAX = 64 << 20, WEIR_MANIFEST_PARTS_MAX = 100000 };

/* Readers of a folder of Parquet (pandas, pyarrow, Spark) pass over names that begin so. */
#define WEIR_MANIFEST_NAME     "_manifest.json"
#define WEIR_MANIFEST_NAME_OLD "manifest.json" /* of the first snapshots */

typedef struct weir_manifest_part {
    const char *file; /* name in the folder */
    uint64_t rows, bytes;
    uint32_t row_groups;
    const char *content_sha256;
    const char *file_sha256;
} weir_manifest_part;

typedef struct weir_manifest {
    const char *title;
    const char *definition;
    const weir_parquet_column *columns; /* writing only */
    size_t column_count;
    weir_snapshot_facts facts;
    const weir_manifest_part *parts;
    size_t part_count;
    uint64_t rows, bytes;
    char content_sha256[WEIR_SHA256_TEXT_SIZE];
} weir_manifest;

/* Where the folder's manifest is, or would be. */
const char *weir_manifest_path(const char *folder, weir_arena *into);
/* The content hash of all that stands in it, hex. */
void weir_manifest_content(const weir_manifest *manifest, char text_out[WEIR_SHA256_TEXT_SIZE]);
/* Appends the whole file. Sets rows, bytes and content_sha256 from the parts. */
void weir_manifest_print(weir_manifest *manifest, weir_buffer *out);
/* Parses and checks form, hash of the file and content hash. `name` is for messages. */
weir_error *weir_manifest_parse(const char *name, weir_bytes file, weir_arena *into,
                                weir_manifest *manifest_out);
