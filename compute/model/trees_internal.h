/* SPDX-License-Identifier: Apache-2.0 */
/* trees_internal.h - what trees.c, trees_build.c and trees_explain.c share. */
#pragma once

#include "compute/model/trees.h"
#include "ops/runtime/assert.h"

/* Bits of `meta`, from the top: is a split; NaN goes left; offset of the left child; column. */
typedef struct compact_node {
    float threshold; /* leaf: its value in float32, or the number of its leaf as bits */
    uint32_t meta;
} compact_node;
_Static_assert(sizeof(compact_node) == 8, "a node is one word");
#define NODE_SPLIT        UINT32_C(0x80000000)
#define NODE_MISSING_LEFT UINT32_C(0x40000000)

typedef enum column_kind { COLUMN_COPY, COLUMN_RANK, COLUMN_TEST } column_kind;

/* How a column of the prepared row is made from a feature. */
typedef struct tree_column {
    column_kind kind;
    uint32_t feature;
    uint8_t missing;
    const double *ranks; /* RANK: thresholds, ascending */
    uint32_t rank_count;
    weir_tree_node test; /* TEST: the split that it answers */
} tree_column;

/* One root-leaf path of the SHAP form is a lane in a group of SHAP_LANES; see trees_explain.c. */
typedef struct shap_plan shap_plan;

struct weir_trees {
    const compact_node *nodes;
    const uint32_t *roots; /* per tree */
    const uint8_t *depths; /* per tree: splits on its longest path, at most 255 (more: see deep) */
    const uint32_t *tree_target; /* per tree, where every leaf adds to that one target; else NULL */
    size_t tree_count;
    bool is_deep; /* a path is longer than 255 */
    unsigned column_bits;
    uint32_t feature_count, target_count;
    bool in_float64, snaps_zero, base_first,
        is_direct; /* direct: columns are the features themselves */
    weir_tree_sum sum;
    const double *base;
    const float *base_f32;
    const tree_column *columns;
    uint32_t column_count;
    /* Where tree_target is NULL, or sums are in float64: per leaf number its weights. */
    const uint32_t *leaf_begin;
    const weir_tree_weight *weights;
    const double *leaf_values; /* one weight a leaf, float64 */
    uint64_t parameters;
    const shap_plan *shap;
};

/* The prepared row: column_count floats. */
void weir_trees_prepare(const weir_trees *trees, const void *features, float *columns);
float weir_tree_column_value(const weir_trees *trees, const tree_column *column, double x);

/* Compiles the SHAP form; leaves trees->shap NULL where it would be too large. */
void weir_trees_plan_shap(weir_trees *trees, const weir_trees_builder *builder,
                          const uint32_t *node_column, const float *node_threshold,
                          weir_arena *into);
