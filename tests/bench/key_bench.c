/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_bench - does an event cost the same whatever the number of keys?
 *
 *     key_bench [--events N] [--keys-max N]
 *
 * The handbook's fourteen features over two entities, keys drawn by Zipf's law (exponent 1) from
 * 10^4 up to --keys-max (10^7 by default) of each entity, table budget 4 GiB. Prints CPU
 * nanoseconds an event (two hops: duplicate, read, apply) of the second half of the events, what a
 * key takes in memory, and the dearest as a multiple of the cheapest.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "tests/bench/bench.h"
#include "tests/bench/fold_driver.h"

#define DAYS        180
#define US_PER_DAY  INT64_C(86400000000)
#define TABLE_BYTES (UINT64_C(2) << 30) /* of each of the two tables */

static const char handbook[] =
    "package h\nstream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts id tx_id observed by "
    "customer, terminal late 1d }\n"
    "features cust per customer from tx {\n"
    "  n = count() over 1d, 7d, 30d including this\n"
    "  avg = mean(amount) over 1d, 7d, 30d including this\n}\n"
    "features term per terminal from tx {\n"
    "  n = count() over 1d, 7d, 30d delayed 7d\n"
    "  risk = share_of(fraud) over 1d, 7d, 30d delayed 7d\n}\n"
    "vector v on tx { cust.* term.* }\n";

/* Keys of rank r come with a frequency of about 1 / r: e to an even number up to ln(keys). The rank
 * is scattered, so that neighbours in frequency are no neighbours in memory. */
static uint32_t zipf(uint64_t *seed, size_t keys)
{
    double even = (double)(bench_random(seed) >> 11) * 0x1p-53;
    uint64_t rank = (uint64_t)exp(even * log((double)keys + 1.0)) - 1;
    if (rank >= keys) rank = keys - 1;
    return (uint32_t)(rank * UINT64_C(0x9E3779B1) & 0x7fffffff);
}

static bench_event *make_events(size_t count, size_t keys)
{
    uint64_t seed = 11;
    bench_event *events = calloc(count, sizeof *events);
    WEIR_ASSERT(events != NULL);
    for (size_t i = 0; i < count; i++)
        events[i] = (bench_event){.time_us = INT64_C(1522540800000000) +
                                             (int64_t)i * (DAYS * US_PER_DAY / (int64_t)count),
                                  .customer = zipf(&seed, keys),
                                  .terminal = zipf(&seed, keys),
                                  .cents = (int32_t)(bench_random(&seed) % 20000),
                                  .fraud = bench_random(&seed) % 100 == 0};
    return events;
}

static double measure(size_t count, size_t keys)
{
    bench_event *events = make_events(count, keys);
    fold_driver *driver = fold_driver_create(handbook, TABLE_BYTES);
    size_t half = count / 2;
    (void)fold_driver_run(driver, events, half, 0);
    double ns = fold_driver_run(driver, events + half, count - half, (int64_t)half);
    size_t held = fold_driver_keys(driver);
    (void)printf("keys drawn_from=%zu held=%zu bytes_per_key=%.0f ns_per_event=%.0f\n", keys, held,
                 (double)fold_driver_bytes(driver) / (double)(held > 0 ? held : 1), ns);
    (void)fflush(stdout);
    fold_driver_destroy(driver);
    free(events);
    return ns;
}

int main(int count, char **words)
{
    size_t events = 4000000, keys_max = 10000000;
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--events") == 0) events = (size_t)strtoull(words[i + 1], NULL, 10);
        if (strcmp(words[i], "--keys-max") == 0)
            keys_max = (size_t)strtoull(words[i + 1], NULL, 10);
    }
    double least = 0, most = 0;
    for (size_t keys = 10000; keys <= keys_max || keys == 10000; keys *= 10) {
        double ns = measure(events < 2 ? 2 : events, keys);
        if (keys == 10000 || ns < least) least = ns;
        if (ns > most) most = ns;
    }
    (void)printf("key_flatness dearest_over_cheapest=%.2f\n", most / least);
    return 0;
}
