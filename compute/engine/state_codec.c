/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_codec.c - a key's state as parts (docs/formats/state.md).
 *
 * Part 0, the head: u8 version 1; u8 flags (1: tiled, 2: running values); varint rows that left the
 * log; if flagged, the running values of the cells over `ever`, in the order of the view's cells;
 * then, tiled: varint rows, varint tiles; else the rows. Part 2^62 + 1 + k: u8 version 1 and the
 * rows of tile k. A log of more than 128 rows is tiled, so a state's form and bytes follow from its
 * rows and running values alone.
 */
#include <inttypes.h>

#include "compute/engine/measures.h"
#include "compute/engine/rows_codec.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

enum { VERSION = 1, TILED = 1, RUNNING = 2 };
#define FIRST_TILE_PART (UINT64_C(1) << 62)

typedef struct weir_decoding {
    bool has_head;
    uint64_t rows, tiles; /* that the head promises */
    uint64_t tiles_seen;
    int64_t last_tile;
} weir_decoding;

static uint64_t part_of(int64_t tile) { return (uint64_t)tile + FIRST_TILE_PART + 1; }
/* Any number may stand in a damaged store. */
static int64_t tile_of(uint64_t part) { return (int64_t)(part - 1 - FIRST_TILE_PART); }

static void encode_running(const weir_key_state *state, weir_buffer *out)
{
    for (uint32_t i = 0; i < state->layout->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[i];
        if (cell->running_offset == WEIR_NONE) continue;
        cell->running->encode(&cell->cell->binding,
                              weir_state_rest_of(state)->running + cell->running_offset, out);
    }
}

static void encode_head(const weir_key_state *state, bool tiled, weir_buffer *out)
{
    weir_buffer_put_u8(out, VERSION);
    weir_buffer_put_u8(out, (uint8_t)((tiled ? TILED : 0) |
                                      (weir_state_rest_of(state)->running != NULL ? RUNNING : 0)));
    weir_buffer_put_varint(out, state->first);
    if (weir_state_rest_of(state)->running != NULL) encode_running(state, out);
    if (!tiled) {
        weir_rows_encode(state, 0, state->count, out);
        return;
    }
    uint64_t tiles = 0;
    for (uint32_t t = 0; t < state->tiles->count; t++)
        tiles += state->tiles->tiles[t].rows > 0;
    weir_buffer_put_varint(out, state->count);
    weir_buffer_put_varint(out, tiles);
}

/* Writes the tiles that changed, drops those that are empty. */
static void encode_tiles(weir_key_state *state, bool all, weir_buffer *out, weir_part_sink *sink,
                         void *context)
{
    weir_tiles *tiles = state->tiles;
    uint32_t row = 0, kept = 0;
    for (uint32_t t = 0; t < tiles->count; t++) {
        weir_tile tile = tiles->tiles[t];
        if (tile.rows == 0) {
            if (tile.is_stored) sink(context, part_of(tile.number), (weir_bytes){0});
            continue;
        }
        if (all || tile.is_dirty) {
            weir_buffer_clear(out);
            weir_buffer_put_u8(out, VERSION);
            weir_rows_encode(state, row, tile.rows, out);
            sink(context, part_of(tile.number), (weir_bytes){out->data, out->size});
        }
        row += tile.rows;
        tile.is_dirty = false;
        tile.is_stored = true;
        tiles->tiles[kept++] = tile;
    }
    WEIR_ASSERT(row == state->count);
    tiles->count = kept;
}

/* The log has become small again: its tiles leave the store. */
static void drop_stored(weir_key_state *state, weir_part_sink *sink, void *context)
{
    for (uint32_t t = 0; state->tiles != NULL && t < state->tiles->count; t++) {
        const weir_tile *tile = &state->tiles->tiles[t];
        if (tile->is_stored) sink(context, part_of(tile->number), (weir_bytes){0});
    }
    weir_tiles_drop(state);
}

void weir_key_state_encode(weir_key_state *state, bool all, weir_part_sink *sink, void *context)
{
    bool tiled = state->count > state->layout->all->tuning.inline_rows_max;
    if (tiled && state->tiles == NULL) weir_tiles_build(state);
    weir_buffer bytes = {0};
    if (all || state->is_head_dirty || tiled != state->is_tiled) {
        encode_head(state, tiled, &bytes);
        sink(context, 0, (weir_bytes){bytes.data, bytes.size});
    }
    if (tiled) {
        encode_tiles(state, all, &bytes, sink, context);
    } else {
        drop_stored(state, sink, context);
    }
    weir_buffer_deinit(&bytes);
    state->is_tiled = tiled;
    state->is_head_dirty = false;
}

