/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_reduce.c - ReduceSum and its kin, ArgMax and ArgMin.
 *
 * float sums, products and norms run in float64 in index order and are rounded once; integers wrap.
 * Max and Min give NaN if any element is.
 */
#include "compute/model/exact_math.h"
#include "compute/model/op.h"

typedef enum reduction {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_L1,
    REDUCE_L2,
    REDUCE_LOG_SUM,
    REDUCE_LOG_SUM_EXP,
    REDUCE_SUM_SQUARE,
} reduction;

typedef struct reduce_params {
    reduction how;
    size_t *out_at; /* per input element: the output it goes to */
    size_t length;  /* input elements per output */
} reduce_params;

static double start_of(reduction how)
{
    return how == REDUCE_PROD  ? 1.0
           : how == REDUCE_MAX ? -INFINITY
           : how == REDUCE_MIN ? INFINITY
                               : 0.0;
}

static double join(reduction how, double so_far, double x)
{
    switch (how) {
    case REDUCE_SUM:
    case REDUCE_MEAN:
    case REDUCE_LOG_SUM: return so_far + x;
    case REDUCE_MAX: return so_far != so_far || so_far > x ? so_far : x;
    case REDUCE_MIN: return so_far != so_far || so_far < x ? so_far : x;
    case REDUCE_PROD: return so_far * x;
    case REDUCE_L1: return so_far + fabs(x);
    case REDUCE_L2:
    case REDUCE_SUM_SQUARE: return so_far + x * x;
    case REDUCE_LOG_SUM_EXP: return so_far + weir_exp(x);
    }
    WEIR_UNREACHABLE();
}

static double end_of(reduction how, double total, size_t length)
{
    switch (how) {
    case REDUCE_MEAN: return total / (double)length;
    case REDUCE_L2: return __builtin_sqrt(total);
    case REDUCE_LOG_SUM:
    case REDUCE_LOG_SUM_EXP: return weir_log(total);
    default: return total;
    }
}

static double number_at(const void *data, weir_tensor_kind kind, size_t index)
{
    return kind == WEIR_TENSOR_FLOAT32 ? (double)((const float *)data)[index]
                                       : ((const double *)data)[index];
}

static int64_t integer_at(const void *data, weir_tensor_kind kind, size_t index)
{
    return kind == WEIR_TENSOR_INT64  ? ((const int64_t *)data)[index]
           : kind == WEIR_TENSOR_BOOL ? (int64_t)((const uint8_t *)data)[index]
                                      : (int64_t)((const int32_t *)data)[index];
}

static void reduce_floats(const reduce_params *p, const weir_slot *in, const void *x,
                          const weir_slot *out, void *y, double *totals, double *most)
{
    for (size_t o = 0; o < out->count; o++) {
        totals[o] = start_of(p->how);
        most[o] = -INFINITY;
    }
    if (p->how == REDUCE_LOG_SUM_EXP) /* shifted by the greatest, so that nothing overflows */
        for (size_t i = 0; i < in->count; i++)
            most[p->out_at[i]] = join(REDUCE_MAX, most[p->out_at[i]], number_at(x, in->kind, i));
    for (size_t i = 0; i < in->count; i++) {
        size_t o = p->out_at[i];
        double v = number_at(x, in->kind, i);
        if (p->how == REDUCE_LOG_SUM_EXP && fabs(most[o]) < INFINITY) v -= most[o];
        totals[o] = join(p->how, totals[o], v);
    }
    for (size_t o = 0; o < out->count; o++) {
        double value = end_of(p->how, totals[o], p->length);
        if (p->how == REDUCE_LOG_SUM_EXP && fabs(most[o]) < INFINITY) value += most[o];
        if (out->kind == WEIR_TENSOR_FLOAT32)
            ((float *)y)[o] = (float)value;
        else
            ((double *)y)[o] = value;
    }
}

static int64_t join_integers(reduction how, int64_t so_far, int64_t x)
{
    uint64_t a = (uint64_t)so_far, b = (uint64_t)x;
    switch (how) {
    case REDUCE_MAX: return so_far > x ? so_far : x;
    case REDUCE_MIN: return so_far < x ? so_far : x;
    case REDUCE_PROD: return (int64_t)(a * b);
    case REDUCE_L1: return (int64_t)(a + (x < 0 ? 0 - b : b));
    case REDUCE_SUM_SQUARE: return (int64_t)(a + b * b);
    default: return (int64_t)(a + b);
    }
}

