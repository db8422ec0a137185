/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_dense.c - Gemm and MatMul.
 *
 * float32 goes through dense.h's packed kernels (or oneDNN, where the model's profile says so),
 * float64 through its plain one, integers wrap. Weights that are constants are packed once for all
 * compilations of a graph; others at each run, into scratch.
 */
#include "compute/model/dense.h"
#include "compute/model/dense_int8.h"
#include "compute/model/onednn.h"
#include "compute/model/op.h"

typedef struct matrix_params {
    size_t rows, k, n;          /* of one product */
    size_t products;            /* of a batched MatMul */
    size_t *left_at, *right_at; /* per product: offsets in elements */
    bool transpose_left, transpose_right;
    float alpha, beta;
    weir_dense dense;       /* constant float32 weights; packed is NULL where there are none */
    size_t c_row, c_column; /* strides of Gemm's C; both 0: one number */
    bool has_c;
    const weir_onednn_dense *onednn; /* NULL: the exact kernel */
    const weir_dense_int8 *int8;     /* or this one */
} matrix_params;

typedef struct packed_weights {
    bool transposed, is_finite;
    const float *data;
    const weir_onednn_dense *onednn;
    const float *onednn_bias;
    weir_dense_int8 *int8;
} packed_weights;

static float *floats_aligned(weir_arena *into, size_t count)
{
    uintptr_t at = (uintptr_t)weir_arena_alloc(into, count * sizeof(float) + 64);
    return (float *)((at + 63) / 64 * 64);
}

static void pack(const matrix_params *p, const float *w, float *packed)
{
    size_t row = p->transpose_right ? 1 : p->n, column = p->transpose_right ? p->k : 1;
    weir_dense_pack(w, p->k, p->n, row, column, packed);
}

/* Constant weights, packed; the same memory for every compilation. */
static packed_weights *pack_constant(weir_op_call *call, const matrix_params *p,
                                     const weir_slot *right)
{
    uint32_t value = call->node->inputs[1];
    packed_weights *known = (packed_weights *)call->shared->packed[value];
    if (known != NULL && known->transposed == p->transpose_right) return known;
    packed_weights *made = weir_arena_new(call->shared->into, packed_weights);
    float *packed = floats_aligned(call->shared->into, weir_dense_packed_count(p->k, p->n));
    pack(p, right->constant, packed);
    *made = (packed_weights){.transposed = p->transpose_right,
                             .is_finite =
                                 weir_dense_is_finite(packed, weir_dense_packed_count(p->k, p->n)),
                             .data = packed};
    call->shared->packed[value] = made;
    return made;
}

/* Below, a primitive's call costs more than the arithmetic. */
enum { ONEDNN_WEIGHTS_MIN = 64 * 64 };

static void choose_int8(weir_op_call *call, matrix_params *p, packed_weights *weights)
{
    if (p->k > WEIR_DENSE_INT8_K_MAX) return;
    if (weights->int8 == NULL) {
        weights->int8 = weir_dense_int8_create(p->k, p->n, weights->data, call->shared->into);
        call->shared->int8_count++;
    }
    p->int8 = weights->int8;
}

static weir_error *choose_onednn(weir_op_call *call, matrix_params *p, packed_weights *weights)
{
    if (call->shared->numerics == WEIR_NUMERICS_EXACT || p->k * p->n < ONEDNN_WEIGHTS_MIN)
        return NULL;
    if (call->shared->numerics == WEIR_NUMERICS_INT8) {
        choose_int8(call, p, weights);
        return NULL;
    }
    if (weights->onednn == NULL || weights->onednn_bias != p->dense.bias) {
        weir_onednn_dense *made = NULL;
        WEIR_TRY(weir_onednn_dense_create(p->k, p->n, weights->data, p->dense.bias,
                                          call->shared->into, &made));
        weir_buffer_put(&call->shared->layers, &made, sizeof(made));
        weights->onednn = made;
        weights->onednn_bias = p->dense.bias;
    }
    p->onednn = weights->onednn;
    return NULL;
}

