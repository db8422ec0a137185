/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees_build.c - wide nodes, checked, into compact ones.
 *
 * Three passes: every tree is walked from its root (each node once: a second visit is a circle or a
 * shared node, an unvisited one is dropped); columns are found (equal tests share one); nodes are
 * laid out breadth first, so that children stand side by side and the hot top of a tree shares
 * cache lines.
 */
#include "compute/model/trees_internal.h"
#include <math.h>
#include <stdlib.h>

enum { TREE_NODES_MAX = 1 << 27 };

typedef struct build {
    const weir_trees_builder *from;
    const weir_tree_node *nodes;
    const weir_tree *trees;
    size_t node_count, tree_count;
    uint32_t *column; /* per wide node */
    float *threshold; /* per wide node, in the column's terms */
    weir_buffer columns;
    weir_arena *into, *scratch;
    weir_trees *out;
} build;

void weir_trees_builder_deinit(weir_trees_builder *builder)
{
    weir_buffer_deinit(&builder->nodes);
    weir_buffer_deinit(&builder->weights);
    weir_buffer_deinit(&builder->trees);
}

/* --- checks
 * ----------------------------------------------------------------------------------------- */

static weir_error *check_node(const build *b, size_t tree, uint32_t at, const weir_tree_node *node,
                              uint32_t count)
{
    size_t weights = b->from->weights.size / sizeof(weir_tree_weight);
    if (node->split == WEIR_SPLIT_LEAF) {
        bool fits =
            node->weight_begin <= weights && node->weight_count <= weights - node->weight_begin;
        WEIR_ASSERT(fits);
        return NULL;
    }
    if (node->left >= count || node->right >= count)
        return weir_error_new(WEIR_E_MODEL,
                              "tree %zu: node %u has a child outside of the tree's %u nodes", tree,
                              at, count);
    if (node->feature >= b->from->feature_count)
        return weir_error_new(WEIR_E_MODEL, "tree %zu: node %u asks feature %u of %u", tree, at,
                              node->feature, b->from->feature_count);
    if (node->threshold != node->threshold)
        return weir_error_new(WEIR_E_MODEL, "tree %zu: the threshold of node %u is NaN", tree, at);
    return NULL;
}

/* Breadth first; `order` receives the nodes reached, and *depth_out the longest path's splits. */
static weir_error *walk(const build *b, size_t tree, uint32_t *order, uint8_t *seen,
                        uint32_t *reached_out, uint32_t *depth_out)
{
    const weir_tree *t = &b->trees[tree];
    const weir_tree_node *nodes = b->nodes + t->begin;
    if (t->count == 0) return weir_error_new(WEIR_E_MODEL, "tree %zu has no nodes", tree);
    memset(seen, 0, t->count);
    uint32_t end = 1, level_end = 1, depth = 0;
    order[0] = 0;
    seen[0] = 1;
    for (uint32_t next = 0; next < end; next++) {
        if (next == level_end) {
            level_end = end;
            depth++;
        }
        const weir_tree_node *node = &nodes[order[next]];
        WEIR_TRY(check_node(b, tree, order[next], node, t->count));
        if (node->split == WEIR_SPLIT_LEAF) continue;
        if (node->left == node->right || seen[node->left] || seen[node->right])
            return weir_error_new(
                WEIR_E_MODEL,
                "tree %zu: a child of node %u is reached twice (a circle or a shared node)", tree,
                order[next]);
        seen[node->left] = seen[node->right] = 1;
        order[end++] = node->left;
        order[end++] = node->right;
    }
    *reached_out = end;
    *depth_out = depth;
    return NULL;
}

/* --- columns
 * ---------------------------------------------------------------------------------------- */

/* x <= infinity has no x < t in float32, since t would lie beyond infinity: it is a test of its
 * own. */
static bool is_test(const build *b, const weir_tree_node *node)
{
    return node->split >= WEIR_SPLIT_EQUAL ||
           (!b->from->in_float64 && node->split == WEIR_SPLIT_LESS_EQUAL &&
            (float)node->threshold == INFINITY);
}

