/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step: orders what was found, gives everything its final index and writes the plan.
 *
 * Views, columns and cells are ordered by their digests, carried values by hop and digest: the
 * layout of what is stored and sent follows from what definitions mean, not from the order or the
 * names in which they were written.
 */
#include "compute/lang/check_internal.h"

#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

/* ---- The order of hops ---- */

static void add_need(const weir_stream_info *stream, uint32_t hop, const weir_expr *expr)
{
    if (expr == NULL) return;
    if (expr->op == WEIR_EXPR_CARRIED) {
        const weir_carried_info *carried = stream->carried.items[expr->index];
        weir_stream_info *mutable_stream = (weir_stream_info *)(uintptr_t)stream;
        if (carried->hop != hop && stream->must[carried->hop][hop] == NULL)
            mutable_stream->must[carried->hop][hop] = carried;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        add_need(stream, hop, expr->args[i]);
}

static void gather_needs(const weir_checker *c)
{
    for (uint32_t v = 0; v < c->views.count; v++) {
        const weir_view_info *view = c->views.items[v];
        const weir_group_info *group = view->group;
        for (uint32_t s = 0; s < group->stream_count; s++) {
            add_need(group->streams[s], group->hops[s], group->wheres[s]);
            for (uint32_t i = 0; i < view->columns.count; i++)
                add_need(group->streams[s], group->hops[s],
                         ((weir_column_info *)view->columns.items[i])->exprs[s]);
            for (uint32_t i = 0; i < view->key_count; i++)
                add_need(group->streams[s], group->hops[s], view->keys[i]->exprs[s]);
        }
    }
}

/* The declared hop that comes next: the least one whose needs are all placed. */
static uint32_t next_hop(const weir_stream_info *stream, const bool *placed)
{
    for (uint32_t hop = 0; hop < stream->hop_count; hop++) {
        bool ready = !placed[hop];
        for (uint32_t other = 0; ready && other < stream->hop_count; other++)
            ready = stream->must[other][hop] == NULL || placed[other];
        if (ready) return hop;
    }
    return WEIR_NONE;
}

static bool order_stream(weir_checker *c, weir_stream_info *stream)
{
    bool placed[WEIR_PLAN_HOPS_MAX] = {false};
    for (uint32_t other = 1; other < stream->hop_count; other++) {
        const weir_carried_info *carried = stream->must[other][0];
        if (carried == NULL) continue;
        REPORT(c, HOP_ORDER, carried->at,
               HELP(c, "let `%s` come first in `observed by` of `%s`",
                    stream->entities[other]->name, stream->name),
               "`%s` is visited first on `%s`, but needs a feature of `%s`",
               stream->entities[0]->name, stream->name, stream->entities[other]->name);
        return false;
    }
    for (uint32_t place = 0; place < stream->hop_count; place++) {
        uint32_t hop = next_hop(stream, placed);
        if (hop == WEIR_NONE) {
            const weir_carried_info *carried = NULL;
            for (uint32_t a = 0; a < stream->hop_count && carried == NULL; a++) {
                for (uint32_t b = 0; b < stream->hop_count && carried == NULL; b++)
                    carried = placed[a] || placed[b] ? NULL : stream->must[a][b];
            }
            REPORT(c, CIRCLE, carried->at, "take one of the nested features out",
                   "entities of `%s` need each other's features: none can be visited first",
                   stream->name);
            return false;
        }
        placed[hop] = true;
        stream->hop_order[place] = hop;
        stream->hop_place[hop] = place;
    }
    return true;
}

bool weir_order_hops(weir_checker *c)
{
    gather_needs(c);
    bool good = true;
    for (uint32_t i = 0; i < c->streams.count; i++) {
        weir_stream_info *stream = c->streams.items[i];
        if (!stream->is_broken) good = order_stream(c, stream) && good;
    }
    return good;
}

/* ---- Final indexes ---- */

/* qsort wants a place even for nothing. */
static void sort(void *items, size_t count, size_t item_bytes,
                 int (*compare)(const void *, const void *))
{
    if (count > 1) qsort(items, count, item_bytes, compare);
}

static int by_column_digest(const void *left, const void *right)
{
    const weir_column_info *const *a = left, *const *b = right;
    return memcmp((*a)->digest, (*b)->digest, WEIR_DIGEST_BYTES);
}

static int by_view_digest(const void *left, const void *right)
{
    const weir_view_info *const *a = left, *const *b = right;
    return memcmp((*a)->digest, (*b)->digest, WEIR_DIGEST_BYTES);
}

static int by_cell(const void *left, const void *right)
{
    const weir_cell_info *const *a = left, *const *b = right;
    if ((*a)->view->final_index != (*b)->view->final_index)
        return (*a)->view->final_index < (*b)->view->final_index ? -1 : 1;
    int order = memcmp((*a)->digest, (*b)->digest, WEIR_DIGEST_BYTES);
    if (order != 0) return order;
    return (*a)->id < (*b)->id ? -1 : (*a)->id > (*b)->id;
}

/* Members of one digest have one value: their names decide nothing but which stands first. */
static int by_hop_and_digest(const void *left, const void *right)
{
    const weir_carried_info *const *a = left, *const *b = right;
    if ((*a)->final_index != (*b)->final_index)
        return (*a)->final_index < (*b)->final_index ? -1 : 1;
    int order = memcmp((*a)->member->digest, (*b)->member->digest, WEIR_DIGEST_BYTES);
    return order != 0 ? order : strcmp((*a)->member->column, (*b)->member->column);
}

static int by_digest(const void *left, const void *right)
{
    return memcmp(left, right, WEIR_DIGEST_BYTES);
}

/* What is stored: rows, keys, columns, and which cells decide what must be kept. */
static void digest_view(weir_checker *c, weir_view_info *view)
{
    sort(view->columns.items, view->columns.count, sizeof(void *), by_column_digest);
    uint8_t *cells = weir_arena_alloc(c->scratch, view->cells.count * WEIR_DIGEST_BYTES + 1);
    for (uint32_t i = 0; i < view->cells.count; i++)
        memcpy(cells + (size_t)i * WEIR_DIGEST_BYTES,
               ((weir_cell_info *)view->cells.items[i])->digest, WEIR_DIGEST_BYTES);
    sort(cells, view->cells.count, WEIR_DIGEST_BYTES, by_digest);
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "state");
    weir_digester_put(&sha, view->identity, WEIR_DIGEST_BYTES);
    weir_digest_int(&sha, view->columns.count);
    for (uint32_t i = 0; i < view->columns.count; i++)
        weir_digester_put(&sha, ((weir_column_info *)view->columns.items[i])->digest,
                          WEIR_DIGEST_BYTES);
    const uint8_t *last = NULL;
    for (uint32_t i = 0; i < view->cells.count; i++) {
        const uint8_t *digest = cells + (size_t)i * WEIR_DIGEST_BYTES;
        bool again = last != NULL && memcmp(last, digest, WEIR_DIGEST_BYTES) == 0;
        if (!again) weir_digester_put(&sha, digest, WEIR_DIGEST_BYTES);
        last = digest;
    }
    weir_digester_finish(&sha, view->digest);
}

