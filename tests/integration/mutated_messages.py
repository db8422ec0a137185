# SPDX-License-Identifier: Apache-2.0
"""Mutated messages amid good ones, and whether each came out as one of two things: an event, or a dead letter.

    mutated_messages.py make BROKERS FROM TO COUNT SEED     copies topic FROM to TO, COUNT mutated copies of its records in between
    mutated_messages.py check BROKERS TOPIC SCHEMA.avsc DEAD.jsonl SCORES.jsonl GOOD

A mutated copy has its original's key and timestamp, and comes later, so that no good event is a duplicate of a bad one. What fastavro can
not read to the last byte has to be among the dead letters, with the bytes that were sent; what is not there has to have its score, once
for each customer and id.
"""
import base64
import collections
import io
import json
import random
import sys

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition

REASONS = {"bad_frame", "bad_schema", "bad_avro", "bad_number", "expect", "future", "no_key", "oversized"}


def read(brokers, topic):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "mutated", "enable.auto.commit": False, "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    ended = set()
    while len(ended) < len(partitions):
        message = consumer.poll(30)
        assert message is not None, f"{topic} can not be read to its end"
        if message.error() is not None:
            ended.add(message.partition())
        else:
            yield message
    consumer.close()


def mutate(r, value):
    """Mostly small wounds, since those get furthest."""
    value = bytearray(value)
    for _ in range(r.choice((1, 1, 1, 2, 5))):
        at = r.randrange(len(value)) if value else 0
        kind = r.randrange(8)
        if kind <= 2 and value:
            value[at] ^= 1 << r.randrange(8)
        elif kind == 3 and value:
            value[at] = r.choice((0, 1, 127, 128, 255))
        elif kind == 4:
            del value[at:]
        elif kind == 5:
            del value[at:at + r.randrange(1, 9)]
        elif kind == 6:
            value[at:at] = r.randbytes(r.randrange(1, 9))
        else:
            value += value[:r.randrange(1, 40)]
    return bytes(value)


def make(brokers, source, target, count, seed):
    r = random.Random(seed)
    good = sorted(read(brokers, source), key=lambda m: m.offset())
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "queue.buffering.max.messages": 1000000})
    left = count
    for i, message in enumerate(good):
        producer.produce(target, message.value(), message.key(), timestamp=message.timestamp()[1])
        for _ in range(left // (len(good) - i)):
            left -= 1
            past = good[r.randrange(max(0, i - 50), i + 1)]
            producer.produce(target, mutate(r, past.value()), past.key(), timestamp=past.timestamp()[1])
        producer.poll(0)
    assert producer.flush(60) == 0, "not everything was taken"


def plain(schema):
    """Without logical types: Python's dates end in the year 9999."""
    if isinstance(schema, dict):
        return {name: plain(part) for name, part in schema.items() if name != "logicalType"}
    return [plain(part) for part in schema] if isinstance(schema, list) else schema


def decode(schema, value):
    """The event, or None where the bytes are none."""
    if len(value) < 5 or value[0] != 0:
        return None
    body = io.BytesIO(value[5:])
    try:
        event = fastavro.schemaless_reader(body, schema)
    except Exception:  # it has a dozen ways to fail
        return None
    return event if body.tell() == len(value) - 5 else None


def check(brokers, topic, schema, dead_path, scores_path, good):
    schema = fastavro.parse_schema(plain(json.load(open(schema))))
    dead, reasons = {}, collections.Counter()
    for line in open(dead_path):
        letter = json.loads(line)["value"]
        place = (letter["partition"], letter["offset"])
        assert letter["topic"] == topic and place not in dead, f"two letters of {place}"
        assert letter["reason"] in REASONS, letter
        dead[place] = base64.b64decode(letter["value"])
        reasons[letter["reason"]] += 1
    expected, records = set(), 0
    for message in read(brokers, topic):
        records += 1
        place, value = (message.partition(), message.offset()), message.value() or b""
        if place in dead:
            assert dead[place] == value, f"{place}: the letter has other bytes than were sent"
            continue
        event = decode(schema, value)
        assert event is not None, f"{place} is neither an event nor a dead letter"
        expected.add((event["customer"], event["tx_id"]))
    scored = collections.Counter(json.loads(line)["value"]["event_id"] for line in open(scores_path))
    wanted = collections.Counter(str(number) for _, number in expected)
    assert scored == wanted, f"scores differ from events: {list(((scored - wanted) + (wanted - scored)).items())[:5]}"
    missing = [i for i in range(good) if str(i) not in scored]
    assert not missing, f"good events without a score: {missing[:5]}"
    print(f"{records} records: {len(dead)} dead letters {dict(reasons)}, {sum(scored.values())} scores, "
          f"{records - len(dead) - sum(scored.values())} duplicates")
    assert len(dead) > 1000 and len(reasons) >= 4


if sys.argv[1] == "make":
    make(*sys.argv[2:5], int(sys.argv[5]), int(sys.argv[6]))
else:
    check(*sys.argv[2:7], int(sys.argv[7]))
