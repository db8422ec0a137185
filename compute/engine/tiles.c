/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiles.c - which parts of a long stored log are out of date.
 *
 * Tile k holds the rows of [k * tile_us, (k+1) * tile_us). Most events go to the last tile.
 */
#include <string.h>

#include "compute/engine/state_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

int64_t weir_tile_number(const weir_view_layout *layout, int64_t time_us)
{
    int64_t number = time_us / layout->tile_us;
    return time_us % layout->tile_us < 0 ? number - 1 : number;
}

weir_tile *weir_tiles_at(weir_tiles *tiles, int64_t number)
{
    uint32_t at = tiles->count;
    while (at > 0 && tiles->tiles[at - 1].number > number)
        at--;
    if (at > 0 && tiles->tiles[at - 1].number == number) return &tiles->tiles[at - 1];
    if (tiles->count == tiles->capacity) {
        tiles->capacity = tiles->capacity == 0 ? 8 : tiles->capacity * 2;
        tiles->tiles = weir_memory_resize(tiles->tiles, tiles->capacity * sizeof *tiles->tiles);
        WEIR_ASSERT(tiles->tiles != NULL);
    }
    memmove(&tiles->tiles[at + 1], &tiles->tiles[at], (tiles->count - at) * sizeof *tiles->tiles);
    tiles->count++;
    tiles->tiles[at] = (weir_tile){.number = number};
    return &tiles->tiles[at];
}

void weir_tiles_inserted(weir_key_state *state, int64_t time_us)
{
    weir_tile *tile = weir_tiles_at(state->tiles, weir_tile_number(state->layout, time_us));
    state->size.is_stale = true;
    tile->rows++;
    tile->is_dirty = true;
}

void weir_tiles_evicting(weir_key_state *state, uint32_t count)
{
    weir_tiles *tiles = state->tiles;
    for (uint32_t t = 0; count > 0; t++) {
        WEIR_ASSERT(t < tiles->count);
        weir_tile *tile = &tiles->tiles[t];
        uint32_t leave = tile->rows < count ? tile->rows : count;
        if (leave == 0) continue;
        tile->rows -= leave;
        tile->is_dirty = true;
        count -= leave;
    }
}

void weir_tiles_build(weir_key_state *state)
{
    WEIR_ASSERT(state->tiles == NULL);
    state->tiles = weir_memory_calloc(1, sizeof *state->tiles);
    WEIR_ASSERT(state->tiles != NULL);
    const int64_t *times = weir_state_times(state);
    for (uint32_t i = 0; i < state->count; i++)
        weir_tiles_inserted(state, times[i]);
}

void weir_tiles_drop(weir_key_state *state)
{
    if (state->tiles == NULL) return;
    weir_memory_free(state->tiles->tiles);
    weir_memory_free(state->tiles);
    state->tiles = NULL;
    state->size.is_stale = true;
}
