/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of up to 8 KiB come from slabs: a reserved range of addresses is opened 2 MiB at a time,
 * each asked to be one huge page, and dealt out in spans of 64 KiB. A span holds blocks of one size
 * class and belongs to the thread that took it; what a thread frees goes to its own list, whoever
 * made it, so that nobody waits for a lock. A thread that ends leaves its lists to the others.
 *
 * So the states that a worker looks at in turn lie in few pages, whose places the processor
 * remembers. In pages of 4 KiB and with tens of megabytes of states, nearly every cache miss is two:
 * where the page lies is looked up in memory, too.
 *
 * Larger blocks, those for which the range could not be reserved or is used up, and all blocks
 * under a sanitizer, which should see each of them, come from the C library. A block's address
 * tells where it came from. What a class has, it keeps.
 */
#include "ops/runtime/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ops/runtime/assert.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define USES_SLABS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define USES_SLABS 0
#endif
#endif
#ifndef USES_SLABS
#define USES_SLABS 1
#endif

enum {
    SPAN_BITS = 16,
    FINE_STEP = 16, /* up to FINE_MAX sizes rise by it, then by a quarter of a power of two */
    FINE_MAX = 128,
    SLAB_BYTES_MAX = 8192,
    CLASS_COUNT = FINE_MAX / FINE_STEP + 4 * 6,
};
#define SPAN_BYTES  ((size_t)1 << SPAN_BITS)
#define CHUNK_BYTES ((size_t)1 << 21)
#define RANGE_BYTES ((size_t)1 << 38)

typedef struct freed {
    struct freed *next;
} freed;

typedef struct size_class {
    freed *list;
    uint8_t *next, *end; /* of the span that is being dealt out */
} size_class;

static _Thread_local size_class mine[CLASS_COUNT];
static _Thread_local bool is_heir_named; /* `lists` will get what is mine when the thread ends */

static pthread_once_t reserved = PTHREAD_ONCE_INIT;
static pthread_key_t ending;
static uint8_t *range; /* or NULL: there is none */
static uint8_t class_of_span[RANGE_BYTES / ((size_t)1 << SPAN_BITS)];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static freed *lists[CLASS_COUNT];     /* of threads that ended */
static size_t range_used, range_open; /* bytes dealt out in spans, bytes that may be written */

static bool is_of_slab(const void *memory)
{
    return range != NULL && (uintptr_t)memory - (uintptr_t)range < RANGE_BYTES;
}

static unsigned class_of(size_t size)
{
    if (size <= FINE_MAX) return size == 0 ? 0 : (unsigned)(size - 1) / FINE_STEP;
    unsigned power = 63 - (unsigned)__builtin_clzll(size - 1); /* 2^power < size <= 2^(power+1) */
    unsigned quarter = (unsigned)((size - 1) >> (power - 2)) & 3;
    return FINE_MAX / FINE_STEP + 4 * (power - 7) + quarter;
}

static size_t class_bytes(unsigned class)
{
    if (class < FINE_MAX / FINE_STEP) return (size_t)FINE_STEP * (class + 1);
    unsigned above = class - FINE_MAX / FINE_STEP;
    return ((size_t)FINE_MAX << (above / 4)) / 4 * (5 + above % 4);
}

static void push(freed **list, void *memory)
{
    freed *block = memory;
    block->next = *list;
    *list = block;
}

/* A thread ends. */
static void bequeath(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        size_class *c = &mine[class];
        for (freed *block = c->list, *next = NULL; block != NULL; block = next) {
            next = block->next;
            push(&lists[class], block);
        }
        for (; c->next != c->end; c->next += class_bytes(class))
            push(&lists[class], c->next);
        *c = (size_class){0};
    }
    pthread_mutex_unlock(&lock);
    is_heir_named = false;
}

