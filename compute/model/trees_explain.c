/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees_explain.c - exact TreeSHAP.
 *
 * A tree's output is the sum over its leaves of a product: for each feature on the path the factor
 * is "the row satisfies the path's conditions on it" (o, 0 or 1) where the feature is known, and
 * the share of training rows that did (z) where it is not. The Shapley value of feature i in such a
 * product game is
 *
 *     (o_i - z_i) * leaf * integral from 0 to 1 of  prod over j != i of (z_j (1 - t) + o_j t)  dt,
 *
 * a polynomial of degree D - 1 in t, which Gauss-Legendre quadrature on ceil(D/2) points integrates
 * exactly. All terms are positive, so nothing cancels, and products without i come from prefixes
 * and suffixes: no division. Paths with as many features stand LANES side by side and are computed
 * together, lane by lane in the same order whatever the vector width, so the bits are the same
 * everywhere.
 *
 * Where a file has no training counts (ONNX), each leaf counts as one row.
 */
#include "compute/model/dense.h"
#include "compute/model/trees_internal.h"
#include <math.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 8, FACTORS_MAX = 96, POINTS_MAX = FACTORS_MAX / 2, ELEMENTS_MAX = 1 << 23 };

/* One factor of LANES paths. A lane's condition: low <= x < high, or x is NaN where `nan` is set.
 */
typedef struct factor {
    double share[LANES];
    float low[LANES], high[LANES];
    uint32_t column[LANES];
    uint32_t feature[LANES];
    uint32_t nan[LANES];
} factor;

/* Another condition on the same feature of a path, on another column. */
typedef struct extra {
    uint32_t factor, lane; /* within its group */
    uint32_t column;
    float low, high;
    bool nan;
} extra;

typedef struct group {
    uint32_t factor_begin, factor_count; /* factors of each of its paths */
    uint32_t extra_begin, extra_count;
    double leaf[LANES]; /* 0 in unused lanes */
} group;

struct shap_plan {
    const group *groups;
    size_t group_count;
    const factor *factors;
    const extra *extras;
    double bias;
    double points[POINTS_MAX + 1][POINTS_MAX]; /* by number of points */
    double point_weights[POINTS_MAX + 1][POINTS_MAX];
};

/* --- Gauss-Legendre on [0, 1]
 * ------------------------------------------------------------------------ */

static double legendre(unsigned n, double x, double *derivative)
{
    double before = 1.0, now = x;
    for (unsigned k = 2; k <= n; k++) {
        double next = ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k;
        before = now;
        now = next;
    }
    *derivative = n * (x * now - before) / (x * x - 1.0);
    return now;
}

/* Roots of the n-th polynomial lie between those of the one before: bisection finds each. */
static void quadrature(unsigned n, const double *roots_before, double *roots, double *weights)
{
    for (unsigned i = 0; i < n; i++) {
        double low = i == 0 ? -1.0 : roots_before[i - 1], high = i == n - 1 ? 1.0 : roots_before[i];
        double slope;
        bool rises = ((n - i) & 1) != 0; /* sign change at root i: from -(-1)^(n-i) */
        for (int step = 0; step < 60; step++) {
            double middle = 0.5 * (low + high);
            double value = n == 1 ? middle : legendre(n, middle, &slope);
            bool above = value > 0;
            if (above == rises)
                high = middle;
            else
                low = middle;
        }
        roots[i] = 0.5 * (low + high);
        if (n == 1)
            roots[i] = 0.0, slope = 1.0;
        else
            (void)legendre(n, roots[i], &slope);
        weights[i] = 2.0 / ((1.0 - roots[i] * roots[i]) * slope * slope);
    }
}

static void fill_quadrature(shap_plan *plan, unsigned most)
{
    double roots[POINTS_MAX + 1][POINTS_MAX] = {{0}};
    for (unsigned n = 1; n <= most; n++) {
        quadrature(n, roots[n - 1], roots[n], plan->point_weights[n]);
        for (unsigned i = 0; i < n; i++) {
            plan->points[n][i] = 0.5 * (1.0 + roots[n][i]);
            plan->point_weights[n][i] *= 0.5;
        }
    }
}

