/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees.c - running an ensemble.
 *
 * One row: LANES trees go down together, one level a step, so that their cache misses and latencies
 * overlap; with AVX-512 sixteen trees are one register. A leaf stays where it is. Then the leaves
 * are added in tree order, which is what fixes the bits; how the leaves were found does not matter
 * to them.
 */
#include "compute/model/dense.h"
#include "compute/model/trees_internal.h"
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 16 };

uint32_t weir_trees_targets(const weir_trees *trees) { return trees->target_count; }
uint32_t weir_trees_features(const weir_trees *trees) { return trees->feature_count; }
uint64_t weir_trees_parameters(const weir_trees *trees) { return trees->parameters; }
size_t weir_trees_count(const weir_trees *trees) { return trees->tree_count; }

static size_t padded(size_t count) { return (count + LANES - 1) / LANES * LANES; }

size_t weir_trees_scratch_bytes(const weir_trees *trees)
{
    return (padded(trees->column_count) + padded(trees->tree_count) + LANES) * sizeof(float) +
           trees->target_count * (sizeof(double) + 1) + trees->feature_count * 8 * sizeof(double) +
           128;
}

/* --- columns
 * ---------------------------------------------------------------------------------------- */

static bool in_bits(const weir_tree_node *test, double x)
{
    uint32_t category = (uint32_t)x;
    uint32_t word = category / 32;
    return word < test->bit_words && (test->bits[word] >> (category % 32) & 1) != 0;
}

static bool goes_left(const weir_tree_node *test, double x)
{
    switch ((weir_tree_split)test->split) {
    case WEIR_SPLIT_LESS_EQUAL: return x <= test->threshold;
    case WEIR_SPLIT_EQUAL: return x == test->threshold;
    case WEIR_SPLIT_MEMBER:
        for (uint32_t i = 0; i < test->number_count; i++)
            if (test->numbers[i] == x) return true;
        return false;
    case WEIR_SPLIT_CATEGORY_XGBOOST: /* what the set can not hold is not in it */
        return !(x >= 0.0 && x < 16777216.0 && in_bits(test, x));
    case WEIR_SPLIT_CATEGORY_LIGHTGBM: return x > -1.0 && x < 2147483648.0 && in_bits(test, x);
    default: WEIR_UNREACHABLE();
    }
}

static float test_value(const weir_tree_node *test, double x)
{
    bool takes_nan = test->split == WEIR_SPLIT_CATEGORY_LIGHTGBM;
    if (x != x && !takes_nan) return NAN;
    return goes_left(test, x) ? 0.0f : 1.0f;
}

static float rank_of(const tree_column *column, double x)
{
    uint32_t low = 0, count = column->rank_count;
    while (count > 0) { /* how many thresholds are below x */
        uint32_t half = count / 2;
        bool right = column->ranks[low + half] < x;
        low = right ? low + half + 1 : low;
        count = right ? count - half - 1 : half;
    }
    return (float)low;
}

float weir_tree_column_value(const weir_trees *trees, const tree_column *column, double x)
{
    if (trees->snaps_zero && fabs(x) <= (double)1e-35f) x = 0.0;
    if (column->kind == COLUMN_TEST) return test_value(&column->test, x);
    if (column->kind == COLUMN_COPY) return (float)x;
    if (x != x && column->missing != WEIR_TREE_MISSING_NAN) x = 0.0;
    if (x != x || (column->missing == WEIR_TREE_MISSING_ZERO && fabs(x) <= (double)1e-35f))
        return NAN;
    return rank_of(column, x);
}

void weir_trees_prepare(const weir_trees *trees, const void *features, float *columns)
{
    const float *narrow = features;
    const double *wide = features;
    for (uint32_t c = 0; c < trees->column_count; c++) {
        const tree_column *column = &trees->columns[c];
        if (column->kind == COLUMN_COPY)
            columns[c] = narrow[column->feature];
        else
            columns[c] = weir_tree_column_value(
                trees, column,
                trees->in_float64 ? wide[column->feature] : (double)narrow[column->feature]);
    }
}

/* --- descent
 * ---------------------------------------------------------------------------------------- */

static inline uint32_t step_down(const weir_trees *trees, const float *columns, uint32_t at)
{
    compact_node node = trees->nodes[at];
    unsigned bits = trees->column_bits;
    float x = columns[node.meta & ((UINT32_C(1) << bits) - 1)];
    uint32_t left = (x < node.threshold) | ((x != x) & (node.meta >> 30));
    uint32_t is_split = node.meta >> 31;
    uint32_t offset = (node.meta & 0x3fffffff) >> bits;
    return at + offset + ((left ^ 1) & is_split);
}

