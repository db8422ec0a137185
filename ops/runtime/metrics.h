/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - numbers that an operator watches, each a row of schemas/metrics.def.
 *
 * A cell is the place where one writer counts: ask once for it (labels and all), keep the pointer,
 * and add to it on the hot path with a plain store. Every call of weir_metric_cell makes a new
 * cell; cells of one metric with equal labels are summed when the text is printed, so two threads
 * never share a cache line. weir_metric_count is for rare events of any thread.
 *
 *     weir_metric_cell *known = weir_metric_cell_create(WEIR_METRIC_LOOKUP_KEYS, "known");
 *     weir_metric_add(known, 500);
 *
 * A cell that is destroyed leaves its counts behind; a gauge's value goes with it. A metric keeps
 * at most WEIR_METRIC_SERIES_MAX label values; later ones are summed as `other`.
 *
 * Owns:    the process-wide registry owns series; the caller his cells.
 * Threads: create, destroy, print: any. A cell: one writer.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/runtime/buffer.h"

enum { WEIR_METRIC_SERIES_MAX = 2000, WEIR_METRIC_BUCKETS = 20, WEIR_METRIC_LABELS_MAX = 3 };

typedef enum weir_metric {
#define WEIR_METRIC(id, name, kind, unit, labels, help) WEIR_METRIC_##id,
#include "schemas/metrics.def"
#undef WEIR_METRIC
    WEIR_METRIC_COUNT
} weir_metric;

typedef struct weir_metric_cell {
    _Alignas(64) _Atomic int64_t value; /* counter, gauge, or the sum of a histogram */
    _Atomic int64_t
        buckets[WEIR_METRIC_BUCKETS + 1]; /* of a histogram; the last is above all bounds */
    struct weir_metric_series *series;
    struct weir_metric_cell *next; /* of the same series */
} weir_metric_cell;

/* Label values in the order of the row; pass as many as it names (NULL or "" where unknown). */
weir_metric_cell *weir_metric_cell_create3(weir_metric metric, const char *first,
                                           const char *second, const char *third);
#define weir_metric_cell_create0(metric) weir_metric_cell_create3((metric), NULL, NULL, NULL)
#define weir_metric_cell_create(metric, first)                                                     \
    weir_metric_cell_create3((metric), (first), NULL, NULL)
#define weir_metric_cell_create2(metric, first, second)                                            \
    weir_metric_cell_create3((metric), (first), (second), NULL)
void weir_metric_cell_destroy(weir_metric_cell *cell); /* NULL is fine */

/* The one writer of a cell. No lock, no read-modify-write. */
static inline void weir_metric_bump(_Atomic int64_t *to, int64_t by)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + by,
                          memory_order_relaxed);
}
static inline void weir_metric_add(weir_metric_cell *cell, int64_t count)
{
    weir_metric_bump(&cell->value, count);
}
static inline void weir_metric_set(weir_metric_cell *cell, int64_t value)
{
    atomic_store_explicit(&cell->value, value, memory_order_relaxed);
}
void weir_metric_observe(weir_metric_cell *cell,
                         int64_t value); /* histograms: microseconds for SECONDS */

/* Rare events counted from anywhere: finds the series, locks. */
void weir_metric_count(weir_metric metric, const char *first, int64_t count);

/* The text exposition format 0.0.4, all metrics that have a row, and the process's own (memory,
 * CPU, descriptors). */
void weir_metrics_print(weir_buffer *to);
int64_t weir_metric_total(weir_metric metric); /* over all series; for tests and summaries */
void weir_metrics_print_reference(FILE *to);   /* docs/reference/metrics.md */
void weir_metrics_reset(void); /* for tests: forgets all series; no cell may be left */
