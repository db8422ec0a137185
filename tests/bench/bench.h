/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - what benchmarks share: the process's CPU clock, and seeded numbers.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* Of all threads. */
static inline double bench_cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* SplitMix64: same sequence in every build. */
static inline uint64_t bench_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
