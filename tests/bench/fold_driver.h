/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold_driver.h - events through engine and state tables, as a fold puts them, for benchmarks.
 *
 * Events are transactions of a customer at a terminal (the schema h.Tx below). Each entity has a
 * state table in front of a store that holds nothing; an event goes hop by hop: duplicate, read,
 * apply. Keys of the events that come next are fetched ahead, a batch at a time, as by the fold.
 *
 * Owns: plan, engine, tables. Threads: one.
 */
#pragma once

#include "compute/engine/engine.h"

typedef struct fold_driver fold_driver;

typedef struct bench_event {
    int64_t time_us;
    uint32_t customer, terminal;
    int32_t cents;
    bool fraud;
} bench_event;

/* `definition` is a package over stream "h.Tx"; the process stops, with the message, if it is none.
 */
fold_driver *fold_driver_create(const char *definition, size_t table_bytes);
void fold_driver_destroy(fold_driver *driver);
/* Puts the events through; returns CPU nanoseconds an event. Event i has the id first_id + i. */
double fold_driver_run(fold_driver *driver, const bench_event *events, size_t count,
                       int64_t first_id);
size_t fold_driver_keys(const fold_driver *driver);
size_t fold_driver_bytes(const fold_driver *driver);
