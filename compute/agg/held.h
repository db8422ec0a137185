/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - one value that an accumulator remembers: the least, the last, ...
 *
 * While rows are scanned a held value points into the rows; weir_held_keep copies what it points
 * to, for accumulators that outlive their rows (`ever`).
 */
#pragma once

#include "compute/agg/column.h"

typedef struct weir_held {
    bool is_set;
    bool owns; /* value.as.bytes or .vec is malloc'ed */
    int64_t time;
    weir_value value;
} weir_held;

void weir_held_set(weir_held *held, int64_t time,
                   weir_value value); /* points to what value points to */
void weir_held_keep(weir_held *held);
void weir_held_deinit(weir_held *held);
size_t weir_held_bytes(const weir_held *held);
/* A copy that owns nothing and is good as long as the original. */
weir_held weir_held_view(const weir_held *held);
void weir_held_encode(weir_type type, const weir_held *held, weir_buffer *out);
bool weir_held_decode(weir_type type, weir_held *held, weir_reader *reader);
