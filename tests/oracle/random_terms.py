#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random terms inside aggregates: `weir eval` against the rules read literally.

    random_terms.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Every seed makes a group of some forty features: an aggregate of a typed expression tree (random_expr.py) where another tree holds, which may
compare with `this`, over a time, the last n or ever, at times including the event. Values and the names of what overflowed are compared: an
overflow in an argument or a condition of an event of the window is one of the feature (R12), unless another part of the condition leaves the
event out. What the compiler refuses (a decimal that meets a float64, `this` over ever) is left out.
"""
import datetime
import json
import math
import random
import re
import subprocess
import sys
from fractions import Fraction

import random_expr
import seeds
from random_expr import DIGITS, LONG, SCHEMA, Decimal, Maker, Unknown, as_float, exact, finite, line_of, make_event, nearest

HOUR = 3600 * 10 ** 6
FIELDS = re.compile(r"\b(" + "|".join(field["name"] for field in SCHEMA["fields"]) + r")\b")


class Terms(Maker):
    """Fields are a past event's, or with some chance those of `this`."""
    chance = 0.0

    def field(self, names):
        name = self.rng.choice(names)
        if self.rng.random() < self.chance:
            return f"this.{name}", lambda e: e["this"][name]
        return name, lambda e: e[name]


def compare_with(op, a, b):
    """As in random_expr.py: what names no field is a constant, which takes the type it meets."""
    is_constant_a, is_constant_b = (FIELDS.search(re.sub(r'"[^"]*"', "", text)) is None for text in (a, b))

    def rule(x, y):
        x = as_float(x) if is_constant_a and isinstance(y, float) else x
        y = as_float(y) if is_constant_b and isinstance(x, float) else y
        return random_expr.compare(op, x, y)
    return rule


def logic(op, a, b):
    evaluate = plain_logic(op, a, b)
    if op == "and":
        evaluate.parts = (a, b)
    return evaluate


plain_logic = random_expr.logic
random_expr.compare_with, random_expr.logic = compare_with, logic


# --- aggregates over values, oldest first: (value, whether it overflowed) ----------------------------------------------
def ordered(value):
    return value.encode() if isinstance(value, str) else exact(value) if not isinstance(value, bool) else value


def fitting(value, like):
    """A whole number or the units of a decimal, if the type holds it."""
    if isinstance(like, Decimal):
        return (Decimal(value, like.scale), False) if abs(value) < DIGITS else (None, True)
    return (value, False) if -LONG <= value < LONG else (None, True)


def units(value):
    return value.units if isinstance(value, Decimal) else value


def total(values, kind):
    if kind == "float":
        value = nearest(sum(map(Fraction, values), Fraction(0)))
        return (None if value is None else finite(value)), False
    return fitting(sum(map(units, values)), values[0] if values else 0)


def delta(values, kind):
    if len(values) < 2:
        return None, False
    if kind == "float":
        return finite(values[-1] - values[-2]), False
    return fitting(units(values[-1]) - units(values[-2]), values[-1])


def rounded(fraction):
    value = nearest(fraction)
    return None if value is None else finite(value)


def mean(values):
    return rounded(sum(map(exact, values), Fraction(0)) / len(values)) if values else None


def variance(values):
    if len(values) < 2:
        return None
    numbers = [exact(v) for v in values]
    middle = sum(numbers, Fraction(0)) / len(numbers)
    return rounded(sum(((v - middle) ** 2 for v in numbers), Fraction(0)) / (len(numbers) - 1))


def quantile(values, q):
    if not values:
        return None
    numbers = sorted(map(exact, values))
    rank = q * (len(numbers) - 1)
    low = int(rank)
    return rounded(numbers[low] + (numbers[min(low + 1, len(numbers) - 1)] - numbers[low]) * (rank - low))


