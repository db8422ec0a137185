/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_model.h - a model file that is an ensemble and a link function: XGBoost's and LightGBM's
 * own. XGBoost's gblinear is an ensemble of no trees, and weights.
 *
 * Raw scores have the library's bits (float32 for XGBoost, float64 for LightGBM); the link
 * (sigmoid, exp, softmax) is computed with exact_math.h, within a unit in the last place of the
 * library's.
 */
#pragma once

#include "compute/model/trees.h"

typedef enum weir_link {
    WEIR_LINK_IDENTITY,
    WEIR_LINK_SIGMOID, /* 1 / (1 + exp(-scale x)), each score */
    WEIR_LINK_EXP,
    WEIR_LINK_SOFTMAX,
    WEIR_LINK_CLASS,  /* the number of the greatest score */
    WEIR_LINK_STEP,   /* 1 where x > 0 */
    WEIR_LINK_SQUARE, /* sign(x) x^2 */
    WEIR_LINK_LOG1P_EXP,
} weir_link;

typedef struct weir_tree_model {
    weir_trees *trees;
    const float *weights; /* NULL: none; [features + 1][targets], the last row are biases */
    weir_link link;
    double link_scale;
    bool in_float64; /* inputs and outputs */
    bool averages;   /* the link takes the mean over the iterations (random forest) */
    size_t iterations;
    uint32_t features, targets, outputs;
    const char *const *feature_names; /* NULL where the file has none */
    const char *format, *producer, *objective;
    bool is_classifier; /* one output: the positive class */
} weir_tree_model;

weir_error *weir_xgboost_read(weir_bytes file, bool is_ubjson, weir_arena *into,
                              weir_tree_model *model_out);
weir_error *weir_lightgbm_read(weir_bytes file, weir_arena *into, weir_tree_model *model_out);

/* Adds the weights' part to one row's raw scores, in float32 as the library does. */
void weir_tree_model_add_linear(const weir_tree_model *model, const float *row, float *raw);
/* Adds it to the contributions to the score that is explained, and to the bias behind them. */
void weir_tree_model_explain_linear(const weir_tree_model *model, const float *row,
                                    double *contributions);
/* The link of one row's raw scores; `out` has model->outputs numbers. Computed in float64. */
void weir_tree_model_link(const weir_tree_model *model, const double *raw, double *out);
