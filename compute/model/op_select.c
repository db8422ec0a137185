/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_select.c - Gather, GatherElements, Slice, Split, Concat, TopK.
 *
 * Indexes from data are checked at run time; negative ones count from the end. Slices are known
 * from the file, so that shapes are.
 */
#include "compute/model/op.h"

static bool index_at(const void *data, weir_tensor_kind kind, size_t i, size_t length, size_t *out)
{
    int64_t index = kind == WEIR_TENSOR_INT64 ? ((const int64_t *)data)[i]
                                              : (int64_t)((const int32_t *)data)[i];
    if (index < 0) index += (int64_t)length;
    *out = (size_t)index;
    return index >= 0 && (uint64_t)index < length;
}

static weir_error *check_index_kind(const weir_op_call *call, const weir_slot *slot)
{
    bool fine = slot->kind == WEIR_TENSOR_INT64 || slot->kind == WEIR_TENSOR_INT32;
    return fine ? NULL : weir_call_kind_wrong(call, slot);
}

/* --- Gather
 * ----------------------------------------------------------------------------------------- */

static weir_error *gather_run(const weir_step *step, void *const *data)
{
    const weir_axis_view *view = step->params;
    const weir_slot *indexes = weir_step_in_slot(step, 1);
    size_t size = weir_kind_size(weir_step_out_slot(step, 0)->kind) * view->inner;
    const char *from = weir_step_in(step, data, 0);
    char *to = weir_step_out(step, data, 0);
    for (size_t o = 0; o < view->outer; o++)
        for (size_t i = 0; i < indexes->count; i++, to += size) {
            size_t at;
            if (!index_at(weir_step_in(step, data, 1), indexes->kind, i, view->length, &at))
                return weir_step_fail(step, "an index is outside of the %zu elements",
                                      view->length);
            memcpy(to, from + (o * view->length + at) * size, size);
        }
    return NULL;
}

static weir_error *gather_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0), *indexes = weir_call_in(call, 1);
    WEIR_TRY(check_index_kind(call, indexes));
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", 0), in->shape.rank, &axis));
    if (in->shape.rank + indexes->shape.rank > WEIR_RANK_MAX + 1)
        return weir_call_fail(call, "its output has more than %d dimensions", WEIR_RANK_MAX);
    weir_shape shape = {0};
    for (unsigned d = 0; d < in->shape.rank; d++) {
        if (d != axis) shape.dims[shape.rank++] = in->shape.dims[d];
        for (unsigned i = 0; d == axis && i < indexes->shape.rank; i++)
            shape.dims[shape.rank++] = indexes->shape.dims[i];
    }
    weir_axis_view *view = weir_arena_new(call->into, weir_axis_view);
    *view = weir_axis_of(&in->shape, axis);
    call->step->params = view;
    call->step->run = gather_run;
    return weir_call_out(call, 0, in->kind, &shape);
}

/* --- GatherElements
 * --------------------------------------------------------------------------------- */

typedef struct elements_params {
    unsigned axis;
    size_t strides[WEIR_RANK_MAX]; /* of the data */
} elements_params;

static weir_error *elements_run(const weir_step *step, void *const *data)
{
    const elements_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0), *indexes = weir_step_in_slot(step, 1);
    size_t size = weir_kind_size(in->kind), index[WEIR_RANK_MAX] = {0};
    const char *from = weir_step_in(step, data, 0);
    char *to = weir_step_out(step, data, 0);
    for (size_t i = 0; i < indexes->count; i++) {
        size_t at = 0, chosen;
        if (!index_at(weir_step_in(step, data, 1), indexes->kind, i,
                      (size_t)in->shape.dims[p->axis], &chosen))
            return weir_step_fail(step, "an index is outside of the data");
        for (unsigned d = 0; d < in->shape.rank; d++)
            at += (d == p->axis ? chosen : index[d]) * p->strides[d];
        memcpy(to + i * size, from + at * size, size);
        for (unsigned d = in->shape.rank; d-- > 0;) {
            if (++index[d] < (size_t)indexes->shape.dims[d]) break;
            index[d] = 0;
        }
    }
    return NULL;
}

