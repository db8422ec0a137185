# SPDX-License-Identifier: Apache-2.0
"""Avro container files of an older schema, through `weir eval`: each value as Avro's resolution and the logical types have it.

    avro_events.py WEIR

A case is a writer's type, the reader's, raw values (without logical types) and what this.x is: a value, or REFUSED with the reason.
"""
import io, json, pathlib, subprocess, sys, tempfile

import fastavro

MILLIS, MICROS = {"type": "long", "logicalType": "timestamp-millis"}, {"type": "long", "logicalType": "timestamp-micros"}
DATE = {"type": "int", "logicalType": "date"}
NAN, INF = float("nan"), float("inf")


def decimal(precision, scale):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def fixed(size, precision, scale):
    return {"type": "fixed", "name": "F", "size": size, "logicalType": "decimal", "precision": precision, "scale": scale}


def enum(*symbols, **more):
    return {"type": "enum", "name": "K", "symbols": list(symbols), **more}


def place(first, second, real):
    return {"type": "record", "name": "P", "fields": [{"name": first, "type": real}, {"name": second, "type": real}]}


def big(number, size=None):
    return number.to_bytes(size or max(1, (number.bit_length() + 8) // 8), "big", signed=True)


class Refused:
    def __init__(self, reason):
        self.reason = reason


BAD, NUMBER = Refused("bad_value"), Refused("bad_number")
CASES = [
    ("millis as micros", MILLIS, MICROS, [1500], ["1970-01-01T00:00:01.500000Z"]),
    ("date as micros", DATE, MICROS, [1, -1], ["1970-01-02T00:00:00.000000Z", "1969-12-31T00:00:00.000000Z"]),
    ("a plain long as micros", "long", MICROS, [1500], ["1970-01-01T00:00:00.001500Z"]),
    ("micros as a plain long", MICROS, "long", [1500], [1500]),
    ("a decimal grows", decimal(9, 2), decimal(12, 4), [big(12345), big(-1)], ["123.4500", "-0.0100"]),
    ("a decimal in long bytes", decimal(9, 2), decimal(9, 2), [b"\xff" * 20 + b"\x01", b"\0" * 20 + b"\x01", b""], ["-2.55", "0.01", NUMBER]),
    ("more digits than the precision", decimal(4, 2), decimal(4, 2), [big(9999), big(10000), big(-10000)], ["99.99", NUMBER, NUMBER]),
    ("the same where null may stand", decimal(12, 2), ["null", decimal(4, 2)], [big(9999), big(10000)], ["99.99", None]),
    ("fixed as bytes", fixed(8, 12, 2), decimal(12, 2), [big(12345, 8)], ["123.45"]),
    ("plain bytes as a decimal", "bytes", decimal(12, 2), [big(12345)], ["123.45"]),  # not the text "09"
    ("float as double", "float", "double", [1.5, -0.0, NAN, -INF], [1.5, 0.0, NUMBER, NUMBER]),
    ("the same where null may stand", ["null", "float"], ["double", "null"], [1.5, NAN, INF, None], [1.5, None, None, None]),
    ("long as double", "long", "double", [9007199254740993, 2**63 - 1], [9007199254740992.0, 9.223372036854775807e18]),
    ("the union turned round", ["null", "long"], ["long", "null"], [5, None], [5, None]),
    ("null is gone", ["null", "long"], "long", [5, None], [5, BAD]),
    ("null has come", "long", ["null", "long"], [5], [5]),
    ("a branch is gone", ["null", "long", "string"], ["null", "long"], [5, None, "s"], [5, None, BAD]),
    ("an enum in another order", enum("A", "B", "C"), enum("B", "A"), ["A", "C", "B"], ["A", BAD, "B"]),
    ("an enum with a default", enum("A", "B", "C"), enum("B", "A", default="B"), ["A", "C"], ["A", "B"]),
    ("an optional enum", ["null", enum("A", "B")], ["null", enum("B")], ["A", None, "B"], [BAD, None, "B"]),
    ("a place", place("lon", "lat", "float"), ["null", place("lat", "lon", "double")], [{"lat": 1.5, "lon": -0.0}], [{"lat": 1.5, "lon": 0.0}]),
    ("a list", {"type": "array", "items": "int"}, {"type": "array", "items": "double"}, [[], [1, -2]], [[], [1.0, -2.0]]),
]


def raw(schema):
    """Without logical types: what is written is written as it stands."""
    if isinstance(schema, list): return [raw(one) for one in schema]
    if not isinstance(schema, dict): return schema
    out = {k: v for k, v in schema.items() if k not in ("logicalType", "precision", "scale")}
    if "fields" in out: out["fields"] = [{**f, "type": raw(f["type"])} for f in out["fields"]]
    return out if len(out) > 1 else out["type"]


def record(kind, more=()):
    return {"type": "record", "name": "Tx", "namespace": "pay",
            "fields": [{"name": "card", "type": "string"}, {"name": "ts", "type": MICROS}, {"name": "x", "type": kind}, *more]}


def varint(number):
    number, out = number << 1, b""
    while number > 0x7f: out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def container(writer, rows):
    """A file whose header has the logical types that the rows were written without."""
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(raw(writer)), rows, codec="null")
    data = file.getvalue()
    sync, text = data[-16:], json.dumps(writer).encode()
    head = b"Obj\x01" + varint(2) + varint(11) + b"avro.schema" + varint(len(text)) + text + varint(10) + b"avro.codec" + varint(4) + b"null" + varint(0)
    return head + data[data.index(sync):]


def evaluate(weir, folder, writer, reader, rows, column="this.x"):
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / "schemas" / "tx.avsc").write_text(json.dumps(reader))
    (folder / "t.weir").write_text(f'package t\nstream tx from kafka("tx") avro("pay.Tx") {{ time ts  observed by card }}\nvector v on tx {{ y = {column} }}\n')
    (folder / "e.avro").write_bytes(container(writer, [{"card": "a", "ts": 0, **row} for row in rows]))
    done = subprocess.run([weir, "-C", folder, "eval", "--stream", "tx", "--events", folder / "e.avro"], capture_output=True, text=True)
    if done.returncode != 0: sys.exit(f"exit {done.returncode}: {done.stderr}")
    return {row["seq"]: row["values"]["y"] for row in map(json.loads, done.stdout.splitlines())}, done.stderr


