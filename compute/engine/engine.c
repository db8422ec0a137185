/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/engine.h"

#include <string.h>

#include "compute/engine/order.h"
#include "compute/engine/plain.h"
#include "compute/expr/flat.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

/* A cell of a group, which of the group's bounds it reads between, and where its value goes. */
typedef struct group_cell {
    uint32_t index;  /* in the plan */
    uint32_t place;  /* where its value goes: among the engine's cells, or */
    bool is_carried; /* ... straight to the carried value, if nobody else wants it */
    bool with_own;
    uint32_t bounds; /* of the group; of a plain cell not used */
    const weir_layout_cell *cell;
} group_cell;

/* Cells that are read in one go, and the same cells for when that can not be. */
typedef struct plain_cells {
    weir_plain_group group;
    weir_plain_window *windows;
    weir_plain_cell *plain;
    group_cell *cells;
} plain_cells;

enum { PLAINS_MAX = 4 };

/* Cells of one view that are read together. */
typedef struct cell_group {
    uint32_t view;
    uint32_t capacity; /* cells there is room for */
    uint32_t plain_count;
    plain_cells *plains;               /* one a delay */
    uint32_t cell_count, bounds_count; /* of the other cells */
    group_cell *cells;
    weir_bounds_request *bounds;
    const weir_plan_view_key
        *key;                    /* of a composite view; NULL: the entity's, or none can be made */
    const weir_plan_source *own; /* how the trigger becomes a row; NULL: no cell includes it */
} cell_group;

/* What a hop of a stream reads, prepared. */
typedef struct hop_reads {
    int64_t late_us; /* the least of the views'; INT64_MAX: none is read */
    uint32_t group_count;
    cell_group *groups;
    /* Groups whose trigger row needs values carried from this very hop: read when a value asks for
     * them. */
    uint32_t deferred_count;
    cell_group *deferred; /* one cell each */
    /* Values that are a cell as it is (but for those that the cell itself puts there), and the
     * others in the order in which they must be computed. */
    uint32_t bare_count, rest_count;
    const struct bare_read {
        uint32_t cell, carried;
    } * bare;
    const uint32_t *rest;
} hop_reads;

typedef struct cell_list {
    uint32_t count;
    const uint32_t *cells;
} cell_list;

/* A column: a carried value as it is; or with `?? constant`; or computed. */
typedef struct vector_column {
    uint32_t index;              /* in the vector */
    uint32_t carried;            /* WEIR_NONE where it is computed */
    const weir_value *otherwise; /* the constant, which is not null: no overflow is told */
    weir_flat *flat;
    bool overflow; /* of the event at hand, where it is computed */
} vector_column;

/* The columns of a vector, of each of the three kinds those up to here. */
typedef struct vector_columns {
    vector_column *first, *bare_end, *defaulted_end, *end;
} vector_columns;

struct weir_engine {
    const weir_plan *plan;
    const weir_layouts *layouts;
    weir_arena arena;   /* lives as long as the engine */
    weir_arena scratch; /* of the event or lookup at hand */
    hop_reads **reads;  /* [stream][hop] */
    cell_list *member_cells;
    weir_value *cells; /* by plan cell */
    bool *cell_overflow;
    weir_value *empty; /* what a cell says of no rows */
    uint64_t *stamps;  /* when a cell was collected last */
    uint64_t stamp;
    uint32_t *collected;
    weir_bounds *bounds; /* of the group at hand */
    vector_columns *vectors;
    const weir_value **views;                     /* columns of the vector at hand */
    const weir_value *row[WEIR_PLAN_COLUMNS_MAX]; /* the event as a row of a view */
    weir_value room[WEIR_PLAN_COLUMNS_MAX];       /* of its computed columns */
    weir_expr_env row_env;
    weir_buffer key, own_key, part;
    uint32_t last_hop;
};

/* Which cells an expression needs. */
static void collect(weir_engine *engine, const weir_expr *expr, uint32_t *count)
{
    if (expr == NULL) return;
    if (expr->op == WEIR_EXPR_CELL && engine->stamps[expr->index] != engine->stamp) {
        engine->stamps[expr->index] = engine->stamp;
        engine->collected[(*count)++] = expr->index;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        collect(engine, expr->args[i], count);
}

static bool uses(const weir_expr *expr, weir_expr_op op, uint32_t index)
{
    if (expr == NULL) return false;
    if (expr->op == op && expr->index == index) return true;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (uses(expr->args[i], op, index)) return true;
    }
    return false;
}

/* Does the source's row need what the stream's events carry from this hop? */
static bool uses_hop(const weir_plan_stream *stream, uint32_t hop, const weir_plan_view *view,
                     const weir_plan_source *source)
{
    for (uint32_t c = 0; c < stream->carried_count; c++) {
        if (stream->carried[c].hop != hop) continue;
        bool is_used = uses(source->where, WEIR_EXPR_CARRIED, c);
        for (uint32_t i = 0; i < view->column_count; i++)
            is_used |= uses(source->columns[i], WEIR_EXPR_CARRIED, c);
        for (uint32_t i = 0; i < view->extra_key_count; i++)
            is_used |= uses(source->extra_keys[i], WEIR_EXPR_CARRIED, c);
        if (is_used) return true;
    }
    return false;
}

