/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - a graph compiled for a fixed number of rows.
 *
 * Compiling orders the nodes, asks each op's row of op_table.c for the shapes of its outputs and
 * for the function that computes them, computes at once whatever depends on constants alone, and
 * lays the rest out in one block of memory. Every shape is known then: an op whose output shape
 * would depend on data is refused. Running walks the steps; a step reads and writes through `data`,
 * one pointer a slot.
 *
 * The same graph is compiled for one row (always) and for a block of rows (where rows prove
 * independent).
 *
 * Owns:    the program lives in the arena it was compiled into; `data` and its memory are the
 * workspace's. Threads: a program is immutable.
 */
#pragma once

#include "compute/model/graph.h"
#include "compute/model/model.h"

enum { WEIR_PROGRAM_BYTES_MAX = 1 << 29, WEIR_PROGRAM_WORK_LOG2_MAX = 33 };

/* What a node makes of a NaN in an input: it is a missing value, it passes on, or it is poison. */
typedef enum weir_missing {
    WEIR_MISSING_POISON,
    WEIR_MISSING_PASSES,
    WEIR_MISSING_TAKEN
} weir_missing;

typedef struct weir_slot {
    weir_tensor_kind kind;
    weir_shape shape;
    size_t count;
    const void *constant; /* known when compiled; else NULL */
    size_t offset;        /* into the workspace's memory    */
    bool is_made;         /* kind and shape are set         */
    bool is_probability;  /* made by a classifier, Softmax or Sigmoid */
} weir_slot;

typedef struct weir_step weir_step;
typedef weir_error *weir_step_run(const weir_step *step, void *const *data);

struct weir_step {
    weir_step_run *run;
    const void *params; /* the op's own, immutable */
    const weir_node *node;
    const weir_slot *slots; /* the program's, for shapes */
    const uint32_t *in, *out;
    uint32_t in_count, out_count;
    uint32_t scratch; /* a slot of its own, or WEIR_NO_VALUE */
};

typedef struct weir_program {
    weir_slot *slots; /* the graph's values first, then scratch */
    size_t slot_count;
    weir_step *steps;
    size_t step_count;
    size_t memory_bytes;
    size_t rows;
    uint64_t parameter_count;
    bool *accepts_missing; /* per graph input */
} weir_program;

/* Shared by all compilations of one graph: what is costly is made once. */
typedef struct weir_program_shared {
    weir_arena *into;
    const weir_graph *graph;
    const void **packed; /* per value: weights packed by op_dense.c, or NULL */
    const void *
        *ensembles; /* per value: the ensemble whose output it is (op_ml_trees.c), or NULL */
    weir_numerics numerics;
    weir_buffer layers; /* weir_onednn_dense *: to be probed, and destroyed with the model */
    size_t int8_count;  /* layers in 8-bit integers */
} weir_program_shared;

/* Input shapes: one per graph input, all dimensions known. */
weir_error *weir_program_compile(weir_program_shared *shared, const weir_shape *input_shapes,
                                 size_t rows, weir_program **program_out);

/* Points `data` (slot_count pointers) at constants and at `memory`; inputs stay NULL until set. */
void weir_program_bind(const weir_program *program, uint8_t *memory, void **data);
weir_error *weir_program_run(const weir_program *program, void *const *data);
