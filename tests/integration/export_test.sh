#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weir export --spine and --mode as-of against export_oracle.py: late events, ties, duplicates, null and unknown keys, zones, rows that
# stand twice; the same export twice has the same content; what does not fit is named.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_embedded
mkdir -p project/schemas
cat > project/shop.weir <<'W'
package shop
stream tx from kafka("shop.tx") avro("shop.Tx") { time ts  id tx_id  observed by card, merchant  late 2d  future 5m }
features c per card from tx {
  n     = count()                                   over 1h, 1d
  spend = sum(amount)                               over 1d
  prev  = last(merchant)                            over ever
  here  = count() where merchant == this.merchant   over 3d
  big   = count() where amount > this.amount        over 1d
  mean  = mean(amount)                              over ever
}
features m per merchant from tx {
  n   = count()                    over 1h
  hot = count() where c.n[1h] > 1  over 1d
  avg = mean(amount)               over 1d
}
vector v on tx { c.*  m.*  this.amount }
vector cards on tx { c.{n, prev} }
W
cat > project/schemas/tx.avsc <<'S'
{"type":"record","name":"Tx","namespace":"shop","fields":[
 {"name":"tx_id","type":"long"},
 {"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"seen","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"card","type":["null","string"],"default":null},
 {"name":"merchant","type":["null","string"],"default":null},
 {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}}]}
S
oracle=$root/tests/integration/export_oracle.py
"$python" "$oracle" make . || fail "the oracle made no events"
expect 0 "$weir" -q -C project apply
expect 0 "$weir" -q -C project produce --stream tx --ingest seen "$PWD/events.jsonl"
expect 0 "$weir" -q -C project run --until-end
export_to() { expect 0 "$weir" -C project export --vector v --out "$PWD/$1" "${@:2}"; }
export_to events
export_to events_between --from 2026-03-03 --to 2026-03-05
export_to known --spine "$PWD/spine.csv"; cp out known_text
export_to known_parquet --spine "$PWD/spine.parquet"
export_to asof --mode as-of --with seen
export_to asof_spine --mode as-of --spine "$PWD/spine.csv"
"$python" "$oracle" check . events || fail "an export is not what the rules say"
for folder in known asof asof_spine; do expect 0 "$weir" verify $folder; done
"$python" "$root/tests/parquet/readers.py" events known asof || fail "other readers see another snapshot"
says asof/_manifest.json '"as-of"'
grep -q '"c" *: *[1-9]' asof/_manifest.json || fail "no row is of grade C: $(cat asof/_manifest.json)"
export_to again --spine "$PWD/spine.csv"
cmp out known_text || fail "the same export has another content"
export_to asof_again --mode as-of --with seen --from 2026-03-03 --to 2026-03-04T06:00:00+02:00

# A spine needs only what its vector reads.
printf 'card,time\nc1,2026-03-05T00:00:00Z\nc2,2026-03-05T00:00:00Z\n' > small.csv
expect 0 "$weir" -C project export --vector cards --spine "$PWD/small.csv" --out "$PWD/small" -o json
says out '"rows":2'
# Before the first event came in there is nothing to read, which is told.
printf 'card,time\nc1,1999-03-05T00:00:00Z\nc2,2026-03-05T00:00:00Z\n' > early.csv
expect 0 "$weir" -C project export --vector cards --spine "$PWD/early.csv" --out "$PWD/early"
says err '1 of 2 rows ask for a time before 2026-'

# Mistakes.
wrong() { expect "$1" "$weir" -C project export --vector v --out "$PWD/wrong" "${@:3}"; says err "$2"; [ ! -e wrong ] || fail "wrong is there"; }
wrong 65 'no column `merchant`' --spine "$PWD/small.csv"
printf 'card,merchant,time,amount\nc1,m1,yesterday,1\n' > bad.csv; wrong 65 'bad.csv: line 2, column time: `yesterday`' --spine "$PWD/bad.csv"
printf 'card,merchant,time,amount\nc1,m1,,1\n' > bad.csv; wrong 65 'line 2, column time' --spine "$PWD/bad.csv"
printf 'card,merchant,time,amount\nc1,m1,2026-03-05T00:00:00Z,1.001\n' > bad.csv; wrong 65 'more digits than' --spine "$PWD/bad.csv"
printf '{"card":"c1","card":"c2","merchant":"m1","time":"2026-03-05T00:00:00Z","amount":1}\n' > twice.jsonl
wrong 65 'twice.jsonl: line 1, column card: the member stands twice; leave one out' --spine "$PWD/twice.jsonl"
wrong 66 'none.csv' --spine "$PWD/none.csv"
wrong 64 '--mode is `as-is`, wants as-known or as-of' --mode as-is
wrong 64 'go with events, not with --spine' --spine "$PWD/spine.csv" --with seen
wrong 64 'go with events, not with --spine' --spine "$PWD/spine.csv" --from 2026-03-03
expect 73 "$weir" -C project export --vector v --out "$PWD/events"
expect 73 "$weir" -C project export --vector v --out /proc/events

# Hostile Parquet: cut off, flipped, its lengths overwritten. Each is refused as data, or is whole where it counts; nothing is left behind.
mkdir hostile
"$python" - spine.parquet hostile <<'P' || fail "no hostile files were made"
import random, struct, sys
whole, folder, r = open(sys.argv[1], "rb").read(), sys.argv[2], random.Random(11)
made = [b"", b"PAR1", whole[:8], whole[: len(whole) // 2], whole[:-1], whole + b"x", whole[4:]]
for length in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(whole), len(whole) - 11):
    made.append(whole[:-8] + struct.pack("<I", length) + b"PAR1")
footer = len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0]
for _ in range(25):
    for low, high in ((4, footer), (footer, len(whole) - 8)):
        data = bytearray(whole)
        for _ in range(r.choice((1, 1, 4))):
            data[r.randrange(low, high)] = r.choice((0, 0x7F, 0x80, 0xFF, r.randrange(256)))
        made.append(bytes(data))
for i, data in enumerate(made):
    open(f"{folder}/{i}.parquet", "wb").write(data)
P
refused=0
for file in hostile/*.parquet; do
    code=0
    rm -rf wrong
    timeout 20 "$weir" -C project export --vector v --spine "$PWD/$file" --out "$PWD/wrong" > out 2> err || code=$?
    case $code in
    0) expect 0 "$weir" verify wrong ;;
    65) refused=$((refused + 1)); [ ! -e wrong ] || fail "$file was refused, and wrong is there" ;;
    *) tail -5 err >&2; fail "$file: exit $code" ;;
    esac
done
rm -rf wrong
[ "$refused" -ge 20 ] || fail "only $refused of the hostile files were refused"
echo ok
