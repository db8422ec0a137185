#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random definitions over random events: `weir eval` against the rules, read literally and computed with fractions.

    random_eval.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Every seed makes a project (one stream, two entities, some twenty features), a file of events with late, duplicate, equal and null
ones, and compares every value of every row. A failing seed is printed and can be run again alone.
"""
import decimal
import json
import math
import random
import subprocess
import sys
from fractions import Fraction

import seeds

SCHEMA = {
    "type": "record", "name": "Tx", "namespace": "t", "fields": [
        {"name": "id", "type": ["null", "long"], "default": None},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "card", "type": ["null", "string"], "default": None},
        {"name": "shop", "type": ["null", "string"], "default": None},
        {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}], "default": None},
        {"name": "x", "type": ["null", "double"], "default": None},
        {"name": "n", "type": ["null", "long"], "default": None},
        {"name": "flag", "type": ["null", "boolean"], "default": None},
        {"name": "e", "type": ["null", {"type": "long", "logicalType": "time-micros"}], "default": None},
        {"name": "u", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["red", "green", "blue"]}},
    ]}
SECOND = 1_000_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}


def duration(text):
    return int(text[:-1]) * UNITS[text[-1]]


# --- conditions: (text, function of (past event, this) -> True, False or None, compares with this by inequality) -------
def compare(name, operator, constant):
    def check(e, this):
        v = e[name]
        if v is None:
            return None
        return {">": v > constant, ">=": v >= constant, "<": v < constant, "==": v == constant, "!=": v != constant}[operator]
    return check


def negate(check):
    def inner(e, this):
        v = check(e, this)
        return None if v is None else not v
    return inner


def both(a, b):
    def inner(e, this):
        x, y = a(e, this), b(e, this)
        if x is False or y is False:
            return False
        return None if x is None or y is None else True
    return inner


def either(a, b):
    def inner(e, this):
        x, y = a(e, this), b(e, this)
        if x is True or y is True:
            return True
        return None if x is None or y is None else False
    return inner


def against_this(name, operator):
    def check(e, this):
        a, b = e[name], this[name]
        if a is None or b is None:
            return None
        return {"==": a == b, "<": a < b, ">=": a >= b}[operator]
    return check


LOST = "overflow"


def tripled(rng):
    """A condition that overflows for some events, and beside what is never null."""
    c, kind = rng.randrange(-3, 7), rng.choice(["red", "green", "blue"])
    text = f"n * 3 > {c}" if c >= 0 else f"n * 3 > -{-c}"

    def check(e, this):
        if e["n"] is None:
            return None
        return e["n"] * 3 > c if -(1 << 63) <= e["n"] * 3 < 1 << 63 else LOST
    pick = rng.randrange(4)
    if pick == 0:
        return text, check, False
    if pick == 1:
        return f"{text} and kind == {kind}", lambda e, t: check(e, t) if e["kind"] == kind else False, False
    if pick == 2:
        return f"kind == this.kind and {text}", lambda e, t: check(e, t) if e["kind"] == t["kind"] else False, False
    return f"{text} or kind == this.kind", lambda e, t: True if e["kind"] == t["kind"] else check(e, t), True


def make_condition(rng, group_key, depth=0):
    other = "shop" if group_key == "card" else "card"
    pick = rng.randrange(10 if depth == 0 else 6)
    if pick == 9:
        return tripled(rng)
    if pick == 0:
        return "flag", lambda e, t: e["flag"], False
    if pick == 1:
        c = rng.randrange(-3, 4)
        op = rng.choice([">", ">=", "<", "==", "!="])
        return f"n {op} {c}" if c >= 0 else f"n {op} -{-c}", compare("n", op, c), False
    if pick == 2:
        c = Fraction(rng.randrange(0, 5000), 100)
        op = rng.choice([">", ">=", "<"])
        return f"amount {op} {float(c):.2f}", compare("amount", op, c), False
    if pick == 3:
        kind = rng.choice(["red", "green", "blue"])
        return f"kind == {kind}", compare("kind", "==", kind), False
    if pick == 4:
        return f"{other} == this.{other}", against_this(other, "=="), False
    if pick == 5:
        return "kind == this.kind", against_this("kind", "=="), False
    if pick == 6:
        return "n >= this.n", against_this("n", ">="), True
    a, b = make_condition(rng, group_key, 1), make_condition(rng, group_key, 1)
    if pick == 7:
        return f"({a[0]}) and not ({b[0]})", both(a[1], negate(b[1])), True
    return f"({a[0]}) or ({b[0]})", either(a[1], b[1]), True


# --- aggregates over the chosen events, oldest first ------------------------------------------------------------------
def finite(value):
    return None if value is None or math.isinf(value) or math.isnan(value) else value + 0.0


def total(values, arg):
    if arg == "x":
        return finite(to_float(sum((Fraction(v) for v in values), Fraction(0))))
    s = sum(values, Fraction(0)) if arg == "amount" else sum(values)
    if arg in ("n", "e") and not -(1 << 63) <= s < (1 << 63):
        return None
    return s


def to_float(fraction):
    try:
        return float(fraction)
    except OverflowError:
        return math.inf


def mean(values):
    return finite(to_float(sum((Fraction(v) for v in values), Fraction(0)) / len(values))) if values else None


def variance(values):
    if len(values) < 2:
        return None
    f = [Fraction(v) for v in values]
    m = sum(f, Fraction(0)) / len(f)
    return finite(to_float(sum(((v - m) ** 2 for v in f), Fraction(0)) / (len(f) - 1)))


def quantile(values, q):
    """Linear at rank q (n - 1), of exact values, rounded once."""
    if not values:
        return None
    ordered = sorted(Fraction(v) for v in values)
    rank = q * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return finite(to_float(ordered[low] + (ordered[high] - ordered[low]) * (rank - low)))


KINDS = ["red", "green", "blue"]


def order(value):
    return KINDS.index(value) if value in KINDS else value.encode() if isinstance(value, str) else value


def ranked(values):
    """(value, count), by count descending, then by value."""
    counts = {}
    for v in values:
        counts[v] = counts.get(v, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], order(item[0])))


def streak(values):
    length = 0
    for v in reversed(values):
        if v is not True:
            break
        length += 1
    return length


def delta(values, arg):
    if len(values) < 2:
        return None
    d = values[-1] - values[-2]
    if arg == "x":
        return finite(d)
    return d if arg not in ("n", "e") or -(1 << 63) <= d < (1 << 63) else None


def moment_sums(values):
    f = [Fraction(v) for v in values]
    m = sum(f, Fraction(0)) / len(f)
    return [sum(((v - m) ** k for v in f), Fraction(0)) for k in (2, 3, 4)]


def rounded(exact, under_root):
    """exact / sqrt(under_root), rounded once to the nearest float64."""
    decimal.getcontext().prec = 400
    ratio = decimal.Decimal(exact.numerator) / decimal.Decimal(exact.denominator)
    root = (decimal.Decimal(under_root.numerator) / decimal.Decimal(under_root.denominator)).sqrt()
    return finite(float(ratio / root))


def skew(values):
    n = len(values)
    if n < 3:
        return None
    m2, m3, _ = moment_sums(values)
    # G1 = sqrt(n (n-1)) / (n-2) * (m3/n) / (m2/n)^(3/2)
    if m2 == 0:
        return None
    return rounded(m3 * n * (n - 1) / (n - 2), Fraction(n - 1) * m2 ** 3)


def kurt(values):
    n = len(values)
    if n < 4:
        return None
    m2, _, m4 = moment_sums(values)
    if m2 == 0:
        return None
    g2 = n * m4 / m2 ** 2 - 3
    return finite(to_float(Fraction(n - 1, (n - 2) * (n - 3)) * ((n + 1) * g2 + 6)))


def extreme(values, greatest):
    """The smallest x at the greatest (least) y."""
    if not values:
        return None
    best = (max if greatest else min)(order(y) for _, y in values)
    return min((x for x, y in values if order(y) == best), key=order)


def centred(values):
    """Sums of products of deviations, exact: xy, xx, yy."""
    x, y = [Fraction(a) for a, _ in values], [Fraction(b) for _, b in values]
    mx, my = sum(x, Fraction(0)) / len(x), sum(y, Fraction(0)) / len(y)
    pairs = [(a - mx, b - my) for a, b in zip(x, y)]
    return [sum((p * q for p, q in chosen), Fraction(0)) for chosen in (pairs, [(a, a) for a, _ in pairs], [(b, b) for _, b in pairs])]


def corr(values):
    if len(values) < 2:
        return None
    xy, xx, yy = centred(values)
    return rounded(xy, xx * yy) if xx and yy else None


def slope(values):
    """Least squares of x on the event's time in seconds: pairs (x, et)."""
    if len(values) < 2:
        return None
    xy, _, yy = centred(values)
    return finite(to_float(xy / yy * SECOND)) if yy else None