def main():
    weir, checked = str(pathlib.Path(sys.argv[1]).resolve()), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, writer, reader, values, wanted in CASES:
            got, notes = evaluate(weir, folder, record(writer), record(reader), [{"x": v} for v in values])
            want = {i: w for i, w in enumerate(wanted) if not isinstance(w, Refused)}
            if got != want: sys.exit(f"{name}: {got}, wants {want}\n{notes}")
            for reason in {w.reason for w in wanted if isinstance(w, Refused)}:
                count = sum(isinstance(w, Refused) and w.reason == reason for w in wanted)
                if f"dead letters: {reason} {count}" not in notes: sys.exit(f"{name}: not {count} {reason}\n{notes}")
            checked += len(values)
        # Fields that the language can not name stay as they are, and the time of ingest may stand beside the event.
        odd = [{"name": "u", "type": ["long", "string"]}, {"name": "m", "type": {"type": "map", "values": ["int", "string"]}}]
        got, _ = evaluate(weir, folder, record("long", odd), record("long", odd), [{"x": 1, "u": "s", "m": {"k": 1}}, {"x": 2, "u": 7, "m": {}}])
        if got != {0: 1, 1: 2}: sys.exit(f"fields without a name: {got}")
        ingest = {"name": "ingest", "type": MILLIS}
        got, notes = evaluate(weir, folder, record("long", [ingest]), record("long"), [{"x": 1, "ingest": 10**9}, {"x": 2, "ts": 10**12 + 301 * 10**6, "ingest": 10**9}])
        if got != {0: 1} or "dead letters: future 1" not in notes: sys.exit(f"ingest: {got}\n{notes}")
    print(f"{checked} values of {len(CASES)} evolved types")


main()
