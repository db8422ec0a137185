/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/explain.h"

#include <string.h>

#include "compute/engine/specimen.h"
#include "schemas/json_value.h"

/* ---- Small things ---- */

static void put_duration(weir_buffer *out, int64_t us)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"d", INT64_C(86400000000)},
                 {"h", INT64_C(3600000000)},
                 {"m", 60000000},
                 {"s", 1000000},
                 {"ms", 1000},
                 {"us", 1}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (us % units[i].us != 0 || (us == 0 && i + 3 < sizeof units / sizeof units[0])) continue;
        weir_buffer_printf(out, "%lld%s", (long long)(us / units[i].us), units[i].name);
        return;
    }
}

static void put_type(weir_buffer *out, weir_type type)
{
    weir_arena scratch = {0};
    weir_buffer_put_text(out, weir_type_print(type, &scratch));
    weir_arena_deinit(&scratch);
}

static void put_member_name(const weir_plan_member *member, weir_buffer *out)
{
    weir_buffer_printf(out, "%s.%s", member->group, member->feature);
    if (member->suffix[0] != '\0') weir_buffer_printf(out, "[%s]", member->suffix);
}

/* ---- Sizes ---- */

/* The line through two specimens that are stored in one part. */
static weir_explain_line line_of(const weir_plan *plan, uint32_t view, int64_t unit_us)
{
    weir_state_sizes few = weir_specimen_weigh(plan, view, 10, unit_us);
    weir_state_sizes more = weir_specimen_weigh(plan, view, WEIR_EXPLAIN_EVENTS, unit_us);
    weir_explain_line line = {.key_bytes = (double)few.stored_bytes};
    if (more.rows <= few.rows) return line; /* ids of a type that has not so many */
    line.event_bytes =
        (double)(more.stored_bytes - few.stored_bytes) / (double)(more.rows - few.rows);
    line.key_bytes -= line.event_bytes * (double)few.rows;
    return line;
}

weir_explain_line weir_explain_view_bytes(const weir_plan *plan, uint32_t view)
{
    return line_of(plan, view, WEIR_SPECIMEN_SECOND);
}

weir_explain_line weir_explain_id_bytes(const weir_plan *plan, uint32_t stream)
{
    if (plan->streams[stream].id_slot == WEIR_NONE) return (weir_explain_line){0};
    return line_of(plan, WEIR_VIEW_IDS + stream, WEIR_SPECIMEN_MILLI);
}

/* ---- Expressions ---- */

typedef struct place {
    const weir_plan *plan;
    const weir_plan_stream *source; /* FIELD, CARRIED */
    const weir_plan_stream *self;   /* THIS */
    const weir_plan_source *columns;
} place;

static void put_expr(const place *at, const weir_expr *expr, weir_buffer *out, unsigned depth);

static void put_args(const place *at, const weir_expr *expr, weir_buffer *out, unsigned depth)
{
    weir_buffer_put_u8(out, '(');
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (i > 0) weir_buffer_put_text(out, ", ");
        put_expr(at, expr->args[i], out, depth + 1);
    }
    weir_buffer_put_u8(out, ')');
}

static void put_const(const weir_expr *expr, weir_buffer *out)
{
    if (weir_is_null(&expr->constant))
        weir_buffer_put_text(out, "null");
    else
        weir_text_write_value(out, expr->type, &expr->constant);
}

static void put_expr(const place *at, const weir_expr *expr, weir_buffer *out, unsigned depth)
{
    static const char *const words[] = {
        [WEIR_EXPR_IF] = "if",       [WEIR_EXPR_AND] = "and", [WEIR_EXPR_OR] = "or",
        [WEIR_EXPR_COALESCE] = "??", [WEIR_EXPR_HAS] = "has", [WEIR_EXPR_OVERFLOWS] = "overflows"};
    if (depth > 20) {
        weir_buffer_put_text(out, "...");
        return;
    }
    switch (expr->op) {
    case WEIR_EXPR_CONST: put_const(expr, out); return;
    case WEIR_EXPR_FIELD: weir_buffer_put_text(out, at->source->slot_paths[expr->index]); return;
    case WEIR_EXPR_THIS:
        weir_buffer_printf(out, "this.%s",
                           at->self == NULL ? "?" : at->self->slot_paths[expr->index]);
        return;
    case WEIR_EXPR_COLUMN: put_expr(at, at->columns->columns[expr->index], out, depth + 1); return;
    case WEIR_EXPR_CARRIED:
        put_member_name(&at->plan->members[at->source->carried[expr->index].member], out);
        return;
    case WEIR_EXPR_CELL: weir_buffer_printf(out, "cell %u", expr->index); return;
    case WEIR_EXPR_SCORE: weir_buffer_put_text(out, "score"); return;
    case WEIR_EXPR_CALL: weir_buffer_put_text(out, expr->fn_name); break;
    default: weir_buffer_put_text(out, words[expr->op]); break;
    }
    put_args(at, expr, out, depth);
}

