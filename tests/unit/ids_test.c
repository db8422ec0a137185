/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duplicates (R9) under one key, beside their plain meaning: the time at which each id was kept
 * last. Ids of any length, few and many, with reloads in between; and stored bytes that follow from
 * the ids alone.
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
#include "ops/runtime/checksum.h"
#include "tests/unit/engine_fixture.h"

enum { IDS_MAX = 4000, LATE_US = 100000000 };

typedef struct world {
    weir_plan *plan;
    weir_key_state *state;
    int64_t kept[IDS_MAX]; /* when, last; INT64_MIN: never */
    uint64_t seed;
    int64_t now_us;
} world;

static const cell_spec one_cell = {
    .agg = "count", .window = {.kind = WEIR_WINDOW_TIME, .width_us = INT64_C(1000000)}};

static void begin(world *w, uint64_t seed)
{
    w->plan = fixture_plan(&one_cell, 1, LATE_US);
    w->state = weir_key_state_create(w->plan, WEIR_VIEW_IDS);
    w->seed = seed;
    w->now_us = INT64_C(1500000000000000);
    for (uint32_t i = 0; i < IDS_MAX; i++)
        w->kept[i] = INT64_MIN;
}

static void end(world *w)
{
    weir_key_state_destroy(w->state);
    weir_plan_unref(w->plan);
}

/* Lengths differ, many share their beginning, one is empty. */
static weir_bytes id_of(uint32_t number, char *room, size_t size)
{
    if (number == 0) return (weir_bytes){(const uint8_t *)"", 0};
    int length = number % 3 == 0   ? snprintf(room, size, "%u", number)
                 : number % 3 == 1 ? snprintf(room, size, "order-of-the-day/%u", number)
                                   : snprintf(room, size, "%08x%08x", number, number * 77);
    return (weir_bytes){(const uint8_t *)room, (size_t)length};
}

static void keep(world *w, uint32_t number)
{
    char room[64];
    weir_bytes id = id_of(number, room, sizeof room);
    bool is_new = w->kept[number] == INT64_MIN || w->now_us - w->kept[number] > LATE_US;
    assert_int_equal(weir_ids_keep(w->state, id, w->now_us), is_new);
    if (is_new) w->kept[number] = w->now_us;
}

static void load_part(void *context, uint64_t part, weir_bytes bytes)
{
    weir_key_state *to = context;
    if (bytes.size > 0) assert_null(weir_key_state_decode(to, part, bytes));
}

static void hash_part(void *context, uint64_t part, weir_bytes bytes)
{
    uint64_t *hash = context;
    if (bytes.size == 0) return; /* a part that is no more */
    *hash = weir_xxh64(bytes.data, bytes.size, *hash ^ part);
}

static uint64_t hash_of(weir_key_state *state)
{
    uint64_t hash = 0;
    weir_key_state_encode(state, true, hash_part, &hash);
    return hash;
}

static void reload(world *w)
{
    weir_key_state *loaded = weir_key_state_create(w->plan, WEIR_VIEW_IDS);
    weir_key_state_encode(w->state, true, load_part, loaded);
    assert_null(weir_key_state_decode_end(loaded));
    assert_true(hash_of(loaded) == hash_of(w->state));
    weir_key_state_destroy(w->state);
    w->state = loaded;
}

/* Bursts of ids, old ones among them, and silences after which they are new again. */
static void run(world *w, uint32_t ids, uint32_t steps, bool reloads)
{
    for (uint32_t i = 0; i < steps; i++) {
        uint64_t r = fixture_random(&w->seed);
        w->now_us += (int64_t)(r % (2 * LATE_US / ids + 1));
        if ((r >> 40) % 500 == 0) w->now_us += LATE_US;
        keep(w, (uint32_t)((r >> 20) % ids));
        if (reloads && (r >> 50) % 97 == 0) reload(w);
    }
}

static void ids_are_kept_as_their_plain_meaning_says(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 7, 30, 70, 300, IDS_MAX};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (int reloads = 0; reloads < 2; reloads++) {
            world w;
            begin(&w, 77 + c);
            run(&w, counts[c], 12000, reloads != 0);
            end(&w);
        }
    }
}

static void stored_ids_follow_from_the_ids_alone(void **state)
{
    (void)state;
    static const uint32_t counts[] = {3, 40, 300, IDS_MAX};
    uint64_t all = 0;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        world plain, reloaded;
        begin(&plain, 5 + c);
        begin(&reloaded, 5 + c);
        run(&plain, counts[c], 6000, false);
        run(&reloaded, counts[c], 6000, true);
        assert_true(hash_of(plain.state) == hash_of(reloaded.state));
        all ^= hash_of(plain.state) + c;
        end(&plain);
        end(&reloaded);
    }
    assert_true(all ==
                UINT64_C(0x3586d6139dd36af1)); /* on every build, whatever the form in memory */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_kept_as_their_plain_meaning_says),
        cmocka_unit_test(stored_ids_follow_from_the_ids_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
