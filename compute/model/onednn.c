/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onednn.c - the shim. One source for oneDNN 2.x and 3.x: where the two differ stands in
 * `matmul_desc`. Without the library (WEIR_HAVE_ONEDNN unset) nothing is present and nothing is
 * created.
 */
#include "compute/model/onednn.h"
#include "compute/model/dense.h"
#include "ops/runtime/assert.h"
#include <string.h>

#ifdef WEIR_HAVE_ONEDNN
#include <dnnl.h>
#include <dnnl_version.h>

enum { BUCKETS = 4, BUCKET_MAX = 32 };
static const size_t buckets[BUCKETS] = {1, 4, 16, BUCKET_MAX};

typedef struct call_set {
    dnnl_stream_t stream;
    dnnl_memory_t source, target;
} call_set;

typedef struct kept_set {
    bool is_taken; /* atomically */
    call_set set;
} kept_set;

struct weir_onednn_dense {
    size_t k, n;
    dnnl_engine_t engine;
    dnnl_primitive_t primitives[BUCKETS];
    dnnl_memory_t weights[BUCKETS]; /* reordered into the form the primitive asks for */
    dnnl_memory_desc_t source[BUCKETS], target[BUCKETS];
    dnnl_memory_t bias;
    float *bias_data;
    kept_set *kept; /* per bucket */
};

static weir_error *failed(const char *what, dnnl_status_t status)
{
    return weir_error_new(WEIR_E_MODEL, "oneDNN failed to %s (status %d)", what, (int)status);
}

#define DNNL(call, what)                                                                           \
    do {                                                                                           \
        dnnl_status_t status_ = (call);                                                            \
        if (status_ != dnnl_success) return failed(what, status_);                                 \
    } while (0)

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t desc; /* a handle */
static const_dnnl_memory_desc_t pass(const desc *d) { return *d; }
static void desc_free(desc *d)
{
    if (*d != NULL) (void)dnnl_memory_desc_destroy(*d);
    *d = NULL;
}
static dnnl_status_t desc_plain(desc *d, size_t rows, size_t columns)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_create_with_tag(d, 2, dims, dnnl_f32, dnnl_ab);
}
static dnnl_status_t desc_any(desc *d, size_t rows, size_t columns)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_create_with_tag(d, 2, dims, dnnl_f32, dnnl_format_tag_any);
}
static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const desc *x,
                                 const desc *w, const desc *b, const desc *y)
{
    return dnnl_matmul_primitive_desc_create(out, engine, *x, *w, b == NULL ? NULL : *b, *y, NULL);
}
#else
typedef dnnl_memory_desc_t desc; /* a struct */
static const dnnl_memory_desc_t *pass(const desc *d) { return d; }
static void desc_free(desc *d) { (void)d; }
static dnnl_status_t desc_plain(desc *d, size_t rows, size_t columns)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(d, 2, dims, dnnl_f32, dnnl_ab);
}
static dnnl_status_t desc_any(desc *d, size_t rows, size_t columns)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(d, 2, dims, dnnl_f32, dnnl_format_tag_any);
}
static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const desc *x,
                                 const desc *w, const desc *b, const desc *y)
{
    dnnl_matmul_desc_t op;
    dnnl_status_t status = dnnl_matmul_desc_init(&op, x, w, b, y);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(out, (const_dnnl_op_desc_t)&op, NULL, engine, NULL);
}
#endif

/* One thread: the library's own threads would change the order of sums and cost more than they
 * bring. */
extern void omp_set_num_threads(int threads) __attribute__((weak));

static dnnl_engine_t the_engine(void)
{
    static dnnl_engine_t engine;
    static int tried;
    if (__atomic_load_n(&tried, __ATOMIC_ACQUIRE) == 0) {
        dnnl_engine_t made = NULL;
        if (dnnl_engine_create(&made, dnnl_cpu, 0) != dnnl_success) made = NULL;
        dnnl_engine_t none = NULL;
        if (!__atomic_compare_exchange_n(&engine, &none, made, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE) &&
            made != NULL)
            (void)dnnl_engine_destroy(made);
        __atomic_store_n(&tried, 1, __ATOMIC_RELEASE);
    }
    return engine;
}

