#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on the embedded broker, run as a process of its own, so that workers can be killed without it: produce, run, scores,
# kill and restart, and what must be refused.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
start_embedded
export WEIR_KAFKA_FETCH_WAIT_MAX_MS=10
cp -r "$root/docs/examples/fraud-handbook" project
rows=3000
awk -v n="$rows" 'BEGIN {
    srand(7); t = 1700000000000; print "tx_id,ts,customer,terminal,amount,fraud"
    for (i = 0; i < n; i++) { t += int(rand() * 60000)
        printf "%d,%d,%d,%d,%d.%02d,%d\n", i, t, rand() * 50, rand() * 40, rand() * 200, rand() * 100, rand() < 0.02 }
}' > events.csv

# Nothing applied: each command names the cure.
expect 78 "$weir" -C project run --until-end
says err "weir apply"
expect 0 "$weir" -C project topics
says out "weir apply"
expect 0 "$weir" -C project apply --dry-run
says out "+ topic handbook.tx"
expect 0 "$weir" -C project apply
expect 0 "$weir" -C project apply
says err "nothing to do"
# Each row that does not fit is told.
printf 'tx_id,ts,customer,terminal,amount,fraud\n1,x,1,1,1.00,0\n2,1700000000000,1,1,oops,0\n' > wrong.csv
expect 65 "$weir" -C project produce --stream tx "$work/wrong.csv"
says err 'not published: seq 0'; says err 'not published: seq 1'; says err '2 of 2 rows were not published'

head -1501 events.csv > first.csv
(head -1 events.csv; tail -1500 events.csv) > second.csv
expect 0 "$weir" -C project produce --stream tx "$work/first.csv"
expect 0 "$weir" -C project run --until-end --worker-id w1
says err "ready"
# A worker that is killed while events come in: another start under the same name goes on.
"$weir" -C project --set metrics_listen=127.0.0.1:0 run --worker-id w1 2> worker.log & worker=$!
children+=("$worker")
says_within 60 worker.log "ready: worker"
port=$(sed -n 's/.*metrics on port //p' worker.log)
python3 -c '
import sys, urllib.request
get = lambda path: urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{path}", timeout=5).read().decode()
assert "\"ready\"" in get("/readyz"), get("/readyz")
assert "weir_shards" in get("/metrics")
assert "ok" in get("/healthz")' "$port" || fail "the worker does not show that it is ready"
expect 0 "$weir" -C project produce --stream tx --rate 1000 "$work/second.csv"
kill -KILL $worker; wait $worker 2>/dev/null
# The killed one's lock goes with its last thread, which a busy machine may put off: who comes next waits, though not for ever.
flock -o project/state/w1/lock sleep 3 & holder=$!
sleep 0.2
expect 0 timeout 60 "$weir" -C project run --until-end --worker-id w1
wait $holder
flock -o project/state/w1/lock sleep 20 > /dev/null 2>&1 & holder=$!
children+=("$holder")
sleep 0.2
expect 78 timeout 60 "$weir" -C project run --until-end --worker-id w1
says err "another process runs as worker w1"
kill $holder; wait $holder 2>/dev/null
# What the broker can not keep is said, and done without.
expect 0 timeout 60 "$weir" -C project --set delivery=transactional run --until-end --worker-id w1
says err "delivery is idempotent here"
expect 0 timeout 60 "$weir" -C project tail handbook.scores --from start --until-end
python3 -c '
import json, sys
rows = int(sys.argv[1]); seen = {}
for line in open("out"):
    value = json.loads(line)["value"]
    seen.setdefault(value["event_id"], set()).add(json.dumps(value, sort_keys=True))
missing = [i for i in range(rows) if str(i) not in seen]
assert not missing, f"{len(missing)} events have no score, such as {missing[:5]}"
assert all(len(v) == 1 for v in seen.values()), "copies differ"
' "$rows" || fail "scores are not what was promised"
expect 0 timeout 60 "$weir" -C project prove
says out "proved"

# A disk that has no room is named, and its page.
expect 74 "$weir" -C project --set disk_reserve=1TiB run --until-end
says err 'disk_reserve'
says err 'free some space'
expect 1 "$weir" -C project --set disk_reserve=1TiB doctor
says out 'docs/runbooks/disk-full.md'

# Other definitions than those in force are refused, by name of the cure.
sed -i 's/over 1d, 7d, 30d delayed 7d/over 1d, 7d, 30d delayed 6d/' project/handbook.weir
expect 78 "$weir" -C project run --until-end
says err "weir apply"

# Rows that do not fit are counted and named; the rest goes out.
printf 'tx_id,ts,customer,terminal,amount,fraud\n1,1700000000000,a,b,1.00,0\nx,1700000000000,a,b,1.00,0\n' > bad.csv
expect 65 "$weir" -C project produce --stream tx "$work/bad.csv"
says err "1 of 2 rows"
# A broker that is away is named within the time-out; who is asked to stop meanwhile stops.
SECONDS=0; expect 69 env WEIR_BROKERS=127.0.0.1:9 "$weir" -C project --set start_timeout=1s run --until-end
says err "127.0.0.1:9"; [ $SECONDS -lt 8 ] || fail "a start_timeout of 1 s takes $SECONDS s"
WEIR_BROKERS=127.0.0.1:9 "$weir" -C project run 2> away.log & away=$!
children+=($away)
says_within 60 away.log brokers_away
kill -TERM $away; wait $away || fail "told to stop while the brokers are away, a worker leaves with $?"
expect 69 env WEIR_BROKERS=127.0.0.1:9 "$weir" -C project apply; says err 'see that the brokers run, and that the setting `brokers` names them'
expect 1 env WEIR_BROKERS=127.0.0.1:9 "$weir" -C project doctor
says out 'docs/runbooks/brokers-away.md'