static uint32_t descend(const weir_trees *trees, const float *columns, uint32_t at)
{
    while (trees->nodes[at].meta & NODE_SPLIT)
        at = step_down(trees, columns, at);
    return at;
}

static uint32_t leaf_bits(const weir_trees *trees, uint32_t at)
{
    uint32_t bits;
    memcpy(&bits, &trees->nodes[at].threshold, 4);
    return bits;
}

static void leaves_plain(const weir_trees *trees, const float *columns, uint32_t *leaves)
{
    enum { TOGETHER = 8 };
    size_t t = 0;
    for (; t + TOGETHER <= trees->tree_count; t += TOGETHER) {
        uint32_t at[TOGETHER];
        unsigned depth = 0;
        for (size_t i = 0; i < TOGETHER; i++) {
            at[i] = trees->roots[t + i];
            if (trees->depths[t + i] > depth) depth = trees->depths[t + i];
        }
        for (unsigned d = 0; d < depth; d++)
            for (size_t i = 0; i < TOGETHER; i++)
                at[i] = step_down(trees, columns, at[i]);
        for (size_t i = 0; i < TOGETHER; i++)
            leaves[t + i] =
                leaf_bits(trees, trees->is_deep ? descend(trees, columns, at[i]) : at[i]);
    }
    for (; t < trees->tree_count; t++)
        leaves[t] = leaf_bits(trees, descend(trees, columns, trees->roots[t]));
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw")))

/* One level of sixteen trees (or rows): lanes at a leaf stay. */
AVX512 static inline __attribute__((always_inline)) __m512i level_avx512(const compact_node *nodes,
                                                                         const float *columns,
                                                                         __m512i row, __m512i at,
                                                                         __m512i column_mask,
                                                                         __m128i shift)
{
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), nodes, 8);
    __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), nodes, 8);
    __m512 threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(low, even, high));
    __m512i meta = _mm512_permutex2var_epi32(low, odd, high);
    __mmask16 split = _mm512_movepi32_mask(meta);
    __m512i column = _mm512_add_epi32(_mm512_and_epi32(meta, column_mask), row);
    __m512 x = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), split, column, columns, 4);
    __mmask16 missing = _mm512_test_epi32_mask(meta, _mm512_set1_epi32((int)NODE_MISSING_LEFT));
    __mmask16 left = _mm512_cmp_ps_mask(x, threshold, _CMP_LT_OQ) |
                     (_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q) & missing);
    __m512i offset = _mm512_srl_epi32(_mm512_and_epi32(meta, _mm512_set1_epi32(0x3fffffff)), shift);
    __m512i next = _mm512_add_epi32(at, offset);
    return _mm512_mask_add_epi32(next, split & (__mmask16)~left, next, _mm512_set1_epi32(1));
}

AVX512 static inline __attribute__((always_inline)) void store_leaves_avx512(
    const weir_trees *trees, __m512i at, uint32_t *leaves)
{
    __m512i values = _mm512_i32gather_epi32(at, trees->nodes, 8);
    _mm512_storeu_si512(leaves, values);
}

/* Two registers of sixteen trees at a time: while one waits for memory the other works. */
AVX512 static void leaves_avx512(const weir_trees *trees, const float *columns, uint32_t *leaves)
{
    __m512i mask = _mm512_set1_epi32((int)((UINT32_C(1) << trees->column_bits) - 1));
    __m128i shift = _mm_cvtsi32_si128((int)trees->column_bits);
    __m512i row = _mm512_setzero_si512();
    size_t count = padded(trees->tree_count);
    for (size_t t = 0; t < count; t += 2 * LANES) {
        bool has_second = t + LANES < count;
        size_t u = has_second ? t + LANES : t;
        unsigned depth = 0;
        for (size_t i = t; i < u + LANES && i < trees->tree_count; i++)
            if (trees->depths[i] > depth) depth = trees->depths[i];
        __m512i a = _mm512_loadu_si512(trees->roots + t), b = _mm512_loadu_si512(trees->roots + u);
        for (unsigned d = 0; d < depth; d++) {
            a = level_avx512(trees->nodes, columns, row, a, mask, shift);
            b = level_avx512(trees->nodes, columns, row, b, mask, shift);
        }
        store_leaves_avx512(trees, a, leaves + t);
        store_leaves_avx512(trees, b, leaves + u);
    }
}