static weir_error *elements_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0), *indexes = weir_call_in(call, 1);
    WEIR_TRY(check_index_kind(call, indexes));
    elements_params *p = weir_arena_new(call->into, elements_params);
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", 0), in->shape.rank, &p->axis));
    if (in->shape.rank != indexes->shape.rank)
        return weir_call_fail(call, "data and indexes differ in rank");
    size_t step = 1;
    for (unsigned d = in->shape.rank; d-- > 0;) {
        if (d != p->axis && indexes->shape.dims[d] > in->shape.dims[d])
            return weir_call_fail(call, "its indexes reach beyond the data");
        p->strides[d] = step;
        step *= (size_t)in->shape.dims[d];
    }
    call->step->params = p;
    call->step->run = elements_run;
    return weir_call_out(call, 0, in->kind, &indexes->shape);
}

/* --- Slice
 * ------------------------------------------------------------------------------------------ */

typedef struct slice_params {
    int64_t start[WEIR_RANK_MAX], step[WEIR_RANK_MAX];
} slice_params;

static weir_error *slice_run(const weir_step *step, void *const *data)
{
    const slice_params *p = step->params;
    const weir_shape *in = &weir_step_in_slot(step, 0)->shape,
                     *out = &weir_step_out_slot(step, 0)->shape;
    size_t size = weir_kind_size(weir_step_out_slot(step, 0)->kind);
    const char *from = weir_step_in(step, data, 0);
    char *to = weir_step_out(step, data, 0);
    int64_t index[WEIR_RANK_MAX] = {0};
    for (size_t i = 0; i < weir_step_out_slot(step, 0)->count; i++) {
        int64_t at = 0;
        for (unsigned d = 0; d < in->rank; d++)
            at = at * in->dims[d] + p->start[d] + index[d] * p->step[d];
        memcpy(to + i * size, from + (size_t)at * size, size);
        for (unsigned d = in->rank; d-- > 0;) {
            if (++index[d] < out->dims[d]) break;
            index[d] = 0;
        }
    }
    return NULL;
}

typedef struct slice_lists {
    const int64_t *starts, *ends, *axes, *steps;
    size_t count;
} slice_lists;

static weir_error *slice_input(weir_op_call *call, size_t index, bool must, const int64_t **list,
                               size_t count)
{
    size_t found_count;
    bool found;
    WEIR_TRY(weir_call_ints(call, index, list, &found_count, &found));
    if ((found && found_count != count) || (must && !found))
        return weir_call_fail(call, "its starts, ends, axes and steps differ in length");
    return NULL;
}

