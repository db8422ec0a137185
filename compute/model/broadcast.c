/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/broadcast.h"

static int64_t dim_of(const weir_shape *shape, unsigned rank, unsigned index)
{
    unsigned missing = rank - shape->rank;
    return index < missing ? 1 : shape->dims[index - missing];
}

weir_error *weir_broadcast_shape(const weir_op_call *call, const weir_slot *const *slots,
                                 unsigned operands, weir_shape *shape_out)
{
    weir_shape shape = {0};
    for (unsigned o = 0; o < operands; o++)
        if (slots[o]->shape.rank > shape.rank) shape.rank = slots[o]->shape.rank;
    for (unsigned d = 0; d < shape.rank; d++) {
        shape.dims[d] = 1;
        for (unsigned o = 0; o < operands; o++) {
            int64_t dim = dim_of(&slots[o]->shape, shape.rank, d);
            if (dim == 1) continue;
            if (shape.dims[d] != 1 && shape.dims[d] != dim)
                return weir_call_fail(call, "shapes %s and %s do not broadcast",
                                      weir_shape_print(&slots[0]->shape, call->into),
                                      weir_shape_print(&slots[o]->shape, call->into));
            shape.dims[d] = dim;
        }
    }
    *shape_out = shape;
    return NULL;
}

/* Whether dimension d can be joined to the one before it: every operand walks on evenly. */
static bool joins(const weir_broadcast *b, unsigned last, size_t dim, const size_t *strides)
{
    for (unsigned o = 0; o < b->operands; o++)
        if (b->strides[o][last] != strides[o] * dim) return false;
    return true;
}

static void push(weir_broadcast *b, size_t dim, const size_t *strides)
{
    if (dim == 1 && b->rank > 0) return;
    unsigned at = b->rank;
    if (at > 0 && b->dims[at - 1] == 1) {
        at--; /* a lone 1 at the front is replaced */
    } else if (at > 0 && joins(b, at - 1, dim, strides)) {
        at--;
        dim *= b->dims[at];
    }
    b->dims[at] = dim;
    for (unsigned o = 0; o < b->operands; o++)
        b->strides[o][at] = strides[o];
    b->rank = at + 1;
}

void weir_broadcast_make(weir_broadcast *b, const weir_slot *const *slots, unsigned operands,
                         const weir_shape *shape)
{
    *b = (weir_broadcast){.operands = operands, .count = 1};
    size_t all[WEIR_RANK_MAX][WEIR_BROADCAST_MAX] = {{0}};
    for (unsigned o = 0; o < operands; o++) {
        size_t step = 1;
        for (unsigned d = shape->rank; d-- > 0;) {
            int64_t dim = dim_of(&slots[o]->shape, shape->rank, d);
            all[d][o] = dim == 1 ? 0 : step;
            step *= (size_t)dim;
        }
    }
    for (unsigned d = 0; d < shape->rank; d++) {
        b->count *= (size_t)shape->dims[d];
        push(b, (size_t)shape->dims[d], all[d]);
    }
    if (b->rank == 0) push(b, 1, all[0]);
}

bool weir_broadcast_walk(const weir_broadcast *b, weir_inner *inner, void *out, size_t out_size,
                         const void *const *data, const size_t *sizes)
{
    if (b->count == 0) return true;
    unsigned last = b->rank - 1;
    size_t index[WEIR_RANK_MAX] = {0}, n = b->dims[last];
    weir_lane lanes[WEIR_BROADCAST_MAX];
    for (unsigned o = 0; o < b->operands; o++)
        lanes[o] = (weir_lane){data[o], b->strides[o][last]};
    for (size_t done = 0; done < b->count; done += n) {
        if (!inner((char *)out + done * out_size, lanes, n)) return false;
        unsigned d = last;
        while (d-- > 0) {
            bool wraps = ++index[d] == b->dims[d];
            for (unsigned o = 0; o < b->operands; o++) {
                size_t step = b->strides[o][d] * sizes[o];
                lanes[o].data =
                    (const char *)lanes[o].data + step - (wraps ? step * b->dims[d] : 0);
            }
            if (!wraps) break;
            index[d] = 0;
        }
    }
    return true;
}