/* Old and new index of everything that leaves refer to. Sorted copies; the leaves still know the
 * old ones. */
typedef struct numbering {
    weir_checker *c;
    weir_view_info **views;
    weir_cell_info **cells;
    weir_map clones; /* (view or NULL, expr) -> renumbered expr */
} numbering;

static void number_all(numbering *n)
{
    weir_checker *c = n->c;
    for (uint32_t i = 0; i < c->views.count; i++)
        digest_view(c, c->views.items[i]);
    n->views = weir_arena_copy(c->scratch, c->views.items, c->views.count * sizeof(void *));
    sort(n->views, c->views.count, sizeof(void *), by_view_digest);
    for (uint32_t i = 0; i < c->views.count; i++)
        n->views[i]->final_index = i;
    n->cells = weir_arena_copy(c->scratch, c->cells.items, c->cells.count * sizeof(void *));
    sort(n->cells, c->cells.count, sizeof(void *), by_cell);
    for (uint32_t i = 0; i < c->cells.count; i++)
        n->cells[i]->final_index = i;
    for (uint32_t s = 0; s < c->streams.count; s++) {
        const weir_stream_info *stream = c->streams.items[s];
        weir_carried_info **sorted = weir_arena_copy(c->scratch, stream->carried.items,
                                                     stream->carried.count * sizeof(void *));
        for (uint32_t i = 0; i < stream->carried.count; i++)
            sorted[i]->final_index = stream->hop_place[sorted[i]->hop];
        sort(sorted, stream->carried.count, sizeof(void *), by_hop_and_digest);
        for (uint32_t i = 0; i < stream->carried.count; i++)
            sorted[i]->final_index = i;
    }
}

