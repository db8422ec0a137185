/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/metrics_internal.h"

typedef enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM } metric_kind;
typedef enum metric_unit { UNIT_COUNT, UNIT_BYTES, UNIT_SECONDS } metric_unit;

typedef struct metric_row {
    const char *name;
    metric_kind kind;
    metric_unit unit;
    const char *labels; /* "a,b" */
    const char *help;
} metric_row;

static const metric_row rows[WEIR_METRIC_COUNT] = {
#define WEIR_METRIC(id, name, kind, unit, labels, help)                                            \
    [WEIR_METRIC_##id] = {name, KIND_##kind, UNIT_##unit, labels, help},
#include "schemas/metrics.def"
#undef WEIR_METRIC
};

/* Upper bounds of a histogram: microseconds, from 10 us to 30 s, about 2.2 a step. */
static const int64_t bounds[WEIR_METRIC_BUCKETS] = {
    10,    25,    50,     100,    250,    500,     1000,    2500,    5000,     10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000};

typedef struct totals {
    int64_t value;
    int64_t buckets[WEIR_METRIC_BUCKETS + 1];
} totals;

/* One combination of label values. */
typedef struct weir_metric_series {
    weir_metric metric;
    char *labels;            /* `topic="orders",partition="3"`, escaped; "" for none */
    weir_metric_cell *cells; /* being written                                        */
    totals gone;             /* what cells left behind when they were destroyed      */
    struct weir_metric_series *next;
} weir_metric_series;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static weir_metric_series *all[WEIR_METRIC_COUNT];
static size_t series_counts[WEIR_METRIC_COUNT];

static void put_escaped(weir_buffer *to, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') weir_buffer_put_u8(to, '\\');
        if (*c == '\n')
            weir_buffer_put_text(to, "\\n");
        else
            weir_buffer_put_u8(to, (uint8_t)*c);
    }
}

/* Writes `name="value",...` for the row's labels. */
static void put_labels(weir_buffer *to, const metric_row *row,
                       const char *const values[WEIR_METRIC_LABELS_MAX])
{
    size_t index = 0;
    for (const char *name = row->labels; *name != '\0'; index++) {
        size_t length = strcspn(name, ",");
        WEIR_ASSERT(index < WEIR_METRIC_LABELS_MAX);
        if (index > 0) weir_buffer_put_u8(to, ',');
        weir_buffer_put(to, name, length);
        weir_buffer_put_text(to, "=\"");
        put_escaped(to, values[index] == NULL ? "" : values[index]);
        weir_buffer_put_u8(to, '"');
        name += length + (name[length] == ',');
    }
    weir_buffer_put_u8(to, '\0');
}

static weir_metric_series *find(weir_metric metric, const char *labels)
{
    weir_metric_series *series = all[metric];
    while (series != NULL && strcmp(series->labels, labels) != 0)
        series = series->next;
    return series;
}

static weir_metric_series *add_series(weir_metric metric, const char *labels)
{
    weir_metric_series *series = calloc(1, sizeof *series);
    WEIR_ASSERT(series != NULL);
    series->metric = metric;
    series->labels = strdup(labels);
    WEIR_ASSERT(series->labels != NULL);
    series->next = all[metric];
    all[metric] = series;
    series_counts[metric]++;
    return series;
}

static weir_metric_series *find_or_add(weir_metric metric,
                                       const char *const values[WEIR_METRIC_LABELS_MAX])
{
    static const char *const others[WEIR_METRIC_LABELS_MAX] = {"other", "other", "other"};
    weir_buffer labels = {0};
    put_labels(&labels, &rows[metric], values);
    weir_metric_series *series = find(metric, (const char *)labels.data);
    if (series == NULL && series_counts[metric] < WEIR_METRIC_SERIES_MAX) {
        series = add_series(metric, (const char *)labels.data);
    } else if (series == NULL) {
        weir_buffer_clear(&labels);
        put_labels(&labels, &rows[metric], others);
        series = find(metric, (const char *)labels.data);
        if (series == NULL) series = add_series(metric, (const char *)labels.data);
        weir_metric_series *dropped = find(WEIR_METRIC_SERIES_DROPPED, "");
        if (dropped == NULL) dropped = add_series(WEIR_METRIC_SERIES_DROPPED, "");
        dropped->gone.value++;
    }
    weir_buffer_deinit(&labels);
    return series;
}

weir_metric_cell *weir_metric_cell_create3(weir_metric metric, const char *first,
                                           const char *second, const char *third)
{
    WEIR_ASSERT((int)metric >= 0 && metric < WEIR_METRIC_COUNT);
    weir_metric_cell *cell = aligned_alloc(_Alignof(weir_metric_cell), sizeof *cell);
    WEIR_ASSERT(cell != NULL);
    memset(cell, 0, sizeof *cell);
    (void)pthread_mutex_lock(&mutex);
    cell->series = find_or_add(metric, (const char *const[]){first, second, third});
    cell->next = cell->series->cells;
    cell->series->cells = cell;
    (void)pthread_mutex_unlock(&mutex);
    return cell;
}

