#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three workers of one group on a real Apache Kafka are killed by SIGKILL at random moments while events flow; some come back at
# once, some so late that the others have taken their partitions, some are asked to leave. Afterwards every event has its score, copies
# are byte-identical under one id, nothing was counted twice, the proof folds the journals again and finds what is there, and
# under transactional delivery a read_committed reader sees each score exactly once.
#
#   kill_test.sh idempotent|transactional [KILLS]      WEIR_TEST_LONG=1: 500 kills; WEIR_TEST_SEED: the draws
delivery=$1 kills=${2:-30} rate=1000
[ -z "${WEIR_TEST_LONG:-}" ] || kills=500 rate=300
rows=$((kills * rate * 2)) # about as long as the kills take
. "$WEIR_TEST_ROOT/tests/integration/kill_lib.sh" || exit 1
begin
for i in 1 2 3; do start_worker $i; done
flow
killed=0 left=0
back=(0 0 0 0) # back[I]: when worker I comes back, in seconds of this script; 0: it runs
come_back() {
    local i
    for i in 1 2 3; do
        if [ "${back[i]}" != 0 ] && [ "$SECONDS" -ge "${back[i]}" ]; then start_worker $i; back[i]=0; fi
    done
}
while [ $killed -lt "$kills" ]; do
    pause 4
    come_back
    i=$((RANDOM % 3 + 1))
    [ "${back[i]}" = 0 ] || continue
    must_run $i
    if [ $((RANDOM % 8)) = 0 ]; then
        stop_worker $i; left=$((left + 1))
    else
        kill -KILL "${worker[i]}"; killed=$((killed + 1))
    fi
    back[i]=$SECONDS
    [ $((RANDOM % 3)) != 0 ] || back[i]=$((SECONDS + 3 + RANDOM % 4)) # longer than a session
    come_back
done
flowed
for i in 1 2 3; do
    if [ "${back[i]}" != 0 ]; then start_worker $i; back[i]=0; fi
done
settle_and_check
grep -h partitions_assigned worker?.log > assigned || true
echo "$killed kills, $left left in peace, $(wc -l < assigned) assignments, delivery $delivery, seed $seed"
