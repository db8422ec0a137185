/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_binary.c - operators on two (or several) broadcast tensors: arithmetic, comparison, logic,
 * Where.
 *
 * A row's detail is a weir_binary: one inner loop per kind, NULL where the kind is not taken.
 * Integer arithmetic wraps; division by zero is an error. Min and Max give NaN if either side is.
 */
#include "compute/model/broadcast.h"
#include "compute/model/exact_math.h"

typedef struct binary {
    weir_inner *by_kind[6]; /* weir_tensor_kind of the first operand */
    bool gives_bool;
    bool is_variadic;
    bool is_mean;
} binary;

#define LOOP(name, type, result, expression)                                                       \
    static bool name(void *out_, const weir_lane *lanes, size_t n)                                 \
    {                                                                                              \
        result *out = out_;                                                                        \
        const type *left = lanes[0].data, *right = lanes[1].data;                                  \
        size_t l = lanes[0].stride, r = lanes[1].stride;                                           \
        if (l == 1 && r == 1) {                                                                    \
            for (size_t i = 0; i < n; i++) {                                                       \
                type a = left[i], b = right[i];                                                    \
                out[i] = (result)(expression);                                                     \
            }                                                                                      \
            return true;                                                                           \
        }                                                                                          \
        for (size_t i = 0; i < n; i++) {                                                           \
            type a = left[i * l], b = right[i * r];                                                \
            out[i] = (result)(expression);                                                         \
        }                                                                                          \
        return true;                                                                               \
    }
