/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm.c - accumulators that slide with their windows.
 *
 * A long log is not scanned at every read: each window has two cursors, and the accumulators of its
 * cells hold exactly the rows between them. Moving to new bounds adds and removes the rows in
 * between, which is exact, so the accumulators never drift and any read, late or early, gets the
 * bits that a scan would give. Over `ever` the accumulators begin as copies of the running ones,
 * and rows that leave the log stay in them.
 *
 * All of it can be dropped and built again at any time; nothing of it is stored.
 */
#include <string.h>

#include "compute/engine/state_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

weir_cursor *weir_warm_cursor(const weir_key_state *state, uint32_t window)
{
    return (weir_cursor *)(void *)state->warm + window;
}

void *weir_warm_acc(const weir_key_state *state, const weir_layout_cell *cell)
{
    WEIR_ASSERT(cell->sliding_offset != WEIR_NONE);
    return state->warm + cell->sliding_offset;
}

static bool is_ever(const weir_layout_window *window)
{
    return window->window.kind == WEIR_WINDOW_EVER;
}

static void add_rows(weir_key_state *state, const weir_layout_window *window, uint32_t from,
                     uint32_t to)
{
    if (from == to) return;
    for (uint32_t i = 0; i < window->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[window->cells[i]];
        weir_rows rows = weir_state_rows(state, cell->cell);
        void *acc = weir_warm_acc(state, cell);
        cell->sliding->add(&cell->cell->binding, acc, &rows, from, to);
        if (is_ever(window) && cell->sliding->keep != NULL)
            cell->sliding->keep(&cell->cell->binding, acc);
    }
}

static void remove_rows(weir_key_state *state, const weir_layout_window *window, uint32_t from,
                        uint32_t to)
{
    if (from == to) return;
    for (uint32_t i = 0; i < window->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[window->cells[i]];
        weir_rows rows = weir_state_rows(state, cell->cell);
        cell->sliding->remove(&cell->cell->binding, weir_warm_acc(state, cell), &rows, from, to);
    }
}

static bool can_remove(const weir_key_state *state, const weir_layout_window *window)
{
    for (uint32_t i = 0; i < window->cell_count; i++) {
        if (state->layout->cells[window->cells[i]].sliding->remove == NULL) return false;
    }
    return true;
}

/* Empties a window's accumulators; over `ever` they start from what left the log. */
static void reset(weir_key_state *state, uint32_t index)
{
    const weir_layout_window *window = &state->layout->windows[index];
    for (uint32_t i = 0; i < window->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[window->cells[i]];
        const weir_agg_binding *binding = &cell->cell->binding;
        void *acc = weir_warm_acc(state, cell);
        size_t size = cell->sliding->size(binding);
        if (cell->sliding->deinit != NULL) cell->sliding->deinit(binding, acc);
        memset(acc, 0, size);
        if (!is_ever(window) || weir_state_rest_of(state)->running == NULL) continue;
        const void *running = weir_state_rest_of(state)->running + cell->running_offset;
        if (cell->running->copy != NULL) {
            cell->running->copy(binding, running, acc);
        } else {
            memcpy(acc, running, size);
        }
        if (cell->sliding->keep != NULL) cell->sliding->keep(binding, acc);
    }
    *weir_warm_cursor(state, index) = (weir_cursor){state->first, state->first, true, 0};
}

static uint64_t distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

