#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weir eval as docs and scripts know it: rows, seq, refusals by reason, forms in and out.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1

mkdir -p p/schemas
cat > p/card.weir <<'W'
package card
stream tx from kafka("pay.tx") avro("pay.Tx") {
  time ts  id tx_id  observed by card, merchant  late 1d  future 5m  expect amount >= 0.00
}
features vel per card from tx {
  n     = count() over 1m, 1h
  spend = sum(amount) over 1h
  cents = sum(points) over ever
  prev  = last(merchant) over ever
}
features shop per merchant from tx { n = count() over 1h }
vector v on tx { vel.*  shop.n  this.amount }
W
cat > p/schemas/tx.avsc <<'S'
{"type":"record","name":"Tx","namespace":"pay","fields":[
 {"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"tx_id","type":["null","string"],"default":null},
 {"name":"card","type":["null","string"],"default":null},
 {"name":"merchant","type":["null","string"],"default":null},
 {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
 {"name":"points","type":"long","default":0},
 {"name":"x","type":["null","double"],"default":null}]}
S
line() { printf '{"stream":"tx","value":{%s}}\n' "$1"; }
{
    line '"ts":"2026-03-01T12:00:00Z","tx_id":"a","card":"c1","merchant":"m1","amount":"10.00","points":9223372036854775807'
    line '"ts":1772366430000,"tx_id":"b","card":"c1","merchant":"m2","amount":20.5,"points":1'       # the schema's own unit
    line '"ts":1772366430000,"tx_id":"b","card":"c1","merchant":"m2","amount":20.5'                   # a duplicate
    line '"ts":1772366460000,"tx_id":"c","card":"c1","merchant":"m1","amount":"5.00"'                 # 1m leaves the first out; the sum overflows
    line '"ts":1772366460000,"merchant":"m1","amount":"-5.00"'                                        # expect
    line '"ts":1772366460000,"merchant":"m1","amount":"5.001"'                                        # a bad number
    line '"ts":1772366460000,"merchant":"m1","amount":"5.00","x":NaN'                                 # one that may be null
    line '"ts":1772366460000,"amount":"5.00"'                                                         # no key
    echo 'garbage'
    echo '{"stream":"tz","value":{}}'
    echo '{"value":{"ts":1772366520000,"card":"c2","amount":"1.00"},"stream":"tx","ingest":"2026-03-01T11:00:00Z"}' # future
    line '"ts":1772366460000,"tx_id":7,"card":"c2","amount":"1.00"'                                   # does not fit
    line '"ts":1772366580000,"card":"c2","amount":"1.00"'                                             # no merchant: as an unknown one
} > events.jsonl

expect 0 "$weir" -C p eval --events "$PWD/events.jsonl"
cat > want <<'J'
{"seq":0,"stream":"tx","time":"2026-03-01T12:00:00.000000Z","key":{"card":"c1"},"values":{"vel_n_1m":0,"vel_n_1h":0,"vel_spend":"0.00","vel_cents":0,"vel_prev":null,"shop_n":0,"amount":"10.00"}}
{"seq":1,"stream":"tx","time":"2026-03-01T12:00:30.000000Z","key":{"card":"c1"},"values":{"vel_n_1m":1,"vel_n_1h":1,"vel_spend":"10.00","vel_cents":9223372036854775807,"vel_prev":"m1","shop_n":0,"amount":"20.50"}}
{"seq":3,"stream":"tx","time":"2026-03-01T12:01:00.000000Z","key":{"card":"c1"},"values":{"vel_n_1m":1,"vel_n_1h":2,"vel_spend":"30.50","vel_cents":null,"vel_prev":"m2","shop_n":1,"amount":"5.00"},"errors":{"vel_cents":"overflow"}}
{"seq":6,"stream":"tx","time":"2026-03-01T12:01:00.000000Z","key":{"card":null},"values":{"vel_n_1m":0,"vel_n_1h":0,"vel_spend":"0.00","vel_cents":0,"vel_prev":null,"shop_n":2,"amount":"5.00"}}
{"seq":12,"stream":"tx","time":"2026-03-01T12:03:00.000000Z","key":{"card":"c2"},"values":{"vel_n_1m":0,"vel_n_1h":0,"vel_spend":"0.00","vel_cents":0,"vel_prev":null,"shop_n":0,"amount":"1.00"}}
J
diff out want >&2 || fail "rows"
says err '13 events, 5 rows'
for reason in 'bad_number 1' 'expect 1' 'future 1' 'no_key 1' 'bad_value 1'; do says err "dead letters: $reason"; done
says err 'refused lines: 2'; says err 'duplicates: 1'; says err 'bad numbers that became null: 1'
expect 65 "$weir" -C p eval --strict --events "$PWD/events.jsonl"
expect 0 "$weir" -C p eval --events - < events.jsonl; diff out want >&2 || fail "from standard input"

# A group instead of a vector: every event of the streams that observe its entity, with that entity's key.
expect 0 "$weir" -C p eval --features shop --events "$PWD/events.jsonl"
says out '"key":{"merchant":"m1"},"values":{"shop_n":2}}'; says out '"key":{"merchant":null},"values":{"shop_n":0}}'

# CSV out, and in: the header names fields; what is missing and optional is null.
expect 0 "$weir" -C p eval -o csv --events "$PWD/events.jsonl"
says out 'seq,stream,time,key.card,vel_n_1m,vel_n_1h,vel_spend,vel_cents,vel_prev,shop_n,amount,errors'
says out '3,tx,2026-03-01T12:01:00.000000Z,c1,1,2,30.50,,m2,1,5.00,vel_cents=overflow'
printf 'ts,card,merchant,amount\n2026-03-01T12:00:00Z,c1,"m,1",10.00\n1772366430000,c1,m2,x\n1772366430000,c1,m2,3\n' > events.csv
expect 0 "$weir" -C p eval --stream tx --events "$PWD/events.csv"
says out '"seq":2,"stream":"tx","time":"2026-03-01T12:00:30.000000Z","key":{"card":"c1"},"values":{"vel_n_1m":1,'
says out '"vel_prev":"m,1"'
printf 'ts,card,merchant,amount,points\n0,c1,,1,7\n0,c1,"",1,\n0,c1,"a, ""b""\n\n",1,\n0,c1,,,\n' > events.csv # an empty cell is absent: the default
expect 0 "$weir" -C p eval --stream tx -o csv --events "$PWD/events.csv"
cat > want <<'J'
seq,stream,time,key.card,vel_n_1m,vel_n_1h,vel_spend,vel_cents,vel_prev,shop_n,amount,errors
0,tx,1970-01-01T00:00:00.000000Z,c1,0,0,0.00,0,,0,1.00,
1,tx,1970-01-01T00:00:00.000000Z,c1,1,1,1.00,7,,0,1.00,
2,tx,1970-01-01T00:00:00.000000Z,c1,2,2,2.00,7,"",0,1.00,
J
diff out want >&2 || fail "CSV with empty cells"
says err 'column amount: empty, but the field is not optional'
printf 'ts,card,amount\n' > events.csv
expect 0 "$weir" -C p eval --stream tx -o csv --events "$PWD/events.csv"; head -1 want | diff out - >&2 || fail "a header without rows"

# Two streams, hops in different order, fields of an inner record.
mkdir -p two/schemas; cp p/schemas/tx.avsc two/schemas/
cat > two/schemas/cb.avsc <<'S'
{"type":"record","name":"Chargeback","namespace":"pay","fields":[
 {"name":"reported_at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"case_id","type":"string"},{"name":"merchant","type":"string"},{"name":"card","type":["null","string"],"default":null},
 {"name":"loss","type":{"type":"record","name":"Loss","fields":[
  {"name":"amount","type":"double"},{"name":"cur","type":"string","default":"EUR"}]}}]}
S
cat > two/a.weir <<'W'
package two
stream tx from kafka("pay.tx") avro("pay.Tx") { time ts  id tx_id  observed by card, merchant  late 1h }
stream cb from kafka("pay.cb") avro("pay.Chargeback") { time reported_at  id case_id  observed by merchant, card  late 1h }
features c per card from tx join cb { n = count() over 1h  back = count(cb) over 1h }
features m per merchant from cb { lost = sum(loss.amount) over ever  eur = count() where loss.cur == "EUR" over 1h }
vector w on cb { c.*  m.* }
W
cat > two.jsonl <<'J'
{"stream":"tx","value":{"ts":"2026-03-01T12:00:00Z","tx_id":"a","card":"c1","merchant":"m1","amount":"10.00"}}
{"stream":"cb","value":{"reported_at":"2026-03-01T12:00:01Z","case_id":"a","card":"c1","merchant":"m1","loss":{"amount":1.5}}}
{"stream":"cb","value":{"reported_at":"2026-03-01T12:00:02Z","case_id":"b","merchant":"m1","loss":{"cur":"USD","amount":1e-3}}}
{"stream":"cb","value":{"reported_at":"2026-03-01T12:00:04Z","case_id":"c","card":"c1","merchant":"m1","loss":{"amount":1}}}
{"stream":"cb","value":{"reported_at":"2026-03-01T12:00:04Z","case_id":"d","merchant":"m1","loss":null}}
J
expect 0 "$weir" -C two eval --events "$PWD/two.jsonl"
cat > want <<'J'
{"seq":1,"stream":"cb","time":"2026-03-01T12:00:01.000000Z","key":{"merchant":"m1"},"values":{"c_n":1,"c_back":0,"m_lost":0.0,"m_eur":0}}
{"seq":2,"stream":"cb","time":"2026-03-01T12:00:02.000000Z","key":{"merchant":"m1"},"values":{"c_n":0,"c_back":0,"m_lost":1.5,"m_eur":1}}
{"seq":3,"stream":"cb","time":"2026-03-01T12:00:04.000000Z","key":{"merchant":"m1"},"values":{"c_n":2,"c_back":1,"m_lost":1.501,"m_eur":1}}
J
diff out want >&2 || fail "two streams"
says err 'field loss.amount: the field is absent'

# One named type a file: what a record does not define itself stands in another file.
mkdir -p parts/schemas; cp p/card.weir parts/
sed 's/"type":"long","default":0/"type":"Points","default":"none"/' p/schemas/tx.avsc > parts/schemas/tx.avsc
echo '{"type":"enum","name":"Points","namespace":"pay","symbols":["none","many"]}' > parts/schemas/Points.avsc
sed -i 's/cents = sum(points)  *over ever/cents = last(points) over ever/' parts/card.weir
head -1 events.jsonl | sed 's/"points":[0-9]*/"points":"many"/' > parts.jsonl; line '"ts":"2026-03-01T12:00:30Z","card":"c1","amount":"1"' >> parts.jsonl
expect 0 "$weir" -C parts eval --strict --events "$PWD/parts.jsonl"; says out '"vel_cents":"many"'
sed -i '1s/^/\xef\xbb\xbf/; s/$/\r/' parts/schemas/*.avsc parts/card.weir; expect 0 "$weir" -C parts check # as editors of another system save files
rm parts/schemas/Points.avsc; expect 65 "$weir" -C parts check; says err 'schemas/tx.avsc:7:26: the type pay.Points is not defined, neither before its use nor in another file'
cp p/schemas/tx.avsc parts/schemas/twin.avsc; expect 65 "$weir" -C parts check; says err 'schemas/tx.avsc declares `pay.Tx`, which schemas/twin.avsc declares, too'

# Odd and hostile lines: each is refused by its place, with the text and the cause, and the rest goes on. A file of one stream may hold
# bare objects; a byte order mark, CRLF and a missing last line end are none of anyone's business.
refused() { # PROBLEM LINE
    { printf '\xef\xbb\xbf{"stream":"tx","value":{"ts":0,"card":"c1","amount":1}}\r\n%s\n\n' "$2"; printf '{"ts":1,"card":"c1","amount":1,"more":[{}]}'; } > odd.jsonl
    expect 0 "$weir" -C p eval --events "$PWD/odd.jsonl"
    says err '3 events, 2 rows'; says err "first refused: seq 1, line 2: $1"
    says out '{"seq":3,"stream":"tx","time":"1970-01-01T00:00:00.001000Z","key":{"card":"c1"},"values":{"vel_n_1m":1,'
}
refused 'stream tx, field card: the member stands twice' '{"ts":0,"card":"a","card":"b","amount":1}'
refused 'a member stands twice' '{"stream":"tx","value":{},"value":{}}'
refused 'stream tx, field ts: `"2026-03-01T12:00:00"`: expected a time' '{"ts":"2026-03-01T12:00:00","card":"a","amount":1}'
refused 'stream tx, field points: `1.5`: expected an int64' '{"ts":0,"card":"a","amount":1,"points":1.5}'
refused 'stream tx, field points: `9223372036854775808`: expected an int64' '{"ts":0,"card":"a","amount":1,"points":9223372036854775808}'
refused 'stream tx, field amount: `1e11`: more digits than' '{"ts":0,"card":"a","amount":1e11}'
refused 'stream tx, field card: `7`: expected a string' '{"ts":0,"card":7,"amount":1}'
refused 'stream tx, field ts: `9223372036854775807`: a time beyond the range' '{"ts":9223372036854775807,"card":"a","amount":1}'
refused 'a line is an object' '[]'
refused 'there is no stream `no`; the folder defines `tx`' '{"stream":"no","value":{}}'
refused '`ingest` is not a time' '{"stream":"tx","ingest":"soon","value":{"ts":0,"card":"a","amount":1}}'
refused 'nested deeper than 64 levels' "{\"ts\":$(printf '%0100d' 0 | tr 0 '[')"
refused 'something follows the object' '{"ts":0,"card":"a","amount":1} 2'
refused 'a string is not valid UTF-8' "$(printf '{"ts":0,"card":"\xff","amount":1}')"
printf 'ts,card,amount\n0,c1\n0,c1,"1\n' > odd.csv
expect 0 "$weir" -C p eval --events "$PWD/odd.csv"; says err 'first refused: seq 0, line 2: 2 cells where the header has 3'
printf 'ts,card,amount\n0,c1,x\n' > odd.csv
expect 65 "$weir" -C p eval --strict --events "$PWD/odd.csv"; says err 'first refused: seq 0, line 2, column amount: `x`: expected a decimal'
printf '\xff\xfe,b\n1,2\n' > odd.csv; expect 65 "$weir" -C p eval --events "$PWD/odd.csv"; says err 'the header is no UTF-8 text'
: > odd.csv; expect 65 "$weir" -C p eval --events "$PWD/odd.csv"; says err 'the file is empty'
: > odd.jsonl; expect 0 "$weir" -C p eval --events "$PWD/odd.jsonl"; says err '0 events, 0 rows'
: > odd.avro; expect 65 "$weir" -C p eval --events "$PWD/odd.avro"; says err 'odd.avro: is no Avro container file'
: > odd.parquet; expect 65 "$weir" -C p eval --events "$PWD/odd.parquet"; says err 'odd.parquet is no whole Parquet file'
expect 74 sh -c "'$weir' -C p eval --events '$PWD/events.jsonl' > /dev/full"

# A file whose name says nothing, as standard input's, is known by how it begins; endings may be in capitals.
expect 0 "$weir" -C p eval --events "$PWD/events.jsonl" -o parquet; cp out rows.parquet
same() { diff out want >&2 || fail "$1"; }
printf 'ts,card,merchant,amount\n2026-03-01T12:00:00Z,c1,m1,10.00\n' > named.csv
expect 0 "$weir" -C p eval --events "$PWD/named.csv"; cp out want
cp named.csv NAMED.CSV; expect 0 "$weir" -C p eval --events "$PWD/NAMED.CSV"; same "NAMED.CSV"
cp named.csv nameless; expect 0 "$weir" -C p eval --stream tx --events "$PWD/nameless"; same "a CSV file without ending"
expect 0 "$weir" -C p eval --events - < named.csv; same "CSV on standard input"
expect 0 "$weir" -C p eval --events /dev/stdin < named.csv; same "CSV as /dev/stdin"
(sleep 0.3; cat named.csv) | "$weir" -q -C p eval --events - > out; same "CSV through a pipe"
"$weir" -q -C p eval --events <(cat named.csv) > out; same "CSV by process substitution"
mkfifo fifo; cat named.csv > fifo & "$weir" -q -C p eval --events "$PWD/fifo" > out; same "CSV through a named pipe"
printf '\n {"ts":"2026-03-01T12:00:00Z","card":"c1","merchant":"m1","amount":"10.00"}\n' > bare; sed 's/"seq":0/"seq":1/' want > want.bare
"$weir" -q -C p eval --events <(cat bare) > out; diff out want.bare >&2 || fail "JSON by process substitution"
gzip -c bare | "$weir" -q -C p eval --events - > out; diff out want.bare >&2 || fail "compressed JSON"
expect 0 "$weir" init -q --from rows.parquet q
expect 0 "$weir" -C q eval --stream rows --events "$PWD/rows.parquet"; cp out want
expect 0 "$weir" -C q eval --stream rows --events - < rows.parquet; same "Parquet on standard input"
cat rows.parquet | expect 64 "$weir" -C q eval --stream rows --events -; says err 'can not be read from a pipe'
for name in d d.csv d.jsonl d.avro d.parquet; do
    mkdir -p $name; expect 66 "$weir" -C p eval --stream tx --events "$PWD/$name"; says err "/$name is a folder"
done

# Mistakes.
printf 'brokrs: x\n' > p/weir.yaml; expect 78 "$weir" -C p check; says err 'did you mean `brokers`?'; rm p/weir.yaml
expect 64 "$weir" -C p eval; says err 'name the file of events'
expect 64 "$weir" -C p eval --events x --vector w; says err 'there is no vector `w`; the folder defines: v'
expect 64 "$weir" -C p eval --events x --features w; says err 'the folder defines: vel, shop'
expect 66 "$weir" -C p eval --events no-such-file.jsonl
expect 64 "$weir" -C p eval --events "$PWD/events.jsonl" --stream nope; says err 'there is no stream `nope`'
echo ok