/* --- paths
 * ------------------------------------------------------------------------------------------ */

typedef struct condition {
    uint32_t column;
    float low, high;
    bool nan;
    uint32_t factor; /* of the path */
} condition;

typedef struct path_factor {
    uint32_t feature;
    double share;
} path_factor;

typedef struct path {
    uint32_t factor_count, condition_count;
    uint32_t factor_begin, condition_begin; /* in the planner's buffers */
    double leaf;
} path;

typedef struct planner {
    const weir_trees *trees;
    const weir_trees_builder *from;
    const uint32_t *column;
    const float *threshold;
    weir_buffer paths, factors, conditions;
    double bias;
    bool too_large;
} planner;

typedef struct turn { /* one split on the way down */
    uint32_t node;
    bool left;
    double share; /* of the parent's rows */
} turn;

static double weight_of(const planner *p, const weir_tree_node *leaf)
{
    const weir_tree_weight *weights = (const weir_tree_weight *)p->from->weights.data;
    double sum = 0;
    for (uint32_t w = 0; w < leaf->weight_count; w++)
        if (weights[leaf->weight_begin + w].target == p->from->explain_target)
            sum += weights[leaf->weight_begin + w].value;
    if (p->from->sum == WEIR_TREE_AVERAGE) sum /= (double)p->trees->tree_count;
    return sum;
}

static void narrow(condition *c, float threshold, bool left, bool nan_goes_here)
{
    if (left && threshold < c->high) c->high = threshold;
    if (!left && threshold > c->low) c->low = threshold;
    c->nan = c->nan && nan_goes_here;
}

/* Merges the turns of one path by feature; conditions by column. */
static void add_path(planner *p, const turn *turns, size_t count, const weir_tree_node *nodes,
                     size_t tree_begin, double leaf)
{
    path_factor factors[FACTORS_MAX];
    condition conditions[256];
    uint32_t factor_count = 0, condition_count = 0;
    double product = leaf;
    for (size_t i = 0; i < count; i++) {
        const weir_tree_node *node = &nodes[turns[i].node];
        uint32_t f = 0, c = 0, column = p->column[tree_begin + turns[i].node];
        while (f < factor_count && factors[f].feature != node->feature)
            f++;
        if (f == factor_count) {
            if (factor_count == FACTORS_MAX) {
                p->too_large = true;
                return;
            }
            factors[factor_count++] = (path_factor){node->feature, 1.0};
        }
        factors[f].share *= turns[i].share;
        product *= turns[i].share;
        while (c < condition_count && conditions[c].column != column)
            c++;
        if (c == condition_count)
            conditions[condition_count++] = (condition){column, -INFINITY, INFINITY, true, f};
        narrow(&conditions[c], p->threshold[tree_begin + turns[i].node], turns[i].left,
               node->missing_left == turns[i].left);
    }
    p->bias += product;
    if (leaf == 0 || factor_count == 0) return;
    path made = {factor_count, condition_count, (uint32_t)(p->factors.size / sizeof(path_factor)),
                 (uint32_t)(p->conditions.size / sizeof(condition)), leaf};
    weir_buffer_put(&p->paths, &made, sizeof(made));
    weir_buffer_put(&p->factors, factors, factor_count * sizeof(path_factor));
    weir_buffer_put(&p->conditions, conditions, condition_count * sizeof(condition));
    if (p->conditions.size / sizeof(condition) > ELEMENTS_MAX) p->too_large = true;
}

