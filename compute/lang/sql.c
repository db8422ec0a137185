/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement: one WITH query per view of rows (rows_V: the events as the group sees them), per
 * cell (cell_S_C: an aggregate for each event of stream S) and per value that another feature needs
 * at a past event (value_S_I), then the feature's own expression. What rows hold of other features'
 * values stands in rows of the cell that asks for it (rows_V_C): those features may be of the same
 * view, and SQL knows no circle.
 */
#include "compute/lang/sql.h"

#include <string.h>

#include "compute/lang/sql_internal.h"
#include "ops/runtime/assert.h"

static void need_value(weir_sql *sql, uint32_t stream, uint32_t carried);

/* ---- names ---- */

/* "tx_by_card_merchant" */
static const char *view_name(weir_sql *sql, uint32_t stream, uint32_t entity)
{
    const weir_plan_entity *planned = &sql->plan->entities[entity];
    const char *name = weir_arena_printf(sql->into, "%s_by", sql->plan->streams[stream].name);
    for (uint32_t k = 0; k < planned->key_count; k++)
        name = weir_arena_printf(sql->into, "%s_%s", name, planned->key_names[k]);
    return name;
}

static const weir_plan_hop *hop_of(const weir_plan_stream *stream, uint32_t entity)
{
    for (uint32_t h = 0; h < stream->hop_count; h++)
        if (stream->hops[h].entity == entity) return &stream->hops[h];
    return NULL;
}

/* ---- the rows of a view ---- */

static void collect_carried(const weir_expr *expr, bool *is_used)
{
    if (expr->op == WEIR_EXPR_CARRIED) is_used[expr->index] = true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        collect_carried(expr->args[i], is_used);
}

static bool uses(const weir_expr *expr, weir_expr_op op)
{
    bool is_used = expr->op == op;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        is_used = is_used || uses(expr->args[i], op);
    return is_used;
}

/* Is it made of other features' values? */
static bool is_nested(const weir_plan_view *view, uint32_t column)
{
    for (uint32_t i = 0; i < view->source_count; i++)
        if (uses(view->sources[i].columns[column], WEIR_EXPR_CARRIED)) return true;
    return false;
}

/* Does it need rows of its own? */
static bool asks_nested(const weir_plan_view *view, const weir_plan_cell *cell)
{
    for (uint32_t c = 0; c < view->column_count; c++)
        if (weir_plan_cell_asks(cell, c) && is_nested(view, c)) return true;
    return false;
}

/* Whether the column stands in the rows that the cell reads; NULL: in those that cells share. */
static bool has_column(const weir_plan_view *view, const weir_plan_cell *cell, uint32_t column)
{
    return cell == NULL ? !is_nested(view, column) : weir_plan_cell_asks(cell, column);
}

static void put_source(weir_sql *sql, const weir_plan_view *view, const weir_plan_cell *cell,
                       const weir_plan_source *source, weir_buffer *out)
{
    const weir_plan_stream *stream = &sql->plan->streams[source->stream];
    const weir_plan_hop *hop = &stream->hops[source->hop];
    weir_sql_scope scope = {.stream = stream, .fields = "s", .self = "s"};
    bool *used = weir_arena_array(sql->into, bool, stream->carried_count + 1);
    weir_buffer_put_text(out, "  SELECT s.event, s.seq, s.et");
    for (uint32_t k = 0; k < sql->plan->entities[view->entity].key_count; k++) {
        weir_buffer_put_text(out, ", s.");
        weir_sql_name(sql, stream->slot_paths[hop->key_slots[k]], out);
        weir_buffer_printf(out, " AS k%u", k);
    }
    for (uint32_t i = 0; i < view->extra_key_count; i++) {
        weir_buffer_put_text(out, ", ");
        weir_sql_expr(sql, &scope, source->extra_keys[i], out);
        weir_buffer_printf(out, " AS x%u", i);
        collect_carried(source->extra_keys[i], used);
    }
    for (uint32_t i = 0; i < view->column_count; i++) {
        if (!has_column(view, cell, i)) continue;
        weir_buffer_put_text(out, ", ");
        weir_sql_expr(sql, &scope, source->columns[i], out);
        weir_buffer_printf(out, " AS c%u", i);
        collect_carried(source->columns[i], used);
    }
    weir_buffer_put_text(out, "\n  FROM ");
    weir_sql_name(sql, view_name(sql, source->stream, view->entity), out);
    weir_buffer_put_text(out, " s");
    if (source->where != NULL) collect_carried(source->where, used);
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        if (!used[i]) continue;
        need_value(sql, source->stream, i);
        weir_buffer_printf(out, "\n  LEFT JOIN value_%u_%u v%u ON v%u.event = s.event",
                           source->stream, i, i, i);
    }
    if (source->where == NULL) return;
    weir_buffer_put_text(out, "\n  WHERE ");
    weir_sql_expr(sql, &scope, source->where, out);
}

