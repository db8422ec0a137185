#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The SQL that weir prints, run by DuckDB, against what `weir eval` computes (G3).

    random_sql.py WEIR [--seeds FIRST COUNT] [--events N] [--keep DIR]

Every seed makes a project of two streams and two entities with some thirty features (windows, delays, steps, the last n, ever, filters,
comparisons with `this`, another entity's value in a filter, arithmetic), and a file of events with late ones, equal times, nulls and
duplicates. Each feature's SELECT is run over views made from the events that count. Every value of every row must be equal: integers
and decimals, and float64 in every bit, since its values lie on a grid on which sums in any order are exact. A feature without SQL may be
no more than it says.
"""
import argparse, decimal, json, pathlib, random, subprocess, sys, tempfile

import duckdb

SECOND = 10**6
UNITS = {"m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
AMOUNT = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
FIELDS = [("id", ["null", "long"]), ("ts", {"type": "long", "logicalType": "timestamp-micros"}), ("card", "string"), ("shop", "string"),
          ("amount", ["null", AMOUNT]), ("x", ["null", "double"]), ("n", ["null", "long"]), ("flag", ["null", "boolean"]),
          ("kind", {"type": "enum", "name": "Kind", "symbols": ["red", "green", "blue"]}), ("word", ["null", "string"])]
SQL_TYPES = {"id": "BIGINT", "ts": "BIGINT", "card": "VARCHAR", "shop": "VARCHAR", "amount": "DECIMAL(12,2)", "x": "DOUBLE", "n": "BIGINT",
             "flag": "BOOLEAN", "kind": "VARCHAR", "word": "VARCHAR"}


def schema(name):
    fields = [{"name": f, "type": t, **({"default": None} if isinstance(t, list) else {})} for f, t in FIELDS]
    return {"type": "record", "name": name, "namespace": "t", "fields": fields}


def condition(rng, other):
    return rng.choice(["flag", "not flag", "n > 1", "n <= 0 or flag", "amount >= 20.00", "kind == red", "kind != this.kind",
                       f"{other} == this.{other}", "n >= this.n", "amount > this.amount and flag", "x > 0.5", 'word == "a"',
                       'starts_with(word, "b")', "has word", "amount > 10.00 and not (n == this.n)", "(n ?? 0) < 2"])


def aggregate(rng):
    return rng.choice(["count()", "count(n)", "sum(n)", "sum(amount)", "sum(x)", "mean(n)", "mean(amount)", "mean(x)", "min(n)", "max(amount)",
                       "min(x)", "max(ts)", "min(word)", "var(n)", "var(amount)", "stddev(n)", "distinct(kind)", "distinct(word)",
                       "distinct(n)", "any(flag)", "all(flag)", "share_of(flag)", "first(n)", "last(amount)", "last(word)", "last(kind)",
                       "sum(n * 2 + 1)", "sum(amount * 2)", "mean(if flag then n else 0)", "max(hour(ts, \"UTC\"))", "sum(float(n) * x)"])


def window(rng, of, where):
    if rng.random() < 0.2: return f"last {rng.randrange(1, 6)}", ""
    if rng.random() < 0.2 and not of.startswith("distinct") and "this" not in where: return "ever", rng.choice(["", " delayed 1h"])
    unit = rng.choice("mhd")
    text = f"{rng.randrange(1, 5)}{unit}"
    extra = rng.choice(["", "", " delayed 10m", " delayed 1h", f" step {dict(m='30s', h='7m', d='5h')[unit]}"])
    return text, extra


def features(rng, other, nested):
    lines = []
    for i in range(12):
        of = aggregate(rng)
        where = f" where {condition(rng, other)}" if rng.random() < 0.6 else ""
        over, extra = window(rng, of, where)
        own = " including this" if rng.random() < 0.2 and "delayed" not in extra else ""
        lines.append(f"  f{i} = {of}{where} over {over}{extra}{own}")
    lines += ["  a = count() over 1h, 1d", "  s = sum(amount) over 1d", "  m = mean(n) over 2d", "  z = last(ts) over ever",
              "  ratio = a[1h] / max(a[1d], 1)", "  share = s / max(this.amount ?? 1.00, 0.01)", "  gap = hours(this.ts - z) ?? -1.0",
              "  big = s > 30.00 and a[1d] >= 2", "  diff = a[1d] - a[1h] * 3", "  rest = mod(a[1d], 3) + div(a[1d], 2)",
              "  best = clamp(m ?? 0.0, 0.5, 1.5)", "  least = min(a[1h], 2)", "  r = rate() over 1h",
              "  odd = count() where n > m over 1d", "  busy = sum(n) where a[1d] > 1 and has word over 2d including this"]
    if nested:
        lines += [f"  hot = count() where {nested}.a[1h] > 1 over 1d", f"  sum_of = sum({nested}.a[1d]) over 2d"]
    return "\n".join(lines)


def make_project(rng, folder):
    (folder / "schemas").mkdir()
    for name in ("Tx", "Back"):
        (folder / "schemas" / f"{name}.avsc").write_text(json.dumps(schema(name)).replace('"Kind"', f'"{name}Kind"'))
    joined = rng.random() < 0.5
    text = f"""package t
enum Kind {{ red, green, blue }}
stream tx from kafka("t.tx") avro("t.Tx") {{ time ts  id id  observed by card, shop  late 5d }}
stream back from kafka("t.back") avro("t.Back") {{ time ts  id id  observed by card, shop  late 5d }}
features by_card per card from tx{" join back" if joined else ""} {{
{features(rng, "shop", None)}
}}
features by_shop per shop from tx where {rng.choice(["n != 3", "has amount", "kind != blue"])} {{
{features(rng, "card", "by_card")}
}}
vector v on tx {{ by_card.*  by_shop.* }}
"""
    (folder / "t.weir").write_text(text)
    return joined


def make_events(rng, count):
    now, events = 1772366400 * SECOND, []
    for i in range(count):
        now += rng.choice([0, 0, 1, 30, 300, 1800]) * SECOND
        ts = now - (rng.randrange(0, 2 * 86400) * SECOND if rng.random() < 0.1 else 0)
        some = lambda v: v if rng.random() > 0.15 else None
        value = {"id": i if rng.random() > 0.1 else None, "ts": ts, "card": f"c{rng.randrange(4)}", "shop": f"s{rng.randrange(3)}",
                 "amount": some(f"{rng.randrange(0, 5000) / 100:.2f}"), "x": some(rng.randrange(-64, 64) / 8), "n": some(rng.randrange(-3, 5)),
                 "flag": some(rng.random() < 0.5), "kind": rng.choice(["red", "green", "blue"]), "word": some(rng.choice(["a", "b", "ba", "é"]))}
        events.append(("tx" if rng.random() < 0.8 else "back", value))
        if rng.random() < 0.03: events.append(events[-1])
    return events


def make_views(events):
    db = duckdb.connect()
    db.execute("SET threads=1")
    db.execute("CREATE TABLE events (stream VARCHAR, event BIGINT, seq BIGINT, it BIGINT, et BIGINT, " +
               ", ".join(f'"{name}" {SQL_TYPES[name]}' for name, _ in FIELDS) + ")")
    seen, rows, ingest = set(), [], 0
    for seq, (stream, value) in enumerate(events):
        ingest = max(ingest, value["ts"])
        mark = (stream, value["card"], value["id"])
        if value["id"] is not None and mark in seen: continue
        seen.add(mark)
        rows.append([stream, seq, seq, ingest, value["ts"]] + [value[name] for name, _ in FIELDS])
    db.executemany(f"INSERT INTO events VALUES ({', '.join('?' * len(rows[0]))})", rows)
    for stream in ("tx", "back"):
        for entity in ("card", "shop"):
            db.execute(f"CREATE VIEW {stream}_by_{entity} AS SELECT * EXCLUDE (stream) FROM events WHERE stream = '{stream}'")
    return db


def as_weir(value, type_name):
    """A value of DuckDB in weir's JSON."""
    if value is None: return None
    if type_name.startswith("decimal"): return str(value)
    if type_name.startswith("time"):
        return (duckdb_time(value)) + "Z"
    return value


def duckdb_time(us):
    import datetime
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).isoformat(timespec="microseconds")


