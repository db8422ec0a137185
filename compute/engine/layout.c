/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/layout.h"

#include <string.h>

#include "compute/engine/engine.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"
#include "schemas/decimal.h"

enum { TILES_PER_SPAN = 32 };
#define NEAR_US (INT64_C(1) << 59)

/* A column holds nulls if its type says so, or if the expression that fills it can overflow (R12).
 */
static bool may_be_null(const weir_plan_view *view, uint32_t column)
{
    if (view->column_types[column].optional) return true;
    for (uint32_t s = 0; s < view->source_count; s++) {
        const weir_expr *expr = view->sources[s].columns[column];
        bool is_sure = (expr->op == WEIR_EXPR_FIELD && !expr->type.optional) ||
                       (expr->op == WEIR_EXPR_CONST && !weir_is_null(&expr->constant));
        if (!is_sure) return true;
    }
    return false;
}

/* Puts a lane behind the others. */
static uint32_t add_lane(weir_view_layout *layout, weir_layout_lane *lanes, uint32_t width,
                         bool is_of_bounds)
{
    uint32_t offset = layout->row_bytes;
    lanes[layout->lane_count++] = (weir_layout_lane){offset, width, is_of_bounds};
    layout->row_bytes += width;
    return offset;
}

/* The alignment that a column asks for; vectors are whole floats of any number. */
static uint32_t alignment_of(const weir_layout_column *column)
{
    return column->layout == WEIR_LAYOUT_VEC ? 4 : column->width;
}

static void place_measures(weir_view_layout *layout, weir_layout_lane *lanes,
                           weir_layout_measure *measures, uint32_t width)
{
    for (uint32_t m = 0; m < layout->measure_count; m++)
        if ((measures[m].kind == WEIR_MEASURE_SUM ? 8 : 4) == width)
            measures[m].offset = add_lane(layout, lanes, width, true);
}

/* Lanes by falling width, so that each is aligned whatever the capacity. */
static void place_lanes(weir_arena *into, weir_view_layout *layout, weir_layout_measure *measures)
{
    static const uint32_t widths[] = {16, 8, 4, 1};
    weir_layout_column *columns = (weir_layout_column *)(uintptr_t)layout->columns;
    weir_layout_lane *lanes = weir_arena_array(
        into, weir_layout_lane, 2 * layout->column_count + layout->measure_count + 2);
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        if (widths[w] == 8) layout->times_offset = add_lane(layout, lanes, sizeof(int64_t), true);
        place_measures(layout, lanes, measures, widths[w]);
        for (uint32_t c = 0; c < layout->column_count; c++)
            if (alignment_of(&columns[c]) == widths[w])
                columns[c].offset = add_lane(layout, lanes, columns[c].width, false);
    }
    for (uint32_t c = 0; c < layout->column_count; c++)
        if (columns[c].null_offset != WEIR_NONE)
            columns[c].null_offset = add_lane(layout, lanes, 1, false);
    layout->lanes = lanes;
}

/* Where a column holds nulls is set here (any number but WEIR_NONE), their lane later. */
static void add_columns(weir_arena *into, weir_view_layout *layout, const weir_type *types,
                        const bool *has_nulls)
{
    weir_layout_column *columns = weir_arena_array(into, weir_layout_column, layout->column_count);
    for (uint32_t c = 0; c < layout->column_count; c++) {
        columns[c].type = types[c];
        columns[c].layout = weir_layout_of(types[c]);
        columns[c].width = (uint32_t)weir_layout_bytes(types[c]);
        columns[c].null_offset =
            has_nulls[c] && columns[c].layout != WEIR_LAYOUT_BOOL ? 0 : WEIR_NONE;
        layout->has_texts |= columns[c].layout == WEIR_LAYOUT_TEXT;
    }
    layout->columns = columns;
}

static bool same_bounds(const weir_plan_window *a, const weir_plan_window *b)
{
    return a->kind == b->kind && a->width_us == b->width_us && a->delay_us == b->delay_us &&
           a->step_us == b->step_us && a->count == b->count && a->zone == b->zone &&
           a->calendar_unit == b->calendar_unit && weir_expr_equal(a->since, b->since);
}

static uint32_t window_of(weir_view_layout *layout, weir_layout_window *windows,
                          const weir_plan_window *window)
{
    for (uint32_t w = 0; w < layout->window_count; w++) {
        if (same_bounds(&windows[w].window, window)) return w;
    }
    windows[layout->window_count].window = *window;
    return layout->window_count++;
}

