#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Transactional delivery where no score is on its way: what stands at a journal's end may be duplicates, which give none. Their position
# is committed all the same, so that a restart is short and --until-end comes to an end; and a partition's last scores are not hidden.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
export WEIR_BROKERS=$brokers WEIR_DELIVERY=transactional
expect 0 "$weir" init -q project
cat > project/card.weir <<'W' # one entity: the node that drops duplicates is the one that scores
package card
stream tx from kafka("pay.tx") avro("pay.Tx") { time ts  id tx_id  observed by card  late 1d }
features of_card per card from tx { n = count() over ever }
vector v on tx { of_card.* }
score fraud on tx using model "none" { input v  to kafka("fraud.scores")  fallback 0.5 }
W
expect 0 "$weir" -C project apply --partitions 2
"$weir" simulate -n 300 > events.jsonl || fail "simulate"
"$weir" -C project run --worker-id w1 2> worker.log & worker=$!
children+=($worker)

# committed SCORES: until that many scores can be read and the group stands at the end of every journal and source.
committed() {
    "$python" - "$brokers" "$1" <<'P'
import sys, time
from confluent_kafka import Consumer, TopicPartition
scores = int(sys.argv[2])
reader = Consumer({"bootstrap.servers": sys.argv[1], "group.id": f"read{time.time()}", "isolation.level": "read_committed", "auto.offset.reset": "earliest"})
reader.subscribe(["fraud.scores"])
group = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "weir.card"})
topics = [t for t in group.list_topics(timeout=10).topics.values() if t.topic.startswith("weir.card.journal") or t.topic == "pay.tx"]
parts = [TopicPartition(t.topic, p) for t in topics for p in t.partitions]
seen, until, behind = 0, time.time() + 60, parts
while time.time() < until and (seen < scores or behind):
    message = reader.poll(0.2)
    seen += message is not None and message.error() is None
    if message is None:
        committed = group.committed(parts, 10)  # first: what a committed source made stands before the journals' ends
        behind = [p for p in committed if max(p.offset, 0) < group.get_watermark_offsets(p, 10)[1]]
assert seen == scores, f"{seen} scores, not {scores}"
assert not behind, f"not at the end: {[(p.topic, p.partition, p.offset) for p in behind]}"
P
}
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/events.jsonl"
committed 300 || fail "the scores are not there"
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/events.jsonl"
committed 300 || fail "the positions of duplicates are not committed"
expect 0 "$weir" -C project tail fraud.scores --from start --until-end -o jsonl
[ "$(wc -l < out)" = 300 ] || fail "$(wc -l < out) scores, not 300"
kill -0 $worker || fail "the worker ended"
kill -TERM $worker
wait $worker || fail "the worker ended with $?"
children=()
says worker.log 'done: 600 events taken'
