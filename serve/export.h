/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h - training sets: the vectors of scored events as they were, or features at the rows of a
 * spine.
 *
 * The journals are folded again by the same nodes as in the stream, so a row is the vector that was
 * scored, bit for bit. Columns: the stream's id, `event_time`, the key fields, then the vector's
 * columns under their names, then `errors` (features that are null because of an overflow) and
 * where the row was read: `journal_partition`, `journal_offset`, `journal_index`. A column whose
 * name the vector uses itself is left out. Rows stand in the order of the journal (partition,
 * offset, index), so the same export twice has the same content hash.
 *
 * With a spine (rows of key fields and `time`), a row is what a lookup would have answered: p is
 * the first position with an ingest time after t, tau = t (R3). Its rows stand in the order of the
 * file; where no key is given or no journal has events, `journal_*` is null. A snapshot of a spine
 * can be made again from itself.
 *
 * As of (R18, grade C), values are what event time alone says (asof.h); rows stand in its order.
 *
 * Where journals hold events of several versions of the definitions (replay.h), the rows of events as
 * known are those of this version: whose last hop it read, or which came to their only hop while it
 * was in force. A spine and as-of take the events of all.
 *
 * See also: docs/formats/snapshot.md
 */
#pragma once

#include "serve/replay.h"
#include "store/snapshot.h"

typedef struct weir_export_options {
    const weir_replay_options *replay;
    const char *vector;
    const char *const *with; /* further fields of the event, by path */
    size_t with_count;
    bool is_asof;             /* R18: as of, else as known */
    const char *const *spine; /* CSV, JSON Lines or Parquet files, read as one; or NULL */
    size_t spine_count;
    const char *spine_time;          /* name of their column of times; NULL: "time" */
    int64_t from_us, to_us;          /* event times [from, to); INT64_MIN, INT64_MAX: all */
    const char *out;                 /* the folder to be */
    const weir_replay_range *limits; /* or NULL: up to the present ends */
    size_t limit_count;
} weir_export_options;

typedef struct weir_export_summary {
    weir_snapshot_summary snapshot;
    uint64_t others;  /* rows left out: events that other versions scored */
    uint64_t behind;  /* journal records behind the last that this version can fold */
    uint64_t unknown; /* rows of a spine as known before any event was: nothing is read there */
    int64_t first_ingest_us; /* of the first that was; INT64_MAX: there is none */
} weir_export_summary;

weir_error *weir_export(const weir_export_options *options, weir_export_summary *summary_out);

/* What the manifest of an export notes beside its ranges, as `extra` facts: what is needed to make
 * it again. */
#define WEIR_EXPORT_FROM  "from" /* event times, microseconds; where limited */
#define WEIR_EXPORT_TO    "to"
#define WEIR_EXPORT_WITH  "with"  /* the further fields, "a,b.c", in order */
#define WEIR_EXPORT_SPINE "spine" /* "yes": rows of a spine, whose columns are among its own */
