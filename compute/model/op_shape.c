/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_shape.c - operators that move or make elements without looking at them: Reshape and its kin,
 * Transpose, Expand, Tile, Shape, Size, Constant, ConstantOfShape.
 */
#include "compute/model/broadcast.h"
#include "compute/model/op.h"

static weir_error *copy_run(const weir_step *step, void *const *data)
{
    const weir_slot *out = weir_step_out_slot(step, 0);
    size_t bytes = out->count * weir_kind_size(out->kind);
    if (bytes > 0) memcpy(weir_step_out(step, data, 0), weir_step_in(step, data, 0), bytes);
    return NULL;
}

static weir_error *same_elements(weir_op_call *call, const weir_shape *shape)
{
    const weir_slot *in = weir_call_in(call, 0);
    size_t count;
    if (!weir_shape_count(shape, &count) || count != in->count)
        return weir_call_fail(call, "shape %s can not become %s",
                              weir_shape_print(&in->shape, call->into),
                              weir_shape_print(shape, call->into));
    call->step->run = copy_run;
    return weir_call_out(call, 0, in->kind, shape);
}

static weir_error *shape_from(const weir_op_call *call, const int64_t *dims, size_t count,
                              weir_shape *shape)
{
    if (count > WEIR_RANK_MAX)
        return weir_call_fail(call, "a shape has more than %d dimensions", WEIR_RANK_MAX);
    shape->rank = (unsigned)count;
    for (size_t i = 0; i < count; i++)
        shape->dims[i] = dims[i];
    return NULL;
}

static weir_error *needed_ints(weir_op_call *call, size_t index, const int64_t **values,
                               size_t *count)
{
    bool found;
    WEIR_TRY(weir_call_ints(call, index, values, count, &found));
    return found ? NULL : weir_call_fail(call, "input %zu is left out", index);
}

static weir_error *reshape_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const int64_t *dims;
    size_t count, known = 1;
    WEIR_TRY(needed_ints(call, 1, &dims, &count));
    weir_shape shape = {0};
    WEIR_TRY(shape_from(call, dims, count, &shape));
    bool zero_is_zero = weir_call_int(call, "allowzero", 0) != 0;
    unsigned open = WEIR_RANK_MAX;
    for (unsigned d = 0; d < shape.rank; d++) {
        if (shape.dims[d] == 0 && !zero_is_zero) {
            if (d >= in->shape.rank)
                return weir_call_fail(call, "dimension %u is taken over from nothing", d);
            shape.dims[d] = in->shape.dims[d];
        }
        if (shape.dims[d] == -1) {
            if (open != WEIR_RANK_MAX) return weir_call_fail(call, "two dimensions are left open");
            open = d;
            continue;
        }
        if (shape.dims[d] < 0 || shape.dims[d] > WEIR_TENSOR_ELEMENTS_MAX)
            return weir_call_fail(call, "dimension %u is %lld", d, (long long)shape.dims[d]);
        known *= (size_t)shape.dims[d];
        if (known > WEIR_TENSOR_ELEMENTS_MAX) return weir_call_fail(call, "its shape is too large");
    }
    if (open != WEIR_RANK_MAX) shape.dims[open] = known == 0 ? 0 : (int64_t)(in->count / known);
    return same_elements(call, &shape);
}

static weir_error *flatten_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    int64_t axis = weir_call_int(call, "axis", 1);
    if (axis < 0) axis += in->shape.rank;
    if (axis < 0 || axis > (int64_t)in->shape.rank)
        return weir_call_fail(call, "axis %lld", (long long)axis);
    weir_shape shape = {2, {1, 1}};
    for (unsigned d = 0; d < in->shape.rank; d++)
        shape.dims[d >= (unsigned)axis] *= in->shape.dims[d];
    return same_elements(call, &shape);
}