/* Rows under each node: the file's counts where they are there throughout, else leaves. */
static void covers(const weir_tree_node *nodes, uint32_t count, double *cover, weir_arena *scratch)
{
    bool known = true;
    for (uint32_t i = 0; i < count; i++) {
        cover[i] = nodes[i].cover;
        known &= nodes[i].cover > 0;
        if (nodes[i].split == WEIR_SPLIT_LEAF) continue;
        double sum = nodes[nodes[i].left].cover + nodes[nodes[i].right].cover;
        known &= fabs(sum - nodes[i].cover) <= 0.01 * fabs(nodes[i].cover) + 1e-6;
    }
    if (known) return;
    uint32_t *stack = weir_arena_array(scratch, uint32_t, (size_t)count + 1), depth = 0,
             visited = 0;
    uint32_t *order = weir_arena_array(scratch, uint32_t, (size_t)count + 1);
    for (stack[depth++] = 0; depth > 0;) {
        uint32_t at = stack[--depth];
        order[visited++] = at;
        if (nodes[at].split == WEIR_SPLIT_LEAF) continue;
        stack[depth++] = nodes[at].left;
        stack[depth++] = nodes[at].right;
    }
    while (visited-- > 0) {
        uint32_t at = order[visited];
        cover[at] = nodes[at].split == WEIR_SPLIT_LEAF
                        ? 1.0
                        : cover[nodes[at].left] + cover[nodes[at].right];
    }
}

enum { DEPTH_MAX = 255 };

static void add_tree(planner *p, const weir_tree *tree)
{
    const weir_tree_node *nodes = (const weir_tree_node *)p->from->nodes.data + tree->begin;
    weir_arena scratch = {0};
    double *cover = weir_arena_array(&scratch, double, tree->count);
    covers(nodes, tree->count, cover, &scratch);
    turn turns[DEPTH_MAX + 1];
    bool went_right[DEPTH_MAX + 1];
    size_t depth = 0;
    uint32_t at = 0;
    for (;;) { /* down to the left as far as it goes, then the nearest turn not yet taken to the
                  right */
        while (nodes[at].split != WEIR_SPLIT_LEAF && depth < DEPTH_MAX) {
            turns[depth] = (turn){at, true, cover[nodes[at].left] / cover[at]};
            went_right[depth++] = false;
            at = nodes[at].left;
        }
        if (nodes[at].split != WEIR_SPLIT_LEAF) p->too_large = true;
        if (p->too_large) break;
        add_path(p, turns, depth, nodes, tree->begin, weight_of(p, &nodes[at]));
        while (depth > 0 && went_right[depth - 1])
            depth--;
        if (depth == 0) break;
        turn *last = &turns[depth - 1];
        at = nodes[last->node].right;
        *last = (turn){last->node, false, cover[at] / cover[last->node]};
        went_right[depth - 1] = true;
    }
    weir_arena_deinit(&scratch);
}

/* --- packing
 * ---------------------------------------------------------------------------------------- */

static int by_factor_count(const void *left, const void *right)
{
    const path *a = left, *b = right;
    if (a->factor_count != b->factor_count) return a->factor_count < b->factor_count ? -1 : 1;
    return a->factor_begin < b->factor_begin ? -1 : a->factor_begin > b->factor_begin;
}

static void fill_lane(const planner *p, const path *one, group *to, factor *factors, uint32_t lane,
                      weir_buffer *extras)
{
    const path_factor *from = (const path_factor *)p->factors.data + one->factor_begin;
    const condition *conditions = (const condition *)p->conditions.data + one->condition_begin;
    bool taken[FACTORS_MAX] = {0};
    to->leaf[lane] = one->leaf;
    for (uint32_t f = 0; f < one->factor_count; f++) {
        factors[f].share[lane] = from[f].share;
        factors[f].feature[lane] = from[f].feature;
    }
    for (uint32_t c = 0; c < one->condition_count; c++) {
        const condition *k = &conditions[c];
        if (taken[k->factor]) {
            extra more = {k->factor, lane, k->column, k->low, k->high, k->nan};
            weir_buffer_put(extras, &more, sizeof(more));
            continue;
        }
        taken[k->factor] = true;
        factors[k->factor].column[lane] = k->column;
        factors[k->factor].low[lane] = k->low;
        factors[k->factor].high[lane] = k->high;
        factors[k->factor].nan[lane] = k->nan;
    }
}

