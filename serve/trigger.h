/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - an event that stands in no journal: what a vector needs to know of it.
 *
 * `weir score` and the rows of a spine ask for a vector as if an event came now, or had come then.
 * Whoever asks sends some of the event's fields: the keys of the entities whose features the vector
 * shows, what it reads with `this`, and, where a feature says `including this`, the fields that
 * make the event a row of its group. Other slots get a zero of their type, which no column sees.
 *
 * Owns:    nothing.
 * Threads: any.
 */
#pragma once

#include "compute/plan.h"

typedef struct weir_trigger_needs {
    const weir_plan *plan;
    uint32_t stream;
    bool *slots; /* per slot of the stream; the time's slot is never set: tau is given otherwise */
    bool *hops;  /* per hop of the stream: some feature of its entity is needed */
    bool *carried;
} weir_trigger_needs;

/* What the vector needs, and the decisions and the fallback of `score` (WEIR_NONE: none); arrays
 * live in `into`. */
weir_trigger_needs weir_trigger_needs_of(const weir_plan *plan, uint32_t vector, uint32_t score,
                                         weir_arena *into);
/* Fields that nobody needs and that may not be null become a zero of their type. */
void weir_trigger_fill(const weir_trigger_needs *needs, weir_value *fields);
/* The key of the hop's entity; false where a field is null. Appends to `out`. */
bool weir_trigger_key(const weir_plan *plan, uint32_t stream, uint32_t hop,
                      const weir_value *fields, weir_buffer *out);
/* Whether the value depends on keys, journal and tau alone, so that a lookup gives it again. */
bool weir_trigger_is_free(const weir_plan *plan, const weir_plan_carried *carried);
