#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a model on an exported snapshot, as the Fraud Detection Handbook does: on one week (or several) of transactions.

    weir export --vector handbook --with fraud --out snapshot
    train.py snapshot models/handbook.json            # XGBoost
    train.py snapshot models/net.onnx --net           # a small neural net, in ONNX

The model reads the columns of the vector, in its order. XGBoost's file names them, so the definition finds them by name; the net has
one input that is as wide as the vector. Every setting was chosen on weeks before the one that is trained on here.
"""
import argparse
import datetime
import json
import pathlib
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.dataset as dataset

# What `weir export` writes beside the columns of the vector.
BESIDE = {"tx_id", "event_time", "customer", "terminal", "fraud", "errors", "journal_partition", "journal_offset", "journal_index"}


def feature_names(snapshot):
    manifest = json.loads((pathlib.Path(snapshot) / "_manifest.json").read_text(encoding="utf-8"))
    return [column["name"] for column in manifest["columns"] if column["name"] not in BESIDE]


def as_float32(column):
    """Rounded once, as the scorer does it; null is NaN."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)


def load(snapshot, start, days):
    """The rows of [start, start + days): features as float32, and the label."""
    names = feature_names(snapshot)
    first = datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.timezone.utc)
    time = compute.field("event_time")
    within = (time >= first) & (time < first + datetime.timedelta(days))
    table = dataset.dataset(snapshot, format="parquet").to_table(columns=names + ["fraud"], filter=within)
    return np.column_stack([as_float32(table[name].combine_chunks()) for name in names]), table["fraud"].to_numpy().astype(np.int64), names


def train_trees(x, y, names, path):
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=150, max_depth=4, learning_rate=0.05, subsample=0.8, colsample_bytree=0.5,
                                  min_child_weight=5, reg_lambda=5, n_jobs=1, random_state=0)
    model.fit(x, y)
    booster = model.get_booster()
    booster.feature_names = names
    booster.save_model(path)


def train_net(x, y, path):
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # 64 wide, so that the layer between them is one that oneDNN takes when `numerics` asks for it.
    net = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(64, 64), alpha=1e-3, batch_size=256, max_iter=8, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eight rounds are chosen, not a failure to converge
        net.fit(x, y)
    onnx = skl2onnx.to_onnx(net, initial_types=[("features", FloatTensorType([None, x.shape[1]]))],
                            options={"zipmap": False}, target_opset={"": 15, "ai.onnx.ml": 3})
    pathlib.Path(path).write_bytes(onnx.SerializeToString())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("snapshot")
    arguments.add_argument("model")
    arguments.add_argument("--net", action="store_true", help="a neural net in ONNX instead of XGBoost")
    arguments.add_argument("--from", dest="start", default="2018-07-25", help="first day of training (%(default)s)")
    arguments.add_argument("--days", type=int, default=7)
    chosen = arguments.parse_args()
    x, y, names = load(chosen.snapshot, chosen.start, chosen.days)
    pathlib.Path(chosen.model).parent.mkdir(parents=True, exist_ok=True)
    if chosen.net:
        train_net(x, y, chosen.model)
    else:
        train_trees(x, y, names, chosen.model)
    print(f"trained on {len(y)} rows, {int(y.sum())} frauds, {len(names)} columns: {chosen.model}")


if __name__ == "__main__":
    main()
