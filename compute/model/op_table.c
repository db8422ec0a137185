/* SPDX-License-Identifier: Apache-2.0 */
/* op_table.c - every operator: one list per family, found by domain and name. */
#include "compute/model/op.h"

extern const weir_op weir_ops_binary[], weir_ops_unary[], weir_ops_dense[], weir_ops_norm[],
    weir_ops_reduce[], weir_ops_select[], weir_ops_shape[], weir_ops_cast[], weir_ops_ml[],
    weir_ops_ml_linear[], weir_ops_ml_trees[], weir_ops_make[], weir_ops_einsum[];

static const weir_op *const families[] = {
    weir_ops_dense,    weir_ops_unary, weir_ops_binary, weir_ops_norm, weir_ops_reduce,
    weir_ops_select,   weir_ops_shape, weir_ops_cast,   weir_ops_ml,   weir_ops_ml_linear,
    weir_ops_ml_trees, weir_ops_make,  weir_ops_einsum,
};

const weir_op *weir_op_find(const char *domain, const char *name)
{
    bool is_ml = strcmp(domain, "ai.onnx.ml") == 0;
    if (!is_ml && domain[0] != 0) return NULL;
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (const weir_op *op = families[f]; op->name != NULL; op++)
            if (op->is_ml == is_ml && strcmp(op->name, name) == 0) return op;
    return NULL;
}