/* Axes from the attribute (before opset 13) or from input 1. */
static weir_error *read_axes(weir_op_call *call, const int64_t **axes, size_t *count, bool *found)
{
    const weir_attribute *attribute = weir_call_attribute(call, "axes", WEIR_ATTRIBUTE_INTS);
    if (attribute == NULL) return weir_call_ints(call, 1, axes, count, found);
    *axes = attribute->integers;
    *count = attribute->count;
    *found = true;
    return NULL;
}

static weir_error *squeeze_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const int64_t *axes;
    size_t count;
    bool found, drop[WEIR_RANK_MAX] = {0};
    WEIR_TRY(read_axes(call, &axes, &count, &found));
    for (unsigned d = 0; !found && d < in->shape.rank; d++)
        drop[d] = in->shape.dims[d] == 1;
    for (size_t i = 0; i < count; i++) {
        unsigned axis;
        WEIR_TRY(weir_call_axis(call, axes[i], in->shape.rank, &axis));
        if (in->shape.dims[axis] != 1) return weir_call_fail(call, "dimension %u is not 1", axis);
        drop[axis] = true;
    }
    weir_shape shape = {0};
    for (unsigned d = 0; d < in->shape.rank; d++)
        if (!drop[d]) shape.dims[shape.rank++] = in->shape.dims[d];
    return same_elements(call, &shape);
}

static weir_error *unsqueeze_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const int64_t *axes;
    size_t count;
    bool found, added[WEIR_RANK_MAX] = {0};
    WEIR_TRY(read_axes(call, &axes, &count, &found));
    if (!found) return weir_call_fail(call, "it names no axes");
    if (count + in->shape.rank > WEIR_RANK_MAX)
        return weir_call_fail(call, "its output has more than %d dimensions", WEIR_RANK_MAX);
    weir_shape shape = {.rank = in->shape.rank + (unsigned)count};
    for (size_t i = 0; i < count; i++) {
        unsigned axis;
        WEIR_TRY(weir_call_axis(call, axes[i], shape.rank, &axis));
        if (added[axis]) return weir_call_fail(call, "an axis is named twice");
        added[axis] = true;
    }
    for (unsigned d = 0, from = 0; d < shape.rank; d++)
        shape.dims[d] = added[d] ? 1 : in->shape.dims[from++];
    return same_elements(call, &shape);
}

/* --- Transpose, Expand, Tile: an output element's place in the input
 * -------------------------------- */

static weir_error *pick_run(const weir_step *step, void *const *data)
{
    const uint32_t *from = step->params;
    const weir_slot *out = weir_step_out_slot(step, 0);
    const void *x = weir_step_in(step, data, 0);
    void *y = weir_step_out(step, data, 0);
    size_t size = weir_kind_size(out->kind);
    for (size_t i = 0; i < out->count; i++) {
        if (size == 4)
            ((uint32_t *)y)[i] = ((const uint32_t *)x)[from[i]];
        else if (size == 8)
            ((uint64_t *)y)[i] = ((const uint64_t *)x)[from[i]];
        else
            memcpy((char *)y + i * size, (const char *)x + from[i] * size, size);
    }
    return NULL;
}

/* strides: how far the input moves when output dimension d goes on; it starts again after
 * modulo[d]. */
static weir_error *pick(weir_op_call *call, const weir_shape *shape, const size_t *strides,
                        const size_t *modulo)
{
    const weir_slot *in = weir_call_in(call, 0);
    WEIR_TRY(weir_call_out(call, 0, in->kind, shape));
    size_t count, index[WEIR_RANK_MAX] = {0};
    WEIR_ASSERT(weir_shape_count(shape, &count));
    WEIR_TRY(weir_call_charge(call, (double)count * sizeof(uint32_t), (double)count));
    uint32_t *from = weir_arena_array(call->into, uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        for (unsigned d = 0; d < shape->rank; d++)
            at += (modulo == NULL ? index[d] : index[d] % modulo[d]) * strides[d];
        from[i] = (uint32_t)at;
        for (unsigned d = shape->rank; d-- > 0;) {
            if (++index[d] < (size_t)shape->dims[d]) break;
            index[d] = 0;
        }
    }
    call->step->params = from;
    call->step->run = pick_run;
    return NULL;
}

