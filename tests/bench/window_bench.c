/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window_bench - does an event cost the same whatever the length of its windows?
 *
 *     window_bench [--events N] [--keys N] [--runs N]
 *
 * One entity, few keys, half a year of seeded events spread evenly: a window of 90 days holds
 * thousands of rows of a key, one of an hour hardly any. Prints CPU nanoseconds an event
 * (duplicate, read, apply; the least of the runs, second half of the events) for a count with a
 * mean, a maximum, and a number of different values, each over windows from 1 h to 90 d, and the
 * dearest window as a multiple of the cheapest. Then twenty features at once: events a second on
 * one core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "tests/bench/bench.h"
#include "tests/bench/fold_driver.h"

#define DAYS       180
#define US_PER_DAY INT64_C(86400000000)

typedef struct options {
    size_t events, keys, runs;
} options;

static const char stream[] = "package h\nstream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts id "
                             "tx_id observed by customer late 1d }\n";

static bench_event *make_events(const options *o)
{
    uint64_t seed = 7;
    bench_event *events = calloc(o->events, sizeof *events);
    WEIR_ASSERT(events != NULL);
    int64_t step = DAYS * US_PER_DAY / (int64_t)o->events;
    for (size_t i = 0; i < o->events; i++)
        events[i] = (bench_event){.time_us = INT64_C(1522540800000000) + (int64_t)i * step,
                                  .customer = (uint32_t)(bench_random(&seed) % o->keys),
                                  .cents = (int32_t)(bench_random(&seed) % 20000),
                                  .fraud = bench_random(&seed) % 100 == 0};
    return events;
}

/* The least nanoseconds an event of all runs, once the windows are full. */
static double measure(const options *o, const bench_event *events, const char *features)
{
    char definition[2048];
    (void)snprintf(definition, sizeof definition,
                   "%sfeatures cust per customer from tx {\n%s}\nvector v on tx { cust.* }\n",
                   stream, features);
    double best = 0;
    for (size_t run = 0; run < o->runs; run++) {
        fold_driver *driver = fold_driver_create(definition, SIZE_MAX / 4);
        size_t half = o->events / 2;
        (void)fold_driver_run(driver, events, half, 0);
        double ns = fold_driver_run(driver, events + half, o->events - half, (int64_t)half);
        if (run == 0 || ns < best) best = ns;
        fold_driver_destroy(driver);
    }
    return best;
}

static void over_windows(const options *o, const bench_event *events, const char *name,
                         const char *first, const char *second)
{
    static const char *const windows[] = {"1h", "1d", "7d", "30d", "90d"};
    double least = 0, most = 0;
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
        char text[512];
        (void)snprintf(text, sizeof text, "  a = %s over %s\n  b = %s over %s\n", first, windows[w],
                       second, windows[w]);
        double ns = measure(o, events, text);
        (void)printf("window features=%s over=%s ns_per_event=%.0f\n", name, windows[w], ns);
        if (w == 0 || ns < least) least = ns;
        if (ns > most) most = ns;
    }
    (void)printf("window_flatness features=%s dearest_over_cheapest=%.2f\n", name, most / least);
}

int main(int count, char **words)
{
    options o = {.events = 400000, .keys = 100, .runs = 3};
    for (int i = 1; i + 1 < count; i += 2) {
        size_t value = (size_t)strtoull(words[i + 1], NULL, 10);
        if (strcmp(words[i], "--events") == 0) o.events = value < 2 ? 2 : value;
        if (strcmp(words[i], "--keys") == 0) o.keys = value < 1 ? 1 : value;
        if (strcmp(words[i], "--runs") == 0) o.runs = value < 1 ? 1 : value;
    }
    bench_event *events = make_events(&o);
    over_windows(&o, events, "count+mean", "count()", "mean(amount)");
    over_windows(&o, events, "min+max", "min(amount)", "max(amount)");
    over_windows(&o, events, "distinct", "distinct(terminal)", "distinct(amount)");
    double ns = measure(&o, events,
                        "  n = count() over 1h, 24h, 7d, 30d\n"
                        "  spend = sum(amount) over 1h, 24h, 7d, 30d\n"
                        "  avg = mean(amount) over 1h, 24h, 7d, 30d\n"
                        "  bad = share_of(fraud) over 1h, 24h, 7d, 30d\n"
                        "  hi = max(amount) over 1h, 24h, 7d, 30d\n");
    (void)printf("twenty_features ns_per_event=%.0f events_per_cpu_second=%.0f\n", ns, 1e9 / ns);
    free(events);
    return 0;
}