static void fill_groups(planner *p, shap_plan *plan, weir_arena *into)
{
    path *paths = (path *)p->paths.data;
    size_t count = p->paths.size / sizeof(path), group_count = 0, factor_count = 0;
    if (count > 0) qsort(paths, count, sizeof(path), by_factor_count);
    group *groups = weir_arena_array(into, group, count + 1);
    factor *factors =
        weir_arena_array(into, factor, (p->factors.size / sizeof(path_factor)) + FACTORS_MAX);
    weir_buffer extras = {0};
    for (size_t i = 0; i < count;) {
        group *g = &groups[group_count++];
        *g = (group){.factor_begin = (uint32_t)factor_count,
                     .factor_count = paths[i].factor_count,
                     .extra_begin = (uint32_t)(extras.size / sizeof(extra))};
        for (uint32_t lane = 0;
             lane < LANES && i < count && paths[i].factor_count == g->factor_count; lane++, i++)
            fill_lane(p, &paths[i], g, factors + factor_count, lane, &extras);
        g->extra_count = (uint32_t)(extras.size / sizeof(extra)) - g->extra_begin;
        factor_count += g->factor_count;
    }
    plan->groups = groups;
    plan->group_count = group_count;
    plan->factors = factors;
    plan->extras = weir_arena_copy(into, extras.data, extras.size);
    weir_buffer_deinit(&extras);
}

void weir_trees_plan_shap(weir_trees *trees, const weir_trees_builder *builder,
                          const uint32_t *node_column, const float *node_threshold,
                          weir_arena *into)
{
    planner p = {
        .trees = trees, .from = builder, .column = node_column, .threshold = node_threshold};
    const weir_tree *list = (const weir_tree *)builder->trees.data;
    if (builder->sum == WEIR_TREE_MIN || builder->sum == WEIR_TREE_MAX) return;
    for (size_t t = 0; t < trees->tree_count && !p.too_large; t++)
        add_tree(&p, &list[t]);
    if (!p.too_large) {
        shap_plan *plan = weir_arena_new(into, shap_plan);
        fill_groups(&p, plan, into);
        /* groups stand in ascending order of their factors */
        uint32_t most =
            plan->group_count == 0 ? 1 : plan->groups[plan->group_count - 1].factor_count;
        fill_quadrature(plan, (most + 1) / 2);
        plan->bias = p.bias + trees->base[builder->explain_target];
        trees->shap = plan;
    }
    weir_buffer_deinit(&p.paths);
    weir_buffer_deinit(&p.factors);
    weir_buffer_deinit(&p.conditions);
}

/* --- a row
 * ------------------------------------------------------------------------------------------ */

typedef struct lane_values {
    double at[FACTORS_MAX][LANES];
} lane_values;

static inline __attribute__((always_inline)) void known_factors(const group *g,
                                                                const factor *factors,
                                                                const float *columns,
                                                                lane_values *known)
{
    for (uint32_t f = 0; f < g->factor_count; f++)
        for (int l = 0; l < LANES; l++) {
            float x = columns[factors[f].column[l]];
            bool inside = (x >= factors[f].low[l]) & (x < factors[f].high[l]);
            known->at[f][l] = inside | ((x != x) & (factors[f].nan[l] != 0)) ? 1.0 : 0.0;
        }
}

static void apply_extras(const shap_plan *plan, const group *g, const float *columns,
                         lane_values *known)
{
    for (uint32_t e = 0; e < g->extra_count; e++) {
        const extra *more = &plan->extras[g->extra_begin + e];
        float x = columns[more->column];
        bool holds = (x >= more->low && x < more->high) || (x != x && more->nan);
        if (!holds) known->at[more->factor][more->lane] = 0.0;
    }
}

