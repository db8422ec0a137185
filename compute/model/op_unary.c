/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_unary.c - operators that take each element by itself: elementary functions and activations.
 *
 * A row's detail is a `unary`: one loop per kind, with up to two numbers of the operator's
 * attributes. float32 functions that are not one IEEE operation compute in float64 and round once.
 */
#include "compute/model/exact_math.h"
#include "compute/model/op.h"

typedef struct unary_params unary_params;
typedef void loop(void *out, const void *in, size_t n, const unary_params *params);

typedef struct unary {
    loop *by_kind[6];
    bool gives_bool;
    const char *names[2]; /* of its attributes */
    double defaults[2];
} unary;

struct unary_params {
    loop *run;
    double p[2]; /* attributes, exactly as the file's float32 */
};

#define LOOP(name, type, result, expression)                                                       \
    static void name(void *out_, const void *in_, size_t n, const unary_params *params)            \
    {                                                                                              \
        result *out = out_;                                                                        \
        const type *in = in_;                                                                      \
        double p = params->p[0], q = params->p[1];                                                 \
        (void)p, (void)q;                                                                          \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = in[i];                                                                        \
            out[i] = (result)(expression);                                                         \
        }                                                                                          \
    }
/* Both float kinds through one float64 expression of d. */
#define FLOATS(name, expression)                                                                   \
    static inline double name##_of(double d, double p, double q)                                   \
    {                                                                                              \
        (void)p, (void)q;                                                                          \
        return expression;                                                                         \
    }                                                                                              \
    LOOP(name##_f32, float, float, name##_of((double)x, p, q))                                     \
    LOOP(name##_f64, double, double, name##_of(x, p, q))

FLOATS(sqrt, __builtin_sqrt(d))
FLOATS(exp, weir_exp(d))
FLOATS(log, weir_log(d))
FLOATS(floor, __builtin_floor(d))
FLOATS(ceil, __builtin_ceil(d))
FLOATS(round, __builtin_rint(d)) /* half to even: the rounding mode is never changed */
FLOATS(reciprocal, 1.0 / d)
FLOATS(erf, weir_erf(d))
FLOATS(sin, weir_sin(d))
FLOATS(cos, weir_cos(d))
FLOATS(sigmoid, weir_sigmoid(d))
FLOATS(tanh, weir_tanh(d))
FLOATS(softplus, weir_softplus(d))
FLOATS(softsign, d / (1.0 + fabs(d)))
FLOATS(leaky, d < 0.0 ? p * d : d)
FLOATS(elu, d < 0.0 ? p * weir_expm1(d) : d)
FLOATS(selu, d > 0.0 ? q * d : q * (p * weir_expm1(d)))
FLOATS(celu, d > 0.0 ? d : p * weir_expm1(d / p))
FLOATS(hard_sigmoid, (d * p + q) != (d * p + q) ? d
                     : (d * p + q) < 0.0        ? 0.0
                     : (d * p + q) > 1.0        ? 1.0
                                                : d * p + q)
FLOATS(hard_swish, d *((d / 6.0 + 0.5) < 0.0 ? 0.0 : (d / 6.0 + 0.5) > 1.0 ? 1.0 : d / 6.0 + 0.5))
FLOATS(gelu, 0.5 * d * (1.0 + weir_erf(d * 0.70710678118654752440)))
FLOATS(gelu_tanh, 0.5 * d * (1.0 + weir_tanh(0.79788456080286535588 * (d + 0.044715 * d * d * d))))
FLOATS(mish, d *weir_tanh(weir_softplus(d)))
FLOATS(shrink, d<-q ? d + p : d> q ? d - p : d != d ? d : 0.0)
FLOATS(swish, d *weir_sigmoid(p *d))
FLOATS(threshold, d > p || d != d ? d : 0.0)
LOOP(relu_f32, float, float, x < 0.0f ? 0.0f : x)
LOOP(relu_f64, double, double, x < 0.0 ? 0.0 : x)
LOOP(relu_i64, int64_t, int64_t, x < 0 ? 0 : x)
LOOP(relu_i32, int32_t, int32_t, x < 0 ? 0 : x)
LOOP(abs_f32, float, float, __builtin_fabsf(x))
LOOP(abs_f64, double, double, fabs(x))
LOOP(abs_i64, int64_t, int64_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
LOOP(abs_i32, int32_t, int32_t, x < 0 ? 0 - (uint32_t)x : (uint32_t)x)
LOOP(neg_f32, float, float, -x)
LOOP(neg_f64, double, double, -x)
LOOP(neg_i64, int64_t, int64_t, 0 - (uint64_t)x)
LOOP(neg_i32, int32_t, int32_t, 0 - (uint32_t)x)
LOOP(sign_f32, float, float, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x)
LOOP(sign_f64, double, double, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x)
LOOP(sign_i64, int64_t, int64_t, x > 0 ? 1 : x < 0 ? -1 : 0)
LOOP(sign_i32, int32_t, int32_t, x > 0 ? 1 : x < 0 ? -1 : 0)
LOOP(not_bool, uint8_t, uint8_t, !x)
LOOP(is_nan_f32, float, uint8_t, x != x)
LOOP(is_nan_f64, double, uint8_t, x != x)
LOOP(is_inf_f32, float, uint8_t, (q != 0 && x == INFINITY) || (p != 0 && x == -INFINITY))
LOOP(is_inf_f64, double, uint8_t, (q != 0 && x == INFINITY) || (p != 0 && x == -INFINITY))

#define TWO(name)                                                                                  \
    {                                                                                              \
        name##_f32, name##_f64, NULL, NULL, NULL, NULL                                             \
    }
#define FOUR(name)                                                                                 \
    {                                                                                              \
        name##_f32, name##_f64, name##_i64, name##_i32, NULL, NULL                                 \
    }

static const unary sqrt_ = {.by_kind = TWO(sqrt)}, exp_ = {.by_kind = TWO(exp)},
                   log_ = {.by_kind = TWO(log)}, floor_ = {.by_kind = TWO(floor)},
                   ceil_ = {.by_kind = TWO(ceil)}, round_ = {.by_kind = TWO(round)},
                   reciprocal = {.by_kind = TWO(reciprocal)}, erf_ = {.by_kind = TWO(erf)},
                   sin_ = {.by_kind = TWO(sin)}, cos_ = {.by_kind = TWO(cos)},
                   sigmoid = {.by_kind = TWO(sigmoid)}, tanh_ = {.by_kind = TWO(tanh)},
                   softplus = {.by_kind = TWO(softplus)}, softsign = {.by_kind = TWO(softsign)},
                   relu = {.by_kind = FOUR(relu)}, abs_ = {.by_kind = FOUR(abs)},
                   neg = {.by_kind = FOUR(neg)}, sign = {.by_kind = FOUR(sign)},
                   mish = {.by_kind = TWO(mish)}, hard_swish = {.by_kind = TWO(hard_swish)},
                   gelu = {.by_kind = TWO(gelu)}, gelu_tanh = {.by_kind = TWO(gelu_tanh)},
                   not_ = {.by_kind = {[WEIR_TENSOR_BOOL] = not_bool}};
static const unary leaky = {.by_kind = TWO(leaky), .names = {"alpha"}, .defaults = {0.01f}};
static const unary elu = {.by_kind = TWO(elu), .names = {"alpha"}, .defaults = {1.0}};
static const unary selu = {.by_kind = TWO(selu),
                           .names = {"alpha", "gamma"},
                           .defaults = {1.67326319217681884765625, 1.05070102214813232421875}};
static const unary celu = {.by_kind = TWO(celu), .names = {"alpha"}, .defaults = {1.0}};
static const unary hard_sigmoid = {
    .by_kind = TWO(hard_sigmoid), .names = {"alpha", "beta"}, .defaults = {0.2f, 0.5}};
static const unary shrink = {
    .by_kind = TWO(shrink), .names = {"bias", "lambd"}, .defaults = {0.0, 0.5}};
static const unary swish = {.by_kind = TWO(swish), .names = {"alpha"}, .defaults = {1.0}};
static const unary threshold = {.by_kind = TWO(threshold), .names = {"alpha"}, .defaults = {1.0}};
static const unary is_nan = {.by_kind = TWO(is_nan), .gives_bool = true};
static const unary is_inf = {.by_kind = TWO(is_inf),
                             .gives_bool = true,
                             .names = {"detect_negative", "detect_positive"},
                             .defaults = {1, 1}};

static weir_error *unary_run(const weir_step *step, void *const *data)
{
    const unary_params *params = step->params;
    params->run(weir_step_out(step, data, 0), weir_step_in(step, data, 0),
                weir_step_out_slot(step, 0)->count, params);
    return NULL;
}

static weir_error *prepare_row(weir_op_call *call, const unary *row)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (row->by_kind[in->kind] == NULL) return weir_call_kind_wrong(call, in);
    unary_params *params = weir_arena_new(call->into, unary_params);
    params->run = row->by_kind[in->kind];
    for (size_t i = 0; i < 2 && row->names[i] != NULL; i++) {
        const weir_attribute *attribute =
            weir_call_attribute(call, row->names[i], WEIR_ATTRIBUTE_NONE);
        params->p[i] = attribute == NULL                       ? row->defaults[i]
                       : attribute->type == WEIR_ATTRIBUTE_INT ? (double)attribute->integer
                                                               : (double)attribute->number;
    }
    call->step->params = params;
    call->step->run = unary_run;
    return weir_call_out(call, 0, row->gives_bool ? WEIR_TENSOR_BOOL : in->kind, &in->shape);
}

static weir_error *unary_prepare(weir_op_call *call) { return prepare_row(call, call->op->detail); }

static weir_error *gelu_prepare(weir_op_call *call)
{
    return prepare_row(call, weir_call_string_is(call, "approximate", "tanh", "none") ? &gelu_tanh
                                                                                      : &gelu);
}

/* --- Identity, Dropout
 * ------------------------------------------------------------------------------ */

static weir_error *identity_run(const weir_step *step, void *const *data)
{
    const weir_slot *out = weir_step_in_slot(step, 0);
    size_t bytes = out->count * weir_kind_size(out->kind);
    void *to = weir_step_out(step, data, 0);
    if (bytes > 0 && to != NULL) memcpy(to, weir_step_in(step, data, 0), bytes);
    uint8_t *mask = weir_step_out(step, data, 1); /* Dropout's: nothing is dropped */
    if (mask != NULL) memset(mask, 1, out->count);
    return NULL;
}

static weir_error *identity_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const weir_slot *training = weir_call_in(call, 2);
    if (training != NULL && (training->constant == NULL || training->kind != WEIR_TENSOR_BOOL ||
                             training->count != 1 || *(const uint8_t *)training->constant != 0))
        return weir_call_fail(call, "it is in training mode; export the model for inference");
    call->step->run = identity_run;
    WEIR_TRY(weir_call_out(call, 1, WEIR_TENSOR_BOOL, &in->shape));
    return weir_call_out(call, 0, in->kind, &in->shape);
}

/* --- Clip
 * ------------------------------------------------------------------------------------------- */

typedef struct clip_params {
    float low, high; /* of opset < 11 */
    bool by_attribute;
} clip_params;

#define CLIP(type)                                                                                 \
    do {                                                                                           \
        const type *x = in;                                                                        \
        type *y = out;                                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            type v = x[i];                                                                         \
            if (low != NULL && v < *(const type *)low) v = *(const type *)low;                     \
            if (high != NULL && v > *(const type *)high) v = *(const type *)high;                  \
            y[i] = v;                                                                              \
        }                                                                                          \
    } while (0)