def run(weir, folder, *words):
    done = subprocess.run([weir, "-q", "-C", str(folder), *words], capture_output=True, text=True)
    if done.returncode != 0: sys.exit(f"weir {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def try_seed(weir, seed, count, folder):
    rng = random.Random(seed)
    make_project(rng, folder)
    events = make_events(rng, count)
    (folder / "events.jsonl").write_text("".join(json.dumps({"stream": s, "value": v}) + "\n" for s, v in events))
    have = {row["seq"]: row["values"] for row in map(json.loads, run(weir, folder, "eval", "--events", "events.jsonl").splitlines())}
    db = make_views(events)
    compared = without = planted = 0
    for feature in json.loads(run(weir, folder, "sql", "--stream", "tx", "-o", "json")):
        if feature["sql"] is None:
            without += 1
            if "no SQL here" not in feature["problem"] and "not comparable" not in feature["problem"]:
                return f"{feature['feature']}: {feature['problem']}", 0, 0
            continue
        try:
            rows = db.execute(feature["sql"]).fetchall()
        except duckdb.Error as error:
            return f"{feature['feature']}: {error}\n{feature['sql']}", 0, 0
        if len(rows) != len(have): return f"{feature['feature']}: {len(rows)} rows, wants {len(have)}", 0, 0
        for event, seq, value in rows:
            want, found = have[seq][feature["feature"]], as_weir(value, feature["type"])
            if want != found or isinstance(want, bool) != isinstance(found, bool):
                return f"{feature['feature']} at seq {seq}: weir {want!r}, DuckDB {found!r}\n{feature['sql']}", 0, 0
            compared += 1
        if "f" in feature["feature"].split("_")[2] and planted < 5:  # the comparison can fail: the event itself must not be seen
            wrong = db.execute(feature["sql"].replace("e.seq < t.seq", "e.seq <= t.seq")).fetchall()
            planted += sorted(map(str, wrong)) != sorted(map(str, rows))
    if planted == 0: return "a SELECT that sees the event itself gave the same values", 0, 0
    return None, compared, without


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--seeds", nargs=2, type=int, default=[1, 6])
    parser.add_argument("--events", type=int, default=250)
    parser.add_argument("--keep")
    options = parser.parse_args()
    compared = without = 0
    for seed in range(options.seeds[0], options.seeds[0] + options.seeds[1]):
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(options.keep or made)
            problem, more, less = try_seed(options.weir, seed, options.events, folder)
        if problem: sys.exit(f"seed {seed}: {problem}")
        compared, without = compared + more, without + less
    print(f"{options.seeds[1]} seeds: {compared} values equal; {without} features without SQL")
    if compared < 1000: sys.exit("too few values were compared")


main()
