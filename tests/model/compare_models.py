#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_models.py [PATTERN]: the answers of `weir model run` against the libraries that made the models.

XGBoost's margins and LightGBM's raw scores must be equal in every bit; what goes through exp or a matrix product may differ by
1e-5 of its size. Every model is trained here, from a fixed seed. Exits with 77 where a library is missing.
"""
import csv, io, json, os, re, subprocess, sys, tempfile, warnings
warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx, onnxruntime, pandas, sklearn, skl2onnx, xgboost, lightgbm
    from onnx import helper, numpy_helper, TensorProto
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

WEIR = os.environ["WEIR_TEST_PROGRAM"]
WORK = tempfile.mkdtemp(prefix="weir-models-")
PATTERN = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
failures, passed = [], 0
rng = np.random.default_rng(7)


def write_csv(path, columns):
    names = list(columns)
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(names)
        for row in zip(*[columns[n] for n in names]):
            out.writerow([text(v) for v in row])


def text(value):
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else repr(float(value))
    return str(value)


def weir(model, columns, *options):
    path = os.path.join(WORK, "rows.csv")
    write_csv(path, columns)
    done = subprocess.run([WEIR, "model", "run", model, "--input", path, *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr.strip()}")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    return rows[0], rows[1:]


def numbers(rows):
    return np.array([[float(v) for v in row] for row in rows])


def case(name):
    def wrap(function):
        global passed
        if not PATTERN.search(name):
            return function
        try:
            function()
            passed += 1
        except Exception as error:  # noqa: a failing case must not hide the others
            failures.append(name)
            print(f"FAIL {name}: {type(error).__name__}: {str(error)[:400]}")
        return function
    return wrap


def same_bits(got, want, what):
    got, want = np.asarray(got, dtype=want.dtype), np.asarray(want)
    if got.shape != want.shape:
        got = got.reshape(want.shape)
    bad = ~((got == want) | (np.isnan(got) & np.isnan(want)))
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} differ, first {got[bad][0]!r} wants {want[bad][0]!r}"


def close(got, want, what, rtol=1e-5, atol=1e-6):
    got = np.asarray(got, dtype=np.float64).reshape(np.asarray(want).shape)
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, equal_nan=True, err_msg=what)


def table(x, names=None):
    return {(names[i] if names else f"c{i}"): x[:, i] for i in range(x.shape[1])}


def data(rows=400, columns=8, missing=0.1):
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1] * 3)
    if missing:
        x[rng.random(x.shape) < missing] = np.nan
    z = np.nan_to_num(x)
    y = (z[:, 0] + z[:, 1] * z[:, 2] > 0).astype(int)
    return x, y, z


def save(name, model):
    path = os.path.join(WORK, name)
    if isinstance(model, bytes):
        with open(path, "wb") as file:
            file.write(model)
    else:
        onnx.save(model, path)
    return path


# --- XGBoost -------------------------------------------------------------------------------------------

def xgb_check(name, booster, x, dmatrix, reasons=True):
    for ending in ("json", "ubj"):
        path = os.path.join(WORK, f"{name}.{ending}")
        booster.save_model(path)
        names = booster.feature_names
        _, raw = weir(path, table(x, names), "--raw")
        same_bits(numbers(raw), booster.predict(dmatrix, output_margin=True), f"{ending} margin")
        _, rows = weir(path, table(x, names))
        close(numbers(rows), booster.predict(dmatrix), f"{ending} prediction", rtol=2e-6)
    if reasons:
        contributions = booster.predict(dmatrix, pred_contribs=True)[:20]
        header, rows = weir(path, table(x[:20], names), "--reasons", str(x.shape[1]))
        check_reasons(header, rows, contributions, names or [f"features[{i}]" for i in range(x.shape[1])])


def check_reasons(header, rows, contributions, names, rtol=1e-3, atol=1e-4):
    first = header.index("reason_1")
    for row, want in zip(rows, contributions):
        got = np.zeros(len(want))
        for i in range(len(names)):
            got[names.index(row[first + 2 * i])] = float(row[first + 2 * i + 1])
        got[-1] = float(row[-1])
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def xgb_case(name, parameters, rounds=20, target=None, columns=8, **dmatrix):
    @case(f"xgboost {name}")
    def run():
        x, y, z = data(columns=columns)
        label = y if target is None else target(y, z)
        d = xgboost.DMatrix(x, label, missing=np.nan, **dmatrix)
        booster = xgboost.train({"max_depth": 4, "seed": 1, "nthread": 1, **parameters}, d, rounds)
        xgb_check("x" + re.sub(r"\W", "_", name), booster, x, d, reasons="multi" not in str(parameters))


positive = lambda y, z: np.exp(z[:, 0] * 0.5) + 0.1
three = lambda y, z: (y + (z[:, 3] > 0.5)).astype(int)
xgb_case("binary:logistic", {"objective": "binary:logistic"})
xgb_case("binary:logistic with base_score", {"objective": "binary:logistic", "base_score": 0.13})
xgb_case("binary:logistic deep", {"objective": "binary:logistic", "max_depth": 12, "min_child_weight": 0}, rounds=40)
xgb_case("binary:logitraw", {"objective": "binary:logitraw"})
xgb_case("binary:hinge", {"objective": "binary:hinge"})
xgb_case("reg:logistic", {"objective": "reg:logistic"})
xgb_case("reg:squarederror", {"objective": "reg:squarederror"}, target=lambda y, z: z[:, 0] * 3 + y)
xgb_case("reg:absoluteerror", {"objective": "reg:absoluteerror"}, target=lambda y, z: z[:, 0] * 3 + y)
xgb_case("reg:pseudohubererror", {"objective": "reg:pseudohubererror"}, target=lambda y, z: z[:, 0] * 3 + y)
xgb_case("reg:squaredlogerror", {"objective": "reg:squaredlogerror"}, target=positive)
xgb_case("count:poisson", {"objective": "count:poisson"}, target=positive)
xgb_case("reg:gamma", {"objective": "reg:gamma"}, target=positive)
xgb_case("reg:tweedie", {"objective": "reg:tweedie"}, target=positive)
xgb_case("multi:softprob", {"objective": "multi:softprob", "num_class": 3}, target=three)
xgb_case("multi:softmax", {"objective": "multi:softmax", "num_class": 3}, target=three)
xgb_case("dart", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3, "skip_drop": 0.2})
xgb_case("random forest", {"objective": "binary:logistic", "num_parallel_tree": 5, "subsample": 0.6, "colsample_bynode": 0.7}, rounds=3)
xgb_case("lossguide", {"objective": "binary:logistic", "grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0, "tree_method": "hist"})
xgb_case("one column", {"objective": "binary:logistic"}, columns=3)
xgb_case("names", {"objective": "binary:logistic"}, feature_names=[f"amount {i}" for i in range(8)])
xgb_case("quantiles", {"objective": "reg:quantileerror", "quantile_alpha": 0.7}, target=lambda y, z: z[:, 0])


@case("xgboost several targets")
def _():
    x, y, z = data()
    d = xgboost.DMatrix(x, np.stack([y, z[:, 0], z[:, 1]], axis=1))
    booster = xgboost.train({"objective": "reg:squarederror", "nthread": 1}, d, 10)
    xgb_check("xtargets", booster, x, d, reasons=False)


@case("xgboost rank:pairwise")
def _():
    x, y, z = data()
    d = xgboost.DMatrix(x, y)
    d.set_group([100] * 4)
    for objective in ("rank:pairwise", "rank:ndcg", "rank:map"):
        booster = xgboost.train({"objective": objective, "nthread": 1}, d, 10)
        xgb_check("xrank", booster, x, d)


@case("xgboost categories")
def _():
    x, y, z = data()
    x[:, 1] = rng.integers(0, 40, 400)
    x[:, 2] = rng.integers(0, 3, 400)
    x[rng.random(400) < 0.1, 1] = np.nan
    y = ((np.nan_to_num(x[:, 1]) % 7 < 3) ^ (x[:, 2] == 1)).astype(int)
    types = ["float"] + ["c", "c"] + ["float"] * 5
    for more in ({}, {"max_cat_to_onehot": 50}, {"max_cat_to_onehot": 1}):
        d = xgboost.DMatrix(x, y, feature_types=types, enable_categorical=True)
        booster = xgboost.train({"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, **more}, d, 20)
        odd = x.copy()
        odd[:50, 1] = rng.integers(30, 90, 50)  # categories that were never seen
        try:
            d2 = xgboost.DMatrix(odd, feature_types=types, enable_categorical=True)
            booster.predict(d2)
        except Exception:
            odd, d2 = x, d
        xgb_check("xcat", booster, odd, d2)


@case("xgboost categories of a frame")
def _():
    x, y, _ = data(columns=3, missing=0)
    tens, text = np.abs(x[:, 1]).astype(int) * 10, x[:, 2] > 0
    frame = pandas.DataFrame({"c0": x[:, 0], "c1": pandas.Categorical(tens), "c2": pandas.Categorical(np.where(text, "b", "a"))})
    d = xgboost.DMatrix(frame, y, enable_categorical=True)
    for onehot in (1, 50):
        booster = xgboost.train({"max_depth": 4, "nthread": 1, "max_cat_to_onehot": onehot}, d, 20)
        xgb_check("xframe", booster, np.column_stack([x[:, 0], tens, text]).astype(np.float32), d)


@case("xgboost infinities and edges of thresholds")
def _():
    x, y, z = data(missing=0)
    d = xgboost.DMatrix(x, y)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, d, 20)
    dump = json.loads(booster.save_raw("json").decode())
    edges = []
    for tree in dump["learner"]["gradient_booster"]["model"]["trees"]:
        edges += [(f, t) for f, t, l in zip(tree["split_indices"], tree["split_conditions"], tree["left_children"]) if l >= 0]
    rows = np.zeros((len(edges) * 3, 8), dtype=np.float32)
    for i, (f, t) in enumerate(edges):
        t = np.float32(t)
        for j, v in enumerate((t, np.nextafter(t, np.float32(-9e9)), np.nextafter(t, np.float32(9e9)))):
            rows[i * 3 + j, f] = v
    xgb_check("xedges", booster, rows, xgboost.DMatrix(rows))


# --- LightGBM ------------------------------------------------------------------------------------------

def lgb_check(name, booster, x, reasons=True):
    path = os.path.join(WORK, f"{name}.txt")
    booster.save_model(path)
    names = booster.feature_name()
    _, raw = weir(path, table(x, names), "--raw")
    same_bits(numbers(raw), booster.predict(x, raw_score=True, num_threads=1), "raw score")
    _, rows = weir(path, table(x, names))
    close(numbers(rows), booster.predict(x), "prediction", rtol=1e-12)
    if reasons:
        contributions = booster.predict(x[:20], pred_contrib=True)
        header, rows = weir(path, table(x[:20], names), "--reasons", str(x.shape[1]))
        check_reasons(header, rows, contributions, names, rtol=1e-8, atol=1e-9)


def lgb_case(name, parameters, rounds=20, target=None, change=None, reasons=True, **dataset):
    @case(f"lightgbm {name}")
    def run():
        x, y, z = data(rows=600)
        x = x.astype(np.float64) * 1.1
        if change:
            x = change(x)
        label = y if target is None else target(y, z)
        options = {"verbose": -1, "num_threads": 1, "seed": 1, "min_data_in_leaf": 5, **parameters}
        booster = lightgbm.train(options, lightgbm.Dataset(x, label, **dataset), rounds)
        lgb_check("l" + re.sub(r"\W", "_", name), booster, x, reasons)


def zeros(x):
    x[rng.random(x.shape) < 0.3] = 0.0
    x[rng.random(x.shape) < 0.05] = 1e-36
    return x


def categories(x):
    x[:, 1] = rng.integers(-1, 50, len(x))
    x[:, 2] = rng.integers(0, 4, len(x))
    x[rng.random(len(x)) < 0.1, 1] = np.nan
    return x


lgb_case("binary", {"objective": "binary"})
lgb_case("binary with sigmoid", {"objective": "binary", "sigmoid": 0.7, "is_unbalance": True})
lgb_case("zero as missing", {"objective": "binary", "zero_as_missing": True}, change=zeros)
lgb_case("zeros", {"objective": "binary"}, change=zeros)
lgb_case("no missing", {"objective": "binary", "use_missing": False}, change=zeros)
lgb_case("categories", {"objective": "binary", "min_data_per_group": 5, "cat_smooth": 1}, change=categories, categorical_feature=[1, 2])
lgb_case("categories one-hot", {"objective": "binary", "max_cat_to_onehot": 64, "min_data_per_group": 1}, change=categories, categorical_feature=[1, 2])
lgb_case("regression", {"objective": "regression"}, target=lambda y, z: z[:, 0])
lgb_case("regression sqrt", {"objective": "regression", "reg_sqrt": True}, target=lambda y, z: z[:, 0] * 5)
lgb_case("l1", {"objective": "regression_l1"}, target=lambda y, z: z[:, 0])
lgb_case("huber", {"objective": "huber"}, target=lambda y, z: z[:, 0])
lgb_case("quantile", {"objective": "quantile", "alpha": 0.8}, target=lambda y, z: z[:, 0])
lgb_case("poisson", {"objective": "poisson"}, target=positive)
lgb_case("gamma", {"objective": "gamma"}, target=positive)
lgb_case("tweedie", {"objective": "tweedie"}, target=positive)
lgb_case("cross entropy", {"objective": "cross_entropy"}, target=lambda y, z: 1 / (1 + np.exp(-z[:, 0])))
lgb_case("cross entropy lambda", {"objective": "cross_entropy_lambda"}, target=lambda y, z: 1 / (1 + np.exp(-z[:, 0])))
lgb_case("multiclass", {"objective": "multiclass", "num_class": 3}, target=three, reasons=False)
lgb_case("multiclassova", {"objective": "multiclassova", "num_class": 3}, target=three, reasons=False)
lgb_case("random forest", {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, reasons=False)
lgb_case("dart", {"objective": "binary", "boosting": "dart"})
lgb_case("many leaves", {"objective": "binary", "num_leaves": 200, "min_data_in_leaf": 1}, rounds=50)
lgb_case("stumps", {"objective": "binary", "num_leaves": 2})


@case("lightgbm odd categories")
def _():
    x = categories(data(rows=600)[0].astype(np.float64))
    y = (np.nan_to_num(x[:, 1]) % 5 < 2).astype(int)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 5}, lightgbm.Dataset(x, y, categorical_feature=[1, 2]), 20)
    for value in (-5.0, -0.5, 0.7, 1.9, 49.5, 1e4, 2.0**31 - 1):
        odd = x.copy()
        odd[:, 1] = value
        lgb_check("lodd", booster, odd)


@case("lightgbm lambdarank")
def _():
    x, y, z = data()
    booster = lightgbm.train({"objective": "lambdarank", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(x.astype(np.float64), y, group=[100] * 4), 10)
    lgb_check("lrank", booster, x.astype(np.float64))


@case("lightgbm linear trees are refused")
def _():
    x, y, z = data(missing=0)
    booster = lightgbm.train({"objective": "regression", "linear_tree": True, "verbose": -1}, lightgbm.Dataset(x.astype(np.float64), z[:, 0] + y), 5)
    path = os.path.join(WORK, "llinear.txt")
    booster.save_model(path)
    try:
        weir(path, table(x))
    except AssertionError as error:
        assert "exit 65" in str(error) and "linear" in str(error), error
    else:
        raise AssertionError("accepted")


# --- ONNX ----------------------------------------------------------------------------------------------

def ort(path, feeds):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [o.name for o in session.get_outputs()], session.run(None, feeds)


def onnx_check(path, columns, feeds, rtol=1e-5, atol=1e-6, shape=True):
    names, outputs = ort(path, feeds)
    header, rows = weir(path, columns)
    for name, output in zip(names, outputs):
        at = [i for i, h in enumerate(header) if h == name or h.startswith(name + "[")]
        assert at, f"no output {name} in {header}"
        if isinstance(output, list):  # ZipMap
            output = np.array([[row[k] for k in row] for row in output])
        output = np.asarray(output)
        got = [[row[i] for i in at] for row in rows]
        if output.dtype == object or output.dtype.kind in "US":
            assert [g[0] for g in got] == [str(v) for v in output.ravel()], f"{name}: labels differ"
        elif output.dtype == bool:
            assert [g == "true" for r in got for g in r] == list(output.ravel()), name
        else:
            close(numbers(got), output.reshape(len(rows), -1), name, rtol=rtol, atol=atol)


def sk_case(name, make, kind="classifier", missing=0, options=None, dtype="float", target=None, atol=1e-5, compare=None):
    @case(f"skl2onnx {name}")
    def run():
        from skl2onnx.common.data_types import FloatTensorType, DoubleTensorType
        x, y, z = data(missing=missing)
        label = target(y, z) if target else y if kind == "classifier" else z[:, 0] * 2 + y
        model = make().fit(x, label)
        if dtype == "double":
            initial, x = [("X", DoubleTensorType([None, x.shape[1]]))], x.astype(np.float64)
        else:
            initial = [("X", FloatTensorType([None, x.shape[1]]))]
        for opset in (9, 12, 15, 19):
            for zipmap in ((True, False) if kind == "classifier" else (None,)):
                more = {} if zipmap is None else {"options": {id(model): {"zipmap": zipmap, **(options or {})}}}
                try:
                    converted = skl2onnx.to_onnx(model, initial_types=initial, target_opset={"": opset, "ai.onnx.ml": 1 if opset < 13 else 3}, **more)
                except Exception as error:
                    if opset == 9 or (opset == 12 and dtype == "double"):
                        continue  # the converter itself refuses
                    raise
                path = save(f"sk{opset}.onnx", converted)
                onnx_check(path, table(x), {"X": x}, atol=atol)


def sk():
    from sklearn.linear_model import LogisticRegression, LinearRegression, Ridge, SGDClassifier, ElasticNet, PoissonRegressor
    from sklearn.ensemble import (RandomForestClassifier, RandomForestRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
                                  ExtraTreesClassifier)
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler, Normalizer, Binarizer, PolynomialFeatures,
                                       KBinsDiscretizer, PowerTransformer)
    from sklearn.impute import SimpleImputer
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest
    from sklearn.naive_bayes import GaussianNB
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    labels = lambda y, z: np.array(["bad", "good"])[y]
    sk_case("logistic regression", lambda: LogisticRegression())
    sk_case("logistic regression, three classes", lambda: LogisticRegression(), target=three)
    sk_case("logistic regression, names of classes", lambda: LogisticRegression(), target=labels)
    sk_case("linear regression", lambda: LinearRegression(), kind="regressor")
    sk_case("linear regression, double", lambda: LinearRegression(), kind="regressor", dtype="double")
    sk_case("ridge", lambda: Ridge(), kind="regressor")
    sk_case("sgd log loss", lambda: SGDClassifier(loss="log_loss", random_state=1))
    sk_case("decision tree", lambda: DecisionTreeClassifier(max_depth=6, random_state=1))
    sk_case("decision tree, three", lambda: DecisionTreeClassifier(max_depth=6, random_state=1), target=three)
    sk_case("decision tree regressor", lambda: DecisionTreeRegressor(max_depth=6, random_state=1), kind="regressor")
    sk_case("random forest", lambda: RandomForestClassifier(n_estimators=10, random_state=1))
    sk_case("random forest, names of classes", lambda: RandomForestClassifier(n_estimators=10, random_state=1), target=labels)
    sk_case("random forest, three", lambda: RandomForestClassifier(n_estimators=10, random_state=1), target=three)
    sk_case("random forest regressor", lambda: RandomForestRegressor(n_estimators=10, random_state=1), kind="regressor")
    sk_case("random forest, double", lambda: RandomForestClassifier(n_estimators=10, random_state=1), dtype="double")
    sk_case("extra trees", lambda: ExtraTreesClassifier(n_estimators=10, random_state=1))
    sk_case("gradient boosting", lambda: GradientBoostingClassifier(n_estimators=20, random_state=1))
    sk_case("gradient boosting, three", lambda: GradientBoostingClassifier(n_estimators=20, random_state=1), target=three)
    sk_case("gradient boosting regressor", lambda: GradientBoostingRegressor(n_estimators=20, random_state=1), kind="regressor")
    sk_case("mlp classifier", lambda: MLPClassifier((16, 8), max_iter=30, random_state=1))
    sk_case("mlp tanh, three", lambda: MLPClassifier((16,), activation="tanh", max_iter=30, random_state=1), target=three)
    sk_case("mlp regressor", lambda: MLPRegressor(hidden_layer_sizes=(16,), activation="logistic", max_iter=30, random_state=1), kind="regressor")
    sk_case("scaler and logistic", lambda: make_pipeline(StandardScaler(), LogisticRegression()))
    sk_case("imputer, scaler, logistic", lambda: make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()), missing=0.1)
    sk_case("minmax", lambda: make_pipeline(MinMaxScaler(), LogisticRegression()))
    sk_case("minmax clip", lambda: make_pipeline(MinMaxScaler(clip=True), LogisticRegression()))
    sk_case("robust", lambda: make_pipeline(RobustScaler(), LogisticRegression()))
    sk_case("maxabs", lambda: make_pipeline(MaxAbsScaler(), LogisticRegression()))
    sk_case("normalizer", lambda: make_pipeline(Normalizer("l2"), LogisticRegression()))
    sk_case("normalizer l1", lambda: make_pipeline(Normalizer("l1"), LogisticRegression()))
    sk_case("binarizer", lambda: make_pipeline(Binarizer(threshold=0.1), LogisticRegression()))
    sk_case("polynomial", lambda: make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=500)))
    sk_case("pca", lambda: make_pipeline(PCA(4), LogisticRegression()))
    sk_case("select", lambda: make_pipeline(SelectKBest(k=3), LogisticRegression()))
    sk_case("discretizer", lambda: make_pipeline(KBinsDiscretizer(4, encode="onehot-dense"), LogisticRegression()))
    sk_case("power", lambda: make_pipeline(PowerTransformer(), LogisticRegression()), atol=1e-4)
    sk_case("naive bayes", lambda: GaussianNB(), atol=1e-4)
    sk_case("calibrated", lambda: CalibratedClassifierCV(LogisticRegression(), cv=3))
    sk_case("discriminant analysis", lambda: LinearDiscriminantAnalysis())


sk()


@case("skl2onnx columns of several kinds")
def _():
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler, OneHotEncoder, OrdinalEncoder
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.ensemble import GradientBoostingClassifier
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType, Int64TensorType
    n = 300
    frame = pd.DataFrame({"amount": rng.normal(size=n).astype(np.float32), "age": rng.integers(18, 80, n),
                          "country": rng.choice(["CZ", "DE", "a, \"b\"", "žluť"], n), "kind": rng.choice(["x", "y"], n)})
    y = ((frame.amount > 0) ^ (frame.country == "DE")).astype(int)
    with_gaps = frame.copy()
    with_gaps.loc[::7, "amount"] = np.nan
    for encoder in (OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()):
        for last in (LogisticRegression(), GradientBoostingClassifier(n_estimators=10)):
            model = Pipeline([("columns", ColumnTransformer([
                ("numbers", Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]), ["amount", "age"]),
                ("texts", encoder, ["country", "kind"])])), ("last", last)]).fit(with_gaps, y)
            initial = [("amount", FloatTensorType([None, 1])), ("age", Int64TensorType([None, 1])),
                       ("country", StringTensorType([None, 1])), ("kind", StringTensorType([None, 1]))]
            path = save("columns.onnx", skl2onnx.to_onnx(model, initial_types=initial, options={"zipmap": False}))
            feeds = {"amount": with_gaps[["amount"]].values.astype(np.float32), "age": with_gaps[["age"]].values.astype(np.int64),
                     "country": with_gaps[["country"]].values.astype(object), "kind": with_gaps[["kind"]].values.astype(object)}
            columns = {c: list(with_gaps[c]) for c in ("kind", "country", "age", "amount")}  # by name, in another order
            onnx_check(path, columns, feeds)


def converted(name, make, missing=0.1, target=None):
    @case(f"onnxmltools {name}")
    def run():
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType
        x, y, z = data(missing=missing)
        model = make().fit(x, target(y, z) if target else y)
        initial = [("X", FloatTensorType([None, x.shape[1]]))]
        convert = onnxmltools.convert_xgboost if "xgb" in name else onnxmltools.convert_lightgbm
        path = save("converted.onnx", convert(model, initial_types=initial, target_opset=15))
        onnx_check(path, table(x), {"X": x}, atol=1e-5)


converted("xgb binary", lambda: xgboost.XGBClassifier(n_estimators=20, max_depth=4))
converted("xgb three", lambda: xgboost.XGBClassifier(n_estimators=20, max_depth=4), target=three)
converted("xgb regressor", lambda: xgboost.XGBRegressor(n_estimators=20, max_depth=4), target=lambda y, z: z[:, 0])
converted("lightgbm binary", lambda: lightgbm.LGBMClassifier(n_estimators=20, verbose=-1))
converted("lightgbm three", lambda: lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), target=three)
converted("lightgbm regressor", lambda: lightgbm.LGBMRegressor(n_estimators=20, verbose=-1), target=lambda y, z: z[:, 0])


def tensor(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def graph_model(nodes, initializers, width=8, opset=17, inputs=None, outputs=None, ir=8, ml=None):
    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])]
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])
    return helper.make_model(graph, opset_imports=imports, ir_version=ir)


def weights(*shape):
    return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def torch_like(name, make, rows=100, width=8, **options):
    @case(f"graph {name}")
    def run():
        nodes, initializers = make()
        path = save("graph.onnx", graph_model(nodes, initializers, width=width, **options))
        x = rng.normal(size=(rows, width)).astype(np.float32)
        onnx_check(path, table(x), {"x": x})


N = helper.make_node
torch_like("mlp with transB", lambda: ([N("Gemm", ["x", "w1", "b1"], ["h1"], transB=1), N("Relu", ["h1"], ["r1"]),
                                        N("Gemm", ["r1", "w2", "b2"], ["h2"], transB=1), N("Sigmoid", ["h2"], ["y"])],
                                       [tensor("w1", weights(32, 8)), tensor("b1", weights(32)), tensor("w2", weights(1, 32)), tensor("b2", weights(1))]))
torch_like("matmul and add", lambda: ([N("MatMul", ["x", "w1"], ["h1"]), N("Add", ["b1", "h1"], ["a1"]), N("Tanh", ["a1"], ["r1"]),
                                       N("MatMul", ["r1", "w2"], ["h2"]), N("Add", ["h2", "b2"], ["a2"]), N("Softmax", ["a2"], ["y"], axis=1)],
                                      [tensor("w1", weights(8, 40)), tensor("b1", weights(40)), tensor("w2", weights(40, 3)), tensor("b2", weights(3))]))
torch_like("batch norm and leaky", lambda: ([N("Gemm", ["x", "w1", "b1"], ["h1"]), N("BatchNormalization", ["h1", "s", "b", "m", "v"], ["n1"]),
                                            N("LeakyRelu", ["n1"], ["r1"], alpha=0.2), N("Dropout", ["r1"], ["d1"]), N("Gemm", ["d1", "w2"], ["y"], alpha=0.5)],
                                           [tensor("w1", weights(8, 24)), tensor("b1", weights(24)), tensor("s", weights(24)), tensor("b", weights(24)),
                                            tensor("m", weights(24)), tensor("v", np.abs(weights(24)) + 0.1), tensor("w2", weights(24, 2))]))
torch_like("shape, gather, reshape", lambda: ([N("Shape", ["x"], ["s"]), N("Constant", [], ["zero"], value=tensor("", np.int64(0))),
                                              N("Gather", ["s", "zero"], ["n"], axis=0), N("Constant", [], ["axes"], value=tensor("", np.array([0], dtype=np.int64))),
                                              N("Unsqueeze", ["n", "axes"], ["n1"]), N("Constant", [], ["rest"], value=tensor("", np.array([2, 4], dtype=np.int64))),
                                              N("Concat", ["n1", "rest"], ["dims"], axis=0), N("Reshape", ["x", "dims"], ["r"]),
                                              N("Transpose", ["r"], ["t"], perm=[0, 2, 1]), N("ReduceMean", ["t"], ["y"], axes=[2], keepdims=0)], []))
torch_like("residual, layer norm, gelu", lambda: ([N("LayerNormalization", ["x", "g", "b"], ["n"], axis=-1), N("Gemm", ["n", "w1", "b1"], ["h"]),
                                                  N("Erf", ["h"], ["e"]), N("Mul", ["h", "e"], ["m"]), N("Add", ["m", "x"], ["y"])],
                                                 [tensor("g", weights(8)), tensor("b", weights(8)), tensor("w1", weights(8, 8)), tensor("b1", weights(8))]))
torch_like("softmax before opset 13", lambda: ([N("Softmax", ["x"], ["y"])], []), opset=11)
torch_like("IR 3", lambda: ([N("Gemm", ["x", "w1", "b1"], ["y"])], [tensor("w1", weights(8, 3)), tensor("b1", weights(3))]), ir=3, opset=9,
           inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8]), helper.make_tensor_value_info("w1", TensorProto.FLOAT, [8, 3]),
                   helper.make_tensor_value_info("b1", TensorProto.FLOAT, [3])])
torch_like("wide", lambda: ([N("Gemm", ["x", "w1", "b1"], ["h1"]), N("Relu", ["h1"], ["r1"]), N("Gemm", ["r1", "w2", "b2"], ["y"])],
                            [tensor("w1", weights(200, 333)), tensor("b1", weights(333)), tensor("w2", weights(333, 17)), tensor("b2", weights(17))]), width=200, rows=70)
torch_like("rows from a fixed batch of one", lambda: ([N("Gemm", ["x", "w1"], ["y"])], [tensor("w1", weights(8, 3))]),
           inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])], rows=1)
torch_like("nodes in any order", lambda: ([N("Relu", ["h"], ["y"]), N("Gemm", ["x", "w1"], ["h"])][::-1], [tensor("w1", weights(8, 3))]))


def mixing(name, nodes, **options):
    @case(f"graph mixing rows is refused: {name}")
    def run():
        path = save("mixing.onnx", graph_model(nodes, [], **options))
        try:
            weir(path, table(np.zeros((3, 8))))
        except AssertionError as error:
            assert "exit 65" in str(error) and "row" in str(error), error
        else:
            raise AssertionError("accepted")


mixing("softmax along the batch", [N("Softmax", ["x"], ["y"], axis=0)])
mixing("a sum over the batch", [N("Einsum", ["x"], ["y"], equation="bi->i")])
mixing("a mean of everything", [N("ReduceMean", ["x"], ["y"], keepdims=0)])


@case("graph wide on oneDNN")
def _():
    nodes = [N("Gemm", ["x", "w1", "b1"], ["h1"]), N("Relu", ["h1"], ["r1"]), N("Gemm", ["r1", "w2", "b2"], ["h2"]), N("Sigmoid", ["h2"], ["y"])]
    path = save("onednn.onnx", graph_model(nodes, [tensor("w1", weights(64, 128)), tensor("b1", weights(128)), tensor("w2", weights(128, 64)), tensor("b2", weights(64))], width=64))
    x = rng.normal(size=(117, 64)).astype(np.float32)
    _, exact = weir(path, table(x))
    _, fast = weir(path, table(x), "--numerics", "onednn")
    _, alone = weir(path, table(x[116:]), "--numerics", "onednn")
    close(numbers(fast), numbers(exact), "onednn", rtol=1e-5)
    assert alone[0] == fast[116], "a row alone has other bits than in a batch"
    shown = json.loads(subprocess.run([WEIR, "model", "show", path, "--numerics", "onednn", "-o", "json"], capture_output=True, text=True).stdout)
    print("oneDNN:", shown["profile"], "-", shown["verdict"])


def linear_classifier(name, **attributes):
    @case(f"onnx.ml {name}")
    def run():
        outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, None), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        node = N("LinearClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", **attributes)
        path = save("lc.onnx", graph_model([node], [], outputs=outputs, ml=3))
        x = rng.normal(size=(50, 8)).astype(np.float32)
        onnx_check(path, table(x), {"x": x})


for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
    linear_classifier(f"LinearClassifier {post} one score", coefficients=weights(8).tolist(), intercepts=[0.1], classlabels_ints=[3, 7], post_transform=post)
    linear_classifier(f"LinearClassifier {post} three", coefficients=weights(24).tolist(), intercepts=[0.1, 0.2, 0.3], classlabels_ints=[3, 7, 1], post_transform=post)
    linear_classifier(f"LinearClassifier {post} two", coefficients=weights(16).tolist(), intercepts=[0.1, 0.2], classlabels_ints=[3, 7], post_transform=post)


def stump(name, classes, ids, values, **attributes):
    """One tree of three leaves over x0 and x1; weights by leaf."""
    @case(f"onnx.ml trees {name}")
    def run():
        leaves = [1, 3, 4]
        entries = [(leaf, c, v) for leaf, row in zip(leaves, values) for c, v in zip(ids, row)]
        prefix = "class" if classes else "target"
        lists = dict(nodes_treeids=[0] * 5, nodes_nodeids=list(range(5)), nodes_featureids=[0, 0, 1, 0, 0], nodes_values=[0.1, 0.0, -0.2, 0.0, 0.0],
                     nodes_modes=["BRANCH_LEQ", "LEAF", attributes.pop("mode", "BRANCH_LT"), "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 3, 0, 0],
                     nodes_falsenodeids=[2, 0, 4, 0, 0], nodes_missing_value_tracks_true=attributes.pop("tracks", [0] * 5))
        lists |= {f"{prefix}_treeids": [0] * len(entries), f"{prefix}_nodeids": [e[0] for e in entries], f"{prefix}_ids": [e[1] for e in entries],
                  f"{prefix}_weights": [float(e[2]) for e in entries]}
        if classes:
            outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, None), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
            node = N("TreeEnsembleClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", classlabels_int64s=classes, **lists, **attributes)
        else:
            outputs = None
            node = N("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=max(ids) + 1, **lists, **attributes)
        path = save("stump.onnx", graph_model([node], [], outputs=outputs, ml=3))
        x = rng.normal(size=(50, 8)).astype(np.float32)
        x[0, 0], x[1, 0], x[2:12, 1] = 0.1, np.nan, np.nan
        onnx_check(path, table(x), {"x": x})


for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
    stump(f"{post} binary, one class 0", [4, 9], [0], [[0.2], [-0.3], [0.7]], post_transform=post)
    stump(f"{post} binary, one class 1", [4, 9], [1], [[0.2], [-0.3], [0.7]], post_transform=post)
    stump(f"{post} binary, positive weights", [4, 9], [0], [[0.2], [0.3], [0.7]], post_transform=post)
    stump(f"{post} binary, positive weights of class 1", [4, 9], [1], [[0.2], [0.3], [0.7]], post_transform=post)
    stump(f"{post} binary, base", [4, 9], [0], [[0.2], [-0.3], [0.7]], post_transform=post, base_values=[0.4])
    stump(f"{post} binary, two bases", [4, 9], [0], [[0.2], [-0.3], [0.7]], post_transform=post, base_values=[0.4, 0.5])
    stump(f"{post} two classes", [4, 9], [0, 1], [[0.2, 0.8], [-0.3, 0.1], [0.7, 0.3]], post_transform=post)
    stump(f"{post} two classes, bases", [4, 9], [0, 1], [[0.2, 0.8], [-0.3, 0.1], [0.7, 0.3]], post_transform=post, base_values=[0.4, -0.5])
    stump(f"{post} three classes", [4, 9, 2], [0, 1, 2], [[0.2, 0.8, 0], [-0.3, 0.1, 1], [0.7, 0.3, 0.5]], post_transform=post, base_values=[0.1, 0.2, 0.3])
    stump(f"{post} regressor", None, [0], [[0.2], [-0.3], [0.7]], post_transform=post, base_values=[0.25])
    stump(f"{post} two targets", None, [0, 1], [[0.2, 1], [-0.3, 2], [0.7, 3]], post_transform=post)
for mode in ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"):
    stump(mode, None, [0], [[0.2], [-0.3], [0.7]], mode=mode)
    stump(mode + " tracking", None, [0], [[0.2], [-0.3], [0.7]], mode=mode, tracks=[1, 0, 1, 0, 0])
for how in ("AVERAGE", "MIN", "MAX"):
    stump(how, None, [0], [[0.2], [-0.3], [0.7]], aggregate_function=how, base_values=[0.5])

print(f"{passed} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
