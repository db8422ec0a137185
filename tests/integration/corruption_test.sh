#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# corruption_test.sh: the files of one shard are damaged under a worker of two partitions. The damaged partition stops with the cure in
# its message, the other goes on; weir doctor and weir verify say what is wrong; weir rebuild has it made anew, and then the run ends
# and proves. A damaged checkpoint is passed over.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
start_embedded
export WEIR_CHECKPOINT_INTERVAL=1s
expect 0 "$weir" init -q project
expect 0 "$weir" -C project apply --partitions 2
"$weir" simulate -n 3000 > events.jsonl
head -n 1000 events.jsonl > first.jsonl
tail -n 2000 events.jsonl | head -n 1000 > second.jsonl
tail -n 1000 events.jsonl > third.jsonl
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/first.jsonl"
expect 0 "$weir" -C project run --until-end --worker-id w0
# Opened again, so that what the log held lies in tables.
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/second.jsonl"
expect 0 "$weir" -C project run --until-end --worker-id w0
shard=project/state/w0/weir.card.journal.card-0
expect 0 "$weir" verify "$shard"
says out "ok:"

# A flipped bit in the middle of every table.
for table in "$shard"/*.sst; do
    size=$(stat -c %s "$table")
    printf '\xff\xff\xff\xff' | dd of="$table" bs=1 seek=$((size / 3)) conv=notrunc status=none
done
expect 1 "$weir" verify "$shard"
says err "rebuil"
expect 1 "$weir" -C project doctor
says out "weir.card.journal.card-0"
says out "docs/runbooks/state-damaged.md"
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/third.jsonl"
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
says_within 60 worker.log 'partition_stopped topic=weir.card.journal.card partition=0'
says worker.log 'weir rebuild'
# The other partition's events go on to their scores.
scored() { "$weir" -C project tail fraud.scores --from start --until-end -o jsonl 2>/dev/null | grep -o '"event_id":"[0-9]*"' | sort -u | wc -l; }
for _ in $(seq 100); do now=$(scored); [ "$now" -gt 2200 ] && break; sleep 0.2; done
[ "$now" -gt 2200 ] && [ "$now" -lt 3000 ] || fail "$now events are scored while one of two partitions stands still"
kill -0 "$worker" || fail "the worker ended"
kill -TERM "$worker"; wait "$worker" || true
expect 3 "$weir" -C project prove

expect 64 "$weir" -C project rebuild
expect 64 "$weir" -C project rebuild --shard fraud.scores/0
expect 0 "$weir" -C project rebuild --shard weir.card.journal.card/0
says out "the next worker"
[ ! -e "$shard" ] || fail "the damaged shard is still there"
expect 0 timeout 60 "$weir" -C project run --until-end --worker-id w0
[ "$(scored)" = 3000 ] || fail "scores are missing"
expect 0 "$weir" -C project prove
says out "proved: every byte"
expect 0 "$weir" verify "$shard"

# A checkpoint that is damaged is not restored: an older one, or the journal, serves.
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
head -n 200 events.jsonl | sed 's/"tx_id":/"tx_id":77/' > more.jsonl
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/more.jsonl"
made=project/state/checkpoints/weir.card.journal.card-0
within 60 checkpoints $made
expect 75 "$weir" -C project rebuild --shard weir.card.journal.card/0
says err "in use"
kill -TERM "$worker"; wait "$worker" || fail "the worker ended with $?"
for checkpoint in $(checkpoints $made); do
    printf 'x' >> "$checkpoint/CURRENT"
    expect 1 "$weir" verify "$checkpoint"
    says err "CURRENT"
done
rm -r "$shard"
expect 0 timeout 60 "$weir" -C project run --until-end --worker-id w0
expect 3 "$weir" -C project prove
expect 0 "$weir" -C project rebuild --shard weir.card.journal.card/0
says err "(damaged)"
expect 0 timeout 60 "$weir" -C project run --until-end --worker-id w0
expect 0 "$weir" -C project prove
echo "one partition stopped and was named, the other went on; rebuilt, everything is scored and proved"
