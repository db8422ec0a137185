/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.h - a workload under a disk that fails at its n-th call, for every n.
 *
 * A test gives a workload, which runs in a child under the shim of io_shim.c and notes in shared
 * memory how far it got, and a judge, which opens what is left and compares. crash_main counts the
 * calls of an undisturbed run, then repeats it with the fault at call 1, 2, ... in each mode.
 *
 *   PROGRAM [--modes a,b] [--every N]         (a child runs: PROGRAM workload DIR SHARED)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "store/shard.h"

typedef struct crash_run {
    const char *mode;
    long at; /* -1: undisturbed */
    char root[256];
    void *shared; /* what the child noted */
} crash_run;

typedef struct crash_tally {
    long runs, refused, lost, aborted; /* lost: from the disk, to be replayed */
} crash_tally;

typedef struct crash_test {
    size_t shared_bytes;
    const char *lost; /* what crash_tally.lost counts */
    weir_error *(*workload)(const char *root, void *shared);
    void (*judge)(const crash_run *run, crash_tally *sum); /* ends by crash_fail where it must */
} crash_test;

int crash_main(int argc, char **argv, const crash_test *test);

bool crash_is_power(const crash_run *run);
_Noreturn void crash_fail(const crash_run *run, const char *what);
/* The store of the shard card-0 below `root`. */
weir_error *crash_store_open(const char *root, weir_store_port *port);
