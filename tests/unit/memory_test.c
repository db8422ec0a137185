/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of key states: blocks of every size keep what was written into them, apart from each
 * other, while others are made, resized and freed, also by other threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "ops/runtime/memory.h"

enum { BLOCKS = 3000, SIZE_MAX_BYTES = 20000, THREADS = 4 };

typedef struct block {
    uint8_t *bytes;
    size_t size;
    uint8_t mark;
} block;

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    return z ^ z >> 31;
}

/* Small ones mostly, as states are; sizes around the classes' ends among them. */
static size_t size_of(uint64_t random)
{
    size_t power = (size_t)1 << (random % 15);
    size_t size = power + (size_t)(random >> 8) % power + (random >> 40) % 3;
    return size < SIZE_MAX_BYTES ? size - (size_t)(random >> 50 & 1) : SIZE_MAX_BYTES;
}

static bool holds(const block *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (b->bytes[i] != b->mark) return false;
    return true;
}

static void make(block *b, uint64_t random)
{
    b->size = size_of(random);
    b->mark = (uint8_t)(random >> 16);
    bool is_cleared = (random >> 24 & 1) != 0;
    b->bytes = is_cleared ? weir_memory_calloc(1, b->size) : weir_memory_alloc(b->size);
    assert_int_equal((uintptr_t)b->bytes % 16, 0);
    for (size_t i = 0; is_cleared && i < b->size; i++)
        assert_int_equal(b->bytes[i], 0);
    memset(b->bytes, b->mark, b->size);
}

static void resize(block *b, uint64_t random)
{
    size_t size = size_of(random), kept = size < b->size ? size : b->size;
    b->bytes = weir_memory_resize(b->bytes, size);
    assert_true(holds(b, kept));
    b->size = size;
    memset(b->bytes, b->mark, size);
}

static void churn(block *blocks, uint64_t seed, int steps)
{
    for (int i = 0; i < steps; i++) {
        uint64_t random = next_random(&seed);
        block *b = &blocks[random % BLOCKS];
        random = next_random(&seed);
        if (b->bytes == NULL) {
            make(b, random);
        } else if (random % 3 == 0) {
            resize(b, random);
        } else {
            assert_true(holds(b, b->size));
            weir_memory_free(b->bytes);
            b->bytes = NULL;
        }
    }
}

static void free_all(block *blocks)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].bytes != NULL) assert_true(holds(&blocks[i], blocks[i].size));
        weir_memory_free(blocks[i].bytes);
    }
}

static void blocks_keep_what_they_hold_apart_from_each_other(void **state)
{
    (void)state;
    static block blocks[BLOCKS];
    churn(blocks, 1, 60000);
    free_all(blocks);
}

typedef struct worker {
    pthread_t thread;
    uint64_t seed;
    block blocks[BLOCKS];
} worker;

static void *work(void *context)
{
    worker *w = context;
    churn(w->blocks, w->seed, 20000);
    return NULL;
}

/* Each makes its own at once; the blocks are freed by another thread than made them. */
static void threads_share_the_memory(void **state)
{
    (void)state;
    static worker workers[THREADS];
    for (int round = 0; round < 2; round++) {
        for (int t = 0; t < THREADS; t++) {
            workers[t].seed = (uint64_t)(7 + t + round * THREADS);
            assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
        }
        for (int t = 0; t < THREADS; t++)
            assert_int_equal(pthread_join(workers[t].thread, NULL), 0);
    }
    for (int t = 0; t < THREADS; t++)
        free_all(workers[t].blocks);
}

static void nothing_is_a_block_too(void **state)
{
    (void)state;
    weir_memory_free(NULL);
    uint8_t *a = weir_memory_alloc(0), *b = weir_memory_calloc(0, 8);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    a = weir_memory_resize(a, 100000);
    memset(a, 1, 100000);
    a = weir_memory_resize(a, 0);
    assert_non_null(a);
    uint8_t *c = weir_memory_resize(NULL, 24);
    memset(c, 1, 24);
    weir_memory_free(a);
    weir_memory_free(b);
    weir_memory_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_what_they_hold_apart_from_each_other),
        cmocka_unit_test(threads_share_the_memory),
        cmocka_unit_test(nothing_is_a_block_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
