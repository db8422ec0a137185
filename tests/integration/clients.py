# SPDX-License-Identifier: Apache-2.0
"""Other people's clients, as their owners would use them: Confluent's with its registry serializers, fastavro, kcat.

    clients.py produce BROKERS REGISTRY SCHEMA.avsc    makes pay.tx, registers two versions of the schema, and sends to the topic
    clients.py sources TAIL.jsonl                      what `weir tail` shows of pay.tx is what was sent
    clients.py abort BROKERS TOPIC                     writes into a topic of ours in a transaction, and takes it back
    clients.py consume BROKERS REGISTRY TOPIC TAIL.jsonl [READER.avsc]
                                                       AvroDeserializer sees what `weir tail` shows, record by record
    clients.py scores TAIL.jsonl                       each event that was sent has one score; what was taken back has none
    clients.py partitions BROKERS TAIL.jsonl COUNT     who puts keys where Java's clients do finds our records in the same partitions
    clients.py dead TAIL.jsonl                         each record that was no event is there, whole, with its reason
    clients.py frames BROKERS TOPIC SCHEMA.avsc        sends to the topic without a registry
    clients.py decode BROKERS TOPIC SCHEMA.avsc TAIL.jsonl
                                                       fastavro reads, with nothing but our .avsc, what `weir tail` shows
    clients.py kcat BROKERS TOPIC TAIL.jsonl [HIDDEN]  kcat sees the same offsets, times, keys and headers; where it does not heed
                                                       transactions, HIDDEN records more
"""
import base64
import datetime
import decimal
import io
import json
import re
import struct
import subprocess
import sys
import time
import uuid

import fastavro
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

SECONDS = 60
SOURCE = "pay.tx"
EVENTS = 300
TAKEN_BACK = 20
TRACE = bytes(range(240, 256))  # tracers send such; it is no UTF-8
UTC = datetime.timezone.utc


def event(number):
    """One transaction, in the types that fastavro takes for the schema's logical types."""
    return {
        "tx_id": 10**15 + number,
        "ts": datetime.datetime(2026, 2, 1, 8, tzinfo=UTC) + datetime.timedelta(seconds=17 * number, milliseconds=number),
        "card": f"cárta-{number % 23}",
        "merchant": f"Café {number % 5}",
        "amount": decimal.Decimal(number * 37 % 50000).scaleb(-2),
        "mcc": 5812,
        "country": number % 3,
        "status": ("approved", "declined", "reversed")[number % 3],
        "fraud": 0,
    }


def evolved(path):
    """The second version: another order, and a new field that the first does not have."""
    schema = json.load(open(path))
    schema["fields"].reverse()
    schema["fields"].insert(2, {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["web", "pos"]}, "default": "web"})
    return schema


