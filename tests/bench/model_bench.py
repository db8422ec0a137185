#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""model_bench.py DIR [--tiny]: writes the models that model_bench and model_peers time into DIR."""
import os
import sys

import numpy as np
import onnx
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(1)
N = helper.make_node


def mlp(name, *sizes):
    nodes, constants, value = [], [], "x"
    for i, (k, n) in enumerate(zip(sizes, sizes[1:])):
        constants += [numpy_helper.from_array((rng.normal(size=(n, k)) / np.sqrt(k)).astype(np.float32), f"w{i}"),
                      numpy_helper.from_array(rng.normal(size=n).astype(np.float32), f"b{i}")]
        nodes.append(N("Gemm", [value, f"w{i}", f"b{i}"], [f"h{i}"], transB=1))
        last = i == len(sizes) - 2
        nodes.append(N("Sigmoid" if last else "Relu", [f"h{i}"], ["y" if last else f"r{i}"]))
        value = f"r{i}"
    graph = helper.make_graph(nodes, "mlp", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", sizes[0]])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", sizes[-1]])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), os.path.join(out, name))


def trees(name, count, rows):
    x = rng.normal(size=(rows, 30)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(x[:, 2] * 3) + rng.normal(size=rows) > 0).astype(int)
    d = xgboost.DMatrix(x, y)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.05, "nthread": 1, "tree_method": "hist"}, d, count)
    booster.save_model(os.path.join(out, name + ".ubj"))
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    onnx.save(convert_xgboost(booster, initial_types=[("x", FloatTensorType([None, 30]))], target_opset=15), os.path.join(out, name + ".onnx"))


tiny = "--tiny" in sys.argv
mlp("mlp32.onnx", 32, 64, 32, 1)
mlp("mlp64.onnx", 64, 128, 64, 1)
mlp("mlp256.onnx", 256, 512, 256, 1)
quantize_dynamic(os.path.join(out, "mlp256.onnx"), os.path.join(out, "mlp256_int8.onnx"), weight_type=QuantType.QInt8)
trees("trees100", 5 if tiny else 100, 500 if tiny else 20000)
trees("trees500", 10 if tiny else 500, 500 if tiny else 20000)