static void strides_of(const weir_shape *shape, size_t *strides)
{
    size_t step = 1;
    for (unsigned d = shape->rank; d-- > 0;) {
        strides[d] = step;
        step *= (size_t)shape->dims[d];
    }
}

static weir_error *transpose_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    unsigned rank = in->shape.rank;
    const weir_attribute *perm = weir_call_attribute(call, "perm", WEIR_ATTRIBUTE_INTS);
    if (perm != NULL && perm->count != rank)
        return weir_call_fail(call, "perm does not fit its input");
    size_t strides[WEIR_RANK_MAX] = {0}, moved[WEIR_RANK_MAX] = {0};
    strides_of(&in->shape, strides);
    weir_shape shape = {.rank = rank};
    bool seen[WEIR_RANK_MAX] = {0};
    for (unsigned d = 0; d < rank; d++) {
        unsigned axis = rank - 1 - d;
        if (perm != NULL) WEIR_TRY(weir_call_axis(call, perm->integers[d], rank, &axis));
        if (seen[axis]) return weir_call_fail(call, "perm names axis %u twice", axis);
        seen[axis] = true;
        shape.dims[d] = in->shape.dims[axis];
        moved[d] = strides[axis];
    }
    return pick(call, &shape, moved, NULL);
}

static weir_error *expand_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const int64_t *dims;
    size_t count;
    WEIR_TRY(needed_ints(call, 1, &dims, &count));
    weir_slot wanted = {0};
    WEIR_TRY(shape_from(call, dims, count, &wanted.shape));
    const weir_slot *pair[] = {in, &wanted};
    weir_shape shape;
    WEIR_TRY(weir_broadcast_shape(call, pair, 2, &shape));
    size_t strides[WEIR_RANK_MAX] = {0}, moved[WEIR_RANK_MAX] = {0};
    strides_of(&in->shape, strides);
    unsigned missing = shape.rank - in->shape.rank;
    for (unsigned d = missing; d < shape.rank; d++)
        moved[d] = in->shape.dims[d - missing] == 1 ? 0 : strides[d - missing];
    return pick(call, &shape, moved, NULL);
}

static weir_error *tile_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const int64_t *times;
    size_t count, strides[WEIR_RANK_MAX] = {0}, modulo[WEIR_RANK_MAX] = {0};
    WEIR_TRY(needed_ints(call, 1, &times, &count));
    if (count != in->shape.rank)
        return weir_call_fail(call, "it repeats %zu of %u dimensions", count, in->shape.rank);
    strides_of(&in->shape, strides);
    weir_shape shape = in->shape;
    for (unsigned d = 0; d < shape.rank; d++) {
        if (times[d] < 0 || times[d] > WEIR_TENSOR_ELEMENTS_MAX)
            return weir_call_fail(call, "a count is wrong");
        modulo[d] = in->shape.dims[d] == 0 ? 1 : (size_t)in->shape.dims[d];
        shape.dims[d] *= times[d];
    }
    return pick(call, &shape, strides, modulo);
}

/* --- Shape, Size, Constant, ConstantOfShape
 * --------------------------------------------------------- */

static weir_error *shape_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    int64_t rank = in->shape.rank, start = weir_call_int(call, "start", 0),
            end = weir_call_int(call, "end", rank);
    if (start < 0) start += rank;
    if (end < 0) end += rank;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    const int64_t *dims = weir_arena_copy(call->into, in->shape.dims + start,
                                          (size_t)(end - start) * sizeof(int64_t));
    return weir_call_out_constant(call, 0, WEIR_TENSOR_INT64, &(weir_shape){1, {end - start}},
                                  dims);
}

static weir_error *size_prepare(weir_op_call *call)
{
    int64_t *count = weir_arena_new(call->into, int64_t);
    *count = (int64_t)weir_call_in(call, 0)->count;
    return weir_call_out_constant(call, 0, WEIR_TENSOR_INT64, &(weir_shape){0, {0}}, count);
}