void weir_explain_expr(const weir_plan *plan, uint32_t stream, const weir_plan_source *columns,
                       const weir_expr *expr, weir_buffer *out)
{
    const weir_plan_stream *planned = stream == WEIR_NONE ? NULL : &plan->streams[stream];
    place at = {.plan = plan, .source = planned, .self = planned, .columns = columns};
    put_expr(&at, expr, out, 0);
}

void weir_explain_window(const weir_plan_window *window, weir_buffer *out)
{
    switch (window->kind) {
    case WEIR_WINDOW_TIME: put_duration(out, window->width_us); break;
    case WEIR_WINDOW_LAST: weir_buffer_printf(out, "last %u", window->count); break;
    case WEIR_WINDOW_EVER: weir_buffer_put_text(out, "ever"); break;
    default: weir_buffer_put_text(out, "?"); break;
    }
    if (window->delay_us > 0) {
        weir_buffer_put_text(out, " delayed ");
        put_duration(out, window->delay_us);
    }
    if (window->step_us > 0) {
        weir_buffer_put_text(out, " step ");
        put_duration(out, window->step_us);
    }
}

static void put_cell(const weir_plan *plan, uint32_t index, weir_buffer *out)
{
    const weir_plan_cell *cell = &plan->cells[index];
    const weir_plan_source *source = &plan->views[cell->view].sources[0];
    place at = {.plan = plan,
                .source = &plan->streams[source->stream],
                .columns = source,
                .self = &plan->streams[source->stream]};
    weir_buffer_printf(out, "cell %u: %s(", index, weir_agg_name(cell->binding.agg));
    for (uint32_t i = 0; i < cell->binding.arg_count; i++) {
        if (i > 0) weir_buffer_put_text(out, ", ");
        put_expr(&at, source->columns[cell->args[i]], out, 0);
    }
    weir_buffer_put_u8(out, ')');
    if (cell->filter != WEIR_NONE) {
        weir_buffer_put_text(out, " where ");
        put_expr(&at, source->columns[cell->filter], out, 0);
    }
    if (cell->read_filter != NULL)
        weir_buffer_put_text(out, " and a comparison with `this` when read");
    weir_buffer_put_text(out, " over ");
    weir_explain_window(&cell->window, out);
    weir_buffer_printf(out, "%s, of view %u\n", cell->including_this ? " including this" : "",
                       cell->view);
}

/* ---- Views ---- */

static void put_key(const weir_plan *plan, uint32_t index, weir_buffer *out)
{
    const weir_plan_view *view = &plan->views[index];
    weir_buffer_printf(out, "%s", plan->entities[view->entity].name);
    const weir_plan_source *source = &view->sources[0];
    place at = {.plan = plan, .source = &plan->streams[source->stream]};
    for (uint32_t i = 0; i < view->extra_key_count; i++) {
        weir_buffer_put_text(out, ", ");
        put_expr(&at, source->extra_keys[i], out, 0);
    }
}

static void put_kept(const weir_plan_view *view, weir_buffer *out)
{
    weir_buffer_put_text(out, "    keeps ");
    if (view->keep_us > 0) {
        put_duration(out, view->keep_us);
        weir_buffer_put_text(out, " of events and, for late ones, ");
        put_duration(out, view->late_us);
        weir_buffer_put_text(out, " more");
    } else {
        weir_buffer_put_text(out, "events for as long as late ones may come, ");
        put_duration(out, view->late_us);
    }
    if (view->keep_last > 0) weir_buffer_printf(out, "; the last %u", view->keep_last);
    if (view->has_ever) weir_buffer_put_text(out, "; running values of all before");
    weir_buffer_put_u8(out, '\n');
}

/* Bytes and kilobytes, of three digits or so. */
static void put_size(uint64_t bytes, weir_buffer *out)
{
    if (bytes < 10000)
        weir_buffer_printf(out, "%llu bytes", (unsigned long long)bytes);
    else
        weir_buffer_printf(out, "%llu kB", (unsigned long long)(bytes + 500) / 1000);
}

static void put_sizes(const weir_plan *plan, uint32_t view, weir_buffer *out)
{
    static const uint32_t counts[] = {WEIR_EXPLAIN_EVENTS, WEIR_EXPLAIN_EVENTS_MANY};
    weir_explain_line line = weir_explain_view_bytes(plan, view);
    weir_explain_line fine = line_of(plan, view, WEIR_SPECIMEN_MILLI);
    weir_buffer_printf(out,
                       "    about %.1f bytes an event that is kept, %.1f if times are not in whole "
                       "seconds, and %.0f a key\n",
                       line.event_bytes, fine.event_bytes, line.key_bytes);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        weir_state_sizes sizes = weir_specimen_weigh(plan, view, counts[i], WEIR_SPECIMEN_SECOND);
        weir_buffer_printf(out, "    a key with %u events: ", counts[i]);
        put_size(sizes.stored_bytes, out);
        weir_buffer_put_text(out, " stored, ");
        put_size(sizes.memory_bytes, out);
        weir_buffer_put_text(out, " in memory while it is hot\n");
    }
}

