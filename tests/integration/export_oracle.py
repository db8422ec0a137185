#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""export_oracle.py: what weir export must give, computed from the rules alone.

    export_oracle.py make DIR          events.jsonl (in the order of ingest, with late ones, ties, duplicates and nulls), spine.csv, spine.parquet
    export_oracle.py check DIR EVENTS  compares DIR/known, DIR/known_parquet, DIR/asof, DIR/asof_spine with values from the definitions;
                                       EVENTS is the as-known export of all events, read for where each stands; EVENTS_between,
                                       those of two days, must be the same rows

Nothing of weir is used but the positions: the partition of a key is murmur2 as Kafka's clients have it, ingest times are the running
maximum of a partition (R2), the read point of a spine row is the first position with an ingest time after t (R3).
"""
import csv, datetime, decimal, glob, json, random, sys
from fractions import Fraction

H, D, US = 3600 * 10**6, 86400 * 10**6, 10**6
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
START = 1772366400 * US  # 2026-03-01T12:00:00Z
PARTITIONS = 4  # of the embedded broker


def stamp(us):
    return EPOCH + datetime.timedelta(microseconds=us)


def murmur2(data):
    m, h = 0x5bd1e995, 0x9747b28c ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & 0xffffffff
        k = (k ^ k >> 24) * m & 0xffffffff
        h = (h * m & 0xffffffff) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & 0xffffffff
    h = (h ^ h >> 13) * m & 0xffffffff
    return h ^ h >> 15


def partition(key):
    return (murmur2(key.encode()) & 0x7fffffff) % PARTITIONS


def make(folder):
    rng = random.Random(11)
    events, now = [], START
    for i in range(1500):
        now += rng.randrange(0, 12 * 60) * US
        late = rng.randrange(0, 40) if rng.random() < 0.9 else rng.randrange(0, 86000)
        et = (now - late * US) // (300 * US) * (300 * US) if rng.random() < 0.5 else now - late * US
        events.append({"tx_id": i, "ts": et, "seen": now, "card": f"c{rng.randrange(12)}" if rng.random() > 0.02 else None,
                       "merchant": f"m{rng.randrange(5)}" if rng.random() > 0.05 else None,
                       "amount": f"{rng.randrange(20000) / 100:.2f}"})
        if rng.random() < 0.03 and events[-1]["card"]:
            again = dict(events[-1], ts=et + 7 * US, amount="1.00")
            now += 30 * US
            events.append(dict(again, seen=now))
    events = [e for e in events if e["card"] or e["merchant"]]
    with open(f"{folder}/events.jsonl", "w") as out:
        for e in events:
            print(json.dumps(dict(e, ts=stamp(e["ts"]).isoformat(), seen=stamp(e["seen"]).isoformat())), file=out)
    rows = []
    for i in range(400):
        when = rng.choice([e["seen"] for e in events]) + rng.choice([0, 0, -1, 1, rng.randrange(-H, H)]) if rng.random() < 0.7 else \
            rng.choice([e["ts"] for e in events])
        rows.append((when, rng.choice([f"c{rng.randrange(12)}", f"c{rng.randrange(12)}", "nobody", None]),
                     rng.choice([f"m{rng.randrange(5)}", "nowhere", None]), decimal.Decimal(rng.randrange(20000)) / 100))
    rows += [rows[3], rows[3]]
    rows.append((START - 30 * D, "c1", "m1", decimal.Decimal(1)))
    rows.append((START + 900 * D, "c1", "m1", decimal.Decimal(1)))
    zones = [datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=45)), datetime.timezone(datetime.timedelta(hours=-8))]
    with open(f"{folder}/spine.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["merchant", "note", "time", "amount", "card"])
        for i, (when, card, merchant, amount) in enumerate(rows):
            writer.writerow([merchant, f"row {i}, of mine", stamp(when).astimezone(zones[i % 3]).isoformat(), amount, card])
    import pyarrow as pa, pyarrow.parquet as pq
    table = pa.table({"time": pa.array([stamp(r[0]) for r in rows], pa.timestamp("us", "Asia/Kathmandu")),
                      "card": pa.array([r[1] for r in rows], pa.string()), "merchant": pa.array([r[2] for r in rows], pa.string()),
                      "amount": pa.array([r[3] for r in rows], pa.decimal128(12, 2))})
    pq.write_table(table, f"{folder}/spine.parquet")


def us_of(value):
    return round((value - EPOCH) / datetime.timedelta(microseconds=1))


class Known:
    """One entity's events in the order in which they are known; `order` breaks ties of time (R7)."""

    def __init__(self, events, key):
        self.by_key = {}
        for order, e in enumerate(events):
            if e[key] is not None:
                self.by_key.setdefault(e[key], []).append((e["ts"], order, e))

    def of(self, key, tau, until):
        """Events of the key with et <= tau that `until` (a function of order, et) calls known."""
        return [x for x in self.by_key.get(key, []) if x[0] <= tau and until(x[1], x[0])]