def instant(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value):
    """A decoded value as Weir writes it in JSON (docs/reference/json.md)."""
    if isinstance(value, datetime.datetime):
        return instant(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def shown(path):
    """What `weir tail` printed, by place."""
    rows = [json.loads(line) for line in open(path)]
    found = {(row["partition"], row["offset"]): row for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} records stand there twice"
    return found


def check_flushed(producer):
    left = producer.flush(SECONDS)
    assert left == 0, f"{left} messages were not delivered"


def on_delivery(error, message):
    assert error is None, error


# --- producing ---


def create(brokers, topic, partitions):
    admin = AdminClient({"bootstrap.servers": brokers})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(SECONDS)


def send(producer, serializer, numbers, **more):
    from confluent_kafka.serialization import MessageField, SerializationContext, StringSerializer

    key = StringSerializer()
    for number in numbers:
        value = {**event(number), **more}
        context = SerializationContext(SOURCE, MessageField.VALUE)
        producer.produce(
            SOURCE,
            key=key(value["card"]),
            value=serializer(value, context),
            timestamp=int(value["ts"].timestamp() * 1000),
            headers=[("id", TRACE), ("traceparent", b"00-ab-cd-01"), ("shop", value["merchant"].encode())],
            on_delivery=on_delivery,
        )


def broken(registry, good):
    """(reason, value): what a stream's contract refuses, among it what Confluent's clients may be set to."""
    from confluent_kafka.schema_registry import Schema, SchemaReference

    def frame(number, body):
        return b"\0" + struct.pack(">i", number) + body

    def record(name, kind):
        return json.dumps({"type": "record", "name": name, "namespace": "pay", "fields": [{"name": "shop", "type": kind}]})

    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
    foreign = registry.register_schema("pay.other-value", Schema(json.dumps(draft), "JSON"))
    registry.register_schema("pay.Shop", Schema(record("Shop", "string"), "AVRO"))
    shop = SchemaReference(name="pay.Shop", subject="pay.Shop", version=1)
    referring = registry.register_schema("pay.Sale", Schema(record("Sale", "pay.Shop"), "AVRO", [shop]))
    return [
        ("bad_frame", None),
        ("bad_frame", b'{"tx_id": 1}'),
        ("bad_frame", good[5:]),  # its id stands in a header
        ("bad_schema", frame(777777, good[5:])),
        ("bad_schema", frame(foreign, b"{}")),
        ("bad_schema", frame(referring, b"\x02x")),
        ("bad_avro", good[:-2]),
        ("bad_avro", good + b"\0"),
    ]


def produce(brokers, url, path):
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    create(brokers, SOURCE, 3)
    registry = SchemaRegistryClient({"url": url})
    registry.set_compatibility(level="BACKWARD")  # Confluent's default; this registry's is none
    subject = f"{SOURCE}-value"
    first = AvroSerializer(registry, open(path).read())  # registers it with the first message

    producer = Producer({"bootstrap.servers": brokers, "compression.type": "gzip"})
    send(producer, first, range(0, 100))
    check_flushed(producer)

    newer = json.dumps(evolved(path))
    assert registry.test_compatibility(subject, Schema(newer, "AVRO"))
    registry.register_schema(subject, Schema(newer, "AVRO"))
    latest = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    producer = Producer({"bootstrap.servers": brokers, "compression.type": "lz4", "transactional.id": "somebody"})
    producer.init_transactions(SECONDS)
    for numbers, is_meant in ((range(100, 150), True), (range(EVENTS, EVENTS + TAKEN_BACK), False), (range(150, 200), True)):
        producer.begin_transaction()
        send(producer, latest, numbers, channel="pos")
        check_flushed(producer)
        if is_meant:
            producer.commit_transaction(SECONDS)
        else:
            producer.abort_transaction(SECONDS)

    producer = Producer({"bootstrap.servers": brokers, "compression.type": "zstd", "enable.idempotence": True})
    send(producer, latest, range(200, 250), channel="web")
    check_flushed(producer)
    producer = Producer({"bootstrap.servers": brokers, "compression.type": "snappy", "partitioner": "murmur2_random"})
    send(producer, first, range(250, EVENTS))
    send(producer, first, [0], amount=decimal.Decimal("-1.00"))  # `expect`
    good = first(event(1), SerializationContext(SOURCE, MessageField.VALUE))
    for reason, value in broken(registry, good):
        producer.produce(SOURCE, key=reason, value=value, headers=[("__value_schema_id", b"\1" + TRACE)], on_delivery=on_delivery)
    check_flushed(producer)


def sources(path):
    want = {}
    for number in range(EVENTS):
        want[10**15 + number] = plain(event(number))
    rows = [row for row in shown(path).values() if isinstance(row.get("value"), dict)]
    rows = [row for row in rows if not row["value"]["amount"].startswith("-")]
    assert len(rows) == EVENTS, f"{len(rows)} events can be read, not {EVENTS}"
    for row in rows:
        value, sent = row["value"], want[row["value"]["tx_id"]]
        channel = value.pop("channel", None)
        assert value == sent, f"{value} was sent as {sent}"
        assert channel == (None if not 100 <= value["tx_id"] - 10**15 < 250 else "pos" if value["tx_id"] - 10**15 < 200 else "web"), row
        assert row["key"] == sent["card"] and row["timestamp"] == sent["ts"], row
        headers = {"id_raw": base64.b64encode(TRACE).decode(), "traceparent": "00-ab-cd-01", "shop": sent["merchant"]}
        assert row["headers"] == headers, row


def abort(brokers, topic):
    producer = Producer({"bootstrap.servers": brokers, "transactional.id": "vandal"})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    for partition in sorted(producer.list_topics(topic, SECONDS).topics[topic].partitions):
        producer.produce(topic, key="vandal", value=b"not a score", partition=partition, on_delivery=on_delivery)
    check_flushed(producer)
    producer.abort_transaction(SECONDS)


def frames(brokers, topic, path):
    """The schema's own number, as Weir has it without a registry, and one that somebody else made up."""
    parsed = fastavro.parse_schema(json.load(open(path)))
    producer = Producer({"bootstrap.servers": brokers})
    for number in range(EVENTS):
        body = io.BytesIO()
        moment = event(number)["ts"]
        fastavro.schemaless_writer(body, parsed, {
            "tx_id": number, "ts": moment, "customer": f"c{number % 7}", "terminal": f"t{number % 3}",
            "amount": decimal.Decimal(number).scaleb(-2) if number else decimal.Decimal("-1.00"), "fraud": number % 2})
        frame = b"\0" + struct.pack(">i", number_of(parsed) if number % 2 else 1)
        producer.produce(topic, key=f"c{number % 7}", value=frame + body.getvalue(), on_delivery=on_delivery)
    check_flushed(producer)


# --- reading ---


def read(brokers, topic, isolation="read_committed"):
    """All that is there now, by a member of a group."""
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": f"readers-{uuid.uuid4()}", "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True})
    partitions = set(consumer.list_topics(topic, SECONDS).topics[topic].partitions)
    consumer.subscribe([topic])
    ended, until = set(), time.time() + SECONDS
    while ended != partitions:
        assert time.time() < until, f"partitions {partitions - ended} do not end"
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
        else:
            yield message
    consumer.close()