bool weir_onednn_is_present(void) { return the_engine() != NULL; }

const char *weir_onednn_version(void)
{
#define TEXT2(x) #x
#define TEXT(x)  TEXT2(x)
    return TEXT(DNNL_VERSION_MAJOR) "." TEXT(DNNL_VERSION_MINOR) "." TEXT(DNNL_VERSION_PATCH);
}

const char *weir_onednn_isa(void)
{
    __builtin_cpu_init();
    bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return has_512 ? "avx512_core" : __builtin_cpu_supports("avx2") ? "avx2" : "sse41";
}

static weir_error *reorder(weir_onednn_dense *d, float *plain, const desc *plain_desc,
                           dnnl_memory_t to)
{
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    DNNL(dnnl_memory_create(&from, pass(plain_desc), d->engine, plain), "wrap weights");
#if DNNL_VERSION_MAJOR >= 3
    const_dnnl_memory_desc_t to_desc;
#else
    const dnnl_memory_desc_t *to_desc;
#endif
    DNNL(dnnl_memory_get_memory_desc(to, &to_desc), "describe weights");
    DNNL(dnnl_reorder_primitive_desc_create(&pd, pass(plain_desc), d->engine, to_desc, d->engine,
                                            NULL),
         "plan a reorder");
    DNNL(dnnl_primitive_create(&primitive, pd), "create a reorder");
    DNNL(dnnl_stream_create(&stream, d->engine, dnnl_stream_default_flags), "create a stream");
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    DNNL(dnnl_primitive_execute(primitive, stream, 2, arguments), "pack weights");
    DNNL(dnnl_stream_wait(stream), "wait");
    (void)dnnl_stream_destroy(stream);
    (void)dnnl_primitive_destroy(primitive);
    (void)dnnl_primitive_desc_destroy(pd);
    (void)dnnl_memory_destroy(from);
    return NULL;
}

static weir_error *make_bucket(weir_onednn_dense *d, size_t b, float *plain)
{
    desc any, bias, plain_desc;
    const dnnl_dims_t bias_dims = {1, (dnnl_dim_t)d->n};
    DNNL(desc_plain(&d->source[b], buckets[b], d->k), "describe rows");
    DNNL(desc_plain(&d->target[b], buckets[b], d->n), "describe results");
    DNNL(desc_any(&any, d->k, d->n), "describe weights");
    DNNL(desc_plain(&plain_desc, d->k, d->n), "describe weights");
    DNNL(desc_plain(&bias, (size_t)bias_dims[0], (size_t)bias_dims[1]), "describe a bias");
    dnnl_primitive_desc_t pd = NULL;
    DNNL(matmul_desc(&pd, d->engine, &d->source[b], &any, d->bias_data == NULL ? NULL : &bias,
                     &d->target[b]),
         "plan a product");
    DNNL(dnnl_primitive_create(&d->primitives[b], pd), "create a product");
#if DNNL_VERSION_MAJOR >= 3
    const_dnnl_memory_desc_t wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
#else
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
#endif
    DNNL(dnnl_memory_create(&d->weights[b], wanted, d->engine, DNNL_MEMORY_ALLOCATE),
         "allocate weights");
    (void)dnnl_primitive_desc_destroy(pd);
    WEIR_TRY(reorder(d, plain, &plain_desc, d->weights[b]));
    if (d->bias == NULL && d->bias_data != NULL)
        DNNL(dnnl_memory_create(&d->bias, pass(&bias), d->engine, d->bias_data), "wrap a bias");
    desc_free(&any);
    desc_free(&bias);
    desc_free(&plain_desc);
    return NULL;
}