static uint32_t column_in(const weir_view_info *view, const weir_column_info *column)
{
    for (uint32_t i = 0; i < view->columns.count; i++) {
        if (view->columns.items[i] == column) return i;
    }
    WEIR_UNREACHABLE();
}

static uint32_t final_leaf(const numbering *n, const weir_stream_info *stream,
                           const weir_view_info *view, const weir_expr *leaf)
{
    switch (leaf->op) {
    case WEIR_EXPR_CELL: return ((weir_cell_info *)n->c->cells.items[leaf->index])->final_index;
    case WEIR_EXPR_COLUMN: return column_in(view, n->c->columns.items[leaf->index]);
    case WEIR_EXPR_CARRIED:
        return ((weir_carried_info *)stream->carried.items[leaf->index])->final_index;
    default: return leaf->index;
    }
}

/* A copy of a tree with final indexes. What is shared stays shared. */
static const weir_expr *renumber(numbering *n, const weir_stream_info *stream,
                                 const weir_view_info *view, const weir_expr *expr)
{
    if (expr == NULL) return NULL;
    const weir_expr *known = weir_map_get(&n->clones, view, expr);
    if (known != NULL) return known;
    weir_expr *clone = weir_arena_copy(n->c->into, expr, sizeof *expr);
    clone->index = final_leaf(n, stream, view, expr);
    const weir_expr **args = weir_arena_array(n->c->into, const weir_expr *, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        args[i] = renumber(n, stream, view, expr->args[i]);
    clone->args = args;
    weir_map_put(&n->clones, view, expr, clone);
    return clone;
}

/* ---- Writing the plan ---- */

static void build_entities(weir_checker *c, weir_plan *plan)
{
    weir_plan_entity *entities = weir_arena_array(c->into, weir_plan_entity, c->entities.count);
    for (uint32_t i = 0; i < c->entities.count; i++) {
        const weir_entity_info *info = c->entities.items[i];
        entities[i] = (weir_plan_entity){.name = weir_keep_text(c, info->name),
                                         .key_count = info->key_count,
                                         .key_names = info->key_names};
        memcpy(entities[i].key_types, info->key_types, sizeof info->key_types);
    }
    plan->entities = entities;
    plan->entity_count = c->entities.count;
}

static void mark_cells(const weir_expr *expr, bool *marks)
{
    if (expr->op == WEIR_EXPR_CELL) marks[expr->index] = true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        mark_cells(expr->args[i], marks);
}

static void build_hop_reads(numbering *n, const weir_stream_info *info,
                            const weir_plan_stream *stream, uint32_t place, weir_plan_hop *hop)
{
    weir_checker *c = n->c;
    uint32_t *reads = weir_arena_array(c->into, uint32_t, info->carried.count);
    bool *marks = weir_arena_array(c->scratch, bool, c->cells.count + 1);
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        if (stream->carried[i].hop != place) continue;
        reads[hop->read_count++] = i;
        mark_cells(stream->carried[i].expr, marks);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->cells.count; i++)
        count += marks[i];
    uint32_t *cells = weir_arena_array(c->into, uint32_t, count);
    for (uint32_t i = 0; i < c->cells.count; i++) {
        if (marks[i]) cells[hop->cell_count++] = i;
    }
    hop->reads = reads;
    hop->cells = cells;
}