/* --- run
 * -------------------------------------------------------------------------------------------- */

/* Rows of A as the kernel wants them; where A is transposed, turned round in scratch. */
static const void *left_rows(const matrix_params *p, const char *a, size_t size, char *scratch)
{
    if (!p->transpose_left) return a;
    for (size_t r = 0; r < p->rows; r++)
        for (size_t k = 0; k < p->k; k++)
            memcpy(scratch + (r * p->k + k) * size, a + (k * p->rows + r) * size, size);
    return scratch;
}

static float *align_floats(void *at) { return (float *)(((uintptr_t)at + 63) / 64 * 64); }

static void product_f32(const matrix_params *p, const float *a, const float *b, float *y,
                        void *scratch)
{
    if (p->onednn != NULL) {
        weir_onednn_dense_run(p->onednn, a, p->rows, y);
        return;
    }
    if (p->int8 != NULL) {
        weir_dense_int8_end end = {p->dense.bias, p->dense.relu};
        weir_dense_int8_run(p->int8, a, p->rows, &end, y, scratch);
        return;
    }
    weir_dense dense = p->dense;
    if (dense.packed == NULL) {
        float *room = align_floats(scratch);
        pack(p, b, room);
        dense.packed = room;
    }
    weir_dense_run(&dense, a, p->rows, y);
}

static void product_f64(const matrix_params *p, const double *a, const double *b, double *y,
                        double *room)
{
    if (p->transpose_right) {
        for (size_t k = 0; k < p->k; k++)
            for (size_t n = 0; n < p->n; n++)
                room[k * p->n + n] = b[n * p->k + k];
        b = room;
    }
    weir_dense_run_f64(a, p->rows, p->k, b, p->n, y);
}

#define PRODUCT_INT(name, type, utype)                                                             \
    static void name(const matrix_params *p, const type *a, const type *b, type *y)                \
    {                                                                                              \
        for (size_t r = 0; r < p->rows; r++)                                                       \
            for (size_t n = 0; n < p->n; n++) {                                                    \
                utype sum = 0;                                                                     \
                for (size_t k = 0; k < p->k; k++)                                                  \
                    sum += (utype)a[r * p->k + k] *                                                \
                           (utype)b[p->transpose_right ? n * p->k + k : k * p->n + n];             \
                y[r * p->n + n] = (type)sum;                                                       \
            }                                                                                      \
    }
PRODUCT_INT(product_i32, int32_t, uint32_t)
PRODUCT_INT(product_i64, int64_t, uint64_t)

/* alpha and C of a Gemm where the kernel did not take them. */
#define SCALE(type)                                                                                \
    do {                                                                                           \
        type *out = y;                                                                             \
        const type *add = c;                                                                       \
        for (size_t r = 0; r < p->rows; r++)                                                       \
            for (size_t n = 0; n < p->n; n++) {                                                    \
                type value = out[r * p->n + n];                                                    \
                if (p->alpha != 1.0f) value = (type)(p->alpha * value);                            \
                if (add != NULL) {                                                                 \
                    type extra = add[r * p->c_row + n * p->c_column];                              \
                    if (p->beta != 1.0f) extra = (type)(p->beta * extra);                          \
                    value = value + extra;                                                         \
                }                                                                                  \
                out[r * p->n + n] = value;                                                         \
            }                                                                                      \
    } while (0)

static void scale(const matrix_params *p, weir_tensor_kind kind, void *y, const void *c)
{
    if (p->alpha == 1.0f && c == NULL) return;
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: SCALE(float); break;
    case WEIR_TENSOR_FLOAT64: SCALE(double); break;
    case WEIR_TENSOR_INT64: SCALE(int64_t); break;
    default: SCALE(int32_t); break;
    }
}

