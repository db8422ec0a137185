/* SPDX-License-Identifier: Apache-2.0 */
/* linear.h - what a compiled step is made of, for explanations: a linear score or an ensemble of
 * trees. */
#pragma once

#include "compute/model/op.h"
#include "compute/model/trees.h"

typedef struct weir_linear {
    const float *coefficients;
    size_t columns;
    float intercept;
} weir_linear;

/* Whether the step is a LinearClassifier or LinearRegressor; its score number `target`. */
bool weir_linear_of(const weir_step *step, size_t target, weir_linear *linear_out);
/* The ensemble that the step runs, or NULL. */
const weir_trees *weir_trees_of(const weir_step *step);