def ewma(values, alpha):
    y = None
    for v in values:
        x = to_float(Fraction(v))
        y = x if y is None else alpha * x + (1.0 - alpha) * y
    return None if y is None else finite(y)


ANY = ("x", "n", "amount", "shop", "flag", "kind", "e", "u")
AGGREGATES = {
    "argmax": ([(a, b) for a in ANY for b in ANY if a != b], lambda v, a: extreme(v, True)),
    "argmin": ([(a, b) for a in ANY for b in ANY if a != b], lambda v, a: extreme(v, False)),
    "corr": ([("n", "amount"), ("e", "n"), ("amount", "e"), ("n", "n")], lambda v, a: corr(v)),
    "slope": (("n", "amount", "e", "x"), lambda v, a: slope(v)),
    "ewma:alpha 0.1": (("n", "amount", "x", "e"), lambda v, a: ewma(v, 0.1)),
    "ewma:alpha 1": (("n", "amount", "x"), lambda v, a: ewma(v, 1.0)),
    "quantile:0.9": (("x", "n", "amount", "e"), lambda v, a: quantile(v, Fraction(9, 10))),
    "quantile:0.25": (("x", "n", "amount", "e"), lambda v, a: quantile(v, Fraction(1, 4))),
    "median": (("x", "n", "amount", "e"), lambda v, a: quantile(v, Fraction(1, 2))),
    "mode": (ANY, lambda v, a: ranked(v)[0][0] if v else None),
    "top:2": (ANY, lambda v, a: [k for k, _ in ranked(v)[:2]]),
    "hist:2": (("shop", "kind"), lambda v, a: dict(ranked(v)[:2])),
    "share:2": (("shop", "kind"), lambda v, a: {k: c / len(v) for k, c in ranked(v)[:2]}),
    "first:2": (ANY, lambda v, a: v[:2]),
    "last:3": (ANY, lambda v, a: v[-3:]),
    "lag:2": (ANY, lambda v, a: v[-3] if len(v) > 2 else None),
    "delta": (("x", "n", "amount", "e"), delta),
    "streak": (("flag",), lambda v, a: streak(v)),
    "share_of": (("flag",), lambda v, a: v.count(True) / len(v) if v else None),
    "skew": (("n", "amount", "e"), lambda v, a: skew(v)),
    "kurt": (("n", "amount", "e"), lambda v, a: kurt(v)),
    "count()": (None, lambda v, a: len(v)),
    "count": (ANY, lambda v, a: len(v)),
    "sum": (("x", "n", "amount", "e"), total),
    "mean": (("x", "n", "amount", "e"), lambda v, a: mean(v)),
    "min": (ANY, lambda v, a: min(v, key=order) if v else None),
    "max": (ANY, lambda v, a: max(v, key=order) if v else None),
    "var": (("x", "n", "amount", "e"), lambda v, a: variance(v)),
    "stddev": (("x", "n", "amount", "e"), lambda v, a: None if variance(v) is None else math.sqrt(variance(v))),
    "distinct": (ANY + ("card",), lambda v, a: len(set(v))),
    "first": (ANY, lambda v, a: v[0] if v else None),
    "last": (ANY, lambda v, a: v[-1] if v else None),
    "any": (("flag",), lambda v, a: any(v)),
    "all": (("flag",), lambda v, a: all(v)),
}


