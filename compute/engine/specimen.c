/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/specimen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/engine/read.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"
#include "schemas/decimal.h"

#define NOW_US        INT64_C(1700000000000000) /* times of today have as many digits */
#define US_PER_HOUR   INT64_C(3600000000)
#define US_PER_DAY    (24 * US_PER_HOUR)
#define LAST_ALONE_US (30 * US_PER_DAY) /* what `last n` spans is not known: say, a month */

enum {
    AMOUNT = 160,     /* numbers with a fraction: up to so many whole ones  */
    COUNT = 4096,     /* whole numbers                                      */
    NULL_OF = 16,     /* one in so many, where a null may be                */
    TEXT_OCTAVES = 9, /* texts: 511 different, the nth 1/n times as common  */
    TEXT_BYTES_MAX = 24,
    ITEMS = 3,          /* of a list or map */
    DECIMAL_DIGITS = 6, /* of the fraction that is used                       */
    AT_A_TIME = 24,     /* rows leave by tiles, of a 16th to a 32nd           */
};

typedef struct specimen {
    const weir_plan *plan;
    const weir_view_layout *layout;
    weir_key_state *state;
    uint64_t seed;
    weir_arena row; /* values of the row at hand */
    int64_t unit_us;
} specimen;

/* ---- Values ---- */

static uint64_t below(specimen *s, uint64_t bound)
{
    uint64_t z = s->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % bound;
}

/* Common ones and rare ones: the same number for each octave of ranks. */
static weir_value text(specimen *s, uint8_t kind)
{
    uint64_t octave = UINT64_C(1) << below(s, TEXT_OCTAVES);
    char *bytes = weir_arena_alloc(&s->row, TEXT_BYTES_MAX);
    int size = snprintf(bytes, TEXT_BYTES_MAX, "text-%04u", (unsigned)(octave + below(s, octave)));
    weir_value value = weir_string(bytes, (size_t)size);
    value.kind = kind;
    return value;
}

/* An amount, of the digits behind the point that a type has, or most people need. */
static weir_value amount(specimen *s, weir_type type)
{
    unsigned digits = type.scale < DECIMAL_DIGITS ? type.scale : DECIMAL_DIGITS;
    weir_int128 value = (weir_int128)below(s, AMOUNT * (uint64_t)weir_decimal_pow10(digits)) *
                        weir_decimal_pow10(type.scale - digits);
    return weir_decimal(weir_decimal_fits(value, type.precision) ? value : 1);
}

/* As it comes, with two digits behind the point, or computed, with all that there are. */
static weir_value number(specimen *s, bool is_computed)
{
    const uint64_t parts = UINT64_C(1) << 44;
    if (is_computed) return weir_float((double)below(s, AMOUNT * parts) / (double)parts);
    return weir_float((double)below(s, AMOUNT * UINT64_C(100)) / 100.0);
}

static weir_value vector(specimen *s, uint32_t length)
{
    float *components = weir_arena_array(&s->row, float, length);
    for (uint32_t i = 0; i < length; i++)
        components[i] = (float)below(s, COUNT) / (float)COUNT;
    return (weir_value){.kind = WEIR_VEC, .size = length, .as.vec = components};
}

static weir_value usual(specimen *s, weir_type type, bool is_computed);

/* Keys of a map differ, being put in order. */
static weir_value several(specimen *s, weir_type type)
{
    bool is_map = type.kind == WEIR_MAP;
    uint32_t size = is_map ? 1 : ITEMS;
    weir_value *items = weir_arena_array(&s->row, weir_value, ITEMS + 1);
    for (uint32_t i = 0; i < size; i++)
        items[is_map ? i + 1 : i] = usual(s, *type.item, false);
    if (is_map) items[0] = usual(s, *type.key, false);
    return (weir_value){.kind = type.kind, .size = size, .as.items = items};
}

static weir_value usual(specimen *s, weir_type type, bool is_computed)
{
    switch (type.kind) {
    case WEIR_BOOL: return weir_bool(below(s, 2) == 1);
    case WEIR_INT64: return weir_int((int64_t)below(s, COUNT));
    case WEIR_FLOAT64: return number(s, is_computed);
    case WEIR_DECIMAL: return amount(s, type);
    case WEIR_ENUM:
        return (weir_value){.kind = WEIR_ENUM,
                            .as.integer = (int64_t)below(s, type.symbols->symbol_count)};
    case WEIR_TIME: return weir_time(NOW_US - (int64_t)below(s, 86400000) * 1000);
    case WEIR_DURATION: return weir_duration((int64_t)below(s, 3600000) * 1000);
    case WEIR_GEO:
        return (weir_value){.kind = WEIR_GEO,
                            .as.geo = {number(s, true).as.float64 / 2, number(s, true).as.float64}};
    case WEIR_VEC: return vector(s, type.length);
    case WEIR_LIST:
    case WEIR_MAP: return several(s, type);
    default: return text(s, type.kind);
    }
}

/* ---- Rows ---- */

/* A column that repeats the event's time costs next to nothing. */
static weir_value column_value(specimen *s, uint32_t column, int64_t time_us)
{
    const weir_plan_view *view = s->layout->view;
    const weir_plan_source *source = &view->sources[0];
    const weir_expr *expr = source->columns[column];
    weir_type type = view->column_types[column];
    bool is_field = expr->op == WEIR_EXPR_FIELD;
    if (is_field && expr->index == s->plan->streams[source->stream].time_slot)
        return weir_time(time_us);
    if (type.optional && below(s, NULL_OF) == 0) return weir_null();
    type.optional = false;
    return usual(s, type, !is_field);
}

