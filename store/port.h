/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.h - what a fold shard needs of its store.
 *
 * Parts of states by (slice, key, view, part), and per slice a record (position L_s, a copy of the
 * shard record) that is written with the slice's parts in one atomic batch. store/shard.h
 * implements it on RocksDB, tests/sim in memory with crashes. All calls come from the shard's
 * thread.
 */
#pragma once

#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

/* Number of slices of a shard: a slice is the unit of flushing (architecture.md, Commit protocol).
 */
enum { WEIR_SLICE_COUNT = 64 };

typedef struct weir_store_item {
    uint32_t view;
    weir_bytes key;
    uint64_t part;
    weir_bytes bytes; /* size 0: delete */
} weir_store_item;

typedef struct weir_store_port {
    void *context;
    /* Calls `sink` for every part of (slice, view, key) in ascending order; none: not called. */
    weir_error *(*load)(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                        weir_error *(*sink)(void *sink_context, uint64_t part, weir_bytes bytes),
                        void *sink_context);
    /* The same for part 0 alone, most states having no other; NULL: there is load only. */
    weir_error *(*load_head)(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                             weir_error *(*sink)(void *sink_context, uint64_t part,
                                                 weir_bytes bytes),
                             void *sink_context);
    /* One atomic batch: the items and the slice's record. */
    weir_error *(*write)(void *context, uint32_t slice, const weir_store_item *items, size_t count,
                         weir_bytes slice_record);
    /* The records of all slices (size 0 where a slice was never written), valid until the next
     * call. */
    weir_error *(*read_slices)(void *context, weir_bytes records_out[WEIR_SLICE_COUNT]);
    /* The identity record (fold digest, topic, partition, number of partitions): empty in a new
     * store. */
    weir_error *(*read_identity)(void *context, weir_bytes *identity_out);
    weir_error *(*write_identity)(void *context, weir_bytes identity);
    /* Has a checkpoint at position L made (architecture.md, Scale) while the shard goes on; one that
     * fails is only logged. */
    void (*checkpoint)(void *context, int64_t position);
    void (*close)(void *context);
} weir_store_port;
