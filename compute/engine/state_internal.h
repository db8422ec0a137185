/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_internal.h - the parts of a key's state, for the files that share it.
 *
 *   log.c         rows: insert, evict, the columns as aggregates see them
 *   warm.c        cursors and sliding accumulators
 *   tiles.c       which stored parts are out of date
 *   state_codec.c bytes
 *
 * Rows lie by column in one block: `head` free places, `count` rows, free places. The *absolute*
 * number of row i is first + i: it stays while rows leave, so that cursors need not move. A row of
 * equal time goes behind those that are there, and events come in order of seq, so the order of the
 * log is (time, seq) though no seq is kept.
 */
#pragma once

#include "compute/engine/key_state.h"
#include "compute/engine/layout.h"

typedef struct weir_cursor { /* absolute numbers; [low, high) is in the accumulators */
    uint64_t low, high;
    uint64_t is_valid;
    uint64_t reserved;
} weir_cursor;

typedef struct weir_tile {
    int64_t number; /* floor(time / tile_us) */
    uint32_t rows;
    bool is_dirty;
    bool is_stored; /* has a part in the store */
} weir_tile;

typedef struct weir_tiles {
    uint32_t count, capacity;
    weir_tile *tiles; /* by number; those without rows wait for their part to be dropped */
} weir_tiles;

typedef struct weir_total { /* of a measure, over all rows */
    uint64_t sum;
    uint32_t rows_max; /* the sum of so many rows surely fits 64 bits, whichever they are */
    uint32_t bits;     /* of the greatest magnitude that ever came */
} weir_total;

typedef struct weir_ids {           /* see ids.c */
    uint8_t *bytes;                 /* of the ids, one behind the other */
    uint32_t start, size, capacity; /* of them: those of the rows begin at start */
    uint32_t index_used, index_capacity;
    uint64_t *index; /* or NULL: there are few */
} weir_ids;

/* What an event looks at comes first: 64 bytes, then the totals and hints, or the ids. */
struct weir_key_state {
    weir_key_state_size size;
    bool is_tiled; /* as stored last: the log stands in tiles, not in the head */
    bool is_head_dirty;
    uint32_t capacity, head, count;
    const weir_view_layout *layout;
    uint8_t *block;
    uint64_t first;    /* rows that left the log */
    int64_t stays_us;  /* while the shard's greatest time is below it, no row leaves */
    uint8_t *warm;     /* or NULL: cursors of the windows, then accumulators */
    weir_tiles *tiles; /* or NULL: not tiled */
    /* By measure; behind them, where the bounds of the layout's windows were found last, low and
     * high, as absolute numbers of rows modulo 2^32: where to look first, nothing more. A state of
     * ids has its weir_ids here instead. Last comes what is rarely looked at. */
    weir_total totals[];
};
_Static_assert(offsetof(struct weir_key_state, totals) == 64, "what is hot takes one cache line");

typedef struct weir_state_rest {
    size_t bytes;                   /* resident, as counted last */
    weir_texts *texts;              /* or NULL: no column needs them */
    uint8_t *running;               /* or NULL: nothing has left yet, or no cell is over `ever` */
    struct weir_decoding *decoding; /* between decode and decode_end */
} weir_state_rest;

static inline uint32_t *weir_state_hints(const weir_key_state *state,
                                         const weir_view_layout *layout)
{
    return (uint32_t *)(uintptr_t)&state->totals[layout->measure_count];
}
static inline bool weir_state_is_of_ids(const weir_key_state *state)
{
    return state->layout->view == NULL;
}
static inline weir_ids *weir_state_ids(const weir_key_state *state)
{
    return (weir_ids *)(uintptr_t)state->totals;
}
/* Bytes of a state up to its rest. */
static inline size_t weir_state_rest_offset(const weir_view_layout *layout)
{
    size_t tail = layout->view == NULL ? sizeof(weir_ids)
                                       : layout->measure_count * sizeof(weir_total) +
                                             (size_t)layout->window_count * 2 * sizeof(uint32_t);
    return sizeof(weir_key_state) + tail;
}
static inline weir_state_rest *weir_state_rest_of(const weir_key_state *state)
{
    return (weir_state_rest *)((uintptr_t)state + weir_state_rest_offset(state->layout));
}