static void reduce_integers(const reduce_params *p, const weir_slot *in, const void *x,
                            const weir_slot *out, void *y, int64_t *totals)
{
    bool narrow = in->kind == WEIR_TENSOR_INT32, truth = in->kind == WEIR_TENSOR_BOOL;
    for (size_t o = 0; o < out->count; o++)
        totals[o] = p->how == REDUCE_PROD  ? 1
                    : p->how == REDUCE_MAX ? (truth    ? 0
                                              : narrow ? INT32_MIN
                                                       : INT64_MIN)
                    : p->how == REDUCE_MIN ? (truth    ? 1
                                              : narrow ? INT32_MAX
                                                       : INT64_MAX)
                                           : 0;
    for (size_t i = 0; i < in->count; i++)
        totals[p->out_at[i]] =
            join_integers(p->how, totals[p->out_at[i]], integer_at(x, in->kind, i));
    for (size_t o = 0; o < out->count; o++) {
        int64_t value = totals[o];
        if (p->how == REDUCE_MEAN && p->length > 0) value /= (int64_t)p->length;
        if (truth)
            ((uint8_t *)y)[o] = value != 0;
        else if (narrow)
            ((int32_t *)y)[o] = (int32_t)value;
        else
            ((int64_t *)y)[o] = value;
    }
}

static weir_error *reduce_run(const weir_step *step, void *const *data)
{
    const reduce_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0), *out = weir_step_out_slot(step, 0);
    double *totals = data[step->scratch];
    if (weir_kind_is_float(in->kind))
        reduce_floats(p, in, weir_step_in(step, data, 0), out, weir_step_out(step, data, 0), totals,
                      totals + out->count);
    else
        reduce_integers(p, in, weir_step_in(step, data, 0), out, weir_step_out(step, data, 0),
                        (int64_t *)totals);
    return NULL;
}

static weir_error *read_axes(weir_op_call *call, bool *reduced, bool *is_noop)
{
    unsigned rank = weir_call_in(call, 0)->shape.rank;
    const weir_attribute *attribute = weir_call_attribute(call, "axes", WEIR_ATTRIBUTE_INTS);
    const int64_t *axes = attribute == NULL ? NULL : attribute->integers;
    size_t count = attribute == NULL ? 0 : attribute->count;
    bool found = attribute != NULL;
    if (!found) WEIR_TRY(weir_call_ints(call, 1, &axes, &count, &found));
    *is_noop = count == 0 && weir_call_int(call, "noop_with_empty_axes", 0) != 0;
    for (unsigned d = 0; d < rank; d++)
        reduced[d] = count == 0 && !*is_noop;
    for (size_t i = 0; i < count; i++) {
        unsigned axis;
        WEIR_TRY(weir_call_axis(call, axes[i], rank, &axis));
        reduced[axis] = true;
    }
    return NULL;
}

/* Where each input element goes. */
static void map_elements(reduce_params *p, const weir_shape *shape, const bool *reduced,
                         size_t count)
{
    size_t strides[WEIR_RANK_MAX] = {0}, step = 1;
    p->length = 1;
    for (unsigned d = shape->rank; d-- > 0;) {
        strides[d] = reduced[d] ? 0 : step;
        if (reduced[d])
            p->length *= (size_t)shape->dims[d];
        else
            step *= (size_t)shape->dims[d];
    }
    size_t index[WEIR_RANK_MAX] = {0}, at = 0;
    for (size_t i = 0; i < count; i++) {
        p->out_at[i] = at;
        for (unsigned d = shape->rank; d-- > 0;) {
            at += strides[d];
            if (++index[d] < (size_t)shape->dims[d]) break;
            at -= strides[d] * index[d];
            index[d] = 0;
        }
    }
}

static weir_error *reduce_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    reduction how = *(const reduction *)call->op->detail;
    bool needs_float = how == REDUCE_L2 || how == REDUCE_LOG_SUM || how == REDUCE_LOG_SUM_EXP;
    bool is_truth = in->kind == WEIR_TENSOR_BOOL && (how == REDUCE_MAX || how == REDUCE_MIN);
    if ((!weir_kind_is_number(in->kind) && !is_truth) ||
        (needs_float && !weir_kind_is_float(in->kind)))
        return weir_call_kind_wrong(call, in);
    bool reduced[WEIR_RANK_MAX] = {0}, is_noop;
    WEIR_TRY(read_axes(call, reduced, &is_noop));
    bool keeps = weir_call_int(call, "keepdims", 1) != 0;
    weir_shape shape = {0};
    for (unsigned d = 0; d < in->shape.rank; d++)
        if (!reduced[d] || keeps) shape.dims[shape.rank++] = reduced[d] ? 1 : in->shape.dims[d];
    WEIR_TRY(weir_call_charge(call, (double)in->count * sizeof(size_t), (double)in->count));
    reduce_params *p = weir_arena_new(call->into, reduce_params);
    p->how = how;
    p->out_at = weir_arena_array(call->into, size_t, in->count);
    map_elements(p, &in->shape, reduced, in->count);
    if (in->count == 0) p->length = 0;
    WEIR_TRY(weir_call_out(call, 0, in->kind, &shape));
    size_t count;
    WEIR_ASSERT(weir_shape_count(&shape, &count));
    weir_call_scratch(call, (count + 1) * 2 * sizeof(double));
    call->step->params = p;
    call->step->run = reduce_run;
    return NULL;
}