static void put_rows(weir_sql *sql, const char *name, const weir_plan_view *view,
                     const weir_plan_cell *cell)
{
    weir_buffer text = {0};
    for (uint32_t i = 0; i < view->source_count; i++) {
        if (i > 0) weir_buffer_put_text(&text, "\n  UNION ALL\n");
        put_source(sql, view, cell, &view->sources[i], &text);
    }
    weir_buffer_printf(&sql->with, "%s AS (\n", name);
    weir_buffer_put(&sql->with, text.data, text.size);
    weir_buffer_put_text(&sql->with, "\n),\n");
    weir_buffer_deinit(&text);
}

/* The rows that the cell reads. */
static const char *need_rows(weir_sql *sql, uint32_t cell_index)
{
    const weir_plan_cell *cell = &sql->plan->cells[cell_index];
    const weir_plan_view *view = &sql->plan->views[cell->view];
    bool is_own = asks_nested(view, cell);
    const char *name = is_own ? weir_arena_printf(sql->into, "rows_%u_%u", cell->view, cell_index)
                              : weir_arena_printf(sql->into, "rows_%u", cell->view);
    bool *has = is_own ? &sql->has_own_rows[cell_index] : &sql->has_rows[cell->view];
    if (!*has) {
        *has = true;
        put_rows(sql, name, view, is_own ? cell : NULL);
    }
    return name;
}

/* ---- a cell ---- */

static void collect_this(const weir_expr *expr, bool *is_used)
{
    if (expr->op == WEIR_EXPR_THIS) is_used[expr->index] = true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        collect_this(expr->args[i], is_used);
}

static void put_moment(const weir_plan_window *window, weir_buffer *out)
{
    if (window->delay_us == 0)
        weir_buffer_put_text(out, "t.et");
    else
        weir_buffer_printf(out, "(t.et - %lld)", (long long)window->delay_us);
}

/* tau - w, or the step at or before tau, less w (R5, R6). */
static void put_lower_bound(const weir_plan_window *window, weir_buffer *out)
{
    weir_buffer_put_text(out, " AND e.et > ");
    put_moment(window, out);
    if (window->step_us > 0) {
        long long step = window->step_us;
        weir_buffer_put_text(out, " - ((");
        put_moment(window, out);
        weir_buffer_printf(out, " %% %lld + %lld) %% %lld)", step, step, step);
    }
    weir_buffer_printf(out, " - %lld", (long long)window->width_us);
}

static const weir_plan_view_key *extra_key(const weir_plan *plan, uint32_t view, uint32_t stream)
{
    for (uint32_t i = 0; i < plan->view_key_count; i++)
        if (plan->view_keys[i].view == view && plan->view_keys[i].stream == stream)
            return &plan->view_keys[i];
    return NULL;
}

