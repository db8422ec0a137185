#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the model of this example on exported vectors and writes it as ONNX.

    weir export --vector card_fraud --with fraud --out snapshot
    train.py snapshot models/card_fraud.onnx

Also takes a CSV of `weir eval` and the events it was made from: train.py rows.csv models/card_fraud.onnx events.jsonl
"""
import json
import pathlib
import sys

import numpy as np
import pyarrow.csv
import pyarrow.dataset as dataset
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

NOT_FEATURES = {"seq", "stream", "time", "tx_id", "event_time", "card", "merchant", "key.card", "fraud", "errors",
                "journal_partition", "journal_offset", "journal_index"}


def load(path, events):
    if pathlib.Path(path).is_dir():
        table = dataset.dataset(path, format="parquet").to_table()
        labels = table["fraud"].to_numpy()
    else:
        table = pyarrow.csv.read_csv(path)
        labels = np.array([json.loads(line)["value"]["fraud"] for line in open(events, encoding="utf-8")])
    names = [name for name in table.column_names if name not in NOT_FEATURES]
    columns = [np.asarray(table[name].to_pylist(), dtype=np.float32) for name in names]
    return names, np.column_stack(columns), (labels > 0).astype(int)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    names, x, y = load(sys.argv[1], sys.argv[3] if len(sys.argv) == 4 else None)
    split = len(y) * 2 // 3  # the last third, in order of time, is the test
    model = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=0)
    model.fit(x[:split], y[:split])
    score = model.predict_proba(x[split:])[:, 1]
    print(f"{len(names)} features, {split} rows of training; on the rest AUC ROC {roc_auc_score(y[split:], score):.3f}, "
          f"average precision {average_precision_score(y[split:], score):.3f}")
    onnx = to_onnx(model, initial_types=[("features", FloatTensorType([None, len(names)]))],
                   options={"zipmap": False}, target_opset={"": 15, "ai.onnx.ml": 3})
    pathlib.Path(sys.argv[2]).write_bytes(onnx.SerializeToString())


if __name__ == "__main__":
    main()