static weir_error *clip_run(const weir_step *step, void *const *data)
{
    const clip_params *params = step->params;
    const void *in = weir_step_in(step, data, 0);
    const void *low = params->by_attribute ? &params->low : weir_step_in(step, data, 1);
    const void *high = params->by_attribute ? &params->high : weir_step_in(step, data, 2);
    void *out = weir_step_out(step, data, 0);
    size_t n = weir_step_out_slot(step, 0)->count;
    switch (weir_step_out_slot(step, 0)->kind) {
    case WEIR_TENSOR_FLOAT32: CLIP(float); break;
    case WEIR_TENSOR_FLOAT64: CLIP(double); break;
    case WEIR_TENSOR_INT64: CLIP(int64_t); break;
    default: CLIP(int32_t); break;
    }
    return NULL;
}

static weir_error *clip_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    clip_params *params = weir_arena_new(call->into, clip_params);
    params->by_attribute = call->opset < 11;
    params->low = weir_call_float(call, "min", -3.402823466e+38f);
    params->high = weir_call_float(call, "max", 3.402823466e+38f);
    if (params->by_attribute && in->kind != WEIR_TENSOR_FLOAT32)
        return weir_call_kind_wrong(call, in);
    for (size_t i = 1; i < 3; i++) {
        const weir_slot *bound = weir_call_in(call, i);
        if (bound != NULL && (bound->kind != in->kind || bound->count != 1))
            return weir_call_fail(call, "its bounds must be one %s each", weir_kind_name(in->kind));
    }
    call->step->params = params;
    call->step->run = clip_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

