/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold_bench - what the engine alone costs an event: read and apply at both hops of the handbook's
 * fourteen features.
 *
 *     fold_bench [--events N] [--keys N] [--days N] [--window 90d] [--runs N]
 *
 * Events are seeded and spread evenly over `days`; a tenth of the keys get half of the events.
 * Prints, per line, CPU nanoseconds an event for: the handbook's groups; one count and mean over
 * windows from 1 h to 90 d (flat in window length?); the handbook's groups over more and more keys
 * (flat in keys?). Then the bytes a row in memory and stored. Run tiny by every test run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/engine/engine.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"
#include "tests/bench/bench.h"
#include "tests/unit/lang_fixture.h"

#define US_PER_DAY_ INT64_C(86400000000)

typedef struct options {
    size_t events, keys, runs;
    int64_t days;
    bool handbook_only;
    const char *window; /* this one alone, or NULL */
} options;

static const char handbook[] = "package h\nstream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts "
                               "id tx_id observed by customer, terminal late 1d }\n"
                               "features cust per customer from tx {\n"
                               "  n = count() over 1d, 7d, 30d including this\n  avg = "
                               "mean(amount) over 1d, 7d, 30d including this\n}\n"
                               "features term per terminal from tx {\n"
                               "  n = count() over 1d, 7d, 30d delayed 7d\n  risk = "
                               "share_of(fraud) ?? 0.0 over 1d, 7d, 30d delayed 7d\n}\n"
                               "vector v on tx { cust.* term.*  weekend = weekday(this.ts, "
                               "\"UTC\") >= 6  night = hour(this.ts, \"UTC\") <= 6 }\n";

static uint64_t seed = 7;

typedef struct transaction {
    int64_t time_us;
    uint32_t customer, terminal;
    int32_t cents;
    bool fraud;
} transaction;

static transaction *make_events(const options *o, size_t keys)
{
    transaction *events = malloc(o->events * sizeof *events);
    WEIR_ASSERT(events != NULL);
    int64_t step = o->days * US_PER_DAY_ / (int64_t)o->events;
    for (size_t i = 0; i < o->events; i++) {
        size_t among = bench_random(&seed) % 2 == 0 ? keys / 10 + 1 : keys;
        events[i] = (transaction){.time_us = (int64_t)i * step / 1000000 * 1000000 +
                                             INT64_C(1522540800000000),
                                  .customer = (uint32_t)(bench_random(&seed) % among),
                                  .terminal = (uint32_t)(bench_random(&seed) % (2 * among)),
                                  .cents = (int32_t)(bench_random(&seed) % 20000),
                                  .fraud = bench_random(&seed) % 100 == 0};
    }
    return events;
}

typedef struct fold {
    weir_compilation *compilation;
    const weir_plan *plan;
    weir_engine *engine;
    weir_memory_state *states;
    const weir_plan_stream *stream;
    uint32_t slots[6]; /* tx_id ts customer terminal amount fraud */
} fold;

static void fold_open(fold *f, const char *text)
{
    static const char *const names[6] = {"tx_id", "ts", "customer", "terminal", "amount", "fraud"};
    weir_fixture_schema(
        "h.Tx",
        "tx_id int64, ts time, customer int64, terminal int64, amount decimal(10,2), fraud bool");
    f->compilation = weir_fixture_compile(text);
    if (f->compilation->plan == NULL) (void)fputs(weir_fixture_print(f->compilation, text), stderr);
    WEIR_ASSERT(f->compilation->plan != NULL);
    f->plan = f->compilation->plan;
    f->engine = weir_engine_create(f->plan);
    f->states = weir_memory_state_create(f->plan);
    f->stream = &f->plan->streams[0];
    for (size_t n = 0; n < 6; n++) {
        f->slots[n] = WEIR_NONE;
        for (uint32_t s = 0; s < f->stream->slot_count; s++) {
            if (strcmp(f->stream->slot_paths[s], names[n]) == 0) f->slots[n] = s;
        }
    }
}

static void fold_close(fold *f)
{
    weir_memory_state_destroy(f->states);
    weir_engine_destroy(f->engine);
    weir_compilation_destroy(f->compilation);
    weir_fixture_reset();
}

static void set(weir_value *fields, uint32_t slot, weir_value value)
{
    if (slot != WEIR_NONE) fields[slot] = value;
}

