/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/engine/read.h"

#include <string.h>

#include "ops/runtime/assert.h"

/* The trigger's row as columns of one row. Texts get numbers of the log's table, given back when
 * done. */
typedef struct own_columns {
    weir_rows rows;
    weir_texts *texts;
    uint32_t retained[3];
    uint32_t retained_count;
    weir_texts own_texts; /* where there is no log */
} own_columns;

typedef struct evaluation {
    weir_key_state *state;
    const weir_layout_cell *cell;
    const weir_bounds *bounds;
    const weir_read_point *point;
    weir_rows rows;   /* of the log */
    own_columns *own; /* or NULL */
    weir_acc_context context;
} evaluation;

static weir_column own_column(own_columns *own, const weir_own_row *row, uint32_t index,
                              weir_arena *scratch)
{
    const weir_layout_column *c = &row->layout->columns[index];
    uint8_t *values = weir_arena_alloc(scratch, c->width);
    uint8_t *nulls = c->null_offset == WEIR_NONE ? NULL : weir_arena_calloc(scratch, 1, 1);
    weir_column_set(c->type, values, nulls, own->texts, 0, row->values[index]);
    weir_column column = {.type = c->type,
                          .layout = c->layout,
                          .values = values,
                          .nulls = nulls,
                          .texts = own->texts};
    if (c->layout == WEIR_LAYOUT_TEXT && !weir_column_is_null(&column, 0)) {
        own->retained[own->retained_count++] = *(const uint32_t *)(const void *)values;
    }
    return column;
}

static void own_init(own_columns *own, weir_key_state *state, const weir_plan_cell *cell,
                     const weir_own_row *row, weir_arena *scratch)
{
    *own = (own_columns){0};
    weir_texts_init(&own->own_texts);
    own->texts = state != NULL ? weir_state_rest_of(state)->texts : &own->own_texts;
    own->rows.times = &row->time_us;
    for (uint32_t i = 0; i < cell->binding.arg_count; i++) {
        own->rows.args[i] = own_column(own, row, cell->args[i], scratch);
    }
    if (cell->filter != WEIR_NONE)
        own->rows.filter = own_column(own, row, cell->filter, scratch).values;
}

static void own_deinit(own_columns *own)
{
    for (uint32_t i = 0; i < own->retained_count; i++)
        weir_texts_release(own->texts, own->retained[i]);
    weir_texts_deinit(&own->own_texts);
}

/* `where` that compares with `this`: evaluated now, over the stored columns. */
static bool passes_now(const weir_expr *filter, const weir_value *columns,
                       const weir_read_point *point)
{
    weir_expr_env env = {.columns = columns, .self = point->self, .scratch = point->scratch};
    weir_value passes = weir_expr_eval(filter, &env);
    return passes.kind == WEIR_BOOL && passes.as.boolean;
}

static bool own_passes_now(const weir_expr *filter, const weir_own_row *own,
                           const weir_read_point *point)
{
    weir_value columns[WEIR_PLAN_COLUMNS_MAX];
    for (uint32_t c = 0; c < own->layout->column_count; c++)
        columns[c] = *own->values[c];
    return passes_now(filter, columns, point);
}

static const uint8_t *read_filter(const weir_key_state *state, const weir_plan_cell *cell,
                                  const weir_rows *rows, const weir_bounds *bounds,
                                  const weir_read_point *point)
{
    const weir_view_layout *layout = state->layout;
    weir_value columns[WEIR_PLAN_COLUMNS_MAX];
    weir_column views[WEIR_PLAN_COLUMNS_MAX];
    uint8_t *passes = weir_arena_alloc(point->scratch, bounds->high + 1);
    for (uint32_t c = 0; c < layout->column_count; c++)
        views[c] = weir_state_column(state, c);
    for (uint32_t i = bounds->low; i < bounds->high; i++) {
        passes[i] = 0;
        if (!weir_rows_pass(rows, i)) continue;
        for (uint32_t c = 0; c < layout->column_count; c++) {
            columns[c] =
                weir_column_open(views[c].type, weir_column_get(&views[c], i), point->scratch);
        }
        passes[i] = passes_now(cell->read_filter, columns, point);
    }
    return passes;
}

/* Adds the rows of [from, to) of the log and the trigger's own row, in their order. */
static void add_in_order(const evaluation *e, const weir_acc_ops *ops, void *acc, uint32_t from,
                         uint32_t to)
{
    const weir_agg_binding *binding = &e->cell->cell->binding;
    uint32_t split = to;
    if (e->own != NULL)
        split = e->bounds->own_at < from ? from : e->bounds->own_at > to ? to : e->bounds->own_at;
    if (from < split) ops->add(binding, acc, &e->rows, from, split);
    if (e->own != NULL) ops->add(binding, acc, &e->own->rows, 0, 1);
    if (split < to) ops->add(binding, acc, &e->rows, split, to);
}