/* May the accumulator of the cell move with its window's cursors? */
static const weir_acc_ops *sliding_of(const weir_plan_cell *cell)
{
    const weir_agg *agg = cell->binding.agg;
    if (cell->read_filter != NULL || cell->by != WEIR_NONE || agg->narrow != NULL) return NULL;
    switch (cell->window.kind) {
    case WEIR_WINDOW_TIME:
    case WEIR_WINDOW_LAST: return agg->sliding != NULL ? agg->sliding(&cell->binding) : NULL;
    case WEIR_WINDOW_EVER: return agg->running(&cell->binding); /* rows only join */
    default: return NULL;
    }
}

static weir_cell_fast fast_of(const weir_plan_cell *cell)
{
    const weir_agg_binding *binding = &cell->binding;
    const char *name = weir_agg_name(binding->agg);
    if (cell->read_filter != NULL || cell->by != WEIR_NONE) return WEIR_FAST_NONE;
    if (strcmp(name, "count") == 0) {
        bool is_all = cell->filter == WEIR_NONE && binding->arg_count == 0;
        return is_all ? WEIR_FAST_ROWS : WEIR_FAST_COUNT;
    }
    if (strcmp(name, "share_of") == 0) return WEIR_FAST_SHARE_OF;
    weir_layout layout =
        binding->arg_count == 1 ? weir_layout_of(binding->args[0]) : WEIR_LAYOUT_BOOL;
    bool is_word = layout == WEIR_LAYOUT_INT64 || layout == WEIR_LAYOUT_FLOAT64;
    if (is_word && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)) return WEIR_FAST_EXTREME;
    if (layout != WEIR_LAYOUT_INT64) return WEIR_FAST_NONE;
    if (strcmp(name, "sum") == 0) return WEIR_FAST_SUM;
    return strcmp(name, "mean") == 0 ? WEIR_FAST_MEAN : WEIR_FAST_NONE;
}

/* The measure of that kind, made if the view has room; WEIR_NONE if it has not. */
static uint32_t measure_of(weir_view_layout *layout, weir_layout_measure *measures,
                           weir_measure_kind kind, uint32_t column, uint32_t filter)
{
    uint32_t i = 0;
    while (i < layout->measure_count && (measures[i].kind != kind || measures[i].column != column ||
                                         measures[i].filter != filter))
        i++;
    if (i == WEIR_STATE_MEASURES_MAX) return WEIR_NONE;
    if (i == layout->measure_count)
        measures[layout->measure_count++] = (weir_layout_measure){
            .kind = kind,
            .column = column,
            .filter = filter,
            .is_sure = column != WEIR_NONE && layout->columns[column].layout != WEIR_LAYOUT_BOOL &&
                       layout->columns[column].null_offset == WEIR_NONE};
    return i;
}

/* The measure of the cell's value. */
static weir_measure_kind measure_kind_of(const weir_layout_cell *cell)
{
    if (cell->fast == WEIR_FAST_SHARE_OF) return WEIR_MEASURE_TRUES;
    if (cell->fast != WEIR_FAST_EXTREME) return WEIR_MEASURE_SUM;
    bool is_max = strcmp(weir_agg_name(cell->cell->binding.agg), "max") == 0;
    return is_max ? WEIR_MEASURE_GREATEST : WEIR_MEASURE_LEAST;
}

/* What the cell is read from; without filter and nulls the distance of the bounds says the rows. */
static void add_measures(weir_view_layout *layout, weir_layout_measure *measures,
                         weir_layout_cell *cell)
{
    uint32_t column = cell->cell->binding.arg_count > 0 ? cell->cell->args[0] : WEIR_NONE;
    uint32_t filter = cell->cell->filter;
    cell->sum = cell->rows = WEIR_NONE;
    if (cell->fast == WEIR_FAST_NONE || cell->fast == WEIR_FAST_ROWS) return;
    bool is_share = cell->fast == WEIR_FAST_SHARE_OF;
    bool is_present = column == WEIR_NONE || is_share ||
                      (layout->columns[column].null_offset == WEIR_NONE &&
                       layout->columns[column].layout != WEIR_LAYOUT_BOOL);
    bool has_all = true;
    if (cell->fast != WEIR_FAST_COUNT) {
        cell->sum = measure_of(layout, measures, measure_kind_of(cell), column, filter);
        has_all = cell->sum != WEIR_NONE;
    }
    bool needs_rows = cell->fast != WEIR_FAST_SUM && cell->fast != WEIR_FAST_EXTREME;
    if (has_all && needs_rows && (filter != WEIR_NONE || !is_present)) {
        cell->rows = measure_of(layout, measures, WEIR_MEASURE_PRESENT,
                                is_present ? WEIR_NONE : column, filter);
        has_all = cell->rows != WEIR_NONE;
    }
    cell->is_measured = has_all;
}

