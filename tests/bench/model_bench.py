#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""model_bench.py DIR [--peers]: writes the models of docs/design's targets into DIR; with --peers, times onnxruntime and XGBoost on
rotating rows too (one thread, ns a row, least of five runs)."""
import os, sys, time
import numpy as np
import onnx, onnxruntime, xgboost
from onnx import TensorProto, helper, numpy_helper

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


def trees(name, count):
    x = rng.normal(size=(20000, 30)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(x[:, 2] * 3) + rng.normal(size=20000) > 0).astype(int)
    d = xgboost.DMatrix(x, y)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.05, "nthread": 2, "tree_method": "hist"}, d, count)
    booster.save_model(os.path.join(out, name + ".ubj"))
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    onnx.save(convert_xgboost(booster, initial_types=[("x", FloatTensorType([None, 30]))], target_opset=15), os.path.join(out, name + ".onnx"))


def least(function, count):
    best = 1e18
    for _ in range(5):
        begin = time.process_time_ns()
        for i in range(count):
            function(i)
        best = min(best, (time.process_time_ns() - begin) / count)
    return best


def peer(name, batch):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.path.join(out, name), options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    x = rng.normal(size=(4096, port.shape[1])).astype(np.float32)
    outputs = [session.get_outputs()[-1].name]
    ns = least(lambda i: session.run(outputs, {port.name: x[i * batch % 2048:i * batch % 2048 + batch]}), max(200, 4000 // batch))
    print(f"onnxruntime {name} batch {batch}: {ns / batch:.1f} ns a row")


mlp("mlp32.onnx", 32, 64, 32, 1)
mlp("mlp64.onnx", 64, 128, 64, 1)
mlp("mlp256.onnx", 256, 512, 256, 1)
trees("trees100", 100)
trees("trees500", 500)
if "--peers" in sys.argv:
    for name in ("mlp32.onnx", "mlp64.onnx", "mlp256.onnx", "trees100.onnx", "trees500.onnx"):
        for batch in (1, 64, 512):
            peer(name, batch)
    for name in ("trees100.ubj", "trees500.ubj"):
        booster = xgboost.Booster({"nthread": 1}, model_file=os.path.join(out, name))
        x = rng.normal(size=(4096, 30)).astype(np.float32)
        d = [xgboost.DMatrix(x[i:i + 1]) for i in range(50)]
        print(f"xgboost {name} explain: {least(lambda i: booster.predict(d[i % 50], pred_contribs=True), 50):.0f} ns a row")
