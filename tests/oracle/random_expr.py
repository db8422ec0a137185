#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random read expressions over random events: `weir eval` against R10, R12 and R13 read literally, with Python's integers and fractions.

    random_expr.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Every seed makes a vector of some thirty columns, each a typed expression tree over the fields of the event: arithmetic on int64, decimals and
float64 as they meet, comparison, logic with nulls, if, ??, has, min, max, clamp, div, mod, conversions, times and zones, strings. Values and
the names of columns that overflowed are compared. Each of them is besides the argument of an aggregate that sees the one event alone: as far as
it may stand there (R12), it has the same value, and overflows where the column does.
"""
import datetime
import json
import math
import random
import re
import subprocess
import sys
import zoneinfo
from fractions import Fraction

import seeds

SCHEMA = {
    "type": "record", "name": "Tx", "namespace": "t", "fields": [
        {"name": "card", "type": "string"},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        *({"name": name, "type": ["null", kind] if optional else kind} for name, kind, optional in [
            ("n", "long", False), ("m", "long", True), ("i", "int", True),
            ("a", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}, False),
            ("b", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 4}, True),
            ("w", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 0}, True),
            ("v", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 20}, True), ("e", {"type": "long", "logicalType": "time-micros"}, True),
            ("x", "double", False), ("y", "double", True), ("f", "float", True), ("p", "boolean", False), ("q", "boolean", True),
            ("s", "string", False), ("t", "string", True), ("u", {"type": "long", "logicalType": "timestamp-millis"}, True)])]}
LONG = 1 << 63
DIGITS = 10 ** 38
ZONES = ["UTC", "Europe/Prague", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]


class Overflow(Exception):
    pass


class Unknown(Exception):
    """The oracle can not say."""


class Decimal:
    """units * 10^-scale"""

    def __init__(self, units, scale):
        if abs(units) >= DIGITS:
            raise Overflow
        self.units, self.scale = units, scale

    def exact(self):
        return Fraction(self.units, 10 ** self.scale)

    def show(self):
        sign, units = "-" if self.units < 0 else "", str(abs(self.units)).rjust(self.scale + 1, "0")
        return sign + (units[:-self.scale] + "." + units[-self.scale:] if self.scale else units)


def int64(value):
    if not -LONG <= value < LONG:
        raise Overflow
    return value


def exact(value):
    return value.exact() if isinstance(value, Decimal) else Fraction(value)


def nearest(fraction):
    try:
        return float(fraction) + 0.0
    except OverflowError:
        return None


def finite(value):
    return None if math.isinf(value) or math.isnan(value) else value + 0.0


def as_float(value):
    return value if isinstance(value, float) else nearest(exact(value))


# --- operators on values that are not null ----------------------------------------------------------------------------
def arithmetic(op, a, b):
    if isinstance(a, float) or isinstance(b, float):
        a, b = as_float(a), as_float(b)
        return finite({"+": a + b, "-": a - b, "*": a * b}[op])
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        a, b = (v if isinstance(v, Decimal) else Decimal(v, 0) for v in (a, b))
        if op == "*":
            return Decimal(a.units * b.units, a.scale + b.scale)
        scale = max(a.scale, b.scale)
        left, right = a.units * 10 ** (scale - a.scale), b.units * 10 ** (scale - b.scale)
        return Decimal(left + right if op == "+" else left - right, scale)
    return int64({"+": a + b, "-": a - b, "*": a * b}[op])


def floor_division(name):
    """The quotient rounded down, or what it leaves at the larger scale, of decimals of any size."""
    def rule(a, b):
        if exact(b) == 0:
            return None
        whole = exact(a) // exact(b)
        if name == "div":
            return Decimal(whole, 0)
        scale = max(v.scale if isinstance(v, Decimal) else 0 for v in (a, b))
        return Decimal(int((exact(a) - whole * exact(b)) * 10 ** scale), scale)
    return rule


def divide(a, b):
    if isinstance(a, float) or isinstance(b, float):
        a, b = as_float(a), as_float(b)
        if b == 0:
            return None
        try:
            return finite(a / b)
        except OverflowError:
            return None
    return None if exact(b) == 0 else nearest(exact(a) / exact(b))


def compare(op, a, b):
    if not isinstance(a, (str, bool)):
        a, b = exact(a), exact(b)
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def compare_with(op, a, b):
    """Of two texts; a constant takes the type it meets before values compare."""
    is_constant_a, is_constant_b = ("this." not in text for text in (a, b))

    def rule(x, y):
        if is_constant_a and isinstance(y, float):
            x = as_float(x)
        if is_constant_b and isinstance(x, float):
            y = as_float(y)
        return compare(op, x, y)
    return rule


def round_decimal(value, scale):
    scaled = exact(value) * 10 ** scale
    return Decimal(round(scaled), scale)  # half to even


# --- trees: (text, function of the event) ------------------------------------------------------------------------------
def strict(function, *parts):
    def evaluate(e):
        values = []
        for part in parts:  # from the left; the first null decides
            values.append(part(e))
            if values[-1] is None:
                return None
        try:
            return function(*values)
        except Overflow:  # null from here on, and remembered
            e["overflow"] = True
            return None
    return evaluate


def valued(function):
    """What has a value has not overflowed, whatever was asked on the way."""
    def evaluate(e):
        before = e["overflow"]
        value = function(e)
        if value is not None:
            e["overflow"] = before
        return value
    return evaluate


def logic(op, a, b):
    @valued
    def evaluate(e):
        x, decided = a(e), op == "or"
        if x is decided:  # the right side is not asked, so it can not overflow
            return decided
        y = b(e)
        if y is decided:
            return decided
        return None if x is None or y is None else not decided
    return evaluate


def choose(c, a, b):
    def evaluate(e):
        before, e["overflow"] = e["overflow"], False
        holds = c(e)
        is_lost = holds is None and e["overflow"]
        e["overflow"] |= before
        return None if is_lost else a(e) if holds is True else b(e)
    return evaluate


def coalesce(a, b):
    @valued
    def evaluate(e):
        value = a(e)
        return b(e) if value is None else value
    return evaluate


class Maker:
    def __init__(self, rng):
        self.rng = rng

    def field(self, names):
        name = self.rng.choice(names)
        return f"this.{name}", lambda e: e[name]

    def int_leaf(self):
        if self.rng.random() < 0.3:
            value = self.rng.choice([0, 1, 2, 3, 7, 10, 100, 9007199254740993, LONG - 1])
            return str(value), lambda e: value
        return self.field(["n", "m", "i"])

    def int(self, depth):
        if depth == 0 or self.rng.random() < 0.15:
            return self.int_leaf()
        kind = self.rng.choice(["+", "-", "*", "neg", "div", "mod", "if", "??", "min", "clamp", "hour", "length"])
        if kind in "+-*":
            return self.binary(kind, self.int(depth - 1), self.int(depth - 1), arithmetic)
        if kind == "neg":
            a, f = self.int(depth - 1)
            return f"(-({a}))", strict(lambda v: int64(-v), f)
        if kind in ("div", "mod"):
            (a, f), (b, g) = self.int(depth - 1), self.int(depth - 1)
            rule = (lambda x, y: None if y == 0 else int64(x // y)) if kind == "div" else (lambda x, y: None if y == 0 else x % y)
            return f"{kind}({a}, {b})", strict(rule, f, g)
        if kind == "if":
            return self.conditional(self.int, depth)
        if kind == "??":
            return self.default(self.int, depth)
        if kind == "hour":
            return self.clock(depth)
        if kind == "length":
            a, f = self.string(depth - 1)
            return f"length({a})", strict(len, f)
        return self.extreme(self.int, depth) if kind == "min" else self.clamp(self.int, depth)

    def decimal(self, depth, wide=True):
        if depth == 0 or self.rng.random() < 0.2:
            return self.field(["a", "b", "w", "v"] if wide else ["a", "b"])
        kind = self.rng.choice(["+", "-", "*", "neg", "int", "conv", "div", "mod"])
        if kind in "+-":
            return self.binary(kind, self.decimal(depth - 1, wide), self.decimal(depth - 1, wide), arithmetic)
        if kind == "*":  # at most 38 digits behind the point
            return self.binary("*", self.decimal(0, False), self.decimal(depth - 1, False), arithmetic)
        if kind == "neg":
            a, f = self.decimal(depth - 1, wide)
            return f"(-({a}))", strict(lambda v: Decimal(-v.units, v.scale), f)
        if kind == "int":
            return self.binary(self.rng.choice("+-*"), self.decimal(depth - 1, wide), self.int_leaf(), arithmetic)
        if kind in ("div", "mod"):
            parts = [self.decimal(depth - 1, wide), self.rng.choice([self.int_leaf, lambda: self.decimal(depth - 1, wide)])()]
            self.rng.shuffle(parts)
            return f"{kind}({parts[0][0]}, {parts[1][0]})", strict(floor_division(kind), parts[0][1], parts[1][1])
        scale = self.rng.randrange(0, 7)
        a, f = self.rng.choice([self.decimal, self.float, self.int])(depth - 1)
        return f"decimal({a}, {scale})", strict(lambda v: round_decimal(v, scale), f)

    def float(self, depth):
        if depth == 0 or self.rng.random() < 0.15:
            return self.field(["x", "y", "f"])
        kind = self.rng.choice(["+", "-", "*", "/", "/", "neg", "if", "??", "min", "clamp", "float", "mix", "length"])
        if kind == "length":
            return self.length_of(depth)
        if kind in "+-*":
            return self.binary(kind, self.float(depth - 1), self.float(depth - 1), arithmetic)
        if kind == "mix":
            parts = [self.float(depth - 1), self.rng.choice([self.int, self.decimal])(depth - 1)]
            self.rng.shuffle(parts)
            return self.binary(self.rng.choice("+-*"), *parts, arithmetic)
        if kind == "/":
            (a, f), (b, g) = self.number(depth - 1), self.number(depth - 1)
            return f"({a} / {b})", strict(divide, f, g)
        if kind == "neg":
            a, f = self.float(depth - 1)
            return f"(-({a}))", strict(lambda v: finite(-v), f)
        if kind == "float":
            a, f = self.number(depth - 1)
            return f"float({a})", strict(as_float, f)
        if kind == "if":
            return self.conditional(self.float, depth)
        if kind == "??":
            return self.default(self.float, depth)
        return self.extreme(self.float, depth) if kind == "min" else self.clamp(self.float, depth)

    def duration(self, depth):
        if depth == 0 or self.rng.random() < 0.2:
            if self.rng.random() < 0.7:
                return self.field(["e"])
            count, (unit, us) = self.rng.randrange(1, 100), self.rng.choice([("us", 1), ("ms", 1000), ("s", 10**6), ("h", 36 * 10**8), ("w", 6048 * 10**8)])
            return f"{count}{unit}", lambda e: count * us
        kind = self.rng.choice(["+", "-", "*", "neg", "times", "mod", "div", "??", "if", "min"])
        if kind in "+-":
            return self.binary(kind, self.duration(depth - 1), self.duration(depth - 1), arithmetic)
        if kind == "*":
            parts = [self.duration(depth - 1), self.int_leaf()]
            self.rng.shuffle(parts)
            return self.binary("*", *parts, arithmetic)
        if kind == "neg":
            a, f = self.duration(depth - 1)
            return f"(-({a}))", strict(lambda v: int64(-v), f)
        if kind == "times":
            return self.binary("-", self.time(depth - 1), self.time(depth - 1), arithmetic)
        if kind in ("mod", "div"):
            (a, f), (b, g) = self.duration(depth - 1), (self.duration if kind == "mod" else self.int)(depth - 1)
            return f"{kind}({a}, {b})", strict(lambda x, y: None if y == 0 else int64(x // y) if kind == "div" else x % y, f, g)
        if kind == "if":
            return self.conditional(self.duration, depth)
        return self.default(self.duration, depth) if kind == "??" else self.extreme(self.duration, depth)

    def time(self, depth):
        if depth == 0 or self.rng.random() < 0.4:
            return self.field(["ts", "u"])
        kind = self.rng.choice(["+", "-", "??", "max"])
        if kind in "+-":
            return self.binary(kind, self.time(depth - 1), self.duration(depth - 1), arithmetic)
        return self.default(self.time, depth) if kind == "??" else self.extreme(self.time, depth)

    def length_of(self, depth):
        """A duration as a number."""
        kind = self.rng.choice(["hours", "days", "years", "/"])
        if kind == "/":
            return self.binary("/", self.duration(depth - 1), self.duration(depth - 1), lambda op, a, b: None if b == 0 else nearest(Fraction(a, b)))
        unit = {"hours": 36 * 10**8, "days": 864 * 10**8, "years": Fraction(3652425 * 864, 10**4) * 10**8}[kind]
        a, f = self.duration(depth - 1)
        return f"{kind}({a})", strict(lambda v: nearest(Fraction(v) / unit), f)

    def literal(self, depth):
        """Some of them beside the values of x, y and f, and none a float64 exactly."""
        units, scale = self.rng.choice([(1, 1), (3, 1), (-25, 1), (15, 1), (99999, 5), (self.rng.randrange(-1000, 1000), 2)])
        value = Decimal(units, scale)
        return value.show(), lambda e: value

    def number(self, depth):
        return self.rng.choice([self.int, self.decimal, self.float])(depth)

    def string(self, depth):
        if depth == 0 or self.rng.random() < 0.5:
            return self.field(["s", "t"])
        kind = self.rng.choice(["lower", "if", "??"])
        if kind == "lower":
            a, f = self.string(depth - 1)
            return f"lower({a})", strict(lambda v: "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in v), f)
        return self.conditional(self.string, depth) if kind == "if" else self.default(self.string, depth)

    def bool(self, depth):
        if depth == 0 or self.rng.random() < 0.1:
            return self.field(["p", "q"])
        kind = self.rng.choice(["cmp", "cmp", "cmp", "and", "or", "not", "has", "text", "order", "when"])
        if kind == "when":
            op, side = self.rng.choice(["==", "!=", "<", "<=", ">", ">="]), self.rng.choice([self.duration, self.time])
            (a, f), (b, g) = side(depth - 1), side(depth - 1)
            return f"({a} {op} {b})", strict(lambda x, y: compare(op, x, y), f, g)
        if kind == "cmp":
            op = self.rng.choice(["==", "!=", "<", "<=", ">", ">="])
            (a, f), (b, g) = self.rng.choice([self.number, self.float])(depth - 1), self.rng.choice([self.number, self.literal])(depth - 1)
            return f"({a} {op} {b})", strict(compare_with(op, a, b), f, g)
        if kind == "order":
            op = self.rng.choice(["==", "!=", "<", "<=", ">", ">="])
            (a, f), (b, g) = self.string(depth - 1), self.string(depth - 1)
            return f"({a} {op} {b})", strict(lambda x, y: compare(op, x, y), f, g)
        if kind in ("and", "or"):
            (a, f), (b, g) = self.bool(depth - 1), self.bool(depth - 1)
            return f"({a} {kind} {b})", logic(kind, f, g)
        if kind == "not":
            a, f = self.bool(depth - 1)
            return f"(not {a})", strict(lambda v: not v, f)
        if kind == "has":
            a, f = self.number(depth - 1)
            return f"(has ({a}))", valued(lambda e: f(e) is not None)
        name, rule = self.rng.choice([("starts_with", str.startswith), ("ends_with", str.endswith), ("contains", str.__contains__)])
        (a, f), (b, g) = self.string(depth - 1), self.string(0)
        return f"{name}({a}, {b})", strict(rule, f, g)

    def clock(self, depth):
        zone, name = self.rng.choice(ZONES), self.rng.choice(["hour", "day", "weekday"])
        a, f = self.time(self.rng.randrange(2)) if depth else self.field(["ts", "u"])

        def rule(micros):
            if not -62e15 < micros < 253e15:  # the years that Python knows
                raise Unknown
            moment = datetime.datetime.fromtimestamp(micros // 1_000_000, zoneinfo.ZoneInfo(zone))
            return {"hour": moment.hour, "day": moment.day, "weekday": moment.isoweekday()}[name]
        return f'{name}({a}, "{zone}")', strict(rule, f)

    def binary(self, op, left, right, rule):
        return f"({left[0]} {op} {right[0]})", strict(lambda a, b: rule(op, a, b), left[1], right[1])

    def conditional(self, kind, depth):
        (c, h), (a, f), (b, g) = self.bool(depth - 1), kind(depth - 1), kind(depth - 1)
        return f"(if {c} then {a} else {b})", choose(h, f, g)

    def default(self, kind, depth):
        (a, f), (b, g) = kind(depth - 1), kind(depth - 1)
        return f"({a} ?? {b})", coalesce(f, g)

    def extreme(self, kind, depth):
        name = self.rng.choice(["min", "max"])
        parts = [kind(depth - 1) for _ in range(self.rng.randrange(2, 4))]
        rule = min if name == "min" else max
        return f"{name}({', '.join(text for text, _ in parts)})", strict(lambda *v: rule(v), *(f for _, f in parts))

    def clamp(self, kind, depth):
        parts = [kind(depth - 1) for _ in range(3)]
        rule = lambda x, low, high: min(high, max(low, x))
        return f"clamp({', '.join(text for text, _ in parts)})", strict(rule, *(f for _, f in parts))

    def column(self):
        kind = self.rng.choice([self.int, self.decimal, self.decimal, self.float, self.float, self.bool, self.string, self.duration])
        return kind(self.rng.randrange(1, 5))


# --- events --------------------------------------------------------------------------------------------------------------
def make_event(rng, seq):
    maybe = lambda value: None if rng.random() < 0.2 else value
    whole = lambda: rng.choice([0, 1, -1, rng.randrange(-10, 10), rng.randrange(-10 ** 6, 10 ** 6), rng.randrange(-LONG, LONG), LONG - 1, -LONG])
    real = lambda: rng.choice([0.0, 0.1, -0.1, 1.5, 1e16, -1e308, 1e-308, 5e-324, rng.uniform(-10, 10), rng.gauss(0, 1e6), float(rng.randrange(-9, 9))])
    single = lambda: float(rng.choice([0.5, 0.25, -3.0, 1024.0, rng.randrange(-10 ** 6, 10 ** 6) / 1024]))
    text = lambda: rng.choice(["", "a", "A", "abc", "ABC", "Žluť", "aé", "zz", "ab", "bc", "日本"])
    return {"card": "c", "ts": 1_700_000_000_000_000 + seq * 3_600_000_000 * 7 + rng.randrange(3_600_000_000), "n": whole(), "m": maybe(whole()),
            "i": maybe(rng.randrange(-2 ** 31, 2 ** 31)), "a": Decimal(rng.choice([0, 1, -1, 50, rng.randrange(-10 ** 12 + 1, 10 ** 12)]), 2),
            "b": maybe(Decimal(rng.choice([0, 5000, 15000, rng.randrange(-10 ** 9 + 1, 10 ** 9)]), 4)),
            "w": maybe(Decimal(rng.choice([0, 1, -1, 10 ** 37, DIGITS - 1, 1 - DIGITS, rng.randrange(-10 ** 20, 10 ** 20), rng.randrange(1 - DIGITS, DIGITS)]), 0)),
            "v": maybe(Decimal(rng.choice([0, 1, 10 ** 20, DIGITS - 1, rng.randrange(-10 ** 22, 10 ** 22), rng.randrange(1 - DIGITS, DIGITS)]), 20)),
            "e": maybe(rng.choice([0, 1, -1, 3600 * 10 ** 6, rng.randrange(-10 ** 12, 10 ** 12), rng.randrange(-LONG, LONG), LONG - 1, -LONG])), "x": real(), "y": maybe(real()),
            "f": maybe(single()), "p": rng.random() < 0.5, "q": maybe(rng.random() < 0.5), "s": text(), "t": maybe(text()),
            "u": maybe(rng.randrange(-2 ** 31, 2 ** 32) * 1_000_000)}


def show(value):
    return value.show() if isinstance(value, Decimal) else value


def line_of(e):
    value = {name: show(v) for name, v in e.items()}
    if value["u"] is not None:
        value["u"] //= 1000
    return json.dumps({"stream": "tx", "value": value})


def evaluate(function, event):
    event = {**event, "overflow": False}
    try:
        value = function(event)
    except Unknown:
        return Unknown, False
    return show(value), event["overflow"] and value is None


def same(ours, expected):
    if isinstance(expected, bool) or isinstance(ours, bool):
        return ours is expected
    if isinstance(expected, float):
        return isinstance(ours, (int, float)) and float(ours) == expected
    return ours == expected


def arguments_of(weir, folder, columns):
    """The expressions that may stand inside an aggregate, as features, in the folder's project. Else None."""
    inside = {i: text.replace("this.", "") for i, (text, _) in enumerate(columns) if "this." in text}
    while inside:
        head = ["package t", 'stream tx from kafka("t.tx") avro("t.Tx") { time ts observed by card }', "features g per card from tx {"]
        lines = head + [f"  a{i} = last({text}) over last 1 including this" for i, text in inside.items()] + ["}", "vector v on tx { g.* }"]
        (folder / "t.weir").write_text("\n".join(lines) + "\n")
        got = subprocess.run([weir, "-C", folder, "eval", "--events", folder / "events.jsonl", "-o", "jsonl"], capture_output=True, text=True)
        if got.returncode == 0:
            return inside, [json.loads(line) for line in got.stdout.splitlines()]
        places = list(inside)
        refused = {places[int(line) - len(head) - 1] for line in re.findall(r"--> t\.weir:(\d+):", got.stderr)}
        if not refused or "error[E0210]" not in got.stderr:
            return inside, got.stderr
        inside = {i: text for i, text in inside.items() if i not in refused}
    return inside, []


