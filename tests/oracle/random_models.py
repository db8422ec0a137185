#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random models as people train and save them, `weir model run` against the libraries that made them.

    random_models.py WEIR [--seeds FIRST COUNT] [--family NAME]... [--keep DIR]

Every seed makes one model of each family: a scikit-learn pipeline through skl2onnx, a network as PyTorch exports them, an XGBoost file
(JSON and UBJSON), a LightGBM file. XGBoost's margins and LightGBM's raw scores must be equal in every bit; the rest within 1e-5 of its
size of onnxruntime, XGBoost or LightGBM. A refusal is a failure, too, unless the model has what docs/formats/models.md refuses.
Exits with 77 where a library is missing.
"""
import argparse
import csv
import ctypes
import ctypes.util
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("OMP_NUM_THREADS", "1")
try:
    import lightgbm
    import numpy as np
    import onnx
    import onnxruntime
    import pandas as pd
    import skl2onnx
    import xgboost
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)


# --- rows in, numbers out ------------------------------------------------------------------------------

class Refused(Exception):
    """`weir` said no, and why."""


class NotMade(Exception):
    """The trainer, the converter or onnxruntime itself refuses."""


def text(value):
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else repr(float(value))
    return str(value)


class Run:
    """One program, one folder for its files."""

    def __init__(self, weir, folder):
        self.weir, self.folder = weir, folder

    def save(self, name, model):
        path = self.folder / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    def answers(self, model, columns, *options):
        rows = self.folder / "rows.csv"
        with open(rows, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(columns)
            out.writerows([text(v) for v in row] for row in zip(*columns.values()))
        done = subprocess.run([self.weir, "model", "run", model, "--input", rows, *options], capture_output=True, text=True)
        if done.returncode not in (0, 65):
            raise AssertionError(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
        if done.returncode:
            raise Refused(done.stderr.strip())
        lines = list(csv.reader(io.StringIO(done.stdout)))
        return lines[0], lines[1:]

    def numbers(self, model, columns, *options):
        return np.array([[float(v) for v in row] for row in self.answers(model, columns, *options)[1]])


def same_bits(got, want, what):
    got = got.astype(want.dtype).reshape(want.shape)
    bad = ~((got == want) | (np.isnan(got) & np.isnan(want)))
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} differ, first {got[bad][0]!r} wants {want[bad][0]!r}"


def close(got, want, what, rtol=1e-5, atol=1e-6):
    want = np.asarray(want, dtype=np.float64)
    np.testing.assert_allclose(got.reshape(want.shape), want, rtol=rtol, atol=atol, equal_nan=True, err_msg=what)


def check_onnx(run, name, model, feeds, columns, rtol=1e-5, atol=1e-5):
    """Every output of the graph, against onnxruntime's."""
    path = run.save(name, model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        wanted = session.run(None, feeds)
    except Exception as error:
        raise NotMade(f"onnxruntime: {' '.join(str(error).split())[:100]}") from None
    header, rows = run.answers(path, columns)
    for output, want in zip(session.get_outputs(), wanted):
        at = [i for i, h in enumerate(header) if h == output.name or h.startswith(output.name + "[")]
        assert at, f"no output {output.name} in {header}"
        if isinstance(want, list):  # ZipMap
            want = np.array([list(row.values()) for row in want])
        got = [[row[i] for i in at] for row in rows]
        want = np.asarray(want)
        if want.dtype.kind in "OUS":
            assert [g[0] for g in got] == [str(v) for v in want.ravel()], f"{output.name}: labels differ"
        elif want.dtype == bool:
            assert [g == "true" for r in got for g in r] == list(want.ravel()), output.name
        else:
            close(np.array([[float(v) for v in r] for r in got]), want.reshape(len(rows), -1), output.name, rtol, atol)


def table(x, names=None):
    return {names[i] if names else f"c{i}": x[:, i] for i in range(x.shape[1])}


# --- scikit-learn --------------------------------------------------------------------------------------

def scalers(rng):
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest, VarianceThreshold
    from sklearn.preprocessing import (Binarizer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, Normalizer, PolynomialFeatures,
                                       PowerTransformer, RobustScaler, StandardScaler)
    return rng.choice([
        lambda: StandardScaler(with_mean=rng.random() < 0.8, with_std=rng.random() < 0.8), lambda: MinMaxScaler(clip=rng.random() < 0.5),
        lambda: MinMaxScaler((-1, 1)), MaxAbsScaler, RobustScaler, lambda: Normalizer(rng.choice(["l1", "l2", "max"])),
        lambda: Binarizer(threshold=rng.uniform(-1, 1)), lambda: PolynomialFeatures(2, interaction_only=rng.random() < 0.5),
        lambda: KBinsDiscretizer(rng.randint(2, 6), encode=rng.choice(["ordinal", "onehot", "onehot-dense"]), strategy="uniform"),
        lambda: PCA(rng.randint(1, 3), whiten=rng.random() < 0.5), lambda: SelectKBest(k=2), VarianceThreshold, PowerTransformer])()


def small_classifier(rng, seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.tree import DecisionTreeClassifier
    return rng.choice([lambda: LogisticRegression(max_iter=200), lambda: DecisionTreeClassifier(max_depth=4, random_state=seed), GaussianNB])()


def classifier(rng, seed):
    from sklearn import discriminant_analysis, ensemble, linear_model, naive_bayes, neural_network, svm, tree
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    small = lambda: small_classifier(rng, seed)
    count = rng.randint(2, 12)
    return rng.choice([
        lambda: linear_model.LogisticRegression(C=10 ** rng.uniform(-2, 2), max_iter=200),
        lambda: linear_model.LogisticRegressionCV(Cs=2, cv=2, max_iter=100),
        lambda: linear_model.SGDClassifier(loss=rng.choice(["log_loss", "modified_huber"]), random_state=seed),
        lambda: linear_model.SGDClassifier(loss="hinge", random_state=seed), lambda: linear_model.RidgeClassifier(),
        lambda: linear_model.Perceptron(random_state=seed), lambda: svm.LinearSVC(random_state=seed),
        lambda: neural_network.MLPClassifier(tuple(rng.randint(2, 20) for _ in range(rng.randint(1, 3))), max_iter=20, random_state=seed,
                                             activation=rng.choice(["relu", "tanh", "logistic", "identity"])),
        lambda: tree.DecisionTreeClassifier(max_depth=rng.choice([1, 3, 8, None]), random_state=seed),
        lambda: tree.ExtraTreeClassifier(max_depth=5, random_state=seed),
        lambda: ensemble.RandomForestClassifier(count, max_depth=rng.choice([2, 6, None]), random_state=seed),
        lambda: ensemble.ExtraTreesClassifier(count, max_depth=6, random_state=seed),
        lambda: ensemble.GradientBoostingClassifier(n_estimators=count, max_depth=3, random_state=seed, init=rng.choice([None, "zero"])),
        lambda: ensemble.HistGradientBoostingClassifier(max_iter=count, random_state=seed),
        lambda: ensemble.AdaBoostClassifier(n_estimators=count, random_state=seed),
        lambda: ensemble.BaggingClassifier(small(), n_estimators=3, random_state=seed),
        lambda: CalibratedClassifierCV(small(), cv=2, method=rng.choice(["sigmoid", "isotonic"])),
        lambda: ensemble.VotingClassifier([("a", small()), ("b", small())], voting=rng.choice(["soft", "hard"])),
        lambda: ensemble.StackingClassifier([("a", small()), ("b", small())], linear_model.LogisticRegression(), cv=2),
        lambda: OneVsRestClassifier(linear_model.LogisticRegression()), naive_bayes.GaussianNB,
        discriminant_analysis.LinearDiscriminantAnalysis, discriminant_analysis.QuadraticDiscriminantAnalysis])()


def regressor(rng, seed):
    from sklearn import ensemble, linear_model, neural_network, svm, tree
    count = rng.randint(2, 12)
    return rng.choice([
        linear_model.LinearRegression, linear_model.Ridge, linear_model.Lasso, linear_model.ElasticNet, linear_model.HuberRegressor,
        linear_model.BayesianRidge, lambda: linear_model.SGDRegressor(random_state=seed), lambda: svm.LinearSVR(random_state=seed),
        lambda: linear_model.TweedieRegressor(power=0), lambda: neural_network.MLPRegressor((8,), max_iter=20, random_state=seed),
        lambda: tree.DecisionTreeRegressor(max_depth=6, random_state=seed), lambda: ensemble.RandomForestRegressor(count, random_state=seed),
        lambda: ensemble.ExtraTreesRegressor(count, random_state=seed), lambda: ensemble.GradientBoostingRegressor(n_estimators=count, random_state=seed),
        lambda: ensemble.HistGradientBoostingRegressor(max_iter=count, random_state=seed),
        lambda: ensemble.AdaBoostRegressor(n_estimators=count, random_state=seed),
        lambda: ensemble.BaggingRegressor(tree.DecisionTreeRegressor(max_depth=4), n_estimators=3, random_state=seed),
        lambda: ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]),
        lambda: ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))], cv=2)])()