UNBOUNDED = {"ewma", "distinct", "quantile", "median", "mode", "top", "hist", "share", "streak"}


class Feature:
    def __init__(self, rng, name, group_key):
        self.name, self.key = name, group_key
        self.aggregate = rng.choice(list(AGGREGATES))
        arguments, self.compute = AGGREGATES[self.aggregate]
        self.argument = None if arguments is None else rng.choice(arguments)
        self.factor = 3 if self.argument == "n" and rng.random() < 0.3 else 1
        self.condition_text, self.condition, inequality = (None, None, False)
        if rng.random() < 0.6:
            self.condition_text, self.condition, inequality = make_condition(rng, group_key)
        choices = ["10s", "1m", "10m", "1h", "6h", "1d"]
        self.windows = rng.sample(choices, rng.randrange(1, 4))
        if self.aggregate.partition(":")[0] not in UNBOUNDED and not inequality and rng.random() < 0.4:
            self.windows.append("ever")
        if rng.random() < 0.3:
            self.windows.append(f"last {rng.randrange(1, 6)}")
        self.delay = rng.choice([None, None, None, "30s", "5m", "1h"])
        self.including = self.delay is None and rng.random() < 0.3
        lasting = all(w[0].isdigit() for w in self.windows)
        self.step = rng.choice(["7s", "1m", "25m", "1h", "1d"]) if lasting and rng.random() < 0.25 else None

    def text(self):
        name, _, number = self.aggregate.partition(":")
        argument = ", ".join(self.argument) if isinstance(self.argument, tuple) else self.argument
        argument = f"{argument} * {self.factor}" if self.factor > 1 else argument
        call = "count()" if self.aggregate == "count()" else f"{name}({argument}{', ' if number else ''}{number})"
        where = f" where {self.condition_text}" if self.condition_text else ""
        tail = f" delayed {self.delay}" if self.delay else ""
        tail += f" step {self.step}" if self.step else ""
        tail += " including this" if self.including else ""
        return f"  {self.name} = {call}{where} over {', '.join(self.windows)}{tail}"

    def columns(self, group):
        if len(self.windows) == 1:
            return [(f"{group}_{self.name}", self.windows[0])]
        return [(f"{group}_{self.name}_{w.replace(' ', '_')}", w) for w in self.windows]

    def value(self, window, known, this, late, greatest):
        delay = duration(self.delay) if self.delay else 0
        tau = this["ts"]
        rows = known + ([this] if self.including else [])
        horizon = None if greatest is None else greatest - late - delay
        if window == "ever" or window.startswith("last"):
            high = tau - delay if horizon is None else max(tau - delay, horizon)
            chosen = sorted((e for e in rows if e["ts"] <= high), key=lambda e: (e["ts"], e["seq"]))
            if window != "ever":
                chosen = chosen[-int(window[5:]):]
        else:
            width = duration(window)
            start = tau - delay
            if self.step:
                start = start // duration(self.step) * duration(self.step)
            low = start - width if horizon is None else max(start - width, horizon - width)
            chosen = sorted((e for e in rows if low < e["ts"] <= tau - delay), key=lambda e: (e["ts"], e["seq"]))
        if self.condition:
            if any(self.condition(e, this) is LOST for e in chosen):
                return None  # nobody knows whether it counts (R12)
            chosen = [e for e in chosen if self.condition(e, this) is True]
        if self.factor > 1:  # an overflow of one of its events is one of the feature (R12)
            chosen = [{**e, "n": e["n"] and e["n"] * self.factor} for e in chosen]
            if any(e["n"] and not -(1 << 63) <= e["n"] < 1 << 63 for e in chosen):
                return None
        if self.aggregate in ("share_of", "streak"):  # null is false
            values = [e[self.argument] is True for e in chosen]
        elif isinstance(self.argument, tuple):
            values = [p for p in (tuple(e[name] for name in self.argument) for e in chosen) if None not in p]
        elif self.aggregate == "slope":
            values = [(e[self.argument], e["ts"]) for e in chosen if e[self.argument] is not None]
        elif self.argument:
            values = [e[self.argument] for e in chosen if e[self.argument] is not None]
        else:
            values = chosen
        return self.compute(values, self.argument)


