/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/hop_key.h"

static bool encode(const weir_plan_entity *entity, const weir_plan_hop *hop,
                   const weir_value *slots, weir_buffer *out)
{
    weir_value values[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t i = 0; i < entity->key_count; i++)
        values[i] = slots[hop->key_slots[i]];
    weir_buffer_clear(out);
    return weir_key_encode(entity->key_types, values, entity->key_count, out);
}

bool weir_hop_key(const weir_plan *plan, const weir_plan_hop *hop, const weir_value *slots,
                  weir_buffer *scratch, weir_bytes *key_out)
{
    const weir_plan_entity *entity = &plan->entities[hop->entity];
    const weir_value *first = &slots[hop->key_slots[0]];
    if (entity->key_count == 1 && (first->kind == WEIR_STRING || first->kind == WEIR_BYTES)) {
        *key_out = (weir_bytes){first->as.bytes, first->size};
        return true;
    }
    if (!encode(entity, hop, slots, scratch)) return false;
    *key_out = (weir_bytes){scratch->data, scratch->size};
    return true;
}