static const weir_plan_view_key *view_key(const weir_plan *plan, uint32_t view, uint32_t stream)
{
    for (uint32_t i = 0; i < plan->view_key_count; i++) {
        if (plan->view_keys[i].view == view && plan->view_keys[i].stream == stream)
            return &plan->view_keys[i];
    }
    return NULL;
}

static const weir_plan_source *own_source(const weir_plan_view *view, uint32_t stream, uint32_t hop)
{
    for (uint32_t i = 0; i < view->source_count; i++) {
        if (view->sources[i].stream == stream && view->sources[i].hop == hop)
            return &view->sources[i];
    }
    return NULL;
}

static const weir_layout_cell *layout_cell(const weir_engine *engine, uint32_t cell)
{
    const weir_view_layout *layout = &engine->layouts->views[engine->plan->cells[cell].view];
    return &layout->cells[engine->layouts->cell_places[cell]];
}

/* Room for `capacity` cells. */
static void group_init(cell_group *group, uint32_t view, const weir_plan_view_key *key,
                       uint32_t capacity, weir_arena *into)
{
    *group = (cell_group){.view = view, .capacity = capacity, .key = key};
    group->cells = weir_arena_alloc(into, capacity * sizeof *group->cells);
    group->bounds = weir_arena_alloc(into, capacity * sizeof *group->bounds);
    group->plains = weir_arena_alloc(into, PLAINS_MAX * sizeof *group->plains);
}

/* The plain cells of a delay, made if missing; NULL: there are too many. */
static plain_cells *plains_of(cell_group *group, const weir_layout_window *window, uint32_t index,
                              weir_arena *into)
{
    for (uint32_t p = 0; p < group->plain_count; p++)
        if (group->plains[p].group.delay_us == window->window.delay_us) return &group->plains[p];
    if (group->plain_count == PLAINS_MAX) return NULL;
    plain_cells *plains = &group->plains[group->plain_count++];
    *plains = (plain_cells){
        .group = {.delay_us = window->window.delay_us, .high_hint = 2 * index + 1},
        .windows = weir_arena_alloc(into, WEIR_PLAIN_WINDOWS_MAX * sizeof *plains->windows),
        .plain = weir_arena_alloc(into, group->capacity * sizeof *plains->plain),
        .cells = weir_arena_alloc(into, group->capacity * sizeof *plains->cells)};
    plains->group.windows = plains->windows;
    plains->group.cells = plains->plain;
    return plains;
}

/* Which of the windows, made if missing; WEIR_NONE: there are too many. */
static uint32_t plain_window_of(plain_cells *plains, weir_plain_window window)
{
    uint32_t at = 0;
    while (at < plains->group.window_count && (plains->windows[at].hint != window.hint ||
                                               plains->windows[at].with_own != window.with_own))
        at++;
    if (at == WEIR_PLAIN_WINDOWS_MAX) return WEIR_NONE;
    if (at < plains->group.window_count) return at;
    window.cells_end = plains->group.cell_count;
    plains->windows[plains->group.window_count++] = window;
    return at;
}

/* Puts a cell behind those of its window. */
static void put_plain(plain_cells *plains, uint32_t window, const group_cell *cell,
                      const weir_plain_cell *plain)
{
    uint32_t at = plains->windows[window].cells_end, behind = plains->group.cell_count - at;
    memmove(&plains->cells[at + 1], &plains->cells[at], behind * sizeof *plains->cells);
    memmove(&plains->plain[at + 1], &plains->plain[at], behind * sizeof *plains->plain);
    plains->cells[at] = *cell;
    plains->plain[at] = *plain;
    plains->plain[at].place = cell->place;
    plains->group.cell_count++;
    for (uint32_t w = window; w < plains->group.window_count; w++)
        plains->windows[w].cells_end++;
}

/* False: it is not a plain cell. */
static bool add_plain(const weir_engine *engine, cell_group *group, const group_cell *cell,
                      weir_arena *into)
{
    const weir_view_layout *layout = &engine->layouts->views[group->view];
    const weir_layout_window *window = &layout->windows[cell->cell->window];
    bool is_time = window->window.kind == WEIR_WINDOW_TIME && window->window.step_us == 0;
    weir_plain_cell plain;
    if (!is_time || engine->layouts->tuning.warm != WEIR_FORM_AUTOMATIC ||
        !layout->spans_are_near || !weir_plain_is(cell->cell))
        return false;
    plain_cells *plains = plains_of(group, window, cell->cell->window, into);
    if (plains == NULL || !weir_plain_cell_of(layout, cell->cell, &plains->group, &plain))
        return false;
    uint32_t at = plain_window_of(
        plains, (weir_plain_window){.reach_us = window->window.delay_us + window->window.width_us,
                                    .hint = 2 * cell->cell->window,
                                    .with_own = cell->with_own});
    if (at == WEIR_NONE) return false;
    put_plain(plains, at, cell, &plain);
    return true;
}

static uint32_t bounds_of(cell_group *group, weir_bounds_request request)
{
    uint32_t at = 0;
    while (at < group->bounds_count && (group->bounds[at].index != request.index ||
                                        group->bounds[at].with_own != request.with_own))
        at++;
    if (at == group->bounds_count) group->bounds[group->bounds_count++] = request;
    return at;
}

