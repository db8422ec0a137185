#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Avro files of another library, every codec, under an evolved schema: the same values as from JSON Lines.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
expect 0 "$weir" init project
mkdir files
"$python" "$root/tests/integration/foreign_events.py" files project/schemas/pay.Tx.avsc files || fail "the foreign writer"
expect 0 "$weir" -C project eval --stream tx --events "$work/files/events.jsonl" --vector card_fraud
mv out want
[ "$(wc -l < want)" = 50 ] || fail "not 50 rows"
for file in files/*.avro; do
    expect 0 "$weir" -C project eval --stream tx --events "$work/$file" --vector card_fraud
    cmp out want || fail "$file gives other values"
done
"$python" "$root/tests/integration/avro_events.py" "$weir" || fail "evolved container files"
