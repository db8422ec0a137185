#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Fraud Detection Handbook's published feature values against ours.

    handbook.py rows TRANSACTIONS.csv.zst OUT.csv [--first N]   the transactions as the example's stream wants them
    handbook.py compare EXPECTED.csv.zst OURS                   OURS: a CSV of `weir eval`, or a snapshot folder

Counts, weekend and night must be equal, means and ratios to 1e-9, in every row of the answer key but the customer columns of
six: pairs of one customer in one second that the handbook's unstable sort put in the other order.
"""
import csv
import io
import pathlib
import subprocess
import sys

OTHER_ORDER = {121453, 121454, 163831, 163832, 174806, 174807}
CLOSE = 1e-9


def unpack(path):
    process = subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE)
    return io.TextIOWrapper(process.stdout, encoding="utf-8", newline="")


def write_rows(source, target, first):
    """Seconds become the schema's milliseconds; the scenario is left out."""
    with open(target, "w", encoding="utf-8", newline="") as out:
        out.write("tx_id,ts,customer,terminal,amount,fraud\n")
        for index, row in enumerate(csv.DictReader(unpack(source))):
            if first is not None and index >= first:
                break
            out.write(f"{row['tx_id']},{row['ts']}000,{row['customer']},{row['terminal']},{row['amount']},{row['fraud']}\n")


def read_ours(path):
    """tx_id -> {column: text}."""
    if pathlib.Path(path).is_dir():
        import pyarrow.dataset as dataset

        table = dataset.dataset(path, format="parquet", exclude_invalid_files=True).to_table()
        names = [n for n in table.column_names if n == "tx_id" or n.startswith(("tx_during", "customer_id_", "terminal_id_"))]
        columns = [table[name].to_pylist() for name in names]
        return {row[names.index("tx_id")]: dict(zip(names, row)) for row in zip(*columns)}
    with open(path, encoding="utf-8", newline="") as lines:
        return {int(row["seq"]): row for row in csv.DictReader(lines)}


def number(text):
    if text in (True, "true"):
        return 1.0
    if text in (False, "false"):
        return 0.0
    return float(text)


def agrees(name, ours, expected):
    is_exact = name.startswith("tx_during") or "_nb_tx_" in name
    difference = abs(number(ours) - float(expected))
    return difference == 0 if is_exact else difference <= CLOSE


def compare(expected_path, ours_path):
    ours = read_ours(ours_path)
    values = rows = wrong = 0
    for row in csv.DictReader(unpack(expected_path)):
        tx_id = int(row["tx_id"])
        if tx_id not in ours:
            continue
        rows += 1
        for name, expected in row.items():
            if name == "tx_id" or (tx_id in OTHER_ORDER and name.startswith("customer_id_")):
                continue
            values += 1
            if not agrees(name, ours[tx_id][name], expected):
                wrong += 1
                if wrong <= 5:
                    print(f"tx {tx_id} {name}: ours {ours[tx_id][name]}, the handbook's {expected}")
    print(f"{rows} rows, {values} values compared, {wrong} differ")
    return 1 if wrong or not rows else 0


def main():
    words = sys.argv[1:]
    if len(words) >= 3 and words[0] == "rows":
        first = int(words[4]) if len(words) == 5 and words[3] == "--first" else None
        write_rows(words[1], words[2], first)
        return 0
    if len(words) == 3 and words[0] == "compare":
        return compare(words[1], words[2])
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main())
