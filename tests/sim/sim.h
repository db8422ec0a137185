/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the worker in a world that one seed decides.
 *
 * The world has a broker (partitions as arrays, committed offsets), a disk per worker and shard
 * (batches that a power cut may tear off), and workers that run the real observe and fold nodes.
 * Each *step* is one thing that can happen: a poll, a delivery, an acknowledgement, a commit, a
 * tick, a crash, a rebalance, ... drawn from the seed. Crashes can also be put at the n-th *point*:
 * a send, a store write, a commit, counted through the run, before or after it took effect.
 *
 * At the end everything drains, and sim_check compares with the plain fold of the journals.
 */
#pragma once

#include "compute/lang/lang.h"
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

/* ---- the world ---- */

typedef struct sim_options {
    uint64_t seed;
    uint32_t events;     /* to be produced */
    uint32_t faults;     /* percent of steps that are faults; 0: a calm run */
    int64_t crash_point; /* crash at this point; -1: none */
    bool crash_after;    /* after it took effect */
    bool is_power_cut;
} sim_options;

typedef struct sim_stats {
    uint64_t steps, points, crashes, rebalances, power_cuts, zombies, failed_deliveries, scores,
        copies_of_scores, dead_letters, values_compared;
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
/* Runs to the end and drains. An error is a bug that was found. */
weir_error *sim_world_run(sim_world *world);
const sim_stats *sim_world_stats(const sim_world *world);
/* Compares journals, scores, dead letters and states with plain folds. */
weir_error *sim_check(sim_world *world);

/* For sim_check. */
const sim_setup *sim_world_setup(const sim_world *world);
sim_partition *sim_world_partition(sim_world *world, weir_topic topic, int32_t partition);
sim_disk *sim_world_disk(sim_world *world, weir_topic topic, int32_t partition);
sim_stats *sim_world_stats_edit(sim_world *world);