static void build_hop_feeds(numbering *n, const weir_stream_info *info, uint32_t declared,
                            weir_plan_hop *hop)
{
    weir_checker *c = n->c;
    weir_plan_feed *feeds = weir_arena_array(c->into, weir_plan_feed, c->views.count);
    for (uint32_t v = 0; v < c->views.count; v++) {
        const weir_group_info *group = n->views[v]->group;
        if (group->entity != info->entities[declared]) continue;
        for (uint32_t s = 0; s < group->stream_count; s++) {
            if (group->streams[s] == info) feeds[hop->feed_count++] = (weir_plan_feed){v, s};
        }
    }
    hop->feeds = feeds;
}

static void build_hops(numbering *n, const weir_stream_info *info, weir_plan_stream *stream)
{
    weir_plan_hop *hops = weir_arena_array(n->c->into, weir_plan_hop, info->hop_count);
    for (uint32_t place = 0; place < info->hop_count; place++) {
        uint32_t declared = info->hop_order[place];
        hops[place].entity = info->entities[declared]->index;
        memcpy(hops[place].key_slots, info->key_slots[declared], sizeof hops[place].key_slots);
        build_hop_reads(n, info, stream, place, &hops[place]);
        build_hop_feeds(n, info, declared, &hops[place]);
    }
    stream->hops = hops;
    stream->hop_count = info->hop_count;
}

static void build_carried(numbering *n, const weir_stream_info *info, weir_plan_stream *stream)
{
    weir_plan_carried *carried =
        weir_arena_array(n->c->into, weir_plan_carried, info->carried.count);
    for (uint32_t i = 0; i < info->carried.count; i++) {
        const weir_carried_info *one = info->carried.items[i];
        carried[one->final_index] = (weir_plan_carried){.member = one->member->index,
                                                        .hop = info->hop_place[one->hop],
                                                        .type = one->expr->type,
                                                        .expr = renumber(n, info, NULL, one->expr)};
    }
    stream->carried = carried;
    stream->carried_count = info->carried.count;
}

static void build_stream(numbering *n, const weir_stream_info *info, weir_plan_stream *stream)
{
    weir_checker *c = n->c;
    const char **paths = weir_arena_array(c->into, const char *, info->slots.count);
    weir_type *types = weir_arena_array(c->into, weir_type, info->slots.count);
    for (uint32_t i = 0; i < info->slots.count; i++) {
        paths[i] = weir_keep_text(c, info->slots.items[i]);
        types[i] = *(const weir_type *)info->slot_types.items[i];
    }
    *stream = (weir_plan_stream){.name = weir_keep_text(c, info->name),
                                 .topic = weir_keep_text(c, info->decl->as.stream.topic),
                                 .schema = info->schema,
                                 .slot_count = info->slots.count,
                                 .slot_paths = paths,
                                 .slot_types = types,
                                 .time_slot = info->time_slot,
                                 .id_slot = info->id_slot,
                                 .late_us = info->late_us,
                                 .future_us = info->future_us,
                                 .expect_count = info->expect_count,
                                 .expects = info->expects,
                                 .expect_texts = info->expect_texts,
                                 .doc = weir_keep_text(c, info->decl->doc)};
    build_carried(n, info, stream);
    build_hops(n, info, stream);
}

static void build_source(numbering *n, const weir_view_info *view, uint32_t index,
                         weir_plan_source *source)
{
    weir_checker *c = n->c;
    const weir_group_info *group = view->group;
    const weir_stream_info *stream = group->streams[index];
    const weir_expr **columns = weir_arena_array(c->into, const weir_expr *, view->columns.count);
    for (uint32_t i = 0; i < view->columns.count; i++)
        columns[i] =
            renumber(n, stream, NULL, ((weir_column_info *)view->columns.items[i])->exprs[index]);
    const weir_expr **keys = weir_arena_array(c->into, const weir_expr *, view->key_count);
    for (uint32_t i = 0; i < view->key_count; i++)
        keys[i] = renumber(n, stream, NULL, view->keys[i]->exprs[index]);
    *source = (weir_plan_source){.stream = stream->index,
                                 .hop = stream->hop_place[group->hops[index]],
                                 .where = renumber(n, stream, NULL, group->wheres[index]),
                                 .columns = columns,
                                 .extra_keys = keys};
}

