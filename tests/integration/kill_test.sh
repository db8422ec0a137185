#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Workers killed by SIGKILL at random moments while events flow and three of them rebalance, on a real Apache Kafka. Afterwards
# every event has its score, copies are byte-identical under one id, nothing was counted twice (the proof folds the journals again
# and compares), and under transactional delivery a read_committed reader sees each score exactly once.
#
#   kill_test.sh idempotent|transactional      WEIR_TEST_LONG=1: more events, more kills
. "$WEIR_TEST_ROOT/tests/lib/script.sh"
delivery=$1
start_kafka
export WEIR_BROKERS=$brokers WEIR_DELIVERY=$delivery
rows=40000 kills=8 rate=4000
[ -z "${WEIR_TEST_LONG:-}" ] || rows=600000 kills=250 rate=4000
seed=${WEIR_TEST_SEED:-$RANDOM}
echo "seed $seed" >&2
RANDOM=$seed
cp -r "$root/docs/examples/fraud-handbook" project
awk -v n="$rows" -v seed="$seed" 'BEGIN {
    srand(seed); t = 1700000000000; print "tx_id,ts,customer,terminal,amount,fraud"
    for (i = 0; i < n; i++) { t += int(rand() * 60000)
        printf "%d,%d,%d,%d,%d.%02d,%d\n", i, t, rand() * 300, rand() * 200, rand() * 200, rand() * 100, rand() < 0.02 }
}' > events.csv

expect 0 "$weir" -C project apply --partitions 4
worker() { # number: starts it, its pid in pid[number]
    WEIR_STATE_DIR=$work/state "$weir" -C project run --worker-id "w$1" 2>> "worker$1.log" &
    pid[$1]=$!
    children+=("$!")
}
for i in 1 2 3; do worker $i; done
"$weir" -q -C project produce --stream tx --rate $rate "$work/events.csv" & producer=$!
children+=("$producer")
for ((k = 0; k < kills; k++)); do
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    i=$((RANDOM % 3 + 1))
    kill -KILL "${pid[$i]}" 2>/dev/null
    wait "${pid[$i]}" 2>/dev/null
    worker $i
done
wait $producer || fail "produce ended with $?"
for i in 1 2 3; do
    kill -TERM "${pid[$i]}"
    wait "${pid[$i]}" || { tail -5 "worker$i.log" >&2; fail "worker $i did not drain: $?"; }
done
WEIR_STATE_DIR=$work/state timeout 120 "$weir" -C project run --until-end --worker-id w1 2>> worker1.log ||
    { tail -5 worker1.log >&2; fail "the last worker ended with $?"; }
children=()

scores_settle project handbook.scores "$rows" scores.jsonl
python3 - "$rows" "$delivery" <<'P' || fail "scores are not what was promised"
import json, sys
rows, delivery = int(sys.argv[1]), sys.argv[2]
by_id, events, copies = {}, {}, 0
for line in open("scores.jsonl"):
    record = json.loads(line)
    value = record["value"]
    text = json.dumps([value, record["key"], record["partition"]], sort_keys=True)
    if value["id"] in by_id:
        copies += 1
        assert by_id[value["id"]] == text, f"two copies of {value['id']} differ"
    by_id[value["id"]] = text
    events.setdefault(value["event_id"], set()).add(value["id"])
missing = [i for i in range(rows) if str(i) not in events]
assert not missing, f"{len(missing)} events have no score, the first {missing[:5]}"
twice = {e: i for e, i in events.items() if len(i) > 1}
assert not twice, f"{len(twice)} events were scored under two ids: {list(twice.items())[:2]}"
assert delivery == "idempotent" or copies == 0, f"{copies} copies in transactions"
print(f"{rows} events, {len(by_id)} scores, {copies} identical copies", file=sys.stderr)
P
expect 0 timeout 120 "$weir" -C project prove
cat out >&2
expect 0 "$weir" -C project topics
