/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/trigger.h"

#include "ops/runtime/assert.h"
#include "schemas/value.h"

static void need_expr(const weir_trigger_needs *needs, const weir_expr *expr);

/* The event as a row of the view: `including this`. */
static void need_own_row(const weir_trigger_needs *needs, uint32_t view)
{
    for (uint32_t s = 0; s < needs->plan->views[view].source_count; s++) {
        const weir_plan_source *source = &needs->plan->views[view].sources[s];
        if (source->stream != needs->stream) continue;
        if (source->where != NULL) need_expr(needs, source->where);
        for (uint32_t i = 0; i < needs->plan->views[view].column_count; i++)
            need_expr(needs, source->columns[i]);
        for (uint32_t i = 0; i < needs->plan->views[view].extra_key_count; i++)
            need_expr(needs, source->extra_keys[i]);
    }
}

static void need_cell(const weir_trigger_needs *needs, const weir_plan_cell *cell)
{
    if (cell->read_filter != NULL) need_expr(needs, cell->read_filter);
    if (cell->including_this) need_own_row(needs, cell->view);
    for (uint32_t i = 0; i < needs->plan->view_key_count; i++) {
        const weir_plan_view_key *key = &needs->plan->view_keys[i];
        if (key->view != cell->view || key->stream != needs->stream) continue;
        for (uint32_t k = 0; k < needs->plan->views[cell->view].extra_key_count; k++)
            need_expr(needs, key->exprs[k]);
    }
}

static void need_carried(const weir_trigger_needs *needs, uint32_t index)
{
    const weir_plan_carried *carried = &needs->plan->streams[needs->stream].carried[index];
    if (needs->carried[index]) return;
    needs->carried[index] = true;
    needs->hops[carried->hop] = true;
    need_expr(needs, carried->expr);
}

static void need_expr(const weir_trigger_needs *needs, const weir_expr *expr)
{
    if (expr->op == WEIR_EXPR_THIS || expr->op == WEIR_EXPR_FIELD) needs->slots[expr->index] = true;
    if (expr->op == WEIR_EXPR_CARRIED) need_carried(needs, expr->index);
    if (expr->op == WEIR_EXPR_CELL) need_cell(needs, &needs->plan->cells[expr->index]);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        need_expr(needs, expr->args[i]);
}

static void need_score(const weir_trigger_needs *needs, const weir_plan_score *score)
{
    if (score->fallback != NULL) need_expr(needs, score->fallback);
    for (uint32_t i = 0; i < score->decision_count; i++)
        if (score->decisions[i].when != NULL) need_expr(needs, score->decisions[i].when);
}

weir_trigger_needs weir_trigger_needs_of(const weir_plan *plan, uint32_t vector, uint32_t score,
                                         weir_arena *into)
{
    const weir_plan_vector *wanted = &plan->vectors[vector];
    const weir_plan_stream *stream = &plan->streams[wanted->stream];
    weir_trigger_needs needs = {
        .plan = plan,
        .stream = wanted->stream,
        .slots = weir_arena_array(into, bool, stream->slot_count + 1),
        .hops = weir_arena_array(into, bool, stream->hop_count + 1),
        .carried = weir_arena_array(into, bool, stream->carried_count + 1),
    };
    for (uint32_t i = 0; i < wanted->column_count; i++)
        need_expr(&needs, wanted->columns[i].expr);
    if (score != WEIR_NONE) need_score(&needs, &plan->scores[score]);
    for (uint32_t h = 0; h < stream->hop_count; h++) {
        const weir_plan_hop *hop = &stream->hops[h];
        for (uint32_t k = 0; needs.hops[h] && k < plan->entities[hop->entity].key_count; k++)
            needs.slots[hop->key_slots[k]] = true;
    }
    needs.slots[stream->time_slot] = false;
    return needs;
}

static weir_value zero_of(weir_type type)
{
    static const uint8_t nothing[sizeof(weir_value)] = {0};
    switch (type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES: return (weir_value){.kind = type.kind, .as.bytes = nothing};
    case WEIR_VEC: return weir_null(); /* of a length that nobody sees */
    default: return (weir_value){.kind = type.kind};
    }
}

void weir_trigger_fill(const weir_trigger_needs *needs, weir_value *fields)
{
    const weir_plan_stream *stream = &needs->plan->streams[needs->stream];
    for (uint32_t s = 0; s < stream->slot_count; s++) {
        if (needs->slots[s] || stream->slot_types[s].optional || !weir_is_null(&fields[s]))
            continue;
        fields[s] = zero_of(stream->slot_types[s]);
    }
}

bool weir_trigger_key(const weir_plan *plan, uint32_t stream, uint32_t hop,
                      const weir_value *fields, weir_buffer *out)
{
    const weir_plan_hop *planned = &plan->streams[stream].hops[hop];
    const weir_plan_entity *entity = &plan->entities[planned->entity];
    weir_value key[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t k = 0; k < entity->key_count; k++)
        key[k] = fields[planned->key_slots[k]];
    return weir_key_encode(entity->key_types, key, entity->key_count, out);
}

static bool is_free(const weir_plan *plan, const weir_expr *expr)
{
    if (expr->op == WEIR_EXPR_THIS) return false;
    if (expr->op == WEIR_EXPR_CELL) {
        const weir_plan_cell *cell = &plan->cells[expr->index];
        if (cell->including_this || cell->read_filter != NULL) return false;
        if (plan->views[cell->view].extra_key_count > 0) return false;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (!is_free(plan, expr->args[i])) return false;
    return true;
}

bool weir_trigger_is_free(const weir_plan *plan, const weir_plan_carried *carried)
{
    return !plan->members[carried->member].uses_this && is_free(plan, carried->expr);
}