def moments(rng, count, late):
    """Events as they come: seq, their own time, which lags, and the time at which they are known."""
    now = 1_700_000_000 * SECOND
    for seq in range(count):
        now += rng.choice([0, 0, 1, rng.randrange(5 * SECOND), rng.randrange(600 * SECOND), rng.randrange(3600 * SECOND)])
        lag = rng.choice([0, 0, 0, rng.randrange(60 * SECOND), rng.randrange(3600 * SECOND), rng.randrange(2 * late + 1)])
        yield seq, now - lag, now


def make_events(rng, count, late):
    events, now = [], 1_700_000_000 * SECOND + rng.randrange(SECOND)
    for seq in range(count):
        now += rng.choice([0, 0, 1, rng.randrange(5 * SECOND), rng.randrange(600 * SECOND), rng.randrange(7200 * SECOND)])
        lag = rng.choice([0, 0, 0, 0, rng.randrange(60 * SECOND), rng.randrange(7200 * SECOND), rng.randrange(3 * late + 1)])
        if rng.random() < 0.05:
            lag = -rng.randrange(200 * SECOND)
        maybe = lambda value: None if rng.random() < 0.1 else value
        cents = rng.randrange(0, 5000)
        events.append({
            "seq": seq, "ts": now - lag, "ingest": now,
            "id": maybe(rng.choice([seq, seq, seq, max(0, seq - rng.randrange(4))])),
            "card": maybe(f"c{rng.randrange(3)}"), "shop": maybe(f"s{rng.randrange(3)}"),
            "amount": maybe(Fraction(cents, 100)),
            "x": maybe(rng.choice([0.1, 0.2, 0.3, -1e16, 1e16, 1.0, rng.uniform(-1, 1), rng.gauss(0, 1e3), 1e-300, 1e308])),
            "n": maybe(rng.choice([rng.randrange(-3, 4), rng.randrange(-3, 4), rng.randrange(-(1 << 62), 1 << 62)])),
            "e": maybe(rng.choice([0, 1, -SECOND, rng.randrange(-10, 10), rng.randrange(1 << 40), rng.randrange(-(1 << 62), 1 << 62)])),
            "u": maybe(f"20{rng.randrange(10, 13)}-0{rng.randrange(1, 3)}-01T00:00:00.{rng.randrange(2):06d}Z"),
            "flag": maybe(rng.random() < 0.5), "kind": rng.choice(["red", "green", "blue"])})
    return events