static void put_view(const weir_plan *plan, uint32_t index, weir_buffer *out)
{
    const weir_plan_view *view = &plan->views[index];
    weir_buffer_printf(out, "  view %u of %s, keyed by ", index, view->group);
    put_key(plan, index, out);
    weir_buffer_put_text(out, ", from ");
    for (uint32_t i = 0; i < view->source_count; i++)
        weir_buffer_printf(out, "%s%s", i == 0 ? "" : " and ",
                           plan->streams[view->sources[i].stream].name);
    weir_buffer_put_u8(out, '\n');
    const weir_plan_source *source = &view->sources[0];
    place at = {.plan = plan, .source = &plan->streams[source->stream]};
    for (uint32_t i = 0; i < view->column_count; i++) {
        weir_buffer_printf(out, "    column %u: ", i);
        put_expr(&at, source->columns[i], out, 0);
        weir_buffer_put_text(out, " as ");
        put_type(out, view->column_types[i]);
        weir_buffer_put_u8(out, '\n');
    }
    put_kept(view, out);
    put_sizes(plan, index, out);
}

/* ---- Streams and vectors ---- */

static void put_stream(const weir_plan *plan, const weir_plan_stream *stream, weir_buffer *out)
{
    weir_buffer_printf(out, "stream %s from topic %s, schema %s; late ", stream->name,
                       stream->topic, stream->schema->full_name);
    put_duration(out, stream->late_us);
    weir_buffer_put_text(out, ", future ");
    put_duration(out, stream->future_us);
    weir_buffer_printf(out, "; %u fields decoded\n", stream->slot_count);
    if (stream->id_slot != WEIR_NONE) {
        weir_buffer_put_text(out, "  keeps the ids of ");
        put_duration(out, stream->late_us);
        weir_buffer_printf(
            out, " for duplicates: about %.0f bytes an event\n",
            weir_explain_id_bytes(plan, (uint32_t)(stream - plan->streams)).event_bytes);
    }
    for (uint32_t i = 0; i < stream->expect_count; i++)
        weir_buffer_printf(out, "  expects %s\n", stream->expect_texts[i]);
    for (uint32_t i = 0; i < stream->hop_count; i++) {
        const weir_plan_hop *hop = &stream->hops[i];
        weir_buffer_printf(
            out, "  hop %u, %s: reads %u features from %u cells, then is added to %u views\n",
            i + 1, plan->entities[hop->entity].name, hop->read_count, hop->cell_count,
            hop->feed_count);
    }
}

/* States that the reads of an event touch: the views of the cells. */
static uint32_t views_read(const weir_plan *plan, const weir_plan_stream *stream)
{
    uint32_t count = 0, last = WEIR_NONE;
    for (uint32_t h = 0; h < stream->hop_count; h++) {
        for (uint32_t i = 0; i < stream->hops[h].cell_count; i++) {
            uint32_t view = plan->cells[stream->hops[h].cells[i]].view;
            count += view != last;
            last = view;
        }
    }
    return count;
}

static void put_vector(const weir_plan *plan, const weir_plan_vector *vector, weir_buffer *out)
{
    const weir_plan_stream *stream = &plan->streams[vector->stream];
    uint32_t cells = 0;
    for (uint32_t h = 0; h < stream->hop_count; h++)
        cells += stream->hops[h].cell_count;
    weir_buffer_printf(
        out, "vector %s on %s: %u columns; an event reads %u states and %u windows in %u hops\n",
        vector->name, stream->name, vector->column_count, views_read(plan, stream), cells,
        stream->hop_count);
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_buffer_printf(out, "  %-32s ", vector->columns[i].name);
        put_type(out, vector->columns[i].type);
        weir_buffer_put_u8(out, '\n');
    }
}

static void put_score(const weir_plan *plan, const weir_plan_score *score, weir_buffer *out)
{
    weir_buffer_printf(
        out, "score %s: vector %s, model %s, to topic %s as %s, %u reasons, %u decisions%s\n",
        score->name, plan->vectors[score->vector].name, score->model, score->topic, score->schema,
        score->reasons, score->decision_count, score->fallback != NULL ? ", with a fallback" : "");
}

static void put_views_of(const weir_plan *plan, const char *group, weir_buffer *out)
{
    for (uint32_t i = 0; i < plan->view_count; i++) {
        if (strcmp(plan->views[i].group, group) == 0) put_view(plan, i, out);
    }
}