static void add_row(specimen *s, int64_t time_us)
{
    weir_value values[WEIR_PLAN_COLUMNS_MAX];
    const weir_value *row[WEIR_PLAN_COLUMNS_MAX];
    for (uint32_t c = 0; c < s->layout->column_count; c++) {
        values[c] = column_value(s, c, time_us);
        row[c] = &values[c];
    }
    weir_state_insert(s->state, time_us, row);
}

static void add_id(specimen *s, int64_t time_us)
{
    const weir_plan_stream *stream = &s->plan->streams[s->layout->index - WEIR_VIEW_IDS];
    weir_type type = stream->slot_types[stream->id_slot];
    type.optional = false;
    weir_value id = usual(s, type, true);
    if (type.kind == WEIR_INT64) id.as.integer = (int64_t)below(s, UINT64_C(1) << 31);
    if (type.kind == WEIR_STRING) {
        char *bytes = weir_arena_alloc(&s->row, TEXT_BYTES_MAX);
        int size =
            snprintf(bytes, TEXT_BYTES_MAX, "%020llu", (unsigned long long)below(s, UINT64_MAX));
        id = weir_string(bytes, (size_t)size);
    }
    weir_buffer bytes = {0};
    weir_value_encode(type, &id, &bytes);
    (void)weir_ids_keep(s->state, (weir_bytes){bytes.data, bytes.size}, time_us);
    weir_buffer_deinit(&bytes);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void add(specimen *s, int64_t time_us)
{
    if (weir_state_is_of_ids(s->state))
        add_id(s, time_us);
    else
        add_row(s, time_us);
    weir_arena_reset(&s->row);
}

/* Lets all leave but the last `rows`. */
static void leave(specimen *s, uint32_t rows)
{
    uint64_t count = weir_key_state_rows(s->state);
    if (count > rows) weir_state_evict_front(s->state, (uint32_t)(count - rows));
}

/* So many rows at random times of the span before `end_us`; older ones leave, some at a time. */
static void add_rows(specimen *s, uint32_t rows, int64_t span_us, int64_t end_us)
{
    const int64_t unit_us = s->unit_us;
    int64_t *times = weir_memory_alloc((rows + 1) * sizeof *times);
    for (uint32_t i = 0; i < rows; i++)
        times[i] = end_us / unit_us * unit_us -
                   (int64_t)below(s, (uint64_t)(span_us / unit_us) + 1) * unit_us;
    qsort(times, rows, sizeof *times, compare_times);
    for (uint32_t i = 0; i < rows; i++) {
        add(s, times[i]);
        if (weir_key_state_rows(s->state) > rows + rows / AT_A_TIME) leave(s, rows);
    }
    weir_memory_free(times);
}

/* What is kept, at most a century of it. */
static int64_t span_of(const weir_view_layout *layout)
{
    const int64_t most = 36525 * US_PER_DAY;
    if (layout->keep_us == 0 && layout->keep_last > 0) return LAST_ALONE_US;
    if (layout->keep_us > most || layout->late_us > most) return most;
    return layout->keep_us + layout->late_us;
}

/* As after a read at the last row: accumulators slide that no measure stands for. */
static void warm_up(specimen *s)
{
    const weir_view_layout *layout = s->layout;
    weir_read_point point = {
        .tau_us = NOW_US, .greatest_us = NOW_US, .self = NULL, .scratch = &s->row};
    for (uint32_t c = 0; c < layout->cell_count; c++) {
        const weir_layout_cell *cell = &layout->cells[c];
        if (cell->sliding == NULL || cell->is_measured) continue;
        weir_bounds_request request = {.window = &layout->windows[cell->window].window,
                                       .index = cell->window};
        weir_bounds bounds;
        weir_window_bounds(s->state, layout, &request, 1, &point, NULL, &bounds);
        if (bounds.high - bounds.low > WEIR_STATE_SCAN_ROWS)
            weir_warm_move(s->state, cell->window, bounds.low, bounds.high);
    }
}

static void count_part(void *context, uint64_t part, weir_bytes bytes)
{
    (void)part;
    *(uint64_t *)context += bytes.size;
}

weir_state_sizes weir_specimen_weigh(const weir_plan *plan, uint32_t view, uint32_t rows,
                                     int64_t unit_us)
{
    specimen s = {.plan = plan, .layout = weir_layout_of_view(plan, view), .unit_us = unit_us};
    int64_t span_us = span_of(s.layout);
    s.state = weir_key_state_create(plan, view);
    add_rows(&s, rows, span_us, NOW_US - span_us - unit_us); /* those that left long ago */
    add_rows(&s, rows, span_us, NOW_US);
    leave(&s, rows);
    if (s.layout->view != NULL) warm_up(&s);
    weir_state_sizes sizes = {.keys = 1,
                              .rows = weir_key_state_rows(s.state),
                              .memory_bytes = weir_key_state_bytes(s.state)};
    weir_key_state_encode(s.state, true, count_part, &sizes.stored_bytes);
    weir_key_state_destroy(s.state);
    weir_arena_deinit(&s.row);
    return sizes;
}
