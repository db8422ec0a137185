/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broadcast.h - ONNX's multidirectional broadcasting: tensors of different shapes walked as one.
 *
 * Dimensions are aligned at the right; a dimension of 1 is stretched. Neighbouring dimensions that
 * no operand stretches differently are joined, so that the inner loop is as long as it can be.
 */
#pragma once

#include "compute/model/op.h"

enum { WEIR_BROADCAST_MAX = 3 };

typedef struct weir_broadcast {
    unsigned operands, rank;
    size_t dims[WEIR_RANK_MAX];
    size_t strides[WEIR_BROADCAST_MAX][WEIR_RANK_MAX]; /* in elements; 0 where stretched */
    size_t count;
} weir_broadcast;

/* The common shape of `operands` slots; fails where they do not fit. */
weir_error *weir_broadcast_shape(const weir_op_call *call, const weir_slot *const *slots,
                                 unsigned operands, weir_shape *shape_out);
/* How to walk the operands over `shape`. */
void weir_broadcast_make(weir_broadcast *broadcast, const weir_slot *const *slots,
                         unsigned operands, const weir_shape *shape);

/* One run of `n` elements; stride of an operand is 0 or 1 (or more, for a lone column). */
typedef struct weir_lane {
    const void *data;
    size_t stride;
} weir_lane;
typedef bool weir_inner(void *out, const weir_lane *lanes, size_t n);

/* Calls `inner` for each run; false as soon as it says so. Sizes are those of one element. */
bool weir_broadcast_walk(const weir_broadcast *broadcast, weir_inner *inner, void *out,
                         size_t out_size, const void *const *data, const size_t *sizes);
