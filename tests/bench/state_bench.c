/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_bench - what does a key's state take, and does `weir explain` say so?
 *
 *     state_bench [--most N]
 *
 * Definitions for every form of a state, the handbook's first, each with keys that have 10, 100,
 * 1,000 and 10,000 events (--most: not more) in the longest window. Events come as the handbook's
 * simulation makes them: around noon, amounts around each card's own mean, merchants that are
 * common or rare, times in whole seconds (`_ms`: milliseconds); twice as long as the state keeps
 * them. They go through the engine: duplicate, read, apply.
 *
 * Prints, for each view and for the ids, bytes an event stored and in memory, and what explain
 * makes of a key with as many events. Fails where that is off by more than 20 % (memory: 35 %) for
 * keys with 100 events or more, or where the handbook's views need more than 12 bytes an event of
 * the window. First, for the handbook, what states say they take in memory against what the process
 * grows by: keys that all grow in step leave blocks of the sizes behind that they had before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compute/engine/specimen.h"
#include "ops/cli/explain.h"
#include "ops/runtime/assert.h"
#include "tests/bench/bench.h"
#include "tests/unit/lang_fixture.h"

#define US_PER_SECOND      INT64_C(1000000)
#define US_PER_DAY         (86400 * US_PER_SECOND)
#define START_US           INT64_C(1522540800000000)
#define HANDBOOK_BYTES_MAX 12.0
#define OFF_MAX            0.2
#define MEMORY_OFF_MAX     0.35 /* blocks grow by halves: where a key stands between is chance */

enum { SLOTS_MAX = 16, CARRIED_MAX = 64, MERCHANTS = 2000 };

typedef struct form {
    const char *name;
    const char *features; /* behind the stream's declaration; #: events of a key */
    int64_t unit_us;      /* of times */
    int64_t window_us;    /* in which a key has its events */
    bool is_handbook;
} form;

