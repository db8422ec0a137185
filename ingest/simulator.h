/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulator.h - card transactions from a seed, with planted fraud.
 *
 * For the demo, the tutorial and tests that want live-looking events without any data. Cards have
 * habits (how often, how much, where, at which hours); merchants have a category and a place. Three
 * kinds of fraud are planted:
 *
 *   1 stolen    a card is used in a burst of high amounts at unusual merchants
 *   2 skimmed   a merchant is compromised for some days; cards used there are abused later
 *   3 ring      a group of cards tests small amounts at one colluding merchant, minutes apart
 *
 * The same options give the same events, in order of time, on every machine: integers only, no
 * libm. The kind of fraud is part of the event for those who train and check; a definition must not
 * use it.
 *
 * Owns: its memory. Threads: one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct weir_simulator weir_simulator;

typedef struct weir_simulator_options {
    uint64_t seed;
    uint32_t cards, merchants; /* 0: 500, 200 */
    int64_t start_us;          /* time of the first event; 0: 2026-01-01T00:00:00Z */
    uint32_t events_a_day;     /* over all cards, honest ones; 0: 4 a card */
} weir_simulator_options;

typedef struct weir_simulated {
    uint64_t id;     /* from 0 */
    int64_t time_us; /* never goes back; whole milliseconds */
    uint32_t card, merchant;
    int64_t amount_cents;
    uint32_t category; /* merchant category code */
    uint32_t country;  /* 0 to 9, of the merchant */
    uint32_t status;   /* 0 approved, 1 declined, 2 reversed */
    uint32_t fraud;    /* 0 honest, or the kind */
} weir_simulated;

weir_simulator *weir_simulator_create(const weir_simulator_options *options);
void weir_simulator_destroy(weir_simulator *simulator);
void weir_simulator_next(weir_simulator *simulator, weir_simulated *event_out);
