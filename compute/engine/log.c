/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "compute/engine/measures.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

enum { ROWS_MIN = 4 };

static size_t struct_bytes(const weir_view_layout *layout)
{
    return weir_state_rest_offset(layout) + sizeof(weir_state_rest);
}

weir_key_state *weir_key_state_create(const weir_plan *plan, uint32_t view)
{
    const weir_view_layout *layout = weir_layout_of_view(plan, view);
    weir_key_state *state = weir_memory_calloc(1, struct_bytes(layout));
    WEIR_ASSERT(state != NULL);
    state->layout = layout;
    state->stays_us = INT64_MIN;
    for (uint32_t m = 0; m < layout->measure_count; m++)
        state->totals[m].rows_max = UINT32_MAX;
    if (state->layout->has_texts) {
        weir_texts *texts = weir_memory_alloc(sizeof *texts);
        WEIR_ASSERT(texts != NULL);
        weir_texts_init(texts);
        weir_state_rest_of(state)->texts = texts;
    }
    state->is_head_dirty = true;
    state->size.is_stale = true;
    return state;
}

static void destroy_running(weir_key_state *state)
{
    weir_state_rest *rest = weir_state_rest_of(state);
    if (rest->running == NULL) return;
    for (uint32_t i = 0; i < state->layout->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[i];
        if (cell->running_offset == WEIR_NONE || cell->running->deinit == NULL) continue;
        cell->running->deinit(&cell->cell->binding, rest->running + cell->running_offset);
    }
    weir_memory_free(rest->running);
    rest->running = NULL;
}

void weir_key_state_destroy(weir_key_state *state)
{
    if (state == NULL) return;
    weir_state_rest *rest = weir_state_rest_of(state);
    weir_warm_drop(state);
    weir_tiles_drop(state);
    destroy_running(state);
    if (rest->texts != NULL) {
        weir_texts_deinit(rest->texts);
        weir_memory_free(rest->texts);
    }
    if (weir_state_is_of_ids(state)) weir_ids_deinit(state);
    weir_memory_free(rest->decoding);
    weir_memory_free(state->block);
    weir_memory_free(state);
}

uint64_t weir_key_state_rows(const weir_key_state *state) { return state->count; }

static size_t measured(const weir_key_state *state)
{
    const weir_state_rest *rest = weir_state_rest_of(state);
    size_t bytes = struct_bytes(state->layout) +
                   (size_t)state->capacity * state->layout->row_bytes + weir_warm_bytes(state);
    if (rest->texts != NULL) bytes += sizeof *rest->texts + weir_texts_bytes(rest->texts);
    if (rest->running != NULL) bytes += state->layout->running_bytes;
    if (state->tiles != NULL)
        bytes += sizeof *state->tiles + state->tiles->capacity * sizeof *state->tiles->tiles;
    return bytes + (weir_state_is_of_ids(state) ? weir_ids_bytes(state) : 0);
}

size_t weir_key_state_bytes(weir_key_state *state)
{
    weir_state_rest *rest = weir_state_rest_of(state);
    if (state->size.is_stale) rest->bytes = measured(state);
    state->size.is_stale = state->warm != NULL; /* accumulators may own memory */
    return rest->bytes;
}

static uint8_t *lane_of(const weir_key_state *state, const weir_layout_lane *lane)
{
    return weir_state_lane(state, lane->offset, lane->width);
}

static void fetch_row(const weir_key_state *state, uint32_t row, bool is_bound)
{
    const weir_view_layout *layout = state->layout;
    for (uint32_t l = 0; l < layout->lane_count; l++)
        if (!is_bound || layout->lanes[l].is_of_bounds)
            __builtin_prefetch(lane_of(state, &layout->lanes[l]) +
                               (size_t)layout->lanes[l].width * row);
}

