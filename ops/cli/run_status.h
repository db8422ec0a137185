/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_status.h - what a worker shows of itself over HTTP: /healthz, /readyz, /metrics.
 *
 * Ready means that partitions are assigned, every one has reached the end it had then, and none
 * stands still (G8). The metrics rows are filled from the driver's counters, about once a second.
 *
 * Owns: a server and its thread. Threads: start, update and stop from one.
 */
#pragma once

#include "ingest/worker.h"

typedef struct weir_run_status weir_run_status;

/* `listen` "" starts nothing: *status_out is NULL, which the others take. */
weir_error *weir_run_status_start(const char *listen, weir_worker *worker,
                                  weir_run_status **status_out);
uint16_t weir_run_status_port(const weir_run_status *status);
void weir_run_status_update(weir_run_status *status, const weir_driver_stats *stats);
void weir_run_status_stop(weir_run_status *status);
