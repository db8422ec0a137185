#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares feature values with the Fraud Detection Handbook's own (the answer key that its authors published).

    handbook.py rows  EXPECTED.csv < eval.jsonl        rows of `weir eval`: seq is the transaction's id
    handbook.py table EXPECTED.csv SNAPSHOT            an export of `weir export --with tx_id`

Counts must be equal in every row, means and ratios to 1e-9 (the key was made by pandas' running sums in double; ours are exact and
rounded once). Six rows are left out for the customer's columns: pairs of one customer in one second, which the handbook's unstable
sort put in the other order.
"""
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.dataset as dataset

UNSTABLE = [121453, 121454, 163831, 163832, 174806, 174807]


def read_key(path):
    with pa.input_stream(path, compression="detect") as file:
        header = file.read(4096).decode().splitlines()[0].split(",")
    # Types are named, since the risk columns begin with zeros that look like integers.
    types = {name: pa.float64() if "avg" in name or "risk" in name else pa.int64() for name in header}
    with pa.input_stream(path, compression="detect") as file:
        table = csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=types))
    return {name: table[name].to_numpy() for name in table.column_names}


def read_rows(columns, count):
    got = {name: np.full(count, np.nan) for name in columns}
    seen = 0
    for line in sys.stdin:
        row = json.loads(line)
        if row["seq"] < count:
            seen += 1
            for name, value in row["values"].items():
                if name in got:
                    got[name][row["seq"]] = np.nan if value is None else value
    return got, seen


def read_table(columns, count, snapshot):
    table = dataset.dataset(snapshot, format="parquet").to_table(columns=["tx_id", *columns])
    ids = table["tx_id"].to_numpy()
    assert len(np.unique(ids)) == len(ids), "a transaction stands twice in the export"
    kept = ids < count
    got = {}
    for name in columns:
        column = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False) if not pa.types.is_boolean(table[name].type) \
            else table[name].to_numpy(zero_copy_only=False).astype(float)
        got[name] = np.full(count, np.nan)
        got[name][ids[kept]] = column[kept]
    return got, int(kept.sum())


def main():
    key = read_key(sys.argv[2])
    ids = key.pop("tx_id")
    count = len(ids)
    assert (ids == np.arange(count)).all()
    got, seen = read_rows(key, count) if sys.argv[1] == "rows" else read_table(key, count, sys.argv[3])
    wrong = 0 if seen == count else abs(count - seen)
    print(f"{seen} of {count} transactions")
    for name, want in key.items():
        have = got[name]
        rows = np.ones(count, bool)
        if name.startswith("customer"):
            rows[UNSTABLE] = False
        near = want == have if want.dtype != np.float64 else np.abs(have - want) <= 1e-9 * np.maximum(1, np.abs(want))
        bad = np.flatnonzero(rows & ~near)
        print(f"{name:38s} {len(bad)} differ" + (f", first {bad[0]}: {have[bad[0]]!r}, wants {want[bad[0]]!r}" if len(bad) else ""))
        wrong += len(bad)
    sys.exit(1 if wrong else 0)


main()