/* What cells need of the past. */
static void keep_for(weir_plan_view *view, const weir_plan_window *window)
{
    if (window->delay_us > view->delay_us) view->delay_us = window->delay_us;
    if (window->kind == WEIR_WINDOW_EVER) view->has_ever = true;
    if (window->kind == WEIR_WINDOW_LAST && window->count > view->keep_last)
        view->keep_last = window->count;
    int64_t keep = window->width_us + window->delay_us + window->step_us;
    if (window->kind == WEIR_WINDOW_TIME && keep > view->keep_us) view->keep_us = keep;
}

static void build_view(numbering *n, const weir_view_info *info, weir_plan_view *view)
{
    weir_checker *c = n->c;
    weir_type *types = weir_arena_array(c->into, weir_type, info->columns.count);
    for (uint32_t i = 0; i < info->columns.count; i++)
        types[i] = ((weir_column_info *)info->columns.items[i])->type;
    weir_type *keys = weir_arena_array(c->into, weir_type, info->key_count);
    for (uint32_t i = 0; i < info->key_count; i++) {
        keys[i] = info->keys[i]->type;
        keys[i].optional = false;
    }
    weir_plan_source *sources =
        weir_arena_array(c->into, weir_plan_source, info->group->stream_count);
    uint32_t *cells = weir_arena_array(c->into, uint32_t, info->cells.count);
    *view = (weir_plan_view){.group = weir_keep_text(c, info->group->name),
                             .entity = info->group->entity->index,
                             .column_count = info->columns.count,
                             .column_types = types,
                             .sources = sources,
                             .source_count = info->group->stream_count,
                             .extra_key_count = info->key_count,
                             .extra_key_types = keys,
                             .cells = cells};
    memcpy(view->digest, info->digest, WEIR_DIGEST_BYTES);
    for (uint32_t i = 0; i < info->group->stream_count; i++) {
        build_source(n, info, i, &sources[i]);
        if (info->group->streams[i]->late_us > view->late_us)
            view->late_us = info->group->streams[i]->late_us;
    }
    for (uint32_t i = 0; i < c->cells.count; i++) {
        if (n->cells[i]->view != info) continue;
        cells[view->cell_count++] = i;
        keep_for(view, &n->cells[i]->window);
    }
}

static void build_cell(numbering *n, const weir_cell_info *info, weir_plan_cell *cell)
{
    *cell = (weir_plan_cell){.view = info->view->final_index,
                             .binding = info->binding,
                             .filter = WEIR_NONE,
                             .by = WEIR_NONE,
                             .window = info->window,
                             .including_this = info->including_this,
                             .read_filter = renumber(n, NULL, info->view, info->read_filter)};
    for (uint32_t i = 0; i < info->binding.arg_count; i++)
        cell->args[i] = column_in(info->view, info->args[i]);
    if (info->filter != NULL) cell->filter = column_in(info->view, info->filter);
}

static void build_views(numbering *n, weir_plan *plan)
{
    weir_checker *c = n->c;
    weir_plan_view *views = weir_arena_array(c->into, weir_plan_view, c->views.count);
    weir_plan_cell *cells = weir_arena_array(c->into, weir_plan_cell, c->cells.count);
    uint32_t binding_count = 0;
    for (uint32_t i = 0; i < c->views.count; i++) {
        build_view(n, n->views[i], &views[i]);
        binding_count += n->views[i]->bindings.count;
    }
    for (uint32_t i = 0; i < c->cells.count; i++)
        build_cell(n, n->cells[i], &cells[i]);
    weir_plan_view_key *keys = weir_arena_array(c->into, weir_plan_view_key, binding_count);
    for (uint32_t i = 0; i < c->views.count; i++) {
        for (uint32_t k = 0; k < n->views[i]->bindings.count; k++) {
            const weir_view_binding *binding = n->views[i]->bindings.items[k];
            const weir_expr **exprs =
                weir_arena_array(c->into, const weir_expr *, views[i].extra_key_count);
            for (uint32_t e = 0; e < views[i].extra_key_count; e++)
                exprs[e] = renumber(n, NULL, NULL, binding->exprs[e]);
            keys[plan->view_key_count++] = (weir_plan_view_key){i, binding->self->index, exprs};
        }
    }
    plan->views = views;
    plan->view_count = c->views.count;
    plan->cells = cells;
    plan->cell_count = c->cells.count;
    plan->view_keys = keys;
}

