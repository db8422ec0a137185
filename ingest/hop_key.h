/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop_key.h - the canonical key of an event at one of its stream's hops.
 *
 * A key of one text field, which is nearly every key, is the field's own bytes and is not copied.
 *
 * Owns:    nothing. Threads: any.
 */
#pragma once

#include "compute/plan.h"

/* The key in *key_out, in the slots' memory or in `scratch`, whose bytes it replaces; false if one
 * of its fields is null: the event has no copy there (R2). */
bool weir_hop_key(const weir_plan *plan, const weir_plan_hop *hop, const weir_value *slots,
                  weir_buffer *scratch, weir_bytes *key_out);
