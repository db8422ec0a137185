#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random chains: joined streams, composite entities, nested features and derived ones, `weir eval` against the rules read literally.

    random_chain.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Two streams cross at an entity; a shop's features filter by a card's value at that past event's own copy (R14), a card's by its own
earlier values, frozen when they came, with delays, steps and the event itself included. Null keys leave hops out (R2), `this` is compared with past events, derived features combine others.
"""
import json
import random
import sys
from fractions import Fraction

import seeds
from random_eval import SECOND, compare_rows, duration, mean, moments, show, total

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
FIELDS = {
    "tx": [("id", ["null", "long"]), ("ts", {"type": "long", "logicalType": "timestamp-micros"}), ("card", ["null", "string"]),
           ("shop", ["null", "string"]), ("amount", ["null", DECIMAL]), ("n", ["null", "long"]), ("ok", ["null", "boolean"])],
    "login": [("id", ["null", "long"]), ("ts", {"type": "long", "logicalType": "timestamp-micros"}), ("card", ["null", "string"]),
              ("device", ["null", "string"]), ("n", ["null", "long"])],
}
WINDOWS = ["1m", "10m", "1h", "1d"]


def aggregate(name, argument, chosen):
    values = [e[argument] for e in chosen if e.get(argument) is not None] if argument else chosen
    if name == "count":
        return len(values)
    if name == "sum":
        return total(values, argument)
    if name == "mean":
        return mean(values)
    if name == "last":
        return values[-1] if values else None
    return any(values)


class Feature:
    """name = aggregate(argument) where condition over window; `text` of the condition and `keep(past, this)`."""

    def __init__(self, rng, name, calls, condition=None, ever=True):
        self.name, (self.call, self.aggregate, self.argument, self.stream) = name, rng.choice(calls)
        self.condition, self.keep = condition or (None, lambda e, this: True)
        self.window = rng.choice(WINDOWS + (["ever"] if ever else []) + [f"last {rng.randrange(1, 5)}"])
        self.delay = rng.choice([None, None, "1m", "30m"])
        self.including = self.delay is None and rng.random() < 0.3
        self.step = rng.choice(["1m", "7m", "1h"]) if self.window in WINDOWS and rng.random() < 0.2 else None

    def text(self):
        where = f" where {self.condition}" if self.condition else ""
        tail = f" delayed {self.delay}" if self.delay else ""
        tail += f" step {self.step}" if self.step else ""
        return f"  {self.name} = {self.call}{where} over {self.window}{tail}" + (" including this" if self.including else "")

    def value(self, known, this, horizon, has_own):
        """`has_own`: the trigger has a copy at this entity and feeds the group."""
        delay = duration(self.delay) if self.delay else 0
        tau, window = this["ts"] - delay, self.window
        horizon = None if horizon is None else horizon - delay
        known = known + ([this] if self.including and has_own else [])
        high = tau if horizon is None else max(tau, horizon)
        if window == "ever" or window.startswith("last"):
            chosen = sorted((e for e in known if e["ts"] <= high), key=lambda e: (e["ts"], e["seq"]))
            chosen = chosen if window == "ever" else chosen[-int(window[5:]):]
        else:
            width = duration(window)
            start = tau // duration(self.step) * duration(self.step) if self.step else tau
            low = start - width if horizon is None else max(start - width, horizon - width)
            chosen = sorted((e for e in known if low < e["ts"] <= tau), key=lambda e: (e["ts"], e["seq"]))
        chosen = [e for e in chosen if self.keep(e, this) and (self.stream is None or e["stream"] == self.stream)]
        return aggregate(self.aggregate, self.argument, chosen)


def above(path, threshold):
    """A past event whose own value of `path` was above: frozen with the event."""
    def keep(e, this):
        value = e["frozen"].get(path)
        return value is not None and Fraction(value) > threshold
    return f"{path} > {threshold}", keep


def make_groups(rng):
    base = [("count()", "count", None, None), ("sum(n)", "sum", "n", None), ("sum(amount)", "sum", "amount", None)]
    card = [Feature(rng, f"f{i}", base + [("mean(amount)", "mean", "amount", None), ("any(ok)", "any", "ok", None)]) for i in range(3)]
    card[0].call, card[0].aggregate, card[0].argument = "count()", "count", None
    both = base[:2] + [("count(login)", "count", None, "login"), ("count(tx)", "count", None, "tx"), ("last(device)", "last", "device", None),
                       ("count(device)", "count", "device", None), ("count(amount)", "count", "amount", None)]
    joined = [Feature(rng, f"j{i}", both) for i in range(4)]
    repeated = [Feature(rng, "r0", base, above("g.f0", rng.randrange(3))), Feature(rng, "r1", base, above("g.f1", 0) if card[1].aggregate != "any" else None)]
    shop = [Feature(rng, "h0", base, above("g.f0", rng.randrange(3))), Feature(rng, "h1", base, above("j.j0", 0) if joined[0].aggregate != "last" else None),
            Feature(rng, "h2", base, ("card == this.card", lambda e, this: e["card"] is not None and e["card"] == this["card"])),
            Feature(rng, "h3", base, ("n > this.n", lambda e, this: e["n"] is not None and this["n"] is not None and e["n"] > this["n"]), ever=False)]
    pair = [Feature(rng, f"p{i}", base) for i in range(2)]
    return [("g", "card", ["tx"], card), ("j", "card", ["tx", "login"], joined), ("r", "card", ["tx"], repeated),
            ("h", "shop", ["tx"], shop), ("p", "card, shop", ["tx"], pair)]


def make_events(rng, count, late):
    events = []
    maybe = lambda value: None if rng.random() < 0.12 else value
    for seq, ts, now in moments(rng, count, late):
        event = {"seq": seq, "stream": rng.choice(["tx", "tx", "login"]), "ts": ts, "ingest": now, "id": maybe(max(0, seq - rng.choice([0, 0, 0, rng.randrange(4)]))),
                 "card": maybe(f"c{rng.randrange(3)}"), "n": maybe(rng.randrange(-3, 6)), "frozen": {}}
        if event["stream"] == "tx":
            event |= {"shop": maybe(f"s{rng.randrange(2)}"), "amount": maybe(Fraction(rng.randrange(5000), 100)), "ok": maybe(rng.random() < 0.5)}
        else:
            event |= {"device": maybe(f"d{rng.randrange(3)}")}
        events.append(event)
    return events


def key_of(entity, event):
    values = tuple(event.get(field) for field in entity.split(", "))
    return None if None in values else values


def oracle(events, groups, late):
    """Yields (seq, {column: value}) for every transaction that is kept."""
    kept, greatest, ids, clock = {}, {}, {}, None
    for e in events:
        hops = {"tx": ["card", "shop", "card, shop"], "login": ["card"]}[e["stream"]]
        first = next((entity for entity in hops if key_of(entity, e) is not None), None)
        if first is None or e["ts"] > e["ingest"] + duration("5m"):
            continue
        clock = e["ingest"] if clock is None else max(clock, e["ingest"])
        if e["id"] is not None:
            earlier = ids.setdefault((e["stream"], first, key_of(first, e), e["id"]), [])
            if any(abs(clock - t) <= late for t in earlier):
                continue
            earlier.append(clock)
        row = {}
        for group, entity, streams, features in groups:
            if e["stream"] not in streams:
                continue
            key = key_of(entity, e)
            known = kept.get((group, key), []) if key is not None else []
            m = greatest.get(entity) if key is not None else None
            for f in features:
                row[f"{group}_{f.name}"] = f.value(known, e, None if m is None else m - late, key is not None)
                e["frozen"][f"{group}.{f.name}"] = row[f"{group}_{f.name}"]
        for group, entity, streams, _ in groups:
            key = key_of(entity, e)
            if e["stream"] in streams and key is not None:
                kept.setdefault((group, key), []).append(e)
        for entity in hops:
            if key_of(entity, e) is not None:
                greatest[entity] = max(greatest.get(entity, e["ts"]), e["ts"])
        if e["stream"] == "tx":
            row["twice"] = row["g_f0"] * 2 + row["h_h0"]
            row["share"] = row["h_h0"] / row["g_f0"] if row["g_f0"] else None
            row["more"] = None if e["n"] is None else e["n"] > row["g_f0"]
            yield e["seq"], row


def line_of(e):
    return json.dumps({"stream": e["stream"], "ingest": e["ingest"], "value": {name: show(e[name]) for name, _ in FIELDS[e["stream"]]}})


def make_project(rng, folder, groups, late_text):
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    lines = ["package t"]
    for stream, entities in (("tx", "card, shop, (card, shop)"), ("login", "card")):
        schema = {"type": "record", "name": stream, "namespace": "t",
                  "fields": [{"name": n, "type": t, **({"default": None} if isinstance(t, list) else {})} for n, t in FIELDS[stream]]}
        (folder / "schemas" / f"t.{stream}.avsc").write_text(json.dumps(schema))
        lines.append(f'stream {stream} from kafka("t.{stream}") avro("t.{stream}") {{ time ts id id observed by {entities} late {late_text} future 5m }}')
    texts = [[f"features {group} per {entity} from {' join '.join(streams)} {{"] + [f.text() for f in features] + ["}"] for group, entity, streams, features in groups]
    rng.shuffle(texts)  # the order of definitions is free
    lines += sum(texts, [])
    lines += ["vector v on tx { g.* j.* r.* h.* p.*  twice = g.f0 * 2 + h.h0  share = h.h0 / g.f0  more = this.n > g.f0 }"]
    (folder / "t.weir").write_text("\n".join(lines) + "\n")


def run_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    late_text = rng.choice(["1m", "10m", "1h", "1d"])
    groups = make_groups(rng)
    groups[3][3][0].aggregate, groups[3][3][0].call, groups[3][3][0].argument = "count", "count()", None
    events = make_events(rng, count, duration(late_text))
    make_project(rng, folder, groups, late_text)
    (folder / "events.jsonl").write_text("\n".join(map(line_of, events)) + "\n")
    return compare_rows(weir, folder, dict(oracle(events, groups, duration(late_text))))


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 20], least=500, events=150))
