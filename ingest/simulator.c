/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Honest events come one after the other: the gap to the next is drawn from a geometric
 * distribution around the mean for the hour, a card by its weight, a merchant from the card's own
 * short list most of the time. Frauds wait in a small heap ordered by time and are taken when
 * theirs has come, so that the whole stream is in order.
 */
#include "ingest/simulator.h"

#include <stdbool.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"

#define US_PER_S         INT64_C(1000000)
#define US_PER_HOUR      (3600 * US_PER_S)
#define US_PER_DAY       (24 * US_PER_HOUR)
#define START_DEFAULT_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

enum { FAVOURITES = 6, PENDING_MAX = 4096, RING_CARDS = 12, BURST = 8, CATEGORY_COUNT = 8 };

typedef struct habits {
    uint32_t favourites[FAVOURITES];
    uint32_t typical_cents;
    uint32_t country;
} habits;

typedef struct shop {
    uint32_t category, country;
    int64_t skimmed_until_us;
} shop;

struct weir_simulator {
    uint64_t random[2];
    weir_simulator_options options;
    habits *cards;
    shop *merchants;
    int64_t now_us;
    uint64_t next_id;
    weir_simulated pending[PENDING_MAX]; /* frauds to come: a heap, earliest first */
    size_t pending_count;
};

static const uint32_t categories[CATEGORY_COUNT] = {5411, 5812, 5541, 5999, 4111, 5732, 7995, 5944};

/* xorshift128+ (Vigna 2014), seeded by splitmix64. */
static uint64_t next_random(weir_simulator *s)
{
    uint64_t x = s->random[0];
    uint64_t y = s->random[1];
    s->random[0] = y;
    x ^= x << 23;
    s->random[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return s->random[1] + y;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(weir_simulator *s, uint32_t bound)
{
    return (uint32_t)(next_random(s) % bound);
}
static bool one_in(weir_simulator *s, uint32_t count) { return below(s, count) == 0; }

/* Mean `mean`, at least 1: the product of two uniform draws has a long tail and needs no logarithm.
 */
static int64_t skewed(weir_simulator *s, int64_t mean)
{
    uint64_t u = below(s, 2048) + 1, v = below(s, 2048) + 1;
    int64_t drawn = (int64_t)((uint64_t)mean * 4 * u / 2048 * v / 2048);
    return drawn < 1 ? 1 : drawn;
}

static void make_population(weir_simulator *s)
{
    for (uint32_t m = 0; m < s->options.merchants; m++) {
        s->merchants[m] =
            (shop){.category = categories[below(s, CATEGORY_COUNT)], .country = below(s, 10)};
    }
    for (uint32_t c = 0; c < s->options.cards; c++) {
        habits *card = &s->cards[c];
        for (int i = 0; i < FAVOURITES; i++)
            card->favourites[i] = below(s, s->options.merchants);
        card->typical_cents = 800 + (uint32_t)skewed(s, 4000);
        card->country = s->merchants[card->favourites[0]].country;
    }
}

weir_simulator *weir_simulator_create(const weir_simulator_options *options)
{
    weir_simulator *s = calloc(1, sizeof *s);
    WEIR_ASSERT(s != NULL);
    s->options = *options;
    if (s->options.cards == 0) s->options.cards = 500;
    if (s->options.merchants == 0) s->options.merchants = 200;
    if (s->options.start_us == 0) s->options.start_us = START_DEFAULT_US;
    if (s->options.events_a_day == 0) s->options.events_a_day = 4 * s->options.cards;
    WEIR_ASSERT(s->options.cards >= RING_CARDS);
    s->now_us = s->options.start_us;
    uint64_t seed = options->seed;
    s->random[0] = splitmix(&seed);
    s->random[1] = splitmix(&seed);
    s->cards = calloc(s->options.cards, sizeof(habits));
    s->merchants = calloc(s->options.merchants, sizeof(shop));
    WEIR_ASSERT(s->cards != NULL && s->merchants != NULL);
    make_population(s);
    return s;
}

void weir_simulator_destroy(weir_simulator *s)
{
    if (s == NULL) return;
    free(s->cards);
    free(s->merchants);
    free(s);
}

static void push(weir_simulator *s, const weir_simulated *event)
{
    if (s->pending_count == PENDING_MAX) return;
    size_t at = s->pending_count++;
    for (; at > 0 && s->pending[(at - 1) / 2].time_us > event->time_us; at = (at - 1) / 2) {
        s->pending[at] = s->pending[(at - 1) / 2];
    }
    s->pending[at] = *event;
}

static weir_simulated pop(weir_simulator *s)
{
    weir_simulated first = s->pending[0], last = s->pending[--s->pending_count];
    size_t at = 0;
    for (size_t child = 1; child < s->pending_count; at = child, child = 2 * at + 1) {
        bool has_right = child + 1 < s->pending_count;
        if (has_right && s->pending[child + 1].time_us < s->pending[child].time_us) child++;
        if (s->pending[child].time_us >= last.time_us) break;
        s->pending[at] = s->pending[child];
    }
    if (s->pending_count > 0) s->pending[at] = last;
    return first;
}

static weir_simulated make(weir_simulator *s, uint32_t card, uint32_t merchant, int64_t cents,
                           uint32_t fraud)
{
    uint32_t declined = fraud != 0 ? 4 : 40;
    return (weir_simulated){.card = card,
                            .merchant = merchant,
                            .amount_cents = cents,
                            .category = s->merchants[merchant].category,
                            .country = s->merchants[merchant].country,
                            .status = one_in(s, declined) ? 1
                                      : one_in(s, 200)    ? 2
                                                          : 0,
                            .fraud = fraud};
}

/* A burst of high amounts at strange merchants, some minutes apart. */
static void steal(weir_simulator *s, uint32_t card, int64_t from_us, uint32_t kind)
{
    int64_t time_us = from_us;
    uint32_t count = 3 + below(s, BURST);
    for (uint32_t i = 0; i < count; i++) {
        time_us += skewed(s, 240) * US_PER_S;
        weir_simulated event = make(s, card, below(s, s->options.merchants),
                                    3 * s->cards[card].typical_cents + skewed(s, 30000), kind);
        event.time_us = time_us;
        push(s, &event);
    }
}

/* Cards that belong together test small amounts at one merchant, one after the other. */
static void run_ring(weir_simulator *s)
{
    uint32_t first = below(s, s->options.cards - RING_CARDS);
    uint32_t merchant = below(s, s->options.merchants);
    int64_t time_us = s->now_us + skewed(s, 600) * US_PER_S;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < RING_CARDS; i++) {
            time_us += (20 + below(s, 100)) * US_PER_S;
            weir_simulated event = make(s, first + i, merchant, 100 + below(s, 200), 3);
            event.time_us = time_us;
            push(s, &event);
        }
    }
}

