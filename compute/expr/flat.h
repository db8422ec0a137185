/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.h - an expression laid out as a list of steps over registers, for what runs at every event.
 *
 * The tree (expr.h) is what a definition means; this is the same, compiled once: a call's arguments
 * have registers side by side, constants stand in theirs from the start, and a null goes straight
 * to where the calls around it end. Same values and the same overflow as weir_expr_view, which the
 * laws of tests/unit/expr_test.c hold it to.
 *
 * Owns:    everything in the arena it was made in. The tree must outlive it.
 * Threads: one: the registers are its own.
 */
#pragma once

#include "compute/expr/expr.h"

typedef struct weir_flat weir_flat;

weir_flat *weir_flat_create(const weir_expr *expr, weir_arena *into);
/* The value: valid until the next run, and as long as what it points to. */
const weir_value *weir_flat_run(weir_flat *flat, weir_expr_env *env);