static const weir_expr *home_expr(const weir_member_info *member)
{
    for (uint32_t i = 0; i < member->instances.count; i++) {
        const weir_instance *instance = member->instances.items[i];
        if (instance->self == member->home) return instance->expr;
    }
    WEIR_UNREACHABLE();
}

static void build_member(numbering *n, const weir_member_info *info, weir_plan_member *member)
{
    weir_checker *c = n->c;
    const weir_feature_info *feature = info->feature;
    const weir_expr *expr = home_expr(info);
    *member = (weir_plan_member){.group = weir_keep_text(c, feature->group->name),
                                 .feature = weir_keep_text(c, feature->ast->name),
                                 .suffix = info->suffix,
                                 .column = info->column,
                                 .type = expr->type,
                                 .entity = feature->group->entity->index,
                                 .expr = renumber(n, NULL, NULL, expr),
                                 .uses_this = feature->this_paths.count > 0,
                                 .this_count = feature->this_paths.count,
                                 .doc = weir_keep_text(c, feature->ast->doc),
                                 .this_stream = info->home == NULL ? WEIR_NONE : info->home->index};
    memcpy(member->digest, info->digest, WEIR_DIGEST_BYTES);
    const char **names = weir_arena_array(c->into, const char *, member->this_count);
    weir_type *types = weir_arena_array(c->into, weir_type, member->this_count);
    for (uint32_t i = 0; i < member->this_count; i++) {
        names[i] = weir_keep_text(c, feature->this_paths.items[i]);
        types[i] = weir_stream_field(info->home, feature->this_paths.items[i])->type;
    }
    member->this_names = names;
    member->this_types = types;
}

static void build_groups(numbering *n, weir_plan *plan)
{
    weir_checker *c = n->c;
    weir_plan_member *members = weir_arena_array(c->into, weir_plan_member, c->all_members.count);
    for (uint32_t i = 0; i < c->all_members.count; i++)
        build_member(n, c->all_members.items[i], &members[i]);
    weir_plan_group *groups = weir_arena_array(c->into, weir_plan_group, c->groups.count);
    for (uint32_t g = 0; g < c->groups.count; g++) {
        const weir_group_info *info = c->groups.items[g];
        uint32_t count = 0;
        for (uint32_t i = 0; i < info->features.count; i++)
            count += ((weir_feature_info *)info->features.items[i])->member_count;
        uint32_t *indexes = weir_arena_array(c->into, uint32_t, count);
        groups[g] =
            (weir_plan_group){weir_keep_text(c, info->name), weir_keep_text(c, info->decl->doc),
                              info->entity->index, 0, indexes};
        for (uint32_t i = 0; i < info->features.count; i++) {
            const weir_feature_info *feature = info->features.items[i];
            for (uint32_t k = 0; k < feature->member_count; k++)
                indexes[groups[g].member_count++] = feature->members[k]->index;
        }
    }
    plan->members = members;
    plan->member_count = c->all_members.count;
    plan->groups = groups;
    plan->group_count = c->groups.count;
}

static void build_vectors(numbering *n, weir_plan *plan)
{
    weir_checker *c = n->c;
    weir_plan_vector *vectors = weir_arena_array(c->into, weir_plan_vector, c->vectors.count);
    for (uint32_t v = 0; v < c->vectors.count; v++) {
        weir_vector_info *info = c->vectors.items[v];
        weir_plan_column *columns =
            weir_arena_array(c->into, weir_plan_column, info->columns.count);
        for (uint32_t i = 0; i < info->columns.count; i++) {
            const weir_vector_column *column = info->columns.items[i];
            columns[i] =
                (weir_plan_column){weir_keep_text(c, column->name), column->expr->type,
                                   renumber(n, info->stream, NULL, column->expr),
                                   column->member == NULL ? WEIR_NONE : column->member->index};
        }
        vectors[v] = (weir_plan_vector){.name = weir_keep_text(c, info->decl->name.name),
                                        .doc = weir_keep_text(c, info->decl->doc),
                                        .stream = info->stream->index,
                                        .column_count = info->columns.count,
                                        .columns = columns};
        memcpy(vectors[v].digest, info->digest, WEIR_DIGEST_BYTES);
        info->index = v;
    }
    plan->vectors = vectors;
    plan->vector_count = c->vectors.count;
}