def within(rows, tau, width):
    return [e for et, _, e in rows if et > tau - width]


def mean(values):
    if not values: return None
    return float(sum(map(Fraction, values)) / len(values))


def card_values(rows, tau, merchant, amount):
    day = within(rows, tau, D)
    last = max(rows, default=None, key=lambda x: (x[0], x[1]))
    lasts = [x for x in rows if x[2]["merchant"] is not None]
    last = max(lasts, default=None, key=lambda x: (x[0], x[1]))
    return {"c_n_1h": len(within(rows, tau, H)), "c_n_1d": len(day),
            "c_spend": sum((decimal.Decimal(e["amount"]) for e in day), decimal.Decimal("0.00")),
            "c_prev": last and last[2]["merchant"],
            "c_here": sum(e["merchant"] == merchant for e in within(rows, tau, 3 * D)) if merchant is not None else 0,
            "c_big": sum(decimal.Decimal(e["amount"]) > amount for e in day),
            "c_mean": mean([decimal.Decimal(e["amount"]) for _, _, e in rows])}


def merchant_values(rows, tau, busy):
    day = within(rows, tau, D)
    return {"m_n": len(within(rows, tau, H)), "m_hot": sum(busy[e["tx_id"]] > 1 for e in day),
            "m_avg": mean([decimal.Decimal(e["amount"]) for e in day])}


def compare(name, want, have, ignore=()):
    for i, (w, h) in enumerate(zip(want, have)):
        for column, value in w.items():
            if h[column] != value and not (h[column] == value):
                sys.exit(f"{name}, row {i}: {column} is {h[column]!r}, wants {value!r}\n  {h}\n  {w}")
    if len(want) != len(have): sys.exit(f"{name}: {len(have)} rows, wants {len(want)}")
    print(f"{name}: {len(want)} rows, {sum(len(w) for w in want)} values agree")


