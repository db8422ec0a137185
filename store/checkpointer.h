/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpointer.h - makes a shard's checkpoints beside its work.
 *
 * To flush, sum and sync a state takes tenths of a second, or many seconds where it is large; no
 * event should wait for that. A store that writes atomic batches, each with the position of its
 * slice, can be copied between any two of them, so a thread does it while the shard goes on. One at
 * a time in the process, lest the shards of a worker, which are due together, fight for the disk. A
 * checkpoint that fails is logged and left: it costs a later restore some time, this shard nothing.
 *
 * Owns:    a checkpoint in the making; destroy gives it up and waits for the thread.
 * Threads: one for all calls; `take` is called on the checkpointer's own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ops/runtime/error.h"

typedef struct weir_checkpointer weir_checkpointer;

typedef struct weir_checkpointer_options {
    const char *checkpoints; /* the folder of this shard's; copied */
    uint32_t kept;
    /* Copies the open store into the new folder `partial`, by hard links where it can. */
    weir_error *(*take)(void *context, const char *partial);
    void *context;
} weir_checkpointer_options;

weir_checkpointer *weir_checkpointer_create(const weir_checkpointer_options *options);
void weir_checkpointer_destroy(weir_checkpointer *self); /* NULL is fine */

/* Starts the checkpoint of L = `position`. One that is still being made goes on instead. */
void weir_checkpointer_start(weir_checkpointer *self, int64_t position);
/* Waits until none is being made. */
void weir_checkpointer_wait(weir_checkpointer *self);
