/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/order.h"

#include "ops/runtime/assert.h"

/* A list of places. */
typedef struct edge {
    uint32_t to;
    struct edge *next;
} edge;

/* Adds where the expression's leaves of that kind lie, as far as `place_of` knows. */
static void add_edges(weir_arena *into, const weir_expr *expr, weir_expr_op op,
                      const uint32_t *place_of, edge **list)
{
    if (expr == NULL) return;
    if (expr->op == op && place_of[expr->index] != WEIR_NONE) {
        edge *made = weir_arena_new(into, edge);
        *made = (edge){place_of[expr->index], *list};
        *list = made;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        add_edges(into, expr->args[i], op, place_of, list);
}

/* Which of the values the trigger's row needs where the deferred cell looks at it. */
static edge *own_row_needs(const weir_plan *plan, const weir_deferred_cell *deferred,
                           const uint32_t *place_of, weir_arena *into)
{
    const weir_plan_cell *cell = &plan->cells[deferred->cell];
    const weir_plan_view *view = &plan->views[cell->view];
    edge *needs = NULL;
    add_edges(into, deferred->own->where, WEIR_EXPR_CARRIED, place_of, &needs);
    for (uint32_t i = 0; i < view->extra_key_count; i++)
        add_edges(into, deferred->own->extra_keys[i], WEIR_EXPR_CARRIED, place_of, &needs);
    for (uint32_t c = 0; c < view->column_count; c++)
        if (weir_plan_cell_asks(cell, c))
            add_edges(into, deferred->own->columns[c], WEIR_EXPR_CARRIED, place_of, &needs);
    return needs;
}

static uint32_t *no_places(weir_arena *into, uint32_t count)
{
    uint32_t *places = weir_arena_array(into, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        places[i] = WEIR_NONE;
    return places;
}

static bool is_ready(const edge *cells, edge *const *needs, const bool *is_done)
{
    for (; cells != NULL; cells = cells->next)
        for (const edge *need = needs[cells->to]; need != NULL; need = need->next)
            if (!is_done[need->to]) return false;
    return true;
}

const uint32_t *weir_order_values(const weir_order_request *request, weir_arena *into,
                                  weir_arena *scratch)
{
    const weir_plan *plan = request->plan;
    uint32_t count = request->value_count, done = 0;
    uint32_t *place_of = no_places(scratch, request->stream->carried_count),
             *deferred_of = no_places(scratch, plan->cell_count);
    edge **needs = weir_arena_array(scratch, edge *, request->deferred_count + 1),
         **cells = weir_arena_array(scratch, edge *, count + 1);
    for (uint32_t v = 0; v < count; v++)
        place_of[request->values[v]] = v;
    for (uint32_t d = 0; d < request->deferred_count; d++) {
        deferred_of[request->deferred[d].cell] = d;
        needs[d] = own_row_needs(plan, &request->deferred[d], place_of, scratch);
    }
    for (uint32_t v = 0; v < count; v++)
        add_edges(scratch, request->stream->carried[request->values[v]].expr, WEIR_EXPR_CELL,
                  deferred_of, &cells[v]);
    uint32_t *order = weir_arena_array(into, uint32_t, count + 1);
    bool *is_done = weir_arena_array(scratch, bool, count + 1);
    while (done < count) {
        uint32_t before = done;
        for (uint32_t v = 0; v < count; v++) {
            if (is_done[v] || !is_ready(cells[v], needs, is_done)) continue;
            is_done[v] = true;
            order[done++] = request->values[v];
        }
        WEIR_ASSERT(done > before);
    }
    return order;
}
