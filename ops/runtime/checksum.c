/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/checksum.h"

#define XXH_INLINE_ALL /* keys are short: the call would cost as much as the hash */
#include <xxhash.h>

#include <stdbool.h>
#include <sys/random.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

uint64_t weir_table_seed;

__attribute__((constructor)) static void seed_draw(void)
{
    bool is_drawn = getrandom(&weir_table_seed, sizeof weir_table_seed, GRND_NONBLOCK) ==
                    (ssize_t)sizeof weir_table_seed;
    if (!is_drawn) weir_table_seed = (uint64_t)weir_clock_monotonic_ns(); /* early in a boot */
}

uint64_t weir_xxh64(const void *data, size_t size, uint64_t seed)
{
    return XXH64(data, size, seed);
}

uint64_t weir_xxh3(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

weir_xxh64_state *weir_xxh64_begin(uint64_t seed)
{
    XXH64_state_t *state = XXH64_createState();
    WEIR_ASSERT(state != NULL && XXH64_reset(state, seed) == XXH_OK);
    return (weir_xxh64_state *)state;
}

void weir_xxh64_update(weir_xxh64_state *state, const void *data, size_t size)
{
    WEIR_ASSERT(XXH64_update((XXH64_state_t *)state, data, size) == XXH_OK);
}

uint64_t weir_xxh64_finish(weir_xxh64_state *state)
{
    uint64_t hash = XXH64_digest((XXH64_state_t *)state);
    (void)XXH64_freeState((XXH64_state_t *)state);
    return hash;
}
