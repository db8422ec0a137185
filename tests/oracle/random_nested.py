#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random nests of features: `weir eval` against R4, R6 and R14 read literally.

    random_nested.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Five groups of three entities, each of a few features whose arguments, conditions and groups' conditions ask for features above them: of the
same entity, or of one that is visited earlier. What they ask of a past event is what it carries, frozen; where the event is included, that
is its own value of the same moment. Derived features combine others, and `this` is compared with both. Names are told to the compiler in any
order.
"""
import json
import random
import subprocess
import sys

import seeds
from random_eval import SECOND, duration, moments

FIELDS = [("id", ["null", "long"]), ("ts", {"type": "long", "logicalType": "timestamp-micros"}), ("card", ["null", "string"]),
          ("shop", ["null", "string"]), ("n", ["null", "long"]), ("ok", ["null", "boolean"])]
GROUPS = {"g": "card", "i": "card", "h": "shop", "j": "shop", "p": "card, shop"}
VISITED = ["card", "shop", "card, shop"]


def key_of(entity, event):
    key = tuple(event[field] for field in entity.split(", "))
    return None if None in key else key


def strict(function, *values):
    return None if None in values else function(*values)


# --- conditions: (text, function of (past event, this), compares with this by inequality) ------------------------------
def make_condition(rng, visible):
    feature = rng.choice(visible) if visible and rng.random() < 0.75 else None
    text, c = (feature.path if feature else "n"), rng.randrange(4)

    def get(e):
        return e["frozen"][feature.path] if feature else e["n"]
    return rng.choice([
        (f"{text} > {c}", lambda e, this: strict(lambda v: v > c, get(e)), False),
        (f"not ({text} <= {c})", lambda e, this: strict(lambda v: not v <= c, get(e)), False),
        (f"has {text}", lambda e, this: get(e) is not None, False),
        (f"({text} == n or ok)", lambda e, this: e["ok"] or strict(lambda v, n: v == n, get(e), e["n"]), False),
        (f"{text} == this.n", lambda e, this: strict(lambda v, n: v == n, get(e), this["n"]), False),
        (f"{text} >= this.n", lambda e, this: strict(lambda v, n: v >= n, get(e), this["n"]), True)])


class Derived:
    including = False

    def __init__(self, rng, group, name, same):
        self.group, self.name, self.entity, self.path = group, name, GROUPS[group], f"{group}.{name}"
        a, b = rng.choice(same), rng.choice(same)
        self.text, self.combine = rng.choice([
            (f"{a.path} - {b.path}", lambda own, e: strict(lambda x, y: x - y, own[a.path], own[b.path])),
            (f"this.n - {a.path}", lambda own, e: strict(lambda n, x: n - x, e["n"], own[a.path])),
            (f"if {a.path} > 1 then {b.path} else this.n", lambda own, e: own[b.path] if strict(lambda x: x > 1, own[a.path]) else e["n"]),
            (f"({a.path} ?? {b.path}) * 2", lambda own, e: strict(lambda x: x * 2, own[b.path] if own[a.path] is None else own[a.path]))])

    def value(self, known, e, horizon, is_own):
        return self.combine(e["frozen"], e)


class Aggregate:
    def __init__(self, rng, group, name, visible):
        self.group, self.name, self.entity, self.path = group, name, GROUPS[group], f"{group}.{name}"
        self.argument = rng.choice([None, "n"] + [rng.choice(visible).path] * 2 if visible else [None, "n"])
        self.call = "count" if self.argument is None else rng.choice(["sum", "max", "last", "first", "count"])
        self.conditions = [make_condition(rng, visible) for _ in range(rng.choice([0, 1, 1, 2]))]
        lasting = any(inequality for _, _, inequality in self.conditions)
        self.window = rng.choice(["1m", "10m", "1h", "1d", f"last {rng.randrange(1, 5)}"] + ([] if lasting else ["ever"]))
        self.delay = rng.choice([None, None, None, "1m", "30m"])
        self.including = self.delay is None and rng.random() < 0.5
        where = " where " + " and ".join(text for text, _, _ in self.conditions) if self.conditions else ""
        tail = (f" delayed {self.delay}" if self.delay else "") + (" including this" if self.including else "")
        self.text = f"{self.call}({self.argument or ''}){where} over {self.window}{tail}"

    def chosen(self, rows, tau, horizon):
        """`horizon`: what is not later is closed (R8), None where nothing is."""
        if self.window[0].isdigit():
            low = (tau if horizon is None else max(tau, horizon)) - duration(self.window)
            rows = [e for e in rows if low < e["ts"] <= tau]
        else:
            rows = [e for e in rows if e["ts"] <= (tau if horizon is None else max(tau, horizon))]
        rows.sort(key=lambda e: (e["ts"], e["seq"]))
        return rows[-int(self.window[5:]):] if self.window.startswith("last") else rows

    def value(self, known, e, horizon, is_own):
        delay = duration(self.delay) if self.delay else 0
        rows = self.chosen(known + [e] * is_own, e["ts"] - delay, None if horizon is None else horizon - delay)
        rows = [row for row in rows if all(holds(row, e) for _, holds, _ in self.conditions)]
        if self.argument is None:
            return len(rows)
        values = [v for v in (row["n"] if self.argument == "n" else row["frozen"][self.argument] for row in rows) if v is not None]
        if self.call in ("sum", "count"):
            return sum(values) if self.call == "sum" else len(values)
        return {"max": max, "last": lambda v: v[-1], "first": lambda v: v[0]}[self.call](values) if values else None


def make_groups(rng):
    """Features in an order in which each asks for those before it, and the groups' conditions."""
    features, wheres = [], {}
    for group, entity in GROUPS.items():
        before = [f for f in features if VISITED.index(f.entity) <= VISITED.index(entity)]
        if before and rng.random() < 0.3:
            asked, c = rng.choice(before), rng.randrange(3)
            wheres[group] = f"{asked.path} >= {c}", lambda e, path=asked.path, c=c: strict(lambda v: v >= c, e["frozen"][path]) or False
        for i in range(rng.randrange(3, 7)):
            visible = [f for f in features if VISITED.index(f.entity) <= VISITED.index(entity)]
            same = [f for f in visible if f.entity == entity]
            is_derived = same and rng.random() < 0.2
            features.append(Derived(rng, group, f"{group}{i}", same) if is_derived else Aggregate(rng, group, f"{group}{i}", visible))
    return features, wheres