/* Sixteen rows of two trees; rows stand `stride` floats apart. */
AVX512 static void rows_avx512(const weir_trees *trees, const float *columns, size_t stride,
                               size_t tree, size_t other, uint32_t *leaves)
{
    __m512i mask = _mm512_set1_epi32((int)((UINT32_C(1) << trees->column_bits) - 1));
    __m128i shift = _mm_cvtsi32_si128((int)trees->column_bits);
    __m512i step = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i row = _mm512_mullo_epi32(step, _mm512_set1_epi32((int)stride));
    __m512i a = _mm512_set1_epi32((int)trees->roots[tree]),
            b = _mm512_set1_epi32((int)trees->roots[other]);
    unsigned depth =
        trees->depths[tree] > trees->depths[other] ? trees->depths[tree] : trees->depths[other];
    for (unsigned d = 0; d < depth; d++) {
        a = level_avx512(trees->nodes, columns, row, a, mask, shift);
        b = level_avx512(trees->nodes, columns, row, b, mask, shift);
    }
    store_leaves_avx512(trees, a, leaves);
    store_leaves_avx512(trees, b, leaves + LANES);
}
#endif

static void find_leaves(const weir_trees *trees, const float *columns, uint32_t *leaves)
{
#if defined(__x86_64__)
    if (!trees->is_deep && weir_cpu_best() >= WEIR_CPU_AVX512) {
        leaves_avx512(trees, columns, leaves);
        return;
    }
#endif
    leaves_plain(trees, columns, leaves);
}

/* --- sums
 * ------------------------------------------------------------------------------------------- */

/* Adds `value` to a target's running sum, minimum or maximum. */
#define ACCUMULATE(sum, has, how, value)                                                           \
    do {                                                                                           \
        if ((how) == WEIR_TREE_MIN)                                                                \
            (sum) = !(has) || (value) < (sum) ? (value) : (sum);                                   \
        else if ((how) == WEIR_TREE_MAX)                                                           \
            (sum) = !(has) || (value) > (sum) ? (value) : (sum);                                   \
        else                                                                                       \
            (sum) += (value);                                                                      \
        (has) = true;                                                                              \
    } while (0)

/* The general sum, for one row, in `type`: leaves with any number of weights. */
#define SUM_GENERAL(name, type)                                                                    \
    static void name(const weir_trees *trees, const uint32_t *leaves, const type *base,            \
                     type *scores, bool *has)                                                      \
    {                                                                                              \
        for (uint32_t k = 0; k < trees->target_count; k++) {                                       \
            scores[k] = trees->base_first ? base[k] : (type)0;                                     \
            has[k] = false;                                                                        \
        }                                                                                          \
        for (size_t t = 0; t < trees->tree_count; t++) {                                           \
            if (trees->leaf_begin == NULL || trees->nodes == NULL) break;                          \
            uint32_t leaf = leaves[t];                                                             \
            for (uint32_t w = trees->leaf_begin[2 * leaf]; w < trees->leaf_begin[2 * leaf + 1];    \
                 w++) {                                                                            \
                uint32_t k = trees->weights[w].target;                                             \
                type value = (type)trees->weights[w].value;                                        \
                ACCUMULATE(scores[k], has[k], trees->sum, value);                                  \
            }                                                                                      \
        }                                                                                          \
    }
SUM_GENERAL(sum_general_f32, float)
SUM_GENERAL(sum_general_f64, double)

static float leaf_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* Every tree adds one float32 to one target. */
static void sum_single_f32(const weir_trees *trees, const uint32_t *leaves, float *scores,
                           bool *has)
{
    for (uint32_t k = 0; k < trees->target_count; k++) {
        scores[k] = trees->base_first ? trees->base_f32[k] : 0.0f;
        has[k] = false;
    }
    if (trees->target_count == 1 && trees->sum == WEIR_TREE_SUM) {
        float sum = scores[0];
        for (size_t t = 0; t < trees->tree_count; t++)
            sum += leaf_float(leaves[t]);
        scores[0] = sum;
        has[0] = trees->tree_count > 0;
        return;
    }
    for (size_t t = 0; t < trees->tree_count; t++) {
        uint32_t k = trees->tree_target[t];
        float value = leaf_float(leaves[t]);
        ACCUMULATE(scores[k], has[k], trees->sum, value);
    }
}

static void sum_single_f64(const weir_trees *trees, const uint32_t *leaves, double *scores,
                           bool *has)
{
    for (uint32_t k = 0; k < trees->target_count; k++) {
        scores[k] = trees->base_first ? trees->base[k] : 0.0;
        has[k] = false;
    }
    for (size_t t = 0; t < trees->tree_count; t++) {
        uint32_t k = trees->tree_target[t];
        double value = trees->leaf_values[leaves[t]];
        ACCUMULATE(scores[k], has[k], trees->sum, value);
    }
}