/* CPU seconds of the second half of the events: the windows are full then. */
static double fold_run(fold *f, const transaction *events, size_t count, double *checksum_out)
{
    weir_value fields[64] = {0}, carried[64] = {0}, columns[64];
    bool carried_overflow[64] = {0}, column_overflow[64];
    weir_shard_clock clocks[8];
    for (size_t i = 0; i < 8; i++)
        clocks[i] = (weir_shard_clock){INT64_MIN, INT64_MIN};
    const weir_state_port *port = weir_memory_state_port(f->states);
    weir_buffer key = {0};
    double start = 0, checksum = 0;
    for (size_t i = 0; i < count; i++) {
        const transaction *t = &events[i];
        if (i == count / 2) start = bench_cpu_seconds();
        set(fields, f->slots[0], weir_int((int64_t)i));
        set(fields, f->slots[1], weir_time(t->time_us));
        set(fields, f->slots[2], weir_int(t->customer));
        set(fields, f->slots[3], weir_int(t->terminal));
        set(fields, f->slots[4], weir_decimal(t->cents));
        set(fields, f->slots[5], weir_bool(t->fraud));
        weir_event event = {.fields = fields,
                            .carried = carried,
                            .carried_overflow = carried_overflow,
                            .et_us = t->time_us,
                            .ingest_us = t->time_us,
                            .seq = i};
        for (event.hop = 0; event.hop < f->stream->hop_count; event.hop++) {
            const weir_plan_hop *hop = &f->stream->hops[event.hop];
            const weir_plan_entity *entity = &f->plan->entities[hop->entity];
            weir_buffer_clear(&key);
            (void)weir_key_encode(entity->key_types, &fields[hop->key_slots[0]], 1, &key);
            event.key = (weir_bytes){key.data, key.size};
            bool beyond = false;
            weir_error *error =
                weir_engine_read(f->engine, port, &clocks[hop->entity], &event, &beyond);
            if (error == NULL)
                error = weir_engine_apply(f->engine, port, &clocks[hop->entity], &event);
            WEIR_ASSERT(error == NULL);
            clocks[hop->entity].greatest_et_us = t->time_us;
        }
        weir_engine_vector(f->engine, 0, &event, columns, column_overflow);
        if (columns[0].kind == WEIR_INT64) checksum += (double)columns[0].as.integer;
    }
    *checksum_out = checksum;
    weir_buffer_deinit(&key);
    return bench_cpu_seconds() - start;
}

static void print_sizes(const fold *f)
{
    for (uint32_t v = 0; v < f->plan->view_count; v++) {
        weir_state_sizes s = weir_memory_state_sizes(f->states, v);
        double rows = s.rows > 0 ? (double)s.rows : 1.0;
        (void)printf("fold_sizes group=%s keys=%llu rows_per_key=%.1f stored_bytes_per_row=%.2f "
                     "memory_bytes_per_row=%.1f\n",
                     f->plan->views[v].group, (unsigned long long)s.keys,
                     rows / (double)(s.keys > 0 ? s.keys : 1), (double)s.stored_bytes / rows,
                     (double)s.memory_bytes / rows);
    }
}

static double ns_per_event(const options *o, const char *text, size_t keys, bool sizes)
{
    double best = 0;
    for (size_t run = 0; run < o->runs; run++) {
        fold f;
        double checksum = 0;
        seed = 7;
        transaction *events = make_events(o, keys);
        fold_open(&f, text);
        double seconds = fold_run(&f, events, o->events, &checksum);
        double ns = seconds * 1e9 / (double)(o->events - o->events / 2);
        if (run == 0 || ns < best) best = ns;
        if (sizes && run == 0) print_sizes(&f);
        fold_close(&f);
        free(events);
    }
    return best;
}

static void one_window(const options *o, const char *window)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "package h\nstream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts observed by "
                   "customer late 1d }\n"
                   "features cust per customer from tx { n = count() over %s avg = mean(amount) "
                   "over %s hi = max(amount) over %s }\n"
                   "vector v on tx { cust.* }\n",
                   window, window, window);
    /* Few keys, so that a window of 90 days has many rows. */
    (void)printf("fold_window window=%s ns_per_event=%.0f\n", window,
                 ns_per_event(o, text, o->keys / 50 + 1, false));
}

static options parse(int count, char **words)
{
    options o = {.events = 400000, .keys = 5000, .runs = 3, .days = 180};
    for (int i = 1; i + 1 < count; i += 2) {
        long long value = atoll(words[i + 1]);
        if (strcmp(words[i], "--window") == 0) o.window = words[i + 1];
        if (strcmp(words[i], "--events") == 0) o.events = (size_t)value;
        if (strcmp(words[i], "--keys") == 0) o.keys = (size_t)value;
        if (strcmp(words[i], "--runs") == 0) o.runs = (size_t)value;
        if (strcmp(words[i], "--days") == 0) o.days = value;
        if (strcmp(words[i], "--handbook-only") == 0) o.handbook_only = value != 0;
    }
    if (o.events < 2) o.events = 2;
    return o;
}

int main(int count, char **words)
{
    options o = parse(count, words);
    if (o.window != NULL) {
        one_window(&o, o.window);
        return 0;
    }
    (void)printf("fold_handbook events=%zu keys=%zu ns_per_event=%.0f\n", o.events, o.keys,
                 ns_per_event(&o, handbook, o.keys, true));
    static const char *const windows[] = {"1h", "1d", "7d", "30d", "90d"};
    if (o.handbook_only) return 0;
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
        one_window(&o, windows[w]);
    for (size_t keys = o.keys; keys <= o.keys * 100; keys *= 10) {
        (void)printf("fold_keys keys=%zu ns_per_event=%.0f\n", keys,
                     ns_per_event(&o, handbook, keys, false));
    }
    return 0;
}