static void plant(weir_simulator *s)
{
    uint32_t a_day = s->options.events_a_day;
    if (one_in(s, a_day)) steal(s, below(s, s->options.cards), s->now_us, 1);
    if (one_in(s, a_day))
        s->merchants[below(s, s->options.merchants)].skimmed_until_us = s->now_us + 2 * US_PER_DAY;
    if (one_in(s, a_day * 2)) run_ring(s);
}

/* Nights are quiet: the mean gap is four times as long from 0 to 6. */
static void step_time(weir_simulator *s)
{
    int64_t hour = s->now_us / US_PER_HOUR % 24;
    int64_t mean_us = US_PER_DAY / s->options.events_a_day * (hour < 6 ? 3 : 1);
    int64_t gap_us = skewed(s, mean_us * 3 / 4 / 1000) * 1000;
    s->now_us += gap_us;
}

static weir_simulated honest(weir_simulator *s)
{
    uint32_t a = below(s, s->options.cards), b = below(s, s->options.cards);
    uint32_t card = a < b ? a : b; /* low numbers are busier */
    uint32_t merchant = one_in(s, 8) ? below(s, s->options.merchants)
                                     : s->cards[card].favourites[below(s, FAVOURITES)];
    if (s->merchants[merchant].skimmed_until_us > s->now_us && one_in(s, 12)) {
        steal(s, card, s->now_us + US_PER_DAY + skewed(s, 86400) * US_PER_S, 2);
    }
    weir_simulated event = make(s, card, merchant, skewed(s, s->cards[card].typical_cents), 0);
    event.time_us = s->now_us;
    return event;
}

void weir_simulator_next(weir_simulator *s, weir_simulated *event_out)
{
    bool is_fraud = s->pending_count > 0 && s->pending[0].time_us <= s->now_us;
    if (!is_fraud) {
        *event_out = honest(s);
        plant(s);
        step_time(s);
    } else {
        *event_out = pop(s);
    }
    event_out->time_us -= event_out->time_us % 1000;
    event_out->id = s->next_id++;
}