/* Where a window begins or ends, if that is not where the log ends. */
static void fetch_bound(const weir_key_state *state, uint32_t hint)
{
    enum { NEAR_ROWS = 4 };
    uint32_t row = hint - (uint32_t)state->first;
    if (row < state->count && state->count - row > NEAR_ROWS) fetch_row(state, row, true);
}

void weir_key_state_prefetch_head(const weir_key_state *state)
{
    __builtin_prefetch(state);
    __builtin_prefetch((const uint8_t *)state + 64);
    __builtin_prefetch((const uint8_t *)state + 120);
}

/* The next event looks at the newest rows, and at those where its windows begin. */
void weir_key_state_prefetch(const weir_key_state *state)
{
    const weir_view_layout *layout = state->layout;
    if (layout->view == NULL) {
        const weir_ids *ids = weir_state_ids(state);
        __builtin_prefetch(ids->bytes + ids->size);
    }
    if (layout->has_texts) __builtin_prefetch(weir_state_rest_of(state)->texts);
    if (state->count == 0) return;
    fetch_row(state, state->count - 1, false);
    const uint32_t *hints = weir_state_hints(state, layout);
    for (uint32_t w = 0; w < 2 * layout->window_count; w++)
        fetch_bound(state, hints[w]);
}

void *weir_state_running(weir_key_state *state)
{
    weir_state_rest *rest = weir_state_rest_of(state);
    if (rest->running == NULL) {
        rest->running = weir_memory_calloc(1, state->layout->running_bytes);
        WEIR_ASSERT(rest->running != NULL);
        state->size.is_stale = true;
    }
    return rest->running;
}

weir_column weir_state_column(const weir_key_state *state, uint32_t column)
{
    const weir_layout_column *c = &state->layout->columns[column];
    return (weir_column){
        .type = c->type,
        .layout = c->layout,
        .values = weir_state_values(state, column),
        .nulls = weir_state_nulls(state, column),
        .texts = weir_state_rest_of(state)->texts,
    };
}

weir_rows weir_state_rows(const weir_key_state *state, const weir_plan_cell *cell)
{
    weir_rows rows; /* columns that the binding does not have are left as they are: nobody looks */
    rows.times = weir_state_times(state);
    rows.filter = cell->filter == WEIR_NONE ? NULL : weir_state_values(state, cell->filter);
    for (uint32_t i = 0; i < cell->binding.arg_count; i++)
        rows.args[i] = weir_state_column(state, cell->args[i]);
    return rows;
}

uint32_t weir_state_upper(const weir_key_state *state, int64_t time_us)
{
    const int64_t *times = weir_state_times(state), *at = times;
    uint32_t count = state->count;
    if (count == 0 || times[count - 1] <= time_us) return count; /* most reads stand at the end */
    while (count > 1) { /* without branches that a processor would have to guess */
        uint32_t half = count / 2;
        at += at[half - 1] <= time_us ? half : 0;
        count -= half;
    }
    return (uint32_t)(at - times) + (*at <= time_us);
}

/* Moves all rows to a block of `capacity` places, at its start. */
static void move_block(weir_key_state *state, uint32_t capacity)
{
    const weir_view_layout *layout = state->layout;
    uint8_t *block = weir_memory_alloc((size_t)capacity * layout->row_bytes);
    WEIR_ASSERT(block != NULL);
    size_t count = state->count;
    for (uint32_t l = 0; count > 0 && l < layout->lane_count; l++) {
        const weir_layout_lane *lane = &layout->lanes[l];
        memcpy(block + (size_t)lane->offset * capacity, lane_of(state, lane), count * lane->width);
    }
    weir_memory_free(state->block);
    state->block = block;
    state->capacity = capacity;
    state->head = 0;
    state->size.is_stale = true;
}

/* Shifts the rows [from, count) of every column by one place, or all of them down to the start. */
static void shift(weir_key_state *state, uint32_t from, ptrdiff_t by)
{
    const weir_view_layout *layout = state->layout;
    size_t count = state->count - from;
    for (uint32_t l = 0; count > 0 && l < layout->lane_count; l++) {
        size_t width = layout->lanes[l].width;
        uint8_t *values = lane_of(state, &layout->lanes[l]) + from * width;
        memmove(values + by * (ptrdiff_t)width, values, count * width);
    }
}