static weir_error *slice_read(weir_op_call *call, slice_lists *lists)
{
    if (call->opset < 10) {
        const weir_attribute *starts = weir_call_attribute(call, "starts", WEIR_ATTRIBUTE_INTS);
        const weir_attribute *ends = weir_call_attribute(call, "ends", WEIR_ATTRIBUTE_INTS);
        const weir_attribute *axes = weir_call_attribute(call, "axes", WEIR_ATTRIBUTE_INTS);
        if (starts == NULL || ends == NULL || starts->count != ends->count ||
            (axes != NULL && axes->count != starts->count))
            return weir_call_fail(call, "its starts, ends and axes differ in length");
        *lists = (slice_lists){starts->integers, ends->integers,
                               axes == NULL ? NULL : axes->integers, NULL, starts->count};
        return NULL;
    }
    bool found;
    WEIR_TRY(weir_call_ints(call, 1, &lists->starts, &lists->count, &found));
    if (!found) return weir_call_fail(call, "it has no starts");
    WEIR_TRY(slice_input(call, 2, true, &lists->ends, lists->count));
    WEIR_TRY(slice_input(call, 3, false, &lists->axes, lists->count));
    return slice_input(call, 4, false, &lists->steps, lists->count);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* numpy's rules: negative positions count from the end, what is outside is cut. */
static int64_t slice_axis(slice_params *p, unsigned axis, int64_t dim, int64_t start, int64_t end,
                          int64_t step)
{
    if (start < 0) start = start < -dim ? -1 : start + dim;
    if (end < 0) end = end < -dim ? -1 : end + dim;
    if (step > 0) {
        start = clamp(start, 0, dim);
        end = clamp(end, 0, dim);
    } else {
        start = clamp(start, -1, dim - 1);
        end = clamp(end, -1, dim - 1);
    }
    p->start[axis] = start;
    p->step[axis] = step;
    int64_t distance = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    return distance <= 0 ? 0 : (distance - 1) / stride + 1;
}

static weir_error *slice_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    slice_lists lists = {0};
    WEIR_TRY(slice_read(call, &lists));
    slice_params *p = weir_arena_new(call->into, slice_params);
    weir_shape shape = in->shape;
    bool seen[WEIR_RANK_MAX] = {0};
    for (unsigned d = 0; d < in->shape.rank; d++)
        p->step[d] = 1;
    for (size_t i = 0; i < lists.count; i++) {
        unsigned axis;
        WEIR_TRY(weir_call_axis(call, lists.axes == NULL ? (int64_t)i : lists.axes[i],
                                in->shape.rank, &axis));
        int64_t step = lists.steps == NULL ? 1 : clamp(lists.steps[i], -INT32_MAX, INT32_MAX);
        if (step == 0) return weir_call_fail(call, "a step is zero");
        if (seen[axis]) return weir_call_fail(call, "an axis is named twice");
        seen[axis] = true;
        shape.dims[axis] =
            slice_axis(p, axis, in->shape.dims[axis], lists.starts[i], lists.ends[i], step);
    }
    call->step->params = p;
    call->step->run = slice_run;
    return weir_call_out(call, 0, in->kind, &shape);
}

/* --- Split
 * ------------------------------------------------------------------------------------------ */

typedef struct split_params {
    weir_axis_view view;
    const size_t *sizes; /* along the axis, per output */
} split_params;

static weir_error *split_run(const weir_step *step, void *const *data)
{
    const split_params *p = step->params;
    size_t size = weir_kind_size(weir_step_in_slot(step, 0)->kind) * p->view.inner;
    const char *from = weir_step_in(step, data, 0);
    size_t before = 0;
    for (size_t i = 0; i < step->out_count; before += p->sizes[i++]) {
        char *to = weir_step_out(step, data, i);
        for (size_t o = 0; to != NULL && o < p->view.outer; o++, to += p->sizes[i] * size)
            memcpy(to, from + (o * p->view.length + before) * size, p->sizes[i] * size);
    }
    return NULL;
}

static weir_error *split_sizes(weir_op_call *call, size_t length, size_t *sizes)
{
    size_t outputs = call->node->output_count, count = 0, total = 0;
    const weir_attribute *attribute = weir_call_attribute(call, "split", WEIR_ATTRIBUTE_INTS);
    const int64_t *given = attribute == NULL ? NULL : attribute->integers;
    bool found = attribute != NULL;
    if (found)
        count = attribute->count;
    else
        WEIR_TRY(weir_call_ints(call, 1, &given, &count, &found));
    if (found && count != outputs)
        return weir_call_fail(call, "it names %zu sizes for %zu outputs", count, outputs);
    size_t each = (length + outputs - 1) / outputs;
    for (size_t i = 0; i < outputs; i++) {
        if (found && (given[i] < 0 || (uint64_t)given[i] > length))
            return weir_call_fail(call, "a size is larger than the axis");
        size_t left = length - total;
        sizes[i] = found ? (size_t)given[i] : each < left ? each : left;
        total += sizes[i];
        if (total > length) break;
    }
    if (total != length) return weir_call_fail(call, "its sizes do not add up to %zu", length);
    return NULL;
}