/* --- ArgMax, ArgMin
 * --------------------------------------------------------------------------------- */

typedef struct arg_params {
    weir_axis_view view;
    bool is_least, takes_last;
} arg_params;

static weir_error *arg_run(const weir_step *step, void *const *data)
{
    const arg_params *p = step->params;
    weir_tensor_kind kind = weir_step_in_slot(step, 0)->kind;
    const void *x = weir_step_in(step, data, 0);
    int64_t *out = weir_step_out(step, data, 0);
    for (size_t o = 0; o < p->view.outer; o++)
        for (size_t i = 0; i < p->view.inner; i++) {
            size_t first = o * p->view.length * p->view.inner + i, best = 0;
            for (size_t n = 1; n < p->view.length; n++) {
                size_t a = first + n * p->view.inner, b = first + best * p->view.inner;
                bool above, below;
                if (weir_kind_is_float(kind)) {
                    double va = number_at(x, kind, a), vb = number_at(x, kind, b);
                    above = va > vb, below = va < vb;
                } else {
                    int64_t va = integer_at(x, kind, a), vb = integer_at(x, kind, b);
                    above = va > vb, below = va < vb;
                }
                bool better = p->is_least ? below : above;
                if (better || (p->takes_last && !above && !below)) best = n;
            }
            out[o * p->view.inner + i] = (int64_t)best;
        }
    return NULL;
}

static weir_error *arg_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", 0), in->shape.rank, &axis));
    arg_params *p = weir_arena_new(call->into, arg_params);
    p->view = weir_axis_of(&in->shape, axis);
    if (p->view.length == 0) return weir_call_fail(call, "its axis is empty");
    p->is_least = strcmp(call->op->name, "ArgMin") == 0;
    p->takes_last = weir_call_int(call, "select_last_index", 0) != 0;
    weir_shape shape = {0};
    bool keeps = weir_call_int(call, "keepdims", 1) != 0;
    for (unsigned d = 0; d < in->shape.rank; d++)
        if (d != axis || keeps) shape.dims[shape.rank++] = d == axis ? 1 : in->shape.dims[d];
    call->step->params = p;
    call->step->run = arg_run;
    return weir_call_out(call, 0, WEIR_TENSOR_INT64, &shape);
}

static const reduction all[] = {REDUCE_SUM,         REDUCE_MEAN,      REDUCE_MAX, REDUCE_MIN,
                                REDUCE_PROD,        REDUCE_L1,        REDUCE_L2,  REDUCE_LOG_SUM,
                                REDUCE_LOG_SUM_EXP, REDUCE_SUM_SQUARE};
#define REDUCE(text, how)                                                                          \
    {                                                                                              \
        .name = text, .prepare = reduce_prepare, .inputs_min = 1, .inputs_max = 2,                 \
        .outputs_max = 1, .detail = &all[how]                                                      \
    }
// clang-format off
const weir_op weir_ops_reduce[] = {
    REDUCE("ReduceSum", REDUCE_SUM), REDUCE("ReduceMean", REDUCE_MEAN), REDUCE("ReduceMax", REDUCE_MAX),
    REDUCE("ReduceMin", REDUCE_MIN), REDUCE("ReduceProd", REDUCE_PROD), REDUCE("ReduceL1", REDUCE_L1),
    REDUCE("ReduceL2", REDUCE_L2), REDUCE("ReduceLogSum", REDUCE_LOG_SUM),
    REDUCE("ReduceLogSumExp", REDUCE_LOG_SUM_EXP), REDUCE("ReduceSumSquare", REDUCE_SUM_SQUARE),
    {.name = "ArgMax", .prepare = arg_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1},
    {.name = "ArgMin", .prepare = arg_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1},
    {.name = NULL},
};
// clang-format on
