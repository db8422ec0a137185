#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains on an exported snapshot, as the Fraud Detection Handbook does: one week of training, a week of delay.

    weir export --vector handbook --with fraud --out snapshot
    train.py snapshot models/handbook.json            # XGBoost
    train.py snapshot models/handbook.onnx --net      # a small neural net, exported to ONNX

The feature columns keep their names, so `weir model show` and the definition's `using model` find them again.
"""
import argparse
import pathlib

import numpy as np
import pyarrow.dataset as dataset

FEATURES = [
    "tx_during_weekend", "tx_during_night",
    "customer_id_nb_tx_1day_window", "customer_id_avg_amount_1day_window",
    "customer_id_nb_tx_7day_window", "customer_id_avg_amount_7day_window",
    "customer_id_nb_tx_30day_window", "customer_id_avg_amount_30day_window",
    "terminal_id_nb_tx_1day_window", "terminal_id_risk_1day_window",
    "terminal_id_nb_tx_7day_window", "terminal_id_risk_7day_window",
    "terminal_id_nb_tx_30day_window", "terminal_id_risk_30day_window",
]


def load(snapshot, start, days):
    """The rows of [start, start + days): features as float32, and the label."""
    table = dataset.dataset(snapshot, format="parquet", exclude_invalid_files=True).to_table(
        columns=FEATURES + ["event_time", "fraud"])
    time = table["event_time"].to_numpy().astype("datetime64[us]")
    first = np.datetime64(start, "us")
    chosen = (time >= first) & (time < first + np.timedelta64(days, "D"))
    x = np.column_stack([table[name].to_numpy().astype(np.float32) for name in FEATURES])
    return x[chosen], table["fraud"].to_numpy().astype(np.int64)[chosen]


def train_trees(x, y, path):
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=100, max_depth=6, learning_rate=0.3, n_jobs=2, random_state=0)
    model.fit(x, y)
    booster = model.get_booster()
    booster.feature_names = FEATURES
    booster.save_model(path)


def train_net(x, y, path):
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(32, 16), max_iter=30, random_state=0))
    net.fit(x, y)
    onnx = skl2onnx.to_onnx(net, initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
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
    x, y = load(chosen.snapshot, chosen.start, chosen.days)
    pathlib.Path(chosen.model).parent.mkdir(parents=True, exist_ok=True)
    (train_net if chosen.net else train_trees)(x, y, chosen.model)
    print(f"trained on {len(y)} rows, {int(y.sum())} frauds: {chosen.model}")


if __name__ == "__main__":
    main()