def ranked(values):
    counts = {}
    for v in values:
        counts.setdefault(ordered(v), [v, 0])[1] += 1
    return [v for v, _ in sorted(counts.values(), key=lambda item: (-item[1], ordered(item[0])))]


def ewma(values):
    y = None
    for x in map(as_float, values):
        y = x if y is None else 0.5 * x + 0.5 * y
    return None if y is None else finite(y)


def streak(values):
    return next((i for i, v in enumerate(reversed(values)) if v is not True), len(values))


def sure(function):
    return lambda values, kind: (function(values), False)


NUMBERS = ("int", "decimal", "float", "duration")
ANY = NUMBERS + ("bool", "string", "time")
AGGREGATES = {
    "count()": (None, sure(len)), "count({})": (ANY, sure(len)), "sum({})": (NUMBERS, total), "mean({})": (NUMBERS, sure(mean)),
    "var({})": (NUMBERS, sure(variance)), "stddev({})": (NUMBERS, sure(lambda v: None if variance(v) is None else math.sqrt(variance(v)))),
    "min({})": (ANY, sure(lambda v: min(v, key=ordered) if v else None)), "max({})": (ANY, sure(lambda v: max(v, key=ordered) if v else None)),
    "distinct({})": (ANY, sure(lambda v: len(set(map(ordered, v))))), "median({})": (NUMBERS, sure(lambda v: quantile(v, Fraction(1, 2)))),
    "quantile({}, 0.9)": (NUMBERS, sure(lambda v: quantile(v, Fraction(9, 10)))), "mode({})": (ANY, sure(lambda v: ranked(v)[0] if v else None)),
    "top({}, 2)": (ANY, sure(lambda v: ranked(v)[:2])), "first({})": (ANY, sure(lambda v: v[0] if v else None)),
    "last({})": (ANY, sure(lambda v: v[-1] if v else None)), "first({}, 2)": (ANY, sure(lambda v: v[:2])), "last({}, 2)": (ANY, sure(lambda v: v[-2:])),
    "lag({}, 1)": (ANY, sure(lambda v: v[-2] if len(v) > 1 else None)), "delta({})": (NUMBERS, delta),
    "ewma({}, alpha 0.5)": (("int", "decimal", "float"), sure(ewma)), "any({})": (("bool",), sure(any)), "all({})": (("bool",), sure(all)),
    "share_of({})": (("bool",), sure(lambda v: v.count(True) / len(v) if v else None)), "streak({})": (("bool",), sure(streak)),
}


class Feature:
    def __init__(self, rng, name):
        self.name, self.call = name, rng.choice(list(AGGREGATES))
        kinds, self.compute = AGGREGATES[self.call]
        terms = Terms(rng)
        self.kind = rng.choice(kinds) if kinds else None
        text, self.argument = getattr(terms, self.kind)(rng.randrange(3)) if kinds else ("", None)
        self.window = rng.choice(["12h", "1d", "3d", "30d", "last 1", "last 3", "ever", "ever"])
        terms.chance = rng.choice([0, 0, 0.4]) if self.window != "ever" else 0
        where, self.condition = terms.bool(rng.randrange(1, 4)) if rng.random() < 0.6 else (None, None)
        self.including = rng.random() < 0.25
        self.text = f"  {name} = {self.call.format(text)}" + (f" where {where}" if where else "") + f" over {self.window}"
        self.text += " including this" if self.including else ""

    def chosen(self, known, this):
        rows = known + ([this] if self.including else [])
        if self.window.startswith("last"):
            return rows[-int(self.window[5:]):]
        if self.window == "ever":
            return rows
        width = int(self.window[:-1]) * HOUR * (24 if self.window[-1] == "d" else 1)
        return [e for e in rows if e["ts"] > this["ts"] - width]

    def value(self, known, this):
        events = [{**e, "this": this} for e in self.chosen(known, this)]
        if self.condition is not None:
            verdicts = [verdict(self.condition, e) for e in events]
            if "lost" in verdicts:
                return None, True
            events = [e for e, found in zip(events, verdicts) if found == "in"]
        if self.argument is None:
            return self.compute(events, None)
        values = [evaluated(self.argument, e) for e in events]
        if any(lost for _, lost in values):
            return None, True
        values = [v for v, _ in values]
        if "share_of" in self.call or "streak" in self.call:  # null is false
            return self.compute([v is True for v in values], self.kind)
        return self.compute([v for v in values if v is not None], self.kind)