#define LOOPS_FLOAT(name, expression)                                                              \
    LOOP(name##_f32, float, float, expression)                                                     \
    LOOP(name##_f64, double, double, expression)
#define LOOPS_INT(name, expression)                                                                \
    LOOP(name##_i64, int64_t, int64_t, expression)                                                 \
    LOOP(name##_i32, int32_t, int32_t, expression)
#define LOOPS_COMPARE(name, expression)                                                            \
    LOOP(name##_f32, float, uint8_t, expression)                                                   \
    LOOP(name##_f64, double, uint8_t, expression)                                                  \
    LOOP(name##_i64, int64_t, uint8_t, expression)                                                 \
    LOOP(name##_i32, int32_t, uint8_t, expression)
#define FOUR(name) .by_kind = {name##_f32, name##_f64, name##_i64, name##_i32, NULL, NULL}

LOOPS_FLOAT(add, a + b)
LOOPS_INT(add, (uint64_t)a + (uint64_t)b)
LOOPS_FLOAT(sub, a - b)
LOOPS_INT(sub, (uint64_t)a - (uint64_t)b)
LOOPS_FLOAT(mul, a *b)
LOOPS_INT(mul, (uint64_t)a *(uint64_t)b)
LOOPS_FLOAT(div, a / b)
LOOPS_FLOAT(min, a != a ? a : b != b ? b : a < b ? a : b)
LOOPS_INT(min, a < b ? a : b)
LOOPS_FLOAT(max, a != a ? a : b != b ? b : a > b ? a : b)
LOOPS_INT(max, a > b ? a : b)
LOOPS_FLOAT(prelu, a < 0 ? b * a : a)
LOOPS_INT(prelu, a < 0 ? (uint64_t)a * (uint64_t)b : (uint64_t)a)
LOOPS_COMPARE(equal, a == b)
LOOPS_COMPARE(greater, a > b)
LOOPS_COMPARE(less, a < b)
LOOPS_COMPARE(greater_equal, a >= b)
LOOPS_COMPARE(less_equal, a <= b)
LOOP(equal_bool, uint8_t, uint8_t, a == b)
LOOP(equal_text, weir_bytes, uint8_t,
     a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0))
LOOP(and_bool, uint8_t, uint8_t, a &b)
LOOP(or_bool, uint8_t, uint8_t, a | b)
LOOP(xor_bool, uint8_t, uint8_t, a ^ b)

#define LOOP_DIV(name, type, utype, zero_minus)                                                    \
    static bool name(void *out_, const weir_lane *lanes, size_t n)                                 \
    {                                                                                              \
        type *out = out_;                                                                          \
        const type *left = lanes[0].data, *right = lanes[1].data;                                  \
        for (size_t i = 0; i < n; i++) {                                                           \
            type a = left[i * lanes[0].stride], b = right[i * lanes[1].stride];                    \
            if (b == 0) return false;                                                              \
            out[i] = b == -1 ? (type)(zero_minus) : a / b;                                         \
        }                                                                                          \
        return true;                                                                               \
    }
LOOP_DIV(div_i64, int64_t, uint64_t, 0 - (uint64_t)a)
LOOP_DIV(div_i32, int32_t, uint32_t, 0 - (uint32_t)a)

/* The remainder with the divisor's sign, as Python's; with fmod=1 the dividend's. */
#define LOOP_MOD(name, type, keep_sign)                                                            \
    static bool name(void *out_, const weir_lane *lanes, size_t n)                                 \
    {                                                                                              \
        type *out = out_;                                                                          \
        const type *left = lanes[0].data, *right = lanes[1].data;                                  \
        for (size_t i = 0; i < n; i++) {                                                           \
            type a = left[i * lanes[0].stride], b = right[i * lanes[1].stride];                    \
            if (b == 0) return false;                                                              \
            type m = b == -1 ? 0 : a % b;                                                          \
            out[i] = !(keep_sign) && m != 0 && (m < 0) != (b < 0) ? m + b : m;                     \
        }                                                                                          \
        return true;                                                                               \
    }
LOOP_MOD(mod_i64, int64_t, false)
LOOP_MOD(mod_i32, int32_t, false)
LOOP_MOD(fmod_i64, int64_t, true)
LOOP_MOD(fmod_i32, int32_t, true)
LOOP(fmod_f32, float, float, __builtin_fmod((double)a, (double)b)) /* fmod is exact in IEEE 754 */
LOOP(fmod_f64, double, double, __builtin_fmod(a, b))

/* The divisor's sign: numpy's remainder; of nothing left, a zero of that sign. */
static inline double floor_mod(double a, double b)
{
    double m = __builtin_fmod(a, b);
    if (m == 0) return __builtin_copysign(0.0, b);
    return (m < 0) != (b < 0) ? m + b : m;
}
LOOP(mod_f32, float, float, floor_mod((double)a, (double)b))
LOOP(mod_f64, double, double, floor_mod(a, b))

static const binary add = {FOUR(add), .is_variadic = false}, sub = {FOUR(sub)}, mul = {FOUR(mul)},
                    div_ = {FOUR(div)}, min_ = {FOUR(min), .is_variadic = true},
                    max_ = {FOUR(max), .is_variadic = true}, sum = {FOUR(add), .is_variadic = true},
                    mean = {FOUR(add), .is_variadic = true, .is_mean = true};
static const binary prelu = {FOUR(prelu)};
static const binary equal = {
    .by_kind = {equal_f32, equal_f64, equal_i64, equal_i32, equal_bool, equal_text},
    .gives_bool = true};
static const binary greater = {FOUR(greater), .gives_bool = true},
                    less = {FOUR(less), .gives_bool = true},
                    greater_equal = {FOUR(greater_equal), .gives_bool = true},
                    less_equal = {FOUR(less_equal), .gives_bool = true};
static const binary and_ = {.by_kind = {[WEIR_TENSOR_BOOL] = and_bool}, .gives_bool = true},
                    or_ = {.by_kind = {[WEIR_TENSOR_BOOL] = or_bool}, .gives_bool = true},
                    xor_ = {.by_kind = {[WEIR_TENSOR_BOOL] = xor_bool}, .gives_bool = true};
static const binary mod = {FOUR(mod)}, mod_float = {FOUR(fmod)};

typedef struct binary_params {
    weir_inner *inner;
    weir_broadcast *walks; /* one per input after the first */
    bool is_mean;
} binary_params;

static weir_error *binary_run(const weir_step *step, void *const *data)
{
    const binary_params *params = step->params;
    const weir_slot *out = weir_step_out_slot(step, 0);
    size_t size = weir_kind_size(weir_step_in_slot(step, 0)->kind);
    const size_t sizes[] = {size, size};
    const void *left = weir_step_in(step, data, 0);
    void *result = weir_step_out(step, data, 0);
    for (size_t i = 1; i < step->in_count; i++) {
        const void *operands[] = {left, weir_step_in(step, data, i)};
        if (!weir_broadcast_walk(&params->walks[i - 1], params->inner, result,
                                 weir_kind_size(out->kind), operands, sizes))
            return weir_step_fail(step, "an integer is divided by zero");
        left = result;
    }
    for (size_t i = 0; params->is_mean && i < out->count; i++) {
        if (out->kind == WEIR_TENSOR_FLOAT32) ((float *)result)[i] /= (float)step->in_count;
        if (out->kind == WEIR_TENSOR_FLOAT64) ((double *)result)[i] /= (double)step->in_count;
    }
    return NULL;
}

static weir_error *copy_run(const weir_step *step, void *const *data)
{
    const weir_slot *out = weir_step_out_slot(step, 0);
    size_t bytes = out->count * weir_kind_size(out->kind);
    if (bytes > 0) memcpy(weir_step_out(step, data, 0), weir_step_in(step, data, 0), bytes);
    return NULL;
}

static weir_error *check_kinds(const weir_op_call *call, const binary *row)
{
    const weir_slot *first = weir_call_in(call, 0);
    if (row->by_kind[first->kind] == NULL) return weir_call_kind_wrong(call, first);
    if (row->is_mean && !weir_kind_is_float(first->kind)) return weir_call_kind_wrong(call, first);
    for (size_t i = 1; i < call->node->input_count; i++) {
        const weir_slot *slot = weir_call_in(call, i);
        if (slot == NULL) return weir_call_fail(call, "input %zu is left out", i);
        if (slot->kind != first->kind)
            return weir_call_fail(call, "inputs are %s and %s; both must be the same",
                                  weir_kind_name(first->kind), weir_kind_name(slot->kind));
    }
    return NULL;
}

/* The running result after i inputs has the broadcast shape of those; the output is the last of
 * them. */
static weir_error *make_walks(weir_op_call *call, binary_params *params, weir_shape *shape)
{
    size_t count = call->node->input_count;
    params->walks = weir_arena_array(call->into, weir_broadcast, count);
    const weir_slot *first = weir_call_in(call, 0);
    *shape = first->shape;
    for (size_t i = 1; i < count; i++) {
        const weir_slot *pair[] = {weir_call_in(call, 0), weir_call_in(call, i)};
        weir_slot so_far = *first;
        so_far.shape = *shape;
        pair[0] = &so_far;
        WEIR_TRY(weir_broadcast_shape(call, pair, 2, shape));
        weir_broadcast_make(&params->walks[i - 1], pair, 2, shape);
    }
    return NULL;
}

/* Widening in place would overwrite what is still to be read: only inputs of one shape may be
 * three. */
static weir_error *check_variadic(const weir_op_call *call, const weir_shape *shape)
{
    size_t count;
    for (size_t i = 0; call->node->input_count > 2 && i < 2; i++) {
        const weir_slot *pair[] = {weir_call_in(call, 0), weir_call_in(call, 1)};
        weir_shape both;
        WEIR_TRY(weir_broadcast_shape(call, pair, 2, &both));
        if (!weir_shape_count(&both, &count) || both.rank != shape->rank ||
            memcmp(both.dims, shape->dims, both.rank * sizeof(int64_t)) != 0)
            return weir_call_fail(call,
                                  "three or more inputs must have the full shape in the first two");
    }
    return NULL;
}

static weir_error *prepare_row(weir_op_call *call, const binary *row)
{
    WEIR_TRY(check_kinds(call, row));
    const weir_slot *first = weir_call_in(call, 0);
    binary_params *params = weir_arena_new(call->into, binary_params);
    weir_shape shape;
    WEIR_TRY(make_walks(call, params, &shape));
    WEIR_TRY(check_variadic(call, &shape));
    params->inner = row->by_kind[first->kind];
    params->is_mean = row->is_mean;
    call->step->params = params;
    call->step->run = call->node->input_count == 1 ? copy_run : binary_run;
    return weir_call_out(call, 0, row->gives_bool ? WEIR_TENSOR_BOOL : first->kind, &shape);
}

static weir_error *binary_prepare(weir_op_call *call)
{
    return prepare_row(call, call->op->detail);
}

static weir_error *mod_prepare(weir_op_call *call)
{
    return prepare_row(call, weir_call_int(call, "fmod", 0) != 0 ? &mod_float : &mod);
}

/* --- Pow
 * -------------------------------------------------------------------------------------------- */

static double number_at(const void *data, weir_tensor_kind kind, size_t index)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return (double)((const float *)data)[index];
    case WEIR_TENSOR_FLOAT64: return ((const double *)data)[index];
    case WEIR_TENSOR_INT64: return (double)((const int64_t *)data)[index];
    default: return (double)((const int32_t *)data)[index];
    }
}

static int64_t integer_from(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value > -0x1p63 ? (int64_t)value : INT64_MIN;
}

static void put_number(void *data, weir_tensor_kind kind, size_t index, double value)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: ((float *)data)[index] = (float)value; break;
    case WEIR_TENSOR_FLOAT64: ((double *)data)[index] = value; break;
    case WEIR_TENSOR_INT64: ((int64_t *)data)[index] = integer_from(value); break;
    default: ((int32_t *)data)[index] = (int32_t)(uint64_t)integer_from(value); break;
    }
}

/* Where both are integers the power is taken in integers, wrapping. */
static double power_of(double base, double exponent, bool whole)
{
    if (!whole || exponent < 0) return weir_pow(base, exponent);
    uint64_t result = 1, b = (uint64_t)integer_from(base);
    for (uint64_t e = (uint64_t)exponent; e > 0; e >>= 1) {
        if (e & 1) result *= b;
        b *= b;
    }
    return (double)(int64_t)result;
}

static bool index_inner(void *out, const weir_lane *lanes, size_t n)
{
    uint32_t(*pairs)[2] = out;
    for (size_t i = 0; i < n; i++) {
        pairs[i][0] = ((const uint32_t *)lanes[0].data)[i * lanes[0].stride];
        pairs[i][1] = ((const uint32_t *)lanes[1].data)[i * lanes[1].stride];
    }
    return true;
}

static weir_error *pow_run(const weir_step *step, void *const *data)
{
    const uint32_t(*pairs)[2] = step->params;
    const weir_slot *base = weir_step_in_slot(step, 0), *exponent = weir_step_in_slot(step, 1);
    const void *left = weir_step_in(step, data, 0), *right = weir_step_in(step, data, 1);
    void *out = weir_step_out(step, data, 0);
    bool whole = !weir_kind_is_float(base->kind) && !weir_kind_is_float(exponent->kind);
    for (size_t i = 0; i < weir_step_out_slot(step, 0)->count; i++)
        put_number(out, base->kind, i,
                   power_of(number_at(left, base->kind, pairs[i][0]),
                            number_at(right, exponent->kind, pairs[i][1]), whole));
    return NULL;
}

static uint32_t *numbers(size_t count, weir_arena *into)
{
    uint32_t *list = weir_arena_array(into, uint32_t, count);
    for (size_t i = 0; i < count; i++)
        list[i] = (uint32_t)i;
    return list;
}

static weir_error *pow_prepare(weir_op_call *call)
{
    const weir_slot *pair[] = {weir_call_in(call, 0), weir_call_in(call, 1)};
    for (size_t i = 0; i < 2; i++)
        if (!weir_kind_is_number(pair[i]->kind)) return weir_call_kind_wrong(call, pair[i]);
    weir_shape shape;
    WEIR_TRY(weir_broadcast_shape(call, pair, 2, &shape));
    WEIR_TRY(weir_call_out(call, 0, pair[0]->kind, &shape));
    size_t count;
    WEIR_ASSERT(weir_shape_count(&shape, &count));
    WEIR_TRY(weir_call_charge(call, (double)count * sizeof(uint32_t[2]), (double)count));
    uint32_t(*pairs)[2] = weir_arena_calloc(call->into, count, sizeof(*pairs));
    weir_arena scratch = {0};
    const void *lists[] = {numbers(pair[0]->count, &scratch), numbers(pair[1]->count, &scratch)};
    weir_broadcast walk;
    weir_broadcast_make(&walk, pair, 2, &shape);
    (void)weir_broadcast_walk(&walk, index_inner, pairs, sizeof(*pairs), lists, (size_t[]){4, 4});
    weir_arena_deinit(&scratch);
    call->step->params = pairs;
    call->step->run = pow_run;
    return NULL;
}

/* --- Where
 * ------------------------------------------------------------------------------------------ */

#define LOOP_WHERE(name, type)                                                                     \
    static bool name(void *out_, const weir_lane *lanes, size_t n)                                 \
    {                                                                                              \
        type *out = out_;                                                                          \
        const uint8_t *choose = lanes[0].data;                                                     \
        const type *yes = lanes[1].data, *no = lanes[2].data;                                      \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] =                                                                               \
                choose[i * lanes[0].stride] ? yes[i * lanes[1].stride] : no[i * lanes[2].stride];  \
        return true;                                                                               \
    }
LOOP_WHERE(where_4, uint32_t)
LOOP_WHERE(where_8, uint64_t)
LOOP_WHERE(where_1, uint8_t)
LOOP_WHERE(where_text, weir_bytes)

static weir_error *where_run(const weir_step *step, void *const *data)
{
    size_t size = weir_kind_size(weir_step_out_slot(step, 0)->kind);
    const void *operands[] = {weir_step_in(step, data, 0), weir_step_in(step, data, 1),
                              weir_step_in(step, data, 2)};
    weir_inner *inner = size == 4   ? where_4
                        : size == 8 ? where_8
                        : size == 1 ? where_1
                                    : where_text;
    (void)weir_broadcast_walk(step->params, inner, weir_step_out(step, data, 0), size, operands,
                              (size_t[]){1, size, size});
    return NULL;
}

static weir_error *where_prepare(weir_op_call *call)
{
    const weir_slot *three[] = {weir_call_in(call, 0), weir_call_in(call, 1),
                                weir_call_in(call, 2)};
    if (three[0]->kind != WEIR_TENSOR_BOOL) return weir_call_kind_wrong(call, three[0]);
    if (three[1]->kind != three[2]->kind)
        return weir_call_fail(call, "its two sides are of different kinds");
    weir_shape shape;
    WEIR_TRY(weir_broadcast_shape(call, three, 3, &shape));
    weir_broadcast *walk = weir_arena_new(call->into, weir_broadcast);
    weir_broadcast_make(walk, three, 3, &shape);
    call->step->params = walk;
    call->step->run = where_run;
    return weir_call_out(call, 0, three[1]->kind, &shape);
}

// clang-format off
const weir_op weir_ops_binary[] = {
    {.name = "Add", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &add},
    {.name = "Sub", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &sub},
    {.name = "Mul", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &mul},
    {.name = "Div", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &div_},
    {.name = "Mod", .prepare = mod_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 10},
    {.name = "Pow", .prepare = pow_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1},
    {.name = "Min", .prepare = binary_prepare, .inputs_min = 1, .inputs_max = 255, .outputs_max = 1, .detail = &min_},
    {.name = "Max", .prepare = binary_prepare, .inputs_min = 1, .inputs_max = 255, .outputs_max = 1, .detail = &max_},
    {.name = "Sum", .prepare = binary_prepare, .inputs_min = 1, .inputs_max = 255, .outputs_max = 1, .detail = &sum},
    {.name = "Mean", .prepare = binary_prepare, .inputs_min = 1, .inputs_max = 255, .outputs_max = 1, .detail = &mean},
    {.name = "PRelu", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &prelu},
    {.name = "Equal", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &equal},
    {.name = "Greater", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &greater},
    {.name = "Less", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &less},
    {.name = "GreaterOrEqual", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 12, .detail = &greater_equal},
    {.name = "LessOrEqual", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 12, .detail = &less_equal},
    {.name = "And", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &and_},
    {.name = "Or", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &or_},
    {.name = "Xor", .prepare = binary_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .detail = &xor_},
    {.name = "Where", .prepare = where_prepare, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = NULL},
};
// clang-format on
