/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.h - cells that are read in one go: counts, sums, means, shares and extremes over time
 * windows.
 *
 * A group of cells is *plain* when its windows are time windows of one delay, without a step, and
 * its cells have measures; most features are. What a read needs of the plan stands in arrays here,
 * in the order of reading, so that an event walks them once and does little else: find the rows of
 * each window (where they were last time, or near), take a difference of totals for each of its
 * cells, or go back along a chain, write the value where it goes. engine_test holds it to the plain
 * meaning of the rules, as every form.
 */
#pragma once

#include "compute/engine/read.h"

enum { WEIR_PLAIN_WINDOWS_MAX = 32, WEIR_PLAIN_TERMS_MAX = 32 };

typedef struct weir_plain_cell {
    weir_cell_fast fast;
    weir_kind kind;             /* of a sum or an extreme */
    uint32_t sum, rows;         /* which of the group's measures; rows: WEIR_NONE: all rows count */
    uint32_t term;              /* what the trigger's own row adds: which of the group's */
    uint32_t place;             /* where the value goes: see weir_plain_target */
    int64_t scale, exact_count; /* of a mean; up to so many rows its divisor is a double */
    bool is_carried;
    bool is_max;            /* of extremes, as are the three: the view's measure and its lane, */
    uint32_t chain, column; /* ... the column */
    uint64_t chain_offset;
} weir_plain_cell;

/* Totals that a group's cells take differences of. */
typedef struct weir_plain_measure {
    uint32_t index; /* of the view's */
    uint32_t width; /* bytes of a total */
    uint64_t offset;
} weir_plain_measure;

/* What the trigger's own row adds to cells: the same for many of them. */
typedef struct weir_plain_term {
    uint32_t column, filter; /* or WEIR_NONE */
    bool is_share;
} weir_plain_term;

typedef struct weir_plain_window {
    int64_t reach_us;   /* delay and width */
    uint32_t hint;      /* of its lower bound */
    bool with_own;      /* the trigger's own row may be in it */
    uint32_t cells_end; /* its cells: from those of the window before up to here */
} weir_plain_window;

typedef struct weir_plain_group {
    int64_t delay_us;
    uint32_t high_hint;
    uint32_t window_count, cell_count, measure_count, term_count;
    const weir_plain_window *windows;
    const weir_plain_cell *cells;
    weir_plain_measure measures[WEIR_STATE_MEASURES_MAX];
    weir_plain_term terms[WEIR_PLAIN_TERMS_MAX];
} weir_plain_group;

/* Where values go: [0] the engine's cells, [1] the event's carried values. */
typedef struct weir_plain_target {
    weir_value *values[2];
    bool *overflows[2];
} weir_plain_target;

bool weir_plain_is(const weir_layout_cell *cell);
/* What a plain cell is read from, measure and term of the group made if missing; its window and
 * place are the caller's. False: the group has too many terms. */
bool weir_plain_cell_of(const weir_view_layout *layout, const weir_layout_cell *cell,
                        weir_plain_group *group, weir_plain_cell *cell_out);
/*
 * Reads the cells; false, with nothing decided, where 64 bits may be too few for a time or a sum,
 * or a chain is long. `state` or `own` may be NULL.
 */
bool weir_plain_read(weir_key_state *state, const weir_view_layout *layout,
                     const weir_plain_group *group, const weir_read_point *point,
                     const weir_own_row *own, const weir_plain_target *to);