static void digest_score(weir_checker *c, const weir_score_info *info, const weir_plan_score *score,
                         uint8_t *digest)
{
    const weir_stream_info *stream = info->vector->stream;
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "score");
    weir_digester_put(&sha, info->vector->digest, WEIR_DIGEST_BYTES);
    weir_digest_text(&sha, score->model);
    weir_digest_text(&sha, score->topic);
    weir_digest_text(&sha, score->schema);
    weir_digest_text(&sha, score->output);
    weir_digest_int(&sha, score->reasons);
    for (uint32_t i = 0; i < score->decision_count; i++) {
        weir_digest_text(&sha, score->decisions[i].name);
        if (info->whens[i] == NULL) continue;
        weir_digester_put(&sha, weir_digest_expr(c, stream, stream, info->whens[i]),
                          WEIR_DIGEST_BYTES);
    }
    if (info->fallback != NULL)
        weir_digester_put(&sha, weir_digest_expr(c, stream, stream, info->fallback),
                          WEIR_DIGEST_BYTES);
    weir_digester_finish(&sha, digest);
}

static void build_score(numbering *n, const weir_score_info *info, weir_plan_score *score)
{
    weir_checker *c = n->c;
    const weir_ast_score *ast = &info->decl->as.score;
    const weir_stream_info *stream = info->vector->stream;
    weir_plan_decision *decisions =
        weir_arena_array(c->into, weir_plan_decision, ast->decision_count);
    for (uint32_t i = 0; i < ast->decision_count; i++) {
        decisions[i].name = weir_keep_text(c, ast->decisions[i].name.name);
        decisions[i].when = renumber(n, stream, NULL, info->whens[i]);
    }
    *score = (weir_plan_score){
        .name = weir_keep_text(c, info->decl->name.name),
        .doc = weir_keep_text(c, info->decl->doc),
        .stream = stream->index,
        .vector = info->vector->index,
        .model = weir_keep_text(c, ast->model),
        .topic = weir_keep_text(c, ast->topic),
        .schema = weir_keep_text(c, ast->schema != NULL ? ast->schema : "weir.Score"),
        .output = weir_keep_text(c, ast->output),
        .reasons = ast->reasons < 0 ? 0 : (uint32_t)ast->reasons,
        .decision_count = ast->decision_count,
        .decisions = decisions,
        .fallback = renumber(n, stream, NULL, info->fallback)};
    digest_score(c, info, score, score->digest);
}

/* ---- The canonical text ---- */

static void put_line(weir_buffer *out, const char *kind, const char *name,
                     const uint8_t digest[WEIR_DIGEST_BYTES])
{
    char hex[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, hex);
    weir_buffer_printf(out, "%s %s %s\n", kind, name, hex);
}