void weir_warm_move(weir_key_state *state, uint32_t index, uint32_t low, uint32_t high)
{
    const weir_layout_window *window = &state->layout->windows[index];
    WEIR_ASSERT(low <= high && high <= state->count);
    if (state->warm == NULL) {
        state->warm = weir_memory_calloc(1, state->layout->warm_bytes);
        state->size.is_stale = true;
        WEIR_ASSERT(state->warm != NULL);
    }
    weir_cursor *cursor = weir_warm_cursor(state, index);
    uint64_t first = state->first, to_low = first + low, to_high = first + high;
    if (!cursor->is_valid) {
        reset(state, index);
    } else {
        uint64_t steps =
            distance(cursor->high, to_high) + (is_ever(window) ? 0 : distance(cursor->low, to_low));
        bool goes_back = to_high < cursor->high;
        bool is_far = steps > (uint64_t)(high - low) + 1 && !is_ever(window);
        if (is_far || (goes_back && !can_remove(state, window))) reset(state, index);
    }
    if (is_ever(window)) {
        if (cursor->high < to_high) add_rows(state, window, (uint32_t)(cursor->high - first), high);
        if (cursor->high > to_high)
            remove_rows(state, window, high, (uint32_t)(cursor->high - first));
        cursor->high = to_high;
        return;
    }
    if (cursor->low >= to_high ||
        cursor->high <= to_low) { /* nothing in common: empty it, start at the new place */
        remove_rows(state, window, (uint32_t)(cursor->low - first),
                    (uint32_t)(cursor->high - first));
        cursor->low = cursor->high = to_low;
    }
    if (cursor->low > to_low) add_rows(state, window, low, (uint32_t)(cursor->low - first));
    if (cursor->high < to_high) add_rows(state, window, (uint32_t)(cursor->high - first), high);
    if (cursor->low < to_low) remove_rows(state, window, (uint32_t)(cursor->low - first), low);
    if (cursor->high > to_high) remove_rows(state, window, high, (uint32_t)(cursor->high - first));
    cursor->low = to_low;
    cursor->high = to_high;
}

void weir_warm_inserted(weir_key_state *state, uint32_t at)
{
    uint64_t place = state->first + at;
    for (uint32_t w = 0; w < state->layout->window_count; w++) {
        weir_cursor *cursor = weir_warm_cursor(state, w);
        const weir_layout_window *window = &state->layout->windows[w];
        if (!cursor->is_valid || place >= cursor->high) continue;
        if (place >= cursor->low || is_ever(window)) {
            add_rows(state, window, at, at + 1);
        } else {
            cursor->low++;
        }
        cursor->high++;
    }
}

void weir_warm_evicting(weir_key_state *state, uint32_t count)
{
    uint64_t first = state->first, end = first + count;
    for (uint32_t w = 0; w < state->layout->window_count; w++) {
        weir_cursor *cursor = weir_warm_cursor(state, w);
        const weir_layout_window *window = &state->layout->windows[w];
        if (!cursor->is_valid) continue;
        if (is_ever(window)) { /* what leaves stays in the accumulators */
            if (cursor->high < end)
                add_rows(state, window, (uint32_t)(cursor->high - first), count);
            if (cursor->high < end) cursor->high = end;
            continue;
        }
        if (cursor->low < end) {
            uint64_t stop = cursor->high < end ? cursor->high : end;
            remove_rows(state, window, (uint32_t)(cursor->low - first), (uint32_t)(stop - first));
            cursor->low = end;
        }
        if (cursor->high < end) cursor->high = end;
    }
}

void weir_warm_drop(weir_key_state *state)
{
    if (state->warm == NULL) return;
    for (uint32_t i = 0; i < state->layout->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[i];
        if (cell->sliding_offset == WEIR_NONE || cell->sliding->deinit == NULL) continue;
        cell->sliding->deinit(&cell->cell->binding, weir_warm_acc(state, cell));
    }
    weir_memory_free(state->warm);
    state->warm = NULL;
    state->size.is_stale = true;
}

size_t weir_warm_bytes(const weir_key_state *state)
{
    if (state->warm == NULL) return 0;
    size_t bytes = state->layout->warm_bytes;
    for (uint32_t i = 0; i < state->layout->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[i];
        if (cell->sliding_offset == WEIR_NONE || cell->sliding->heap_bytes == NULL) continue;
        bytes += cell->sliding->heap_bytes(&cell->cell->binding, weir_warm_acc(state, cell));
    }
    return bytes;
}
