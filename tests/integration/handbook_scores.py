#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""handbook_scores.py SNAPSHOT SCORES.jsonl MODEL FROM [PROFILE]: the scores that the system wrote, against the model's own library.

In 8-bit integers a net's values are others, so they are only held near.

Every event of the snapshot from FROM on must have one score, by this very file and not by the fallback. The exported columns go
through XGBoost or onnxruntime: trees' margins agree to the last bits of a probability, a net's sums (in another order) to 1e-5.
"""
import base64
import hashlib
import json
import pathlib
import sys

import numpy as np
import pyarrow.dataset as dataset

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs/examples/fraud-handbook"))
import train  # noqa: E402, the columns as the trainer reads them


def exported(snapshot, start):
    names = train.feature_names(snapshot)
    table = dataset.dataset(snapshot, format="parquet").to_table()
    kept = table["event_time"].to_numpy().astype("datetime64[us]") >= np.datetime64(start, "us")
    x = np.column_stack([train.as_float32(table[name].combine_chunks()) for name in names])
    return table["tx_id"].to_numpy()[kept], x[kept], names


def predict(model, x, names):
    """The probability of fraud by the library, and how far apart ours may be."""
    if model.endswith(".json"):
        import xgboost

        booster = xgboost.Booster(model_file=model)
        return booster.predict(xgboost.DMatrix(x, feature_names=names)), 2e-7
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"features": x})[0][:, 1], 1e-5


def read_scores(path, start):
    scores = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            value = json.loads(line)["value"]
            if value["time"] >= start:
                before = scores.setdefault(int(value["event_id"]), value)
                assert before == value, f"two different scores of event {value['event_id']}"
    return scores


def main():
    snapshot, path, model, start = sys.argv[1:5]
    ids, x, names = exported(snapshot, start)
    scores = read_scores(path, start)
    assert len(ids) > 0 and set(scores) == set(int(i) for i in ids), f"{len(scores)} scores, {len(ids)} events"
    digest = hashlib.sha256(pathlib.Path(model).read_bytes()).digest()
    for value in scores.values():
        assert not value["fallback"] and base64.b64decode(value["model_digest"]) == digest, value
        assert len(sys.argv) < 6 or value["profile"].startswith(sys.argv[5]), value["profile"]
    want, near = predict(model, x, names)
    got = np.array([scores[int(i)]["score"] for i in ids])
    apart = np.abs(got - want.astype(float))
    equal = int((got.astype(np.float32) == want).sum())
    profile = next(iter(scores.values()))["profile"]
    print(f"{len(ids)} scores of {pathlib.Path(model).name} ({profile}): {equal} equal, at most {apart.max():.1e} apart")
    sys.exit(0 if apart.max() <= (0.2 if profile.startswith("int8") else near) else 1)


main()