static weir_bounds_request request_of(const weir_engine *engine, uint32_t view,
                                      const group_cell *cell)
{
    const weir_view_layout *layout = &engine->layouts->views[view];
    return (weir_bounds_request){&layout->windows[cell->cell->window].window, cell->cell->window,
                                 cell->with_own};
}

static void group_add(const weir_engine *engine, cell_group *group, uint32_t index, bool with_own,
                      weir_arena *into)
{
    WEIR_ASSERT(group->cell_count < group->capacity);
    group_cell cell = {
        .index = index, .place = index, .with_own = with_own, .cell = layout_cell(engine, index)};
    if (add_plain(engine, group, &cell, into)) return;
    cell.bounds = bounds_of(group, request_of(engine, group->view, &cell));
    group->cells[group->cell_count++] = cell;
}

/* The one cell of a deferred group. */
static uint32_t deferred_cell(const cell_group *group)
{
    return group->cell_count > 0 ? group->cells[0].index : group->plains[0].cells[0].index;
}

static bool is_deferred(const hop_reads *reads, uint32_t cell)
{
    for (uint32_t i = 0; i < reads->deferred_count; i++) {
        if (deferred_cell(&reads->deferred[i]) == cell) return true;
    }
    return false;
}

static uint32_t count_uses(const weir_expr *expr, uint32_t cell)
{
    if (expr == NULL) return 0;
    uint32_t count = expr->op == WEIR_EXPR_CELL && expr->index == cell;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        count += count_uses(expr->args[i], cell);
    return count;
}

/* False: the cell is not of this group. */
static bool group_put(cell_group *group, uint32_t cell, uint32_t carried)
{
    for (uint32_t i = 0; i < group->cell_count; i++) {
        if (group->cells[i].index != cell) continue;
        group->cells[i].place = carried;
        group->cells[i].is_carried = true;
        return true;
    }
    for (uint32_t p = 0; p < group->plain_count; p++) {
        plain_cells *plains = &group->plains[p];
        for (uint32_t i = 0; i < plains->group.cell_count; i++) {
            if (plains->cells[i].index != cell) continue;
            plains->plain[i].place = plains->cells[i].place = carried;
            plains->plain[i].is_carried = plains->cells[i].is_carried = true;
            return true;
        }
    }
    return false;
}

/* Lets the cell put its value where the only one who wants it looks; false: others want it, too. */
static bool put_directly(const weir_plan_stream *stream, const weir_plan_hop *hop, hop_reads *reads,
                         uint32_t cell, uint32_t carried)
{
    uint32_t uses = 0;
    for (uint32_t r = 0; r < hop->read_count; r++)
        uses += count_uses(stream->carried[hop->reads[r]].expr, cell);
    if (uses != 1) return false;
    for (uint32_t g = 0; g < reads->group_count; g++)
        if (group_put(&reads->groups[g], cell, carried)) return true;
    return false;
}

/* `including this` may look at what the trigger itself carries from this hop: that comes first. */
static const uint32_t *in_order(weir_engine *engine, const weir_plan_stream *stream,
                                const hop_reads *reads, const uint32_t *rest)
{
    if (reads->deferred_count == 0) return rest;
    weir_deferred_cell *deferred =
        weir_arena_array(&engine->scratch, weir_deferred_cell, reads->deferred_count);
    for (uint32_t d = 0; d < reads->deferred_count; d++)
        deferred[d] =
            (weir_deferred_cell){deferred_cell(&reads->deferred[d]), reads->deferred[d].own};
    weir_order_request request = {engine->plan,      stream, deferred, reads->deferred_count,
                                  reads->rest_count, rest};
    const uint32_t *order = weir_order_values(&request, &engine->arena, &engine->scratch);
    weir_arena_reset(&engine->scratch);
    return order;
}

static void prepare_values(weir_engine *engine, const weir_plan_stream *stream,
                           const weir_plan_hop *hop, hop_reads *reads)
{
    struct bare_read *bare = weir_arena_alloc(&engine->arena, hop->read_count * sizeof *bare);
    uint32_t *rest = weir_arena_array(&engine->arena, uint32_t, hop->read_count);
    for (uint32_t r = 0; r < hop->read_count; r++) {
        const weir_expr *expr = stream->carried[hop->reads[r]].expr;
        if (expr->op == WEIR_EXPR_CELL && !is_deferred(reads, expr->index)) {
            if (put_directly(stream, hop, reads, expr->index, hop->reads[r])) continue;
            bare[reads->bare_count++] = (struct bare_read){expr->index, hop->reads[r]};
        } else {
            rest[reads->rest_count++] = hop->reads[r];
        }
    }
    reads->bare = bare;
    reads->rest = in_order(engine, stream, reads, rest);
}

