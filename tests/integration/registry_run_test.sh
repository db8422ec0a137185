#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Schemas that are nowhere but in the registry; events of somebody else's producer under an evolved schema; a registry that is
# away at the start, and one that goes away and comes back.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
start_registry
export WEIR_BROKERS=$brokers WEIR_REGISTRY_URL=$registry
export WEIR_REGISTRY_TIMEOUT=30s # a registry that has just started compiles itself
expect 0 "$weir" init project
expect 0 "$weir" -C project apply --partitions 2
"$weir" simulate -n 200 > events.jsonl || fail "simulate"
expect 0 "$weir" -C project produce --stream tx "$work/events.jsonl"
mv project/schemas schemas # from here on the registry alone has them

python_producer() { "$python" "$root/tests/integration/foreign_events.py" kafka "$brokers" "$registry" "$work/schemas/pay.Tx.avsc"; }
for words in check test plan explain; do expect 0 "$weir" -C project $words; done
sed 's/.*/{"stream":"tx","value":&}/' events.jsonl > named.jsonl
expect 0 "$weir" -C project eval --features card_vel --events "$work/named.jsonl"; says err '200 rows'
python_producer || fail "the foreign producer"
expect 0 "$weir" -C project run --until-end
says err 'done: 252 events taken'
expect 0 "$weir" -C project tail weir.card.dead --from start --count 2
says out '"reason":"bad_schema"'
says out '"reason":"bad_avro"'
expect 0 "$weir" -C project tail fraud.scores --from start --count 250
[ "$(grep -c '"score":' out)" = 250 ] || fail "not 250 scores"
expect 0 "$weir" -C project prove
curl -sf "$registry/subjects" | grep -q fraud.scores-value || fail "the scores' schema is not registered"

# Away at the start: a service, not a mistake of the definitions.
"$root/ops/tools/registry" stop "$work/registry"
expect 69 "$weir" -C project run --until-end
says err 'schema registry'
expect 1 "$weir" -C project doctor
says out 'docs/runbooks/registry.md'

# Away in the middle: the worker waits, and goes on when it is back.
mv schemas project/schemas
"$python" - "$brokers" <<'P' || fail "producing"
import sys
from confluent_kafka import Producer
p = Producer({"bootstrap.servers": sys.argv[1]})
p.produce("pay.tx", key=b"c1", value=b"\0\0\0\3\11x")
assert p.flush(30) == 0
P
"$weir" -C project run --until-end 2> worker.log & worker=$!
children+=($worker)
says_within 60 worker.log 'partition_waits'
port=${registry#http://127.0.0.1:}; port=${port%%/*}
rm -rf "$work/registry"
"$root/ops/tools/registry" start "$work/registry" --port "$port" --owner $$ > /dev/null || fail "the registry did not start again"
wait $worker || { tail -5 worker.log >&2; fail "the worker ended with $?"; }
children=()
says worker.log 'done: 1 events taken'
