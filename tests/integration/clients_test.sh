#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Topics that other people's clients write and read: Confluent's with its registry serializers, fastavro without a registry, kcat.
# What each of them sees is what `weir tail` shows.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
command -v kcat > /dev/null || missing "no kcat"
start_kafka
start_registry
export WEIR_BROKERS=$brokers
clients() { "$python" "$root/tests/integration/clients.py" "$@" || fail "clients.py $1"; }
shows() { # PROJECT TOPIC: into TOPIC.jsonl
    expect 0 timeout 60 "$weir" -C "$1" tail "$2" --from start --until-end -o jsonl
    mv out "$2.jsonl"
}

# With a registry: it alone has the source's schemas, and the topic was there before Weir.
export WEIR_REGISTRY_URL=$registry WEIR_DELIVERY=transactional
expect 0 "$weir" -q init project
mv project/schemas schemas
clients produce "$brokers" "$registry" schemas/pay.Tx.avsc
expect 0 "$weir" -C project apply --partitions 2
expect 0 "$weir" -C project run --until-end
says err 'done: 309 events taken'
shows project pay.tx
clients sources pay.tx.jsonl
clients abort "$brokers" fraud.scores
shows project fraud.scores
clients scores fraud.scores.jsonl
clients partitions "$brokers" fraud.scores.jsonl 2
clients consume "$brokers" "$registry" fraud.scores fraud.scores.jsonl
clients consume "$brokers" "$registry" fraud.scores fraud.scores.jsonl "$root/schemas/score.avsc"
clients kcat "$brokers" fraud.scores fraud.scores.jsonl 2
shows project weir.card.dead
clients dead weir.card.dead.jsonl
clients consume "$brokers" "$registry" weir.card.dead weir.card.dead.jsonl
clients kcat "$brokers" weir.card.dead weir.card.dead.jsonl
expect 0 "$weir" -C project prove

# Without one: who writes and who reads share a file.
unset WEIR_REGISTRY_URL WEIR_DELIVERY
cp -r "$root/docs/examples/fraud-handbook" plain
expect 0 "$weir" -C plain apply --partitions 2
clients frames "$brokers" handbook.tx plain/schemas/handbook.Tx.avsc
expect 0 "$weir" -C plain run --until-end
shows plain handbook.scores
[ "$(wc -l < handbook.scores.jsonl)" = 299 ] || fail "not 299 scores"
clients decode "$brokers" handbook.scores "$root/schemas/score.avsc" handbook.scores.jsonl
shows plain weir.handbook.dead
[ "$(wc -l < weir.handbook.dead.jsonl)" = 1 ] || fail "not one dead letter"
clients decode "$brokers" weir.handbook.dead "$root/schemas/dead_letter.avsc" weir.handbook.dead.jsonl
echo "other people's clients write and read our topics"