/* Puts a hop's cells into groups by view. */
static hop_reads *prepare_hop(weir_engine *engine, uint32_t stream_index, uint32_t hop_index)
{
    const weir_plan *plan = engine->plan;
    const weir_plan_stream *stream = &plan->streams[stream_index];
    const weir_plan_hop *hop = &stream->hops[hop_index];
    hop_reads *reads = weir_arena_new(&engine->arena, hop_reads);
    cell_group *groups = weir_arena_array(&engine->arena, cell_group, hop->cell_count);
    cell_group *deferred = weir_arena_array(&engine->arena, cell_group, hop->cell_count);
    for (uint32_t i = 0; i < hop->cell_count; i++) {
        const weir_plan_cell *cell = &plan->cells[hop->cells[i]];
        const weir_plan_view *view = &plan->views[cell->view];
        const weir_plan_source *own =
            cell->including_this ? own_source(view, stream_index, hop_index) : NULL;
        cell_group *group = NULL;
        if (own != NULL && uses_hop(stream, hop_index, view, own)) {
            group = &deferred[reads->deferred_count++];
        } else {
            for (uint32_t g = 0; g < reads->group_count && group == NULL; g++) {
                if (groups[g].view == cell->view) group = &groups[g];
            }
            if (group == NULL) group = &groups[reads->group_count++];
        }
        if (group->cells == NULL) {
            group_init(group, cell->view, view_key(plan, cell->view, stream_index),
                       view->cell_count, &engine->arena);
        }
        if (own != NULL) group->own = own;
        group_add(engine, group, hop->cells[i], own != NULL, &engine->arena);
    }
    reads->groups = groups;
    reads->deferred = deferred;
    reads->late_us = INT64_MAX;
    for (uint32_t c = 0; c < hop->cell_count; c++) {
        int64_t late_us = engine->layouts->views[plan->cells[hop->cells[c]].view].late_us;
        if (late_us < reads->late_us) reads->late_us = late_us;
    }
    prepare_values(engine, stream, hop, reads);
    return reads;
}

static void prepare_members(weir_engine *engine)
{
    const weir_plan *plan = engine->plan;
    engine->member_cells = weir_arena_array(&engine->arena, cell_list, plan->member_count);
    for (uint32_t m = 0; m < plan->member_count; m++) {
        uint32_t count = 0;
        engine->stamp++;
        collect(engine, plan->members[m].expr, &count);
        engine->member_cells[m].count = count;
        engine->member_cells[m].cells =
            weir_arena_copy(&engine->arena, engine->collected, count * sizeof *engine->collected);
    }
}

static void prepare_empty(weir_engine *engine)
{
    weir_read_point point = {.greatest_us = INT64_MIN, .scratch = &engine->arena};
    weir_bounds none = {0};
    for (uint32_t c = 0; c < engine->plan->cell_count; c++) {
        bool overflow = false;
        engine->empty[c] =
            weir_cell_read(NULL, layout_cell(engine, c), &none, &point, NULL, &overflow);
        WEIR_ASSERT(!overflow);
    }
}

static bool is_carried_or(const weir_expr *expr)
{
    return expr->op == WEIR_EXPR_COALESCE && expr->args[0]->op == WEIR_EXPR_CARRIED &&
           expr->args[1]->op == WEIR_EXPR_CONST && !weir_is_null(&expr->args[1]->constant);
}

static vector_columns prepare_vector(const weir_plan_vector *vector, weir_arena *into)
{
    vector_columns v = {.first = weir_arena_array(into, vector_column, vector->column_count + 1)};
    vector_column *at = v.first;
    for (uint32_t c = 0; c < vector->column_count; c++) {
        const weir_expr *expr = vector->columns[c].expr;
        if (expr->op == WEIR_EXPR_CARRIED)
            *at++ = (vector_column){.index = c, .carried = expr->index};
    }
    v.bare_end = at;
    for (uint32_t c = 0; c < vector->column_count; c++) {
        const weir_expr *expr = vector->columns[c].expr;
        if (is_carried_or(expr))
            *at++ = (vector_column){
                .index = c, .carried = expr->args[0]->index, .otherwise = &expr->args[1]->constant};
    }
    v.defaulted_end = at;
    for (uint32_t c = 0; c < vector->column_count; c++) {
        const weir_expr *expr = vector->columns[c].expr;
        if (expr->op != WEIR_EXPR_CARRIED && !is_carried_or(expr))
            *at++ = (vector_column){
                .index = c, .carried = WEIR_NONE, .flat = weir_flat_create(expr, into)};
    }
    v.end = at;
    return v;
}

static void prepare_vectors(weir_engine *engine)
{
    const weir_plan *plan = engine->plan;
    weir_arena *arena = &engine->arena;
    uint32_t columns_max = 0;
    engine->vectors = weir_arena_array(arena, vector_columns, plan->vector_count + 1);
    for (uint32_t v = 0; v < plan->vector_count; v++) {
        uint32_t count = plan->vectors[v].column_count;
        engine->vectors[v] = prepare_vector(&plan->vectors[v], arena);
        if (count > columns_max) columns_max = count;
    }
    engine->views = weir_arena_array(arena, const weir_value *, columns_max + 1);
}

