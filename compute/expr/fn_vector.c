/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_vector.c - dot and cosine of vec(n): float64, operation by operation, in order of the
 * components.
 */
#include "compute/expr/expr_internal.h"

static double product(const weir_value *a, const weir_value *b)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < a->size; i++) {
        sum += (double)a->as.vec[i] * (double)b->as.vec[i];
    }
    return sum;
}

static weir_value dot_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(product(&args[0], &args[1]));
}

static weir_value cosine_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    double below =
        __builtin_sqrt(product(&args[0], &args[0])) * __builtin_sqrt(product(&args[1], &args[1]));
    if (below == 0.0) return weir_null();
    return weir_float(product(&args[0], &args[1]) / below);
}

static const char *bind_vectors(weir_bind *bind, weir_fn_eval *eval, const char *fn_name)
{
    weir_type a = bind->args[0]->type, b = bind->args[1]->type;
    if (a.kind != WEIR_VEC || b.kind != WEIR_VEC || a.length != b.length) {
        return weir_bind_misfit(bind, "it wants two vectors of one length");
    }
    return weir_bind_done(bind, weir_type_of(WEIR_FLOAT64), eval, fn_name);
}

const char *weir_fn_bind_cosine(weir_bind *bind)
{
    bind->may_be_null = true;
    return bind_vectors(bind, cosine_of, "cosine");
}

const char *weir_fn_bind_dot(weir_bind *bind) { return bind_vectors(bind, dot_of, "dot"); }
