/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard.h - the store of one fold shard: a RocksDB directory behind the store port.
 *
 * The store is a cache of a fold of the journal (the truth is in Kafka), so it is written without
 * fsync: a lost tail of its write-ahead log only lowers L, and the journal is replayed from there.
 * What it must never do is to give back a wrong value: every stored value carries a checksum over
 * key and value of its own, on top of RocksDB's blocks. Layout of keys and values:
 * docs/formats/store.md.
 *
 *   <state>/<worker>/<shard>/              the live directory, never shared between workers
 *   <state>/checkpoints/<shard>/<L>/       hard links, made beside the shard's work
 *                                          (store/checkpointer.h); the newest valid one wins
 *
 * Owns:    weir_store_shared owns the block cache; shards opened with it must be closed first.
 * Threads: a shard belongs to one thread; the shared part may be used by several.
 */
#pragma once

#include "store/port.h"

typedef struct weir_store_shared
    weir_store_shared; /* block cache and write-buffer budget of the process */

weir_store_shared *weir_store_shared_create(size_t cache_bytes);
void weir_store_shared_destroy(weir_store_shared *shared);

typedef struct weir_shard_store_options {
    weir_store_shared *shared;
    const char *directory;   /* made if missing, with its parents */
    const char *checkpoints; /* <state>/checkpoints/<shard>; NULL: no checkpoints */
    uint64_t
        free_bytes_min; /* open and write nothing below this (RocksDB may abort on a full disk) */
    uint32_t checkpoints_kept;
} weir_shard_store_options;

/*
 * Opens the directory; if it is empty and a valid checkpoint exists, restores the newest one first
 * (*restored_out is its L, else -1). Fails with DISK_FULL, CORRUPT (naming the folder and the cure:
 * remove it and let the worker replay), or AGAIN (another process has it open).
 */
weir_error *weir_shard_store_open(const weir_shard_store_options *options,
                                  weir_store_port *port_out, int64_t *restored_out);

/*
 * Opens a store or checkpoint that no worker has open, to read it: the port's calls that write are
 * NULL. Nothing in the directory changes. Fails as weir_shard_store_open does.
 */
weir_error *weir_shard_store_open_read(const char *directory, weir_store_port *port_out);

/* Waits until a checkpoint that was started is made or has failed. */
void weir_shard_store_settle(const weir_store_port *port);

/* Whether a process has it open: RocksDB locks its LOCK. */
bool weir_shard_store_is_open(const char *directory);

/* The stored parts of one slice, in the order of their keys; key and bytes live until the next
 * call. */
typedef struct weir_shard_cursor weir_shard_cursor;
typedef struct weir_shard_part {
    bool is_end;
    weir_bytes stored_key; /* as the store has it: sorts, and is the same for the same part */
    weir_bytes key;        /* of the entity */
    uint32_t view;
    uint64_t part;
    weir_bytes bytes;
} weir_shard_part;

/* `port` is one of this file's; it outlives the cursor. */
weir_shard_cursor *weir_shard_cursor_create(const weir_store_port *port, uint32_t slice);
weir_error *weir_shard_cursor_next(weir_shard_cursor *cursor, weir_shard_part *part_out);
void weir_shard_cursor_destroy(weir_shard_cursor *cursor); /* NULL is fine */

/* Re-reads every key and value of a store or checkpoint directory. WEIR_E_CORRUPT with the place.
 */
typedef struct weir_shard_store_report {
    uint64_t values;
    uint64_t bytes;
    uint32_t slices;
} weir_shard_store_report;
weir_error *weir_shard_store_verify(const char *directory, weir_shard_store_report *report_out);
