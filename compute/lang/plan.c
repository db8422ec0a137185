/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/plan.h"

#include <string.h>

#include "ops/runtime/assert.h"

const weir_plan *weir_plan_ref(const weir_plan *plan)
{
    WEIR_ASSERT(plan->references > 0);
    (void)__atomic_add_fetch((uint32_t *)(uintptr_t)&plan->references, 1, __ATOMIC_RELAXED);
    return plan;
}

/* The plan lies in its own arena. */
void weir_plan_unref(const weir_plan *plan)
{
    if (plan == NULL) return;
    WEIR_ASSERT(plan->references > 0);
    if (__atomic_sub_fetch((uint32_t *)(uintptr_t)&plan->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    weir_arena arena = plan->arena;
    weir_arena_deinit(&arena);
}

#define FIND(list, count_member)                                                                                       \
    for (uint32_t i = 0; i < plan->count_member; i++) {                                                                \
        if (strcmp(plan->list[i].name, name) == 0) return i;                                                           \
    }                                                                                                                  \
    return WEIR_NONE

uint32_t weir_plan_find_stream(const weir_plan *plan, const char *name) { FIND(streams, stream_count); }
uint32_t weir_plan_find_group(const weir_plan *plan, const char *name) { FIND(groups, group_count); }
uint32_t weir_plan_find_vector(const weir_plan *plan, const char *name) { FIND(vectors, vector_count); }
uint32_t weir_plan_find_score(const weir_plan *plan, const char *name) { FIND(scores, score_count); }
