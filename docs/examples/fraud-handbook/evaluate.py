#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handbook's three metrics over scores that the running system wrote.

    weir tail handbook.scores --from start -o jsonl > scores.jsonl
    evaluate.py snapshot scores.jsonl

AUC ROC and average precision over the test week, without the transactions of cards whose fraud was known by then, and
card precision@100: how many of the hundred cards with the highest score of a day are compromised. The snapshot (exported --with fraud) has the labels.
"""
import argparse
import collections
import json

import numpy as np
import pyarrow.dataset as dataset
from sklearn.metrics import average_precision_score, roc_auc_score

DELAY_DAYS = 7
CARDS = 100

PUBLISHED = """published baseline     logistic regression 0.871 0.606 0.291, random forest 0.867 0.658 0.287, XGBoost 0.862 0.639 0.273
published best         neural net 0.876 0.675 0.303, XGBoost 0.869 0.687 0.303"""


def read_scores(path):
    scores = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            value = record.get("value", record)
            if value["score"] is not None:
                scores[int(value["event_id"])] = float(value["score"])
    return scores


def card_precision(day, customer, fraud, score):
    """Mean over the days of the precision in the top 100 cards; a compromised card that was found is not looked at again."""
    found, results = set(), []
    for today in np.unique(day):
        best, compromised = {}, collections.defaultdict(bool)
        for i in np.flatnonzero(day == today):
            card = customer[i]
            if card not in found:
                best[card] = max(best.get(card, -1.0), score[i])
                compromised[card] |= bool(fraud[i])
        top = sorted(best, key=lambda card: -best[card])[:CARDS]
        hits = [card for card in top if compromised[card]]
        found.update(hits)
        results.append(len(hits) / CARDS)
    return float(np.mean(results))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("snapshot")
    arguments.add_argument("scores")
    arguments.add_argument("--train-from", default="2018-07-25")
    arguments.add_argument("--train-days", type=int, default=7)
    arguments.add_argument("--test-days", type=int, default=7)
    chosen = arguments.parse_args()

    table = dataset.dataset(chosen.snapshot, format="parquet", exclude_invalid_files=True).to_table(
        columns=["tx_id", "event_time", "customer", "fraud"])
    tx_id = table["tx_id"].to_numpy()
    day = (table["event_time"].to_numpy().astype("datetime64[D]") - np.datetime64(chosen.train_from, "D")).astype(int)
    customer = np.array(table["customer"].to_pylist())
    fraud = table["fraud"].to_numpy().astype(int)

    test_start = chosen.train_days + DELAY_DAYS
    # A card's fraud is known after the delay, from the day behind it on; what was before the training weeks is not used.
    known_from = {}
    for i in np.flatnonzero((fraud == 1) & (day >= 0)):
        known_from[customer[i]] = min(known_from.get(customer[i], 1 << 30), day[i] + DELAY_DAYS + 1)

    scores = read_scores(chosen.scores)
    in_test = (day >= test_start) & (day < test_start + chosen.test_days)
    score = np.array([scores.get(int(i), np.nan) for i in tx_id])
    rows = np.flatnonzero(in_test)
    missing = int(np.isnan(score[rows]).sum())
    if missing:
        raise SystemExit(f"{missing} of {len(rows)} transactions of the test week have no score")
    kept = np.array([i for i in rows if known_from.get(customer[i], 1 << 30) > day[i]])
    precision = card_precision(day[kept], customer[kept], fraud[kept], score[kept])
    print(f"test rows {len(kept)}, frauds {int(fraud[kept].sum())}")
    print(f"this system            AUC ROC {roc_auc_score(fraud[kept], score[kept]):.3f}  "
          f"average precision {average_precision_score(fraud[kept], score[kept]):.3f}  "
          f"card precision@100 {precision:.3f}")
    print(PUBLISHED)


if __name__ == "__main__":
    main()
