#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_node_cases.py OUT: ONNX's own backend node tests, for the operators and types that weir reads.

Inputs that decide on shapes become constants, as they are in exported models. Prints how many cases were written.
"""
import os, re, sys
import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node as cases

OPS = set()
here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(here, "..", "..", "compute", "model")
for name in os.listdir(folder):
    if name.startswith("op_") and name.endswith(".c"):
        text = open(os.path.join(folder, name)).read()
        OPS |= set(re.findall(r'(?:\.name = |UNARY\(|REDUCE\()"(\w+)"', text))
TYPES = {1, 6, 7, 8, 9, 11}
SHAPES = {"Reshape", "Slice", "Expand", "Tile", "Squeeze", "Unsqueeze", "Split", "TopK", "ConstantOfShape", "OneHot", "Range", "Trilu", "CumSum"}
# What weir refuses on purpose.
SKIP = re.compile(r"training|bfloat16|float16|uint|int8|int16|FLOAT8|string_concat|cast_STRING_to|to_STRING|window_|"
                  r"constant_of_shape_.*zero|reshape_zero_and_negative_dim_dummy|dropout.*(ratio|default_mask)")


def wanted(case):
    graph = case.model.graph
    if SKIP.search(case.name) or any(n.op_type not in OPS for n in graph.node) or case.model.functions:
        return False
    if any(n.domain not in ("", "ai.onnx", "ai.onnx.ml") for n in graph.node):
        return False
    for port in list(graph.input) + list(graph.output):
        if not port.type.HasField("tensor_type") or port.type.tensor_type.elem_type not in TYPES:
            return False
    return all(v.version >= 9 for v in case.model.opset_import if v.domain in ("", "ai.onnx"))


def tensor(value, name=""):
    return value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value), name)


def fix(case, inputs):
    """Inputs that decide on shapes become initializers."""
    graph, kept = case.model.graph, []
    op = graph.node[0].op_type if len(graph.node) == 1 else None
    first = 0 if op in ("ConstantOfShape", "Range") else 1
    is_shape = op in SHAPES or (op or "").startswith("Reduce") or case.name.startswith("test_reduce")
    names = [i.name for i in graph.input]
    for position, (name, value) in enumerate(zip(names, inputs)):
        if is_shape and position >= first:
            graph.initializer.append(tensor(value, name))
        else:
            kept.append(value)
    return kept


def main(out):
    count = 0
    for case in cases.collect_testcases(None):
        if not wanted(case):
            continue
        inputs, outputs = case.data_sets[0]
        folder = os.path.join(out, case.name, "test_data_set_0")
        os.makedirs(folder, exist_ok=True)
        kept = fix(case, inputs)
        onnx.save(case.model, os.path.join(out, case.name, "model.onnx"))
        for kind, values in (("input", kept), ("output", outputs)):
            for i, value in enumerate(values):
                with open(os.path.join(folder, f"{kind}_{i}.pb"), "wb") as file:
                    file.write(tensor(value).SerializeToString())
        count += 1
    print(count)


if __name__ == "__main__":
    main(sys.argv[1])
