/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - the driver with the package's own nodes: what `weir run` is.
 *
 * Puts together what a worker needs: levels of topics for the driver, an engine and scorers per
 * thread, an observe node per source partition, a fold node with its store per journal partition.
 * State lies in <state>/<worker>/<topic>-<partition>; a worker without a name takes the first free
 * of w0, w1, ... in its state folder (a lock file in it says so), and so finds its state again
 * after a restart.
 *
 * Threads: run blocks the caller; stop may be called from any thread, a signal handler's thread
 * included.
 */
#pragma once

#include "ingest/driver.h"
#include "ingest/schema_source.h"
#include "ingest/scorer.h"
#include "ingest/topics.h"

typedef struct weir_worker_options {
    const weir_topics *topics;
    const weir_kafka_options *kafka;
    const weir_schema_source *schemas; /* called under a lock: need not be safe for threads */
    const weir_model *const *models;   /* one per score of the plan, NULL: its fallback answers */
    const weir_env *env;
    const char *group;
    const char *worker_id; /* "" or NULL: not a static member */
    const char *state_dir;
    uint32_t threads;
    size_t table_bytes, cache_bytes; /* of the whole worker */
    uint64_t free_bytes_min;
    int64_t checkpoint_interval_us;
    bool is_transactional, until_end;
    int64_t commit_interval_us, gather_us, align_us, align_patience_us, drain_timeout_us,
        start_timeout_us;
    int64_t transaction_timeout_us; /* is_transactional only */
    void *context;
    void (*on_ready)(void *context);
    void (*on_progress)(void *context, const weir_driver_stats *stats);
} weir_worker_options;

typedef struct weir_worker weir_worker;

weir_error *weir_worker_create(const weir_worker_options *options, weir_worker **worker_out);
weir_error *weir_worker_run(weir_worker *worker);
void weir_worker_stop(weir_worker *worker);
weir_driver_stats weir_worker_describe(weir_worker *worker);
const char *weir_worker_name(const weir_worker *worker);
void weir_worker_destroy(weir_worker *worker); /* NULL is fine */