static int by_line(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* One line a thing, sorted: the same however the text was ordered. */
static void build_canonical(weir_checker *c, weir_plan *plan)
{
    weir_buffer text = {0};
    weir_pointers lines = {0};
#define ADD_LINE(kind, name, digest)                                                               \
    do {                                                                                           \
        weir_buffer_clear(&text);                                                                  \
        put_line(&text, kind, name, digest);                                                       \
        weir_pointers_push(c, &lines,                                                              \
                           weir_arena_string(c->scratch, (const char *)text.data, text.size));     \
    } while (0)
    for (uint32_t i = 0; i < c->streams.count; i++)
        ADD_LINE("stream", plan->streams[i].name,
                 ((weir_stream_info *)c->streams.items[i])->digest);
    for (uint32_t i = 0; i < plan->view_count; i++)
        ADD_LINE("view", plan->entities[plan->views[i].entity].name, plan->views[i].digest);
    for (uint32_t i = 0; i < plan->member_count; i++)
        ADD_LINE("feature", plan->members[i].column, plan->members[i].digest);
    for (uint32_t i = 0; i < plan->vector_count; i++)
        ADD_LINE("vector", plan->vectors[i].name, plan->vectors[i].digest);
    for (uint32_t i = 0; i < plan->score_count; i++)
        ADD_LINE("score", plan->scores[i].name, plan->scores[i].digest);
#undef ADD_LINE
    sort(lines.items, lines.count, sizeof(void *), by_line);
    weir_buffer_clear(&text);
    weir_buffer_printf(&text, "package %s\n", plan->package);
    for (uint32_t i = 0; i < lines.count; i++)
        weir_buffer_put_text(&text, lines.items[i]);
    plan->canonical = weir_arena_string(c->into, (const char *)text.data, text.size);
    weir_sha256_of(text.data, text.size, plan->digest);
    weir_buffer_deinit(&text);
}

static void digest_carried(weir_checker *c, const weir_stream_info *stream, weir_digester *sha)
{
    uint32_t count = stream->carried.count;
    const weir_carried_info **sorted =
        weir_arena_array(c->scratch, const weir_carried_info *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const weir_carried_info *carried = stream->carried.items[i];
        sorted[carried->final_index] = carried;
    }
    weir_digest_int(sha, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_digest_int(sha, stream->hop_place[sorted[i]->hop]);
        weir_digester_put(sha, weir_digest_expr(c, stream, stream, sorted[i]->expr),
                          WEIR_DIGEST_BYTES);
    }
}

static int by_stream_name(const void *left, const void *right)
{
    const weir_stream_info *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

/*
 * All that decides which bytes a fold keeps and sends on: streams, the order of their hops, what
 * they carry, and the views. Names of features, vectors and scores are not in it.
 */
static void digest_fold(weir_checker *c, weir_plan *plan)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "fold");
    weir_stream_info **streams =
        weir_arena_copy(c->scratch, c->streams.items, c->streams.count * sizeof(void *));
    sort(streams, c->streams.count, sizeof(void *), by_stream_name);
    for (uint32_t i = 0; i < c->streams.count; i++) {
        const weir_stream_info *stream = streams[i];
        weir_digester_put(&sha, stream->digest, WEIR_DIGEST_BYTES);
        for (uint32_t h = 0; h < stream->hop_count; h++)
            weir_digest_text(&sha, stream->entities[stream->hop_order[h]]->name);
        digest_carried(c, stream, &sha);
    }
    weir_digest_int(&sha, plan->view_count);
    for (uint32_t i = 0; i < plan->view_count; i++) {
        weir_digest_text(&sha, plan->entities[plan->views[i].entity].name);
        weir_digester_put(&sha, plan->views[i].digest, WEIR_DIGEST_BYTES);
        weir_digest_int(&sha, plan->views[i].cell_count); /* some may be alike */
    }
    weir_digester_finish(&sha, plan->fold_digest);
}

weir_plan *weir_build_plan(weir_checker *c)
{
    numbering n = {.c = c};
    weir_map_init(&n.clones, c->scratch);
    number_all(&n);
    weir_plan *plan = weir_arena_new(c->into, weir_plan);
    plan->references = 1;
    plan->package = weir_keep_text(c, c->units[0].package);
    build_entities(c, plan);
    weir_plan_stream *streams = weir_arena_array(c->into, weir_plan_stream, c->streams.count);
    for (uint32_t i = 0; i < c->streams.count; i++)
        build_stream(&n, c->streams.items[i], &streams[i]);
    plan->streams = streams;
    plan->stream_count = c->streams.count;
    build_views(&n, plan);
    build_groups(&n, plan);
    build_vectors(&n, plan);
    weir_plan_score *scores = weir_arena_array(c->into, weir_plan_score, c->scores.count);
    for (uint32_t i = 0; i < c->scores.count; i++)
        build_score(&n, c->scores.items[i], &scores[i]);
    plan->scores = scores;
    plan->score_count = c->scores.count;
    build_canonical(c, plan);
    digest_fold(c, plan);
    return plan;
}