static void make_room(weir_key_state *state)
{
    if (state->head + state->count < state->capacity) return;
    if (state->head > state->count / 4 &&
        state->head > 0) { /* what left makes room for some time */
        shift(state, 0, -(ptrdiff_t)state->head);
        state->head = 0;
        return;
    }
    uint32_t capacity = state->count + state->count / 2 + 1;
    WEIR_ASSERT(capacity > state->count && capacity < UINT32_MAX / 2);
    move_block(state, (capacity + ROWS_MIN - 1) / ROWS_MIN * ROWS_MIN);
}

void weir_state_grow(weir_key_state *state, uint32_t extra)
{
    uint32_t count = state->count + extra;
    WEIR_ASSERT(state->head == 0 && count >= extra);
    if (count > state->capacity) move_block(state, (count + ROWS_MIN - 1) / ROWS_MIN * ROWS_MIN);
}

uint32_t weir_state_open_row(weir_key_state *state, int64_t time_us)
{
    uint32_t at = weir_state_upper(state, time_us);
    if (__builtin_expect(state->head + state->count == state->capacity, 0)) make_room(state);
    if (__builtin_expect(at < state->count, 0)) shift(state, at, 1);
    weir_state_times(state)[at] = time_us;
    state->count++;
    state->is_head_dirty = true;
    if (at == 0) state->stays_us = INT64_MIN;
    if (state->tiles != NULL) weir_tiles_inserted(state, time_us);
    return at;
}

/* The common layouts, without a call. */
static inline void set_value(weir_key_state *state, uint32_t c, uint32_t at,
                             const weir_value *value)
{
    const weir_layout_column *column = &state->layout->columns[c];
    void *values = weir_state_values(state, c);
    bool is_null = weir_is_null(value);
    if (column->layout == WEIR_LAYOUT_INT64) {
        int64_t number =
            value->kind == WEIR_DECIMAL ? (int64_t)value->as.decimal : value->as.integer;
        ((int64_t *)values)[at] = is_null ? 0 : number;
        if (column->null_offset != WEIR_NONE) weir_state_nulls(state, c)[at] = is_null;
    } else if (column->layout == WEIR_LAYOUT_BOOL) {
        ((uint8_t *)values)[at] = is_null ? WEIR_BOOL_NULL : value->as.boolean;
    } else {
        weir_column_set(column->type, values, weir_state_nulls(state, c),
                        weir_state_rest_of(state)->texts, at, value);
    }
}

void weir_state_insert(weir_key_state *state, int64_t time_us, const weir_value *const *row)
{
    const weir_view_layout *layout = state->layout;
    uint32_t at = weir_state_open_row(state, time_us);
    for (uint32_t c = 0; c < layout->column_count; c++)
        set_value(state, c, at, row[c]);
    state->size.is_stale |= layout->has_texts;
    weir_measures_inserted(state, at);
    if (state->warm != NULL) weir_warm_inserted(state, at);
}

static void join_running(weir_key_state *state, uint32_t count)
{
    const weir_view_layout *layout = state->layout;
    if (layout->running_bytes == 0) return;
    uint8_t *running = weir_state_running(state);
    for (uint32_t i = 0; i < layout->cell_count; i++) {
        const weir_layout_cell *cell = &layout->cells[i];
        if (cell->running_offset == WEIR_NONE) continue;
        weir_rows rows = weir_state_rows(state, cell->cell);
        void *acc = running + cell->running_offset;
        cell->running->add(&cell->cell->binding, acc, &rows, 0, count);
        if (cell->running->keep != NULL) cell->running->keep(&cell->cell->binding, acc);
    }
}