def frame(rng, seed, rows):
    """Numbers, whole numbers and texts, some of the numbers missing."""
    g = np.random.default_rng(seed)
    made = pd.DataFrame({"amount": g.normal(size=rows).astype(np.float32) * 3, "age": g.integers(18, 80, rows), "score": g.random(rows).astype(np.float32),
                         "country": g.choice(["CZ", "DE", "a, \"b\"", "žluť"], rows), "kind": g.choice(["x", "y"], rows)})
    label = ((made.amount > 0).astype(int) + (made.country == "DE") * (2 if rng.random() < 0.4 else 1)) % 3
    if rng.random() < 0.7:
        label = (label > 0).astype(int)
    return made, label.to_numpy(), made.amount.to_numpy() * 2 + label


def labelled(rng, label):
    """Classes as numbers from 0, other numbers, or texts."""
    return rng.choice([lambda: label, lambda: np.array([7, -2, 40])[label], lambda: np.array(["good", "bad", "ugly"])[label]])()


def sklearn_columns(rng, seed, last, made):
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
    made.loc[made.index % 7 == 0, "amount"] = np.nan
    encoder = rng.choice([lambda: OneHotEncoder(handle_unknown="ignore"), lambda: OneHotEncoder(drop="if_binary"), OrdinalEncoder,
                          lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False)])()
    numbers = make_pipeline(SimpleImputer(strategy=rng.choice(["mean", "median"]), add_indicator=rng.random() < 0.2),
                            rng.choice([StandardScaler, lambda: scalers(rng)])())
    parts = [("numbers", numbers, ["amount", "age"]), ("texts", encoder, ["country", "kind"])]
    model = make_pipeline(ColumnTransformer(parts, remainder=rng.choice(["drop", "passthrough"])), last)
    kinds = {"amount": FloatTensorType, "age": Int64TensorType, "score": FloatTensorType, "country": StringTensorType, "kind": StringTensorType}
    types = {"amount": np.float32, "age": np.int64, "score": np.float32, "country": object, "kind": object}
    return model, [(c, k([None, 1])) for c, k in kinds.items()], {c: made[[c]].to_numpy(t) for c, t in types.items()}