static void free_set(call_set *set)
{
    if (set->source != NULL) (void)dnnl_memory_destroy(set->source);
    if (set->target != NULL) (void)dnnl_memory_destroy(set->target);
    if (set->stream != NULL) (void)dnnl_stream_destroy(set->stream);
    *set = (call_set){0};
}

weir_error *weir_onednn_dense_create(size_t k, size_t n, const float *packed, const float *bias,
                                     weir_arena *into, weir_onednn_dense **dense_out)
{
    weir_onednn_dense *d = weir_arena_new(into, weir_onednn_dense);
    d->k = k;
    d->n = n;
    d->engine = the_engine();
    d->kept = weir_arena_array(into, kept_set, BUCKETS);
    WEIR_ASSERT(d->engine != NULL);
    if (bias != NULL) d->bias_data = weir_arena_copy(into, bias, n * sizeof(float));
    weir_arena scratch = {0};
    float *plain = weir_arena_array(&scratch, float, k *n);
    weir_dense_unpack(packed, k, n, plain);
    weir_error *error = NULL;
    for (size_t b = 0; error == NULL && b < BUCKETS; b++)
        error = make_bucket(d, b, plain);
    weir_arena_deinit(&scratch);
    if (error != NULL) weir_onednn_dense_destroy(d);
    *dense_out = d;
    return error;
}

void weir_onednn_dense_destroy(weir_onednn_dense *d)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        if (d->primitives[b] != NULL) (void)dnnl_primitive_destroy(d->primitives[b]);
        if (d->weights[b] != NULL) (void)dnnl_memory_destroy(d->weights[b]);
        free_set(&d->kept[b].set);
        desc_free(&d->source[b]);
        desc_free(&d->target[b]);
    }
    if (d->bias != NULL) (void)dnnl_memory_destroy(d->bias);
}

/*
 * A stream and two memory objects for one call. They cost as much as a small product to make, so
 * each layer keeps one set a bucket; a second thread at the same time makes its own.
 */
static bool make_set(const weir_onednn_dense *d, size_t b, call_set *set)
{
    return dnnl_stream_create(&set->stream, d->engine, dnnl_stream_default_flags) == dnnl_success &&
           dnnl_memory_create(&set->source, pass(&d->source[b]), d->engine, DNNL_MEMORY_NONE) ==
               dnnl_success &&
           dnnl_memory_create(&set->target, pass(&d->target[b]), d->engine, DNNL_MEMORY_NONE) ==
               dnnl_success;
}

static bool execute_with(const weir_onednn_dense *d, size_t b, const call_set *set, const float *x,
                         float *y)
{
    if (dnnl_memory_set_data_handle(set->source, (void *)x) != dnnl_success ||
        dnnl_memory_set_data_handle(set->target, y) != dnnl_success)
        return false;
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, set->source},
                                   {DNNL_ARG_WEIGHTS, d->weights[b]},
                                   {DNNL_ARG_DST, set->target},
                                   {DNNL_ARG_BIAS, d->bias}};
    return dnnl_primitive_execute(d->primitives[b], set->stream, d->bias == NULL ? 3 : 4,
                                  arguments) == dnnl_success &&
           dnnl_stream_wait(set->stream) == dnnl_success;
}

static bool execute(const weir_onednn_dense *d, size_t b, const float *x, float *y)
{
    kept_set *kept = &d->kept[b];
    if (!__atomic_test_and_set(&kept->is_taken, __ATOMIC_ACQUIRE)) {
        bool good = (kept->set.stream != NULL || make_set(d, b, &kept->set)) &&
                    execute_with(d, b, &kept->set, x, y);
        __atomic_clear(&kept->is_taken, __ATOMIC_RELEASE);
        return good;
    }
    call_set own = {0};
    bool good = make_set(d, b, &own) && execute_with(d, b, &own, x, y);
    free_set(&own);
    return good;
}

/* The least bucket that holds the rows that are left; its empty rows are zeros in memory of our
 * own. */
