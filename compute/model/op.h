/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.h - what an operator is: one const row, and the call that compiles one node of it.
 *
 * `prepare` checks a node's attributes and input shapes, declares each output's kind and shape, and
 * sets step->run. It runs once per compilation; `run` runs per row or block of rows and only
 * computes. To add an operator: write op_x.c, with plain C as the reference of its bits, and name
 * its row in op_table.c.
 */
#pragma once

#include "compute/model/program.h"
#include "ops/runtime/assert.h"

typedef struct weir_op_call weir_op_call;

typedef struct weir_op {
    const char *name;
    weir_error *(*prepare)(weir_op_call *call);
    uint8_t inputs_min, inputs_max; /* 255: any number */
    uint8_t outputs_max;
    uint8_t missing;     /* weir_missing      */
    uint8_t since;       /* the least opset that has it; 0: all that are read */
    bool is_ml;          /* of ai.onnx.ml     */
    bool is_probability; /* its output is a share of one */
    const void *detail;  /* the family's own, for rows that share a prepare */
} weir_op;

/* All operators, in no special order; NULL where there is none of that name. */
const weir_op *weir_op_find(const char *domain, const char *name);

struct weir_op_call {
    weir_program_shared *shared;
    weir_arena *into;
    const weir_graph *graph;
    const weir_node *node;
    const weir_op *op;
    weir_slot *slots;
    weir_step *step;
    int opset; /* of the op's domain */
    size_t *bytes_used;
    double *work_used;
    weir_slot scratch; /* count > 0: wanted */
};

__attribute__((format(printf, 2, 3))) weir_error *weir_call_fail(const weir_op_call *call,
                                                                 const char *format, ...);
/* The i-th input, or NULL where it is left out. */
const weir_slot *weir_call_in(const weir_op_call *call, size_t index);
bool weir_call_has_out(const weir_op_call *call, size_t index);
/* Declares an output; checks its size. Outputs that are not wanted are ignored. */
weir_error *weir_call_out(weir_op_call *call, size_t index, weir_tensor_kind kind,
                          const weir_shape *shape);
/* Declares an output whose value is already known; `data` must live as long as the program. */
weir_error *weir_call_out_constant(weir_op_call *call, size_t index, weir_tensor_kind kind,
                                   const weir_shape *shape, const void *data);
/* Counts what a node keeps beside its outputs, and what it computes, against the program's limits:
 * a small file may not cost gigabytes or minutes. */
weir_error *weir_call_charge(weir_op_call *call, double bytes, double work);
/* Asks for memory of `bytes` of the step's own while it runs. */
void weir_call_scratch(weir_op_call *call, size_t bytes);

const weir_attribute *weir_call_attribute(const weir_op_call *call, const char *name,
                                          weir_attribute_type type);
int64_t weir_call_int(const weir_op_call *call, const char *name, int64_t otherwise);
float weir_call_float(const weir_op_call *call, const char *name, float otherwise);
bool weir_call_string_is(const weir_op_call *call, const char *name, const char *want,
                         const char *otherwise);

/* A constant input of int64 or int32, widened; *found_out false where it is left out. */
weir_error *weir_call_ints(const weir_op_call *call, size_t index, const int64_t **values_out,
                           size_t *count_out, bool *found_out);
/* An axis from -rank to rank-1 made positive. */
weir_error *weir_call_axis(const weir_op_call *call, int64_t axis, unsigned rank,
                           unsigned *axis_out);
weir_error *weir_call_kind_wrong(const weir_op_call *call, const weir_slot *slot);

/* For `run`. */
static inline const void *weir_step_in(const weir_step *step, void *const *data, size_t index)
{
    if (index >= step->in_count || step->in[index] == WEIR_NO_VALUE) return NULL;
    return data[step->in[index]];
}
static inline void *weir_step_out(const weir_step *step, void *const *data, size_t index)
{
    if (index >= step->out_count || step->out[index] == WEIR_NO_VALUE) return NULL;
    return data[step->out[index]];
}
static inline const weir_slot *weir_step_in_slot(const weir_step *step, size_t index)
{
    return &step->slots[step->in[index]];
}
static inline const weir_slot *weir_step_out_slot(const weir_step *step, size_t index)
{
    return &step->slots[step->out[index]];
}
__attribute__((format(printf, 2, 3))) weir_error *weir_step_fail(const weir_step *step,
                                                                 const char *format, ...);
/* Whether a product takes over the bias or Relu of the step that alone reads its output: same bits,
 * one pass. */
bool weir_dense_absorb(weir_step *step, const weir_step *next);

/* Elements before, along and after an axis. */
typedef struct weir_axis_view {
    size_t outer, length, inner;
} weir_axis_view;
weir_axis_view weir_axis_of(const weir_shape *shape, unsigned axis);

static inline bool weir_kind_is_float(weir_tensor_kind kind)
{
    return kind == WEIR_TENSOR_FLOAT32 || kind == WEIR_TENSOR_FLOAT64;
}
static inline bool weir_kind_is_number(weir_tensor_kind kind) { return kind <= WEIR_TENSOR_INT32; }