static void put_join(weir_sql *sql, uint32_t stream_index, const weir_plan_cell *cell,
                     const char *rows, weir_buffer *out)
{
    const weir_plan_stream *stream = &sql->plan->streams[stream_index];
    const weir_plan_view *view = &sql->plan->views[cell->view];
    const weir_plan_hop *hop = hop_of(stream, view->entity);
    weir_sql_scope scope = {.stream = stream, .fields = "t", .self = "t"};
    weir_buffer_printf(out, "    LEFT JOIN %s e ON ", rows);
    for (uint32_t k = 0; k < sql->plan->entities[view->entity].key_count; k++) {
        weir_buffer_printf(out, "%se.k%u = t.", k > 0 ? " AND " : "", k);
        weir_sql_name(sql, stream->slot_paths[hop->key_slots[k]], out);
    }
    const weir_plan_view_key *key = extra_key(sql->plan, cell->view, stream_index);
    if (view->extra_key_count > 0 && key == NULL)
        weir_sql_fail(sql, "events of %s do not have what it compares with `this`", stream->name);
    for (uint32_t i = 0; key != NULL && i < view->extra_key_count; i++) {
        weir_buffer_printf(out, " AND e.x%u = ", i);
        weir_sql_expr(sql, &scope, key->exprs[i], out);
    }
    weir_buffer_printf(
        out, "\n      AND e.seq %s t.seq AND e.et <= ", cell->including_this ? "<=" : "<");
    put_moment(&cell->window, out);
    if (cell->window.kind == WEIR_WINDOW_TIME) put_lower_bound(&cell->window, out);
}

/* Rows of other entities' values may be late; what counts is chosen after the window (R6). */
static const char *chosen(weir_sql *sql, const weir_plan_stream *stream, const weir_plan_cell *cell)
{
    weir_buffer text = {0};
    weir_sql_scope scope = {.stream = stream, .fields = "r", .self = "r", .self_is_numbered = true};
    weir_buffer_put_text(&text, "r.e_seq IS NOT NULL");
    if (cell->window.kind == WEIR_WINDOW_LAST)
        weir_buffer_printf(&text, " AND r.place <= %u", cell->window.count);
    if (cell->filter != WEIR_NONE) weir_buffer_printf(&text, " AND r.c%u", cell->filter);
    if (cell->read_filter != NULL) {
        weir_buffer_put_text(&text, " AND ");
        weir_sql_expr(sql, &scope, cell->read_filter, &text);
    }
    const char *copy = weir_arena_string(sql->into, (const char *)text.data, text.size);
    weir_buffer_deinit(&text);
    return copy;
}

static void put_cell(weir_sql *sql, uint32_t stream_index, const weir_plan_cell *cell,
                     const char *rows, weir_buffer *out)
{
    const weir_plan_stream *stream = &sql->plan->streams[stream_index];
    const weir_plan_view *view = &sql->plan->views[cell->view];
    bool *used = weir_arena_array(sql->into, bool, stream->slot_count + 1);
    if (cell->read_filter != NULL) collect_this(cell->read_filter, used);
    const char *counts = chosen(sql, stream, cell);
    weir_buffer_put_text(out, "  SELECT q.event, ");
    weir_sql_aggregate(sql, cell, out);
    weir_buffer_printf(
        out, " AS v\n  FROM (SELECT r.event, r.e_et, r.e_seq, CASE WHEN %s THEN 1 END AS n",
        counts);
    if (cell->binding.arg_count > 0)
        weir_buffer_printf(out, ", CASE WHEN %s THEN r.c%u END AS x", counts, cell->args[0]);
    weir_buffer_put_text(out, " FROM (\n    SELECT t.event AS event, e.seq AS e_seq, e.et AS e_et");
    for (uint32_t i = 0; i < view->column_count; i++)
        if (has_column(view, asks_nested(view, cell) ? cell : NULL, i))
            weir_buffer_printf(out, ", e.c%u", i);
    for (uint32_t s = 0; s < stream->slot_count; s++) {
        if (!used[s]) continue;
        weir_buffer_put_text(out, ", t.");
        weir_sql_name(sql, stream->slot_paths[s], out);
        weir_buffer_printf(out, " AS this_%u", s);
    }
    if (cell->window.kind == WEIR_WINDOW_LAST)
        weir_buffer_put_text(
            out,
            ", ROW_NUMBER() OVER (PARTITION BY t.event ORDER BY e.et DESC, e.seq DESC) AS place");
    weir_buffer_put_text(out, "\n    FROM ");
    weir_sql_name(sql, view_name(sql, stream_index, view->entity), out);
    weir_buffer_put_text(out, " t\n");
    put_join(sql, stream_index, cell, rows, out);
    weir_buffer_put_text(out, "\n  ) r) q\n  GROUP BY q.event");
}

