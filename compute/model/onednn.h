/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onednn.h - the one place where oneDNN is called.
 *
 * A dense layer is a matmul with weights that oneDNN packed in its own way, made once for each of a
 * few batch sizes (buckets): run-time sizes would lose its fast kernels. A run of r rows is cut
 * into buckets, the last one filled with zero rows. Whether a row's bits are the same alone, first,
 * last and in every bucket is not promised by oneDNN: weir_onednn_probe finds out, and a model
 * whose layers do not pass is served by the exact kernels of dense.h.
 *
 * Owns:    primitives and packed weights, until the model's registry is destroyed.
 * Threads: a layer is immutable after create; runs use per-thread memory objects of their own.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/error.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct weir_onednn_dense weir_onednn_dense;

bool weir_onednn_is_present(void); /* built in, and its engine starts */
const char *weir_onednn_isa(void); /* "avx512_core_amx" */
const char *weir_onednn_version(void);

/* `packed` is in dense.h's form; bias may be NULL. The layer must be destroyed before the arena
 * goes. */
weir_error *weir_onednn_dense_create(size_t k, size_t n, const float *packed, const float *bias,
                                     weir_arena *into, weir_onednn_dense **dense_out);
void weir_onednn_dense_destroy(weir_onednn_dense *dense);
void weir_onednn_dense_run(const weir_onednn_dense *dense, const float *x, size_t rows, float *y);
/* Whether seeded rows get the same bits alone, first, last and in every bucket. */
bool weir_onednn_dense_probe(const weir_onednn_dense *dense);
