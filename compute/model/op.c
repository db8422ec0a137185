/* SPDX-License-Identifier: Apache-2.0 */
/* What all operators use: errors that name the node, attributes, axes, outputs. */
#include "compute/model/op.h"

__attribute__((format(printf, 2, 0))) static weir_error *fail(const weir_node *node,
                                                              const char *format, va_list arguments)
{
    weir_error *error = weir_error_new_va(WEIR_E_MODEL, format, arguments);
    const char *out = node->name;
    return weir_error_while(error, "node '%s' (%s)", out, node->op);
}

weir_error *weir_call_fail(const weir_op_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = fail(call->node, format, arguments);
    va_end(arguments);
    return error;
}

weir_error *weir_step_fail(const weir_step *step, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = fail(step->node, format, arguments);
    va_end(arguments);
    return error;
}

const weir_slot *weir_call_in(const weir_op_call *call, size_t index)
{
    if (index >= call->node->input_count || call->node->inputs[index] == WEIR_NO_VALUE) return NULL;
    return &call->slots[call->node->inputs[index]];
}

bool weir_call_has_out(const weir_op_call *call, size_t index)
{
    return index < call->node->output_count && call->node->outputs[index] != WEIR_NO_VALUE;
}

weir_error *weir_call_charge(weir_op_call *call, double bytes, double work)
{
    if ((double)*call->bytes_used + bytes > WEIR_PROGRAM_BYTES_MAX)
        return weir_call_fail(call, "the values between the nodes need more than %d MiB",
                              WEIR_PROGRAM_BYTES_MAX >> 20);
    *call->bytes_used += (size_t)bytes;
    *call->work_used += work;
    if (*call->work_used > (double)(UINT64_C(1) << WEIR_PROGRAM_WORK_LOG2_MAX))
        return weir_call_fail(call, "a run computes more than 2^%d numbers",
                              WEIR_PROGRAM_WORK_LOG2_MAX);
    return NULL;
}

weir_error *weir_call_out(weir_op_call *call, size_t index, weir_tensor_kind kind,
                          const weir_shape *shape)
{
    size_t count;
    if (!weir_shape_count(shape, &count))
        return weir_call_fail(call, "its output has more than %d elements",
                              WEIR_TENSOR_ELEMENTS_MAX);
    if (!weir_call_has_out(call, index)) return NULL;
    WEIR_TRY(weir_call_charge(call, (double)(count * weir_kind_size(kind)), (double)count));
    weir_slot *slot = &call->slots[call->node->outputs[index]];
    slot->kind = kind;
    slot->shape = *shape;
    slot->count = count;
    slot->is_made = true;
    return NULL;
}

weir_error *weir_call_out_constant(weir_op_call *call, size_t index, weir_tensor_kind kind,
                                   const weir_shape *shape, const void *data)
{
    WEIR_TRY(weir_call_out(call, index, kind, shape));
    if (weir_call_has_out(call, index)) call->slots[call->node->outputs[index]].constant = data;
    return NULL;
}

void weir_call_scratch(weir_op_call *call, size_t bytes)
{
    call->scratch = (weir_slot){.kind = WEIR_TENSOR_BOOL, .count = bytes, .is_made = true};
}

const weir_attribute *weir_call_attribute(const weir_op_call *call, const char *name,
                                          weir_attribute_type type)
{
    for (size_t i = 0; i < call->node->attribute_count; i++) {
        const weir_attribute *attribute = &call->node->attributes[i];
        if (strcmp(attribute->name, name) != 0) continue;
        if (type == WEIR_ATTRIBUTE_NONE || attribute->type == type) return attribute;
    }
    return NULL;
}

int64_t weir_call_int(const weir_op_call *call, const char *name, int64_t otherwise)
{
    const weir_attribute *attribute = weir_call_attribute(call, name, WEIR_ATTRIBUTE_INT);
    return attribute == NULL ? otherwise : attribute->integer;
}

float weir_call_float(const weir_op_call *call, const char *name, float otherwise)
{
    const weir_attribute *attribute = weir_call_attribute(call, name, WEIR_ATTRIBUTE_FLOAT);
    return attribute == NULL ? otherwise : attribute->number;
}

bool weir_call_string_is(const weir_op_call *call, const char *name, const char *want,
                         const char *otherwise)
{
    const weir_attribute *attribute = weir_call_attribute(call, name, WEIR_ATTRIBUTE_STRING);
    if (attribute == NULL) return strcmp(want, otherwise) == 0;
    return attribute->string.size == strlen(want) &&
           memcmp(attribute->string.data, want, attribute->string.size) == 0;
}

weir_error *weir_call_ints(const weir_op_call *call, size_t index, const int64_t **values_out,
                           size_t *count_out, bool *found_out)
{
    const weir_slot *slot = weir_call_in(call, index);
    *found_out = slot != NULL;
    *count_out = 0;
    *values_out = NULL;
    if (slot == NULL) return NULL;
    if (slot->constant == NULL)
        return weir_call_fail(call, "input %zu decides on shapes and must be known from the file",
                              index);
    *count_out = slot->count;
    if (slot->kind == WEIR_TENSOR_INT64) {
        *values_out = slot->constant;
        return NULL;
    }
    if (slot->kind != WEIR_TENSOR_INT32) return weir_call_kind_wrong(call, slot);
    int64_t *wide = weir_arena_array(call->into, int64_t, slot->count);
    for (size_t i = 0; i < slot->count; i++)
        wide[i] = ((const int32_t *)slot->constant)[i];
    *values_out = wide;
    return NULL;
}

weir_error *weir_call_axis(const weir_op_call *call, int64_t axis, unsigned rank,
                           unsigned *axis_out)
{
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return weir_call_fail(call, "axis %lld is outside of a tensor with %u dimensions",
                              (long long)axis, rank);
    *axis_out = (unsigned)(axis < 0 ? axis + rank : axis);
    return NULL;
}

weir_error *weir_call_kind_wrong(const weir_op_call *call, const weir_slot *slot)
{
    return weir_call_fail(call, "it does not take %s here", weir_kind_name(slot->kind));
}

weir_axis_view weir_axis_of(const weir_shape *shape, unsigned axis)
{
    weir_axis_view view = {1, 1, 1};
    for (unsigned i = 0; i < shape->rank; i++) {
        if (i < axis) view.outer *= (size_t)shape->dims[i];
        if (i == axis) view.length = (size_t)shape->dims[i];
        if (i > axis) view.inner *= (size_t)shape->dims[i];
    }
    return view;
}
