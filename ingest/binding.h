/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding.h - which column of a vector goes into which place of a model's inputs.
 *
 * A model that names its inputs takes columns by name and ignores the others; one unnamed tensor
 * [N, k] takes the vector's columns in order (language.md, note 13). Values are rounded once to the
 * input's type; null is NaN where the model accepts missing values. What does not fit is said when
 * it is bound, naming column, input and cure.
 *
 * Owns: its tables and the row, in an arena. Threads: one.
 */
#pragma once

#include "compute/model/model.h"
#include "compute/plan.h"

typedef struct weir_binding_place {
    uint32_t column;    /* of the vector */
    uint32_t component; /* of a vec; else 0 */
} weir_binding_place;

typedef struct weir_binding {
    weir_arena arena;
    const weir_plan_vector *vector;
    const weir_model_info *info;
    size_t place_count; /* total width of all inputs */
    const weir_binding_place *places;
    weir_model_tensor *tensors; /* rows_max rows, filled by weir_binding_fill */
    weir_model_tensor *row;     /* of weir_binding_row */
} weir_binding;

weir_error *weir_binding_init(weir_binding *binding, const weir_plan_vector *vector,
                              const weir_model_info *info, size_t rows_max);
void weir_binding_deinit(weir_binding *binding);
/* values: one per column. False if one is null that the model does not accept. Strings point into
 * the values. */
bool weir_binding_fill(weir_binding *binding, size_t row, const weir_value *const *values);
/* The tensors as that one row; until the next call. */
const weir_model_tensor *weir_binding_row(weir_binding *binding, size_t row);