def compare(messages, decode, path, only=None):
    want = shown(path)
    for message in messages:
        place = (message.partition(), message.offset())
        row = want.pop(place, None)
        assert row is not None, f"weir tail does not show {place}"
        value = plain(decode(message))
        have = row["value"] if only is None else {name: row["value"][name] for name in only}
        assert value == have, f"at {place}\nthey: {value}\nours: {have}"
        assert message.key().decode() == row["key"], (message.key(), row["key"])
        assert (message.headers() or []) == list(row["headers"].items()) == [], (message.headers(), row["headers"])
        assert message.timestamp()[1] == round(datetime.datetime.fromisoformat(row["timestamp"]).timestamp() * 1000), row
    assert not want, f"{len(want)} records are not seen, such as {list(want)[:3]}"


def consume(brokers, url, topic, path, reader=None):
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    registry = SchemaRegistryClient({"url": url})
    names, text = None, None
    if reader is not None:  # somebody who wants to know less, and has a field with a default
        schema = json.load(open(reader))
        names = ["id", "score", "decision", "reasons"]
        schema["fields"] = [f for f in schema["fields"] if f["name"] in names]
        text = json.dumps(schema)
    deserializer = AvroDeserializer(registry, text)
    compare(read(brokers, topic), lambda m: deserializer(m.value(), SerializationContext(topic, MessageField.VALUE)), path, names)
    registry.get_latest_version(f"{topic}-value")


def number_of(parsed):
    """A schema's id without a registry: the low 31 bits of its CRC-64-AVRO."""
    form = fastavro.schema.to_parsing_canonical_form(parsed)
    return int.from_bytes(bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO")), "little") & 0x7FFFFFFF


def decode(brokers, topic, schema, path):
    parsed = fastavro.parse_schema(json.load(open(schema)))
    number = number_of(json.load(open(schema)))

    def value_of(message):
        frame = message.value()
        assert frame[0] == 0 and struct.unpack(">i", frame[1:5])[0] == number, frame[:5]
        body = io.BytesIO(frame[5:])
        value = fastavro.schemaless_reader(body, parsed, None)
        assert body.read() == b"", "bytes are left"
        return value

    compare(read(brokers, topic), value_of, path)


def scores(path):
    rows = shown(path).values()
    seen = sorted(int(row["value"]["event_id"]) - 10**15 for row in rows)
    assert seen == list(range(EVENTS)), f"{len(seen)} scores, not one for each of {EVENTS} events"
    for row in rows:
        value, sent = row["value"], plain(event(int(row["value"]["event_id"]) - 10**15))
        assert value["key"] == {"card": sent["card"], "merchant": sent["merchant"]}, value
        assert value["time"] == sent["ts"] and row["key"] == sent["card"], row
        assert not value["fallback"] and 0 <= value["score"] <= 1 and len(value["reasons"]) == 3, value


def partitions(brokers, path, count):
    create(brokers, "joined", int(count))
    ours = {row["key"]: row["partition"] for row in shown(path).values()}
    theirs = {}

    def delivered(error, message):
        assert error is None, error
        theirs[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2"})
    for key in ours:
        producer.produce("joined", key=key, value=b"x", on_delivery=delivered)
    check_flushed(producer)
    assert theirs == ours and len(set(ours.values())) == int(count), (theirs, ours)


def dead(path):
    rows = [row["value"] for row in shown(path).values()]
    reasons = sorted(value["reason"] for value in rows)
    want = ["bad_avro"] * 2 + ["bad_frame"] * 3 + ["bad_schema"] * 3 + ["expect"]
    assert reasons == want, f"{reasons}, not {want}"
    for value in rows:
        if value["reason"] != "expect":
            assert base64.b64decode(value["key"]).decode() == value["reason"], value


def kcat(brokers, topic, path, hidden=0):
    def run(*words):
        command = ["kcat", "-C", "-b", brokers, "-t", topic, "-e", "-q", "-o", "beginning", *words]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=SECONDS).stdout.decode().splitlines()

    want = shown(path)
    lines = run("-f", r"%p\t%o\t%T\t%K\t%k\t%h\n")
    assert len(lines) == len(want), f"kcat sees {len(lines)} records, weir tail {len(want)}"
    for line in lines:
        partition, offset, moment, size, key, headers = line.split("\t")
        row = want.pop((int(partition), int(offset)))
        assert key == row["key"] and int(size) == len(key.encode()), (line, row)
        assert headers == "" and row["headers"] == {}, (line, row)
        assert int(moment) == round(datetime.datetime.fromisoformat(row["timestamp"]).timestamp() * 1000), (line, row)
    everything = run("-X", "isolation.level=read_uncommitted", "-f", r"%o\n")
    assert len(everything) == len(lines) + int(hidden), f"{len(everything)} records with those that were taken back"


if __name__ == "__main__":
    {f.__name__: f for f in (produce, sources, abort, consume, scores, partitions, dead, frames, decode, kcat)}[sys.argv[1]](*sys.argv[2:])