static weir_error *split_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", 0), in->shape.rank, &axis));
    split_params *p = weir_arena_new(call->into, split_params);
    p->view = weir_axis_of(&in->shape, axis);
    if (call->node->output_count == 0) return weir_call_fail(call, "it has no outputs");
    size_t *sizes = weir_arena_array(call->into, size_t, call->node->output_count);
    WEIR_TRY(split_sizes(call, p->view.length, sizes));
    p->sizes = sizes;
    for (size_t i = 0; i < call->node->output_count; i++) {
        weir_shape shape = in->shape;
        shape.dims[axis] = (int64_t)sizes[i];
        WEIR_TRY(weir_call_out(call, i, in->kind, &shape));
    }
    call->step->params = p;
    call->step->run = split_run;
    return NULL;
}

/* --- Concat
 * ----------------------------------------------------------------------------------------- */

static weir_error *concat_run(const weir_step *step, void *const *data)
{
    const unsigned *axis = step->params;
    const weir_slot *out = weir_step_out_slot(step, 0);
    weir_axis_view view = weir_axis_of(&out->shape, *axis);
    size_t size = weir_kind_size(out->kind) * view.inner;
    char *to = weir_step_out(step, data, 0);
    for (size_t o = 0; o < view.outer; o++)
        for (size_t i = 0; i < step->in_count; i++) {
            size_t bytes = (size_t)weir_step_in_slot(step, i)->shape.dims[*axis] * size;
            if (bytes > 0) memcpy(to, (const char *)weir_step_in(step, data, i) + o * bytes, bytes);
            to += bytes;
        }
    return NULL;
}

static weir_error *concat_prepare(weir_op_call *call)
{
    const weir_slot *first = weir_call_in(call, 0);
    unsigned *axis = weir_arena_new(call->into, unsigned);
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", 1), first->shape.rank, axis));
    weir_shape shape = first->shape;
    for (size_t i = 1; i < call->node->input_count; i++) {
        const weir_slot *slot = weir_call_in(call, i);
        if (slot == NULL) return weir_call_fail(call, "input %zu is left out", i);
        bool fits = slot->kind == first->kind && slot->shape.rank == shape.rank;
        for (unsigned d = 0; fits && d < shape.rank; d++)
            fits = d == *axis || slot->shape.dims[d] == shape.dims[d];
        if (!fits)
            return weir_call_fail(
                call, "input %zu (%s %s) does not fit the first (%s %s)", i,
                weir_kind_name(slot->kind), weir_shape_print(&slot->shape, call->into),
                weir_kind_name(first->kind), weir_shape_print(&first->shape, call->into));
        shape.dims[*axis] += slot->shape.dims[*axis];
    }
    call->step->params = axis;
    call->step->run = concat_run;
    return weir_call_out(call, 0, first->kind, &shape);
}

/* --- TopK
 * ------------------------------------------------------------------------------------------- */

typedef struct top_params {
    weir_axis_view view;
    size_t k;
    bool largest;
} top_params;

static double number_of(const void *data, weir_tensor_kind kind, size_t i)
{
    return kind == WEIR_TENSOR_FLOAT32 ? (double)((const float *)data)[i]
                                       : ((const double *)data)[i];
}

/* Whether element a comes before b; equal ones by index. */
static bool before(const void *x, weir_tensor_kind kind, size_t a, size_t b, bool largest)
{
    if (kind == WEIR_TENSOR_FLOAT32 || kind == WEIR_TENSOR_FLOAT64) {
        double va = number_of(x, kind, a), vb = number_of(x, kind, b);
        if (va > vb) return largest;
        if (va < vb) return !largest;
        return a < b;
    }
    int64_t va = kind == WEIR_TENSOR_INT64 ? ((const int64_t *)x)[a] : ((const int32_t *)x)[a];
    int64_t vb = kind == WEIR_TENSOR_INT64 ? ((const int64_t *)x)[b] : ((const int32_t *)x)[b];
    return va == vb ? a < b : (va > vb) == largest;
}