void weir_state_evict_front(weir_key_state *state, uint32_t count)
{
    const weir_view_layout *layout = state->layout;
    WEIR_ASSERT(count <= state->count);
    if (count == 0) return;
    if (state->warm != NULL) weir_warm_evicting(state, count);
    join_running(state, count);
    if (state->tiles != NULL) weir_tiles_evicting(state, count);
    if (weir_state_is_of_ids(state)) weir_ids_evicting(state, count);
    for (uint32_t c = 0; layout->has_texts && c < layout->column_count; c++) {
        if (layout->columns[c].layout != WEIR_LAYOUT_TEXT) continue;
        for (uint32_t i = 0; i < count; i++) {
            weir_column_release(layout->columns[c].type, weir_state_values(state, c),
                                weir_state_nulls(state, c), weir_state_rest_of(state)->texts, i);
        }
    }
    state->head += count;
    state->count -= count;
    state->first += count;
    state->is_head_dirty = true;
    if (state->count == 0) state->head = 0;
    bool is_cold =
        state->count < WEIR_STATE_SCAN_ROWS / 2 && layout->all->tuning.warm == WEIR_FORM_AUTOMATIC;
    if (is_cold) weir_warm_drop(state);
}

static int64_t clamped(weir_int128 time)
{
    return time < INT64_MIN ? INT64_MIN : time > INT64_MAX ? INT64_MAX : (int64_t)time;
}

/* The first row at or after `end`: it is among the first, mostly. */
static uint32_t first_at(const weir_key_state *state, int64_t end)
{
    enum { STEPS = 4 };
    const int64_t *times = weir_state_times(state);
    for (uint32_t i = 0; i < STEPS; i++)
        if (i == state->count || times[i] >= end) return i;
    return weir_state_upper(state, end - 1);
}

/* The least greatest time at which the first row leaves: until then there is nothing to do, and the
 * row is not looked at. `last n` may keep it longer. */
static int64_t stays_until(const weir_key_state *state)
{
    const weir_view_layout *layout = state->layout;
    weir_state_form form = layout->all->tuning.eviction;
    if (form == WEIR_FORM_NEVER) return INT64_MAX;
    if (state->count == 0) return INT64_MIN;
    weir_int128 end = (weir_int128)weir_state_times(state)[0] + 1;
    if (form == WEIR_FORM_AUTOMATIC)
        end = (weir_int128)(weir_state_times(state)[0] & -layout->tile_us) + layout->tile_us;
    return clamped(end + layout->late_us + layout->keep_us - 1);
}

/*
 * R8: with M the greatest event time, nothing at or before M - late - keep is seen by a time
 * window, and nothing at or before M - late - delay may come between the rows that `last n` keeps.
 * Rows leave by whole tiles of time (a power of two), so that the stored front tile need not be
 * written again for each.
 */
static void evict(weir_key_state *state, int64_t greatest_us)
{
    const weir_view_layout *layout = state->layout;
    weir_state_form form = layout->all->tuning.eviction;
    if (state->count == 0 || form == WEIR_FORM_NEVER || greatest_us == INT64_MIN) return;
    weir_int128 settled = (weir_int128)greatest_us - layout->late_us;
    weir_int128 bound = settled - layout->keep_us + 1; /* rows before this time may leave */
    if (bound <= INT64_MIN) return;
    int64_t end = clamped(bound);
    if (form == WEIR_FORM_AUTOMATIC) end &= -layout->tile_us;
    uint32_t leave = first_at(state, end);
    if (layout->keep_last > 0) {
        uint32_t closed = weir_state_upper(state, clamped(settled - layout->delay_us));
        uint32_t may = closed > layout->keep_last ? closed - layout->keep_last : 0;
        if (leave > may) leave = may;
    }
    weir_state_evict_front(state, leave);
}

void weir_state_evict_due(weir_key_state *state, int64_t greatest_us)
{
    evict(state, greatest_us);
    state->stays_us = stays_until(state);
}
