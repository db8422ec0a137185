#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weir score and weir lookup ask a running server: what /score says before an event comes is what the worker then scores, in every
# digit; what is sampled is proved; what does not fit is named.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
start_embedded
expect 0 "$weir" init -q project
expect 0 "$weir" -q -C project apply
expect 0 "$weir" -C project diff --exit-code; says err 'nothing changes'
mkdir other; cp -r project/weir.yaml project/schemas project/models other
sed 's/over last 10/over last 12/' project/card.weir > other/card.weir
expect 1 "$weir" -C other diff --exit-code; says out '~ feature card_vel_refused ('
cp project/card.weir other; echo >> other/models/card_fraud.onnx
expect 1 "$weir" -C other diff --exit-code; says out '~ model card_fraud ('; says err 'puts the new file in force'
rm other/models/card_fraud.onnx; expect 0 "$weir" -C other diff; says out '- model card_fraud ('; says err 'do not start without the one that is'
"$weir" -q simulate -n 1540 > events.jsonl
head -1500 events.jsonl > first.jsonl
tail -40 events.jsonl > then.jsonl
expect 0 "$weir" -q -C project produce --stream tx --ingest time "$PWD/first.jsonl"
expect 0 "$weir" -q -C project run --until-end
"$weir" -C project --set listen=127.0.0.1:0 --set serve_sample=1 serve 2> serve.log & server=$!
children+=("$server")
says_within 60 serve.log 'listening on port'
WEIR_LISTEN=127.0.0.1:$(sed -n 's/.*listening on port \([0-9]*\).*/\1/p' serve.log)
export WEIR_LISTEN
within 60 python3 -c 'import sys, urllib.request as u; u.urlopen("http://"+sys.argv[1]+"/readyz", timeout=5)' "$WEIR_LISTEN"
# Another method than the path has: which it has.
python3 - "$WEIR_LISTEN" <<'P' || fail "the answer to another method"
import http.client, sys
for method, path, allowed in ("POST", "/healthz", "GET, HEAD"), ("GET", "/score", "POST"):
    there = http.client.HTTPConnection(sys.argv[1], timeout=5)
    there.request(method, path)
    answer = there.getresponse()
    assert (answer.status, answer.headers["Allow"]) == (405, allowed), (path, answer.status, answer.headers["Allow"])
P
# Why, as lines and as one array.
expect 0 "$weir" -C project tail fraud.scores --from start --count 1
receipt=$(grep -o '"id":"[^"]*"' out | head -1 | cut -d'"' -f4)
expect 0 "$weir" -C project why "$receipt"; cp out lines.jsonl
expect 0 "$weir" -C project why "$receipt" -o json
python3 -c 'import json; assert json.load(open("out")) == [json.loads(l) for l in open("lines.jsonl")]' || fail "why -o json"
expect 64 "$weir" -C project why "$receipt" --feature card_vel_n_2h; says err 'did you mean `card_vel_n_1h`?'

score() { expect "$1" "$weir" score --vector card_fraud "${@:2}"; }

# Of each card and merchant the next event, so that the events before it in `then` do not touch what it reads.
python3 - "$WEIR_LISTEN" > asked.jsonl <<'P' || fail "the server gave no scores"
import json, sys, urllib.request as u
seen = set()
for line in open("then.jsonl"):
    event = json.loads(line)
    pair = {event["card"], event["merchant"]}
    is_first = not pair & seen
    seen |= pair
    if not is_first: continue
    key = {k: event.pop(k) for k in ("card", "merchant")}
    question = json.dumps({"vector": "card_fraud", "key": key, "this": event}).encode()
    answer = json.load(u.urlopen(u.Request(f"http://{sys.argv[1]}/score", question), timeout=5))
    print(json.dumps({"id": event["tx_id"], "answer": answer}))
P
# The command line says the same, its fields being text.
score 0 --key card=c0007 --key merchant=m1 --this amount=12.00 --this country=1 --at 2026-03-01T12:00:00Z
cp out by_at
score 0 --key card=c0007 --this merchant=m1 --this amount=12 --this country=1 --this ts=1772366400000
cmp out by_at || fail "the event's own time and --at differ"
says out '"vector":"card_fraud"'; says out '"card_vel_shops":'; says out '"amount":"12.00"'; says out '"hour":12'
says out '"decision":"'; says out '"reasons":[{"feature":"'; says out '"model":"card_fraud"'
says out '"tau":"2026-03-01T12:00:00.000000Z"'; says out '"entity":"merchant","partition":'
score 0 -o table --key card=nobody --key merchant=nowhere --this amount=1 --this country=1
grep -q '^values.card_vel_n_1h  *0$' out || fail "-o table: $(cat out)"
expect 0 "$weir" lookup --features card_vel --key card=nobody -o csv; says out 'values.card_vel_n_10m,values.card_vel_n_1h,'
expect 0 "$weir" -C project topics -o json
python3 -c 'import json; rows = json.load(open("out")); assert rows[0]["exists"] is True and rows[0]["problem"] is None, rows' || fail "topics -o json"
expect 0 "$weir" -C project topics -o csv; says out 'topic,role,exists,partitions,replication,records,problem'
"$weir" -C project doctor -o json > doctor.json 2>/dev/null
python3 -c 'import json; assert {r["verdict"] for r in json.load(open("doctor.json"))} <= {"ok", "note", "no"}' || fail "doctor -o json"
expect 0 "$weir" lookup --features card_vel --key card=c0007; says out '"known":true'; says out '"position":'
expect 0 "$weir" lookup --features card_vel --key card=nobody --at 2026-03-01T12:00:00Z
says out '"known":false'; says out '"tau":"2026-03-01T12:00:00.000000Z"'; says out '"beyond_horizon":false'; [ ! -s err ] || fail "a note: $(cat err)"
# Before what is kept: which instant that is, and where earlier ones are read.
horizon=$(grep -o '"horizon":"[^"]*"' out | cut -d'"' -f4)
[ -n "$horizon" ] || fail "the horizon: $(cat out)"
expect 0 "$weir" lookup --features card_vel --key card=nobody --at "$horizon"; says out '"beyond_horizon":false'
expect 0 "$weir" lookup --features card_vel --key card=nobody --at 2025-12-01T00:00:00Z; says out '"beyond_horizon":true'
says err "for times from $horizon on; these values, of 2025-12-01T00:00:00.000000Z, may miss events: \`weir export --spine FILE\`"
expect 0 "$weir" lookup --features card_vel --key card=nobody --at 2025-12-01T00:00:00Z; says err 'needed of card is kept'
score 0 --key card=nobody --key merchant=m1 --this amount=1 --this country=1 --at 2025-12-01T00:00:00Z
says out "\"beyond_horizon\":true,\"horizon\":\"$horizon\""; says err 'needed of merchant is kept'
says err "needed of card is kept for times from $horizon on; these values, of 2025-12-01T00:00:00.000000Z, may miss"
# The least time of all is a time, not the server's clock.
curl -sf "http://$WEIR_LISTEN/lookup" -d '{"features":"card_vel","key":{"card":"nobody"},"at":-9223372036854775808}' > out || fail "the least time"
says out '"beyond_horizon":true'