static bool same_test(const weir_tree_node *a, const weir_tree_node *b)
{
    if (a->split != b->split || a->feature != b->feature || a->missing != b->missing) return false;
    if (a->split <= WEIR_SPLIT_EQUAL) return a->threshold == b->threshold;
    if (a->split == WEIR_SPLIT_MEMBER)
        return a->number_count == b->number_count &&
               memcmp(a->numbers, b->numbers, a->number_count * sizeof(double)) == 0;
    return a->bit_words == b->bit_words &&
           (a->bit_words == 0 || memcmp(a->bits, b->bits, a->bit_words * sizeof(uint32_t)) == 0);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_test(const weir_tree_node *node)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ node->split ^ (uint64_t)node->feature << 8;
    if (node->split <= WEIR_SPLIT_EQUAL) hash = mix(hash, &node->threshold, sizeof(double));
    if (node->split == WEIR_SPLIT_MEMBER)
        hash = mix(hash, node->numbers, node->number_count * sizeof(double));
    if (node->split >= WEIR_SPLIT_CATEGORY_XGBOOST)
        hash = mix(hash, node->bits, node->bit_words * sizeof(uint32_t));
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 31;
}

/* The bits and numbers of a test move into the ensemble's arena. */
static void keep_test(build *b, tree_column *column)
{
    weir_tree_node *test = &column->test;
    test->bits = weir_arena_copy(b->into, test->bits, test->bit_words * sizeof(uint32_t));
    test->numbers = weir_arena_copy(b->into, test->numbers, test->number_count * sizeof(double));
}

static uint32_t push_column(build *b, const tree_column *column)
{
    weir_buffer_put(&b->columns, column, sizeof(*column));
    return (uint32_t)(b->columns.size / sizeof(*column) - 1);
}

/* Tests: equal ones share a column. */
static void find_tests(build *b)
{
    size_t size = 64;
    while (size < b->node_count * 2)
        size *= 2;
    uint32_t *table = weir_arena_array(b->scratch, uint32_t, size);
    for (size_t i = 0; i < b->node_count; i++) {
        const weir_tree_node *node = &b->nodes[i];
        if (!is_test(b, node)) continue;
        size_t at = hash_test(node) & (size - 1);
        const tree_column *columns = (const tree_column *)b->columns.data;
        while (table[at] != 0 && !same_test(&columns[table[at] - 1].test, node))
            at = (at + 1) & (size - 1);
        if (table[at] == 0) {
            tree_column column = {.kind = COLUMN_TEST,
                                  .feature = node->feature,
                                  .missing = node->missing,
                                  .test = *node};
            keep_test(b, &column);
            table[at] = push_column(b, &column) + 1;
        }
        b->column[i] = table[at] - 1;
        b->threshold[i] = 0.5f;
    }
}

/* The greatest float64 below t: x < t is x <= below(t), but where t is the least of all. */
static double below(double t)
{
    if (t == 0.0) return -4.9406564584124654e-324;
    int64_t bits;
    memcpy(&bits, &t, 8);
    bits += t > 0 ? -1 : 1;
    memcpy(&t, &bits, 8);
    return t;
}

static float above_float(float t)
{
    if (t == 0.0f) return 1.40129846e-45f;
    int32_t bits;
    memcpy(&bits, &t, 4);
    bits += t > 0 ? 1 : -1;
    memcpy(&t, &bits, 4);
    return t;
}

typedef struct rank_entry {
    uint32_t feature, missing;
    double threshold; /* of <= */
    uint32_t node;
} rank_entry;

