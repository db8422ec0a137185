/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_norm.c - BatchNormalization, the normalisations of lines (layer, RMS, instance, group),
 * LpNormalization, Softmax and LogSoftmax.
 *
 * Sums run in float64 in index order and are rounded where they are used. BatchNormalization folds
 * its four constants into one factor and one addend per channel, as inference engines do.
 */
#include "compute/model/exact_math.h"
#include "compute/model/op.h"

static double float_at(const void *data, weir_tensor_kind kind, size_t index)
{
    return kind == WEIR_TENSOR_FLOAT32 ? (double)((const float *)data)[index]
                                       : ((const double *)data)[index];
}

static void put_float(void *data, weir_tensor_kind kind, size_t index, double value)
{
    if (kind == WEIR_TENSOR_FLOAT32)
        ((float *)data)[index] = (float)value;
    else
        ((double *)data)[index] = value;
}

static weir_error *check_float(const weir_op_call *call, const weir_slot *slot)
{
    return weir_kind_is_float(slot->kind) ? NULL : weir_call_kind_wrong(call, slot);
}

/* --- BatchNormalization
 * ----------------------------------------------------------------------------- */

static weir_error *batch_norm_run(const weir_step *step, void *const *data)
{
    const float *epsilon = step->params;
    const weir_slot *x = weir_step_in_slot(step, 0);
    weir_axis_view view = weir_axis_of(&x->shape, 1);
    const void *in = weir_step_in(step, data, 0);
    const void *given[4];
    weir_tensor_kind kinds[4];
    for (size_t i = 0; i < 4; i++) {
        given[i] = weir_step_in(step, data, i + 1);
        kinds[i] = weir_step_in_slot(step, i + 1)->kind;
    }
    void *out = weir_step_out(step, data, 0);
    for (size_t c = 0; c < view.length; c++) {
        double variance = float_at(given[3], kinds[3], c) + (double)*epsilon;
        double factor = float_at(given[0], kinds[0], c) / __builtin_sqrt(variance);
        double addend = float_at(given[1], kinds[1], c) - float_at(given[2], kinds[2], c) * factor;
        for (size_t o = 0; o < view.outer; o++)
            for (size_t i = 0; i < view.inner; i++) {
                size_t at = (o * view.length + c) * view.inner + i;
                put_float(out, x->kind, at, float_at(in, x->kind, at) * factor + addend);
            }
    }
    return NULL;
}

static weir_error *batch_norm_prepare(weir_op_call *call)
{
    const weir_slot *x = weir_call_in(call, 0);
    WEIR_TRY(check_float(call, x));
    if (x->shape.rank < 2) return weir_call_fail(call, "its input has no channels");
    if (weir_call_int(call, "training_mode", 0) != 0)
        return weir_call_fail(call, "it is in training mode; export the model for inference");
    for (size_t i = 1; i < 5; i++) {
        const weir_slot *slot = weir_call_in(call, i);
        WEIR_TRY(check_float(call, slot));
        if (slot->count != (size_t)x->shape.dims[1])
            return weir_call_fail(call, "input %zu has %zu elements for %lld channels", i,
                                  slot->count, (long long)x->shape.dims[1]);
    }
    float *epsilon = weir_arena_new(call->into, float);
    *epsilon = weir_call_float(call, "epsilon", 1e-5f);
    call->step->params = epsilon;
    call->step->run = batch_norm_run;
    return weir_call_out(call, 0, x->kind, &x->shape);
}

/* --- lines: Layer-, RMS-, Instance- and GroupNormalization
 * ------------------------------------------ */

/* Lines of numbers side by side. Element i of line n has the factor (n % groups) * factors + i / span. */
typedef struct line_params {
    size_t lines, width, groups, factors, span;
    float epsilon;
    bool keeps_mean; /* RMS: nothing is subtracted */
} line_params;

static void normalise_line(const weir_step *step, void *const *data, const line_params *p,
                           size_t line)
{
    weir_tensor_kind kind = weir_step_in_slot(step, 0)->kind;
    const void *x = weir_step_in(step, data, 0), *scale = weir_step_in(step, data, 1);
    const void *bias = weir_step_in(step, data, 2);
    size_t start = line * p->width, factor = line % p->groups * p->factors;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < p->width && !p->keeps_mean; i++)
        sum += float_at(x, kind, start + i);
    double mean = sum / (double)p->width;
    for (size_t i = 0; i < p->width; i++) {
        double d = float_at(x, kind, start + i) - mean;
        squares += d * d;
    }
    double inverse = 1.0 / __builtin_sqrt(squares / (double)p->width + (double)p->epsilon);
    for (size_t i = 0; i < p->width; i++) {
        size_t at = factor + i / p->span;
        double y = (float_at(x, kind, start + i) - mean) * inverse * float_at(scale, kind, at);
        if (bias != NULL) y += float_at(bias, kind, at);
        put_float(weir_step_out(step, data, 0), kind, start + i, y);
    }
    float *means = weir_step_out(step, data, 1), *inverses = weir_step_out(step, data, 2);
    if (means != NULL) means[line] = (float)mean;
    if (inverses != NULL) inverses[line] = (float)inverse;
}