def check(folder, exported):
    import pyarrow.parquet as pq
    read = lambda path: [row for part in sorted(glob.glob(f"{path}/*.parquet")) for row in pq.read_table(part).to_pylist()]
    days = datetime.datetime(2026, 3, 3, tzinfo=datetime.timezone.utc), datetime.datetime(2026, 3, 5, tzinfo=datetime.timezone.utc)
    want = [row for row in read(exported) if days[0] <= row["event_time"] < days[1]]
    assert len(want) > 100
    compare("as known, two days", want, read(f"{exported}_between"))

    events = [json.loads(line) for line in open(f"{folder}/events.jsonl")]
    for e in events:
        for field in ("ts", "seen"): e[field] = us_of(datetime.datetime.fromisoformat(e[field]))
    place = {row["tx_id"]: (row["journal_partition"], row["journal_offset"], row["journal_index"]) for row in read(exported)}
    # The card journal is written in the order of the sources, each partition of which holds the keys of one of its own. The first of an id stays.
    seen, cards, counted = set(), [], []
    for e in events:
        if e["card"] is None: counted.append(e); continue
        e["part"] = partition(e["card"])
        e["copy"] = e["tx_id"] in seen
        seen.add(e["tx_id"])
        cards.append(e)
        if not e["copy"]: counted.append(e)
    assert len(counted) == len(place), (len(counted), len(place))
    merchants = sorted((e for e in counted if e["merchant"] is not None), key=lambda e: place[e["tx_id"]])
    off = [(e["merchant"], place[e["tx_id"]], partition(e["merchant"])) for e in merchants if place[e["tx_id"]][0] != partition(e["merchant"])]
    assert not off, off[:5]

    def ingests(journal, of):
        last, out = {}, []
        for e in journal:
            last[of(e)] = max(last.get(of(e), -2**63), e["seen"])
            out.append(last[of(e)])
        return out
    card_ingest = ingests(cards, lambda e: e["part"])
    merchant_ingest = ingests(merchants, lambda e: partition(e["merchant"]))

    def end_of(journal, ingest, of, part, t):
        return next((i for i, e in enumerate(journal) if of(e) == part and ingest[i] > t), len(journal))

    by_card = Known([e if not e["copy"] else dict(e, card=None) for e in cards], "card")
    by_merchant = Known(merchants, "merchant")
    at_card = {id(e): i for i, e in enumerate(cards)}
    busy = {}
    for e in counted:
        rows = by_card.of(e["card"], e["ts"], lambda order, et: order < at_card[id(e)]) if e["card"] else []
        busy[e["tx_id"]] = len(within(rows, e["ts"], H))

    spine = []
    for row in csv.DictReader(open(f"{folder}/spine.csv")):
        spine.append((us_of(datetime.datetime.fromisoformat(row["time"])), row["card"] or None, row["merchant"] or None,
                      decimal.Decimal(row["amount"])))
    want = []
    for t, card, merchant, amount in spine:
        p = end_of(cards, card_ingest, lambda e: e["part"], partition(card), t) if card else 0
        q = end_of(merchants, merchant_ingest, lambda e: partition(e["merchant"]), partition(merchant), t) if merchant else 0
        values = card_values(by_card.of(card, t, lambda order, et: order < p) if card else [], t, merchant, amount)
        values |= merchant_values(by_merchant.of(merchant, t, lambda order, et: order < q) if merchant else [], t, busy)
        want.append(values | {"amount": amount, "card": card, "merchant": merchant, "event_time": stamp(t)})
    compare("as known, CSV", want, read(f"{folder}/known"))
    compare("as known, Parquet", want, read(f"{folder}/known_parquet"))

    # As of: the journal's order is left only among events of one instant.
    asof_busy = {}
    for e in counted:
        mine = at_card.get(id(e))
        rows = by_card.of(e["card"], e["ts"], lambda order, et: (et, order) < (e["ts"], mine)) if e["card"] else []
        asof_busy[e["tx_id"]] = len(within(rows, e["ts"], H))
    assert asof_busy != busy, "no late event changes anything; the test shows nothing"
    always = lambda order, et: True
    want = []
    for t, card, merchant, amount in spine:
        values = card_values(by_card.of(card, t, always) if card else [], t, merchant, amount)
        values |= merchant_values(by_merchant.of(merchant, t, always) if merchant else [], t, asof_busy)
        want.append(values | {"amount": amount, "event_time": stamp(t)})
    compare("as of, spine", want, read(f"{folder}/asof_spine"))

    at_merchant = {id(e): i for i, e in enumerate(merchants)}
    by_id = {e["tx_id"]: e for e in counted}
    have, want = read(f"{folder}/asof"), []
    assert [r["event_time"] for r in have] == sorted(r["event_time"] for r in have), "rows are not in the order of time"
    for row in have:
        e = by_id.pop(row["tx_id"])
        known = by_card.of(e["card"], e["ts"], lambda order, et: (et, order) < (e["ts"], at_card[id(e)])) if e["card"] else []
        values = card_values(known, e["ts"], e["merchant"], decimal.Decimal(e["amount"]))
        known = by_merchant.of(e["merchant"], e["ts"], lambda order, et: (et, order) < (e["ts"], at_merchant[id(e)])) if e["merchant"] else []
        values |= merchant_values(known, e["ts"], asof_busy)
        want.append(values | {"event_time": stamp(e["ts"]), "seen": stamp(e["seen"]), "card": e["card"],
                              "journal_offset": place[e["tx_id"]][1], "journal_index": place[e["tx_id"]][2]})
    assert not by_id, "events are missing"
    compare("as of, events", want, have)


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    check(sys.argv[2], sys.argv[3])
