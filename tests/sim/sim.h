/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the worker in a world that one seed decides.
 *
 * The world has a broker (partitions as arrays, committed offsets), a disk per worker and shard
 * (batches that a power cut may tear off), and workers that run the real observe and fold nodes.
 * Each *item* is one thing that can happen: an event is produced, or a worker polls, delivers,
 * hears acknowledgements, commits, ticks, crashes, is rebalanced, ... Each item draws from the seed
 * and its own number, so that leaving some out changes nothing in the others: that is how a failing
 * run shrinks (shrink.c). A *blow* can also be put at the n-th *point*: an apply, a send, an
 * append, an acknowledgement, a store write, a commit, an open, counted through the run, before or
 * after it took effect.
 *
 * At the end everything drains, and sim_check compares with the plain fold of the journals.
 */
#pragma once

#include <stdio.h>

#include "compute/lang/lang.h"
#include "ingest/echo.h"
#include "ingest/fold.h"
#include "ingest/observe.h"
#include "ingest/packer.h"

typedef struct sim_random {
    uint64_t state;
} sim_random;
uint64_t sim_next(sim_random *random);
uint32_t sim_below(sim_random *random, uint32_t bound); /* 0 <= x < bound */
bool sim_chance(sim_random *random, uint32_t percent);

/* ---- the broker ---- */

typedef struct sim_record {
    int64_t timestamp_us;
    weir_buffer key, value;
    bool has_key;
} sim_record;

typedef struct sim_partition {
    sim_record *records;
    size_t count, capacity;
    int64_t committed; /* of the group; -1 */
    int owner;         /* worker, or -1 */
    uint32_t generation;
} sim_partition;

enum { SIM_TOPICS_MAX = 16, SIM_PARTITIONS = 3, SIM_WORKERS = 3 };

/* ---- a disk: the durable batches of one worker's shard ---- */

typedef struct sim_disk sim_disk;
sim_disk *sim_disk_create(void);
void sim_disk_destroy(sim_disk *disk);
/* Loses a random number of the newest batches. */
void sim_disk_cut_power(sim_disk *disk, sim_random *random);
void sim_disk_sync(sim_disk *disk); /* now and then the system does */
typedef weir_error *sim_point(void *context, const char *what, bool after);
void sim_disk_port(sim_disk *disk, sim_point *point, void *context, weir_store_port *port_out);
/* All parts and positions, canonically; the shard records' clocks, too. */
void sim_disk_print(const sim_disk *disk, const weir_plan *plan, weir_buffer *out);

/* The same text of another store: its slices' records, and what it holds for this disk's keys. */
weir_error *sim_disk_print_stored(const sim_disk *disk, const weir_plan *plan,
                                  const weir_store_port *store, weir_buffer *out);

/* ---- the world ---- */

typedef enum sim_blow {
    SIM_KILL,      /* memory is gone */
    SIM_POWER_CUT, /* and the newest batches of the disks */
    SIM_FATAL,     /* the producer gives up: it and all nodes behind it are thrown away */
    SIM_REBALANCE, /* partitions move, and who lost some does not know it yet */
    SIM_SILENCE,   /* no acknowledgement arrives for a while */
    SIM_BLOWS,
} sim_blow;
extern const char *const sim_blow_names[SIM_BLOWS];

typedef struct sim_options {
    uint64_t seed;
    uint32_t events;      /* to be produced */
    uint32_t faults;      /* of a thousand steps, so many are faults; 0: a calm run */
    uint32_t step_us_max; /* time between two steps is less than this; 0: 200 ms */
    int64_t blow_point;   /* -1: none */
    bool blow_after;      /* after it took effect */
    sim_blow blow;
    const bool *left_out; /* per item; NULL: none */
    FILE *trace;          /* a line for each thing that happens; NULL: none */
} sim_options;

typedef struct sim_stats {
    uint64_t steps, points, kills, power_cuts, fatal_errors, rebalances, resumed, departures,
        zombies, silences, echoes, scores, sent_again, dead_letters, values, state_bytes,
        virtual_us;
} sim_stats;

typedef struct sim_world sim_world;

/* The definitions of the simulation, compiled once. */
typedef struct sim_setup {
    weir_arena arena;
    const weir_schema *schema;
    weir_compilation *compilation;
    const weir_plan *plan;
    weir_topics *topics;
    weir_schema_source schemas;
} sim_setup;
weir_error *sim_setup_init(sim_setup *setup);
void sim_setup_deinit(sim_setup *setup);

sim_world *sim_world_create(const sim_setup *setup, const sim_options *options);
void sim_world_destroy(sim_world *world);
/* How many items the run has. */
uint32_t sim_world_items(const sim_world *world);
/* Runs to the end and drains. An error is a bug that was found. */
weir_error *sim_world_run(sim_world *world);
const sim_stats *sim_world_stats(const sim_world *world);
/* Compares journals, scores, dead letters and states with plain folds. */
weir_error *sim_check(sim_world *world);

/* One whole run: made, run, checked, thrown away. stats_out may be NULL. */
weir_error *sim_run(const sim_setup *setup, const sim_options *options, sim_stats *stats_out);
/* The same in a process of its own: true if it fails, or ends the program. */
bool sim_fails(const sim_setup *setup, const sim_options *options);

/*
 * Leaves out as many items of a failing run as it can while it still fails (halves, quarters, ...
 * single items, until none can go), and prints what is left as a story. Runs at most `runs_max`
 * times. Returns how many items are left.
 */
uint32_t sim_shrink(const sim_setup *setup, const sim_options *failing, uint32_t runs_max,
                    FILE *out);

/* For sim_check. */
const sim_setup *sim_world_setup(const sim_world *world);
sim_partition *sim_world_partition(sim_world *world, weir_topic topic, int32_t partition);
sim_disk *sim_world_disk(sim_world *world, weir_topic topic, int32_t partition);
sim_stats *sim_world_stats_edit(sim_world *world);
