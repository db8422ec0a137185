/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_ml_linear.c - LinearClassifier and LinearRegressor.
 *
 * A score is a chain of float32 fused multiply-adds over the columns in order, then the intercept:
 * the order of dense.h. One score with two labels makes two columns, as onnxruntime has it.
 */
#include "compute/model/exact_math.h"
#include "compute/model/linear.h"
#include "compute/model/ml_scores.h"

typedef struct linear_params {
    const float *coefficients; /* targets x columns */
    const float *intercepts;   /* targets, or NULL  */
    size_t columns, targets, rows;
    weir_post post;
    weir_labels labels;
    bool adds_second; /* one score, two classes */
} linear_params;

static void scores_of(const linear_params *p, const void *x, weir_tensor_kind kind, size_t row,
                      double *scores)
{
    for (size_t t = 0; t < p->targets; t++) {
        float sum = 0.0f;
        for (size_t c = 0; c < p->columns; c++)
            sum = __builtin_fmaf((float)weir_number_at(x, kind, row * p->columns + c),
                                 p->coefficients[t * p->columns + c], sum);
        if (p->intercepts != NULL) sum += p->intercepts[t];
        scores[t] = (double)sum;
    }
}

static size_t winner(const linear_params *p, const double *scores)
{
    if (p->targets == 1) return p->labels.count == 2 && scores[0] > 0;
    size_t best = 0;
    for (size_t t = 1; t < p->targets; t++)
        if (scores[t] > scores[best]) best = t;
    return best;
}

static weir_error *classifier_run(const weir_step *step, void *const *data)
{
    const linear_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    double *scores = data[step->scratch];
    float *out = weir_step_out(step, data, 1);
    for (size_t row = 0; row < p->rows; row++) {
        scores_of(p, weir_step_in(step, data, 0), in->kind, row, scores);
        weir_labels_put(&p->labels, weir_step_out(step, data, 0), row, winner(p, scores));
        if (out == NULL) continue;
        if (!p->adds_second || p->post == WEIR_POST_LOGISTIC || p->post == WEIR_POST_PROBIT)
            weir_post_apply(p->post, scores, p->targets);
        if (p->adds_second) *out++ = 1.0f - (float)scores[0];
        for (size_t t = 0; t < p->targets; t++)
            *out++ = (float)scores[t];
    }
    return NULL;
}

static weir_error *regressor_run(const weir_step *step, void *const *data)
{
    const linear_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    double *scores = data[step->scratch];
    float *out = weir_step_out(step, data, 0);
    for (size_t row = 0; row < p->rows; row++) {
        scores_of(p, weir_step_in(step, data, 0), in->kind, row, scores);
        weir_post_apply(p->post, scores, p->targets);
        for (size_t t = 0; t < p->targets; t++)
            *out++ = (float)scores[t];
    }
    return NULL;
}

static weir_error *read_linear(weir_op_call *call, linear_params *p)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    if (in->shape.rank == 0 || in->shape.rank > 2)
        return weir_call_fail(call, "its input is no matrix");
    p->columns = (size_t)in->shape.dims[in->shape.rank - 1];
    p->rows = in->shape.rank == 2 ? (size_t)in->shape.dims[0] : 1;
    const weir_attribute *w = weir_call_attribute(call, "coefficients", WEIR_ATTRIBUTE_FLOATS);
    const weir_attribute *b = weir_call_attribute(call, "intercepts", WEIR_ATTRIBUTE_FLOATS);
    if (w == NULL || p->columns == 0 || w->count % p->columns != 0 || w->count == 0)
        return weir_call_fail(call, "its coefficients do not fit the input's %zu columns",
                              p->columns);
    p->coefficients = w->floats;
    p->targets = w->count / p->columns;
    if (b != NULL && b->count > 0) {
        if (b->count != p->targets)
            return weir_call_fail(call, "it has %zu intercepts for %zu scores", b->count,
                                  p->targets);
        p->intercepts = b->floats;
    }
    weir_call_scratch(call, p->targets * sizeof(double));
    call->step->params = p;
    return weir_post_read(call, &p->post);
}

static weir_error *classifier_prepare(weir_op_call *call)
{
    linear_params *p = weir_arena_new(call->into, linear_params);
    WEIR_TRY(read_linear(call, p));
    WEIR_TRY(weir_labels_read(call, &p->labels));
    if (p->targets > 1 && p->labels.count != p->targets)
        return weir_call_fail(call, "it has %zu labels for %zu scores", p->labels.count,
                              p->targets);
    p->adds_second = p->targets == 1 && p->labels.count == 2;
    call->step->run = classifier_run;
    WEIR_TRY(weir_call_out(call, 0, p->labels.kind, &(weir_shape){1, {(int64_t)p->rows}}));
    weir_shape shape = {2, {(int64_t)p->rows, (int64_t)p->targets + p->adds_second}};
    return weir_call_out(call, 1, WEIR_TENSOR_FLOAT32, &shape);
}

static weir_error *regressor_prepare(weir_op_call *call)
{
    linear_params *p = weir_arena_new(call->into, linear_params);
    WEIR_TRY(read_linear(call, p));
    int64_t targets = weir_call_int(call, "targets", 1);
    if (targets != (int64_t)p->targets)
        return weir_call_fail(call, "its coefficients are for %zu targets, not %lld", p->targets,
                              (long long)targets);
    call->step->run = regressor_run;
    return weir_call_out(call, 0, WEIR_TENSOR_FLOAT32,
                         &(weir_shape){2, {(int64_t)p->rows, (int64_t)p->targets}});
}

bool weir_linear_of(const weir_step *step, size_t target, weir_linear *linear_out)
{
    if (step->run != classifier_run && step->run != regressor_run) return false;
    const linear_params *p = step->params;
    if (p->targets == 1) target = 0;
    if (target >= p->targets) return false;
    *linear_out = (weir_linear){p->coefficients + target * p->columns, p->columns,
                                p->intercepts == NULL ? 0.0f : p->intercepts[target]};
    return true;
}

// clang-format off
const weir_op weir_ops_ml_linear[] = {
    {.name = "LinearClassifier", .prepare = classifier_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 2, .is_ml = true, .is_probability = true},
    {.name = "LinearRegressor", .prepare = regressor_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .is_ml = true},
    {.name = NULL},
};
// clang-format on