static void finish_f32(const weir_trees *trees, float *scores)
{
    for (uint32_t k = 0; k < trees->target_count; k++) {
        if (trees->sum == WEIR_TREE_AVERAGE && trees->tree_count > 0)
            scores[k] /= (float)trees->tree_count;
        if (!trees->base_first) scores[k] += trees->base_f32[k];
    }
}

static void finish_f64(const weir_trees *trees, double *scores)
{
    for (uint32_t k = 0; k < trees->target_count; k++) {
        if (trees->sum == WEIR_TREE_AVERAGE && trees->tree_count > 0)
            scores[k] /= (double)trees->tree_count;
        if (!trees->base_first) scores[k] += trees->base[k];
    }
}

/* --- rows
 * ------------------------------------------------------------------------------------------- */

typedef struct work {
    float *columns;
    uint32_t *leaves; /* padded(tree_count) + LANES */
    bool *has;
} work;

static work work_in(const weir_trees *trees, void *scratch)
{
    work w = {.columns = scratch};
    w.leaves = (uint32_t *)(w.columns + padded(trees->column_count));
    w.has = (bool *)(w.leaves + padded(trees->tree_count) + LANES);
    return w;
}

static void row_f32(const weir_trees *trees, const float *features, float *scores, bool *has,
                    const work *w)
{
    const float *columns = features;
    if (!trees->is_direct) {
        weir_trees_prepare(trees, features, w->columns);
        columns = w->columns;
    }
    find_leaves(trees, columns, w->leaves);
    if (trees->tree_target != NULL)
        sum_single_f32(trees, w->leaves, scores, has);
    else
        sum_general_f32(trees, w->leaves, trees->base_f32, scores, has);
    finish_f32(trees, scores);
}

#if defined(__x86_64__)
/* Sixteen rows at a time down one tree after the other: the same additions per row in the same
 * order. */
static size_t blocks_f32(const weir_trees *trees, const float *features, size_t rows, float *scores)
{
    bool fits = trees->is_direct && trees->tree_target != NULL && trees->target_count == 1 &&
                !trees->is_deep && trees->sum == WEIR_TREE_SUM &&
                weir_cpu_best() >= WEIR_CPU_AVX512;
    size_t row = 0;
    for (; fits && row + LANES <= rows; row += LANES) {
        float sums[LANES];
        uint32_t leaves[2 * LANES];
        for (size_t i = 0; i < LANES; i++)
            sums[i] = trees->base_first ? trees->base_f32[0] : 0.0f;
        for (size_t t = 0; t < trees->tree_count; t += 2) {
            size_t other = t + 1 < trees->tree_count ? t + 1 : t;
            rows_avx512(trees, features + row * trees->feature_count, trees->feature_count, t,
                        other, leaves);
            for (size_t i = 0; i < LANES; i++)
                sums[i] += leaf_float(leaves[i]);
            for (size_t i = 0; other != t && i < LANES; i++)
                sums[i] += leaf_float(leaves[LANES + i]);
        }
        for (size_t i = 0; i < LANES; i++) {
            scores[row + i] = sums[i];
            finish_f32(trees, &scores[row + i]);
        }
    }
    return row;
}
#else
static size_t blocks_f32(const weir_trees *trees, const float *features, size_t rows, float *scores)
{
    (void)trees, (void)features, (void)rows, (void)scores;
    return 0;
}
#endif

void weir_trees_run_f32(const weir_trees *trees, const float *features, size_t rows, float *scores,
                        bool *has_score, void *scratch)
{
    WEIR_ASSERT(!trees->in_float64);
    work w = work_in(trees, scratch);
    size_t row = has_score == NULL ? blocks_f32(trees, features, rows, scores) : 0;
    for (; row < rows; row++) {
        bool *has = has_score != NULL ? has_score + row * trees->target_count : w.has;
        row_f32(trees, features + row * trees->feature_count, scores + row * trees->target_count,
                has, &w);
    }
}

void weir_trees_run_f64(const weir_trees *trees, const double *features, size_t rows,
                        double *scores, bool *has_score, void *scratch)
{
    WEIR_ASSERT(trees->in_float64);
    work w = work_in(trees, scratch);
    for (size_t row = 0; row < rows; row++) {
        bool *has = has_score != NULL ? has_score + row * trees->target_count : w.has;
        double *out = scores + row * trees->target_count;
        weir_trees_prepare(trees, features + row * trees->feature_count, w.columns);
        find_leaves(trees, w.columns, w.leaves);
        if (trees->tree_target != NULL)
            sum_single_f64(trees, w.leaves, out, has);
        else
            sum_general_f64(trees, w.leaves, trees->base, out, has);
        finish_f64(trees, out);
    }
}