/* Where the first row of a lane lies: `offset` as the layout has it, `width` bytes a row. */
static inline void *weir_state_lane(const weir_key_state *state, size_t offset, size_t width)
{
    return state->block + offset * state->capacity + width * state->head;
}

static inline int64_t *weir_state_times(const weir_key_state *state)
{
    return weir_state_lane(state, state->layout->times_offset, sizeof(int64_t));
}

static inline void *weir_state_values(const weir_key_state *state, uint32_t column)
{
    const weir_layout_column *c = &state->layout->columns[column];
    return weir_state_lane(state, c->offset, c->width);
}

static inline uint8_t *weir_state_nulls(const weir_key_state *state, uint32_t column)
{
    const weir_layout_column *c = &state->layout->columns[column];
    if (c->null_offset == WEIR_NONE) return NULL;
    return weir_state_lane(state, c->null_offset, 1);
}

/* log.c */
weir_column weir_state_column(const weir_key_state *state, uint32_t column);
/* The rows as a cell's aggregate sees them: its arguments and its filter. */
weir_rows weir_state_rows(const weir_key_state *state, const weir_plan_cell *cell);
uint32_t weir_state_upper(const weir_key_state *state,
                          int64_t time_us); /* rows with a time <= time_us */
/* Makes place for a row and sets its time; its columns and what is derived from them are the
 * caller's. */
uint32_t weir_state_open_row(weir_key_state *state, int64_t time_us);
/* Adds a row; one value per column. */
void weir_state_insert(weir_key_state *state, int64_t time_us, const weir_value *const *row);
/* Room for more rows behind the last, for the decoder. */
void weir_state_grow(weir_key_state *state, uint32_t extra);
void weir_state_evict_due(weir_key_state *state, int64_t greatest_us);
/* Lets the rows go that no read can see any more when `greatest` is the shard's greatest event time
 * (R8). */
static inline void weir_state_evict(weir_key_state *state, int64_t greatest_us)
{
    if (greatest_us >= state->stays_us) weir_state_evict_due(state, greatest_us);
}
void weir_state_evict_front(weir_key_state *state, uint32_t count);
void *weir_state_running(weir_key_state *state); /* made if missing */

/* ids.c: false if the id was kept at most `late` before; else keeps it. */
bool weir_ids_keep(weir_key_state *state, weir_bytes id, int64_t ingest_us);
weir_bytes weir_ids_of_row(const weir_key_state *state, uint32_t row);
/* The id of a row that is made: they are set one behind the other. */
void weir_ids_set(const weir_key_state *state, uint32_t row, weir_bytes id);
/* Numbers the ids of `count` rows in order of appearance; how many are different. */
uint32_t weir_ids_number(const weir_key_state *state, uint32_t from, uint32_t count,
                         int64_t *numbers_out);
void weir_ids_evicting(weir_key_state *state, uint32_t count); /* before the first rows leave */
void weir_ids_rebuild(weir_key_state *state);                  /* after decoding */
void weir_ids_deinit(weir_key_state *state);
size_t weir_ids_bytes(const weir_key_state *state);

/* warm.c */
weir_cursor *weir_warm_cursor(const weir_key_state *state, uint32_t window);
/* Moves a window's accumulators to the rows [low, high). */
void weir_warm_move(weir_key_state *state, uint32_t window, uint32_t low, uint32_t high);
void *weir_warm_acc(const weir_key_state *state, const weir_layout_cell *cell);
void weir_warm_inserted(weir_key_state *state, uint32_t at); /* after a row came to be row `at` */
void weir_warm_evicting(weir_key_state *state, uint32_t count); /* before the first rows leave */
void weir_warm_drop(weir_key_state *state);
size_t weir_warm_bytes(const weir_key_state *state);

/* tiles.c */
int64_t weir_tile_number(const weir_view_layout *layout, int64_t time_us);
void weir_tiles_inserted(weir_key_state *state, int64_t time_us);
void weir_tiles_evicting(weir_key_state *state, uint32_t count);
void weir_tiles_build(weir_key_state *state); /* from the rows, all dirty */
void weir_tiles_drop(weir_key_state *state);
weir_tile *weir_tiles_at(weir_tiles *tiles, int64_t number); /* made if missing */