def oracle(events, groups, late, future):
    """Yields (seq, {column: value}) or nothing for what gives no row."""
    kept, ids, greatest, clock = {"card": {}, "shop": {}}, {}, {"card": None, "shop": None}, None
    for e in events:
        given = e["ingest"]
        if e["ts"] > given + future or (e["card"] is None and e["shop"] is None):
            continue
        first = "card" if e["card"] is not None else "shop"
        ingest = given if clock is None else max(clock, given)
        clock = ingest
        if e["id"] is not None:
            earlier = ids.setdefault((first, e[first], e["id"]), [])
            if any(abs(ingest - t) <= late for t in earlier):
                continue
            earlier.append(ingest)
        row = {}
        for key, (group, features) in groups.items():
            known = kept[key].get(e[key], []) if e[key] is not None else []
            for f in features:
                for column, window in f.columns(group):
                    row[column] = f.value(window, known, e, late, greatest[key]) if e[key] is not None \
                        else f.value(window, [], {**e}, late, None) if not f.including else absent(f, window)
        for key in groups:
            if e[key] is not None:
                kept[key].setdefault(e[key], []).append(e)
                greatest[key] = e["ts"] if greatest[key] is None else max(greatest[key], e["ts"])
        yield e["seq"], row


def absent(feature, window):
    """No copy of the event there: nothing is known, and there is nothing to include."""
    return feature.compute([], feature.argument)


