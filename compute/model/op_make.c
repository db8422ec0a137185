/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_make.c - operators that make elements from where they stand: OneHot, Range, Trilu, CumSum.
 *
 * Sums run in float64 in index order and are rounded where they are stored; integers wrap.
 */
#include <math.h>

#include "compute/model/ml_scores.h"
#include "compute/model/op.h"

/* The one number of a constant input; false: it is none. */
static bool constant_number(const weir_op_call *call, size_t index, double *number_out)
{
    const weir_slot *slot = weir_call_in(call, index);
    if (slot == NULL || slot->constant == NULL || slot->count != 1) return false;
    if (!weir_kind_is_number(slot->kind)) return false;
    *number_out = weir_number_at(slot->constant, slot->kind, 0);
    return true;
}

/* --- OneHot
 * ----------------------------------------------------------------------------------------- */

enum { DEPTH_MAX = 1 << 24 };

typedef struct one_hot_params {
    weir_axis_view view; /* of the output */
} one_hot_params;

/* Numbers are cut towards zero. Negative ones count from the end; what is outside is nowhere. */
static size_t hot_index(const void *data, weir_tensor_kind kind, size_t i, size_t depth)
{
    double number = weir_number_at(data, kind, i);
    if (!(number > -(double)depth - 1 && number < (double)depth)) return depth;
    int64_t index = (int64_t)number;
    if (index < 0) index += (int64_t)depth;
    return index < 0 ? depth : (size_t)index;
}

static weir_error *one_hot_run(const weir_step *step, void *const *data)
{
    const one_hot_params *p = step->params;
    const weir_slot *out = weir_step_out_slot(step, 0);
    weir_tensor_kind kind = weir_step_in_slot(step, 0)->kind;
    size_t size = weir_kind_size(out->kind), inner = p->view.inner;
    const char *values = weir_step_in(step, data, 2); /* off, on */
    char *to = weir_step_out(step, data, 0);
    for (size_t i = 0; i < out->count; i++)
        memcpy(to + i * size, values, size);
    for (size_t i = 0; i < p->view.outer * inner; i++) {
        size_t hot = hot_index(weir_step_in(step, data, 0), kind, i, p->view.length);
        size_t at = (i / inner * p->view.length + hot) * inner + i % inner;
        if (hot < p->view.length) memcpy(to + at * size, values + size, size);
    }
    return NULL;
}

static weir_error *one_hot_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0), *values = weir_call_in(call, 2);
    double depth;
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    if (!constant_number(call, 1, &depth) || !(depth >= 1 && depth <= DEPTH_MAX))
        return weir_call_fail(call, "its depth must be a constant from 1 to %d", DEPTH_MAX);
    if (values->count != 2) return weir_call_fail(call, "its values must be two: off and on");
    if (in->shape.rank >= WEIR_RANK_MAX)
        return weir_call_fail(call, "its output has more than %d dimensions", WEIR_RANK_MAX);
    unsigned axis;
    WEIR_TRY(weir_call_axis(call, weir_call_int(call, "axis", -1), in->shape.rank + 1, &axis));
    weir_shape shape = {.rank = in->shape.rank + 1};
    for (unsigned d = 0; d < shape.rank; d++)
        shape.dims[d] = d == axis ? (int64_t)depth : in->shape.dims[d > axis ? d - 1 : d];
    WEIR_TRY(weir_call_out(call, 0, values->kind, &shape));
    one_hot_params *p = weir_arena_new(call->into, one_hot_params);
    p->view = weir_axis_of(&shape, axis);
    call->step->params = p;
    call->step->run = one_hot_run;
    return NULL;
}

/* --- Range
 * ------------------------------------------------------------------------------------------ */

enum { RANGE_MAX = 1 << 20 };
#define RANGE_BOUND 0x1p53

/* Numbers below 2^53 from constants: positions, mostly. */
static weir_error *range_prepare(weir_op_call *call)
{
    double start, limit, delta;
    if (!constant_number(call, 0, &start) || !constant_number(call, 1, &limit) ||
        !constant_number(call, 2, &delta) || !(delta < 0 || delta > 0))
        return weir_call_fail(call, "its bounds and its step must be constants");
    weir_tensor_kind kind = weir_call_in(call, 0)->kind;
    if (weir_call_in(call, 1)->kind != kind || weir_call_in(call, 2)->kind != kind)
        return weir_call_fail(call, "its bounds and its step differ in type");
    if (!(fabs(start) <= RANGE_BOUND && fabs(limit) <= RANGE_BOUND && fabs(delta) <= RANGE_BOUND))
        return weir_call_fail(call, "its bounds are beyond 2^53");
    double length = __builtin_ceil((limit - start) / delta);
    if (!(length <= RANGE_MAX))
        return weir_call_fail(call, "it has more than %d elements", RANGE_MAX);
    size_t count = length > 0 ? (size_t)length : 0;
    void *data = weir_arena_calloc(call->into, count + 1, sizeof(double));
    for (size_t i = 0; i < count; i++) {
        double value = start + (double)i * delta;
        switch (kind) {
        case WEIR_TENSOR_FLOAT32: ((float *)data)[i] = (float)value; break;
        case WEIR_TENSOR_FLOAT64: ((double *)data)[i] = value; break;
        case WEIR_TENSOR_INT64: ((int64_t *)data)[i] = (int64_t)value; break;
        default: ((int32_t *)data)[i] = (int32_t)value; break;
        }
    }
    return weir_call_out_constant(call, 0, kind, &(weir_shape){1, {(int64_t)count}}, data);
}

