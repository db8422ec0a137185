/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fold_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/state_table.h"
#include "ops/runtime/assert.h"
#include "tests/bench/bench.h"
#include "tests/unit/lang_fixture.h"

enum { AHEAD = WEIR_STATE_PREFETCH_MAX, SLOTS = 6, KEY_BYTES_MAX = 16 };

typedef struct hop_state {
    weir_state_table *table;
    weir_shard_clock clock;
    /* Of the batch at hand: */
    char keys[AHEAD][KEY_BYTES_MAX];
    size_t key_sizes[AHEAD];
    uint64_t hashes[AHEAD];
} hop_state;

struct fold_driver {
    weir_compilation *compilation;
    const weir_plan *plan;
    const weir_plan_stream *stream;
    weir_engine *engine;
    weir_store_port store;
    hop_state hops[2];
    uint32_t slots[SLOTS]; /* tx_id ts customer terminal amount fraud */
};

static void check(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "bench: %s\n", weir_error_message(error));
    exit(1);
}

static uint32_t slot_of(const weir_plan_stream *stream, const char *name)
{
    for (uint32_t s = 0; s < stream->slot_count; s++)
        if (strcmp(stream->slot_paths[s], name) == 0) return s;
    return WEIR_NONE;
}

fold_driver *fold_driver_create(const char *definition, size_t table_bytes)
{
    static const char *const names[SLOTS] = {"tx_id",    "ts",     "customer",
                                             "terminal", "amount", "fraud"};
    fold_driver *driver = calloc(1, sizeof *driver);
    WEIR_ASSERT(driver != NULL);
    weir_fixture_schema(
        "h.Tx",
        "tx_id int64, ts time, customer int64, terminal int64, amount decimal(10,2), fraud bool");
    driver->compilation = weir_fixture_compile(definition);
    driver->plan = driver->compilation->plan;
    if (driver->plan == NULL)
        check(weir_error_new(WEIR_E_DEFINITION, "%s",
                             weir_fixture_print(driver->compilation, definition)));
    driver->stream = &driver->plan->streams[0];
    driver->engine = weir_engine_create(driver->plan);
    WEIR_ASSERT(driver->stream->hop_count <= 2);
    for (uint32_t h = 0; h < driver->stream->hop_count; h++) {
        hop_state *hop = &driver->hops[h];
        hop->clock = (weir_shard_clock){INT64_MIN, INT64_MIN};
        hop->table = weir_state_table_create(driver->plan, driver->stream->hops[h].entity,
                                             &driver->store, table_bytes);
        for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++)
            weir_state_table_slice_is_empty(hop->table, s);
    }
    for (size_t n = 0; n < SLOTS; n++)
        driver->slots[n] = slot_of(driver->stream, names[n]);
    return driver;
}

void fold_driver_destroy(fold_driver *driver)
{
    for (uint32_t h = 0; h < driver->stream->hop_count; h++)
        weir_state_table_destroy(driver->hops[h].table);
    weir_engine_destroy(driver->engine);
    weir_compilation_destroy(driver->compilation);
    weir_fixture_reset();
    free(driver);
}

static void set(weir_value *fields, uint32_t slot, weir_value value)
{
    if (slot != WEIR_NONE) fields[slot] = value;
}

static void set_fields(const fold_driver *driver, const bench_event *e, int64_t id,
                       weir_value *fields)
{
    set(fields, driver->slots[0], weir_int(id));
    set(fields, driver->slots[1], weir_time(e->time_us));
    set(fields, driver->slots[2], weir_int(e->customer));
    set(fields, driver->slots[3], weir_int(e->terminal));
    set(fields, driver->slots[4], weir_decimal(e->cents));
    set(fields, driver->slots[5], weir_bool(e->fraud));
}

/* The hop's key is the customer or the terminal, by the slot that it reads. */
static void take_keys(fold_driver *driver, uint32_t h, const bench_event *events, size_t count)
{
    hop_state *hop = &driver->hops[h];
    bool is_customer = driver->stream->hops[h].key_slots[0] == driver->slots[2];
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(hop->keys[i], KEY_BYTES_MAX, "%u",
                            is_customer ? events[i].customer : events[i].terminal);
        hop->key_sizes[i] = (size_t)size;
        hop->hashes[i] = weir_state_hash((weir_bytes){(const uint8_t *)hop->keys[i], (size_t)size});
    }
    weir_state_table_prefetch(hop->table, hop->hashes, count);
}

static void take_event(fold_driver *driver, uint32_t h, size_t i, weir_event *event)
{
    hop_state *hop = &driver->hops[h];
    event->hop = h;
    event->key = (weir_bytes){(const uint8_t *)hop->keys[i], hop->key_sizes[i]};
    const weir_state_port *port = weir_state_table_port(hop->table);
    bool is_duplicate = false, beyond = false;
    weir_state_table_begin(hop->table, event->key, hop->hashes[i]);
    if (h == 0) check(weir_engine_is_duplicate(driver->engine, port, event, &is_duplicate));
    WEIR_ASSERT(!is_duplicate);
    check(weir_engine_read(driver->engine, port, &hop->clock, event, &beyond));
    check(weir_engine_apply(driver->engine, port, &hop->clock, event));
    weir_state_table_end(hop->table);
    if (event->et_us > hop->clock.greatest_et_us) hop->clock.greatest_et_us = event->et_us;
}

/* One hop of a batch at a time: between hops an event stands in a journal. */
double fold_driver_run(fold_driver *driver, const bench_event *events, size_t count,
                       int64_t first_id)
{
    weir_value fields[SLOTS] = {0}, carried[64] = {0};
    bool overflow[64] = {0};
    WEIR_ASSERT(driver->stream->slot_count <= SLOTS && driver->stream->carried_count <= 64);
    double begin = bench_cpu_seconds();
    for (size_t from = 0; from < count; from += AHEAD) {
        size_t batch = count - from < AHEAD ? count - from : AHEAD;
        for (uint32_t h = 0; h < driver->stream->hop_count; h++) {
            take_keys(driver, h, &events[from], batch);
            for (size_t i = 0; i < batch; i++) {
                const bench_event *e = &events[from + i];
                set_fields(driver, e, first_id + (int64_t)(from + i), fields);
                weir_event event = {.fields = fields,
                                    .carried = carried,
                                    .carried_overflow = overflow,
                                    .et_us = e->time_us,
                                    .ingest_us = e->time_us,
                                    .seq = (weir_seq)(first_id + (int64_t)(from + i))};
                take_event(driver, h, i, &event);
            }
        }
    }
    return (bench_cpu_seconds() - begin) * 1e9 / (double)(count > 0 ? count : 1);
}

size_t fold_driver_keys(const fold_driver *driver)
{
    size_t keys = 0;
    for (uint32_t h = 0; h < driver->stream->hop_count; h++)
        keys += weir_state_table_keys(driver->hops[h].table);
    return keys;
}

size_t fold_driver_bytes(const fold_driver *driver)
{
    size_t bytes = 0;
    for (uint32_t h = 0; h < driver->stream->hop_count; h++)
        bytes += weir_state_table_bytes(driver->hops[h].table);
    return bytes;
}