/* What an accumulator says, copied to where it may stay. */
static weir_value result_of(evaluation *e, const weir_acc_ops *ops, const void *acc)
{
    weir_value value = ops->result(acc, &e->context);
    return weir_value_copy(&value, e->point->scratch);
}

static void start_running(const evaluation *e, void *acc)
{
    const weir_layout_cell *cell = e->cell;
    memset(acc, 0, cell->running_size);
    bool has_left = cell->running_offset != WEIR_NONE && e->state != NULL &&
                    weir_state_rest_of(e->state)->running != NULL;
    if (!has_left) return;
    const void *left = weir_state_rest_of(e->state)->running + cell->running_offset;
    if (cell->running->copy != NULL) {
        cell->running->copy(&cell->cell->binding, left, acc);
    } else {
        memcpy(acc, left, cell->running_size);
    }
}

static weir_value scan(evaluation *e)
{
    const weir_layout_cell *cell = e->cell;
    const weir_agg_binding *binding = &cell->cell->binding;
    size_t from = e->bounds->low, to = e->bounds->high;
    void *acc = weir_arena_alloc(e->point->scratch, cell->running_size);
    start_running(e, acc);
    if (binding->agg->narrow != NULL && from < to)
        binding->agg->narrow(binding, &e->rows, &from, &to);
    add_in_order(e, cell->running, acc, (uint32_t)from, (uint32_t)to);
    weir_value value = result_of(e, cell->running, acc);
    if (cell->running->deinit != NULL) cell->running->deinit(binding, acc);
    return value;
}

/* From the sliding accumulator, with the trigger's own row put in for a moment. */
static weir_value slide(evaluation *e)
{
    const weir_layout_cell *cell = e->cell;
    const weir_agg_binding *binding = &cell->cell->binding;
    weir_warm_move(e->state, cell->window, e->bounds->low, e->bounds->high);
    void *acc = weir_warm_acc(e->state, cell);
    if (e->own == NULL) return result_of(e, cell->sliding, acc);
    if (cell->sliding->remove != NULL) {
        cell->sliding->add(binding, acc, &e->own->rows, 0, 1);
        weir_value value = result_of(e, cell->sliding, acc);
        cell->sliding->remove(binding, acc, &e->own->rows, 0, 1);
        return value;
    }
    void *copy = weir_arena_alloc(e->point->scratch, cell->running_size);
    cell->sliding->copy(binding, acc, copy);
    cell->sliding->add(binding, copy, &e->own->rows, 0, 1);
    weir_value value = result_of(e, cell->sliding, copy);
    if (cell->sliding->deinit != NULL) cell->sliding->deinit(binding, copy);
    return value;
}

static bool is_warm(const evaluation *e)
{
    if (e->cell->sliding == NULL || e->state == NULL) return false;
    uint32_t rows = e->bounds->high - e->bounds->low;
    switch (e->state->layout->all->tuning.warm) {
    case WEIR_FORM_ALWAYS: return true;
    case WEIR_FORM_NEVER: return false;
    default: return rows > WEIR_STATE_SCAN_ROWS;
    }
}

weir_value weir_cell_read(weir_key_state *state, const weir_layout_cell *cell,
                          const weir_bounds *bounds, const weir_read_point *point,
                          const weir_own_row *own, bool *overflow_out)
{
    const weir_plan_cell *planned = cell->cell;
    weir_value value;
    if (weir_cell_read_fast(state, cell, bounds, own, &value, overflow_out)) return value;
    evaluation e = {.state = state, .cell = cell, .bounds = bounds, .point = point};
    bool has_own = own != NULL && bounds->has_own && planned->including_this;
    bool is_time = planned->window.kind == WEIR_WINDOW_TIME;
    e.context = (weir_acc_context){.binding = &planned->binding,
                                   .scratch = point->scratch,
                                   .tau_us = point->tau_us,
                                   .width_us = is_time ? planned->window.width_us : 0};
    if (has_own && planned->read_filter != NULL)
        has_own = own_passes_now(planned->read_filter, own, point);
    own_columns own_row;
    if (has_own) {
        own_init(&own_row, state, planned, own, point->scratch);
        e.own = &own_row;
    }
    if (state != NULL) {
        e.rows = weir_state_rows(state, planned);
        if (planned->read_filter != NULL)
            e.rows.filter = read_filter(state, planned, &e.rows, bounds, point);
    }
    value = is_warm(&e) ? slide(&e) : scan(&e);
    if (has_own) own_deinit(&own_row);
    *overflow_out = e.context.overflow;
    return value;
}