static int64_t load(const _Atomic int64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void add_cell(totals *to, const weir_metric_cell *cell)
{
    to->value += load(&cell->value);
    for (size_t i = 0; i <= WEIR_METRIC_BUCKETS; i++)
        to->buckets[i] += load(&cell->buckets[i]);
}

void weir_metric_cell_destroy(weir_metric_cell *cell)
{
    if (cell == NULL) return;
    (void)pthread_mutex_lock(&mutex);
    weir_metric_series *series = cell->series;
    if (rows[series->metric].kind != KIND_GAUGE) add_cell(&series->gone, cell);
    weir_metric_cell **at = &series->cells;
    while (*at != cell)
        at = &(*at)->next;
    *at = cell->next;
    (void)pthread_mutex_unlock(&mutex);
    free(cell);
}

void weir_metric_observe(weir_metric_cell *cell, int64_t value)
{
    size_t bucket = 0;
    while (bucket < WEIR_METRIC_BUCKETS && value > bounds[bucket])
        bucket++;
    weir_metric_bump(&cell->buckets[bucket], 1);
    weir_metric_bump(&cell->value, value);
}

void weir_metric_count(weir_metric metric, const char *first, int64_t count)
{
    WEIR_ASSERT((int)metric >= 0 && metric < WEIR_METRIC_COUNT);
    (void)pthread_mutex_lock(&mutex);
    find_or_add(metric, (const char *const[]){first, NULL, NULL})->gone.value += count;
    (void)pthread_mutex_unlock(&mutex);
}

static totals totals_of(const weir_metric_series *series)
{
    totals sum = series->gone;
    for (const weir_metric_cell *cell = series->cells; cell != NULL; cell = cell->next)
        add_cell(&sum, cell);
    return sum;
}

int64_t weir_metric_total(weir_metric metric)
{
    int64_t sum = 0;
    (void)pthread_mutex_lock(&mutex);
    for (const weir_metric_series *series = all[metric]; series != NULL; series = series->next)
        sum += totals_of(series).value;
    (void)pthread_mutex_unlock(&mutex);
    return sum;
}

/* Microseconds as seconds, in decimal and exact. */
static void put_number(weir_buffer *to, int64_t value, metric_unit unit)
{
    if (unit != UNIT_SECONDS) {
        weir_buffer_printf(to, "%" PRId64, value);
        return;
    }
    char fraction[8];
    (void)snprintf(fraction, sizeof fraction, "%06d", (int)(llabs(value) % 1000000));
    size_t length = 6;
    while (length > 0 && fraction[length - 1] == '0')
        fraction[--length] = '\0';
    weir_buffer_printf(to, "%s%lld%s%s", value < 0 ? "-" : "", llabs(value) / 1000000,
                       length > 0 ? "." : "", fraction);
}

static void put_sample(weir_buffer *to, const char *name, const char *suffix, const char *labels)
{
    weir_buffer_printf(to, "%s%s", name, suffix);
    if (*labels != '\0') weir_buffer_printf(to, "{%s}", labels);
    weir_buffer_put_u8(to, ' ');
}

static void put_histogram(weir_buffer *to, const metric_row *row, const char *labels,
                          const totals *sum)
{
    int64_t below = 0;
    for (size_t i = 0; i <= WEIR_METRIC_BUCKETS; i++) {
        below += sum->buckets[i];
        weir_buffer_printf(to, "%s_bucket{%s%sle=\"", row->name, labels,
                           *labels == '\0' ? "" : ",");
        if (i == WEIR_METRIC_BUCKETS)
            weir_buffer_put_text(to, "+Inf");
        else
            put_number(to, bounds[i], row->unit);
        weir_buffer_printf(to, "\"} %" PRId64 "\n", below);
    }
    put_sample(to, row->name, "_sum", labels);
    put_number(to, sum->value, row->unit);
    weir_buffer_put_u8(to, '\n');
    put_sample(to, row->name, "_count", labels);
    weir_buffer_printf(to, "%" PRId64 "\n", below);
}

static void put_metric(weir_buffer *to, weir_metric metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const metric_row *row = &rows[metric];
    if (all[metric] == NULL && row->labels[0] != '\0')
        return; /* a family without series says nothing */
    weir_buffer_printf(to, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                       kinds[row->kind]);
    static const totals none = {0};
    if (all[metric] == NULL && row->kind == KIND_HISTOGRAM) put_histogram(to, row, "", &none);
    if (all[metric] == NULL && row->kind != KIND_HISTOGRAM)
        weir_buffer_printf(to, "%s 0\n", row->name);
    for (const weir_metric_series *series = all[metric]; series != NULL; series = series->next) {
        totals sum = totals_of(series);
        if (row->kind == KIND_HISTOGRAM) {
            put_histogram(to, row, series->labels, &sum);
            continue;
        }
        put_sample(to, row->name, "", series->labels);
        put_number(to, sum.value, row->unit);
        weir_buffer_put_u8(to, '\n');
    }
}

void weir_metrics_print(weir_buffer *to)
{
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < WEIR_METRIC_COUNT; i++)
        put_metric(to, (weir_metric)i);
    (void)pthread_mutex_unlock(&mutex);
    weir_metrics_print_process(to);
}

void weir_metrics_reset(void)
{
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < WEIR_METRIC_COUNT; i++) {
        while (all[i] != NULL) {
            weir_metric_series *series = all[i];
            WEIR_ASSERT(series->cells == NULL);
            all[i] = series->next;
            free(series->labels);
            free(series);
        }
        series_counts[i] = 0;
    }
    (void)pthread_mutex_unlock(&mutex);
}

void weir_metrics_print_reference(FILE *to)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    (void)fputs("# Metrics\n\n"
                "Printed by `weir settings --metrics` from `schemas/metrics.def`; do not edit.\n\n"
                "`/metrics` of `weir serve`, and of `weir run` with `metrics_listen`, shows them "
                "in Prometheus' text format, with "
                "the\nprocess's own `process_*` and `weir_build_info`.\n\n"
                "| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n",
                to);
    for (size_t i = 0; i < WEIR_METRIC_COUNT; i++)
        (void)fprintf(to, "| `%s` | %s | %s | %s |\n", rows[i].name, kinds[rows[i].kind],
                      rows[i].labels, rows[i].help);
}