static weir_error *matrix_run(const weir_step *step, void *const *data)
{
    const matrix_params *p = step->params;
    weir_tensor_kind kind = weir_step_out_slot(step, 0)->kind;
    size_t size = weir_kind_size(kind);
    const char *left = weir_step_in(step, data, 0), *right = weir_step_in(step, data, 1);
    char *out = weir_step_out(step, data, 0);
    char *scratch = step->scratch == WEIR_NO_VALUE ? NULL : data[step->scratch];
    char *room = p->transpose_left ? scratch + p->rows * p->k * size : scratch;
    for (size_t i = 0; i < p->products; i++) {
        const void *a = left_rows(p, left + p->left_at[i] * size, size, scratch);
        const void *b = right + p->right_at[i] * size;
        void *y = out + i * p->rows * p->n * size;
        switch (kind) {
        case WEIR_TENSOR_FLOAT32: product_f32(p, a, b, y, room); break;
        case WEIR_TENSOR_FLOAT64: product_f64(p, a, b, y, (double *)room); break;
        case WEIR_TENSOR_INT64: product_i64(p, a, b, y); break;
        default: product_i32(p, a, b, y); break;
        }
    }
    scale(p, kind, out, p->has_c ? weir_step_in(step, data, 2) : NULL);
    return NULL;
}

/* The usual case: a layer of a net. */
static weir_error *layer_run(const weir_step *step, void *const *data)
{
    const matrix_params *p = step->params;
    weir_dense_run(&p->dense, data[step->in[0]], p->rows, data[step->out[0]]);
    return NULL;
}

/* --- prepare
 * ---------------------------------------------------------------------------------------- */

static weir_error *check_work(weir_op_call *call, const matrix_params *p)
{
    return weir_call_charge(call, 0,
                            (double)p->products * (double)p->rows * (double)p->k * (double)p->n);
}

static void ask_scratch(weir_op_call *call, const matrix_params *p, weir_tensor_kind kind)
{
    size_t size = weir_kind_size(kind), bytes = 0;
    if (p->transpose_left) bytes += p->rows * p->k * size;
    if (kind == WEIR_TENSOR_FLOAT32 && p->dense.packed == NULL)
        bytes += weir_dense_packed_count(p->k, p->n) * sizeof(float) + 64;
    if (kind == WEIR_TENSOR_FLOAT64 && p->transpose_right) bytes += p->k * p->n * size + 8;
    if (p->int8 != NULL) bytes += weir_dense_int8_scratch_bytes(p->k);
    if (bytes > 0) weir_call_scratch(call, bytes);
}

static weir_error *finish(weir_op_call *call, matrix_params *p, const weir_shape *shape)
{
    const weir_slot *left = weir_call_in(call, 0), *right = weir_call_in(call, 1);
    WEIR_TRY(check_work(call, p));
    p->dense.k = p->k;
    p->dense.n = p->n;
    if (left->kind == WEIR_TENSOR_FLOAT32 && right->constant != NULL && right->shape.rank <= 2) {
        packed_weights *weights = pack_constant(call, p, right);
        p->dense.packed = weights->data;
        p->dense.is_finite = weights->is_finite;
        WEIR_TRY(choose_onednn(call, p, weights));
    }
    ask_scratch(call, p, left->kind);
    call->step->params = p;
    bool is_plain = p->dense.packed != NULL && p->onednn == NULL && p->int8 == NULL &&
                    p->products == 1 && !p->transpose_left && !p->has_c && p->alpha == 1.0f;
    call->step->run = is_plain ? layer_run : matrix_run;
    return weir_call_out(call, 0, left->kind, shape);
}

static weir_error *check_kinds(const weir_op_call *call)
{
    const weir_slot *left = weir_call_in(call, 0), *right = weir_call_in(call, 1);
    if (!weir_kind_is_number(left->kind)) return weir_call_kind_wrong(call, left);
    if (right->kind != left->kind) return weir_call_kind_wrong(call, right);
    return NULL;
}

static weir_error *inner_differ(const weir_op_call *call)
{
    return weir_call_fail(call, "shapes %s and %s do not multiply",
                          weir_shape_print(&weir_call_in(call, 0)->shape, call->into),
                          weir_shape_print(&weir_call_in(call, 1)->shape, call->into));
}