def make_events(rng, count, late):
    events = []
    maybe = lambda value: None if rng.random() < 0.12 else value
    for seq, ts, now in moments(rng, count, late):
        events.append({"seq": seq, "ts": ts, "ingest": now, "id": None, "card": maybe(f"c{rng.randrange(2)}"), "shop": maybe(f"s{rng.randrange(2)}"),
                       "n": maybe(rng.randrange(-2, 6)), "ok": maybe(rng.random() < 0.5), "frozen": {}})
    return events


def read_and_apply(events, features, wheres, late):
    """Fills in what every event carries. Yields those that have a copy anywhere."""
    kept, greatest = {}, {}
    for e in events:
        keys = {entity: key_of(entity, e) for entity in VISITED}
        if not any(keys.values()):
            continue
        def is_member(group):
            return keys[GROUPS[group]] is not None and (group not in wheres or wheres[group][1](e))
        for f in features:
            known = kept.get((f.group, keys[f.entity]), [])
            m = greatest.get(f.entity) if keys[f.entity] else None
            e["frozen"][f.path] = f.value(known, e, None if m is None else m - late, f.including and is_member(f.group))
        for group in filter(is_member, GROUPS):
            kept.setdefault((group, keys[GROUPS[group]]), []).append(e)
        for entity in filter(keys.get, VISITED):
            greatest[entity] = max(greatest.get(entity, e["ts"]), e["ts"])
        yield e


def make_project(rng, folder, features, wheres, events, late_text):
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    fields = [{"name": n, "type": t, **({"default": None} if isinstance(t, list) else {})} for n, t in FIELDS]
    (folder / "schemas" / "t.tx.avsc").write_text(json.dumps({"type": "record", "name": "tx", "namespace": "t", "fields": fields}))
    blocks = []
    for group, entity in GROUPS.items():
        lines = [f"  {f.name} = {f.text}" for f in features if f.group == group]
        rng.shuffle(lines)
        where = f" where {wheres[group][0]}" if group in wheres else ""
        blocks.append("\n".join([f"features {group} per {entity} from tx{where} {{"] + lines + ["}"]))
    rng.shuffle(blocks)
    head = ["package t", f'stream tx from kafka("t.tx") avro("t.tx") {{ time ts id id observed by card, shop, (card, shop) late {late_text} future 5m }}']
    (folder / "t.weir").write_text("\n".join(head + blocks + ["vector v on tx { " + " ".join(f"{g}.*" for g in GROUPS) + " }"]) + "\n")
    lines = [{"stream": "tx", "ingest": e["ingest"], "value": {name: e[name] for name, _ in FIELDS}} for e in events]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")


def run_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    late_text = rng.choice(["1m", "1h", "1d"])
    features, wheres = make_groups(rng)
    events = make_events(rng, count, duration(late_text))
    make_project(rng, folder, features, wheres, events, late_text)
    got = subprocess.run([weir, "-C", folder, "eval", "--events", folder / "events.jsonl", "-o", "jsonl"], capture_output=True, text=True)
    if got.returncode != 0:
        return 0, [f"exit {got.returncode}: {got.stderr.strip()[:2000]}"]
    ours = {row["seq"]: row["values"] for row in map(json.loads, got.stdout.splitlines())}
    values, wrong = 0, []
    for e in read_and_apply(events, features, wheres, duration(late_text)):
        for f in features:
            values += 1
            mine, expected = ours.get(e["seq"], {}).get(f"{f.group}_{f.name}", "absent"), e["frozen"][f.path]
            if mine != expected:
                wrong.append(f"seq {e['seq']} {f.path} = {f.text}: ours {mine!r}, the rules say {expected!r}")
    return values, wrong


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 15], least=500, events=80, shown=4))
