#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""soak_judge.py [--tiny] ROWS.csv: does anything drift in a long run? Exit 1 if so.

The first fifth is warm-up (at most ten minutes). Of the rest the medians of the first and of the last quarter are compared, which
a burst of somebody else's work on the machine does not move. --tiny: print the figures and judge nothing, since seconds are all warm-up.
--self-test: rows with a planted leak of each kind are refused, even ones are not.
"""
import csv
import statistics
import sys

WARM_UP_S = 600
# column, what is allowed: last <= first * factor + slack, why
LIMITS = [
    ("rss_mib", 1.02, 1, "memory"),
    ("fds", 1.0, 4, "open descriptors"),  # RocksDB opens and closes tables
    ("threads", 1.0, 0, "threads"),
    ("lag", 1.25, 0, "lag"),  # and see SLACK_S
    ("p50_ms", 1.25, 1, "median latency"),
    ("p99_ms", 1.25, 5, "99th percentile of latency"),
    ("worker_us", 1.05, 0.02, "CPU an event"),
    ("state_mib", 1.10, 8, "state on disk"),
    ("tables", 1.25, 16, "tables of RocksDB: compaction falls behind"),
]
LAG_SLACK_S = 0.5


def load(path):
    with open(path, encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def quarters(rows):
    """What lies after the warm-up: its first and its last quarter."""
    warm = min(WARM_UP_S, rows[-1]["t_s"] / 5)
    rows = [row for row in rows if row["t_s"] > warm]
    size = max(1, len(rows) // 4)
    return rows[:size], rows[-size:]


def median(rows, column):
    return statistics.median(row[column] for row in rows)


def judge(rows, say=print):
    """True if nothing drifts."""
    first, last = quarters(rows)
    rate = median(last, "rate")
    is_even = True
    for column, factor, slack, what in LIMITS:
        before, after = median(first, column), median(last, column)
        slack = LAG_SLACK_S * rate if column == "lag" else slack
        drifts = after > before * factor + slack
        say(f"{column} {before:.3f} {after:.3f} {100 * (after / before - 1) if before else 0:+.1f}%"
            + (f"  DRIFTS: {what}" if drifts else ""))
        is_even = is_even and not drifts
    sent = statistics.mean(row["sent_s"] for row in first + last)
    say(f"rate {rate:.0f} sent_s {sent:.0f} scored_s {statistics.mean(row['scored_s'] for row in first + last):.0f} "
        f"idle_cores {median(first + last, 'idle_cores'):.2f}")
    if sent < 0.95 * rate:
        say("DRIFTS: the rate was not reached")
        is_even = False
    return is_even


def self_test():
    even = {"t_s": 0.0, "rate": 1000.0, "sent_s": 1000.0, "scored_s": 1000.0, "lag": 10.0, "p50_ms": 5.0, "p99_ms": 9.0, "worker_us": 2.0,
            "idle_cores": 0.1, "rss_mib": 100.0, "fds": 40.0, "threads": 9.0, "state_mib": 50.0, "tables": 30.0}
    rows = [dict(even, t_s=10.0 * (i + 1)) for i in range(360)]
    quiet = lambda *_: None
    assert judge(rows, quiet)
    burst = [dict(row, p99_ms=900.0, lag=5000.0) if 200 < i < 230 else row for i, row in enumerate(rows)]
    assert judge(burst, quiet)
    for column, growth in (("rss_mib", 0.02), ("fds", 0.05), ("threads", 0.01), ("lag", 20.0), ("p50_ms", 0.05), ("p99_ms", 0.2),
                           ("worker_us", 0.01), ("state_mib", 0.2), ("tables", 0.2), ("sent_s", -1.0)):
        leak = [dict(row, **{column: row[column] + growth * i}) for i, row in enumerate(rows)]
        assert not judge(leak, quiet), column
    print("every planted leak is found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    is_even = judge(load(sys.argv[-1]))
    return 0 if is_even or "--tiny" in sys.argv else 1


sys.exit(main())