/* The integrals without each factor, all lanes at once: `without` is set. */
static inline __attribute__((always_inline)) void integrals(const shap_plan *plan, const group *g,
                                                            const factor *factors,
                                                            const lane_values *known,
                                                            lane_values *before,
                                                            lane_values *without)
{
    uint32_t n = g->factor_count, points = (n + 1) / 2;
    for (uint32_t f = 0; f < n; f++)
        for (int l = 0; l < LANES; l++)
            without->at[f][l] = 0.0;
    for (uint32_t q = 0; q < points; q++) {
        double t = plan->points[points][q], u = 1.0 - t, product[LANES], behind[LANES];
        for (int l = 0; l < LANES; l++) {
            product[l] = plan->point_weights[points][q];
            behind[l] = 1.0;
        }
        for (uint32_t f = 0; f < n; f++)
            for (int l = 0; l < LANES; l++) {
                before->at[f][l] = product[l];
                product[l] *= factors[f].share[l] * u + known->at[f][l] * t;
            }
        for (uint32_t f = n; f-- > 0;)
            for (int l = 0; l < LANES; l++) {
                without->at[f][l] += before->at[f][l] * behind[l];
                behind[l] *= factors[f].share[l] * u + known->at[f][l] * t;
            }
    }
}

static inline __attribute__((always_inline)) void explain_group(const weir_trees *trees,
                                                                const group *g,
                                                                const float *columns, double *sums)
{
    const shap_plan *plan = trees->shap;
    const factor *factors = plan->factors + g->factor_begin;
    lane_values known, before, without;
    known_factors(g, factors, columns, &known);
    if (g->extra_count > 0) apply_extras(plan, g, columns, &known);
    integrals(plan, g, factors, &known, &before, &without);
    for (uint32_t f = 0; f < g->factor_count; f++)
        for (int l = 0; l < LANES; l++)
            without.at[f][l] *= (known.at[f][l] - factors[f].share[l]) * g->leaf[l];
    for (uint32_t f = 0; f < g->factor_count; f++) /* each lane has sums of its own: none waits */
        for (int l = 0; l < LANES; l++)
            sums[(size_t)l * trees->feature_count + factors[f].feature[l]] += without.at[f][l];
}