static void need_cell(weir_sql *sql, uint32_t stream, uint32_t index)
{
    const weir_plan_cell *cell = &sql->plan->cells[index];
    bool *has = &sql->has_cell[stream * sql->plan->cell_count + index];
    bool is_printed = cell->window.kind == WEIR_WINDOW_TIME ||
                      cell->window.kind == WEIR_WINDOW_EVER ||
                      cell->window.kind == WEIR_WINDOW_LAST;
    if (*has) return;
    *has = true;
    if (!is_printed) {
        weir_sql_fail(sql, "its kind of window has no SQL here");
        return;
    }
    if (hop_of(&sql->plan->streams[stream], sql->plan->views[cell->view].entity) == NULL) {
        weir_sql_fail(sql, "stream %s is not observed by its entity",
                      sql->plan->streams[stream].name);
        return;
    }
    const char *rows = need_rows(sql, index);
    weir_buffer text = {0};
    put_cell(sql, stream, cell, rows, &text);
    weir_buffer_printf(&sql->with, "cell_%u_%u AS (\n", stream, index);
    weir_buffer_put(&sql->with, text.data, text.size);
    weir_buffer_put_text(&sql->with, "\n),\n");
    weir_buffer_deinit(&text);
}

/* ---- a value of an event ---- */

static void collect_cells(const weir_expr *expr, bool *is_used)
{
    if (expr->op == WEIR_EXPR_CELL) is_used[expr->index] = true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        collect_cells(expr->args[i], is_used);
}

/* "FROM tx_by_card t LEFT JOIN cell_0_3 c3 ON .." of what `expr` reads. */
static void put_from(weir_sql *sql, uint32_t stream, uint32_t entity, const weir_expr *expr,
                     weir_buffer *out)
{
    bool *used = weir_arena_array(sql->into, bool, sql->plan->cell_count + 1);
    collect_cells(expr, used);
    weir_buffer_put_text(out, "FROM ");
    weir_sql_name(sql, view_name(sql, stream, entity), out);
    weir_buffer_put_text(out, " t");
    for (uint32_t i = 0; i < sql->plan->cell_count; i++) {
        if (!used[i]) continue;
        need_cell(sql, stream, i);
        weir_buffer_printf(out, "\nLEFT JOIN cell_%u_%u c%u ON c%u.event = t.event", stream, i, i,
                           i);
    }
}

static void need_value(weir_sql *sql, uint32_t stream, uint32_t index)
{
    const weir_plan_stream *planned = &sql->plan->streams[stream];
    const weir_plan_carried *carried = &planned->carried[index];
    bool *has = &sql->has_value[stream * sql->carried_most + index];
    if (*has) return;
    *has = true;
    weir_sql_scope scope = {.stream = planned, .fields = "t", .self = "t"};
    weir_buffer text = {0};
    weir_buffer_printf(&text, "value_%u_%u AS (\nSELECT t.event, ", stream, index);
    weir_sql_expr(sql, &scope, carried->expr, &text);
    weir_buffer_put_text(&text, " AS v\n");
    put_from(sql, stream, planned->hops[carried->hop].entity, carried->expr, &text);
    weir_buffer_put_text(&text, "\n),\n");
    weir_buffer_put(&sql->with, text.data, text.size);
    weir_buffer_deinit(&text);
}

