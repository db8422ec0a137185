#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# prove_test.sh: the proof holds over a plain run, and it can fail: a flipped bit in a score record and a score that nobody
# computed are each found, with exit code 3 and the place.
. "$WEIR_TEST_ROOT/tests/lib/script.sh"
need_python
"$weir" broker -q --address-file address > /dev/null 2> broker.log &
children+=($!)
for _ in $(seq 100); do [ -s address ] && break; sleep 0.1; done
WEIR_BROKERS=$(cat address)
export WEIR_BROKERS
expect 0 "$weir" init -q project
expect 0 "$weir" -C project apply
"$weir" simulate -n 2000 > events.jsonl
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/events.jsonl"
expect 0 "$weir" -C project run --until-end
expect 0 "$weir" -C project prove
says out "2000  scores"
says out "proved: every byte"

# One score record again, with its id and one bit of its last column changed.
"$python" - "$WEIR_BROKERS" <<'P' || fail "the planted record was not written"
import sys
from confluent_kafka import Consumer, Producer, TopicPartition
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "planted", "enable.auto.commit": False})
consumer.assign([TopicPartition("fraud.scores", 0, 0)])
record = consumer.poll(10)
value = bytearray(record.value())
value[-1] ^= 1
producer = Producer({"bootstrap.servers": sys.argv[1]})
producer.produce("fraud.scores", key=record.key(), value=bytes(value), partition=0)
producer.produce("fraud.scores", key=record.key(), value=record.value().replace(b"weir.card.journal", b"weir.cord.journal", 1), partition=0)
assert producer.flush(10) == 0
consumer.close()
P
expect 3 "$weir" -C project prove -o json
"$python" - <<'P' || fail "the proof does not say what differs: $(cat out)"
import json
proof = json.load(open("out"))
assert not proof["holds"], proof
assert proof["differing"] == 1 and proof["unknown"] == 1 and proof["missing"] == 0, proof
text = "\n".join(proof["differences"])
assert "fraud.scores/0 at offset" in text and "there" in text and "replayed" in text, text
P
echo "the proof holds, and finds a flipped bit and a score that nobody computed"
