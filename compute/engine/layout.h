/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - how the states of a plan's views lie in memory: computed once a plan, shared by all
 * keys.
 *
 * A view's rows are kept by column: times and columns by falling width, then null bytes. Cells
 * whose windows have the same bounds share a *window*, so that a warm key moves one pair of cursors
 * for all of them. Cells over `ever` have a running accumulator for rows that left the log; other
 * cells may have a sliding one.
 *
 * Owns: an arena of its own, freed with the plan. Threads: made under compare-and-swap, then
 * immutable.
 */
#pragma once

#include "compute/agg/agg_internal.h"
#include "compute/plan.h"

/* What tests turn to force each form; values must not depend on it. */
typedef enum weir_state_form {
    WEIR_FORM_AUTOMATIC,
    WEIR_FORM_NEVER,
    WEIR_FORM_ALWAYS,
} weir_state_form;

typedef struct weir_layout_tuning {
    weir_state_form eviction; /* always: row by row, never: rows stay for ever */
    weir_state_form warm;     /* always: sliding accumulators even for one row; automatic: measures
                                 where there are */
    uint32_t inline_rows_max; /* above it a stored state is cut into tiles     */
} weir_layout_tuning;

enum {
    WEIR_STATE_INLINE_ROWS = 128, /* a log of up to this many rows is stored in its head          */
    WEIR_STATE_SCAN_ROWS = 64,    /* windows of up to this many rows are read by scanning the log */
    WEIR_STATE_MEASURES_MAX = 16, /* of a view; cells beyond are read without                     */
};

typedef struct weir_layout_column {
    weir_type type;
    weir_layout layout;
    uint32_t width;       /* bytes of a value                                       */
    uint32_t offset;      /* where the column starts in a block, times the capacity */
    uint32_t null_offset; /* likewise its null bytes, or WEIR_NONE                  */
} weir_layout_column;

/* A block is lanes side by side: times, columns, null bytes, measures. */
typedef struct weir_layout_lane {
    uint32_t offset;   /* where it starts, times the capacity */
    uint32_t width;    /* bytes a row                         */
    bool is_of_bounds; /* looked at where windows begin and end: times, measures */
} weir_layout_lane;

/* A running total kept beside the rows: see measures.h. */
typedef enum weir_measure_kind {
    WEIR_MEASURE_SUM,     /* of a column of 64-bit integers; 8 bytes a row    */
    WEIR_MEASURE_PRESENT, /* rows with a value in the column; 4 bytes a row   */
    WEIR_MEASURE_TRUES,   /* rows in which a bool column is true; 4 bytes     */
    WEIR_MEASURE_LEAST,   /* the chain of ever smaller values back from a row; 4 bytes */
    WEIR_MEASURE_GREATEST,
} weir_measure_kind;

typedef struct weir_layout_measure {
    weir_measure_kind kind;
    uint32_t column; /* WEIR_NONE: every row is present   */
    uint32_t filter; /* rows that pass it, or WEIR_NONE: all */
    uint32_t offset; /* of its lane                       */
    bool is_sure;    /* the column holds no null          */
} weir_layout_measure;

/* Cells that need nothing but measures, or a loop over one column of a short log. */
typedef enum weir_cell_fast {
    WEIR_FAST_NONE,
    WEIR_FAST_ROWS,     /* count() without a filter: the number of rows */
    WEIR_FAST_COUNT,    /* count() with a filter, count(x)              */
    WEIR_FAST_SUM,      /* sum of 64-bit integers                       */
    WEIR_FAST_MEAN,     /* mean of them                                 */
    WEIR_FAST_SHARE_OF, /* share_of a condition                         */
    WEIR_FAST_EXTREME,  /* min, max of 64-bit integers or float64       */
} weir_cell_fast;

typedef struct weir_layout_cell {
    const weir_plan_cell *cell;
    uint32_t index;  /* in the plan */
    uint32_t window; /* of the view */
    const weir_acc_ops *running;
    const weir_acc_ops *sliding; /* NULL: never warm */
    uint32_t running_size;
    uint32_t running_offset; /* in the state's running block, or WEIR_NONE */
    uint32_t sliding_offset; /* in the warm block, or WEIR_NONE            */
    weir_cell_fast fast;
    bool is_measured;    /* a fast one whose measures the view has */
    uint32_t sum, rows;  /* measures of what is added up, of the rows that count; or WEIR_NONE */
    uint64_t mean_scale; /* 10^scale of the argument, for WEIR_FAST_MEAN */
} weir_layout_cell;

typedef struct weir_layout_window {
    weir_plan_window window;
    uint32_t cell_count; /* cells that slide with it */
    const uint32_t *cells;
} weir_layout_window;

typedef struct weir_view_layout {
    const struct weir_layouts *all;
    const weir_plan_view *view; /* NULL: the ids of a stream */
    uint32_t index;
    uint32_t column_count;
    const weir_layout_column *columns;
    uint32_t times_offset; /* where the times start in a block, times the capacity */
    uint32_t row_bytes;    /* of all lanes */
    uint32_t lane_count;
    const weir_layout_lane *lanes;
    uint32_t measure_count;
    const weir_layout_measure *measures;
    uint32_t id_end_offset; /* ids: of the lane that says where an id's bytes end */
    bool has_texts;
    uint32_t cell_count;
    const weir_layout_cell *cells;
    uint32_t window_count;
    const weir_layout_window *windows;
    uint32_t running_bytes, warm_bytes;
    int64_t tile_us;
    int64_t late_us, keep_us, delay_us;
    uint32_t keep_last;
    bool spans_are_near; /* widths, delays and `late` are so short that bounds need no more than 64
                            bits */
} weir_view_layout;

typedef struct weir_layouts {
    weir_arena arena;
    weir_layout_tuning tuning;
    uint32_t view_count, stream_count;
    const weir_view_layout *views; /* by view   */
    const weir_view_layout *ids;   /* by stream */
    const uint32_t *cell_places;   /* by the plan's cell: its place among its view's cells */
} weir_layouts;

const weir_layouts *weir_layouts_of(const weir_plan *plan); /* made at first use */
const weir_view_layout *weir_layout_of_view(const weir_plan *plan, uint32_t view);
void weir_layouts_destroy(weir_layouts *layouts);
/* For tests, before any state of the plan exists. */
void weir_layouts_tune(const weir_plan *plan, weir_layout_tuning tuning);