static weir_error *gemm_c(weir_op_call *call, matrix_params *p)
{
    const weir_slot *c = weir_call_in(call, 2);
    if (c == NULL) return NULL;
    if (c->kind != weir_call_in(call, 0)->kind) return weir_call_kind_wrong(call, c);
    if (c->shape.rank > 2) return weir_call_fail(call, "its C has %u dimensions", c->shape.rank);
    int64_t columns = c->shape.rank > 0 ? c->shape.dims[c->shape.rank - 1] : 1;
    int64_t rows = c->shape.rank > 1 ? c->shape.dims[0] : 1;
    if ((columns != 1 && columns != (int64_t)p->n) || (rows != 1 && rows != (int64_t)p->rows))
        return weir_call_fail(call, "its C of shape %s does not broadcast to [%zu,%zu]",
                              weir_shape_print(&c->shape, call->into), p->rows, p->n);
    p->has_c = true;
    p->c_column = columns == 1 ? 0 : 1;
    p->c_row = rows == 1 ? 0 : (size_t)columns;
    bool is_row = rows == 1 && columns == (int64_t)p->n && p->alpha == 1.0f && p->beta == 1.0f;
    const weir_slot *w = weir_call_in(call, 1);
    if (is_row && c->constant != NULL && w->constant != NULL && c->kind == WEIR_TENSOR_FLOAT32) {
        p->dense.bias = c->constant;
        p->has_c = false;
    }
    return NULL;
}

static weir_error *gemm_prepare(weir_op_call *call)
{
    WEIR_TRY(check_kinds(call));
    const weir_shape *a = &weir_call_in(call, 0)->shape, *b = &weir_call_in(call, 1)->shape;
    if (a->rank != 2 || b->rank != 2) return inner_differ(call);
    matrix_params *p = weir_arena_new(call->into, matrix_params);
    p->transpose_left = weir_call_int(call, "transA", 0) != 0;
    p->transpose_right = weir_call_int(call, "transB", 0) != 0;
    p->alpha = weir_call_float(call, "alpha", 1.0f);
    p->beta = weir_call_float(call, "beta", 1.0f);
    p->rows = (size_t)a->dims[p->transpose_left];
    p->k = (size_t)a->dims[!p->transpose_left];
    p->n = (size_t)b->dims[!p->transpose_right];
    if (b->dims[p->transpose_right] != (int64_t)p->k) return inner_differ(call);
    p->products = 1;
    p->left_at = p->right_at = weir_arena_array(call->into, size_t, 1);
    WEIR_TRY(gemm_c(call, p));
    weir_shape shape = {2, {(int64_t)p->rows, (int64_t)p->n}};
    return finish(call, p, &shape);
}

/* Broadcasts the dimensions before the last two; fills the offsets of each product. */
static weir_error *batch(weir_op_call *call, const weir_shape *a, const weir_shape *b,
                         matrix_params *p, weir_shape *shape)
{
    unsigned rank = a->rank > b->rank ? a->rank : b->rank;
    *shape = (weir_shape){.rank = rank - 2};
    uint64_t products = 1;
    for (unsigned d = 0; d + 2 < rank; d++) {
        int64_t da = d + a->rank < rank ? 1 : a->dims[d + a->rank - rank];
        int64_t db = d + b->rank < rank ? 1 : b->dims[d + b->rank - rank];
        if (da != db && da != 1 && db != 1) return inner_differ(call);
        shape->dims[d] = da == 1 ? db : da;
        products *= (uint64_t)shape->dims[d];
        if (products > 1 << 20) return weir_call_fail(call, "it has more than 2^20 products");
    }
    p->products = (size_t)products;
    p->left_at = weir_arena_array(call->into, size_t, p->products);
    p->right_at = weir_arena_array(call->into, size_t, p->products);
    for (size_t i = 0; i < p->products; i++) {
        size_t left = i, la = p->rows * p->k, lb = p->k * p->n;
        for (unsigned d = rank - 2; d-- > 0;) {
            int64_t da = d + a->rank < rank ? 1 : a->dims[d + a->rank - rank];
            int64_t db = d + b->rank < rank ? 1 : b->dims[d + b->rank - rank];
            size_t index = left % (size_t)shape->dims[d];
            left /= (size_t)shape->dims[d];
            p->left_at[i] += da == 1 ? 0 : index * la;
            p->right_at[i] += db == 1 ? 0 : index * lb;
            la *= (size_t)da;
            lb *= (size_t)db;
        }
    }
    return NULL;
}

