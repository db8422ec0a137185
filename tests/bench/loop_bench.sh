#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the whole loop costs: the handbook's 14 features over two entities on a real Kafka, Avro in and out, counted from
# outside by loop_bench.c. Prints `name value` lines: CPU microseconds of all threads an event while busy, and at a fixed rate with
# the latency from send to sight by a read_committed reader, and the time from kill -9 to the first new score.
#
#   loop_bench.sh [--delivery idempotent|transactional] [--events N] [--rate N] [--warm N] [--seconds N] [--ahead N]
#                 [--threads N] [--keys N] [--floor] [--replay] [--set KEY=VALUE]... [--stages] [--tiny]
#
# --keys: made-up events of as many customers, each with a state before any has a second event (with --events not below it).
# --floor: first the source alone at the rate, without a worker: the latency of one hop of four.
# --replay: at the end the state is thrown away and made again from the journals, as on another machine.
# --stages adds shares by stage, from perf (which itself costs). Without ../shared/data the events are made up. See docs/benchmarks.md.
. "$(dirname "$0")/loop_stage.sh" || exit 1
delivery=idempotent events=1000000 rate=5000 warm=15 seconds=20 ahead=50000 threads=1 stages='' keys=0 floor=0 replay='' settings=() spare=30
while [ $# -gt 0 ]; do
    case $1 in
    --stages) stages=yes; shift; continue ;;
    --floor) floor=1; shift; continue ;;
    --replay) replay=yes; shift; continue ;;
    --tiny) events=20000 rate=2000 warm=1 seconds=2 spare=10; shift; continue ;;
    esac
    [ $# -ge 2 ] || fail "no value for $1"
    case $1 in
    --delivery) delivery=$2 ;;
    --events) events=$2 ;;
    --rate) rate=$2 ;;
    --warm) warm=$2 ;;
    --seconds) seconds=$2 ;;
    --ahead) ahead=$2 ;;
    --threads) threads=$2 ;;
    --keys) keys=$2 ;;
    --set) settings+=(--set "$2") ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done
stage_handbook $((events + rate * (warm + seconds + spare)))
profiler=()
if [ -n "$stages" ]; then
    printf '#!/bin/sh\nexec perf record -q -e cpu-clock -F 499 --call-graph dwarf,8192 -o %s/perf.data -p $1 -- sleep 3\n' "$work" > profiler
    chmod +x profiler
    profiler=(--profiler "$work/profiler")
fi
"$WEIR_TEST_BUILD/tests/bench/loop_bench" --brokers "$brokers" --staged handbook.staged --source handbook.tx \
    --scores handbook.scores --broker-pid "$broker_pid" --events "$events" --ahead "$ahead" --rate "$rate" \
    --warm "$warm" --seconds "$seconds" --kill 1 --floor $floor "${profiler[@]}" -- "$weir" "${settings[@]}" -C project run --threads "$threads" --worker-id w0 \
    2> worker.log | tee figures || { tail -20 worker.log >&2; fail "loop_bench ended with $?"; }
[ -z "$stages" ] || python3 "$root/tests/bench/loop_stages.py" "$WEIR_TEST_BUILD" perf.data
[ -n "$replay" ] || exit 0
folds=$(awk '$1 == "events" { printf "%d", 2 * $2 }' figures) # an event is folded at each of its two hops
rm -rf "$WEIR_STATE_DIR"
# Until it is ready: --until-end would look at what is committed, and that is long at the end.
replay() {
    "$weir" "${settings[@]}" -C project run --threads "$threads" --worker-id w0 > replay.log 2>&1 &
    children+=($!)
    says_within 3600 replay.log 'ready: worker'
    kill -TERM $! && wait $!
}
TIMEFORMAT='%R %U %S'
{ time replay; } 2> took || { tail -20 replay.log >&2; fail "the replay"; }
awk -v folds="$folds" '{
    printf "replay_s %.3f\nreplay_us_per_fold %.3f\nreplay_folds_per_core_s %.0f\n", $1, ($2 + $3) / folds * 1e6, folds / ($2 + $3)
}' took