def sklearn_matrix(rng, seed, last, made):
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import FeatureUnion, make_pipeline
    steps = [SimpleImputer(strategy="mean")] if rng.random() < 0.4 else []
    steps += [scalers(rng) for _ in range(rng.randint(0, 2))]
    if rng.random() < 0.15:
        steps.append(FeatureUnion([("a", scalers(rng)), ("b", scalers(rng))]))
    is_double = rng.random() < 0.2
    x = made[["amount", "age", "score"]].to_numpy(np.float64 if is_double else np.float32)
    return make_pipeline(*steps, last), [("X", (DoubleTensorType if is_double else FloatTensorType)([None, 3]))], {"X": x}


# What skl2onnx writes with operators that models.md does not list.
OUT_OF_SCOPE = ("operator SVM", "operator RNN", "operator Scan", "operator If", "operator Loop", "com.microsoft", "linear tree", "linear_tree")


def family_sklearn(run, rng, seed):
    made, label, target = frame(rng, seed, 120)
    is_classifier = rng.random() < 0.7
    last = classifier(rng, seed) if is_classifier else regressor(rng, seed)
    is_table = rng.random() < 0.4
    model, initial, feeds = (sklearn_columns if is_table else sklearn_matrix)(rng, seed, last, made)
    y = labelled(rng, label) if is_classifier else target
    what = " > ".join(type(s).__name__ for _, s in model.steps)
    opset = rng.choice([9, 11, 12, 13, 15, 17, 18, 19, 20, 21])
    try:
        x = made if is_table else next(iter(feeds.values()))
        model.fit(x, y)
        options = {"zipmap": rng.choice([True, False, "columns"])} if is_classifier else {}
        converted = skl2onnx.to_onnx(model, initial_types=initial, options={id(model): options} if options else None, target_opset={"": opset, "ai.onnx.ml": 1 if opset < 12 else 3})
    except Exception as error:
        raise NotMade(f"{what}: {type(error).__name__} {' '.join(str(error).split())[:100]}") from None
    columns = {c: v[:, 0] for c, v in feeds.items()} if is_table else table(feeds["X"])
    check_onnx(run, "sklearn.onnx", converted, feeds, columns, rtol=1e-4 if "PowerTransformer" in what or "Discriminant" in what or "NB" in repr(model) else 1e-5)
    return what


# --- networks as PyTorch exports them ------------------------------------------------------------------

