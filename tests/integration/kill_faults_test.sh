#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What else happens to a system that is promised exactly once: while events flow through three workers,
#
#   broker   the broker is killed and started again
#   leader   of three brokers (three copies, two of them in sync at least) one after the other is killed and comes back
#   zombie   a worker is stopped for longer than its session, and goes on while others have its partitions
#   clock    a worker's clock jumps an hour forward, then two hours back
#   disk     the disk under a worker's state fills up; then there is room again
#
# Afterwards the same is compared as after kills. The broker's own clock never jumps: it is who stamps the journals.
#
#   kill_faults_test.sh CASE idempotent|transactional      WEIR_TEST_LONG=1: ten times as often, under both deliveries
case=$1 delivery=$2
if [ -n "${WEIR_TEST_LONG:-}" ] && [ -z "${WEIR_TEST_ROUNDS:-}" ]; then
    export WEIR_TEST_ROUNDS=20
    "$0" "$case" idempotent && exec "$0" "$case" transactional
    exit 1
fi
rounds=${WEIR_TEST_ROUNDS:-2} rate=1000
rows=$((10000 + rounds * 10000))
. "$WEIR_TEST_ROOT/tests/integration/kill_lib.sh" || exit 1
shims=${WEIR_TEST_BUILD:?}/tests/fault

kafka() { "$root/ops/tools/kafka" "$@" > kafka.out 2>&1 || { cat kafka.out >&2; fail "kafka $1"; }; }

broker() {
    kafka kill "$work/kafka"
    pause 4
    kafka start "$work/kafka" --owner $$
}

leader() { # round
    local broker=$(($1 % 3 + 1))
    kafka kill "$work/kafka" $broker
    sleep 4
    kafka start "$work/kafka" --owner $$
}

zombie() {
    local i=$((RANDOM % 3 + 1))
    must_run $i
    kill -STOP "${worker[i]}"
    sleep 7
    kill -CONT "${worker[i]}"
}

# The shim adds what stands in the file to every answer about the time of day.
clock() {
    local i=$((RANDOM % 3 + 1)) jump
    for jump in 3600 -3600 0; do
        must_run $i
        printf '%-8s' "$jump" 1<> "clock$i" # in place: the file is mapped
        pause 3
    done
}

# Alternately: room falls below disk_reserve under a worker, which waits and goes on by itself once there is some; and a disk fills up
# at once, in the middle of a write, which RocksDB may not outlive: started again meanwhile, the worker says why it does not.
disk() { # round
    local i=$((RANDOM % 3 + 1))
    must_run $i
    : > "worker$i.log" # it is appended to
    if [ $(($1 % 2)) = 0 ]; then
        : > "low$i"
        says_within 60 "worker$i.log" 'free some space'
        rm "low$i"
        pause 4
    else
        : > "full$i"
        sleep 5
        stop_worker $i KILL
        # shellcheck disable=SC2086
        expect 74 env ${extra[i]} WEIR_STATE_DIR="$work/state$i" timeout 60 "$weir" -C project run --worker-id w$i
        says err 'free some space'
        rm "full$i"
        start_worker $i
        says_within 60 "worker$i.log" partitions_assigned
    fi
    must_run $i
}

case $case in
leader) export WEIR_JOURNAL_REPLICATION=3; begin --brokers 3 ;;
*) begin ;;
esac
for i in 1 2 3; do
    if [ "$case" = clock ]; then
        printf '%-8s' 0 > "clock$i"
        extra[i]="LD_PRELOAD=$shims/libweir_clock_shim.so WEIR_TEST_CLOCK=$work/clock$i"
    fi
    if [ "$case" = disk ]; then
        extra[i]="LD_PRELOAD=$shims/libweir_io_shim.so WEIR_TEST_IO_ROOT=$work/state$i WEIR_TEST_IO_MODE=full"
        extra[i]+=" WEIR_TEST_IO_WHILE=$work/full$i WEIR_TEST_IO_LOW=$work/low$i WEIR_DISK_RESERVE=1MiB"
    fi
    start_worker $i
done
for i in 1 2 3; do says_within 60 "worker$i.log" partitions_assigned; done
flow
for ((round = 0; round < rounds; round++)); do
    sleep 3
    "$case" $round
done
flowed
settle_and_check
echo "$case, $rounds times, delivery $delivery, seed $seed"