static void reserve(void)
{
    if (!USES_SLABS || pthread_key_create(&ending, bequeath) != 0) return;
    void *at = mmap(NULL, RANGE_BYTES + CHUNK_BYTES, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return;
    range = (uint8_t *)(((uintptr_t)at + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1));
}

static void name_heir(void)
{
    if (is_heir_named) return;
    is_heir_named = true;
    (void)pthread_setspecific(ending, mine); /* else the thread's blocks are lost when it ends */
}

/* Opens the next chunk where the last is used up; false: the range is, or memory. */
static bool has_span(void)
{
    if (range_used < range_open) return true;
    if (range_open == RANGE_BYTES) return false;
    uint8_t *chunk = range + range_open;
    if (mprotect(chunk, CHUNK_BYTES, PROT_READ | PROT_WRITE) != 0) return false;
    (void)madvise(chunk, CHUNK_BYTES, MADV_HUGEPAGE); /* small pages do, too */
    range_open += CHUNK_BYTES;
    return true;
}

/* Gets what ended threads left, or a span. */
static void refill(unsigned class)
{
    size_class *c = &mine[class];
    (void)pthread_once(&reserved, reserve);
    if (range == NULL) return;
    name_heir();
    pthread_mutex_lock(&lock);
    if (lists[class] != NULL) {
        c->list = lists[class];
        lists[class] = NULL;
    } else if (has_span()) {
        size_t bytes = class_bytes(class);
        c->next = range + range_used;
        c->end = c->next + SPAN_BYTES / bytes * bytes;
        class_of_span[range_used >> SPAN_BITS] = (uint8_t) class;
        range_used += SPAN_BYTES;
    }
    pthread_mutex_unlock(&lock);
}

/* NULL: the C library's turn. */
static void *slab_take(size_t size)
{
    if (!USES_SLABS || size > SLAB_BYTES_MAX) return NULL;
    unsigned class = class_of(size);
    size_class *c = &mine[class];
    if (c->list == NULL && c->next == c->end) refill(class);
    void *memory = c->list;
    if (memory != NULL) {
        c->list = c->list->next;
    } else if (c->next != c->end) {
        memory = c->next;
        c->next += class_bytes(class);
    }
    return memory;
}

static unsigned class_of_block(const void *memory)
{
    return class_of_span[((uintptr_t)memory - (uintptr_t)range) >> SPAN_BITS];
}

static void slab_give(void *memory)
{
    name_heir();
    push(&mine[class_of_block(memory)].list, memory);
}

void *weir_memory_alloc(size_t size)
{
    void *memory = slab_take(size);
    if (memory == NULL) memory = malloc(size == 0 ? 1 : size);
    WEIR_ASSERT(memory != NULL);
    return memory;
}

void *weir_memory_calloc(size_t count, size_t size)
{
    size_t bytes = 0;
    bool overflows = __builtin_mul_overflow(count, size, &bytes);
    WEIR_ASSERT(!overflows);
    void *memory = slab_take(bytes);
    if (memory != NULL) return memset(memory, 0, bytes);
    memory = calloc(1, bytes == 0 ? 1 : bytes);
    WEIR_ASSERT(memory != NULL);
    return memory;
}

void *weir_memory_resize(void *memory, size_t size)
{
    if (memory == NULL) return weir_memory_alloc(size);
    if (!is_of_slab(memory)) {
        void *moved = realloc(memory, size == 0 ? 1 : size);
        WEIR_ASSERT(moved != NULL);
        return moved;
    }
    size_t had = class_bytes(class_of_block(memory));
    if (size <= SLAB_BYTES_MAX && class_of(size) == class_of_block(memory)) return memory;
    void *moved = weir_memory_alloc(size);
    memcpy(moved, memory, had < size ? had : size);
    slab_give(memory);
    return moved;
}

void weir_memory_free(void *memory)
{
    if (memory == NULL) return;
    if (is_of_slab(memory))
        slab_give(memory);
    else
        free(memory);
}
