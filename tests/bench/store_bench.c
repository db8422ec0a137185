/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_bench - what a key costs on its way to the store and back.
 *
 *     store_bench [--keys N]
 *
 * Writes the states of N keys (an entity's head of 120 bytes and 60 bytes of ids each) slice by
 * slice, as a shard does when it freezes, opens the store again and reads keys at random, then as
 * many that are not there. Prints CPU microseconds a key, RocksDB's own threads included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/arena.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/shard.h"
#include "tests/bench/bench.h"

enum { HEAD_BYTES = 120, ID_BYTES = 60, KEY_BYTES = 16, IDS_VIEW = 0x8000, CACHE_BYTES = 64 << 20 };

static void check(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "store_bench: %s\n", weir_error_message(error));
    exit(1);
}

static uint64_t seed = 5;

/* Key i; its slice is i modulo their number. */
static weir_bytes key_of(size_t i, char *room)
{
    int size = snprintf(room, KEY_BYTES, "%zu", i);
    return (weir_bytes){(const uint8_t *)room, (size_t)size};
}

static weir_store_port open_store(weir_store_shared *shared, const char *directory)
{
    weir_shard_store_options options = {.shared = shared, .directory = directory};
    weir_store_port port;
    int64_t restored = 0;
    check(weir_shard_store_open(&options, &port, &restored));
    return port;
}

static void write_slice(const weir_store_port *port, uint32_t slice, size_t keys)
{
    static uint8_t bytes[HEAD_BYTES];
    size_t count = 0;
    weir_store_item *items = calloc(2 * (keys / WEIR_SLICE_COUNT + 1), sizeof *items);
    char(*rooms)[KEY_BYTES] = calloc(keys / WEIR_SLICE_COUNT + 1, KEY_BYTES);
    WEIR_ASSERT(items != NULL && rooms != NULL);
    for (size_t b = 0; b < sizeof bytes; b++)
        bytes[b] = (uint8_t)bench_random(&seed);
    for (size_t i = slice; i < keys; i += WEIR_SLICE_COUNT) {
        weir_bytes key = key_of(i, rooms[count / 2]);
        items[count++] = (weir_store_item){0, key, 0, {bytes, HEAD_BYTES}};
        items[count++] = (weir_store_item){IDS_VIEW, key, 0, {bytes, ID_BYTES}};
    }
    check(port->write(port->context, slice, items, count, (weir_bytes){bytes, 16}));
    free(items);
    free(rooms);
}

static weir_error *count_part(void *context, uint64_t part, weir_bytes bytes)
{
    (void)part, (void)bytes;
    ++*(size_t *)context;
    return NULL;
}

/* Microseconds a key; both views of it, as its first event asks for them. */
static double read_keys(const weir_store_port *port, size_t keys, size_t first, size_t reads)
{
    size_t found = 0;
    char room[KEY_BYTES];
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < reads; i++) {
        size_t number = first + bench_random(&seed) % keys;
        weir_bytes key = key_of(number, room);
        uint32_t slice = (uint32_t)(number % WEIR_SLICE_COUNT);
        check(port->load_head(port->context, slice, IDS_VIEW, key, count_part, &found));
        check(port->load_head(port->context, slice, 0, key, count_part, &found));
    }
    WEIR_ASSERT(found == (first == 0 ? 2 * reads : 0));
    return (bench_cpu_seconds() - begin) * 1e6 / (double)reads;
}

int main(int count, char **words)
{
    size_t keys = 1000000;
    for (int i = 1; i + 1 < count; i += 2)
        if (strcmp(words[i], "--keys") == 0) keys = (size_t)strtoull(words[i + 1], NULL, 10);
    if (keys < WEIR_SLICE_COUNT) keys = WEIR_SLICE_COUNT;
    weir_arena arena = {0};
    char *directory = NULL;
    check(weir_dir_temp(&arena, &directory));
    weir_store_shared *shared = weir_store_shared_create(CACHE_BYTES);
    weir_store_port port = open_store(shared, directory);
    double begin = bench_cpu_seconds();
    for (uint32_t slice = 0; slice < WEIR_SLICE_COUNT; slice++)
        write_slice(&port, slice, keys);
    port.close(port.context); /* what RocksDB does behind, too */
    double written = (bench_cpu_seconds() - begin) * 1e6 / (double)keys;
    begin = bench_cpu_seconds();
    port = open_store(shared, directory);
    double opened = (bench_cpu_seconds() - begin) * 1e3;
    size_t reads = keys < 100000 ? keys : 100000;
    double present = read_keys(&port, keys, 0, reads);
    double absent = read_keys(&port, keys, keys, reads);
    (void)printf("store keys=%zu write_us_per_key=%.2f open_ms=%.0f read_us_per_key=%.2f "
                 "absent_us_per_key=%.2f\n",
                 keys, written, opened, present, absent);
    port.close(port.context);
    weir_store_shared_destroy(shared);
    check(weir_dir_remove(directory));
    weir_arena_deinit(&arena);
    return 0;
}
