#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handbook's three metrics over scores that the running system wrote.

    weir tail handbook.scores --from start --until-end -o jsonl > scores.jsonl
    evaluate.py snapshot "14 features, XGBoost=scores.jsonl"

AUC ROC and average precision over the test week, without the transactions of cards whose fraud was known by then, and card
precision@100: how many of the hundred cards with the highest score of a day are compromised. The snapshot (exported --with tx_id
--with customer --with fraud) has the labels, from the training week on.
"""
import argparse
import collections
import json

import numpy as np
import pyarrow.dataset as dataset
from sklearn.metrics import average_precision_score, roc_auc_score

DELAY_DAYS = 7
WEEK = 7
CARDS = 100

# The handbook's published results, and what else is known about this data: name, AUC ROC, average precision, card precision@100.
KNOWN = [
    ("handbook, logistic regression", 0.871, 0.606, 0.291),
    ("handbook, random forest", 0.867, 0.658, 0.287),
    ("handbook, XGBoost", 0.862, 0.639, 0.273),
    ("handbook's best, neural net", 0.876, 0.675, 0.303),
    ("handbook's best, XGBoost", 0.869, 0.687, 0.303),
    ("a Bayes filter that knows the simulator", 0.895, 0.780, 0.303),
]


def read_scores(path, first):
    """By tx_id, the scores of events from the instant `first` on. Copies of one score are equal, so the last may stay."""
    scores = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            value = json.loads(line)["value"]
            if value["score"] is not None and value["time"] >= first:
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


def known_from(day, customer, fraud):
    """Per card, the first day on which a fraud since the training week (day 0) is known: a day after the delay."""
    known = {}
    for i in np.flatnonzero((fraud == 1) & (day >= 0)):
        known[customer[i]] = min(known.get(customer[i], 1 << 30), day[i] + DELAY_DAYS + 1)
    return known


def test_rows(snapshot, start):
    """The test week: day, card, label and id of each row that counts."""
    table = dataset.dataset(snapshot, format="parquet").to_table(
        columns=["tx_id", "event_time", "customer", "fraud"])
    first = np.datetime64(start, "D") - WEEK - DELAY_DAYS
    day = (table["event_time"].to_numpy().astype("datetime64[D]") - first).astype(int)
    customer = np.array(table["customer"].to_pylist())
    fraud = table["fraud"].to_numpy().astype(int)
    known = known_from(day, customer, fraud)
    test = WEEK + DELAY_DAYS
    kept = np.array([i for i in np.flatnonzero((day >= test) & (day < test + WEEK)) if known.get(customer[i], 1 << 30) > day[i]], int)
    return day[kept], customer[kept], fraud[kept], table["tx_id"].to_numpy()[kept]


def print_line(name, auc, precision, cards):
    print(f"{name:42s} {auc:8.3f} {precision:18.3f} {cards:19.3f}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("snapshot")
    arguments.add_argument("scores", nargs="+", metavar="NAME=SCORES.jsonl")
    arguments.add_argument("--test-from", default="2018-08-08", help="first day of the test week (%(default)s)")
    chosen = arguments.parse_args()

    day, customer, fraud, ids = test_rows(chosen.snapshot, chosen.test_from)
    print(f"test week from {chosen.test_from}: {len(ids)} transactions, {int(fraud.sum())} frauds\n")
    print(f"{'':42s} {'AUC ROC':>8s} {'average precision':>18s} {'card precision@100':>19s}")
    for line in KNOWN:
        print_line(*line)
    for argument in chosen.scores:
        name, _, path = argument.rpartition("=")
        scores = read_scores(path, chosen.test_from)
        missing = sum(int(i) not in scores for i in ids)
        if missing:
            raise SystemExit(f"{missing} of {len(ids)} transactions of the test week have no score in {path}")
        score = np.array([scores[int(i)] for i in ids])
        print_line(name or path, roc_auc_score(fraud, score), average_precision_score(fraud, score),
                   card_precision(day, customer, fraud, score))


if __name__ == "__main__":
    main()
