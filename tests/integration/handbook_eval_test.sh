#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The handbook's 14 features over its own transactions, without a broker, against its own published values.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
[ -n "$handbook" ] || { echo "skipped: ../shared/data/fraud-handbook is absent" >&2; exit 77; }
need_python
cp -r "$root/docs/examples/fraud-handbook" project
# The key covers the first 585,177; the schema's unit is milliseconds.
zstd -dc "$handbook/transactions.csv.zst" | head -585178 |
    awk -F, -v OFS=, 'NR > 1 { $2 = $2 "000" } { print $1, $2, $3, $4, $5, $6 }' > events.csv
"$weir" -C project eval --events "$work/events.csv" --stream tx --vector handbook 2> err |
    "$python" "$root/tests/integration/handbook.py" rows "$handbook/expected_apr_may.csv.zst" ||
    { tail -5 err >&2; fail "features differ from the handbook's"; }
