#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weir sql: what it prints, what it names as having no SQL, and that DuckDB computes the same (tests/oracle/random_sql.py).
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
cp -r "$root/docs/examples/card-fraud" project
expect 0 "$weir" -C project sql
says out '-- card_vel_n_10m'; says out 'AS "card_vel_n_10m"'; says out 'FROM "tx_by_merchant" t'; says err '26 features, 0 of them without SQL'
if grep -q 'no SQL' out; then fail "a feature of the example has no SQL: $(grep 'no SQL' out)"; fi
expect 0 "$weir" -C project sql 'card_vel.n[1h]'; says err '1 features'
expect 0 "$weir" -C project sql shop_risk -o csv; says out 'feature,stream,entity,type,sql,problem'; says err '7 features'
expect 0 "$weir" -C project sql --dialect spark shop_risk_avg -o jsonl; says out 'FROM `tx_by_merchant` t'
expect 64 "$weir" -C project sql card_vell; says err 'did you mean `card_vel`?'
expect 64 "$weir" -C project sql --dialect mysql; says err 'wants duckdb or spark'
expect 64 "$weir" -C project sql --stream tz; says err 'there is no stream `tz`'
cat >> project/card.weir <<'W'
features own per card from tx { bits = hash(last(card)) over ever  top3 = top(country, 3) over 1d }
W
expect 0 "$weir" -C project sql own
says out '-- no SQL: not comparable: hash has bits of its own'; says out '-- no SQL: top has no SQL here'
need_python
"$python" "$root/tests/oracle/random_sql.py" "$weir" --seeds 1 5 --events 200 || fail "DuckDB does not compute the same"