static void mark_cells(const weir_expr *expr, bool *marks, unsigned depth)
{
    if (expr->op == WEIR_EXPR_CELL) marks[expr->index] = true;
    for (uint32_t i = 0; i < expr->arg_count && depth < WEIR_EXPR_DEPTH_MAX; i++)
        mark_cells(expr->args[i], marks, depth + 1);
}

static void put_member(const weir_plan *plan, const weir_plan_member *member, bool with_cells,
                       weir_buffer *out)
{
    weir_buffer_put_text(out, "  ");
    put_member_name(member, out);
    weir_buffer_put_text(out, ": ");
    put_type(out, member->type);
    weir_buffer_printf(out, ", column %s", member->column);
    if (member->this_count > 0) {
        weir_buffer_put_text(out, "; needs this.");
        for (uint32_t i = 0; i < member->this_count; i++)
            weir_buffer_printf(out, "%s%s", i == 0 ? "" : ", this.", member->this_names[i]);
    }
    weir_buffer_put_u8(out, '\n');
    if (!with_cells) return;
    weir_buffer_put_text(out, "    digest ");
    for (unsigned i = 0; i < WEIR_DIGEST_BYTES; i++)
        weir_buffer_printf(out, "%02x", member->digest[i]);
    weir_buffer_put_text(out, "\n    = ");
    place at = {.plan = plan,
                .self =
                    member->this_stream == WEIR_NONE ? NULL : &plan->streams[member->this_stream]};
    put_expr(&at, member->expr, out, 0);
    weir_buffer_put_u8(out, '\n');
    bool marks[WEIR_PLAN_CELLS_MAX] = {false};
    mark_cells(member->expr, marks, 0);
    for (uint32_t i = 0; i < plan->cell_count; i++) {
        if (!marks[i]) continue;
        weir_buffer_put_text(out, "    ");
        put_cell(plan, i, out);
    }
}

static void put_group(const weir_plan *plan, const weir_plan_group *group, bool with_cells,
                      weir_buffer *out)
{
    weir_buffer_printf(out, "features %s per %s: %u\n", group->name,
                       plan->entities[group->entity].name, group->member_count);
    for (uint32_t i = 0; i < group->member_count; i++)
        put_member(plan, &plan->members[group->members[i]], with_cells, out);
    put_views_of(plan, group->name, out);
}

void weir_explain_project(const weir_plan *plan, weir_buffer *out)
{
    weir_buffer_printf(out, "package %s, digest ", plan->package);
    for (unsigned i = 0; i < WEIR_DIGEST_BYTES; i++)
        weir_buffer_printf(out, "%02x", plan->digest[i]);
    weir_buffer_put_text(out, "\n\n");
    for (uint32_t i = 0; i < plan->stream_count; i++)
        put_stream(plan, &plan->streams[i], out);
    for (uint32_t i = 0; i < plan->group_count; i++) {
        weir_buffer_put_u8(out, '\n');
        put_group(plan, &plan->groups[i], false, out);
    }
    for (uint32_t i = 0; i < plan->vector_count; i++) {
        weir_buffer_put_u8(out, '\n');
        put_vector(plan, &plan->vectors[i], out);
    }
    for (uint32_t i = 0; i < plan->score_count; i++)
        put_score(plan, &plan->scores[i], out);
}

bool weir_explain_is_member(const weir_plan_member *member, const char *name)
{
    if (strcmp(member->column, name) == 0) return true;
    weir_buffer text = {0};
    put_member_name(member, &text);
    bool same = text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
    size_t feature = strlen(member->group) + 1 + strlen(member->feature);
    same = same || (strlen(name) == feature &&
                    memcmp(text.data, name, feature) == 0); /* the whole family */
    weir_buffer_deinit(&text);
    return same;
}

bool weir_explain_name(const weir_plan *plan, const char *name, weir_buffer *out)
{
    size_t before = out->size;
    uint32_t stream = weir_plan_find_stream(plan, name), group = weir_plan_find_group(plan, name);
    uint32_t vector = weir_plan_find_vector(plan, name), score = weir_plan_find_score(plan, name);
    if (stream != WEIR_NONE) put_stream(plan, &plan->streams[stream], out);
    if (group != WEIR_NONE) put_group(plan, &plan->groups[group], true, out);
    if (vector != WEIR_NONE) put_vector(plan, &plan->vectors[vector], out);
    if (score != WEIR_NONE) put_score(plan, &plan->scores[score], out);
    for (uint32_t i = 0;
         i < plan->member_count && stream == WEIR_NONE && group == WEIR_NONE && vector == WEIR_NONE;
         i++) {
        if (weir_explain_is_member(&plan->members[i], name))
            put_member(plan, &plan->members[i], true, out);
    }
    return out->size > before;
}
