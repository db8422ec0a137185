# SPDX-License-Identifier: Apache-2.0
# kill_lib.sh - three workers of one group over a real Kafka, for tests that break things. Source it after choosing $rows and $rate.
#
#   begin [options of ops/tools/kafka]   a cluster, the handbook's definitions (two entities), 4 partitions, $rows events and repeats
#   start_worker I / stop_worker I       worker I of 1..3; its process is ${worker[I]}
#   flow / flowed                        events flow at $rate a second in the background; waits until all are in
#   settle_and_check                     everybody drains and leaves; then what was promised is compared with what is there
# shellcheck shell=bash disable=SC2154
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
worker=() extra=() # extra[I]: words of env for worker I, as FILE_OF_LIBRARY or NAME=VALUE
seed=${WEIR_TEST_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed: WEIR_TEST_SEED=$seed repeats the draws, not the timing" >&2

begin() {
    need_python
    # Short sessions, so that a worker that is away is missed soon.
    start_kafka --set group.min.session.timeout.ms=1000 "$@"
    export WEIR_BROKERS=$brokers WEIR_DELIVERY=$delivery WEIR_DISK_RESERVE=0
    export WEIR_KAFKA_SESSION_TIMEOUT_MS=${session_ms:-3000} WEIR_KAFKA_HEARTBEAT_INTERVAL_MS=500
    cp -r "$root/docs/examples/fraud-handbook" project
    "$python" "$root/tests/integration/kill_events.py" "$rows" "$seed" > events.csv
    expect 0 "$weir" -C project apply --partitions 4
}

start_worker() {
    # shellcheck disable=SC2086
    env ${extra[$1]:-} WEIR_STATE_DIR="$work/state$1" "$weir" -C project run --worker-id "w$1" 2>> "worker$1.log" &
    worker[$1]=$!
    children+=("$!")
    disown "$!" # a killed worker is no news
}

# stop_worker I [SIGNAL]: and waits for its end.
stop_worker() {
    local _
    kill "-${2:-TERM}" "${worker[$1]}" 2>/dev/null
    for _ in $(seq 600); do kill -0 "${worker[$1]}" 2>/dev/null || return 0; sleep 0.1; done
    tail -5 "worker$1.log" >&2
    fail "worker $1 does not stop"
}
is_running() { kill -0 "${worker[$1]}" 2>/dev/null; }
# must_run I: it was not killed, so it may not have ended.
must_run() { is_running "$1" || { tail -5 "worker$1.log" >&2; fail "worker $1 ended by itself"; }; }
pause() { sleep "$((RANDOM % $1)).$((RANDOM % 10))"; } # pause SECONDS: less than that

flow() {
    "$weir" -q -C project produce --stream tx --rate "$rate" "$work/events.csv" > produce.log 2>&1 &
    producer=$!
    children+=("$producer")
}
flowed() { wait "$producer" || { tail -3 produce.log >&2; fail "producing ended with $?"; }; }
is_flowing() { kill -0 "$producer" 2>/dev/null; }

settle_and_check() {
    local i
    for i in 1 2 3; do
        extra[i]=''
        is_running "$i" || start_worker "$i"
    done
    for i in 1 2 3; do stop_worker "$i"; done
    WEIR_STATE_DIR=$work/state1 expect 0 timeout 200 "$weir" -C project run --until-end --worker-id w1
    scores_settle project handbook.scores "$rows" scores.jsonl
    "$python" "$root/tests/integration/kill_check.py" "$rows" "$delivery" scores.jsonl || {
        grep -Hv level=info worker?.log | cut -c1-400 >&2 # what befell whom, and when
        fail "scores are not what was promised"
    }
    for i in 1 2 3; do # the journals, and the state that each worker left
        WEIR_STATE_DIR=$work/state$i expect 0 timeout 250 "$weir" -C project prove
    done
    cat out
}
