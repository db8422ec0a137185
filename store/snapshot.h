/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - a folder of Parquet parts that is complete or invisible, and never changes (G5).
 *
 * Parts are written into `.<name>.tmp-<random>` beside the final place, synced, then _manifest.json,
 * synced, then the folder is renamed to its final name: who sees the name sees everything. A name
 * that exists is refused, never overwritten. The manifest tells schema, definition, models, offset
 * ranges, grades, rows and hashes; its content hash depends on the rows, the schema and the facts
 * alone, never on time, host, thread count or version of zstd, so the same export twice has the
 * same one.
 *
 *     weir_snapshot_begin(&options, &snapshot);
 *     weir_snapshot_add_columns(snapshot, vectors, rows);      again and again
 *     weir_snapshot_finish(snapshot, &facts, &summary);        or weir_snapshot_abort(snapshot)
 *
 * Owns:    its temporary folder until finish or abort; what a crash left is swept by the next
 * begin. Threads: one thread at a time. See also: docs/formats/snapshot.md
 */
#pragma once

#include "store/parquet/writer.h"

enum { WEIR_SNAPSHOT_PART_ROWS = 64 * WEIR_PARQUET_ROW_GROUP_ROWS };

typedef struct weir_snapshot_options {
    const char *path;       /* the folder to be; must not exist         */
    const char *title;      /* "card.handbook": what was exported       */
    const char *definition; /* hash of the definition, hex              */
    const weir_parquet_column *columns;
    size_t column_count;
    uint64_t part_rows; /* 0: WEIR_SNAPSHOT_PART_ROWS               */
} weir_snapshot_options;

typedef struct weir_snapshot_range {
    const char *topic;
    int32_t partition;
    int64_t from; /* first offset folded           */
    int64_t to;   /* one past the last one folded  */
} weir_snapshot_range;

typedef struct weir_snapshot_model {
    const char *name;
    const char *digest; /* hex */
} weir_snapshot_model;

/* What is known when the last row is written. Arrays may be empty. */
typedef struct weir_snapshot_facts {
    const char *mode; /* "as-known", "as-of", ... */
    const weir_snapshot_range *ranges;
    size_t range_count;
    const weir_snapshot_model *models;
    size_t model_count;
    uint64_t grade_a, grade_b, grade_c; /* rows by grade (R17) */
    const weir_parquet_pair *extra;     /* further facts, strings; part of the content hash */
    size_t extra_count;
} weir_snapshot_facts;

typedef struct weir_snapshot_summary {
    uint64_t rows, bytes;
    uint32_t parts;
    char content_sha256[WEIR_SHA256_TEXT_SIZE];
} weir_snapshot_summary;

typedef struct weir_snapshot weir_snapshot;

weir_error *weir_snapshot_begin(const weir_snapshot_options *options, weir_snapshot **snapshot_out);
weir_error *weir_snapshot_add_row(weir_snapshot *snapshot, const weir_value *values);
weir_error *weir_snapshot_add_columns(weir_snapshot *snapshot, const weir_parquet_vector *columns,
                                      size_t rows);
/* Publishes it and frees the handle, also on failure (then nothing is visible). */
weir_error *weir_snapshot_finish(weir_snapshot *snapshot, const weir_snapshot_facts *facts,
                                 weir_snapshot_summary *summary_out);
void weir_snapshot_abort(
    weir_snapshot *snapshot); /* removes what was written, frees; NULL is fine */

/* What was read; `text` of the first difference comes as the error. */
typedef struct weir_snapshot_verdict {
    uint64_t files, rows, bytes, pages;
    bool complete; /* false: a foreign Parquet file without our hashes; only what it has was
                      compared */
    char content_sha256[WEIR_SHA256_TEXT_SIZE];
} weir_snapshot_verdict;

/*
 * Re-reads a snapshot folder or one Parquet file and compares every hash, CRC and count.
 * WEIR_E_CORRUPT names the exact place of the first difference; WEIR_E_NO_INPUT if there is nothing
 * to verify.
 */
weir_error *weir_snapshot_verify(const char *path, weir_snapshot_verdict *verdict_out);
