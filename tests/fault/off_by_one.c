/* SPDX-License-Identifier: Apache-2.0 */
/*
 * off_by_one.c - linked into the program in front of weir_carried_encode (--wrap), it makes a
 * worker that carries wrong values: the first whole number that is carried is one too large in
 * every copy. Never part of a build that anybody uses; tests/integration/prove_test.sh shows that a
 * proof finds it.
 */
#include <string.h>

#include "ingest/journal.h"
#include "ops/runtime/assert.h"

void __real_weir_carried_encode(const weir_carried_layout *layout, const weir_value *carried,
                                const bool *overflow, weir_buffer *out);
void __wrap_weir_carried_encode(const weir_carried_layout *layout, const weir_value *carried,
                                const bool *overflow, weir_buffer *out);

void __wrap_weir_carried_encode(const weir_carried_layout *layout, const weir_value *carried,
                                const bool *overflow, weir_buffer *out)
{
    weir_value wrong[64];
    WEIR_ASSERT(layout->total_count <= 64);
    memcpy(wrong, carried, layout->total_count * sizeof *wrong);
    for (uint32_t i = 0; i < layout->count; i++) {
        weir_value *value = &wrong[layout->fields[i].index];
        if (value->kind != WEIR_INT64) continue;
        value->as.integer++;
        break;
    }
    __real_weir_carried_encode(layout, wrong, overflow, out);
}