#define UNARY(text, row)                                                                           \
    .name = text, .prepare = unary_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1,    \
    .detail = row
// clang-format off
const weir_op weir_ops_unary[] = {
    {UNARY("Sqrt", &sqrt_)}, {UNARY("Exp", &exp_)}, {UNARY("Log", &log_)}, {UNARY("Floor", &floor_)},
    {UNARY("Ceil", &ceil_)}, {UNARY("Round", &round_), .since = 11}, {UNARY("Reciprocal", &reciprocal)},
    {UNARY("Erf", &erf_)}, {UNARY("Sin", &sin_)}, {UNARY("Cos", &cos_)}, {UNARY("Abs", &abs_)}, {UNARY("Neg", &neg)}, {UNARY("Sign", &sign)},
    {UNARY("Not", &not_)}, {UNARY("IsNaN", &is_nan), .missing = WEIR_MISSING_TAKEN},
    {UNARY("IsInf", &is_inf), .since = 10}, {UNARY("Relu", &relu)}, {UNARY("LeakyRelu", &leaky)},
    {UNARY("Elu", &elu)}, {UNARY("Selu", &selu)}, {UNARY("Celu", &celu), .since = 12},
    {UNARY("Sigmoid", &sigmoid), .is_probability = true}, {UNARY("HardSigmoid", &hard_sigmoid)},
    {UNARY("HardSwish", &hard_swish), .since = 14}, {UNARY("Tanh", &tanh_)}, {UNARY("Softplus", &softplus)},
    {UNARY("Softsign", &softsign)}, {UNARY("ThresholdedRelu", &threshold), .since = 10},
    {UNARY("Mish", &mish), .since = 18}, {UNARY("Shrink", &shrink)}, {UNARY("Swish", &swish), .since = 24},
    {.name = "Gelu", .prepare = gelu_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .since = 20},
    {.name = "Identity", .prepare = identity_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = "Dropout", .prepare = identity_prepare, .inputs_min = 1, .inputs_max = 3, .outputs_max = 2, .missing = WEIR_MISSING_PASSES},
    {.name = "Clip", .prepare = clip_prepare, .inputs_min = 1, .inputs_max = 3, .outputs_max = 1},
    {.name = NULL},
};
// clang-format on