static bool join_rows(const weir_shape *a, const weir_shape *b, matrix_params *p)
{
    if (b->rank != 2 || p->products == 0) return false;
    (void)a;
    p->rows *= p->products; /* one matrix on the right: all rows of the left at once */
    p->products = 1;
    return true;
}

static weir_error *matmul_prepare(weir_op_call *call)
{
    WEIR_TRY(check_kinds(call));
    weir_shape a = weir_call_in(call, 0)->shape, b = weir_call_in(call, 1)->shape;
    if (a.rank == 0 || b.rank == 0) return inner_differ(call);
    bool left_row = a.rank == 1, right_column = b.rank == 1;
    if (left_row) a = (weir_shape){2, {1, a.dims[0]}};
    if (right_column) b = (weir_shape){2, {b.dims[0], 1}};
    matrix_params *p = weir_arena_new(call->into, matrix_params);
    p->alpha = p->beta = 1.0f;
    p->rows = (size_t)a.dims[a.rank - 2];
    p->k = (size_t)a.dims[a.rank - 1];
    p->n = (size_t)b.dims[b.rank - 1];
    if (b.dims[b.rank - 2] != (int64_t)p->k) return inner_differ(call);
    weir_shape shape;
    WEIR_TRY(batch(call, &a, &b, p, &shape));
    if (!left_row) shape.dims[shape.rank++] = (int64_t)p->rows;
    if (!right_column) shape.dims[shape.rank++] = (int64_t)p->n;
    (void)join_rows(&a, &b, p);
    return finish(call, p, &shape);
}

/* A constant row to be added to every row of the product. */
static const float *bias_row(const matrix_params *p, const weir_step *step, uint32_t product)
{
    if (step->in_count != 2 || step->in[0] == step->in[1]) return NULL;
    const weir_slot *other = &step->slots[step->in[step->in[0] == product]];
    bool fits = other->constant != NULL && other->kind == WEIR_TENSOR_FLOAT32 &&
                other->count == p->n && other->shape.rank > 0 &&
                other->shape.dims[other->shape.rank - 1] == (int64_t)p->n;
    return fits ? other->constant : NULL;
}

bool weir_dense_absorb(weir_step *step, const weir_step *next)
{
    if ((step->run != matrix_run && step->run != layer_run) ||
        weir_step_out_slot(step, 0)->kind != WEIR_TENSOR_FLOAT32)
        return false;
    if (weir_step_out_slot(step, 0)->count != weir_step_out_slot(next, 0)->count) return false;
    matrix_params *p = (matrix_params *)step->params; /* made by this compilation, for this step */
    if (p->dense.packed == NULL || p->onednn != NULL || p->has_c || p->dense.relu ||
        p->alpha != 1.0f || p->products != 1)
        return false;
    if (strcmp(next->node->op, "Relu") == 0) {
        p->dense.relu = true;
        return true;
    }
    const float *bias = strcmp(next->node->op, "Add") == 0 && p->dense.bias == NULL
                            ? bias_row(p, next, step->out[0])
                            : NULL;
    if (bias != NULL) p->dense.bias = bias;
    return bias != NULL;
}

// clang-format off
const weir_op weir_ops_dense[] = {
    {.name = "Gemm", .prepare = gemm_prepare, .inputs_min = 2, .inputs_max = 3, .outputs_max = 1},
    {.name = "MatMul", .prepare = matmul_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1},
    {.name = NULL},
};
// clang-format on
