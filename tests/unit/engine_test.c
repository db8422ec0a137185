/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_test.c - the engine against the plain meaning of the rules, on seeded plans and events, in
 * every form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/engine/state_internal.h"
#include "ops/runtime/digest.h"
#include "tests/unit/engine_fixture.h"

#define S INT64_C(1000000)

static const cell_spec *random_spec(uint64_t *seed, cell_spec *spec)
{
    static const cell_spec shapes[] = {
        {"count", 0, {0, 0}, 0, {0}, 0, 0, 0},
        {"count", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"sum", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"sum", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"sum", 1, {SLOT_UNITS, 0}, 0, {0}, 0, 0, 0},
        {"sum", 1, {SLOT_WIDE, 0}, 0, {0}, 0, 0, 0},
        {"mean", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"mean", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"mean", 1, {SLOT_WIDE, 0}, 0, {0}, 0, 0, 0},
        {"var", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"stddev", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"min", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"max", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"max", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"min", 1, {SLOT_WIDE, 0}, 0, {0}, 0, 0, 0},
        {"first", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"last", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"last", 1, {SLOT_TIME, 0}, 0, {0}, 0, 0, 0},
        {"last", 1, {SLOT_MONEY, 0}, 3, {0}, 0, 0, 0},
        {"first", 1, {SLOT_SHOP, 0}, 2, {0}, 0, 0, 0},
        {"lag", 1, {SLOT_UNITS, 0}, 2, {0}, 0, 0, 0},
        {"delta", 1, {SLOT_TIME, 0}, 0, {0}, 0, 0, 0},
        {"delta", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"argmax", 2, {SLOT_SHOP, SLOT_MONEY}, 0, {0}, 0, 0, 0},
        {"argmin", 2, {SLOT_UNITS, SLOT_SCORE}, 0, {0}, 0, 0, 0},
        {"any", 1, {SLOT_FLAG, 0}, 0, {0}, 0, 0, 0},
        {"all", 1, {SLOT_FLAG, 0}, 0, {0}, 0, 0, 0},
        {"share_of", 1, {SLOT_FLAG, 0}, 0, {0}, 0, 0, 0},
        {"distinct", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"distinct", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"rate", 0, {0, 0}, 0, {0}, 0, 0, 0},
    };
    static const int64_t widths[] = {1, S, 7 * S, 60 * S, 600 * S, 5000 * S};
    *spec = shapes[fixture_random(seed) % (sizeof shapes / sizeof shapes[0])];
    bool may_ever = weir_agg_allows_ever(weir_agg_find(spec->agg));
    bool is_rate = strcmp(spec->agg, "rate") == 0;
    weir_plan_window *w = &spec->window;
    switch (fixture_random(seed) % 4) {
    case 0: w->kind = may_ever ? WEIR_WINDOW_EVER : WEIR_WINDOW_TIME; break;
    case 1: w->kind = is_rate ? WEIR_WINDOW_TIME : WEIR_WINDOW_LAST; break;
    default: w->kind = WEIR_WINDOW_TIME;
    }
    w->width_us = w->kind == WEIR_WINDOW_TIME ? widths[fixture_random(seed) % 6] : 0;
    w->count = w->kind == WEIR_WINDOW_LAST ? 1 + (uint32_t)(fixture_random(seed) % 90) : 0;
    if (fixture_random(seed) % 4 == 0) w->delay_us = (int64_t)(fixture_random(seed) % 50) * S;
    if (w->kind == WEIR_WINDOW_TIME && fixture_random(seed) % 6 == 0) w->step_us = 7 * S;
    spec->filtered = fixture_random(seed) % 3 == 0;
    spec->this_shop = w->kind != WEIR_WINDOW_EVER && fixture_random(seed) % 6 == 0;
    spec->including_this = w->delay_us == 0 && fixture_random(seed) % 4 == 0;
    return spec;
}