static void add_cell(const weir_plan *plan, weir_view_layout *layout, weir_layout_cell *cell,
                     weir_layout_window *windows, weir_layout_measure *measures)
{
    const weir_plan_cell *planned = &plan->cells[cell->index];
    const weir_agg_binding *binding = &planned->binding;
    cell->cell = planned;
    cell->window = window_of(layout, windows, &planned->window);
    cell->running = binding->agg->running(binding);
    cell->running_size = (uint32_t)cell->running->size(binding);
    cell->sliding = sliding_of(planned);
    cell->running_offset = cell->sliding_offset = WEIR_NONE;
    cell->fast = fast_of(planned);
    add_measures(layout, measures, cell);
    weir_type arg = binding->args[0];
    cell->mean_scale = cell->fast == WEIR_FAST_MEAN && arg.kind == WEIR_DECIMAL
                           ? (uint64_t)weir_decimal_pow10(arg.scale)
                           : 1;
    if (planned->window.kind == WEIR_WINDOW_EVER) {
        WEIR_ASSERT(cell->running->encode != NULL && planned->read_filter == NULL &&
                    planned->by == WEIR_NONE);
        cell->running_offset = layout->running_bytes;
        layout->running_bytes += cell->running_size;
    } else if (cell->fast == WEIR_FAST_ROWS) {
        cell->sliding = NULL; /* the distance of the bounds says it */
    }
}

static void add_cells(weir_arena *into, const weir_plan *plan, weir_view_layout *layout,
                      uint32_t *places)
{
    const weir_plan_view *view = layout->view;
    weir_layout_cell *cells = weir_arena_array(into, weir_layout_cell, view->cell_count);
    weir_layout_window *windows = weir_arena_array(into, weir_layout_window, view->cell_count);
    weir_layout_measure *measures =
        weir_arena_array(into, weir_layout_measure, WEIR_STATE_MEASURES_MAX);
    for (uint32_t i = 0; i < view->cell_count; i++) {
        cells[i].index = view->cells[i];
        places[view->cells[i]] = i;
        add_cell(plan, layout, &cells[i], windows, measures);
    }
    layout->measures = measures;
    layout->warm_bytes = layout->window_count * (uint32_t)sizeof(uint64_t) * 4; /* cursors */
    for (uint32_t w = 0; w < layout->window_count; w++) {
        uint32_t *list = weir_arena_array(into, uint32_t, view->cell_count);
        for (uint32_t i = 0; i < view->cell_count; i++) {
            if (cells[i].window != w || cells[i].sliding == NULL) continue;
            cells[i].sliding_offset = layout->warm_bytes;
            layout->warm_bytes += (uint32_t)cells[i].sliding->size(&cells[i].cell->binding);
            list[windows[w].cell_count++] = i;
        }
        windows[w].cells = list;
    }
    layout->cell_count = view->cell_count;
    layout->cells = cells;
    layout->windows = windows;
}

/* Tiles are a power of two of microseconds, some 32 of them in the span that is kept. */
static int64_t tile_of(int64_t span_us)
{
    int64_t tile = INT64_C(1) << 26; /* 67 s */
    while (tile < span_us / TILES_PER_SPAN)
        tile *= 2;
    return tile;
}