static void top_line(const top_params *p, const weir_step *step, void *const *data, size_t first,
                     size_t out_first)
{
    weir_tensor_kind kind = weir_step_in_slot(step, 0)->kind;
    const char *x = weir_step_in(step, data, 0);
    size_t *best = data[step->scratch], found = 0, size = weir_kind_size(kind);
    for (size_t i = 0; i < p->view.length; i++) { /* insertion: k is small */
        size_t at = first + i * p->view.inner, to = found;
        if (found == p->k && !before(x, kind, at, best[found - 1], p->largest)) continue;
        if (found < p->k)
            found++;
        else
            to--;
        for (; to > 0 && before(x, kind, at, best[to - 1], p->largest); to--)
            best[to] = best[to - 1];
        best[to] = at;
    }
    char *values = weir_step_out(step, data, 0);
    int64_t *indexes = weir_step_out(step, data, 1);
    for (size_t i = 0; i < p->k; i++) {
        size_t to = out_first + i * p->view.inner;
        if (values != NULL) memcpy(values + to * size, x + best[i] * size, size);
        if (indexes != NULL) indexes[to] = (int64_t)((best[i] - first) / p->view.inner);
    }
}

static weir_error *top_run(const weir_step *step, void *const *data)
{
    const top_params *p = step->params;
    for (size_t o = 0; p->k > 0 && o < p->view.outer; o++)
        for (size_t i = 0; i < p->view.inner; i++)
            top_line(p, step, data, o * p->view.length * p->view.inner + i,
                     o * p->k * p->view.inner + i);
    return NULL;
}

static weir_error *top_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", -1), in->shape.rank, &axis));
    int64_t k = weir_call_int(call, "k", -1);
    if (call->opset >= 10) {
        const int64_t *given;
        size_t count;
        bool found;
        WEIR_TRY(weir_call_ints(call, 1, &given, &count, &found));
        if (!found || count != 1) return weir_call_fail(call, "its k must be one number");
        k = given[0];
    }
    if (k < 0 || k > in->shape.dims[axis])
        return weir_call_fail(call, "its k is not within the axis");
    top_params *p = weir_arena_new(call->into, top_params);
    *p = (top_params){weir_axis_of(&in->shape, axis), (size_t)k,
                      weir_call_int(call, "largest", 1) != 0};
    if ((double)in->count * (double)k > 1e10) return weir_call_fail(call, "its k is too large");
    weir_shape shape = in->shape;
    shape.dims[axis] = k;
    weir_call_scratch(call, ((size_t)k + 1) * sizeof(size_t));
    call->step->params = p;
    call->step->run = top_run;
    WEIR_TRY(weir_call_out(call, 1, WEIR_TENSOR_INT64, &shape));
    return weir_call_out(call, 0, in->kind, &shape);
}

// clang-format off
const weir_op weir_ops_select[] = {
    {.name = "Gather", .prepare = gather_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = "GatherElements", .prepare = elements_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 11, .missing = WEIR_MISSING_PASSES},
    {.name = "Slice", .prepare = slice_prepare, .inputs_min = 1, .inputs_max = 5, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = "Split", .prepare = split_prepare, .inputs_min = 1, .inputs_max = 2, .outputs_max = 255, .missing = WEIR_MISSING_PASSES},
    {.name = "Concat", .prepare = concat_prepare, .inputs_min = 1, .inputs_max = 255, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = "TopK", .prepare = top_prepare, .inputs_min = 1, .inputs_max = 2, .outputs_max = 2},
    {.name = NULL},
};
// clang-format on
