#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The handbook's models through the running system, on a real Kafka: what came before the test week is folded; models are trained on
# the exported Parquet and put in force; the test week is scored with them. The scores must be those of the models' own libraries,
# the proof must hold, and the handbook's three metrics are printed beside its published table. Models: XGBoost over the 14 features
# (docs/examples/fraud-handbook); XGBoost and a net over the 14 and the amount, and XGBoost over features of our own
# (docs/examples/fraud-handbook-rich). The net's wide layer is computed by oneDNN, where this CPU allows it, and on the day after the
# test week in 8-bit integers; the proof, which runs under the default numerics, finds by each record how it was made.
#
# Without WEIR_TEST_LONG the events begin in June. Without ../shared/data events of our own stand in, and no metric is held to a figure.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
export WEIR_BROKERS=$brokers OMP_NUM_THREADS=1
examples=$root/docs/examples
history=2018-06-20
[ -z "${WEIR_TEST_LONG:-}" ] || history=2018-04-01
test_week=2018-08-08

instant() { echo "$(date -u -d "$1" +%s)000"; }
if [ -n "$handbook" ]; then
    zstd -dc "$handbook/transactions.csv.zst" | awk -F, -v OFS=, -v from="$(instant $history)" -v to="$(instant 2018-08-16)" '
        NR > 1 { $2 = $2 "000" } NR == 1 || ($2 >= from && $2 < to) { print $1, $2, $3, $4, $5, $6 }' > events.csv
else
    echo "not compared with the handbook: ../shared/data is absent" >&2
    "$python" "$root/tests/integration/handbook_simulate.py" 2018-06-20 57 > events.csv
fi
awk -F, -v at="$(instant $test_week)" -v end="$(instant 2018-08-15)" '
    NR == 1 { print > "before.csv"; print > "week.csv"; print > "day.csv"; next }
    { print > ($2 < at ? "before.csv" : $2 < end ? "week.csv" : "day.csv") }' events.csv
cp -r "$examples/fraud-handbook" handbook
cp -r "$examples/fraud-handbook-rich" rich

# fold PROJECT: what lies in the source topic, to its end.
fold() { expect 0 "$weir" -C "$1" run --until-end; }
# train PROJECT VECTOR MODEL [OPTIONS]: on the export of the training week.
train() {
    local project=$1 vector=$2 model=$3; shift 3
    [ -e "$project-$vector" ] || expect 0 "$weir" -C "$project" export --vector "$vector" --with tx_id --with fraud --with customer \
        --from 2018-07-25 --to 2018-08-01 --out "$work/$project-$vector"
    "$python" "$examples/fraud-handbook/train.py" "$project-$vector" "$project/models/$model" "$@" || fail "training $model failed"
}

expect 0 "$weir" -C handbook apply --partitions 4
expect 0 "$weir" -C handbook produce --stream tx "$work/before.csv"
expect 0 "$weir" -C rich apply --partitions 4
for project in handbook rich; do fold $project; done
train handbook handbook handbook.json
train rich baseline trees.json
train rich baseline net.onnx --net
train rich rich rich.json
for project in handbook rich; do expect 0 "$weir" -C $project apply; done

export WEIR_NUMERICS=onednn
"$weir" -C rich model show net --numerics onednn | grep -A 1 '^profile'
switched=$(date -u +%FT%TZ)
expect 0 "$weir" -C handbook produce --stream tx "$work/week.csv"
for project in handbook rich; do fold $project; done

# scored PROJECT VECTOR MODEL TOPIC [FROM [PROFILE]]: the scores since the last switch, and the same by the model's own library over the export.
scored() {
    local project=$1 vector=$2 model=$3 topic=$4 from=${5:-$test_week} profile=${6:-}
    [ -e "$project-$vector-test" ] || expect 0 "$weir" -C "$project" export --vector "$vector" --with tx_id --with fraud \
        --with customer --from 2018-07-25 --out "$work/$project-$vector-test"
    expect 0 "$weir" verify "$work/$project-$vector-test"
    expect 0 "$weir" -C "$project" tail "$topic" --from "$switched" --until-end -o jsonl
    mv out "$topic.jsonl"
    "$python" "$root/tests/integration/handbook_scores.py" "$project-$vector-test" "$topic.jsonl" "$project/models/$model" "$from" $profile ||
        fail "the scores in $topic are not those of $model"
}
scored handbook handbook handbook.json handbook.scores
scored rich baseline trees.json handbook_rich.trees
scored rich baseline net.onnx handbook_rich.net
scored rich rich rich.json handbook_rich.scores


# The day after, in 8-bit integers; the trees do not mind.
WEIR_NUMERICS=int8 switched=$(date -u +%FT%TZ)
rm -r rich-baseline-test
expect 0 "$weir" -C rich produce --stream tx "$work/day.csv"
fold rich
mv handbook_rich.net.jsonl week.net.jsonl
scored rich baseline net.onnx handbook_rich.net 2018-08-15 int8-u8s8
mv week.net.jsonl handbook_rich.net.jsonl
unset WEIR_NUMERICS

"$python" "$examples/fraud-handbook/evaluate.py" handbook-handbook-test --test-from $test_week \
    "ours: 14 features, XGBoost=handbook.scores.jsonl" "ours: 14 and the amount, XGBoost=handbook_rich.trees.jsonl" \
    "ours: 14 and the amount, net=handbook_rich.net.jsonl" "ours: richer features, XGBoost=handbook_rich.scores.jsonl" |
    tee metrics || fail "the metrics can not be computed"
if [ -n "$handbook" ] && [ -n "${WEIR_TEST_LONG:-}" ]; then
    awk -F '  +' '/^ours: richer/ { good = $2 > 0.88 && $3 >= 0.74 && $4 >= 0.3 } END { exit !good }' metrics ||
        fail "the richer features miss AUC > 0.88, average precision >= 0.74, card precision@100 >= 0.3"
fi
# Scores of all times are proved: of the fallback before there was a model, of the models, and of both numerics.
for project in handbook rich; do
    expect 0 "$weir" -C $project prove
    cat out
done
