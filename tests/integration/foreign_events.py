# SPDX-License-Identifier: Apache-2.0
"""Somebody else's producer: registers an evolved schema and publishes events under it, with fastavro.

    foreign_events.py kafka BROKERS REGISTRY SCHEMA.avsc    50 events, one under an unknown id, one cut short
    foreign_events.py files SCHEMA.avsc FOLDER              the same 50 events as Avro files of every codec, and JSON Lines
"""
import datetime
import decimal
import io
import json
import struct
import sys
import urllib.request

import fastavro

EVENTS = 50


def evolved(path, narrow):
    """Another order, a new field, and (narrow) an int where the reader has long."""
    schema = json.load(open(path))
    schema["fields"].reverse()
    schema["fields"].insert(2, {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["web", "pos"]}, "default": "web"})
    for field in schema["fields"]:
        if narrow and field["name"] == "tx_id":
            field["type"] = "int"
    return schema


def events():
    for i in range(EVENTS):
        yield {
            "tx_id": 100000 + i,
            "ts": datetime.datetime(2026, 2, 1, 0, i, 0, tzinfo=datetime.timezone.utc),
            "card": f"c{i % 7}",
            "merchant": "m1",
            "amount": decimal.Decimal(i).scaleb(-2) + 10,
            "mcc": 5812,
            "country": 5,
            "status": "approved" if i % 5 else "declined",
            "fraud": 0,
            "channel": "pos",
        }


def register(registry, subject, schema):
    body = json.dumps({"schema": json.dumps(schema)}).encode()
    request = urllib.request.Request(f"{registry}/subjects/{subject}/versions", body, {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    return json.load(urllib.request.urlopen(request))["id"]


def to_kafka(brokers, registry, path):
    from confluent_kafka import Producer

    schema = evolved(path, narrow=False)  # the newest version is the reader's
    number = register(registry, "pay.tx-value", schema)
    parsed = fastavro.parse_schema(schema)
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random"})
    for event in events():
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed, event)
        frame = b"\0" + struct.pack(">i", number)
        producer.produce("pay.tx", key=event["card"].encode(), value=frame + body.getvalue())
    producer.produce("pay.tx", key=b"c0", value=b"\0" + struct.pack(">i", 777777) + b"x")
    producer.produce("pay.tx", key=b"c0", value=frame + body.getvalue()[:-3])
    assert producer.flush(30) == 0


def to_files(path, folder):
    parsed = fastavro.parse_schema(evolved(path, narrow=True))
    for codec in "null", "deflate", "snappy", "zstandard":
        try:
            with open(f"{folder}/{codec}.avro", "wb") as out:
                fastavro.writer(out, parsed, events(), codec=codec, sync_interval=300)
        except ValueError as problem:  # fastavro without the codec's own package
            print(f"not written: {codec}: {problem}", file=sys.stderr)
            import os

            os.remove(f"{folder}/{codec}.avro")
    with open(f"{folder}/events.jsonl", "w") as out:
        for event in events():
            event["ts"] = event["ts"].isoformat().replace("+00:00", "Z")
            event["amount"] = str(event["amount"])
            out.write(json.dumps(event) + "\n")


if sys.argv[1] == "kafka":
    to_kafka(*sys.argv[2:])
else:
    to_files(*sys.argv[2:])