/* --- Trilu
 * ------------------------------------------------------------------------------------------ */

typedef struct trilu_params {
    int64_t diagonal;
    bool is_upper;
} trilu_params;

static weir_error *trilu_run(const weir_step *step, void *const *data)
{
    const trilu_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    int64_t columns = in->shape.dims[in->shape.rank - 1], rows = in->shape.dims[in->shape.rank - 2];
    size_t size = weir_kind_size(in->kind);
    const char *from = weir_step_in(step, data, 0);
    char *to = weir_step_out(step, data, 0);
    for (size_t i = 0; i < in->count; i++) {
        int64_t column = (int64_t)i % columns, row = (int64_t)i / columns % rows;
        bool is_kept = p->is_upper ? column - row >= p->diagonal : column - row <= p->diagonal;
        if (is_kept)
            memcpy(to + i * size, from + i * size, size);
        else
            memset(to + i * size, 0, size);
    }
    return NULL;
}

static weir_error *trilu_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (in->kind == WEIR_TENSOR_STRING) return weir_call_kind_wrong(call, in);
    if (in->shape.rank < 2) return weir_call_fail(call, "its input is no matrix");
    const int64_t *diagonal;
    size_t count;
    bool found;
    WEIR_TRY(weir_call_ints(call, 1, &diagonal, &count, &found));
    if (found && count != 1) return weir_call_fail(call, "its diagonal must be one number");
    trilu_params *p = weir_arena_new(call->into, trilu_params);
    int64_t k = found ? diagonal[0] : 0, most = INT64_C(1) << 40;
    p->diagonal = k > most ? most : k < -most ? -most : k;
    p->is_upper = weir_call_int(call, "upper", 1) != 0;
    call->step->params = p;
    call->step->run = trilu_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

/* --- CumSum
 * ----------------------------------------------------------------------------------------- */

typedef struct running_params {
    weir_axis_view view;
    bool is_exclusive, is_reverse;
} running_params;

#define RUNNING_SUM(type, total_type)                                                              \
    do {                                                                                           \
        const type *x = in;                                                                        \
        type *y = out;                                                                             \
        total_type total = 0;                                                                      \
        for (size_t n = 0; n < view->length; n++) {                                                \
            size_t at = first + (p->is_reverse ? view->length - 1 - n : n) * view->inner;          \
            total_type before = total;                                                             \
            total += (total_type)x[at];                                                            \
            y[at] = (type)(p->is_exclusive ? before : total);                                      \
        }                                                                                          \
    } while (0)

static weir_error *running_run(const weir_step *step, void *const *data)
{
    const running_params *p = step->params;
    const weir_axis_view *view = &p->view;
    const void *in = weir_step_in(step, data, 0);
    void *out = weir_step_out(step, data, 0);
    for (size_t i = 0; i < view->outer * view->inner; i++) {
        size_t first = i / view->inner * view->length * view->inner + i % view->inner;
        switch (weir_step_in_slot(step, 0)->kind) {
        case WEIR_TENSOR_FLOAT32: RUNNING_SUM(float, double); break;
        case WEIR_TENSOR_FLOAT64: RUNNING_SUM(double, double); break;
        case WEIR_TENSOR_INT64: RUNNING_SUM(int64_t, uint64_t); break;
        default: RUNNING_SUM(int32_t, uint32_t); break;
        }
    }
    return NULL;
}

static weir_error *running_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    const int64_t *given;
    size_t count;
    bool found;
    unsigned axis;
    WEIR_TRY(weir_call_ints(call, 1, &given, &count, &found));
    if (!found || count != 1) return weir_call_fail(call, "its axis must be one number");
    WEIR_TRY(weir_call_axis(call, given[0], in->shape.rank, &axis));
    running_params *p = weir_arena_new(call->into, running_params);
    *p = (running_params){.view = weir_axis_of(&in->shape, axis),
                          .is_exclusive = weir_call_int(call, "exclusive", 0) != 0,
                          .is_reverse = weir_call_int(call, "reverse", 0) != 0};
    call->step->params = p;
    call->step->run = running_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

// clang-format off
const weir_op weir_ops_make[] = {
    {.name = "OneHot", .prepare = one_hot_prepare, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1},
    {.name = "Range", .prepare = range_prepare, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1, .since = 11},
    {.name = "Trilu", .prepare = trilu_prepare, .inputs_min = 1, .inputs_max = 2, .outputs_max = 1, .since = 14, .missing = WEIR_MISSING_PASSES},
    {.name = "CumSum", .prepare = running_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 11},
    {.name = NULL},
};
// clang-format on