# Mistakes.
answers() { # ROUTE BODY TEXT: it is refused with the text
    curl -s "http://$WEIR_LISTEN/$1" -d "$2" -w '%{http_code}' > out || fail "no answer to $2"
    says out "$3"; [ "$(tail -c 3 out)" = 400 ] || fail "not refused: $2: $(cat out)"
}
answers lookup '{"features":"card_vel","key":{"card":"a"}} x' "something stands behind"
answers lookup '{"features":"card_vel","key":{"card":"a"},"key":{"card":"b"}}' 'a member stands twice'
answers lookup '{"features":"card_vel\u0000","key":{"card":"a"}}' 'a name with a NUL in it'
answers score '{"vector":"card_fraud","key":{"card":"a","merchant":"m1"},"this":{"amount":1,"country":1}}{' "something stands behind"
answers score '{"vector":"card_fraud","this":{},"this":{"amount":1}}' 'a member stands twice'
score 65 --key card=c1 --this amount=12.00 --this country=1; says err 'needs the field `merchant` of stream tx'
score 65 --key card=c1 --key merchant=m1 --this country=1; says err 'needs the field `amount`'
score 65 --key crd=c1; says err 'there is no field `crd`; it may have: ts, tx_id, card'
score 65 --key card=c1 --this amount=12.001; says err 'more digits than the decimal'
score 65 --key card=c1 --key card=c2; says err '`card` is given twice'
score 65 --key card=c1 --at noon; says err 'at: '
score 65 --key card=c1 --score other; says err 'has no score `other`'
score 65 --key card=c1 --key merchant=m1 --this amount=1 --this country=1 --this ts=0 --at 2026-03-01T12:00:00Z; says err 'leave one out'
score 64 --key card; says err 'write FIELD=VALUE'
score 64; says err 'name the key'
expect 64 "$weir" score --key card=c1; says err 'name a vector'
expect 65 "$weir" score --vector v --key card=c1; says err 'there is no vector `v`'
expect 65 "$weir" lookup --features v --key card=c1; says err 'there is no features group `v`'
expect 69 "$weir" lookup --features v --key card=c1 --server http://127.0.0.1:9; says err 'is `weir serve` up?'

kill -TERM $server; wait $server || fail "the server did not stop cleanly"
expect 0 "$weir" -q -C project produce --stream tx --ingest time "$PWD/then.jsonl"
expect 0 "$weir" -q -C project run --until-end
expect 0 "$weir" -C project tail fraud.scores --from start --until-end -o jsonl
python3 - <<'P' || fail "what was said before the event is not what was scored"
import json
scored = {}
for line in open("out"):
    record = json.loads(line)
    value = record["value"]
    scored[value["event_id"]] = dict(value, values=record["values"])
asked = [json.loads(line) for line in open("asked.jsonl")]
assert len(asked) > 10, asked
for row in asked:
    want, have = scored[str(row["id"])], row["answer"]
    for name in ("score", "decision", "fallback", "reasons", "values"):
        assert want[name] == have[name], (row["id"], name, want[name], have[name])
    points = {(p["entity"], p["partition"]) for p in want["receipt"]}
    assert points == {(p["entity"], p["partition"]) for p in have["receipt"]["read"]}, (want, have)
P
# The bytes of a record are shown by column, if the folder's definitions made them.
expect 0 "$weir" -C project tail weir.card.served --from start --until-end
python3 - <<'P' || fail "the values of sampled answers"
import json
rows = [json.loads(line) for line in open("out")]
assert rows and all(list(r["values"]) == r["value"]["members"] for r in rows), rows[:2]
assert any(r["values"].get("card_vel_n_1h") == 0 and r["values"]["card_vel_spend_1h"] == "0.00" for r in rows), rows[:2]
P
cp project/card.weir other; sed -i 's/over last 10/over last 12/' other/card.weir
expect 0 "$weir" -C other tail fraud.scores --from start --count 1
grep -q '"values"' out && fail "columns of another definition: $(cat out)"
expect 0 "$weir" -C project prove
says out 'proved'
grep -q ' [1-9][0-9]*  served' out || fail "no sampled answer was proved: $(cat out)"
echo "what is asked is what is scored"
