/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_fixture.h - plans made by hand: one entity, one stream, one view, any cells; and the plain
 * meaning of a cell.
 *
 * The stream's slots (and the view's columns, in the same order from slot 2 on) are: 0 key, 1 time,
 * 2 money decimal(10,2)?, 3 score float64?, 4 flag bool?, 5 shop string?, 6 units int64?, 7 wide
 * decimal(30,4)?. Each cell is carried by the stream as it is, so event->carried[i] is cell i.
 */
#pragma once

#include "compute/engine/engine.h"
#include "compute/engine/layout.h"

enum {
    SLOT_KEY,
    SLOT_TIME,
    SLOT_MONEY,
    SLOT_SCORE,
    SLOT_FLAG,
    SLOT_SHOP,
    SLOT_UNITS,
    SLOT_WIDE,
    SLOT_COUNT,
    COLUMN_COUNT = SLOT_COUNT - SLOT_MONEY + 1, /* the time last */
    COLUMN_TIME = COLUMN_COUNT - 1,
    FIXTURE_CELLS_MAX = 64,
};
static inline uint32_t column_of_slot(uint32_t slot)
{
    return slot == SLOT_TIME ? COLUMN_TIME : slot - SLOT_MONEY;
}

typedef struct cell_spec {
    const char *agg;
    uint32_t arg_count;
    uint32_t args[2]; /* slots */
    int64_t param;    /* 0: none */
    weir_plan_window window;
    bool filtered;  /* where flag */
    bool this_shop; /* where shop != this.shop */
    bool including_this;
} cell_spec;

weir_plan *fixture_plan(const cell_spec *specs, uint32_t count, int64_t late_us);

/* The known events of one key, and what the rules say. */
typedef struct plain_row {
    int64_t time_us;
    weir_value values[SLOT_COUNT];
} plain_row;

weir_value plain_read(const weir_plan *plan, uint32_t cell, const cell_spec *spec,
                      const plain_row *rows, size_t count, const plain_row *trigger,
                      int64_t greatest_us, weir_arena *scratch, bool *overflow_out);

/* A small generator: same seed, same numbers. */
uint64_t fixture_random(uint64_t *seed);