weir_engine *weir_engine_create(const weir_plan *plan)
{
    weir_engine *engine = weir_memory_calloc(1, sizeof *engine);
    WEIR_ASSERT(engine != NULL);
    engine->plan = weir_plan_ref(plan);
    engine->layouts = weir_layouts_of(plan);
    weir_arena *arena = &engine->arena;
    engine->cells = weir_arena_array(arena, weir_value, plan->cell_count);
    engine->empty = weir_arena_array(arena, weir_value, plan->cell_count);
    engine->cell_overflow = weir_arena_array(arena, bool, plan->cell_count);
    engine->stamps = weir_arena_array(arena, uint64_t, plan->cell_count);
    engine->collected = weir_arena_array(arena, uint32_t, plan->cell_count);
    engine->bounds = weir_arena_array(arena, weir_bounds, plan->cell_count + 1);
    prepare_vectors(engine);
    engine->row_env.scratch = &engine->scratch;
    prepare_members(engine);
    prepare_empty(engine);
    engine->reads = weir_arena_array(arena, hop_reads *, plan->stream_count * WEIR_PLAN_HOPS_MAX);
    for (uint32_t s = 0; s < plan->stream_count; s++) {
        for (uint32_t h = 0; h < plan->streams[s].hop_count; h++) {
            engine->reads[s * WEIR_PLAN_HOPS_MAX + h] = prepare_hop(engine, s, h);
        }
    }
    return engine;
}

void weir_engine_destroy(weir_engine *engine)
{
    if (engine == NULL) return;
    weir_plan_unref(engine->plan);
    weir_arena_deinit(&engine->arena);
    weir_arena_deinit(&engine->scratch);
    weir_buffer_deinit(&engine->key);
    weir_buffer_deinit(&engine->own_key);
    weir_buffer_deinit(&engine->part);
    weir_memory_free(engine);
}

/* The canonical key of a composite view: the entity's fields, then the extra ones, each with its
 * length. */
static bool composite_key(weir_engine *engine, const weir_plan_view *view, weir_bytes entity_key,
                          const weir_expr *const *exprs, weir_expr_env *env, weir_buffer *out)
{
    weir_buffer_clear(out);
    if (engine->plan->entities[view->entity].key_count == 1)
        weir_buffer_put_varint(out, entity_key.size);
    weir_buffer_put(out, entity_key.data, entity_key.size);
    for (uint32_t i = 0; i < view->extra_key_count; i++) {
        weir_value value = weir_expr_eval(exprs[i], env);
        weir_buffer_clear(&engine->part);
        if (weir_is_null(&value) ||
            !weir_key_encode(&view->extra_key_types[i], &value, 1, &engine->part))
            return false;
        weir_buffer_put_varint(out, engine->part.size);
        weir_buffer_put(out, engine->part.data, engine->part.size);
    }
    return true;
}

/* The key under which a group reads, in *key_out; false: no row can match. */
static bool group_key(weir_engine *engine, const cell_group *group, weir_bytes entity_key,
                      const weir_value *self, weir_bytes *key_out)
{
    const weir_plan_view *view = &engine->plan->views[group->view];
    *key_out = entity_key;
    if (view->extra_key_count == 0) return true;
    if (group->key == NULL || self == NULL) return false;
    weir_expr_env env = {.self = self, .fields = self, .scratch = &engine->scratch};
    if (!composite_key(engine, view, entity_key, group->key->exprs, &env, &engine->key))
        return false;
    *key_out = (weir_bytes){engine->key.data, engine->key.size};
    return true;
}

/* The columns of the event as a row of the source, until the next one; NULL where the group's
 * `where` leaves it out. */
static const weir_value *const *row_of(weir_engine *engine, const weir_plan_view *view,
                                       const weir_plan_source *source, const weir_event *event)
{
    weir_expr_env *env = &engine->row_env;
    env->fields = event->fields;
    env->carried = event->carried;
    if (source->where != NULL) {
        weir_value room;
        const weir_value *passes = weir_expr_view(source->where, env, &room);
        if (passes->kind != WEIR_BOOL || !passes->as.boolean) return NULL;
    }
    for (uint32_t c = 0; c < view->column_count; c++) {
        const weir_expr *column = source->columns[c];
        engine->row[c] = column->op == WEIR_EXPR_FIELD
                             ? &event->fields[column->index]
                             : weir_expr_view(column, env, &engine->room[c]);
    }
    return engine->row;
}

/* `including this`: the trigger as a row, if it feeds the group under the key that is read. */
static bool own_row(weir_engine *engine, const cell_group *group, const weir_event *event,
                    weir_bytes key, weir_own_row *row_out)
{
    if (event == NULL) return false;
    const weir_plan_view *view = &engine->plan->views[group->view];
    const weir_value *const *values = row_of(engine, view, group->own, event);
    if (values == NULL) return false;
    if (view->extra_key_count > 0) {
        weir_buffer *own = &engine->own_key;
        if (!composite_key(engine, view, event->key, group->own->extra_keys, &engine->row_env, own))
            return false;
        if (own->size != key.size || memcmp(own->data, key.data, key.size) != 0) return false;
    }
    *row_out = (weir_own_row){event->et_us, &engine->layouts->views[group->view], values};
    return true;
}

static weir_plain_target target_of(weir_engine *engine, const weir_event *event)
{
    weir_plain_target to = {{engine->cells, NULL}, {engine->cell_overflow, NULL}};
    if (event == NULL) return to; /* a lookup: no cell is carried */
    to.values[1] = event->carried;
    to.overflows[1] = event->carried_overflow;
    return to;
}