static const form forms[] = {
    {.name = "handbook",
     .features = "features spending per card from tx {\n"
                 "  n = count() over 1d, 7d, 30d including this\n"
                 "  avg = mean(amount) over 1d, 7d, 30d including this\n}\n"
                 "features risk per merchant from tx {\n"
                 "  n = count() over 1d, 7d, 30d delayed 7d\n"
                 "  r = share_of(fraud) over 1d, 7d, 30d delayed 7d\n}\n"
                 "vector v on tx { spending.* risk.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY,
     .is_handbook = true},
    {.name = "handbook_ms",
     .features = "features spending per card from tx { avg = mean(amount) over 30d }\n"
                 "vector v on tx { spending.* }\n",
     .unit_us = 1000,
     .window_us = 30 * US_PER_DAY,
     .is_handbook = true},
    {.name = "sum_of_two",
     .features = "features f per card from tx {\n  a = sum(amount) over 7d\n  b = sum(units) over "
                 "1d\n  c = count() where fraud over 1d\n}\nvector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 7 * US_PER_DAY},
    {.name = "min_max",
     .features = "features f per card from tx {\n  a = min(price) over 30d\n  b = max(amount) over "
                 "7d\n}\nvector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "distinct_text",
     .features = "features f per card from tx { a = distinct(merchant) over 30d }\n"
                 "vector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "distinct_number",
     .features = "features f per card from tx { a = distinct(units) over 7d }\n"
                 "vector v on tx { f.* }\n",
     .unit_us = 1000,
     .window_us = 7 * US_PER_DAY},
    {.name = "last_n",
     .features = "features f per card from tx {\n  a = mean(amount) over last #\n  b = "
                 "lag(price, 1) over last #\n}\nvector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "ever",
     .features = "features f per card from tx {\n  n = count() over ever\n  a = sum(amount) over "
                 "ever\n  b = max(price) over ever\n  c = first(merchant) over ever\n}\n"
                 "vector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = US_PER_DAY},
    {.name = "ever_and_window",
     .features = "features f per card from tx {\n  a = stddev(price) over ever\n  b = sum(price) "
                 "over 30d\n}\nvector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "moments",
     .features = "features f per card from tx {\n  a = var(amount) over 30d\n  b = "
                 "stddev(price) over 7d\n  c = corr(amount, price) over 30d\n}\n"
                 "vector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "computed_float64",
     .features = "features f per card from tx { a = mean(price * 1.07) over 30d }\n"
                 "vector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "wide_decimal",
     .features = "features f per card from tx { a = sum(exact) over 30d }\n"
                 "vector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
    {.name = "enum_and_null",
     .features = "features f per card from tx {\n  a = mode(status) over 30d\n  b = mean(tip) over "
                 "30d\n}\nvector v on tx { f.* }\n",
     .unit_us = US_PER_SECOND,
     .window_us = 30 * US_PER_DAY},
};

static const char *const slot_names[] = {"tx_id", "ts",    "card",  "merchant", "amount", "price",
                                         "exact", "units", "fraud", "status",   "tip"};
enum { ID, TS, CARD, MERCHANT, AMOUNT, PRICE, EXACT, UNITS, FRAUD, STATUS, TIP, SLOTS };

/* ---- Events ---- */

typedef struct event {
    int64_t time_us;
    uint32_t card, merchant;
    uint32_t id;
} event;

static uint64_t seed;

static uint64_t below(uint64_t bound) { return bench_random(&seed) % bound; }

/* About normal, of mean 0 and deviation 1. */
static double normal(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(bench_random(&seed) >> 11) * 0x1p-53;
    return sum;
}

static int compare_events(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* By day, around noon. */
static event *make_events(const form *f, uint32_t keys, uint32_t in_window, int64_t span_us,
                          size_t *count_out)
{
    int64_t days = span_us / US_PER_DAY;
    size_t count = (size_t)((double)in_window * (double)span_us / (double)f->window_us) * keys;
    event *events = calloc(count + 1, sizeof *events);
    WEIR_ASSERT(events != NULL && days > 0);
    for (size_t i = 0; i < count; i++) {
        double second;
        do
            second = 43200 + 20000 * normal();
        while (second < 0 || second >= 86400);
        int64_t us = (int64_t)below((uint64_t)days) * US_PER_DAY + (int64_t)(second * 1e6);
        events[i] = (event){.time_us = START_US + us / f->unit_us * f->unit_us,
                            .card = (uint32_t)(i % keys),
                            .merchant = (uint32_t)below(keys),
                            .id = (uint32_t)i};
    }
    qsort(events, count, sizeof *events, compare_events);
    *count_out = count;
    return events;
}

typedef struct texts {
    char card[16], merchant[24];
} texts;

/* Half of a key's visits are to few merchants. The handbook's view is keyed by merchant: there each
 * has as many as a card. */
static uint32_t merchant_of(const form *f, const event *e)
{
    if (f->is_handbook) return e->merchant;
    uint32_t own = (uint32_t)((e->card * UINT32_C(2654435761)) % MERCHANTS);
    return below(2) == 0 ? (own + (uint32_t)below(8)) % MERCHANTS : (uint32_t)below(MERCHANTS);
}

static void make_fields(const form *f, const event *e, texts *t, weir_value *all)
{
    double mean = 5 + (double)(e->card * 37 % 96), amount = mean + mean / 2 * normal();
    if (amount < 0) amount = 2 * mean * (double)below(1000) / 1000;
    int64_t cents = (int64_t)(amount * 100);
    int card = snprintf(t->card, sizeof t->card, "card-%06u", e->card);
    uint32_t shop = merchant_of(f, e);
    int merchant = snprintf(t->merchant, sizeof t->merchant, "m%0*u", 5 + (int)(shop % 7), shop);
    all[ID] = weir_int(1000000 + e->id);
    all[TS] = weir_time(e->time_us);
    all[CARD] = weir_string(t->card, (size_t)card);
    all[MERCHANT] = weir_string(t->merchant, (size_t)merchant);
    all[AMOUNT] = weir_decimal(cents);
    all[PRICE] = weir_float((double)cents / 100.0);
    all[EXACT] = weir_decimal((weir_int128)cents * 100 + (int64_t)below(100));
    all[UNITS] = weir_int((int64_t)below(3000));
    all[FRAUD] = weir_bool(below(100) == 0);
    all[STATUS] = (weir_value){.kind = WEIR_ENUM, .as.integer = (int64_t)below(3)};
    all[TIP] = below(20) == 0 ? weir_null() : weir_decimal((int64_t)below(2000) * 5);
}

/* ---- The engine ---- */

typedef struct run {
    const form *form;
    weir_compilation *compilation;
    const weir_plan *plan;
    weir_engine *engine;
    weir_memory_state *states;
    weir_shard_clock clocks[4];
} run;

static void check(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "state_bench: %s\n", weir_error_message(error));
    exit(2);
}

static void run_open(run *r, const form *f, uint32_t in_window)
{
    weir_buffer features = {0}, text = {0};
    *r = (run){.form = f};
    weir_fixture_schema("h.Tx", "tx_id int64, ts time, card string, merchant string, amount "
                                "decimal(10,2), price float64, exact decimal(30,4), units int64, "
                                "fraud bool, status enum Status(approved declined held), tip "
                                "decimal(10,2)?");
    for (const char *c = f->features; *c != '\0'; c++) {
        if (*c == '#')
            weir_buffer_printf(&features, "%u", in_window);
        else
            weir_buffer_put_u8(&features, (uint8_t)*c);
    }
    bool is_of_both = strstr(f->features, "per merchant") != NULL;
    weir_buffer_printf(&text,
                       "package h\nstream tx from kafka(\"tx\") avro(\"h.Tx\") { time ts id tx_id "
                       "observed by %s late 1d }\n%.*s",
                       is_of_both ? "card, merchant" : "card", (int)features.size,
                       (const char *)features.data);
    weir_buffer_put_u8(&text, 0);
    r->compilation = weir_fixture_compile((const char *)text.data);
    r->plan = r->compilation->plan;
    if (r->plan == NULL)
        check(weir_error_new(WEIR_E_DEFINITION, "%s: %s", f->name,
                             weir_fixture_print(r->compilation, (const char *)text.data)));
    weir_buffer_deinit(&features);
    weir_buffer_deinit(&text);
    r->engine = weir_engine_create(r->plan);
    r->states = weir_memory_state_create(r->plan);
    for (size_t i = 0; i < sizeof r->clocks / sizeof r->clocks[0]; i++)
        r->clocks[i] = (weir_shard_clock){INT64_MIN, INT64_MIN};
}

static void run_close(run *r)
{
    weir_memory_state_destroy(r->states);
    weir_engine_destroy(r->engine);
    weir_compilation_destroy(r->compilation);
    weir_fixture_reset();
}

static void take_hop(run *r, weir_event *e, weir_buffer *key)
{
    const weir_plan_hop *hop = &r->plan->streams[0].hops[e->hop];
    const weir_plan_entity *entity = &r->plan->entities[hop->entity];
    const weir_state_port *port = weir_memory_state_port(r->states);
    weir_shard_clock *clock = &r->clocks[e->hop];
    bool is_duplicate = false, beyond = false;
    weir_buffer_clear(key);
    (void)weir_key_encode(entity->key_types, &e->fields[hop->key_slots[0]], 1, key);
    e->key = (weir_bytes){key->data, key->size};
    if (e->hop == 0) check(weir_engine_is_duplicate(r->engine, port, e, &is_duplicate));
    WEIR_ASSERT(!is_duplicate);
    check(weir_engine_read(r->engine, port, clock, e, &beyond));
    check(weir_engine_apply(r->engine, port, clock, e));
    clock->greatest_et_us = e->et_us;
}

static void run_events(run *r, const event *events, size_t count)
{
    const weir_plan_stream *stream = &r->plan->streams[0];
    weir_value fields[SLOTS_MAX] = {0}, carried[CARRIED_MAX] = {0}, all[SLOTS];
    bool overflow[CARRIED_MAX] = {0};
    WEIR_ASSERT(stream->slot_count <= SLOTS_MAX && stream->carried_count <= CARRIED_MAX);
    weir_buffer key = {0};
    for (size_t i = 0; i < count; i++) {
        texts t;
        make_fields(r->form, &events[i], &t, all);
        for (uint32_t s = 0; s < stream->slot_count; s++)
            for (size_t n = 0; n < SLOTS; n++)
                if (strcmp(stream->slot_paths[s], slot_names[n]) == 0) fields[s] = all[n];
        weir_event e = {.fields = fields,
                        .carried = carried,
                        .carried_overflow = overflow,
                        .et_us = events[i].time_us,
                        .ingest_us = events[i].time_us + (int64_t)(i * 7919 % 1000) * 1000,
                        .seq = i};
        if (i > 0 && e.ingest_us < r->clocks[0].ingest_us) e.ingest_us = r->clocks[0].ingest_us;
        r->clocks[0].ingest_us = e.ingest_us;
        for (e.hop = 0; e.hop < stream->hop_count; e.hop++)
            take_hop(r, &e, &key);
    }
    weir_buffer_deinit(&key);
}

static size_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    WEIR_ASSERT(file != NULL && fscanf(file, "%llu %llu", &size, &resident) == 2);
    (void)fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- The verdict ---- */

static bool is_good = true;

/* Keys differ in what they keep: the mean of some that do. */
static weir_state_sizes explained(const run *r, uint32_t view, uint32_t rows)
{
    enum { AROUND = 4 };
    int64_t unit_us = view >= WEIR_VIEW_IDS ? WEIR_SPECIMEN_MILLI : r->form->unit_us;
    uint64_t stored = 0, memory = 0;
    for (uint32_t i = 0; i <= 2 * AROUND; i++) {
        uint32_t count = rows - rows / 10 + rows * i / (10 * AROUND);
        weir_state_sizes s = weir_specimen_weigh(r->plan, view, count, unit_us);
        stored += s.stored_bytes * rows / count;
        memory += s.memory_bytes * rows / count;
    }
    return (weir_state_sizes){.keys = 1,
                              .rows = rows,
                              .stored_bytes = stored / (2 * AROUND + 1),
                              .memory_bytes = memory / (2 * AROUND + 1)};
}

static bool is_near(double ratio, double off_max)
{
    return ratio > 1 - off_max && ratio < 1 + off_max;
}

/* `in_window`: events a key in the form's window. */
static void judge(const run *r, uint32_t view, const char *name, uint32_t in_window)
{
    weir_state_sizes s = weir_memory_state_sizes(r->states, view);
    uint32_t rows = (uint32_t)((s.rows + s.keys / 2) / s.keys);
    bool is_ids = view >= WEIR_VIEW_IDS;
    weir_state_sizes told = explained(r, view, rows);
    double keys = (double)s.keys, stored = (double)s.stored_bytes / keys,
           memory = (double)s.memory_bytes / keys, ratio = (double)told.stored_bytes / stored,
           of_window = stored / in_window, memory_ratio = (double)told.memory_bytes / memory;
    bool is_told = rows < 100 || (is_near(ratio, OFF_MAX) && is_near(memory_ratio, MEMORY_OFF_MAX));
    bool fits =
        is_ids || !r->form->is_handbook || in_window < 100 || of_window <= HANDBOOK_BYTES_MAX;
    is_good = is_good && is_told && fits;
    (void)printf("state form=%s of=%s in_window=%u kept=%u stored_per_event=%.2f explained=%.2f "
                 "ratio=%.2f stored_per_event_of_window=%.2f memory_per_event=%.1f explained=%.1f "
                 "ratio=%.2f%s%s\n",
                 r->form->name, name, in_window, rows, stored / rows,
                 (double)told.stored_bytes / rows, ratio, of_window, memory / rows,
                 (double)told.memory_bytes / rows, memory_ratio, is_told ? "" : " OFF",
                 fits ? "" : " TOO_MUCH");
}

/* Twice as long as the view that keeps longest. */
static size_t run_form(run *r, const form *f, uint32_t keys, uint32_t in_window)
{
    run_open(r, f, in_window);
    int64_t kept_us = f->window_us;
    for (uint32_t v = 0; v < r->plan->view_count; v++)
        if (r->plan->views[v].keep_us > kept_us) kept_us = r->plan->views[v].keep_us;
    seed = 7;
    size_t count = 0;
    event *events = make_events(f, keys, in_window, 2 * (kept_us + US_PER_DAY), &count);
    size_t before = resident_bytes();
    run_events(r, events, count);
    size_t grown = resident_bytes() - before;
    free(events);
    return grown;
}

static void measure(const form *f, uint32_t in_window)
{
    run r;
    uint32_t keys = 20000 / in_window < 2 ? 2 : 20000 / in_window;
    (void)run_form(&r, f, keys > 200 ? 200 : keys, in_window);
    for (uint32_t v = 0; v < r.plan->view_count; v++)
        judge(&r, v, r.plan->views[v].group, in_window);
    if (f == forms) judge(&r, WEIR_VIEW_IDS, "ids", in_window);
    run_close(&r);
}

/* Before all others: what they gave back would be used again. */
static void weigh_process(uint32_t keys)
{
    enum { IN_WINDOW = 100 };
    run r;
    size_t grown = run_form(&r, &forms[0], keys, IN_WINDOW);
    uint64_t counted = weir_memory_state_sizes(r.states, WEIR_VIEW_IDS).memory_bytes;
    for (uint32_t v = 0; v < r.plan->view_count; v++)
        counted += weir_memory_state_sizes(r.states, v).memory_bytes;
    (void)printf("state_memory keys=%u counted_bytes=%llu grown_bytes=%zu ratio=%.2f\n", keys,
                 (unsigned long long)counted, grown, (double)grown / (double)counted);
    run_close(&r);
}

int main(int count, char **words)
{
    uint32_t most = 10000;
    for (int i = 1; i + 1 < count; i += 2)
        if (strcmp(words[i], "--most") == 0) most = (uint32_t)strtoul(words[i + 1], NULL, 10);
    weigh_process(most < 1000 ? 500 : 3000);
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        for (uint32_t in_window = 10; in_window <= most; in_window *= 10)
            measure(&forms[f], in_window);
    (void)printf("state_explained good=%s\n", is_good ? "yes" : "no");
    return is_good ? 0 : 1;
}
