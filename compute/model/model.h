/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - a model read from a file, and its answers with the same bits everywhere.
 *
 * Formats: ONNX (opsets 9 to 21 and ai.onnx.ml), XGBoost JSON and UBJSON, LightGBM text; told apart
 * by their bytes, read by bounded decoders that never trust a length. Loading compiles the file
 * into an immutable plan; running needs only a workspace. Neural layers run on exact kernels of our
 * own (sequential over k, fused multiply-add, one order of summation whatever the CPU), or on
 * oneDNN where a probe at load showed the same bits for a row alone, first, last and in every batch
 * bucket on this CPU, or in 8-bit integers. Which of them it was is part of the model's *numerics
 * profile*, and every score names it.
 *
 * Values come in rounded once to the input's type; null is NaN, which models that do not accept it
 * refuse at load unless the column is not optional (language.md note 13).
 *
 * Threads: a model is immutable after load and may be shared; a workspace belongs to one thread.
 * See also: docs/formats/models.md
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

enum {
    WEIR_MODEL_BYTES_MAX = 1 << 30,
    WEIR_MODEL_NAME_MAX = 256,
    WEIR_MODEL_BLOCK_ROWS = 32, /* so many rows at once cost the least a row */
};

typedef enum weir_tensor_kind {
    WEIR_TENSOR_FLOAT32,
    WEIR_TENSOR_FLOAT64,
    WEIR_TENSOR_INT64,
    WEIR_TENSOR_INT32,
    WEIR_TENSOR_BOOL,
    WEIR_TENSOR_STRING,
} weir_tensor_kind;

/* One input or output as the file declares it: rows x width. */
typedef struct weir_model_port {
    const char *name;
    weir_tensor_kind kind;
    uint32_t width;       /* columns; 1 for a scalar per row */
    bool accepts_missing; /* inputs: NaN is a missing value, not poison */
    const char *const
        *column_names; /* inputs: `width` names where the file has them (trees), else NULL */
} weir_model_port;

typedef struct weir_model_info {
    const char *format; /* "onnx", "xgboost-json", "xgboost-ubjson", "lightgbm" */
    const char *producer;
    const weir_model_port *inputs, *outputs;
    size_t input_count, output_count;
    const char *const
        *ops; /* "Gemm", "TreeEnsembleClassifier"...: distinct, in order of first use */
    const uint32_t *op_counts;
    size_t op_count;
    uint64_t parameter_count;
    size_t file_bytes;
    uint8_t digest[32];  /* SHA-256 of the file */
    const char *profile; /* numerics profile: "exact-f32", "onednn-f32/avx512_core", "int8-u8s8",
                            "trees-xgboost"... */
    const char *verdict; /* the probe's result in a sentence, for `weir model show` */
    bool is_classifier;  /* has a positive class: its output is the default score */
    size_t score_output, score_column; /* which output column `score` reads by default */
} weir_model_info;

typedef struct weir_model weir_model;
typedef struct weir_model_workspace weir_model_workspace;

/* How large neural layers are computed; a word of the setting `numerics` each, in this order. */
typedef enum weir_numerics {
    WEIR_NUMERICS_EXACT,  /* our own float32 kernels: the same bits on every CPU */
    WEIR_NUMERICS_ONEDNN, /* float32 by oneDNN, if its probe finds the same bits in every batch */
    WEIR_NUMERICS_INT8,   /* 8-bit integers (dense_int8.h): other values, the same on every CPU */
} weir_numerics;

/* The one that gives a numerics profile, if the CPU allows it. */
weir_numerics weir_numerics_of_profile(const char *profile);

typedef struct weir_model_options {
    weir_numerics numerics;
    bool raw; /* XGBoost and LightGBM files: the raw scores (margins) are the output */
} weir_model_options;

/* Reads a model from bytes (not kept). `name` is for messages. WEIR_E_MODEL says what is wrong and
 * where. */
weir_error *weir_model_load(const char *name, weir_bytes file, const weir_model_options *options,
                            weir_model **model_out);
void weir_model_destroy(weir_model *model);
const weir_model_info *weir_model_describe(const weir_model *model);

weir_model_workspace *weir_model_workspace_create(const weir_model *model, size_t rows_max);
void weir_model_workspace_destroy(weir_model_workspace *workspace);

/* Rows of one port, row-major: data[row * width + column] of the port's kind (bool: uint8_t;
 * string: weir_bytes). A ZipMap or sequence of maps is seen as a float32 port, one column per
 * class. */
typedef struct weir_model_tensor {
    weir_tensor_kind kind;
    uint32_t width;
    const void *data;
} weir_model_tensor;

/*
 * Runs `rows` rows (1 to rows_max). inputs: one tensor per input port, in order. outputs: filled
 * with views into the workspace, valid until its next run. The bits of a row do not depend on the
 * other rows.
 */
weir_error *weir_model_run(const weir_model *model, weir_model_workspace *workspace,
                           const weir_model_tensor *inputs, size_t rows,
                           weir_model_tensor *outputs_out);

/*
 * Contributions of each input column (flattened over the ports, in order) to the raw score of one
 * row, plus the bias as last element: exact TreeSHAP for tree ensembles, x_i * w_i for linear
 * models; for other nets *supported_out is false. `contributions` has room for total input width
 * + 1.
 */
weir_error *weir_model_explain(const weir_model *model, weir_model_workspace *workspace,
                               const weir_model_tensor *inputs, double *contributions,
                               bool *supported_out);