static weir_error *lines_run(const weir_step *step, void *const *data)
{
    const line_params *p = step->params;
    for (size_t line = 0; line < p->lines; line++)
        normalise_line(step, data, p, line);
    return NULL;
}

/* `factors` numbers in scale and bias. */
static weir_error *prepare_lines(weir_op_call *call, const line_params *params, size_t factors)
{
    const weir_slot *x = weir_call_in(call, 0);
    for (size_t i = 1; i < 3; i++) {
        const weir_slot *slot = weir_call_in(call, i);
        if (slot != NULL && (slot->kind != x->kind || slot->count != factors))
            return weir_call_fail(call, "input %zu must have %zu elements of its input's type", i,
                                  factors);
    }
    call->step->params = weir_arena_copy(call->into, params, sizeof *params);
    call->step->run = lines_run;
    return weir_call_out(call, 0, x->kind, &x->shape);
}

static weir_error *layer_norm_prepare(weir_op_call *call)
{
    const weir_slot *x = weir_call_in(call, 0);
    WEIR_TRY(check_float(call, x));
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", -1), x->shape.rank, &axis));
    line_params p = {.lines = 1, .width = 1, .groups = 1, .span = 1};
    p.epsilon = weir_call_float(call, "epsilon", 1e-5f);
    p.keeps_mean = strcmp(call->op->name, "RMSNormalization") == 0;
    weir_shape statistics = x->shape;
    for (unsigned d = 0; d < x->shape.rank; d++) {
        if (d < axis)
            p.lines *= (size_t)x->shape.dims[d];
        else
            p.width *= (size_t)x->shape.dims[d];
        if (d >= axis) statistics.dims[d] = 1;
    }
    WEIR_TRY(weir_call_out(call, 1, WEIR_TENSOR_FLOAT32, &statistics));
    WEIR_TRY(weir_call_out(call, 2, WEIR_TENSOR_FLOAT32, &statistics));
    return prepare_lines(call, &p, p.width);
}

/* Each channel of a row by itself, or `num_groups` of channels; factors by channel, but by group in
 * GroupNormalization before opset 21. */
static weir_error *channel_norm_prepare(weir_op_call *call)
{
    const weir_slot *x = weir_call_in(call, 0);
    WEIR_TRY(check_float(call, x));
    if (x->shape.rank < 2) return weir_call_fail(call, "its input has no channels");
    bool is_instance = strcmp(call->op->name, "InstanceNormalization") == 0;
    size_t rows = (size_t)x->shape.dims[0], channels = (size_t)x->shape.dims[1];
    int64_t groups = is_instance ? (int64_t)channels : weir_call_int(call, "num_groups", 0);
    if (groups < 1 || (size_t)groups > channels || channels % (size_t)groups != 0)
        return weir_call_fail(call, "%zu channels are not %lld groups", channels,
                              (long long)groups);
    line_params p = {.groups = (size_t)groups, .epsilon = weir_call_float(call, "epsilon", 1e-5f)};
    p.lines = rows * p.groups;
    p.width = p.lines == 0 ? 0 : x->count / p.lines;
    bool is_by_group = !is_instance && call->opset < 21;
    p.factors = is_by_group ? 1 : channels / p.groups;
    p.span = p.width / p.factors;
    if (p.span == 0) return weir_call_fail(call, "its input has no elements");
    return prepare_lines(call, &p, p.groups * p.factors);
}

/* --- along an axis: LpNormalization, Softmax, LogSoftmax
 * -------------------------------------------- */

typedef enum along_mode { ALONG_L1, ALONG_L2, ALONG_SOFTMAX, ALONG_LOG_SOFTMAX } along_mode;

typedef struct along_params {
    weir_axis_view view;
    along_mode mode;
} along_params;

static double norm_of(const void *x, weir_tensor_kind kind, size_t first, size_t stride, size_t n,
                      along_mode mode)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = float_at(x, kind, first + i * stride);
        sum += mode == ALONG_L1 ? fabs(v) : v * v;
    }
    return mode == ALONG_L1 ? sum : __builtin_sqrt(sum);
}