def show(value):
    if isinstance(value, list):
        return [show(v) for v in value]
    if isinstance(value, Fraction):
        cents = value * 100
        sign = "-" if cents < 0 else ""
        cents = abs(int(cents))
        return f"{sign}{cents // 100}.{cents % 100:02d}"
    return value


def line_of(e):
    value = {name: show(e[name]) for name in ("id", "ts", "card", "shop", "amount", "x", "n", "flag", "kind", "e", "u")}
    return json.dumps({"stream": "tx", "ingest": e["ingest"], "value": value})


def same(ours, expected):
    if ours != "absent" and (isinstance(expected, float) or isinstance(ours, float)):
        return ours is not None and expected is not None and float(ours) == float(expected)
    if isinstance(expected, (list, tuple)):
        return isinstance(ours, list) and len(ours) == len(expected) and all(map(same, ours, expected))
    if isinstance(expected, dict):
        return isinstance(ours, dict) and list(ours) == list(expected) and all(same(ours[k], v) for k, v in expected.items())
    return ours == expected


def compare_rows(weir, folder, expected_rows):
    """`weir eval` of the project's events against {seq: {column: value}}."""
    got = subprocess.run([weir, "-C", folder, "eval", "--events", folder / "events.jsonl", "-o", "jsonl"], capture_output=True, text=True)
    if got.returncode != 0:
        return 0, [f"exit {got.returncode}: {got.stderr.strip()[:2000]}"]
    ours = {row["seq"]: row["values"] for row in map(json.loads, got.stdout.splitlines())}
    values, wrong = 0, []
    if sorted(ours) != sorted(expected_rows):
        wrong.append(f"rows differ: only ours {sorted(set(ours) - set(expected_rows))[:5]}, only expected {sorted(set(expected_rows) - set(ours))[:5]}")
    for seq, row in expected_rows.items():
        for column, expected in row.items():
            values += 1
            mine = ours.get(seq, {}).get(column, "absent")
            if not same(mine, show(expected)):
                wrong.append(f"seq {seq} {column}: ours {mine!r}, the rules say {show(expected)!r}")
    return values, wrong


def run_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    late_text = rng.choice(["1m", "10m", "1h", "1d"])
    late, future = duration(late_text), duration("5m")
    groups = {"card": ("g", [Feature(rng, f"f{i}", "card") for i in range(rng.randrange(3, 9))]),
              "shop": ("h", [Feature(rng, f"f{i}", "shop") for i in range(rng.randrange(2, 6))])}
    lines = ["package t", f'stream tx from kafka("t.tx") avro("t.Tx") {{ time ts id id observed by card, shop late {late_text} future 5m }}']
    for key, (group, features) in groups.items():
        lines += [f"features {group} per {key} from tx {{"] + [f.text() for f in features] + ["}"]
    lines += ["vector v on tx { g.* h.* }"]
    events = make_events(rng, count, late)
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    (folder / "schemas" / "t.Tx.avsc").write_text(json.dumps(SCHEMA))
    (folder / "t.weir").write_text("\n".join(lines) + "\n")
    (folder / "events.jsonl").write_text("\n".join(line_of(e) for e in events) + "\n")
    return compare_rows(weir, folder, dict(oracle(events, groups, late, future)))


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 20], least=1000, events=150))
