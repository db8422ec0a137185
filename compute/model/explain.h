/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - contributions of input columns in an ONNX graph whose score is one ensemble or one
 * linear model behind steps that keep columns apart (scaling, imputing, encoding, concatenating).
 *
 * Each element of each value is traced back to the one input column it was made from; contributions
 * of elements of one column are added, those of constants go to the bias. A graph where columns mix
 * before the score (a neural net) has no explainer.
 */
#pragma once

#include "compute/model/program.h"

typedef struct weir_explainer weir_explainer;

/* NULL where the graph can not be explained. `target`: the score's number where there are several.
 */
weir_explainer *weir_explainer_create(const weir_graph *graph, const weir_program *program,
                                      size_t target, weir_arena *into);
/* After a run of the program on `data`: total input width contributions, then the bias. */
bool weir_explainer_run(const weir_explainer *explainer, void *const *data, double *contributions);
