#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# refusals_test.sh: what a worker may not go on from, each refused with place, cause and cure, named by `weir doctor` with its runbook,
# and cured as it says: a source and a journal whose retention has passed us, at the start and in the middle; a state of other
# definitions, of another partition, and newer than its topic; topics that were deleted and made anew.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
export WEIR_BROKERS=$brokers WEIR_CHECKPOINT_INTERVAL=1s
kafka_admin() { expect 0 "$python" "$root/tests/integration/topics_admin.py" "$brokers" "$@"; }
run() { expect "$1" timeout 120 "$weir" -C project run --until-end --worker-id w0; }
# refused CODE TEXT...: the worker refuses, its last line being an error with all of these.
refused() {
    local text
    run 78
    grep '^error\[' err > message || fail "no error: $(cat err)"
    says message "error[$1]"
    for text in "${@:2}"; do says message "$text"; done
}
# sick RUNBOOK TEXT: weir doctor says no, and names the page.
sick() { expect 1 "$weir" -C project doctor; grep '^NO' out > sick.txt; says sick.txt "docs/runbooks/$1.md"; says sick.txt "$2"; [ -e "$root/docs/runbooks/$1.md" ] || fail "no page $1"; }
healthy() { expect 0 "$weir" -C project doctor; }
proved() { expect 0 "$weir" -C project prove; says out "proved: every byte"; }
sent=0
send() { # N: that many events more
    sed -n "$((sent + 1)),$((sent + $1))p" events.jsonl > part.jsonl
    sent=$((sent + $1))
    expect 0 "$weir" -C project produce --stream tx --ingest time "$work/part.jsonl"
}
begin_again() { # a package of its own, over topics of its own
    kafka_admin forget weir.card
    kafka_admin delete pay.tx fraud.scores weir.card.journal.card weir.card.journal.merchant weir.card.dead weir.card.marks weir.card.served
    rm -rf project/state
    expect 0 "$weir" -C project apply --partitions 2
}
state=project/state/w0 journal=weir.card.journal.card
expect 0 "$weir" init -q project
expect 0 "$weir" -C project apply --partitions 2
"$weir" simulate -n 3000 > events.jsonl
send 500
# Nobody is there to read it, which is told; who is there, too, and that an event was refused.
healthy; says out 'no worker is in group weir.card, and 5'; says out 'docs/runbooks/lag.md'
head -1 events.jsonl | sed 's/"ts":[^,]*/"ts":"2099-01-01T00:00:00Z"/; s/"tx_id":[^,]*/"tx_id":999999/' > future.jsonl
expect 0 "$weir" -C project produce --stream tx --ingest now "$work/future.jsonl"
run 0
healthy; says out '1 events were refused; weir tail weir.card.dead --from start says why'

# The source's retention has passed us: the loss is said, never passed over.
send 100
kafka_admin truncate pay.tx
refused E0033 'source pay.tx/' 'begins at offset' 'were never taken' 'to accept the loss' '--reset-offsets'
sick log-truncated 'pay.tx['
kafka_admin earliest weir.card pay.tx
healthy
send 100
run 0
says err 'done: 100 events taken'
proved

# The journal's retention has passed us. With the state at its end a worker goes on, but nothing can be replayed, which is told; a
# checkpoint behind the start serves; without both the worker refuses, and so does everything that replays.
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
send 100 # a checkpoint is made where there is something new
is_dealt() { "$weir" -C project doctor | grep -q 'weir.card.w0.0 at 127.0.0.1: 6 partitions'; }
within 60 is_dealt
for partition in 0 1; do within 120 checkpoints project/state/checkpoints/$journal-$partition; done
expect 75 "$weir" -C project rebuild --shard $journal/0 --from-start # open: nothing of it is removed, its checkpoints neither
says err 'is in use; stop worker w0 first'
checkpoints project/state/checkpoints/$journal-0 > /dev/null || fail "rebuild removed checkpoints of a shard that is open"
kill -TERM "$worker"; wait "$worker" || fail "the worker ended with $?"
cp -r project/state whole
kafka_admin truncate $journal
sick log-truncated "$journal[0] begins at"
send 100
run 0
expect 78 "$weir" -C project prove
says err 'no longer holds position L'
rm -r $state/$journal-*
cp -r whole/checkpoints project/state/; send 50
if ! timeout 120 "$weir" -C project run --until-end --worker-id w0 2> err; then fail "a checkpoint behind the start does not serve: $(tail -3 err)"; fi
rm -r project/state
send 50
refused E0033 "journal $journal/" 'K ' 'the journal no longer holds position L' 'retention.ms=-1'
printf 'card,merchant,amount,country,mcc,time\nc1,m1,1.00,5,5812,2026-01-02T00:00:00Z\n' > spine.csv
expect 78 "$weir" -C project export --vector card_fraud --spine "$work/spine.csv" --out "$work/none"
begin_again

