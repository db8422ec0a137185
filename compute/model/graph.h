/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.h - an ONNX file as it was read: nodes, constants and ports, with names made into numbers.
 *
 * Reading establishes: every value id is below value_count; every constant has exactly the elements
 * that its shape asks for; ranks are at most WEIR_RANK_MAX; no dimension is negative. It does not
 * look at what nodes mean: that is program.h's part. Text points into `into` or the arena of the
 * reader, never into the file, so the file may go.
 *
 * Owns: everything lives in the arena given to weir_graph_read.
 */
#pragma once

#include "compute/model/model.h"

enum {
    WEIR_RANK_MAX = 8,
    WEIR_GRAPH_NODES_MAX = 100000,
    WEIR_GRAPH_VALUES_MAX = 400000,
    WEIR_TENSOR_ELEMENTS_MAX = 1 << 28,
};
#define WEIR_NO_VALUE UINT32_MAX

typedef struct weir_shape {
    unsigned rank;
    int64_t dims[WEIR_RANK_MAX]; /* in a port's declaration -1 is unknown or named */
} weir_shape;

/* A constant, or a view of one: `count` elements of `kind` (bool: uint8_t; string: weir_bytes). */
typedef struct weir_array {
    weir_tensor_kind kind;
    weir_shape shape;
    size_t count;
    const void *data;
} weir_array;

/* Numbers are those of AttributeProto.AttributeType. */
typedef enum weir_attribute_type {
    WEIR_ATTRIBUTE_NONE = 0,
    WEIR_ATTRIBUTE_FLOAT = 1,
    WEIR_ATTRIBUTE_INT = 2,
    WEIR_ATTRIBUTE_STRING = 3,
    WEIR_ATTRIBUTE_TENSOR = 4,
    WEIR_ATTRIBUTE_GRAPH = 5,
    WEIR_ATTRIBUTE_FLOATS = 6,
    WEIR_ATTRIBUTE_INTS = 7,
    WEIR_ATTRIBUTE_STRINGS = 8,
} weir_attribute_type;

typedef struct weir_attribute {
    const char *name;
    weir_attribute_type type;
    float number;
    int64_t integer;
    weir_bytes string;
    const weir_array *tensor;
    const float *floats;
    const int64_t *integers;
    const weir_bytes *strings;
    size_t count; /* of floats, integers or strings */
} weir_attribute;

typedef struct weir_node {
    const char *op, *domain, *name;   /* domain "" is ONNX's own */
    const uint32_t *inputs, *outputs; /* value ids; WEIR_NO_VALUE where left out */
    uint32_t input_count, output_count;
    const weir_attribute *attributes;
    uint32_t attribute_count;
} weir_node;

typedef struct weir_graph_port {
    uint32_t value;
    bool has_kind; /* outputs may leave their type out */
    bool is_map;   /* a sequence of maps, as ZipMap makes */
    bool has_shape;
    weir_tensor_kind kind;
    weir_shape shape;
} weir_graph_port;

typedef struct weir_graph {
    const char *producer;
    int64_t ir_version;
    int opset, ml_opset; /* 0: not imported */
    const char *const *value_names;
    size_t value_count;
    const weir_array **constants; /* per value: its initializer, or NULL */
    weir_node *nodes;
    size_t node_count;
    weir_graph_port *inputs, *outputs; /* inputs: those without an initializer */
    size_t input_count, output_count;
} weir_graph;

/* Reads an ONNX ModelProto. Refuses: external data, sparse tensors, model functions, unknown
 * domains. */
weir_error *weir_graph_read(weir_bytes file, weir_arena *into, weir_graph **graph_out);

/* Reads one serialized TensorProto (the files of ONNX's own tests). */
weir_error *weir_array_read(weir_bytes tensor, weir_arena *into, weir_array *array_out);

size_t weir_kind_size(weir_tensor_kind kind);      /* bytes of one element */
const char *weir_kind_name(weir_tensor_kind kind); /* "float32" */
/* The product of the dimensions; false where it passes WEIR_TENSOR_ELEMENTS_MAX or a dimension is
 * negative. */
bool weir_shape_count(const weir_shape *shape, size_t *count_out);
const char *weir_shape_print(const weir_shape *shape, weir_arena *into); /* "[1,32]" */