void weir_onednn_dense_run(const weir_onednn_dense *d, const float *x, size_t rows, float *y)
{
    if (omp_set_num_threads != NULL) omp_set_num_threads(1);
    for (size_t row = 0; row < rows;) {
        size_t left = rows - row, b = 0;
        while (b + 1 < BUCKETS && buckets[b] < left)
            b++;
        const float *from = x + row * d->k;
        float *to = y + row * d->n;
        size_t taken = left < buckets[b] ? left : buckets[b];
        if (taken == buckets[b]) {
            WEIR_ASSERT(execute(d, b, from, to));
        } else {
            weir_arena scratch = {0};
            float *full = weir_arena_array(&scratch, float, buckets[b] * d->k);
            float *results = weir_arena_array(&scratch, float, buckets[b] * d->n);
            memcpy(full, from, taken * d->k * sizeof(float));
            WEIR_ASSERT(execute(d, b, full, results));
            memcpy(to, results, taken * d->n * sizeof(float));
            weir_arena_deinit(&scratch);
        }
        row += taken;
    }
}

/* Rows of seeded numbers, some of them large, tiny or zero. */
static void fill(float *x, size_t count)
{
    uint64_t state = 11;
    for (size_t i = 0; i < count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t r = (uint32_t)(state >> 33);
        float value = (float)(r % 20001) / 5000.0f - 2.0f;
        x[i] = r % 17 == 0   ? 0.0f
               : r % 29 == 0 ? value * 1e6f
               : r % 31 == 0 ? value * 1e-6f
                             : value;
    }
}

bool weir_onednn_dense_probe(const weir_onednn_dense *d)
{
    enum { ROWS = 8 };
    weir_arena scratch = {0};
    float *x = weir_arena_array(&scratch, float, BUCKET_MAX * d->k);
    float *alone = weir_arena_array(&scratch, float, ROWS * d->n);
    float *together = weir_arena_array(&scratch, float, BUCKET_MAX * d->n);
    fill(x, BUCKET_MAX * d->k);
    bool same = true;
    for (size_t r = 0; r < ROWS; r++)
        weir_onednn_dense_run(d, x + r * d->k, 1, alone + r * d->n);
    for (size_t count = 2; same && count <= BUCKET_MAX; count += count < 20 ? 1 : 11) {
        /* first, and last: the same rows at both ends of the batch */
        for (int at_end = 0; same && at_end < 2; at_end++) {
            size_t rows = count < ROWS ? count : ROWS, from = at_end ? count - rows : 0;
            float *batch = weir_arena_array(&scratch, float, count * d->k);
            memcpy(batch, x + (BUCKET_MAX - count) * d->k, count * d->k * sizeof(float));
            memcpy(batch + from * d->k, x, rows * d->k * sizeof(float));
            weir_onednn_dense_run(d, batch, count, together);
            same = memcmp(together + from * d->n, alone, rows * d->n * sizeof(float)) == 0;
        }
    }
    weir_arena_deinit(&scratch);
    return same;
}
#else
bool weir_onednn_is_present(void) { return false; }
const char *weir_onednn_isa(void) { return "none"; }
const char *weir_onednn_version(void) { return "none"; }
weir_error *weir_onednn_dense_create(size_t k, size_t n, const float *packed, const float *bias,
                                     weir_arena *into, weir_onednn_dense **dense_out)
{
    (void)k, (void)n, (void)packed, (void)bias, (void)into;
    *dense_out = NULL;
    return weir_error_new(WEIR_E_MODEL, "this build has no oneDNN");
}
void weir_onednn_dense_destroy(weir_onednn_dense *dense) { (void)dense; }
void weir_onednn_dense_run(const weir_onednn_dense *dense, const float *x, size_t rows, float *y)
{
    (void)dense, (void)x, (void)rows, (void)y;
    WEIR_UNREACHABLE();
}
bool weir_onednn_dense_probe(const weir_onednn_dense *dense)
{
    (void)dense;
    return false;
}
#endif
