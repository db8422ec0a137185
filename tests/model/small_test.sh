# SPDX-License-Identifier: Apache-2.0
# small_test.sh - the small models' answers, to the letter; forms of output, forms of input, and what is refused.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
small=$root/tests/model/small

for want in "$small"/*.want; do
    stem=${want%.want} options=()
    [ "${stem%.raw}" = "$stem" ] || options=(--raw)
    stem=${stem%.raw}
    model=$(ls "$stem".onnx "$stem".json "$stem".ubj "$stem".txt 2>/dev/null)
    expect 0 "$weir" model run "$model" --input "$stem.csv" "${options[@]}"
    cmp -s out "$want" || { diff out "$want" | head -5; fail "$model answers otherwise"; }
done

# By position: names that the model does not know. By name: columns in another order, and one more.
sed '1s/.*/p,q,r,s/' "$small/mlp.csv" > renamed.csv
expect 0 "$weir" model run "$small/mlp.onnx" --input renamed.csv
cmp -s out "$small/mlp.want" || fail "columns by position"
awk -F, 'NR == 1 { print "x[3],id,x[0],x[2],x[1]"; next } { print $4 ",7," $1 "," $3 "," $2 }' "$small/mlp.csv" > named.csv
expect 0 "$weir" model run "$small/mlp.onnx" --input named.csv
cmp -s out "$small/mlp.want" || fail "columns by name"
tail -n +2 "$small/mlp.csv" > headless.csv
expect 0 "$weir" model run "$small/mlp.onnx" --input headless.csv --no-header
cmp -s out "$small/mlp.want" || fail "columns without names"

# JSON Lines: by name, where an absent member is null; by position; and not what has nothing of the model's.
awk -F, 'NR > 1 { print "{\"x[0]\":" $1 ",\"x[1]\":" $2 ",\"x[3]\":" $4 ",\"x[2]\":" $3 ",\"id\":1}" }' "$small/mlp.csv" > named.jsonl
expect 0 "$weir" model run "$small/mlp.onnx" --input named.jsonl
cmp -s out "$small/mlp.want" || fail "members by name"
awk -F, 'NR > 1 { print "{\"p\":" $1 ",\"q\":" $2 ",\"r\":" $3 ",\"s\":" $4 "}" }' "$small/mlp.csv" > placed.jsonl
expect 0 "$weir" model run "$small/mlp.onnx" --input placed.jsonl
cmp -s out "$small/mlp.want" || fail "members by position"
echo '{"stream":"tx","value":{"x[0]":1}}' > others.jsonl
expect 65 "$weir" model run "$small/mlp.onnx" --input others.jsonl; says err 'the file has 2 columns, the model wants 4'
: > none.jsonl; expect 0 "$weir" model run "$small/mlp.onnx" --input none.jsonl
# For people rows are CSV, too; a line of JSON Lines is a line.
expect 0 "$weir" model run "$small/mlp.onnx" --input "$small/mlp.csv" -o text; cmp -s out "$small/mlp.want" || fail "rows as text"
expect 0 "$weir" model show "$small/mlp.onnx" -o jsonl; says out '{"format":"onnx",'; [ "$(wc -l < out)" = 1 ] || fail "show -o jsonl"
expect 64 "$weir" model show "$small/mlp.onnx" -o csv; says err 'it can print text, json, jsonl'
# The setting counts where no option says otherwise.
expect 0 "$weir" model show "$small/mlp.onnx" --set numerics=int8; says out 'no layer is large enough for other numerics'
expect 0 "$weir" model show "$small/mlp.onnx" --set numerics=int8 --numerics exact; ! grep -q 'other numerics' out || fail "--numerics is not heard"
expect 64 "$weir" model show "$small/mlp.onnx" --numerics fast; says err 'exact, onednn or int8'

expect 0 "$weir" model run "$small/forest.onnx" --input "$small/forest.csv" -o jsonl --take probabilities
expect 0 "$weir" model run "$small/xgb_binary.json" --input "$small/xgb_binary.csv" -o json --reasons 2
says out '"reasons":[{"input":"features['
expect 0 "$weir" model run "$small/lgb_binary.txt" --input "$small/lgb_binary.csv" --reasons 3
says out 'reason_3,contribution_3,bias'
expect 0 "$weir" model run "$small/logistic.onnx" --input "$small/logistic.csv" --reasons 1
expect 0 "$weir" model show "$small/mlp.onnx"
says out 'profile      exact-f32'
expect 0 "$weir" model show "$small/xgb_three.ubj" -o json
says out '"format": "xgboost-ubjson"'

# Refused, with the reason.
cp "$small/mlp.want" narrow.csv
expect 65 "$weir" model run "$small/mlp.onnx" --input narrow.csv
says err 'the file has 1 columns, the model wants 4'
expect 65 "$weir" model show "$small/mlp.csv"
head -c 200 "$small/mlp.onnx" > cut.onnx
expect 65 "$weir" model show cut.onnx
expect 65 "$weir" model run "$small/mlp.onnx" --input "$small/mlp.csv" --reasons 1
says err 'no exact contributions'
printf 'c0,c1,c2,c3\n1,2,3,hello\n' > bad.csv
expect 65 "$weir" model run "$small/mlp.onnx" --input bad.csv
says err "bad.csv: row 0: column 'c3'"
# What the categories of a frame stand for is known, or it is refused.
sed 's/^pandas_categorical:.*/pandas_categorical:[[5, 7]]/' "$small/lgb_frame.txt" > unplain.txt
expect 65 "$weir" model show unplain.txt; says err 'pandas_categorical has 1 lists for 2 features of categories'
sed 's/^pandas_categorical:.*/pandas_categorical:[[0, 1, 2, 3, 4, 5]]/' "$small/lgb_frame.txt" > counted.txt
expect 0 "$weir" model show counted.txt
sed 's/"values":\[0,10,20/"values":[0.5,10.5,-20/' "$small/xgb_frame.json" > halves.json
cmp -s halves.json "$small/xgb_frame.json" && fail "no list of values"
expect 65 "$weir" model show halves.json; says err 'those that are whole numbers below 2^24 are read'
expect 64 "$weir" model run "$small/mlp.onnx"
expect 64 "$weir" model run "$small/mlp.onnx" --input "$small/mlp.csv" --take nothing
expect 66 "$weir" model show nowhere.onnx
