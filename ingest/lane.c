/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/lane.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"

/* True if the expression takes a carried value of a hop below `below`. */
static bool uses_carried(const weir_expr *expr, const weir_plan_stream *stream, uint32_t below)
{
    if (expr == NULL) return false;
    if (expr->op == WEIR_EXPR_CARRIED && stream->carried[expr->index].hop < below) return true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (uses_carried(expr->args[i], stream, below)) return true;
    return false;
}

static bool feed_uses_carried(const weir_plan *plan, const weir_plan_stream *stream,
                              const weir_plan_feed *feed, uint32_t below)
{
    const weir_plan_view *view = &plan->views[feed->view];
    const weir_plan_source *source = &view->sources[feed->source];
    if (uses_carried(source->where, stream, below)) return true;
    for (uint32_t i = 0; i < view->column_count; i++)
        if (uses_carried(source->columns[i], stream, below)) return true;
    for (uint32_t i = 0; i < view->extra_key_count; i++)
        if (uses_carried(source->extra_keys[i], stream, below)) return true;
    return false;
}

static bool rows_use_carried(const weir_plan *plan, const weir_plan_stream *stream, uint32_t hop,
                             uint32_t below)
{
    const weir_plan_hop *here = &stream->hops[hop];
    for (uint32_t i = 0; i < here->feed_count; i++)
        if (feed_uses_carried(plan, stream, &here->feeds[i], below)) return true;
    return false;
}

bool weir_lane_needs_earlier(const weir_plan *plan, const weir_plan_stream *stream, uint32_t hop)
{
    const weir_plan_hop *here = &stream->hops[hop];
    if (rows_use_carried(plan, stream, hop, hop)) return true;
    for (uint32_t i = 0; i < here->read_count; i++)
        if (uses_carried(stream->carried[here->reads[i]].expr, stream, hop)) return true;
    return false;
}

static bool is_held(weir_type type)
{
    return type.kind == WEIR_STRING || type.kind == WEIR_BYTES || type.kind == WEIR_VEC ||
           type.kind == WEIR_LIST || type.kind == WEIR_MAP;
}

static void *new_array(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    WEIR_ASSERT(array != NULL);
    return array;
}

void weir_lane_init(weir_lane *lane, const weir_plan *plan, uint32_t index, uint32_t entity,
                    const weir_schema_source *schemas)
{
    const weir_plan_stream *stream = &plan->streams[index];
    *lane = (weir_lane){.stream = stream, .index = index, .hop = WEIR_NONE};
    for (uint32_t h = 0; h < stream->hop_count; h++)
        if (stream->hops[h].entity == entity) lane->hop = h;
    lane->slots = new_array(stream->slot_count, sizeof *lane->slots);
    lane->carried = new_array(stream->carried_count, sizeof *lane->carried);
    lane->overflow = new_array(stream->carried_count, sizeof *lane->overflow);
    lane->held = new_array(stream->carried_count, sizeof *lane->held);
    lane->scores = new_array(plan->score_count, sizeof *lane->scores);
    lane->layouts = new_array(stream->hop_count, sizeof *lane->layouts);
    for (uint32_t h = 0; h < stream->hop_count; h++)
        lane->layouts[h] = weir_carried_layout_of(stream, h, &lane->arena);
    for (uint32_t i = 0; i < stream->carried_count; i++)
        if (is_held(stream->carried[i].type)) lane->held[lane->held_count++] = i;
    for (uint32_t i = 0; i < plan->score_count; i++)
        if (plan->scores[i].stream == index) lane->scores[lane->score_count++] = i;
    weir_decoders_init(&lane->decoders, stream, schemas);
    if (lane->hop == WEIR_NONE) return;
    lane->needs_earlier = weir_lane_needs_earlier(plan, stream, lane->hop);
    lane->needs_reads = rows_use_carried(plan, stream, lane->hop, WEIR_PLAN_HOPS_MAX);
}

void weir_lane_deinit(weir_lane *lane)
{
    weir_decoders_deinit(&lane->decoders);
    free(lane->slots);
    free(lane->carried);
    free(lane->overflow);
    free(lane->held);
    free(lane->scores);
    free(lane->layouts);
    weir_arena_deinit(&lane->arena);
}