static weir_error *corrupt(const weir_key_state *state, const char *problem)
{
    const weir_plan_view *view = state->layout->view;
    return weir_error_new(WEIR_E_CORRUPT, "the stored state of a key of %s is damaged: %s",
                          view != NULL ? view->group : "the ids of a stream", problem);
}

static const char *decode_running(weir_key_state *state, weir_reader *reader)
{
    if (state->layout->running_bytes == 0) return "running values that no cell has";
    uint8_t *running = weir_state_running(state);
    for (uint32_t i = 0; i < state->layout->cell_count; i++) {
        const weir_layout_cell *cell = &state->layout->cells[i];
        if (cell->running_offset == WEIR_NONE) continue;
        if (!cell->running->decode(&cell->cell->binding, running + cell->running_offset, reader)) {
            return "bad running value";
        }
    }
    return NULL;
}

static const char *decode_head(weir_key_state *state, weir_reader *reader)
{
    uint8_t flags = weir_reader_u8(reader);
    state->first = weir_reader_varint(reader);
    if (reader->bad || flags > (TILED | RUNNING) || state->first > INT64_MAX / 2) return "bad head";
    const char *problem = (flags & RUNNING) != 0 ? decode_running(state, reader) : NULL;
    if (problem != NULL) return problem;
    bool should_run = state->first > 0 && state->layout->running_bytes > 0;
    if (should_run != ((flags & RUNNING) != 0)) return "running values are missing";
    if ((flags & TILED) == 0) return weir_rows_decode(state, reader);
    state->is_tiled = true;
    weir_decoding *decoding = weir_state_rest_of(state)->decoding;
    decoding->rows = weir_reader_varint(reader);
    decoding->tiles = weir_reader_varint(reader);
    if (decoding->rows == 0 || decoding->tiles == 0) return "tiled without rows";
    state->tiles = weir_memory_calloc(1, sizeof *state->tiles);
    WEIR_ASSERT(state->tiles != NULL);
    return NULL;
}

static const char *decode_tile(weir_key_state *state, int64_t number, weir_reader *reader)
{
    weir_decoding *decoding = weir_state_rest_of(state)->decoding;
    if (state->tiles == NULL) return "a tile without a head that says so";
    if (decoding->tiles_seen > 0 && number <= decoding->last_tile) return "tiles out of order";
    uint32_t before = state->count;
    const char *problem = weir_rows_decode(state, reader);
    if (problem != NULL) return problem;
    if (state->count == before) return "an empty tile";
    const int64_t *times = weir_state_times(state);
    if (weir_tile_number(state->layout, times[before]) != number ||
        weir_tile_number(state->layout, times[state->count - 1]) != number) {
        return "rows of another tile";
    }
    *weir_tiles_at(state->tiles, number) =
        (weir_tile){.number = number, .rows = state->count - before, .is_stored = true};
    decoding->tiles_seen++;
    decoding->last_tile = number;
    return NULL;
}

weir_error *weir_key_state_decode(weir_key_state *state, uint64_t part, weir_bytes bytes)
{
    weir_state_rest *rest = weir_state_rest_of(state);
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    if (weir_reader_u8(&reader) != VERSION) return corrupt(state, "unknown version");
    const char *problem = NULL;
    if (part == 0) {
        if (rest->decoding != NULL || state->count > 0) return corrupt(state, "two heads");
        rest->decoding = weir_memory_calloc(1, sizeof *rest->decoding);
        WEIR_ASSERT(rest->decoding != NULL);
        problem = decode_head(state, &reader);
    } else if (rest->decoding == NULL) {
        problem = "a part without a head";
    } else {
        problem = decode_tile(state, tile_of(part), &reader);
    }
    if (problem == NULL && (reader.bad || weir_reader_left(&reader) > 0))
        problem = "bytes cut off or left over";
    return problem == NULL ? NULL : corrupt(state, problem);
}

bool weir_key_state_is_partial(const weir_key_state *state)
{
    const weir_decoding *decoding = weir_state_rest_of(state)->decoding;
    return decoding != NULL && decoding->tiles > decoding->tiles_seen;
}

weir_error *weir_key_state_decode_end(weir_key_state *state)
{
    const weir_decoding *decoding = weir_state_rest_of(state)->decoding;
    if (decoding == NULL) return corrupt(state, "no head");
    bool complete = !state->is_tiled ||
                    (decoding->rows == state->count && decoding->tiles == decoding->tiles_seen);
    if (!complete) return corrupt(state, "tiles are missing");
    weir_memory_free(weir_state_rest_of(state)->decoding);
    weir_state_rest_of(state)->decoding = NULL;
    state->is_head_dirty = false;
    weir_measures_build(state);
    if (state->layout->view == NULL) weir_ids_rebuild(state);
    return NULL;
}
