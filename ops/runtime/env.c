/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/env.h"

#include <stddef.h>
#include <sys/random.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

static int64_t now_us(void *context)
{
    (void)context;
    return weir_clock_now_us();
}

static int64_t monotonic_us(void *context)
{
    (void)context;
    return weir_clock_monotonic_us();
}

static uint64_t random_bits(void *context)
{
    (void)context;
    uint64_t bits = 0;
    WEIR_ASSERT(getrandom(&bits, sizeof bits, 0) == (ssize_t)sizeof bits);
    return bits;
}

const weir_env *weir_env_real(void)
{
    static const weir_env real = {NULL, now_us, monotonic_us, random_bits};
    return &real;
}