static void softmax_line(const void *x, void *y, weir_tensor_kind kind, size_t first, size_t stride,
                         const along_params *p)
{
    size_t n = p->view.length;
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = float_at(x, kind, first + i * stride);
        most = v > most || v != v ? v : most;
    }
    for (size_t i = 0; i < n; i++)
        sum += weir_exp(float_at(x, kind, first + i * stride) - most);
    double log_sum = p->mode == ALONG_LOG_SOFTMAX ? weir_log(sum) : 0;
    for (size_t i = 0; i < n; i++) {
        double v = float_at(x, kind, first + i * stride) - most;
        put_float(y, kind, first + i * stride,
                  p->mode == ALONG_SOFTMAX ? weir_exp(v) / sum : v - log_sum);
    }
}

static void norm_line(const void *x, void *y, weir_tensor_kind kind, size_t first, size_t stride,
                      const along_params *p)
{
    double norm = norm_of(x, kind, first, stride, p->view.length, p->mode);
    for (size_t i = 0; i < p->view.length; i++) {
        double v = float_at(x, kind, first + i * stride);
        put_float(y, kind, first + i * stride, norm == 0 ? 0 : v / norm);
    }
}

static weir_error *along_run(const weir_step *step, void *const *data)
{
    const along_params *p = step->params;
    weir_tensor_kind kind = weir_step_out_slot(step, 0)->kind;
    const void *x = weir_step_in(step, data, 0);
    void *y = weir_step_out(step, data, 0);
    for (size_t o = 0; o < p->view.outer; o++)
        for (size_t i = 0; i < p->view.inner; i++) {
            size_t first = o * p->view.length * p->view.inner + i;
            if (p->mode >= ALONG_SOFTMAX)
                softmax_line(x, y, kind, first, p->view.inner, p);
            else
                norm_line(x, y, kind, first, p->view.inner, p);
        }
    return NULL;
}

static weir_error *prepare_along(weir_op_call *call, along_mode mode, const weir_axis_view *view)
{
    const weir_slot *x = weir_call_in(call, 0);
    WEIR_TRY(check_float(call, x));
    along_params *p = weir_arena_new(call->into, along_params);
    *p = (along_params){*view, mode};
    call->step->params = p;
    call->step->run = along_run;
    return weir_call_out(call, 0, x->kind, &x->shape);
}

/* Before opset 13 everything from the axis on is one flat line, and the axis is 1 if not given. */
static weir_error *softmax_prepare(weir_op_call *call)
{
    const weir_slot *x = weir_call_in(call, 0);
    bool flattens = call->opset < 13;
    unsigned axis, rank = x->shape.rank;
    int64_t wanted = weir_call_int(call, "axis", flattens ? 1 : -1);
    if (flattens && wanted == (int64_t)rank)
        axis = rank;
    else
        WEIR_TRY(weir_call_axis(call, wanted, rank, &axis));
    weir_axis_view view = weir_axis_of(&x->shape, axis);
    if (axis == rank) view = (weir_axis_view){x->count, 1, 1};
    if (flattens && axis < rank) view = (weir_axis_view){view.outer, view.length * view.inner, 1};
    return prepare_along(
        call, strcmp(call->op->name, "Softmax") == 0 ? ALONG_SOFTMAX : ALONG_LOG_SOFTMAX, &view);
}

static weir_error *lp_prepare(weir_op_call *call)
{
    const weir_slot *x = weir_call_in(call, 0);
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", -1), x->shape.rank, &axis));
    weir_axis_view view = weir_axis_of(&x->shape, axis);
    int64_t p = weir_call_int(call, "p", 2);
    if (p != 1 && p != 2) return weir_call_fail(call, "its norm must be 1 or 2");
    return prepare_along(call, p == 1 ? ALONG_L1 : ALONG_L2, &view);
}

// clang-format off
const weir_op weir_ops_norm[] = {
    {.name = "BatchNormalization", .prepare = batch_norm_prepare, .inputs_min = 5, .inputs_max = 5, .outputs_max = 5},
    {.name = "LayerNormalization", .prepare = layer_norm_prepare, .inputs_min = 2, .inputs_max = 3, .outputs_max = 3, .since = 17},
    {.name = "RMSNormalization", .prepare = layer_norm_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 23},
    {.name = "InstanceNormalization", .prepare = channel_norm_prepare, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1},
    {.name = "GroupNormalization", .prepare = channel_norm_prepare, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1, .since = 18},
    {.name = "LpNormalization", .prepare = lp_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1},
    {.name = "Softmax", .prepare = softmax_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .is_probability = true},
    {.name = "LogSoftmax", .prepare = softmax_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1},
    {.name = NULL},
};
// clang-format on
