#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# handbook_kafka_test.sh WORKERS THREADS [moving]: the main job on a real Kafka. The handbook's transactions lie in the topic, on four
# partitions, before the workers start at full speed. Every score, the export and the answer key must agree, and the proof must hold.
#
# `moving`: partitions change hands meanwhile. One worker is killed and comes back, one stands still for longer than its session lasts, and
# one more joins.
#
# Without ../shared/data our simulator makes the events, and only the proof and the export are compared.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
workers=${1:-1} threads=${2:-1} moving=${3:-}
need_python
start_kafka --set group.min.session.timeout.ms=1000
export WEIR_BROKERS=$brokers
[ -z "$moving" ] || export WEIR_KAFKA_SESSION_TIMEOUT_MS=3000 WEIR_KAFKA_HEARTBEAT_INTERVAL_MS=500
rows=200000
[ -z "${WEIR_TEST_LONG:-}" ] || rows=1754155
cp -r "$root/docs/examples/fraud-handbook" project
if [ -n "$handbook" ]; then
    zstd -dc "$handbook/transactions.csv.zst" | head -$((rows + 1)) |
        awk -F, -v OFS=, 'NR > 1 { $2 = $2 "000" } { print $1, $2, $3, $4, $5, $6 }' > events.csv
else
    echo "not compared with the handbook: ../shared/data is absent" >&2
    "$python" "$root/tests/integration/make_events.py" "$rows" > events.csv
fi

expect 0 "$weir" -C project apply --partitions 4
expect 0 "$weir" -C project produce --stream tx "$work/events.csv"
work_on() { # NUMBER
    WEIR_STATE_DIR=$work/state$1 "$weir" -C project run --until-end --worker-id "w$1" --threads "$threads" 2>> "worker$1.log" &
    pids[$1]=$!
    children+=($!)
}
pids=()
for i in $(seq "$workers"); do work_on "$i"; done
if [ -n "$moving" ]; then
    says_within 60 worker1.log partitions_assigned
    sleep 1.5
    kill -KILL "${pids[1]}"
    wait "${pids[1]}" 2> /dev/null
    work_on $((workers + 1))
    sleep 1
    kill -STOP "${pids[2]}"
    work_on 1
    sleep 4
    kill -CONT "${pids[2]}"
fi
for i in "${!pids[@]}"; do
    wait "${pids[i]}" || { code=$?; tail -5 "worker$i.log" >&2; fail "worker $i ended with $code"; }
done
children=()

expect 0 "$weir" -C project export --vector handbook --with tx_id --with fraud --with customer --out "$work/snapshot"
expect 0 "$weir" verify "$work/snapshot"
if [ -n "$handbook" ]; then
    zstd -dc "$handbook/expected_apr_may.csv.zst" | head -$((rows + 1)) > key.csv
    "$python" "$root/tests/integration/handbook.py" table key.csv "$work/snapshot" || fail "the export differs from the handbook"
fi
expect 0 "$weir" -C project export --vector handbook --with tx_id --with fraud --with customer --out "$work/again"
"$python" - <<'P' || fail "the same export twice has two hashes"
import json
a, b = (json.load(open(f"{d}/_manifest.json")) for d in ("snapshot", "again"))
assert a["content_sha256"] == b["content_sha256"], (a["content_sha256"], b["content_sha256"])
P

# What is stored, against what `weir explain` foretells. All ids are kept, since all events came within a day.
if [ "$workers" = 1 ]; then
    expect 0 "$weir" -C project explain -o json
    mv out explain.json
    expect 0 "$weir" verify -o jsonl "$work"/state1/w1/*.journal.*
    "$python" "$root/tests/integration/state_size.py" events.csv explain.json out || fail "explain is off by more than 20 %"
fi
expect 0 "$weir" -C project prove
