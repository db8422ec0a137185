#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_small.py: writes tests/model/small/: models of a few KB, rows for them, and the answers.

Answers are those of `weir model run` ($WEIR_TEST_PROGRAM), checked here against the library that made the model before they are
kept: margins of XGBoost and raw scores of LightGBM in every bit, the rest within 1e-5. Run it again only to add a model.
"""
import csv, io, os, subprocess
import numpy as np
import lightgbm, onnx, onnxruntime, skl2onnx, xgboost
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "small")
WEIR = os.environ["WEIR_TEST_PROGRAM"]
rng = np.random.default_rng(5)
os.makedirs(HERE, exist_ok=True)
x = rng.normal(size=(60, 4)).astype(np.float32)
x[:, 1] = rng.integers(0, 6, 60)
y = ((x[:, 0] > 0) ^ (x[:, 1] > 2)).astype(int)
gaps = x.copy()
gaps[rng.random(x.shape) < 0.15] = np.nan


def keep(name, rows, want, bits, options=()):
    stem = os.path.join(HERE, name.rsplit(".", 1)[0])
    with open(stem + ".csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([f"c{i}" for i in range(rows.shape[1])])
        for row in rows:
            out.writerow(["" if np.isnan(v) else repr(float(v)) for v in row])
    done = subprocess.run([WEIR, "model", "run", os.path.join(HERE, name), "--input", stem + ".csv", *options],
                          capture_output=True, text=True, check=True)
    got = np.array([[float(v) for v in row] for row in list(csv.reader(io.StringIO(done.stdout)))[1:]])
    want = np.asarray(want).reshape(got.shape)
    if bits:
        assert (got.astype(want.dtype) == want).all(), name
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=name)
    with open(stem + (".raw" if options else "") + ".want", "w") as file:
        file.write(done.stdout)


def xgb(name, parameters, label=y, rows=gaps, **more):
    d = xgboost.DMatrix(rows, label, **more)
    booster = xgboost.train({"max_depth": 3, "nthread": 1, **parameters}, d, 4)
    booster.save_model(os.path.join(HERE, name))
    keep(name, rows[:20], booster.predict(d)[:20], False)
    keep(name, rows[:20], booster.predict(d, output_margin=True)[:20], True, ["--raw"])


def lgb(name, parameters, rows=gaps, **more):
    data = lightgbm.Dataset(rows.astype(np.float64), y, **more)
    booster = lightgbm.train({"verbose": -1, "num_threads": 1, "num_leaves": 5, "min_data_in_leaf": 3, **parameters}, data, 4)
    booster.save_model(os.path.join(HERE, name))
    keep(name, rows[:20], booster.predict(rows)[:20], False)
    keep(name, rows[:20], booster.predict(rows, raw_score=True)[:20], True, ["--raw"])


def frame(name, train, **more):
    """A model of a frame whose second column is categories of 10, 20, .. and whose third is text."""
    import pandas
    columns = {"c0": x[:, 0].astype(float), "c1": pandas.Categorical(x[:, 1].astype(int) * 10), "c2": pandas.Categorical(np.where(x[:, 2] > 0, "b", "a"))}
    table = pandas.DataFrame(columns)
    booster = train(table)
    booster.save_model(os.path.join(HERE, name))
    rows = np.column_stack([x[:, 0], x[:, 1] * 10, x[:, 2] > 0]).astype(float)
    keep(name, rows[:20], booster.predict(more["matrix"](table) if more else table)[:20], False)


def graph(name, nodes, constants, opset=17, outputs=("y",), ml=None, width=4):
    g = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
                          [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
                          [numpy_helper.from_array(np.asarray(v, dtype=np.float32), k) for k, v in constants.items()])
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])
    path = os.path.join(HERE, name)
    onnx.save(helper.make_model(g, opset_imports=imports, ir_version=8), path)
    want = onnxruntime.InferenceSession(path).run(None, {"x": x[:20]})
    keep(name, x[:20], np.concatenate([np.reshape(w, (20, -1)) for w in want], axis=1), False)


def sk(name, model):
    model.fit(x, y)
    path = os.path.join(HERE, name)
    onnx.save(skl2onnx.to_onnx(model, x[:1], options={"zipmap": False}, target_opset=15), path)
    label, p = onnxruntime.InferenceSession(path).run(None, {"X": x[:20]})
    keep(name, x[:20], np.concatenate([label.reshape(-1, 1), p], axis=1), False)


N = helper.make_node
w = lambda *s: rng.normal(size=s) / 2
xgb("xgb_binary.json", {"objective": "binary:logistic"})
xgb("xgb_dart.ubj", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5})
xgb("xgb_three.ubj", {"objective": "multi:softprob", "num_class": 3}, label=x[:, 1].astype(int) % 3)
xgb("xgb_categories.json", {"objective": "reg:squarederror", "tree_method": "hist"}, rows=x, feature_types=["float", "c", "float", "float"],
    enable_categorical=True)
lgb("lgb_binary.txt", {"objective": "binary"})
lgb("lgb_zero.txt", {"objective": "binary", "zero_as_missing": True})
lgb("lgb_categories.txt", {"objective": "regression", "min_data_per_group": 2, "cat_smooth": 0.1}, rows=x, categorical_feature=[1])
frame("lgb_frame.txt", lambda t: lightgbm.train({"verbose": -1, "num_threads": 1, "num_leaves": 5, "min_data_in_leaf": 3, "min_data_per_group": 2, "cat_smooth": 0.1},
                                               lightgbm.Dataset(t, y), 4))
as_matrix = lambda t: xgboost.DMatrix(t, y, enable_categorical=True)
frame("xgb_frame.json", lambda t: xgboost.train({"max_depth": 3, "nthread": 1, "max_cat_to_onehot": 1}, as_matrix(t), 4), matrix=as_matrix)
graph("mlp.onnx", [N("Gemm", ["x", "w1", "b1"], ["h"], transB=1), N("Relu", ["h"], ["r"]), N("MatMul", ["r", "w2"], ["m"]), N("Add", ["m", "b2"], ["a"]),
                   N("Sigmoid", ["a"], ["y"])], {"w1": w(9, 4), "b1": w(9), "w2": w(9, 1), "b2": w(1)})
graph("norm.onnx", [N("BatchNormalization", ["x", "s", "b", "m", "v"], ["h"]), N("Tanh", ["h"], ["t"]), N("LayerNormalization", ["t", "s", "b"], ["l"]),
                    N("Softmax", ["l"], ["y"])], {"s": w(4), "b": w(4), "m": w(4), "v": np.abs(w(4)) + 0.1})
graph("pieces.onnx", [N("ReduceMean", ["x"], ["r"], axes=[1]), N("Concat", ["x", "r"], ["c"], axis=1), N("Erf", ["c"], ["e"]),
                      N("Greater", ["c", "half"], ["g"]), N("Where", ["g", "e", "c"], ["y"])], {"half": [0.5]})
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
sk("forest.onnx", RandomForestClassifier(n_estimators=3, max_depth=3, random_state=1))
sk("boosting.onnx", GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=1))
sk("logistic.onnx", make_pipeline(StandardScaler(), LogisticRegression()))
