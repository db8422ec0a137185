#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill_workers_test.sh DELIVERY KILLS: three workers on a real Kafka are killed by SIGKILL at random moments while events flow, and started
# again. Afterwards: every event has its score, whatever was sent twice was sent with the same bytes, the proof holds.
. "$WEIR_TEST_ROOT/tests/lib/script.sh"
delivery=${1:-idempotent} kills=${2:-30}
[ -z "${WEIR_TEST_LONG:-}" ] || kills=$((kills * 10))
need_python
start_kafka
export WEIR_BROKERS=$brokers WEIR_DELIVERY=$delivery
RANDOM=${WEIR_TEST_SEED:-7}
rate=2000
rows=$((rate * (kills + 5)))
cp -r "$root/docs/examples/fraud-handbook" project
"$python" "$root/tests/integration/make_events.py" "$rows" > events.csv
expect 0 "$weir" -C project apply --partitions 4

start_worker() { # I
    WEIR_STATE_DIR=$work/state$1 "$weir" -C project run --worker-id "w$1" 2>> "worker$1.log" &
    workers[$1]=$!
    children+=($!)
    disown $! 2>/dev/null # a killed worker is no news
}
workers=()
for i in 1 2 3; do start_worker $i; done
"$weir" -C project produce --stream tx --rate $rate "$work/events.csv" > produce.log 2>&1 & producer=$!
children+=($producer)
done_kills=0 failed_alone=0
while [ $done_kills -lt "$kills" ]; do
    sleep "$((RANDOM % 2)).$((RANDOM % 9))"
    i=$((1 + RANDOM % 3))
    kill -0 "${workers[i]}" 2>/dev/null || { failed_alone=$((failed_alone + 1)); tail -3 "worker$i.log" >&2; }
    kill -KILL "${workers[i]}" 2>/dev/null
    start_worker $i
    done_kills=$((done_kills + 1))
done
wait $producer || { tail -3 produce.log >&2; fail "producing ended with $?"; }
for i in 1 2 3; do kill -TERM "${workers[i]}" 2>/dev/null; done
for i in 1 2 3; do
    for _ in $(seq 400); do kill -0 "${workers[i]}" 2>/dev/null || break; sleep 0.1; done
    kill -0 "${workers[i]}" 2>/dev/null && fail "worker $i does not stop"
done
[ $failed_alone = 0 ] || fail "$failed_alone workers ended by themselves"
WEIR_STATE_DIR=$work/state1 expect 0 timeout 200 "$weir" -C project run --until-end --worker-id w1

scores_settle project handbook.scores "$rows" scores.jsonl
"$python" - "$rows" <<'P' || fail "scores are lost, or differ"
import collections, json, sys
rows, copies = int(sys.argv[1]), collections.defaultdict(list)
for line in open("scores.jsonl"):
    record = json.loads(line)
    copies[record["value"]["event_id"]].append(json.dumps([record["key"], record["value"]], sort_keys=True))
again = sum(len(c) - 1 for c in copies.values())
differ = [k for k, c in copies.items() if len(set(c)) > 1]
missing = rows - len(copies)
print(f"{rows} events, {len(copies)} scored, {missing} missing, {again} sent again, {len(differ)} of them with other bytes")
sys.exit(1 if missing or differ else 0)
P
# A read_committed reader sees each score exactly once.
if [ "$delivery" = transactional ]; then
    "$python" - "$brokers" "$rows" <<'P' || fail "a read_committed reader does not see each score once"
import sys
from confluent_kafka import Consumer, KafkaError
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "count", "auto.offset.reset": "earliest",
                     "isolation.level": "read_committed", "enable.partition.eof": True})
partitions = consumer.list_topics("handbook.scores", 10).topics["handbook.scores"].partitions
consumer.subscribe(["handbook.scores"])
seen, ended = 0, set()
while len(ended) < len(partitions):
    message = consumer.poll(20)
    assert message is not None, "the topic does not end"
    if message.error() is None:
        seen += 1
    elif message.error().code() == KafkaError._PARTITION_EOF:
        ended.add(message.partition())
    else:
        raise SystemExit(message.error())
consumer.close()
print(f"{seen} committed scores of {sys.argv[2]} events")
sys.exit(0 if seen == int(sys.argv[2]) else 1)
P
fi
expect 0 timeout 250 "$weir" -C project prove
cat out
echo "$done_kills kills, delivery $delivery"
