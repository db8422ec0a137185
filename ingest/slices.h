/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slices.h - how a fold shard's state gets into its store, slice by slice.
 *
 * A shard's keys fall into WEIR_SLICE_COUNT slices. A slice is *frozen* at a record boundary: what
 * is dirty is encoded, with the shard record and the position L_s of that moment. The batch waits
 * until the group's committed position K has reached L_s and is then written, in one piece, in the
 * order of freezing. So the store never knows more than Kafka has acknowledged (L <= K), and what
 * was lost of the store only lowers L.
 *
 * After a restart slices stand at different positions. The shard starts at the least one, L; an
 * event is applied to a slice only from that slice's own position on. Whether an event of a slice
 * that is ahead was a duplicate can not be decided again, so each slice keeps the duplicates that
 * it dropped since L.
 *
 * Owns: batches that wait, the lists. Threads: the shard's. See also: docs/adr/0001
 */
#pragma once

#include "ingest/planted.h"
#include "ingest/shard_record.h"
#include "ingest/state_table.h"

typedef struct weir_slice_batch weir_slice_batch; /* one that waits */

typedef struct weir_slices {
    const weir_plan *plan;
    const weir_store_port *store;
    weir_state_table *table;
    int64_t low[WEIR_SLICE_COUNT];    /* L_s: the position that the store holds */
    int64_t frozen[WEIR_SLICE_COUNT]; /* of the newest batch, written or waiting */
    int64_t ahead[WEIR_SLICE_COUNT];  /* L_s when opened: older events are in it already */
    weir_seq_list duplicates[WEIR_SLICE_COUNT];
    weir_slice_batch *first, *last;
    uint32_t waiting;
    uint64_t batch;  /* number of the newest */
    uint32_t cursor; /* slice to freeze next */
} weir_slices;

/* Reads the positions and, of the slice that is least far, the shard record. */
weir_error *weir_slices_open(weir_slices *slices, const weir_plan *plan,
                             const weir_store_port *store, weir_state_table *table,
                             weir_shard_record *record_out);
void weir_slices_deinit(weir_slices *slices);

/* L: the least L_s. */
int64_t weir_slices_low(const weir_slices *slices);
/* True if the slice's state already knows the event at that offset. */
static inline bool weir_slices_is_ahead(const weir_slices *slices, uint32_t slice, int64_t offset)
{
    if (WEIR_PLANTED(SLICE_AHEAD_IGNORED)) return false;
    return offset < slices->ahead[slice] + WEIR_PLANTED(SLICE_AHEAD_OFF_BY_ONE);
}

/* Freezes the next slice in turn at `position`, a record boundary; nothing, if that slice stands
 * there or beyond. Returns the bytes of what was dirty. */
size_t weir_slices_freeze(weir_slices *slices, int64_t position, const weir_shard_record *record);
/* Writes what may be written now that `committed` is K. */
weir_error *weir_slices_write(weir_slices *slices, int64_t committed);
