/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - the outside world as a table of functions.
 *
 * Whatever is not a pure function of its input comes through here: the clock, random numbers, and,
 * in tables of their own, the log (ingest/log.h), the store (store/port.h) and files. There are
 * three implementations: production, faulty (fails the nth call of another one) and simulated (one
 * seed decides everything). Nothing that reads the clock or random numbers may reach a feature
 * value.
 */
#pragma once

#include <stdint.h>

typedef struct weir_env {
    void *context;
    int64_t (*now_us)(void *context);       /* wall clock, microseconds since 1970 UTC */
    int64_t (*monotonic_us)(void *context); /* never goes back */
    uint64_t (*random)(void *context);
} weir_env;

/* Production: the machine's clocks and its random numbers. */
const weir_env *weir_env_real(void);