class Network:
    """A graph that grows: `at` is the name of a float tensor [rows, width]."""

    def __init__(self, rng, seed, opset):
        self.rng, self.g, self.opset = rng, np.random.default_rng(seed), opset
        self.nodes, self.initializers, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"/t{self.count}"

    def keep(self, value, dtype=np.float32):
        name = self.name()
        value = np.asarray(value, dtype=dtype)
        if self.rng.random() < 0.3:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, "")))
        else:
            self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def random(self, *shape):
        return self.keep(self.g.normal(size=shape) / np.sqrt(shape[0]))

    def integers(self, *values):
        return self.keep(values, np.int64)

    def add(self, op, *inputs, **attributes):
        out = self.name()
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def reduce(self, op, x, axis, keep=1):
        """Axes became an input: of ReduceSum in opset 13, of the others in 18."""
        if self.opset >= (13 if op == "ReduceSum" else 18):
            return self.add(op, x, self.integers(axis), keepdims=keep)
        return self.add(op, x, axes=[axis], keepdims=keep)

    def unsqueeze(self, x, axis):
        return self.add("Unsqueeze", x, self.integers(axis)) if self.opset >= 13 else self.add("Unsqueeze", x, axes=[axis])

    def squeeze(self, x, axis):
        return self.add("Squeeze", x, self.integers(axis)) if self.opset >= 13 else self.add("Squeeze", x, axes=[axis])

    def linear(self, x, width, out):
        rng = self.rng
        how = rng.randrange(3)
        if how == 0:
            return self.add("Gemm", x, self.random(out, width), self.random(out), alpha=1.0, beta=1.0, transB=1)
        y = self.add("MatMul", x, self.random(width, out) if how == 1 else self.add("Transpose", self.random(out, width), perm=[1, 0]))
        return self.add("Add", *rng.choice([(y, self.random(out)), (self.random(out), y)])) if rng.random() < 0.8 else y

    def gelu(self, x):
        if self.opset >= 20 and self.rng.random() < 0.5:
            return self.add("Gelu", x, approximate=self.rng.choice(["none", "tanh"]))
        if self.rng.random() < 0.5:
            e = self.add("Erf", self.add("Div", x, self.keep(np.sqrt(2.0))))
            return self.add("Mul", self.add("Mul", x, self.add("Add", e, self.keep(1.0))), self.keep(0.5))
        cube = self.add("Mul", x, self.add("Mul", x, x))
        inner = self.add("Mul", self.add("Add", x, self.add("Mul", cube, self.keep(0.044715))), self.keep(np.sqrt(2 / np.pi)))
        return self.add("Mul", self.add("Mul", self.keep(0.5), x), self.add("Add", self.keep(1.0), self.add("Tanh", inner)))

    def mish(self, x):
        return self.add("Mish", x) if self.opset >= 18 and self.rng.random() < 0.5 else self.add("Mul", x, self.add("Tanh", self.add("Softplus", x)))

    def activation(self, x):
        rng = self.rng
        return rng.choice([
            lambda: self.add("Relu", x), lambda: self.add("Sigmoid", x), lambda: self.add("Tanh", x), lambda: self.gelu(x),
            lambda: self.add("Mul", x, self.add("Sigmoid", x)), lambda: self.mish(x), lambda: self.add("LeakyRelu", x, alpha=0.01),
            lambda: self.add("Sin", x), lambda: self.add("Cos", x), lambda: self.add("Elu", x, alpha=1.0), lambda: self.add("Selu", x), lambda: self.add("Softplus", x), lambda: self.add("Softsign", x),
            lambda: self.add("HardSigmoid", x, alpha=1 / 6, beta=0.5), lambda: self.add("PRelu", x, self.keep([0.25])),
            lambda: self.add("HardSwish", x) if self.opset >= 14 else self.add("Mul", x, self.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)),
            lambda: self.add("Clip", x, self.keep(0.0), self.keep(6.0)) if self.opset >= 11 else self.add("Clip", x, min=0.0, max=6.0),
            lambda: self.add("Celu", x, alpha=1.5) if self.opset >= 12 else self.add("Relu", x),
            lambda: self.add("Max", x, self.keep(0.0)) if self.opset >= 8 else x])()

    def layer_norm(self, x, width):
        if self.opset >= 17 and self.rng.random() < 0.6:
            return self.add("LayerNormalization", x, self.random(width), self.random(width), axis=-1, epsilon=1e-5)
        centred = self.add("Sub", x, self.reduce("ReduceMean", x, -1))
        spread = self.reduce("ReduceMean", self.add("Pow", centred, self.keep(2.0)), -1)
        y = self.add("Div", centred, self.add("Sqrt", self.add("Add", spread, self.keep(1e-5))))
        return self.add("Add", self.add("Mul", y, self.random(width)), self.random(width))

    def rms_norm(self, x, width):
        spread = self.reduce("ReduceMean", self.add("Pow", x, self.keep(2.0)), -1)
        return self.add("Mul", self.add("Mul", x, self.add("Reciprocal", self.add("Sqrt", self.add("Add", spread, self.keep(1e-6))))), self.random(width))

    def group_norm(self, x, width):
        """As PyTorch writes it: an InstanceNormalization between reshapes."""
        groups = 2 if width % 2 == 0 else 1
        y = self.add("InstanceNormalization", self.add("Reshape", x, self.integers(0, groups, -1)), self.keep(np.ones(groups)), self.keep(np.zeros(groups)), epsilon=1e-5)
        return self.add("Add", self.add("Mul", self.add("Reshape", y, self.integers(-1, width)), self.random(width)), self.random(width))

    def batch_norm(self, x, width):
        return self.add("BatchNormalization", x, self.random(width), self.random(width), self.random(width), self.keep(np.abs(self.g.normal(size=width)) + 0.1))

    def dropout(self, x):
        if self.opset >= 12 and self.rng.random() < 0.5:
            return self.add("Dropout", x, self.keep(0.5), self.keep(False, np.bool_))
        return self.add("Dropout", x)

    def flattened(self, x, width):
        """There and back through three dimensions, with the rows asked from Shape or given as -1."""
        if width % 2:
            return self.add("Flatten", x, axis=1)
        if self.rng.random() < 0.5:
            rows = self.add("Gather", self.add("Shape", x), self.keep(0, np.int64), axis=0)
            dims = self.add("Concat", self.unsqueeze(rows, 0), self.integers(2), self.integers(width // 2), axis=0)
        else:
            dims = self.integers(-1, 2, width // 2)
        y = self.add("Transpose", self.add("Reshape", x, dims), perm=[0, 2, 1])
        return self.add(*self.rng.choice([("Flatten", y), ("Reshape", y, self.integers(-1, width))]))

    def split(self, x, width):
        """A gate: one half times the sigmoid of the other."""
        if width % 2:
            return x, width
        names = [self.name(), self.name()]
        half = width // 2
        if self.rng.random() < 0.5:
            names = [self.add("Slice", x, self.integers(a), self.integers(b), self.integers(1)) if self.opset >= 10 else self.add("Slice", x, starts=[a], ends=[b], axes=[1])
                     for a, b in ((0, half), (half, 2**63 - 1))]
        elif self.opset >= 13:
            self.nodes.append(helper.make_node("Split", [x, self.integers(half, half)], names, axis=-1))
        else:
            self.nodes.append(helper.make_node("Split", [x], names, axis=1, split=[half, half]))
        return self.add("Mul", names[0], self.add("Sigmoid", names[1])), half

    def attention(self, x, width):
        """Softmax over the columns' pairwise products."""
        q, k = (self.unsqueeze(self.linear(x, width, width), 2) for _ in range(2))
        weights = self.add("Softmax", self.add("Div", self.add("MatMul", q, self.add("Transpose", k, perm=[0, 2, 1])), self.keep(np.sqrt(width))), axis=-1 if self.opset >= 13 else 2)
        if self.opset >= 12 and self.rng.random() < 0.5:
            return self.add("Einsum", weights, x, equation=self.rng.choice(["bij,bj->bi", "bij, bj -> bi", "...ij,...j->...i"]))
        return self.squeeze(self.add("MatMul", weights, self.unsqueeze(x, 2)), 2)

    def block(self, x, width):
        rng = self.rng
        choice = rng.randrange(11)
        if choice <= 3:
            out = rng.choice([1, 3, 8, 16, 17, 32, 33])
            y = self.linear(x, width, out)
            return (self.activation(y) if rng.random() < 0.8 else y), out
        if choice == 4:
            return rng.choice([self.layer_norm, self.rms_norm, self.batch_norm, self.group_norm])(x, width), width
        if choice == 5:
            return self.dropout(x), width
        if choice == 6:  # a residual
            return self.add("Add", x, self.activation(self.linear(x, width, width))), width
        if choice == 7:
            out = rng.choice([2, 5])
            return self.add("Concat", x, self.activation(self.linear(x, width, out)), axis=rng.choice([1, -1])), width + out
        if choice == 8:
            return self.flattened(x, width), width
        if choice == 9:
            return self.split(x, width)
        return (self.attention(x, width) if width <= 16 else self.layer_norm(x, width)), width

    def embedding(self, ids, size, width):
        """nn.Embedding of ids [rows, 1] or [rows]."""
        y = self.add("Gather", self.random(size, width), ids)
        return self.rng.choice([lambda: self.squeeze(y, 1), lambda: self.add("Reshape", y, self.integers(-1, width)), lambda: self.reduce("ReduceSum", y, 1, 0)])()

    def head(self, x, width):
        rng = self.rng
        out = rng.choice([1, 1, 2, 4])
        y = self.linear(x, width, out)
        if out == 1:
            y = self.add("Sigmoid", y) if rng.random() < 0.6 else y
            return self.squeeze(y, rng.choice([1, -1])) if rng.random() < 0.4 else y
        last = -1 if self.opset >= 13 else 1
        return rng.choice([lambda: self.add("Softmax", y, axis=last), lambda: self.add("LogSoftmax", y, axis=last), lambda: self.add("Sigmoid", y),
                           lambda: self.reduce("ReduceMax", y, 1, rng.randrange(2)), lambda: self.add("ArgMax", y, axis=1, keepdims=rng.randrange(2)),
                           lambda: self.add("Gather", self.add("Softmax", y, axis=last), self.keep(1, np.int64), axis=1)])()


def family_network(run, rng, seed):
    opset = rng.randint(9, 21)
    net, width, rows = Network(rng, seed, opset), rng.choice([1, 4, 7, 12, 32]), 37
    x = net.g.normal(size=(rows, width)).astype(np.float32)
    batch = rng.choice(["batch", "batch_size", "s0"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, width])]
    feeds, columns, at = {"x": x}, ({"x": x[:, 0]} if width == 1 else {f"x[{i}]": x[:, i] for i in range(width)}), "x"
    if rng.random() < 0.3:
        size, out, is_flat = rng.choice([3, 50]), rng.choice([2, 5]), False
        ids = net.g.integers(0, size, (rows, 1))
        inputs.append(helper.make_tensor_value_info("ids", TensorProto.INT64, [batch, 1]))
        at, width = net.add("Concat", at, net.embedding("ids", size, out), axis=1), width + out
        feeds["ids"], columns["ids"] = ids, ids[:, 0]
    for _ in range(rng.randint(1, 7)):
        at, width = net.block(at, width)
    at = net.head(at, width)
    net.nodes.append(helper.make_node("Identity", [at], ["y"]))
    kind = TensorProto.INT64 if net.nodes[-2].op_type == "ArgMax" else TensorProto.FLOAT
    graph = helper.make_graph(net.nodes, "main_graph", inputs, [helper.make_tensor_value_info("y", kind, None)], net.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=rng.choice([4, 6, 7, 8]) if opset < 18 else 9)
    check_onnx(run, "network.onnx", model, feeds, columns, rtol=1e-4)
    return f"opset {opset}: " + " ".join(n.op_type for n in net.nodes if n.op_type != "Constant")


# --- XGBoost -------------------------------------------------------------------------------------------

def numbers_table(rng, g, rows, width):
    """Numbers of several kinds, some missing, and a target that depends on them."""
    x = g.normal(size=(rows, width)).astype(np.float32)
    x[:, 0] = np.round(x[:, 0] * 3)
    x[g.random(x.shape) < rng.choice([0, 0.02, 0.2])] = np.nan
    if rng.random() < 0.4:
        x[g.random(x.shape) < 0.3] = 0
    z = np.nan_to_num(x)
    return x, z[:, 0] + z[:, 1] * z[:, 2 % width]


def xgb_label(objective, g, target):
    if objective.startswith(("binary", "rank")) or objective == "reg:logistic":
        return (target > 0).astype(int)
    if objective.startswith("multi"):
        return np.digitize(target, [-1, 1])
    if objective in ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"):
        return target
    return np.exp(np.clip(target, -3, 3) / 2) + 0.1


def old_form(saved, rng):
    """The same file as an older version wrote it: base_score as a number's text, without what came later."""
    learner = saved["learner"]
    base = learner["learner_model_param"]["base_score"]
    if base.startswith("[") and "," not in base:
        learner["learner_model_param"]["base_score"] = rng.choice([base[1:-1], repr(float(base[1:-1]))])
    for name in ("feature_names", "feature_types"):
        if not learner.get(name):
            learner.pop(name, None)
    learner["learner_model_param"].pop("boost_from_average", None)
    saved["version"] = rng.choice([[1, 1, 0], [1, 7, 6], [2, 1, 4]])  # 1.0 added the base last
    return saved


def libm_rounds_base(saved):
    """Whether XGBoost's base margin, by the C library's logf, is the nearest float32: models.md promises that one."""
    learner = saved["learner"]
    logf = ctypes.CDLL(ctypes.util.find_library("m")).logf
    logf.argtypes, logf.restype = [ctypes.c_float], ctypes.c_float
    for base in json.loads(learner["learner_model_param"]["base_score"]):
        base = np.float32(base)
        at = np.float32(1) / base - np.float32(1) if learner["objective"]["name"] in ("binary:logistic", "binary:logitraw", "reg:logistic") else base
        if at > 0 and np.float32(logf(at)) != np.float32(np.log(np.float64(at))):
            return False
    return True


def family_xgboost(run, rng, seed):
    g = np.random.default_rng(seed)
    objective = rng.choice(["binary:logistic"] * 4 + ["binary:logitraw", "binary:hinge", "reg:squarederror", "reg:squarederror", "reg:logistic", "reg:absoluteerror",
                            "reg:pseudohubererror", "reg:quantileerror", "reg:gamma", "reg:tweedie", "reg:squaredlogerror", "count:poisson", "survival:cox",
                            "multi:softprob", "multi:softprob", "multi:softmax", "rank:pairwise", "rank:ndcg", "rank:map"])
    booster = rng.choice(["gbtree"] * 4 + ["dart", "gblinear"])
    options = {"objective": objective, "booster": booster, "max_depth": rng.choice([1, 3, 6, 10]), "eta": rng.choice([0.05, 0.3, 1.0]), "nthread": 1, "seed": seed,
               "min_child_weight": rng.choice([0, 1, 5]), "lambda": rng.choice([0, 1]), "gamma": rng.choice([0, 0, 0.5])}
    rows, width = 200, rng.choice([3, 5, 12])
    x, target = numbers_table(rng, g, rows, width)
    if booster == "gblinear":
        options = {"booster": booster, "objective": objective, "updater": rng.choice(["shotgun", "coord_descent"]), "nthread": 1, "lambda": 0.1, "eta": 0.3}
    if booster == "dart":
        options |= {"rate_drop": 0.3, "normalize_type": rng.choice(["tree", "forest"]), "sample_type": rng.choice(["uniform", "weighted"])}
    if rng.random() < 0.3:
        options |= {"base_score": rng.choice([0.1, 0.5, 0.9])}
    if rng.random() < 0.3 and booster != "gblinear":
        options |= {"num_parallel_tree": 3, "subsample": 0.7, "colsample_bynode": 0.7}
    if rng.random() < 0.3:
        options |= {"grow_policy": "lossguide", "max_leaves": 20}
    if rng.random() < 0.2:
        options |= {"monotone_constraints": "(1)", "tree_method": "hist"}
    if objective.startswith("multi"):
        options["num_class"] = 3
    if objective == "reg:quantileerror":
        options["quantile_alpha"] = rng.choice([0.2, np.array([0.1, 0.5, 0.9])])
    types = None
    if rng.random() < 0.35 and booster != "gblinear":
        size = rng.choice([2, 7, 70])
        x[:, 1] = np.where(np.isnan(x[:, 1]), np.nan, g.integers(0, size, rows))
        target = target + np.isin(x[:, 1], g.choice(size, size // 2, replace=False)) * 2
        types = ["float", "c"] + ["float"] * (width - 2)
        options |= {"tree_method": "hist", "max_cat_to_onehot": rng.choice([1, 4, 100])}
    names = [f"feature {i}" for i in range(width)] if rng.random() < 0.5 else None
    label = xgb_label(objective, g, target)
    if label.ndim == 1 and objective == "reg:squarederror" and rng.random() < 0.3:
        label = np.stack([label, -label * 2], axis=1)
        if booster == "gbtree" and rng.random() < 0.7:
            options |= {"multi_strategy": "multi_output_tree", "tree_method": "hist"}
            options.pop("monotone_constraints", None)
    matrix = xgboost.DMatrix(x, label, missing=np.nan, feature_types=types, enable_categorical=types is not None, feature_names=names)
    if objective.startswith("rank"):
        matrix.set_group([rows // 4] * 4)
    stop = {"early_stopping_rounds": 2, "evals": [(matrix, "train")], "verbose_eval": False} if rng.random() < 0.2 else {}
    trained = xgboost.train(options, matrix, rng.choice([1, 5, 25]), **stop)
    margin, prediction = trained.predict(matrix, output_margin=True), trained.predict(matrix)
    files = {"model.json": bytes(trained.save_raw("json")), "model.ubj": bytes(trained.save_raw("ubj"))}
    if types is None and margin.ndim == 1:
        files["old.json"] = json.dumps(old_form(json.loads(files["model.json"]), rng), indent=rng.choice([None, 2])).encode()
    for name, saved in files.items():
        path = run.save(name, saved)
        compare = same_bits if libm_rounds_base(json.loads(files["model.json"])) else close
        compare(run.numbers(path, table(x, names), "--raw"), margin, f"{name}: margin")
        close(run.numbers(path, table(x, names)), prediction, f"{name}: prediction", rtol=2e-6)
    return f"{booster} {objective}" + (" with categories" if types else "")


# --- LightGBM ------------------------------------------------------------------------------------------

def lgb_label(objective, target):
    if objective in ("binary", "lambdarank", "rank_xendcg"):
        return (target > 0).astype(int)
    if objective.startswith("multiclass"):
        return np.digitize(target, [-1, 1])
    if objective in ("poisson", "gamma", "tweedie", "mape"):
        return np.exp(np.clip(target, -3, 3) / 2) + 0.1
    if objective.startswith("cross"):
        return 1 / (1 + np.exp(-target))
    return target


def family_lightgbm(run, rng, seed):
    g = np.random.default_rng(seed)
    objective = rng.choice(["binary"] * 5 + ["regression", "regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie",
                            "cross_entropy", "cross_entropy_lambda", "multiclass", "multiclass", "multiclassova", "lambdarank", "rank_xendcg"])
    rows, width = 300, rng.choice([3, 6, 15])
    x, target = numbers_table(rng, g, rows, width)
    x = x.astype(np.float64) * rng.choice([1, 1.1, 1e-8, 1e12])
    options = {"objective": objective, "verbose": -1, "num_threads": 1, "seed": seed, "num_leaves": rng.choice([2, 7, 31, 120]), "min_data_in_leaf": rng.choice([1, 5, 20]),
               "learning_rate": rng.choice([0.05, 0.3]), "zero_as_missing": rng.random() < 0.2, "use_missing": rng.random() < 0.8, "boosting": rng.choice(["gbdt"] * 4 + ["dart", "rf"])}
    if options["boosting"] == "rf":
        options |= {"bagging_freq": 1, "bagging_fraction": 0.6}
    if objective.startswith("multiclass"):
        options["num_class"] = 3
    if objective == "regression" and rng.random() < 0.3:
        options["reg_sqrt"] = True
    if rng.random() < 0.2:
        options |= {"extra_trees": True, "path_smooth": 1.0}
    if rng.random() < 0.2:
        options |= {"data_sample_strategy": "goss"} if options["boosting"] == "gbdt" else {}
    if rng.random() < 0.2:
        options["sigmoid"] = 0.7
    group = [rows // 4] * 4 if objective.startswith(("lambda", "rank")) else None
    frame_, categories = pd.DataFrame(x, columns=[f"f {i}" if rng.random() < 0.1 else f"name_{i}" for i in range(width)]), []
    how = rng.randrange(3)
    if how:  # categories as numbers, or pandas' own, which the file lists behind its trees
        size = rng.choice([2, 9, 80])
        codes = g.integers(0, size, rows)
        target = target + np.isin(codes, g.choice(size, size // 2, replace=False)) * 2
        options |= {"min_data_per_group": rng.choice([1, 20]), "cat_smooth": rng.choice([1, 10]), "max_cat_to_onehot": rng.choice([1, 4, 100])}
        frame_.iloc[:, 1] = codes
        categories = [1]
        if how == 2:
            frame_[frame_.columns[1]] = pd.Categorical(codes, categories=range(size))
            categories = "auto"
    data = lightgbm.Dataset(frame_, lgb_label(objective, target), group=group, categorical_feature=categories, free_raw_data=False)
    stop = {"valid_sets": [data], "callbacks": [lightgbm.early_stopping(2, verbose=False)]} if rng.random() < 0.2 and options["boosting"] == "gbdt" else {}
    trained = lightgbm.train(options, data, rng.choice([1, 5, 30]), **stop)
    saved = trained.model_to_string() if rng.random() < 0.5 else trained.model_to_string(num_iteration=-1)
    again = lightgbm.Booster(model_str=saved)
    path = run.save("lightgbm.txt", saved.encode())
    columns = {n: frame_.iloc[:, i].astype(float).to_numpy() for i, n in enumerate(trained.feature_name())}
    same_bits(run.numbers(path, columns, "--raw"), again.predict(frame_, raw_score=True, num_threads=1), "raw score")
    close(run.numbers(path, columns), again.predict(frame_, num_threads=1), "prediction", rtol=1e-11)
    return f"{options['boosting']} {objective}" + ("", " with categories", " with pandas' categories")[how]


FAMILIES = {"sklearn": family_sklearn, "network": family_network, "xgboost": family_xgboost, "lightgbm": family_lightgbm}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir")
    parser.add_argument("--seeds", nargs=2, type=int, default=(1, 10), metavar=("FIRST", "COUNT"))
    parser.add_argument("--family", action="append", choices=FAMILIES)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the models that fail")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    counts = {"equal": 0, "refused": 0, "not made": 0, "FAILED": 0}
    with tempfile.TemporaryDirectory(prefix="weir-models-") as folder:
        run = Run(os.path.abspath(options.weir), pathlib.Path(folder))
        for seed in range(options.seeds[0], sum(options.seeds)):
            for name in options.family or FAMILIES:
                try:
                    what = FAMILIES[name](run, random.Random(f"{name} {seed}"), seed)
                    verdict = "equal"
                except NotMade as error:
                    what, verdict = str(error), "not made"
                except Refused as error:
                    what, verdict = str(error)[:300], "refused" if any(s in str(error) for s in OUT_OF_SCOPE) else "FAILED"
                except Exception as error:  # noqa: one model must not hide the others
                    what, verdict = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}", "FAILED"
                counts[verdict] += 1
                if verdict == "FAILED" or options.verbose:
                    print(f"{verdict} {name} {seed}: {what}", flush=True)
                if verdict == "FAILED" and options.keep:
                    kept = options.keep / f"{name}-{seed}"
                    kept.mkdir(parents=True, exist_ok=True)
                    for file in run.folder.iterdir():
                        (kept / file.name).write_bytes(file.read_bytes())
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    is_shown = 2 * counts["equal"] > sum(counts.values())  # what is refused or not made shows nothing
    sys.exit(1 if counts["FAILED"] or not is_shown else 0)


if __name__ == "__main__":
    main()