static weir_error *constant_prepare(weir_op_call *call)
{
    if (call->node->attribute_count != 1) return weir_call_fail(call, "it must hold one value");
    const weir_attribute *a = &call->node->attributes[0];
    weir_shape list = {1, {(int64_t)a->count}}, scalar = {0, {0}};
    switch (a->type) {
    case WEIR_ATTRIBUTE_TENSOR:
        if (a->tensor == NULL) break;
        return weir_call_out_constant(call, 0, a->tensor->kind, &a->tensor->shape, a->tensor->data);
    case WEIR_ATTRIBUTE_FLOAT:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_FLOAT32, &scalar, &a->number);
    case WEIR_ATTRIBUTE_INT:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_INT64, &scalar, &a->integer);
    case WEIR_ATTRIBUTE_STRING:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_STRING, &scalar, &a->string);
    case WEIR_ATTRIBUTE_FLOATS:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_FLOAT32, &list, a->floats);
    case WEIR_ATTRIBUTE_INTS:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_INT64, &list, a->integers);
    case WEIR_ATTRIBUTE_STRINGS:
        return weir_call_out_constant(call, 0, WEIR_TENSOR_STRING, &list, a->strings);
    default: break;
    }
    return weir_call_fail(call, "its value is missing or not supported");
}

static weir_error *fill_prepare(weir_op_call *call)
{
    const int64_t *dims;
    size_t rank, count;
    WEIR_TRY(needed_ints(call, 0, &dims, &rank));
    weir_shape shape = {0};
    WEIR_TRY(shape_from(call, dims, rank, &shape));
    static const float zero = 0;
    const weir_attribute *value = weir_call_attribute(call, "value", WEIR_ATTRIBUTE_TENSOR);
    weir_array element = {.kind = WEIR_TENSOR_FLOAT32, .count = 1, .data = &zero};
    if (value != NULL && value->tensor != NULL) element = *value->tensor;
    if (element.count != 1) return weir_call_fail(call, "its value must be one element");
    WEIR_TRY(weir_call_out(call, 0, element.kind, &shape));
    WEIR_ASSERT(weir_shape_count(&shape, &count));
    size_t size = weir_kind_size(element.kind);
    char *data = weir_arena_alloc(call->into, count * size);
    for (size_t i = 0; i < count; i++)
        memcpy(data + i * size, element.data, size);
    return weir_call_out_constant(call, 0, element.kind, &shape, data);
}

#define MOVES .outputs_max = 1, .missing = WEIR_MISSING_PASSES
// clang-format off
const weir_op weir_ops_shape[] = {
    {.name = "Reshape", .prepare = reshape_prepare, .inputs_min = 2, .inputs_max = 2, MOVES},
    {.name = "Flatten", .prepare = flatten_prepare, .inputs_min = 1, .inputs_max = 1, MOVES},
    {.name = "Squeeze", .prepare = squeeze_prepare, .inputs_min = 1, .inputs_max = 2, MOVES},
    {.name = "Unsqueeze", .prepare = unsqueeze_prepare, .inputs_min = 1, .inputs_max = 2, MOVES},
    {.name = "Transpose", .prepare = transpose_prepare, .inputs_min = 1, .inputs_max = 1, MOVES},
    {.name = "Expand", .prepare = expand_prepare, .inputs_min = 2, .inputs_max = 2, MOVES},
    {.name = "Tile", .prepare = tile_prepare, .inputs_min = 2, .inputs_max = 2, MOVES},
    {.name = "Shape", .prepare = shape_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .missing = WEIR_MISSING_TAKEN},
    {.name = "Size", .prepare = size_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .missing = WEIR_MISSING_TAKEN},
    {.name = "Constant", .prepare = constant_prepare, .inputs_min = 0, .inputs_max = 0, .outputs_max = 1},
    {.name = "ConstantOfShape", .prepare = fill_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1},
    {.name = NULL},
};
// clang-format on
