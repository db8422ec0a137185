/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ml_scores.h - what ai.onnx.ml's classifiers and regressors share: labels and the last
 * transformation.
 */
#pragma once

#include "compute/model/op.h"

typedef enum weir_post {
    WEIR_POST_NONE,
    WEIR_POST_SOFTMAX,
    WEIR_POST_LOGISTIC,
    WEIR_POST_SOFTMAX_ZERO,
    WEIR_POST_PROBIT,
} weir_post;

/* Reads post_transform. */
weir_error *weir_post_read(const weir_op_call *call, weir_post *post_out);

/* Transforms n scores in place. */
void weir_post_apply(weir_post post, double *scores, size_t n);

typedef struct weir_labels {
    weir_tensor_kind kind; /* INT64 or STRING */
    const int64_t *integers;
    const weir_bytes *texts;
    size_t count;
} weir_labels;

weir_error *weir_labels_read(const weir_op_call *call, weir_labels *labels_out);
void weir_labels_put(const weir_labels *labels, void *out, size_t row, size_t which);

/* Element i of a tensor of numbers. */
double weir_number_at(const void *data, weir_tensor_kind kind, size_t i);