static void read_cell(weir_key_state *state, const group_cell *c, const weir_bounds *bounds,
                      const weir_read_point *point, const weir_own_row *own,
                      const weir_plain_target *to)
{
    to->values[c->is_carried][c->place] =
        weir_cell_read(state, c->cell, bounds, point, c->with_own ? own : NULL,
                       &to->overflows[c->is_carried][c->place]);
}

/* Each plain cell by the general way. */
static void read_one_by_one(const weir_engine *engine, weir_key_state *state,
                            const cell_group *group, const plain_cells *plains,
                            const weir_read_point *point, const weir_own_row *own,
                            const weir_plain_target *to)
{
    for (uint32_t i = 0; i < plains->group.cell_count; i++) {
        const group_cell *c = &plains->cells[i];
        weir_bounds_request request = request_of(engine, group->view, c);
        weir_bounds bounds;
        weir_window_bounds(state, &engine->layouts->views[group->view], &request, 1, point, own,
                           &bounds);
        read_cell(state, c, &bounds, point, own, to);
    }
}

/* Cells that are not plain; without a row they say what they say of none. */
static void read_others(weir_engine *engine, weir_key_state *state, const cell_group *group,
                        const weir_read_point *point, const weir_own_row *own,
                        const weir_plain_target *to)
{
    bool is_empty = state == NULL && own == NULL;
    if (!is_empty)
        weir_window_bounds(state, &engine->layouts->views[group->view], group->bounds,
                           group->bounds_count, point, own, engine->bounds);
    for (uint32_t i = 0; i < group->cell_count; i++) {
        const group_cell *c = &group->cells[i];
        if (!is_empty) {
            read_cell(state, c, &engine->bounds[c->bounds], point, own, to);
            continue;
        }
        to->values[c->is_carried][c->place] = engine->empty[c->index];
        to->overflows[c->is_carried][c->place] = false;
    }
}

static weir_error *read_group(weir_engine *engine, const weir_state_port *port,
                              const cell_group *group, weir_bytes entity_key,
                              const weir_event *event, const weir_read_point *point)
{
    const weir_view_layout *layout = &engine->layouts->views[group->view];
    weir_bytes key;
    weir_key_state *state = NULL;
    bool has_key = port != NULL && group_key(engine, group, entity_key, point->self, &key);
    if (has_key) WEIR_TRY(port->find(port->context, group->view, key, &state));
    weir_own_row row;
    const weir_own_row *own =
        has_key && group->own != NULL && own_row(engine, group, event, key, &row) ? &row : NULL;
    weir_plain_target to = target_of(engine, event);
    for (uint32_t p = 0; p < group->plain_count; p++) {
        const plain_cells *plains = &group->plains[p];
        if (!weir_plain_read(state, layout, &plains->group, point, own, &to))
            read_one_by_one(engine, state, group, plains, point, own, &to);
    }
    if (group->cell_count > 0) read_others(engine, state, group, point, own, &to);
    return NULL;
}

/* Values of earlier hops of the same event may lie in the scratch arena: a chain in one process
 * keeps it. */
static void begin(weir_engine *engine, uint32_t hop)
{
    if (hop == 0 || hop <= engine->last_hop) weir_arena_reset(&engine->scratch);
    engine->last_hop = hop;
}

static weir_error *read_deferred(weir_engine *engine, const weir_state_port *port,
                                 const hop_reads *reads, const weir_expr *expr,
                                 const weir_event *event, const weir_read_point *point)
{
    for (uint32_t i = 0; i < reads->deferred_count; i++) {
        const cell_group *group = &reads->deferred[i];
        if (uses(expr, WEIR_EXPR_CELL, deferred_cell(group))) {
            WEIR_TRY(read_group(engine, port, group, event->key, event, point));
        }
    }
    return NULL;
}

/* The values that are computed from cells, this and each other. */
static weir_error *read_rest(weir_engine *engine, const weir_state_port *port,
                             const hop_reads *reads, const weir_event *event,
                             const weir_read_point *point)
{
    const weir_plan_stream *stream = &engine->plan->streams[event->stream];
    weir_expr_env env = {.fields = event->fields,
                         .self = event->fields,
                         .cells = engine->cells,
                         .cell_overflow = engine->cell_overflow,
                         .carried = event->carried,
                         .carried_overflow = event->carried_overflow,
                         .scratch = &engine->scratch};
    for (uint32_t r = 0; r < reads->rest_count; r++) {
        uint32_t index = reads->rest[r];
        const weir_expr *expr = stream->carried[index].expr;
        if (reads->deferred_count > 0)
            WEIR_TRY(read_deferred(engine, port, reads, expr, event, point));
        env.overflow = false;
        event->carried[index] = weir_expr_eval(expr, &env);
        event->carried_overflow[index] = env.overflow && weir_is_null(&event->carried[index]);
    }
    return NULL;
}

