# SPDX-License-Identifier: Apache-2.0
# loop_stage.sh - a real Kafka with the handbook's events staged in it, for benchmarks of the whole loop. Source it.
#
#   stage_handbook ROWS [options of ops/tools/kafka]
#
# With $keys the rows are made up: each of that many customers in turn, so that as many rows make as many keys.
# The records are made once, in handbook.staged with one partition; project/ is applied and its topics are empty. The broker's process is
# $broker_pid. Without ../shared/data the events are made up.
# shellcheck shell=bash disable=SC2154
: "${WEIR_TEST_ROOT:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}" "${WEIR_TEST_BUILD:=$WEIR_TEST_ROOT/build/release}"
: "${WEIR_TEST_PROGRAM:=$WEIR_TEST_BUILD/weir}"
export WEIR_TEST_ROOT WEIR_TEST_BUILD WEIR_TEST_PROGRAM
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1

stage_handbook() {
    local rows=$1; shift
    start_kafka "$@"
    export WEIR_BROKERS=$brokers WEIR_DELIVERY=$delivery WEIR_STATE_DIR=$work/state
    if [ "${keys:-0}" -gt 0 ]; then
        awk -v rows="$rows" -v keys="$keys" 'BEGIN {
            print "tx_id,ts,customer,terminal,amount,fraud"
            for (i = 0; i < rows; i++)  # a prime step: customers in no order, none twice before all had a turn
                printf "%d,%.0f,%d,%d,%.2f,%d\n", i, 1522540800000 + 15 * i, i * 7368787 % keys, i % 10000, 1 + i % 29999 / 100, i % 97 == 0
        }' > events.csv
    elif [ -n "$handbook" ]; then
        zstd -dc "$handbook/transactions.csv.zst" | head -$((rows + 1)) |
            awk -F, -v OFS=, 'NR > 1 { $2 = $2 "000" } { print $1, $2, $3, $4, $5, $6 }' > events.csv
    else
        python3 "$root/tests/integration/make_events.py" "$rows" > events.csv
    fi
    cp -r "$root/docs/examples/fraud-handbook" project
    cp -r project staging
    sed -i 's/"handbook.tx"/"handbook.staged"/; s/^package handbook/package staged/' staging/handbook.weir
    expect 0 "$weir" -C staging apply --partitions 1
    expect 0 "$weir" -C staging produce --stream tx "$work/events.csv"
    expect 0 "$weir" -C project apply --partitions 4
    # shellcheck disable=SC2034
    broker_pid=$(cat "$work"/kafka/node1.pid)
}
