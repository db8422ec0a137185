#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What versions_test.sh makes, reads and compares.

  events N                               JSON Lines of transactions, a third without a merchant
  spine EVENTS N                         rows of a spine at some of the first N events
  proof FILE CONDITION                   the counts of `weir prove -o json` fulfil a Python expression
  receipts FILE FROM                     shell: one=, two= of scores of events from that number on
  ends BROKERS TOPIC                     where its partitions end
  copy FROM TO TOPIC ENDS                packs from there on, to another cluster
  exports EVAL FOLDER                    known, asof and spine against what `weir eval` says
  whole EVAL SET                         an export as of holds every event once, as `weir eval` says
  plant BROKERS TOPIC RECEIPT bit|version   that score once more, with its last bit or its definition's digest changed
"""
import json
import random
import sys
from decimal import Decimal


def events(count):
    r, at = random.Random(5), 1772366400000000
    for i in range(int(count)):
        at += r.randrange(1, 400) * 1000000
        merchant = None if r.random() < 0.3 else f"m{r.randrange(12)}"
        amount = f"{r.randrange(1, 9000)}.{r.randrange(100):02d}"
        print(json.dumps({"tx_id": i, "ts": at, "card": f"c{r.randrange(20)}", "merchant": merchant, "amount": amount}))


def spine(path, count):
    print("tx,card,merchant,amount,time")
    for event in [json.loads(line) for line in open(path)][: int(count) : 7]:
        at = event["ts"] // 1000000
        from datetime import datetime, timezone

        time = datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(event["tx_id"], event["card"], event["merchant"] or "", event["amount"], time, sep=",")


def proof(path, condition):
    counts = json.load(open(path))
    assert eval(condition, {}, counts), (condition, counts)


def receipts(path, first):
    scores = [json.loads(line)["value"] for line in open(path)][::-1]  # the last: there are events behind it
    for hops, name in ((1, "one"), (2, "two")):
        print(f"{name}='{next(s['id'] for s in scores if len(s['receipt']) == hops and int(s['event_id']) >= int(first))}'")


def consumer(brokers):
    from confluent_kafka import Consumer

    return Consumer({"bootstrap.servers": brokers, "group.id": "reader", "enable.auto.commit": False})


def ranges(reader, topic):
    from confluent_kafka import TopicPartition

    for p in sorted(reader.list_topics(topic, 10).topics[topic].partitions):
        yield p, *reader.get_watermark_offsets(TopicPartition(topic, p), 10)


def records(reader, topic, starts=None):
    from confluent_kafka import TopicPartition

    for p, low, high in list(ranges(reader, topic)):
        low = starts[str(p)] if starts else low
        reader.assign([TopicPartition(topic, p, low)])
        while low < high:
            record = reader.poll(10)
            assert record is not None and record.error() is None, record and record.error()
            low = record.offset() + 1
            yield record


def ends(brokers, topic):
    print(json.dumps({p: high for p, _, high in ranges(consumer(brokers), topic)}))


def producer(brokers):
    from confluent_kafka import Producer

    return Producer({"bootstrap.servers": brokers})


def copy(source, target, topic, starts):
    to, count = producer(target), 0
    for record in records(consumer(source), topic, json.load(open(starts))):
        assert record.value()[0] == 1
        to.produce(topic, value=record.value(), partition=record.partition())
        count += 1
    assert count > 0 and to.flush(10) == 0


def plain(value):
    return None if value is None else Decimal(str(value)).normalize()


def table(folder):
    import pyarrow.parquet as pq

    return pq.read_table(f"{folder}/part-00000.parquet").to_pylist()


def exports(path, folder):
    want = {}
    for row in map(json.loads, open(path)):
        want[row["seq"]] = {name: plain(value) for name, value in row["values"].items()}
    assert len(want) == 1000
    columns = list(want[0])

    def same(row):
        return {name: plain(row[name]) for name in columns} == want[row["tx_id"]]

    asof, known = table(f"{folder}/asof"), table(f"{folder}/known")
    assert sorted(row["tx_id"] for row in asof) == list(range(1000)), len(asof)
    assert all(map(same, asof)) and all(map(same, known))
    ids = {row["tx_id"] for row in known}
    assert set(range(800, 1000)) <= ids and min(ids) >= 600, sorted(ids)[:3]
    # A lookup just behind an event sees it, too.
    looked_up = table(f"{folder}/spine")
    for row, line in zip(looked_up, open("spine.csv").readlines()[1:], strict=True):
        tx, merchant = int(line.split(",")[0]), line.split(",")[2]
        assert row["c_n_3d"] == want[tx]["c_n_3d"] + 1, (row, want[tx])
        assert row["m_n"] == want[tx]["m_n"] + (merchant != ""), (row, want[tx])


def whole(path, folder):
    rows = {row["tx_id"]: row for row in table(folder)}
    want = {row["seq"]: row["values"] for row in map(json.loads, open(path))}
    assert rows.keys() == want.keys() and len(table(folder)) == len(want), (len(rows), len(want))
    for tx, values in want.items():
        assert all(plain(rows[tx][name]) == plain(value) for name, value in values.items()), (rows[tx], values)


def plant(brokers, topic, receipt, what):
    to = producer(brokers)
    found = next(r for r in records(consumer(brokers), topic) if receipt.encode() in r.value())
    value = bytearray(found.value())
    if what == "bit":
        value[-1] ^= 1
    else:
        reader = consumer(brokers)
        notices = [r.value() for r in records(reader, "weir.shop.journal.card") if r.value()[0] == 2]
        digests = [n[3 + n[2] : 35 + n[2]] for n in notices]
        digest = next(d for d in digests if bytes(value).find(d) >= 0)
        value[value.index(digest)] ^= 1
    to.produce(topic, key=found.key(), value=bytes(value), partition=found.partition())
    assert to.flush(10) == 0


globals()[sys.argv[1]](*sys.argv[2:])