static weir_error *read_hop(weir_engine *engine, const weir_state_port *port, int64_t greatest_us,
                            const weir_event *event)
{
    const hop_reads *reads = engine->reads[event->stream * WEIR_PLAN_HOPS_MAX + event->hop];
    weir_read_point point = {.tau_us = event->et_us,
                             .greatest_us = greatest_us,
                             .self = event->fields,
                             .scratch = &engine->scratch};
    for (uint32_t g = 0; g < reads->group_count; g++) {
        WEIR_TRY(read_group(engine, port, &reads->groups[g], event->key, event, &point));
    }
    for (uint32_t r = 0; r < reads->bare_count; r++) {
        event->carried[reads->bare[r].carried] = engine->cells[reads->bare[r].cell];
        event->carried_overflow[reads->bare[r].carried] =
            engine->cell_overflow[reads->bare[r].cell];
    }
    return reads->rest_count == 0 ? NULL : read_rest(engine, port, reads, event, &point);
}

/* late_us: the least of what is read; INT64_MAX: nothing is. */
static bool horizon_of(const weir_shard_clock *clock, int64_t late_us, int64_t *horizon_us_out)
{
    return late_us != INT64_MAX && clock->greatest_et_us != INT64_MIN &&
           !__builtin_sub_overflow(clock->greatest_et_us, late_us, horizon_us_out);
}

bool weir_engine_hop_horizon(const weir_engine *engine, const weir_shard_clock *clock,
                             const weir_event *event, int64_t *horizon_us_out)
{
    const hop_reads *reads = engine->reads[event->stream * WEIR_PLAN_HOPS_MAX + event->hop];
    return reads->group_count + reads->deferred_count > 0 &&
           horizon_of(clock, reads->late_us, horizon_us_out);
}

weir_error *weir_engine_read(weir_engine *engine, const weir_state_port *port,
                             const weir_shard_clock *clock, const weir_event *event,
                             bool *beyond_horizon_out)
{
    int64_t horizon_us = 0;
    *beyond_horizon_out =
        weir_engine_hop_horizon(engine, clock, event, &horizon_us) && event->et_us < horizon_us;
    begin(engine, event->hop);
    return read_hop(engine, port, clock->greatest_et_us, event);
}

weir_error *weir_engine_read_absent(weir_engine *engine, const weir_event *event)
{
    begin(engine, event->hop);
    return read_hop(engine, NULL, INT64_MIN, event);
}

weir_error *weir_engine_apply(weir_engine *engine, const weir_state_port *port,
                              const weir_shard_clock *clock, const weir_event *event)
{
    const weir_plan *plan = engine->plan;
    const weir_plan_hop *hop = &plan->streams[event->stream].hops[event->hop];
    int64_t greatest_us =
        clock->greatest_et_us > event->et_us ? clock->greatest_et_us : event->et_us;
    for (uint32_t f = 0; f < hop->feed_count; f++) {
        const weir_plan_view *view = &plan->views[hop->feeds[f].view];
        const weir_plan_source *source = &view->sources[hop->feeds[f].source];
        const weir_value *const *row = row_of(engine, view, source, event);
        if (row == NULL) continue;
        weir_bytes key = event->key;
        if (view->extra_key_count > 0) {
            if (!composite_key(engine, view, event->key, source->extra_keys, &engine->row_env,
                               &engine->key))
                continue;
            key = (weir_bytes){engine->key.data, engine->key.size};
        }
        weir_key_state *state = NULL;
        WEIR_TRY(port->edit(port->context, hop->feeds[f].view, key, &state));
        weir_state_insert(state, event->et_us, row);
        weir_state_evict(state, greatest_us);
    }
    return NULL;
}

weir_error *weir_engine_is_duplicate(weir_engine *engine, const weir_state_port *port,
                                     const weir_event *event, bool *duplicate_out)
{
    const weir_plan_stream *stream = &engine->plan->streams[event->stream];
    *duplicate_out = false;
    if (stream->id_slot == WEIR_NONE || weir_is_null(&event->fields[stream->id_slot])) return NULL;
    weir_type type = stream->slot_types[stream->id_slot];
    type.optional = false;
    weir_buffer_clear(&engine->part);
    weir_value_encode(type, &event->fields[stream->id_slot], &engine->part);
    weir_key_state *state = NULL;
    WEIR_TRY(port->edit(port->context, WEIR_VIEW_IDS + event->stream, event->key, &state));
    weir_bytes id = {engine->part.data, engine->part.size};
    *duplicate_out = !weir_ids_keep(state, id, event->ingest_us);
    return NULL;
}

/* Lookups */

/* Reads the collected cells, view by view. */
static weir_error *read_collected(weir_engine *engine, const weir_state_port *port,
                                  const weir_lookup *lookup, uint32_t count,
                                  const weir_read_point *point)
{
    const weir_plan *plan = engine->plan;
    uint32_t *cells = engine->collected;
    for (uint32_t done = 0; done < count;) {
        uint32_t view = plan->cells[cells[done]].view, end = done + 1;
        for (uint32_t i = end; i < count; i++) { /* bring this view's cells together */
            if (plan->cells[cells[i]].view != view) continue;
            uint32_t cell = cells[i];
            cells[i] = cells[end];
            cells[end++] = cell;
        }
        cell_group group;
        bool has_key = lookup->stream != WEIR_NONE && plan->views[view].extra_key_count > 0;
        group_init(&group, view, has_key ? view_key(plan, view, lookup->stream) : NULL, end - done,
                   &engine->scratch);
        for (uint32_t i = done; i < end; i++)
            group_add(engine, &group, cells[i], false, &engine->scratch);
        WEIR_TRY(read_group(engine, port, &group, lookup->key, NULL, point));
        done = end;
    }
    return NULL;
}