static void explain_plain(const weir_trees *trees, const float *columns, double *sums)
{
    for (size_t i = 0; i < trees->shap->group_count; i++)
        explain_group(trees, &trees->shap->groups[i], columns, sums);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void explain_avx2(const weir_trees *trees,
                                                         const float *columns, double *sums)
{
    for (size_t i = 0; i < trees->shap->group_count; i++)
        explain_group(trees, &trees->shap->groups[i], columns, sums);
}

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw")))
enum { REGISTER_FACTORS = 8 };

AVX512 static inline __attribute__((always_inline)) __mmask8 known_avx512(const factor *f,
                                                                          const float *columns)
{
    __m256 x = _mm256_i32gather_ps(columns, _mm256_loadu_si256((const __m256i *)f->column), 4);
    __mmask8 inside = _mm256_cmp_ps_mask(x, _mm256_loadu_ps(f->low), _CMP_GE_OQ) &
                      _mm256_cmp_ps_mask(x, _mm256_loadu_ps(f->high), _CMP_LT_OQ);
    __m256i nan = _mm256_loadu_si256((const __m256i *)f->nan);
    return (__mmask8)(inside |
                      (_mm256_cmp_ps_mask(x, x, _CMP_UNORD_Q) & _mm256_test_epi32_mask(nan, nan)));
}

/* The same operations as explain_group in the same order, with everything in registers; n is a
 * constant. */
AVX512 static inline __attribute__((always_inline)) void group_avx512(
    const weir_trees *trees, const group *g, const float *columns, double *sums, const uint32_t n)
{
    const shap_plan *plan = trees->shap;
    const factor *factors = plan->factors + g->factor_begin;
    __m512d share[REGISTER_FACTORS], without[REGISTER_FACTORS], before[REGISTER_FACTORS],
        value[REGISTER_FACTORS];
    __mmask8 known[REGISTER_FACTORS];
    const uint32_t points = (n + 1) / 2;
#pragma GCC unroll 8
    for (uint32_t f = 0; f < n; f++) {
        known[f] = known_avx512(&factors[f], columns);
        share[f] = _mm512_loadu_pd(factors[f].share);
        without[f] = _mm512_setzero_pd();
    }
#pragma GCC unroll 4
    for (uint32_t q = 0; q < points; q++) {
        __m512d t = _mm512_set1_pd(plan->points[points][q]);
        __m512d u = _mm512_sub_pd(_mm512_set1_pd(1.0), t);
        __m512d product = _mm512_set1_pd(plan->point_weights[points][q]),
                behind = _mm512_set1_pd(1.0);
#pragma GCC unroll 8
        for (uint32_t f = 0; f < n; f++) {
            __m512d unknown = _mm512_mul_pd(share[f], u);
            value[f] = _mm512_mask_add_pd(unknown, known[f], unknown, t);
            before[f] = product;
            product = _mm512_mul_pd(product, value[f]);
        }
#pragma GCC unroll 8
        for (uint32_t i = 0; i < n; i++) {
            uint32_t f = n - 1 - i;
            without[f] = _mm512_add_pd(without[f], _mm512_mul_pd(before[f], behind));
            behind = _mm512_mul_pd(behind, value[f]);
        }
    }
    __m512d leaf = _mm512_loadu_pd(g->leaf);
#pragma GCC unroll 8
    for (uint32_t f = 0; f < n; f++) {
        __m512d step = _mm512_sub_pd(_mm512_maskz_mov_pd(known[f], _mm512_set1_pd(1.0)), share[f]);
        double out[LANES];
        _mm512_storeu_pd(out, _mm512_mul_pd(without[f], _mm512_mul_pd(step, leaf)));
#pragma GCC unroll 8
        for (int l = 0; l < LANES; l++)
            sums[(size_t)l * trees->feature_count + factors[f].feature[l]] += out[l];
    }
}

AVX512 static void explain_avx512(const weir_trees *trees, const float *columns, double *sums)
{
    for (size_t i = 0; i < trees->shap->group_count; i++) {
        const group *g = &trees->shap->groups[i];
        switch (g->extra_count > 0 ? 0 : g->factor_count) {
        case 1: group_avx512(trees, g, columns, sums, 1); break;
        case 2: group_avx512(trees, g, columns, sums, 2); break;
        case 3: group_avx512(trees, g, columns, sums, 3); break;
        case 4: group_avx512(trees, g, columns, sums, 4); break;
        case 5: group_avx512(trees, g, columns, sums, 5); break;
        case 6: group_avx512(trees, g, columns, sums, 6); break;
        case 7: group_avx512(trees, g, columns, sums, 7); break;
        case 8: group_avx512(trees, g, columns, sums, 8); break;
        default: explain_group(trees, g, columns, sums); break;
        }
    }
}
#endif

bool weir_trees_explain(const weir_trees *trees, const void *features, double *phi, void *scratch)
{
    if (trees->shap == NULL) return false;
    const float *columns = features;
    if (!trees->is_direct) {
        weir_trees_prepare(trees, features, scratch);
        columns = scratch;
    }
    size_t width = trees->feature_count;
    double *sums = (double *)((float *)scratch + (trees->column_count + 15) / 16 * 16);
    memset(sums, 0, width * LANES * sizeof(double));
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    if (cpu >= WEIR_CPU_AVX512)
        explain_avx512(trees, columns, sums);
    else if (cpu == WEIR_CPU_AVX2)
        explain_avx2(trees, columns, sums);
    else
        explain_plain(trees, columns, sums);
#else
    explain_plain(trees, columns, sums);
#endif
    for (size_t f = 0; f < width; f++) {
        phi[f] = 0;
        for (size_t l = 0; l < LANES; l++)
            phi[f] += sums[l * width + f];
    }
    phi[width] = trees->shap->bias;
    return true;
}
