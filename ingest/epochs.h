/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs.h - which position may be committed, given what was sent and acknowledged.
 *
 * A node's sends between two flushes form an epoch. The committable position moves behind an epoch
 * when all of its sends are acknowledged and so are those of all earlier epochs: nothing below K is
 * ever still on its way.
 *
 * Owns: a ring that grows. Threads: one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_epoch {
    int64_t position; /* committable behind it; set when it is closed */
    uint64_t sent, acked;
} weir_epoch;

typedef struct weir_epochs {
    weir_epoch *ring;
    size_t capacity;  /* a power of two */
    uint64_t first;   /* number of the oldest epoch not yet done */
    uint64_t current; /* number of the open one */
    int64_t committable;
} weir_epochs;

void weir_epochs_init(weir_epochs *epochs, int64_t position);
void weir_epochs_deinit(weir_epochs *epochs);
/* Counts one send; returns the epoch that it belongs to. */
uint64_t weir_epochs_sent(weir_epochs *epochs);
/* The batch is over: when all is acknowledged, `position` may be committed. Positions never fall.
 */
void weir_epochs_close(weir_epochs *epochs, int64_t position);
void weir_epochs_acked(weir_epochs *epochs, uint64_t epoch, uint64_t count);