weir_error *weir_engine_lookup(weir_engine *engine, const weir_state_port *port,
                               const weir_shard_clock *clock, const weir_lookup *lookup,
                               weir_value *values_out, bool *overflow_out)
{
    const weir_plan *plan = engine->plan;
    weir_arena_reset(&engine->scratch);
    weir_read_point point = {.tau_us = lookup->tau_us,
                             .greatest_us = clock->greatest_et_us,
                             .self = lookup->self,
                             .scratch = &engine->scratch};
    uint32_t count = 0;
    engine->stamp++;
    for (size_t m = 0; m < lookup->member_count; m++) {
        const cell_list *list = &engine->member_cells[lookup->members[m]];
        for (uint32_t i = 0; i < list->count; i++) {
            if (engine->stamps[list->cells[i]] == engine->stamp) continue;
            engine->stamps[list->cells[i]] = engine->stamp;
            engine->collected[count++] = list->cells[i];
        }
    }
    WEIR_TRY(read_collected(engine, port, lookup, count, &point));
    weir_expr_env env = {.self = lookup->self,
                         .fields = lookup->self,
                         .cells = engine->cells,
                         .cell_overflow = engine->cell_overflow,
                         .scratch = &engine->scratch};
    for (size_t m = 0; m < lookup->member_count; m++) {
        const weir_plan_member *member = &plan->members[lookup->members[m]];
        bool can_read = !member->uses_this || lookup->self != NULL;
        env.overflow = false;
        values_out[m] = can_read ? weir_expr_eval(member->expr, &env) : weir_null();
        overflow_out[m] = env.overflow && weir_is_null(&values_out[m]);
    }
    return NULL;
}

bool weir_engine_horizon(const weir_engine *engine, const weir_shard_clock *clock,
                         const uint32_t *members, size_t member_count, int64_t *horizon_us_out)
{
    int64_t late_us = INT64_MAX;
    for (size_t m = 0; m < member_count; m++) {
        const cell_list *list = &engine->member_cells[members[m]];
        for (uint32_t i = 0; i < list->count; i++) {
            uint32_t view = engine->plan->cells[list->cells[i]].view;
            int64_t of_view_us = engine->plan->views[view].late_us;
            if (of_view_us < late_us) late_us = of_view_us;
        }
    }
    return horizon_of(clock, late_us, horizon_us_out);
}

/* Columns are null because of an overflow rarely enough to be told in a second pass. */
static void tell_overflow(const vector_columns *v, const bool *carried_overflow, bool *overflow_out)
{
    for (const vector_column *c = v->first; c < v->bare_end; c++)
        overflow_out[c->index] = carried_overflow[c->carried];
    for (const vector_column *c = v->bare_end; c < v->defaulted_end; c++)
        overflow_out[c->index] = false;
    for (const vector_column *c = v->defaulted_end; c < v->end; c++)
        overflow_out[c->index] = c->overflow;
}

/* Returns whether there is an overflow. */
static bool compute_columns(weir_engine *engine, const vector_columns *v, const weir_event *event,
                            const weir_value **columns_out)
{
    bool has_overflow = false;
    weir_expr_env env = {.fields = event->fields,
                         .self = event->fields,
                         .carried = event->carried,
                         .carried_overflow = event->carried_overflow,
                         .scratch = &engine->scratch};
    for (vector_column *c = v->defaulted_end; c < v->end; c++) {
        env.overflow = false;
        columns_out[c->index] = weir_flat_run(c->flat, &env);
        c->overflow = env.overflow && weir_is_null(columns_out[c->index]);
        has_overflow |= c->overflow;
    }
    return has_overflow;
}

bool weir_engine_vector_view(weir_engine *engine, uint32_t vector, const weir_event *event,
                             const weir_value **columns_out, bool *overflow_out)
{
    const vector_columns *v = &engine->vectors[vector];
    const weir_value *carried = event->carried;
    const bool *carried_overflow = event->carried_overflow;
    WEIR_ASSERT(engine->plan->vectors[vector].stream == event->stream);
    bool has_overflow = false;
    for (const vector_column *c = v->first; c < v->bare_end; c++) {
        columns_out[c->index] = &carried[c->carried];
        has_overflow |= carried_overflow[c->carried];
    }
    for (const vector_column *c = v->bare_end; c < v->defaulted_end; c++) {
        const weir_value *value = &carried[c->carried];
        columns_out[c->index] = weir_is_null(value) ? c->otherwise : value;
    }
    if (v->defaulted_end < v->end) has_overflow |= compute_columns(engine, v, event, columns_out);
    if (has_overflow) tell_overflow(v, carried_overflow, overflow_out);
    return has_overflow;
}

void weir_engine_vector(weir_engine *engine, uint32_t vector, const weir_event *event,
                        weir_value *values_out, bool *overflow_out)
{
    uint32_t count = engine->plan->vectors[vector].column_count;
    memset(overflow_out, 0, count * sizeof *overflow_out);
    (void)weir_engine_vector_view(engine, vector, event, engine->views, overflow_out);
    for (uint32_t c = 0; c < count; c++)
        values_out[c] = *engine->views[c];
}