# In the middle: a worker that was stopped for long finds that what it has to read is gone.
send 200
run 0
"$weir" -C project run --worker-id w0 2> worker.log & worker=$!
children+=("$worker")
says_within 60 worker.log 'ready: worker'
kill -STOP "$worker"
send 200
kafka_admin truncate pay.tx
send 100
kill -CONT "$worker"
code=0
for _ in $(seq 600); do kill -0 "$worker" 2> /dev/null || break; sleep 0.1; done
kill -0 "$worker" 2> /dev/null && fail "the worker goes on over a loss: $(tail -3 worker.log)"
wait "$worker" || code=$?
[ $code = 78 ] || fail "the worker ended with $code: $(tail -3 worker.log)"
says worker.log 'error[E0033]'
sick log-truncated 'pay.tx['
kafka_admin earliest weir.card pay.tx
run 0
proved

# A state of other definitions; a comment, and a rename once it is applied, make none.
sed -i '1i // a comment' project/card.weir
expect 0 "$weir" -C project apply
send 50
run 0
cp project/card.weir before.weir
sed -i 's/^  shops /  stores /; s/spend, shops/spend, stores/' project/card.weir
refused E0035 'run `weir apply`'
sick not-applied 'weir apply'
expect 0 "$weir" -C project apply; says out 'nothing is folded again'
send 50
run 0
healthy
# `hot` depends on a feature of the other entity: events of one version are no history for another.
sed -i 's/over last 10/over last 12/' project/card.weir
expect 0 "$weir" -C project apply --dry-run; says out '! journal weir.card.journal.merchant: '
expect 78 "$weir" -C project apply; says err 'give the package a new name'
sed -i 's/where card_vel.n\[1h\] > 3/where amount > 3.00/' project/card.weir
expect 0 "$weir" -C project apply; says out 'rebuild --all --from-start'
send 50
refused E0031 "$journal[" 'another version of the definitions' 'weir rebuild --all --from-start'
sick state-other 'another version of the definitions'
for place in card/0 card/1 merchant/0 merchant/1; do expect 0 "$weir" -C project rebuild --shard weir.card.journal.$place; done
run 0
healthy
cp before.weir project/card.weir
begin_again
send 100
run 0
healthy
proved

# A state of another partition.
mv $state/$journal-0 aside
cp -r $state/$journal-1 $state/$journal-0
send 50
refused E0031 "$journal[0]" 'another topic, partition'
sick state-other 'another topic, partition'
rm -r $state/$journal-0; mv aside $state/$journal-0
run 0
proved

# A journal that was deleted and made anew: the state is newer than its topic.
kafka_admin delete $journal
refused E0035 "topic $journal does not exist" 'weir apply'
sick topics "$journal is missing"
expect 0 "$weir" -C project apply --partitions 2
send 50
refused E0032 "journal $journal/" 'the journal ends below a position' 'recreated or cut'
sick state-newer "journal $journal/"
begin_again
send 50
run 0
proved

# A source that was made anew, with fewer events than were folded from the one before.
kafka_admin delete pay.tx
expect 0 "$weir" -C project apply --partitions 2
send 4
refused E0032 'was folded, but that partition ends at' 'the source topic was recreated'
sick state-newer 'recreated'
begin_again
send 50
run 0
healthy
proved

# The group's offset was set back, below what the state has; a folder called serve above the state makes no follower of it.
kafka_admin earliest weir.card $journal
refused E0032 "journal $journal/" 'K < L' '--reset-offsets'
sick state-newer 'K < L'
mkdir serve && mv project/state serve/state
WEIR_STATE_DIR=$work/serve/state sick state-newer 'K < L'
echo "every refusal was named and cured"
