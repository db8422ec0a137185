/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees.h - ensembles of decision trees, whatever library grew them.
 *
 * Readers describe trees in wide nodes (weir_tree_node); building checks them and compiles them to
 * one form: 8-byte nodes that ask `column < threshold` in float32, with a direction for NaN. What a
 * library asks differently becomes a column of its own, computed once per row: a float64 feature
 * becomes its rank among the thresholds it is compared with (so that comparing ranks as float32 is
 * exact), a categorical split becomes a column that is 0 or 1. Leaves are added in tree order, in
 * float32 or float64 as the library does, so raw scores have the library's bits.
 *
 * Invariants: every node is reached from exactly one parent (no circles); children stand next to
 * each other; a tree of 2^k nodes and feature numbers share 30 bits. Threads: an ensemble is
 * immutable.
 */
#pragma once

#include "compute/model/model.h"

typedef enum weir_tree_split {
    WEIR_SPLIT_LEAF,
    WEIR_SPLIT_LESS,              /* x <  threshold goes left */
    WEIR_SPLIT_LESS_EQUAL,        /* x <= threshold goes left */
    WEIR_SPLIT_EQUAL,             /* x == threshold goes left */
    WEIR_SPLIT_MEMBER,            /* x is one of `numbers`: left */
    WEIR_SPLIT_CATEGORY_XGBOOST,  /* a category whose bit is set goes right  */
    WEIR_SPLIT_CATEGORY_LIGHTGBM, /* a category whose bit is set goes left; NaN, negative: right */
} weir_tree_split;

/* What stands for "missing", as LightGBM tells it apart; everybody else means NaN. */
typedef enum weir_tree_missing {
    WEIR_TREE_MISSING_NAN,
    WEIR_TREE_MISSING_NONE,
    WEIR_TREE_MISSING_ZERO
} weir_tree_missing;

typedef struct weir_tree_node {
    uint8_t split;   /* weir_tree_split   */
    uint8_t missing; /* weir_tree_missing */
    bool missing_left;
    uint32_t feature;
    uint32_t left, right; /* node numbers within the tree */
    double threshold;
    double cover;          /* of training rows; 0 where the file has none */
    const uint32_t *bits;  /* categories: a bit set of `bit_words` words   */
    const double *numbers; /* MEMBER: `number_count` values                */
    uint32_t bit_words, number_count;
    uint32_t weight_begin, weight_count; /* leaf: its entries in `weights` */
} weir_tree_node;

typedef struct weir_tree_weight {
    uint32_t target;
    double value;
} weir_tree_weight;

typedef struct weir_tree {
    uint32_t begin, count; /* nodes; the root is the first */
} weir_tree;

typedef enum weir_tree_sum {
    WEIR_TREE_SUM,
    WEIR_TREE_AVERAGE,
    WEIR_TREE_MIN,
    WEIR_TREE_MAX
} weir_tree_sum;

/* What a reader fills; a builder's buffers are freed by weir_trees_builder_deinit. */
typedef struct weir_trees_builder {
    weir_buffer nodes;   /* weir_tree_node   */
    weir_buffer weights; /* weir_tree_weight */
    weir_buffer trees;   /* weir_tree        */
    uint32_t feature_count, target_count;
    bool in_float64; /* features are compared and leaves added in float64 */
    bool snaps_zero; /* LightGBM: |x| <= float32(1e-35) is 0 */
    bool base_first; /* base is where the sum starts; else it is added at its end */
    weir_tree_sum sum;
    const double *base; /* target_count numbers, or NULL */
    uint32_t explain_target;
} weir_trees_builder;

void weir_trees_builder_deinit(weir_trees_builder *builder);

typedef struct weir_trees weir_trees;
weir_error *weir_trees_build(const weir_trees_builder *builder, weir_arena *into,
                             weir_trees **trees_out);

uint32_t weir_trees_targets(const weir_trees *trees);
uint32_t weir_trees_features(const weir_trees *trees);
uint64_t weir_trees_parameters(const weir_trees *trees);
size_t weir_trees_count(const weir_trees *trees);
size_t weir_trees_scratch_bytes(const weir_trees *trees);

/*
 * Raw scores of rows: scores[row * targets + target] (float where the ensemble adds in float32,
 * else double). `features` are row-major, float32 or float64 as the ensemble compares; `has_score`,
 * or NULL, receives which targets any leaf added to, per row.
 */
void weir_trees_run_f32(const weir_trees *trees, const float *features, size_t rows, float *scores,
                        bool *has_score, void *scratch);
void weir_trees_run_f64(const weir_trees *trees, const double *features, size_t rows,
                        double *scores, bool *has_score, void *scratch);

/* Exact TreeSHAP of the target to be explained: feature_count contributions, then the bias. `phi`
 * is set. */
bool weir_trees_explain(const weir_trees *trees, const void *features, double *phi, void *scratch);