enum { KEYS = 3, FORMS = 7 };
static const char shops[8][12] = {"a", "b", "shop-c", "d", "a longer e", "f", "gg", ""};

typedef struct world {
    weir_plan *plan;
    weir_engine *engine;
    weir_memory_state *states;
} world;

static world world_create(const cell_spec *specs, uint32_t count, int64_t late_us, unsigned form)
{
    static const weir_layout_tuning tunings[FORMS] = {
        {WEIR_FORM_AUTOMATIC, WEIR_FORM_AUTOMATIC, 0}, {WEIR_FORM_ALWAYS, WEIR_FORM_ALWAYS, 4},
        {WEIR_FORM_NEVER, WEIR_FORM_NEVER, 0},         {WEIR_FORM_ALWAYS, WEIR_FORM_NEVER, 1},
        {WEIR_FORM_NEVER, WEIR_FORM_ALWAYS, 20},       {WEIR_FORM_ALWAYS, WEIR_FORM_AUTOMATIC, 1},
        {WEIR_FORM_NEVER, WEIR_FORM_AUTOMATIC, 30},
    };
    world w = {.plan = fixture_plan(specs, count, late_us)};
    weir_layouts_tune(w.plan, tunings[form]);
    w.engine = weir_engine_create(w.plan);
    w.states = weir_memory_state_create(w.plan);
    return w;
}

static void world_destroy(world *w)
{
    weir_memory_state_destroy(w->states);
    weir_engine_destroy(w->engine);
    weir_plan_unref(w->plan);
}

static weir_value maybe(uint64_t *seed, weir_value value)
{
    return fixture_random(seed) % 7 == 0 ? weir_null() : value;
}

static plain_row random_row(uint64_t *seed, int64_t now)
{
    plain_row row = {.time_us = now};
    uint64_t kind = fixture_random(seed) % 20;
    if (kind < 5) row.time_us -= (int64_t)(fixture_random(seed) % 40) * S / 2;
    if (kind == 5) row.time_us -= (int64_t)(fixture_random(seed) % 700) * S;
    if (kind == 6) row.time_us += (int64_t)(fixture_random(seed) % 90) * S;
    row.values[SLOT_KEY] = weir_string("k", 1);
    row.values[SLOT_TIME] = weir_time(row.time_us);
    row.values[SLOT_MONEY] =
        maybe(seed, weir_decimal((int64_t)(fixture_random(seed) % 20000) - 3000));
    row.values[SLOT_SCORE] =
        maybe(seed, weir_float(((double)(fixture_random(seed) % 2000) - 900) / 1024.0));
    row.values[SLOT_FLAG] = maybe(seed, weir_bool(fixture_random(seed) % 3 > 0));
    const char *shop = shops[fixture_random(seed) % 8];
    row.values[SLOT_SHOP] = maybe(seed, weir_string(shop, strlen(shop)));
    uint64_t units = fixture_random(seed);
    row.values[SLOT_UNITS] =
        maybe(seed, weir_int(units % 9 == 0 ? (int64_t)units : (int64_t)(units % 50)));
    row.values[SLOT_WIDE] =
        maybe(seed, weir_decimal((weir_int128)(int64_t)fixture_random(seed) * 1000003));
    return row;
}

static bool same_value(weir_type type, const weir_value *a, const weir_value *b)
{
    if (weir_is_null(a) || weir_is_null(b)) return weir_is_null(a) && weir_is_null(b);
    weir_buffer x = {0}, y = {0};
    type.optional = false;
    weir_value_encode(type, a, &x);
    weir_value_encode(type, b, &y);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    weir_buffer_deinit(&x);
    weir_buffer_deinit(&y);
    return same;
}

