/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - what time it is.
 *
 * Only the production env, logs, metrics and the command line read a clock. No feature value
 * depends on one.
 *
 * Threads: any.
 */
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t weir_clock_read_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t weir_clock_now_us(void) { return weir_clock_read_ns(CLOCK_REALTIME) / 1000; }
static inline int64_t weir_clock_monotonic_us(void)
{
    return weir_clock_read_ns(CLOCK_MONOTONIC) / 1000;
}
static inline int64_t weir_clock_monotonic_ns(void) { return weir_clock_read_ns(CLOCK_MONOTONIC); }
static inline int64_t weir_clock_thread_cpu_ns(void)
{
    return weir_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}
static inline int64_t weir_clock_process_cpu_ns(void)
{
    return weir_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}
