/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/plan.h"

#include <string.h>

#include "compute/engine/layout.h"
#include "ops/runtime/assert.h"

/* Counted atomically: readers of different threads hold the same plan. */
const weir_plan *weir_plan_ref(const weir_plan *plan)
{
    weir_plan *counted = (weir_plan *)(uintptr_t)plan;
    uint32_t before = __atomic_fetch_add(&counted->references, 1, __ATOMIC_RELAXED);
    WEIR_ASSERT(before > 0 && before < UINT32_MAX);
    return plan;
}

void weir_plan_unref(const weir_plan *plan)
{
    if (plan == NULL) return;
    weir_plan *counted = (weir_plan *)(uintptr_t)plan;
    uint32_t before = __atomic_fetch_sub(&counted->references, 1, __ATOMIC_ACQ_REL);
    WEIR_ASSERT(before > 0);
    if (before > 1) return;
    weir_layouts_destroy(plan->layouts);
    weir_plan_unref(plan->tests_plan);
    weir_arena arena = plan->arena; /* the plan itself lives in its arena */
    weir_arena_deinit(&arena);
}

static bool reads_column(const weir_expr *filter, uint32_t column)
{
    if (filter == NULL) return false;
    bool reads = filter->op == WEIR_EXPR_COLUMN && filter->index == column;
    for (uint32_t i = 0; i < filter->arg_count; i++)
        reads = reads || reads_column(filter->args[i], column);
    return reads;
}

bool weir_plan_cell_asks(const weir_plan_cell *cell, uint32_t column)
{
    bool asks = column == cell->filter || column == cell->by;
    for (uint32_t a = 0; a < cell->binding.arg_count; a++)
        asks = asks || column == cell->args[a];
    return asks || reads_column(cell->read_filter, column);
}

uint32_t weir_plan_find_stream(const weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->stream_count; i++) {
        if (strcmp(plan->streams[i].name, name) == 0) return i;
    }
    return WEIR_NONE;
}

uint32_t weir_plan_find_group(const weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->group_count; i++) {
        if (strcmp(plan->groups[i].name, name) == 0) return i;
    }
    return WEIR_NONE;
}

uint32_t weir_plan_find_vector(const weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->vector_count; i++) {
        if (strcmp(plan->vectors[i].name, name) == 0) return i;
    }
    return WEIR_NONE;
}

uint32_t weir_plan_find_score(const weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->score_count; i++) {
        if (strcmp(plan->scores[i].name, name) == 0) return i;
    }
    return WEIR_NONE;
}