static void compare(const world *w, unsigned form, const cell_spec *specs, uint32_t cell,
                    const weir_value *want, bool want_overflow, const weir_value *got,
                    bool got_overflow, uint64_t seed, size_t event)
{
    weir_type type = w->plan->cells[cell].binding.type;
    if (want_overflow == got_overflow && same_value(type, want, got)) return;
    const cell_spec *s = &specs[cell];
    print_error("seed %llu event %zu form %u cell %u: %s(%u) window %d width %lld delay %lld step "
                "%lld count %u "
                "filtered %d this %d including %d; want kind %d %lld %a, got kind %d %lld %a\n",
                (unsigned long long)seed, event, form, cell, s->agg, s->args[0],
                (int)s->window.kind, (long long)s->window.width_us, (long long)s->window.delay_us,
                (long long)s->window.step_us, s->window.count, s->filtered, s->this_shop,
                s->including_this, want->kind, (long long)want->as.integer, want->as.float64,
                got->kind, (long long)got->as.integer, got->as.float64);
    fail();
}

static void run_seed(uint64_t seed, size_t events, uint32_t cell_count, int64_t origin,
                     int64_t pace)
{
    uint64_t random = seed;
    cell_spec specs[FIXTURE_CELLS_MAX];
    for (uint32_t c = 0; c < cell_count; c++)
        random_spec(&random, &specs[c]);
    int64_t late_us = (int64_t)(fixture_random(&random) % 4) * 20 * S;
    world worlds[FORMS];
    for (unsigned f = 0; f < FORMS; f++)
        worlds[f] = world_create(specs, cell_count, late_us, f);
    plain_row *rows[KEYS];
    size_t counts[KEYS] = {0};
    for (int k = 0; k < KEYS; k++)
        rows[k] = calloc(events, sizeof(plain_row));
    weir_shard_clock clock = {INT64_MIN, INT64_MIN};
    weir_arena scratch = {0};
    int64_t now = origin;
    for (size_t e = 0; e < events; e++) {
        unsigned key = (unsigned)(fixture_random(&random) % 8);
        key = key > 2 ? 0 : key;
        if (fixture_random(&random) % 3 > 0)
            now += (int64_t)(fixture_random(&random) % (uint64_t)pace);
        if (fixture_random(&random) % 300 == 0) now += 400 * pace;
        plain_row row = random_row(&random, now);
        weir_arena_reset(&scratch);
        weir_value carried[FIXTURE_CELLS_MAX];
        bool overflow[FIXTURE_CELLS_MAX];
        char key_text[2] = {(char)('x' + key), 0};
        row.values[SLOT_KEY] = weir_string(key_text, 1);
        weir_event event = {.fields = row.values,
                            .carried = carried,
                            .carried_overflow = overflow,
                            .key = {(const uint8_t *)key_text, 1},
                            .et_us = row.time_us,
                            .seq = e};
        for (unsigned f = 0; f < FORMS; f++) {
            world *w = &worlds[f];
            const weir_state_port *port = weir_memory_state_port(w->states);
            bool beyond = false;
            assert_null(weir_engine_read(w->engine, port, &clock, &event, &beyond));
            for (uint32_t c = 0; c < cell_count; c++) {
                bool want_overflow = false;
                weir_value want = plain_read(w->plan, c, &specs[c], rows[key], counts[key], &row,
                                             clock.greatest_et_us, &scratch, &want_overflow);
                compare(w, f, specs, c, &want, want_overflow, &carried[c], overflow[c], seed, e);
            }
            assert_null(weir_engine_apply(w->engine, port, &clock, &event));
            if (f > 0 && fixture_random(&random) % 40 == 0)
                assert_null(weir_memory_state_reload(w->states));
        }
        row.values[SLOT_KEY] = weir_null();
        rows[key][counts[key]++] = row;
        if (row.time_us > clock.greatest_et_us) clock.greatest_et_us = row.time_us;
    }
    for (unsigned f = 0; f < FORMS; f++)
        world_destroy(&worlds[f]);
    for (int k = 0; k < KEYS; k++)
        free(rows[k]);
    weir_arena_deinit(&scratch);
}