def compare_arguments(weir, folder, columns, rows):
    inside, got = arguments_of(weir, folder, columns)
    if isinstance(got, str):
        return 0, [f"as arguments: {got.strip()[:2000]}"]
    values, wrong = 0, []
    for row, other in zip(rows, got):
        for i, text in inside.items():
            values += 1
            ours = row["values"][f"c{i}"], f"c{i}" in row.get("errors", {})
            there = other["values"][f"g_a{i}"], f"g_a{i}" in other.get("errors", {})
            if ours != there:
                wrong.append(f"seq {row['seq']} last({text}): {there}, the column of the same text {ours}")
    return values, wrong


def run_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    columns = [Maker(rng).column() for _ in range(30)]
    lines = ["package t", 'stream tx from kafka("t.tx") avro("t.Tx") { time ts observed by card }', "vector v on tx {"]
    lines += [f"  c{i} = {text}" for i, (text, _) in enumerate(columns)] + ["}"]
    events = [make_event(rng, seq) for seq in range(count)]
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    (folder / "schemas" / "t.Tx.avsc").write_text(json.dumps(SCHEMA))
    (folder / "t.weir").write_text("\n".join(lines) + "\n")
    (folder / "events.jsonl").write_text("\n".join(line_of(e) for e in events) + "\n")
    got = subprocess.run([weir, "-C", folder, "eval", "--events", folder / "events.jsonl", "-o", "jsonl"], capture_output=True, text=True)
    if "E0210" in got.stderr:  # two literals whose sum does not fit: refused by the compiler, which is right
        return 0, []
    if got.returncode != 0:
        return 0, [f"exit {got.returncode}: {got.stderr.strip()[:2000]}"]
    rows = [json.loads(line) for line in got.stdout.splitlines()]
    if len(rows) != count:
        return 0, [f"{len(rows)} rows of {count}: {got.stderr.strip()[:500]}"]
    values, wrong = 0, []
    for event, row in zip(events, rows):
        for i, (text, function) in enumerate(columns):
            values += 1
            expected, overflow = evaluate(function, event)
            if expected is Unknown:
                continue
            mine, marked = row["values"][f"c{i}"], f"c{i}" in row.get("errors", {})
            if not same(mine, expected) or marked != overflow:
                wrong.append(f"seq {row['seq']} c{i} = {text}\n    ours {mine!r} {marked}, the rules say {expected!r} {overflow}\n    {line_of(event)}")
    more, wrong_inside = compare_arguments(weir, folder, columns, rows)
    return values + more, wrong + wrong_inside


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 20], least=1000, events=60, shown=4))