static int compare_entries(const void *left, const void *right)
{
    const rank_entry *a = left, *b = right;
    if (a->feature != b->feature) return a->feature < b->feature ? -1 : 1;
    if (a->missing != b->missing) return a->missing < b->missing ? -1 : 1;
    if (a->threshold != b->threshold) return a->threshold < b->threshold ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

/* float64 features: one column per feature and meaning of missing, holding ranks. */
static weir_error *find_ranks(build *b)
{
    rank_entry *entries = weir_arena_array(b->scratch, rank_entry, b->node_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < b->node_count; i++) {
        const weir_tree_node *node = &b->nodes[i];
        if (node->split != WEIR_SPLIT_LESS && node->split != WEIR_SPLIT_LESS_EQUAL) continue;
        if (node->split == WEIR_SPLIT_LESS && node->threshold == -INFINITY)
            return weir_error_new(WEIR_E_MODEL, "a threshold is -infinity: nothing is less");
        double t = node->split == WEIR_SPLIT_LESS ? below(node->threshold) : node->threshold;
        entries[count++] = (rank_entry){node->feature, node->missing, t + 0.0, (uint32_t)i};
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < count;) {
        size_t end = i;
        double *ranks = weir_arena_array(b->into, double, 1);
        uint32_t distinct = 0;
        while (end < count && entries[end].feature == entries[i].feature &&
               entries[end].missing == entries[i].missing)
            end++;
        ranks = weir_arena_array(b->into, double, end - i);
        tree_column column = {.kind = COLUMN_RANK,
                              .feature = entries[i].feature,
                              .missing = (uint8_t)entries[i].missing};
        uint32_t number = push_column(b, &column);
        for (size_t e = i; e < end; e++) {
            if (distinct == 0 || ranks[distinct - 1] != entries[e].threshold)
                ranks[distinct++] = entries[e].threshold;
            b->column[entries[e].node] = number;
            b->threshold[entries[e].node] = (float)(distinct - 1) + 0.5f;
        }
        if (distinct > 1 << 22)
            return weir_error_new(WEIR_E_LIMIT, "feature %u has more than 2^22 thresholds",
                                  entries[i].feature);
        tree_column *kept = &((tree_column *)b->columns.data)[number];
        kept->ranks = ranks;
        kept->rank_count = distinct;
        i = end;
    }
    return NULL;
}

/* float32 features: each is its own column; x <= t is x < the next float32. */
static void find_copies(build *b)
{
    for (uint32_t f = 0; f < b->from->feature_count; f++)
        (void)push_column(b, &(tree_column){.kind = COLUMN_COPY, .feature = f});
    for (size_t i = 0; i < b->node_count; i++) {
        const weir_tree_node *node = &b->nodes[i];
        if (node->split != WEIR_SPLIT_LESS && node->split != WEIR_SPLIT_LESS_EQUAL) continue;
        float t = (float)node->threshold;
        b->column[i] = node->feature;
        b->threshold[i] = t;
        if (node->split == WEIR_SPLIT_LESS_EQUAL && t != INFINITY)
            b->threshold[i] = t == -INFINITY ? -3.402823466e+38f : above_float(t);
    }
}

static weir_error *find_columns(build *b)
{
    b->column = weir_arena_array(b->scratch, uint32_t, b->node_count + 1);
    b->threshold = weir_arena_array(b->scratch, float, b->node_count + 1);
    if (!b->from->in_float64)
        find_copies(b);
    else
        WEIR_TRY(find_ranks(b));
    find_tests(b);
    weir_trees *out = b->out;
    out->column_count = (uint32_t)(b->columns.size / sizeof(tree_column));
    out->columns = weir_arena_copy(b->into, b->columns.data, b->columns.size);
    out->is_direct = !b->from->in_float64 && out->column_count == b->from->feature_count;
    unsigned bits = 1;
    while (out->column_count > UINT32_C(1) << bits)
        bits++;
    out->column_bits = bits;
    return NULL;
}

/* --- layout
 * ----------------------------------------------------------------------------------------- */

/* Whether every tree adds to one target, one weight a leaf: then values can stand in the nodes. */
static bool one_target_a_tree(build *b, uint32_t *targets)
{
    const weir_tree_weight *weights = (const weir_tree_weight *)b->from->weights.data;
    for (size_t t = 0; t < b->tree_count; t++) {
        targets[t] = UINT32_MAX;
        for (uint32_t i = 0; i < b->trees[t].count; i++) {
            const weir_tree_node *node = &b->nodes[b->trees[t].begin + i];
            if (node->split != WEIR_SPLIT_LEAF) continue;
            if (node->weight_count != 1) return false;
            uint32_t target = weights[node->weight_begin].target;
            if (targets[t] == UINT32_MAX) targets[t] = target;
            if (targets[t] != target) return false;
        }
        if (targets[t] == UINT32_MAX) return false;
    }
    return true;
}

static float bits_as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

typedef struct layout {
    compact_node *nodes;
    uint32_t *roots;
    uint8_t *depths;
    uint32_t *leaf_begin;
    double *leaf_values;
    uint32_t leaf_count;
    bool values_in_nodes;
} layout;

static void put_leaf(const build *b, layout *l, const weir_tree_node *node, compact_node *to)
{
    const weir_tree_weight *weights = (const weir_tree_weight *)b->from->weights.data;
    to->meta = 0;
    if (l->values_in_nodes) {
        to->threshold = (float)weights[node->weight_begin].value;
        return;
    }
    to->threshold = bits_as_float(l->leaf_count);
    l->leaf_values[l->leaf_count] = node->weight_count == 1 ? weights[node->weight_begin].value : 0;
    l->leaf_begin[2 * l->leaf_count] = node->weight_begin;
    l->leaf_begin[2 * l->leaf_count + 1] = node->weight_begin + node->weight_count;
    l->leaf_count++;
}

static weir_error *put_split(const build *b, const weir_tree_node *node, size_t at, uint32_t offset,
                             compact_node *to)
{
    unsigned bits = b->out->column_bits;
    if (bits >= 30 || offset >= UINT32_C(1) << (30 - bits))
        return weir_error_new(WEIR_E_LIMIT,
                              "a tree has too many nodes for an ensemble with %u columns",
                              b->out->column_count);
    to->threshold = b->threshold[at];
    to->meta =
        NODE_SPLIT | (node->missing_left ? NODE_MISSING_LEFT : 0) | offset << bits | b->column[at];
    return NULL;
}

static weir_error *lay_out_tree(build *b, layout *l, size_t tree, uint32_t *order, uint32_t begin,
                                uint32_t *reached_out)
{
    uint8_t *seen = (uint8_t *)(order + b->trees[tree].count);
    uint32_t reached = 0, depth = 0;
    WEIR_TRY(walk(b, tree, order, seen, &reached, &depth));
    l->roots[tree] = begin;
    l->depths[tree] = depth > 255 ? 255 : (uint8_t)depth;
    if (depth > 255) b->out->is_deep = true;
    uint32_t next = 1; /* where the next pair of children goes: the order of `order` itself */
    for (uint32_t i = 0; i < reached; i++) {
        size_t at = b->trees[tree].begin + order[i];
        const weir_tree_node *node = &b->nodes[at];
        if (node->split == WEIR_SPLIT_LEAF) {
            put_leaf(b, l, node, &l->nodes[begin + i]);
            continue;
        }
        WEIR_TRY(put_split(b, node, at, next - i, &l->nodes[begin + i]));
        next += 2;
    }
    *reached_out = reached;
    return NULL;
}

static weir_error *lay_out(build *b)
{
    weir_trees *out = b->out;
    size_t leaves = 0, biggest = 0;
    for (size_t i = 0; i < b->node_count; i++)
        leaves += b->nodes[i].split == WEIR_SPLIT_LEAF;
    for (size_t t = 0; t < b->tree_count; t++)
        if (b->trees[t].count > biggest) biggest = b->trees[t].count;
    uint32_t *targets = weir_arena_array(b->into, uint32_t, b->tree_count);
    bool single = one_target_a_tree(b, targets);
    layout l = {.nodes = weir_arena_array(b->into, compact_node, b->node_count + 16),
                .roots = weir_arena_array(b->into, uint32_t, b->tree_count + 16),
                .depths = weir_arena_array(b->into, uint8_t, b->tree_count + 16),
                .values_in_nodes = single && !b->from->in_float64};
    l.leaf_begin = weir_arena_array(b->into, uint32_t, l.values_in_nodes ? 2 : leaves * 2 + 2);
    l.leaf_values = weir_arena_array(b->into, double, l.values_in_nodes ? 1 : leaves + 1);
    uint32_t *order = weir_arena_array(b->scratch, uint32_t, biggest * 2 + 16);
    uint32_t begin = 0, reached = 0;
    for (size_t t = 0; t < b->tree_count; t++, begin += reached)
        WEIR_TRY(lay_out_tree(b, &l, t, order, begin, &reached));
    out->nodes = l.nodes;
    out->roots = l.roots;
    out->depths = l.depths;
    out->tree_target = single ? targets : NULL;
    out->leaf_begin = l.leaf_begin;
    out->leaf_values = l.leaf_values;
    out->parameters = begin;
    return NULL;
}

static void keep_sums(build *b)
{
    const weir_trees_builder *from = b->from;
    weir_trees *out = b->out;
    out->weights = weir_arena_copy(b->into, from->weights.data, from->weights.size);
    double *base = weir_arena_array(b->into, double, from->target_count);
    float *base_f32 = weir_arena_array(b->into, float, from->target_count);
    for (uint32_t t = 0; from->base != NULL && t < from->target_count; t++) {
        base[t] = from->base[t];
        base_f32[t] = (float)from->base[t];
    }
    out->base = base;
    out->base_f32 = base_f32;
}

static weir_error *check_weights(const build *b)
{
    const weir_tree_weight *weights = (const weir_tree_weight *)b->from->weights.data;
    size_t count = b->from->weights.size / sizeof(*weights);
    for (size_t i = 0; i < count; i++)
        if (weights[i].target >= b->from->target_count)
            return weir_error_new(WEIR_E_MODEL, "a leaf adds to output %u of %u", weights[i].target,
                                  b->from->target_count);
    return NULL;
}

static weir_error *build_all(build *b)
{
    if (b->node_count > TREE_NODES_MAX)
        return weir_error_new(WEIR_E_LIMIT, "the trees have more than %d nodes", TREE_NODES_MAX);
    if (b->from->target_count == 0 || b->from->target_count > 1 << 20 ||
        b->from->feature_count > 1 << 20)
        return weir_error_new(WEIR_E_LIMIT, "%u features and %u outputs are not supported",
                              b->from->feature_count, b->from->target_count);
    WEIR_TRY(check_weights(b));
    WEIR_TRY(find_columns(b));
    WEIR_TRY(lay_out(b));
    keep_sums(b);
    weir_trees_plan_shap(b->out, b->from, b->column, b->threshold, b->into);
    return NULL;
}

weir_error *weir_trees_build(const weir_trees_builder *builder, weir_arena *into,
                             weir_trees **trees_out)
{
    weir_arena scratch = {0};
    build b = {.from = builder,
               .nodes = (const weir_tree_node *)builder->nodes.data,
               .trees = (const weir_tree *)builder->trees.data,
               .node_count = builder->nodes.size / sizeof(weir_tree_node),
               .tree_count = builder->trees.size / sizeof(weir_tree),
               .into = into,
               .scratch = &scratch,
               .out = weir_arena_new(into, weir_trees)};
    *b.out = (weir_trees){.tree_count = b.tree_count,
                          .feature_count = builder->feature_count,
                          .target_count = builder->target_count,
                          .in_float64 = builder->in_float64,
                          .snaps_zero = builder->snaps_zero,
                          .base_first = builder->base_first,
                          .sum = builder->sum};
    weir_error *error = build_all(&b);
    weir_buffer_deinit(&b.columns);
    weir_arena_deinit(&scratch);
    *trees_out = b.out;
    return error;
}
