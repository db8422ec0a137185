#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 10,000 mutated Avro messages amid 2,000 good ones, on a real Kafka: nothing stops, nothing is lost. Each record is an event or a dead
# letter with its bytes; all good ones have their score; and the proof holds.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
export WEIR_BROKERS=$brokers
seed=${WEIR_TEST_SEED:-$RANDOM}
echo "seed $seed: WEIR_TEST_SEED=$seed repeats it" >&2
"$python" "$root/tests/integration/make_events.py" 2000 > events.csv
cp -r "$root/docs/examples/fraud-handbook" project
cp -r project staging
sed -i 's/"handbook.tx"/"handbook.staged"/; s/^package handbook/package staged/' staging/handbook.weir
expect 0 "$weir" -q -C staging apply --partitions 1
expect 0 "$weir" -q -C staging produce --stream tx "$work/events.csv"
expect 0 "$weir" -q -C project apply --partitions 4
"$python" "$root/tests/integration/mutated_messages.py" make "$brokers" handbook.staged handbook.tx 10000 "$seed" || fail "the messages were not made"
expect 0 timeout 120 "$weir" -q -C project run --until-end
expect 0 timeout 60 "$weir" -C project tail weir.handbook.dead --from start --until-end -o jsonl; mv out dead.jsonl
expect 0 timeout 60 "$weir" -C project tail handbook.scores --from start --until-end -o jsonl; mv out scores.jsonl
"$python" "$root/tests/integration/mutated_messages.py" check "$brokers" handbook.tx project/schemas/handbook.Tx.avsc dead.jsonl scores.jsonl 2000 ||
    fail "seed $seed"
expect 0 timeout 120 "$weir" -C project prove