static void every_form_equals_the_plain_meaning(void **state)
{
    (void)state;
    const char *from = getenv("WEIR_SEED");
    uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1;
    uint64_t count = from != NULL                   ? 1
                     : getenv("WEIR_SEEDS") != NULL ? strtoull(getenv("WEIR_SEEDS"), NULL, 10)
                                                    : 12;
    for (uint64_t seed = first; seed < first + count; seed++) {
        run_seed(seed, 400, 24, seed % 3 == 0 ? -50 * S : INT64_C(1700000000) * S, 5 * S);
    }
}

static void times_at_the_ends_of_int64_are_times_like_others(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 104; seed++) {
        run_seed(seed, 60, 24, INT64_MIN + 800 * S, S);
        run_seed(seed, 60, 24, INT64_MAX - 800 * S, S / 50);
    }
}

/* The chain of ever greater values back from the newest row is then the whole window. */
static void values_that_only_fall_have_the_oldest_as_their_greatest(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    cell_spec specs[2] = {{"max", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
                          {"min", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0}};
    for (int c = 0; c < 2; c++)
        specs[c].window = (weir_plan_window){.kind = WEIR_WINDOW_TIME, .width_us = 200 * S};
    for (unsigned f = 0; f < FORMS; f++) {
        world w = world_create(specs, 2, 20 * S, f);
        const weir_state_port *port = weir_memory_state_port(w.states);
        weir_shard_clock clock = {INT64_MIN, INT64_MIN};
        uint64_t random = 1;
        for (int e = 0; e < ROWS; e++) {
            weir_value carried[2];
            bool overflow[2], beyond = false;
            plain_row row = random_row(&random, 0);
            row.time_us = (INT64_C(1700000000) + e) * S;
            row.values[SLOT_MONEY] = weir_decimal(10000 - e);
            weir_event event = {.fields = row.values,
                                .carried = carried,
                                .carried_overflow = overflow,
                                .key = {(const uint8_t *)"x", 1},
                                .et_us = row.time_us,
                                .seq = (weir_seq)e};
            assert_null(weir_engine_read(w.engine, port, &clock, &event, &beyond));
            assert_true(weir_is_null(&carried[0]) == (e == 0));
            int oldest = e < 200 ? 0 : e - 199; /* of the 200 s before, this instant left out */
            if (e > 0) assert_int_equal(carried[0].as.decimal, 10000 - oldest);
            if (e > 0) assert_int_equal(carried[1].as.decimal, 10000 - (e - 1));
            assert_null(weir_engine_apply(w.engine, port, &clock, &event));
            clock.greatest_et_us = row.time_us;
        }
        world_destroy(&w);
    }
}

/* A store of parts, as RocksDB would have it. */
typedef struct part {
    uint64_t number;
    weir_buffer bytes;
} part;

typedef struct part_store {
    part parts[512];
    size_t count;
    size_t writes;
} part_store;

static void store_part(void *context, uint64_t number, weir_bytes bytes)
{
    part_store *store = context;
    size_t at = 0;
    while (at < store->count && store->parts[at].number < number)
        at++;
    bool found = at < store->count && store->parts[at].number == number;
    store->writes++;
    if (bytes.size == 0) {
        assert_true(found); /* only what was stored is dropped */
        weir_buffer_deinit(&store->parts[at].bytes);
        memmove(&store->parts[at], &store->parts[at + 1], (--store->count - at) * sizeof(part));
        return;
    }
    if (!found) {
        assert_true(store->count < 512);
        memmove(&store->parts[at + 1], &store->parts[at], (store->count++ - at) * sizeof(part));
        store->parts[at] = (part){.number = number};
    }
    weir_buffer_clear(&store->parts[at].bytes);
    weir_buffer_put(&store->parts[at].bytes, bytes.data, bytes.size);
}

static void collect_part(void *context, uint64_t number, weir_bytes bytes)
{
    if (bytes.size == 0) return;
    weir_buffer_put_u64(context, number);
    weir_buffer_put(context, bytes.data, bytes.size);
}

static void assert_stored(weir_plan *plan, weir_key_state *live, const part_store *store)
{
    weir_key_state *back = weir_key_state_create(plan, 0);
    for (size_t i = 0; i < store->count; i++) {
        weir_bytes bytes = {store->parts[i].bytes.data, store->parts[i].bytes.size};
        assert_null(weir_key_state_decode(back, store->parts[i].number, bytes));
    }
    assert_null(weir_key_state_decode_end(back));
    weir_buffer a = {0}, b = {0};
    weir_key_state_encode(back, true, collect_part, &b);
    /* The live one is encoded last: afterwards all of it counts as written, which it is. */
    weir_key_state_encode(live, true, collect_part, &a);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    weir_buffer_deinit(&a);
    weir_buffer_deinit(&b);
    weir_key_state_destroy(back);
}

/* Writing only what changed, from an inline log to tiles and back, leaves in the store what writing
 * all would. */
static void writing_what_changed_is_writing_all(void **state)
{
    (void)state;
    static const cell_spec specs[] = {
        {"count", 0, {0, 0}, 0, {.kind = WEIR_WINDOW_TIME, .width_us = 7200 * S}, 0, 0, 0},
        {"max", 1, {SLOT_SHOP, 0}, 0, {.kind = WEIR_WINDOW_EVER}, 0, 0, 0},
        {"sum", 1, {SLOT_SCORE, 0}, 0, {.kind = WEIR_WINDOW_EVER}, 0, 0, 0},
    };
    for (uint64_t seed = 1; seed <= 8; seed++) {
        weir_plan *plan = fixture_plan(specs, 3, 600 * S);
        weir_layouts_tune(plan, (weir_layout_tuning){.inline_rows_max = 16});
        weir_key_state *live = weir_key_state_create(plan, 0);
        static part_store store;
        uint64_t random = seed;
        int64_t now = INT64_C(1700000000) * S, greatest = INT64_MIN;
        for (size_t e = 0; e < 1500; e++) {
            bool is_calm = e / 150 % 3 == 2; /* now and then the log shrinks below the limit */
            now += (int64_t)(fixture_random(&random) % (uint64_t)((is_calm ? 3000 : 60) * S));
            plain_row row = random_row(&random, now);
            const weir_value *columns[COLUMN_COUNT];
            for (uint32_t slot = SLOT_TIME; slot < SLOT_COUNT; slot++)
                columns[column_of_slot(slot)] = &row.values[slot];
            weir_state_insert(live, row.time_us, columns);
            if (row.time_us > greatest) greatest = row.time_us;
            weir_state_evict(live, greatest);
            if (fixture_random(&random) % 5 == 0)
                weir_key_state_encode(live, false, store_part, &store);
            if (fixture_random(&random) % 60 != 0) continue;
            weir_key_state_encode(live, false, store_part, &store);
            assert_stored(plan, live, &store);
        }
        weir_key_state_encode(live, false, store_part, &store);
        assert_stored(plan, live, &store);
        size_t writes = store.writes;
        weir_key_state_encode(live, false, store_part, &store);
        assert_int_equal(store.writes, writes); /* nothing changed, nothing is written */
        for (size_t i = 0; i < store.count; i++)
            weir_buffer_deinit(&store.parts[i].bytes);
        store.count = 0;
        weir_key_state_destroy(live);
        weir_plan_unref(plan);
    }
}

/* What the digest test feeds: any doubles, and every aggregate that needs no reference here. */
static void digest_seed(uint64_t seed, weir_sha256 *sha)
{
    static const cell_spec more[] = {
        {"median", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"entropy", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"mode", 1, {SLOT_SHOP, 0}, 0, {0}, 0, 0, 0},
        {"top", 1, {SLOT_SHOP, 0}, 3, {0}, 0, 0, 0},
        {"skew", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"kurt", 1, {SLOT_MONEY, 0}, 0, {0}, 0, 0, 0},
        {"corr", 2, {SLOT_SCORE, SLOT_MONEY}, 0, {0}, 0, 0, 0},
        {"slope", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"streak", 1, {SLOT_FLAG, 0}, 0, {0}, 0, 0, 0},
        {"share", 1, {SLOT_SHOP, 0}, 4, {0}, 0, 0, 0},
        {"sum", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
        {"var", 1, {SLOT_SCORE, 0}, 0, {0}, 0, 0, 0},
    };
    enum { MORE = sizeof more / sizeof more[0], CELLS = 2 * MORE };
    cell_spec specs[CELLS];
    for (uint32_t c = 0; c < CELLS; c++) {
        specs[c] = more[c % MORE];
        specs[c].window =
            (weir_plan_window){.kind = WEIR_WINDOW_TIME, .width_us = c < MORE ? 60 * S : 900 * S};
        specs[c].filtered = c % 3 == 0;
    }
    world w = world_create(specs, CELLS, 60 * S, 0);
    const weir_state_port *port = weir_memory_state_port(w.states);
    weir_shard_clock clock = {INT64_MIN, INT64_MIN};
    uint64_t random = seed;
    int64_t now = INT64_C(1700000000) * S;
    weir_buffer bytes = {0};
    for (size_t e = 0; e < 600; e++) {
        now += (int64_t)(fixture_random(&random) % (uint64_t)(3 * S));
        plain_row row = random_row(&random, now);
        double score = (double)(int64_t)fixture_random(&random) * 0x1p-40;
        row.values[SLOT_SCORE] = maybe(&random, weir_float(score));
        weir_value carried[CELLS];
        bool overflow[CELLS];
        weir_event event = {.fields = row.values,
                            .carried = carried,
                            .carried_overflow = overflow,
                            .key = {(const uint8_t *)"k", 1},
                            .et_us = row.time_us,
                            .seq = e};
        bool beyond = false;
        assert_null(weir_engine_read(w.engine, port, &clock, &event, &beyond));
        assert_null(weir_engine_apply(w.engine, port, &clock, &event));
        if (row.time_us > clock.greatest_et_us) clock.greatest_et_us = row.time_us;
        weir_buffer_clear(&bytes);
        for (uint32_t c = 0; c < CELLS; c++) {
            weir_value_encode(weir_type_optional(w.plan->cells[c].binding.type), &carried[c],
                              &bytes);
        }
        weir_sha256_add(sha, bytes.data, bytes.size);
    }
    uint8_t states[WEIR_DIGEST_BYTES];
    weir_memory_state_digest(w.states, states);
    weir_sha256_add(sha, states, sizeof states);
    weir_buffer_deinit(&bytes);
    world_destroy(&w);
}

/* gcc and clang, every level of optimisation: this test runs in each build against one digest. */
static void values_and_states_are_the_same_bits_in_every_build(void **state)
{
    (void)state;
    weir_sha256 *sha = weir_sha256_create();
    for (uint64_t seed = 1; seed <= 3; seed++)
        digest_seed(seed, sha);
    uint8_t digest[WEIR_SHA256_BYTES];
    char text[2 * WEIR_SHA256_BYTES + 1];
    weir_sha256_finish(sha, digest);
    weir_sha256_print(digest, text);
    assert_string_equal(text, "0f222348b0c4f23fb0d9f71259d034e5106476e0869e3b455390a59e54d787c2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_equals_the_plain_meaning),
        cmocka_unit_test(times_at_the_ends_of_int64_are_times_like_others),
        cmocka_unit_test(values_that_only_fall_have_the_oldest_as_their_greatest),
        cmocka_unit_test(writing_what_changed_is_writing_all),
        cmocka_unit_test(values_and_states_are_the_same_bits_in_every_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