static void add_view(weir_arena *into, const weir_plan *plan, weir_view_layout *layout,
                     uint32_t *places)
{
    const weir_plan_view *view = layout->view;
    bool has_nulls[WEIR_PLAN_COLUMNS_MAX];
    WEIR_ASSERT(view->column_count <= WEIR_PLAN_COLUMNS_MAX);
    layout->column_count = view->column_count;
    for (uint32_t c = 0; c < view->column_count; c++)
        has_nulls[c] = may_be_null(view, c);
    add_columns(into, layout, view->column_types, has_nulls);
    add_cells(into, plan, layout, places);
    place_lanes(into, layout, (weir_layout_measure *)(uintptr_t)layout->measures);
    layout->late_us = view->late_us;
    layout->delay_us = view->delay_us;
    layout->keep_us = view->keep_us > view->delay_us ? view->keep_us : view->delay_us;
    layout->keep_last = view->keep_last;
    layout->spans_are_near = layout->late_us < NEAR_US && layout->keep_us < NEAR_US;
    layout->tile_us =
        tile_of(layout->keep_us > layout->late_us ? layout->keep_us : layout->late_us);
}

/* The ids of a stream: rows of (ingest time, id in canonical bytes). In memory the column holds the
 * ids' hashes, and a lane behind the others where their bytes end (ids.c). */
static void add_ids(weir_arena *into, const weir_plan_stream *stream, weir_view_layout *layout)
{
    static const bool no_nulls = false;
    weir_type type = weir_type_of(WEIR_BYTES);
    layout->column_count = 1;
    add_columns(into, layout, &type, &no_nulls);
    layout->has_texts = false;
    place_lanes(into, layout, NULL);
    layout->id_end_offset =
        add_lane(layout, (weir_layout_lane *)(uintptr_t)layout->lanes, 4, false);
    layout->late_us = stream->late_us;
    layout->spans_are_near = layout->late_us < NEAR_US;
    layout->tile_us = tile_of(stream->late_us);
}

static weir_layouts *create(const weir_plan *plan)
{
    weir_layouts *layouts = weir_memory_calloc(1, sizeof *layouts);
    WEIR_ASSERT(layouts != NULL);
    layouts->tuning.inline_rows_max = WEIR_STATE_INLINE_ROWS;
    layouts->view_count = plan->view_count;
    layouts->stream_count = plan->stream_count;
    weir_view_layout *views = weir_arena_array(&layouts->arena, weir_view_layout, plan->view_count);
    weir_view_layout *ids = weir_arena_array(&layouts->arena, weir_view_layout, plan->stream_count);
    uint32_t *places = weir_arena_array(&layouts->arena, uint32_t, plan->cell_count);
    for (uint32_t v = 0; v < plan->view_count; v++) {
        views[v].all = layouts;
        views[v].index = v;
        views[v].view = &plan->views[v];
        add_view(&layouts->arena, plan, &views[v], places);
    }
    for (uint32_t s = 0; s < plan->stream_count; s++) {
        ids[s].all = layouts;
        ids[s].index = WEIR_VIEW_IDS + s;
        add_ids(&layouts->arena, &plan->streams[s], &ids[s]);
    }
    layouts->views = views;
    layouts->ids = ids;
    layouts->cell_places = places;
    return layouts;
}

const weir_layouts *weir_layouts_of(const weir_plan *plan)
{
    struct weir_layouts **place = &((weir_plan *)(uintptr_t)plan)->layouts;
    struct weir_layouts *found = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (found != NULL) return found;
    weir_layouts *made = create(plan);
    if (__atomic_compare_exchange_n(place, &found, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    weir_layouts_destroy(made); /* another thread was first */
    return found;
}

const weir_view_layout *weir_layout_of_view(const weir_plan *plan, uint32_t view)
{
    const weir_layouts *layouts = weir_layouts_of(plan);
    if (view >= WEIR_VIEW_IDS) {
        WEIR_ASSERT(view - WEIR_VIEW_IDS < layouts->stream_count);
        return &layouts->ids[view - WEIR_VIEW_IDS];
    }
    WEIR_ASSERT(view < layouts->view_count);
    return &layouts->views[view];
}

void weir_layouts_destroy(weir_layouts *layouts)
{
    if (layouts == NULL) return;
    weir_arena_deinit(&layouts->arena);
    weir_memory_free(layouts);
}

void weir_layouts_tune(const weir_plan *plan, weir_layout_tuning tuning)
{
    weir_layouts *layouts = (weir_layouts *)(uintptr_t)weir_layouts_of(plan);
    layouts->tuning = tuning;
    if (layouts->tuning.inline_rows_max == 0)
        layouts->tuning.inline_rows_max = WEIR_STATE_INLINE_ROWS;
}