def evaluated(function, event):
    event = {**event, "overflow": False}
    value = function(event)
    return value, value is None and event["overflow"]


def verdict(condition, event):
    if hasattr(condition, "parts"):
        parts = [verdict(part, event) for part in condition.parts]
        return "out" if "out" in parts else "lost" if "lost" in parts else "in"
    value, lost = evaluated(condition, event)
    return "in" if value is True else "lost" if lost else "out"


# --- comparing ----------------------------------------------------------------------------------------------------------
def same(ours, expected, kind):
    if isinstance(expected, list):
        return isinstance(ours, list) and len(ours) == len(expected) and all(same(a, b, kind) for a, b in zip(ours, expected))
    if expected is None or isinstance(expected, bool) or isinstance(ours, bool):
        return ours is expected
    if isinstance(expected, Decimal):
        return ours == expected.show()
    if isinstance(expected, float):
        return isinstance(ours, (int, float)) and float(ours) == expected
    if kind == "time" and isinstance(ours, str):
        return not -62e15 < expected < 253e15 or ours == shown_time(expected)  # the years that Python knows
    if kind == "decimal" and expected == 0:  # a sum of nothing: no event tells its scale
        return Fraction(ours) == 0
    return ours == expected


def shown_time(us):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).isoformat(timespec="microseconds") + "Z"


def rows_of(weir, folder, features):
    """The features that the compiler takes, and their rows; or what went wrong."""
    head = ["package t", 'stream tx from kafka("t.tx") avro("t.Tx") { time ts observed by card }', "features g per card from tx {"]
    while True:
        (folder / "t.weir").write_text("\n".join(head + [f.text for f in features] + ["}", "vector v on tx { g.* }"]) + "\n")
        got = subprocess.run([weir, "-C", folder, "eval", "--events", folder / "events.jsonl", "-o", "jsonl"], capture_output=True, text=True)
        if got.returncode == 0:
            return features, [json.loads(line) for line in got.stdout.splitlines()]
        refused = {int(line) - len(head) - 1 for line in re.findall(r"--> t\.weir:(\d+):", got.stderr)}
        if not refused or set(re.findall(r"error\[(E\d+)\]", got.stderr)) - {"E0003", "E0210", "E0304"}:
            return features, got.stderr
        features = [f for i, f in enumerate(features) if i not in refused]


def run_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    features = [Feature(rng, f"f{i}") for i in range(40)]
    events = [make_event(rng, seq) for seq in range(count)]
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    (folder / "schemas" / "t.Tx.avsc").write_text(json.dumps(SCHEMA))
    (folder / "events.jsonl").write_text("\n".join(map(line_of, events)) + "\n")
    features, rows = rows_of(weir, folder, features)
    if isinstance(rows, str) or len(rows) != count:
        return 0, [rows if isinstance(rows, str) else f"{len(rows)} rows of {count}"]
    values, wrong = 0, []
    for i, (event, row) in enumerate(zip(events, rows)):
        for f in features:
            try:
                expected, overflow = f.value(events[:i], event)
            except Unknown:
                continue
            values += 1
            ours, marked = row["values"][f"g_{f.name}"], f"g_{f.name}" in row.get("errors", {})
            if marked != overflow or not same(ours, expected, f.kind):
                wrong.append(f"row {i}{f.text}\n    ours {ours!r} {marked}, the rules say {expected!r} {overflow}")
    return values, wrong


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 15], least=500, events=40, shown=4))