/* ---- the statement ---- */

static const weir_plan_carried *carried_by(const weir_plan_stream *stream, uint32_t member)
{
    for (uint32_t i = 0; i < stream->carried_count; i++)
        if (stream->carried[i].member == member) return &stream->carried[i];
    return NULL;
}

uint32_t weir_sql_stream(const weir_plan *plan, uint32_t member)
{
    for (uint32_t s = 0; s < plan->stream_count; s++)
        if (carried_by(&plan->streams[s], member) != NULL) return s;
    if (plan->members[member].uses_this) return plan->members[member].this_stream;
    for (uint32_t s = 0; s < plan->stream_count; s++)
        if (hop_of(&plan->streams[s], plan->members[member].entity) != NULL) return s;
    return WEIR_NONE;
}

static const weir_expr *expr_for(weir_sql *sql, uint32_t member, uint32_t stream)
{
    const weir_plan_member *planned = &sql->plan->members[member];
    const weir_plan_carried *carried = carried_by(&sql->plan->streams[stream], member);
    if (carried != NULL) return carried->expr;
    if (!planned->uses_this || planned->this_stream == stream) return planned->expr;
    weir_sql_fail(sql, "no vector on stream %s shows it, and it uses `this`",
                  sql->plan->streams[stream].name);
    return NULL;
}

static void put_statement(weir_sql *sql, const weir_plan_member *member, uint32_t stream,
                          const weir_expr *expr, weir_buffer *out)
{
    weir_sql_scope scope = {.stream = &sql->plan->streams[stream], .fields = "t", .self = "t"};
    weir_buffer text = {0};
    weir_buffer_put_text(&text, "SELECT t.event, t.seq, ");
    weir_sql_expr(sql, &scope, expr, &text);
    weir_buffer_put_text(&text, " AS ");
    weir_sql_name(sql, member->column, &text);
    weir_buffer_put_u8(&text, '\n');
    put_from(sql, stream, member->entity, expr, &text);
    if (sql->problem == NULL && sql->with.size > 0) {
        weir_buffer_put_text(out, "WITH\n");
        weir_buffer_put(out, sql->with.data, sql->with.size - 2); /* the last comma */
        weir_buffer_put_u8(out, '\n');
    }
    if (sql->problem == NULL) weir_buffer_put(out, text.data, text.size);
    weir_buffer_deinit(&text);
}

const char *weir_sql_member(const weir_plan *plan, uint32_t member, uint32_t stream,
                            weir_sql_dialect dialect, weir_arena *into, weir_buffer *out)
{
    WEIR_ASSERT(member < plan->member_count);
    weir_sql sql = {.plan = plan, .dialect = dialect, .into = into};
    for (uint32_t s = 0; s < plan->stream_count; s++) {
        if (plan->streams[s].carried_count > sql.carried_most)
            sql.carried_most = plan->streams[s].carried_count;
    }
    sql.has_rows = weir_arena_array(into, bool, plan->view_count + 1);
    sql.has_own_rows = weir_arena_array(into, bool, plan->cell_count + 1);
    sql.has_cell = weir_arena_array(into, bool, plan->stream_count * plan->cell_count + 1);
    sql.has_value = weir_arena_array(into, bool, plan->stream_count *sql.carried_most + 1);
    if (stream == WEIR_NONE) stream = weir_sql_stream(plan, member);
    if (stream == WEIR_NONE || hop_of(&plan->streams[stream], plan->members[member].entity) == NULL)
        return "no stream of events is observed by its entity";
    const weir_expr *expr = expr_for(&sql, member, stream);
    if (expr != NULL) put_statement(&sql, &plan->members[member], stream, expr, out);
    weir_buffer_deinit(&sql.with);
    return sql.problem;
}
