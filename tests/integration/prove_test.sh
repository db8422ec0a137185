#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# prove_test.sh: the proof holds over a run whose worker was killed, over snapshots and over the state that workers keep; and it can
# fail: each of a flipped bit in a score record, in a snapshot and in the state (both with their checksums made to fit), a damaged
# checkpoint, a score that nobody computed and a worker that carries a value off by one is found, with exit code 3, the
# place and both values.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
tamper=$WEIR_TEST_BUILD/tests/fault/tamper
need_python
export WEIR_CHECKPOINT_INTERVAL=1s
# differs COUNTER TEXT...: the proof says no, counts it, and names the place.
differs() {
    local counter=$1; shift
    expect 3 "$weir" -C project prove -o json "${prove_options[@]}"
    "$python" - "$counter" "$@" <<'P' || fail "the proof does not say what differs: $(cat out)"
import json, sys
proof = json.load(open("out"))
assert not proof["holds"] and proof[sys.argv[1]] >= 1, proof
text = "\n".join(proof["differences"])
for part in sys.argv[2:]:
    assert part in text, (part, text)
P
}
holds() { expect 0 "$weir" -C project prove; says out "proved: every byte"; }
prove_options=()

start_embedded
expect 0 "$weir" init -q project
expect 0 "$weir" -C project apply
"$weir" simulate -n 3000 > events.jsonl
head -1500 events.jsonl > first.jsonl
tail -1500 events.jsonl > second.jsonl
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/first.jsonl"
# A worker that is killed after some slices were written: they stand at different positions.
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
says_within 60 worker.log 'ready: worker'
expect 0 "$weir" -C project produce --stream tx --ingest time --rate 1000 "$work/second.jsonl"
# While it runs, its shards are in use: nobody looks at them.
expect 0 "$weir" -C project prove -o json
says out '"skipped": 8'
kill -KILL "$worker"; wait "$worker" 2>/dev/null
holds
says out "states     shards and checkpoints of workers, compared"
expect 0 "$weir" -C project run --until-end --worker-id w0
expect 0 "$weir" -C project export --vector card_fraud --with fraud --with tx_id --out "$work/project/sets/all"
expect 0 "$weir" -C project export --vector card_fraud --from 2026-01-02 --to 2026-01-05 --out "$work/project/sets/some"
printf 'card,merchant,amount,country,mcc,time\nc0001,m001,12.00,5,5812,2026-01-02T00:00:00Z\nc0002,m002,3.50,9,5541,2026-01-02T12:00:00Z\n' > spine.csv
expect 0 "$weir" -C project export --vector card_fraud --spine "$work/spine.csv" --out "$work/project/sets/spine"
holds
says out "3000  scores"
says out "3  snapshots"
# A receipt of an event that is not there yet: nothing was lost.
expect 65 "$weir" -C project why weir.card.journal.card/0/999999/0/0
says err 'has no event at offset 999999'
holds
# A worker that idles writes every slice in turn, and then a checkpoint.
head -1510 second.jsonl | tail -10 > third.jsonl
sed -i 's/"tx_id":/"tx_id":9/' third.jsonl
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/third.jsonl"
made=project/state/checkpoints/weir.card.journal.card-0
within 60 checkpoints $made
kill -TERM "$worker"; wait "$worker" || fail "the worker ended with $?"
holds

# A bit in a snapshot, everything else made to fit: verify is content, the proof is not.
column=$("$python" - <<'P'
import glob, pyarrow.parquet as pq
schema = pq.read_schema(glob.glob("project/sets/all/*.parquet")[0])
print(next(f.name for f in schema if str(f.type) in ("int64", "double") and f.name.startswith("card_")))
P
) || fail "no column to change"
expect 0 "$tamper" snapshot project/sets/all project/changed "$column"
expect 0 "$weir" verify project/changed
differs differing "snapshot changed: row 7 (journal_partition" "column $column: there" "replayed"
# Without fitting checksums it is the proof that says so, too.
prove_options=(--snapshot "$work/broken")
cp -r project/sets/all broken
printf '\x55' | dd of=broken/part-00000.parquet bs=1 seek=5000 conv=notrunc status=none
differs differing "snapshot"
says out '"snapshots": 0'
# Neither does anybody read it whose manifest has a flipped bit, or whose file is cut.
for hurt in 'printf "\x55" | dd of=broken/_manifest.json bs=1 seek=300 conv=notrunc status=none' 'truncate -s -40 broken/part-00000.parquet' \
    'truncate -s 200 broken/_manifest.json'; do
    rm -r broken; cp -r project/sets/all broken; eval "$hurt"
    expect 1 "$weir" verify broken
    differs differing "snapshot"
done
prove_options=()
rm -r project/changed broken
holds

# A model with a flipped bit scores nothing: it is not the one in force.
cp -r project/models models
printf '\x01' | dd of=project/models/card_fraud.onnx bs=1 seek=400 conv=notrunc status=none
expect 78 "$weir" -C project run --until-end
says err 'error[E0035]: model card_fraud of score fraud is another file'
expect 1 "$weir" -C project doctor
says out 'docs/runbooks/not-applied.md'
rm project/models/card_fraud.onnx
expect 78 "$weir" -C project run --until-end
says err 'its file is not here'
rm -r project/models; mv models project/models
holds

# A bit in a key's state.
shard=$(ls -d project/state/w0/*card-0)
cp -r "$shard" kept
expect 0 "$tamper" state "$shard"
key=$(sed 's/^key //' out)
expect 0 "$weir" verify "$shard"
differs differing "state state/w0" "key $key of" "there" "replayed"
rm -r "$shard"; cp -r kept "$shard"
holds
checkpoint=$(checkpoints $made | tail -1)
cp -r "$checkpoint" other
expect 0 "$tamper" state "$checkpoint"
differs differing "checkpoint state/checkpoints" "remove that checkpoint" # a file has changed; some versions of RocksDB remove one, too
rm -r "$checkpoint"; mv other "$checkpoint"
holds

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
differs differing "fraud.scores/0 at offset" "there" "replayed"
says out '"unknown": 1'
says out '"missing": 0'

# A worker that carries a value one too large from the first entity to the second.
start_embedded
rm -rf project/state project/sets
expect 0 "$weir" -C project apply
expect 0 "$weir" -C project produce --stream tx --ingest time "$work/first.jsonl"
expect 0 "$WEIR_TEST_BUILD/tests/fault/weir_off_by_one" -C project run --until-end
differs differing "weir.card.journal.merchant/" "at offset" "(event tx" ": there 1, replayed 0"
echo "the proof holds, and finds every planted difference"
