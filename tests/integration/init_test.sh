#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weir init --from FILE: the project that it guesses passes weir check and evaluates that very file, every row of it; what can not be
# guessed is refused with place and cure.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1

# guessed FILE ROWS: init, check, eval.
guessed() {
    rm -rf project
    expect 0 "$weir" init --from "$1" project
    cp err told
    expect 0 "$weir" -C project check
    expect 0 "$weir" -C project fmt --check
    expect 0 "$weir" -C project eval --strict --events "$PWD/$1"
    says err "$2 events, $2 rows"
    cat project/*.weir > definition
}

"$weir" -q simulate -n 300 > sim.jsonl
guessed sim.jsonl 300
says told 'time is ts, events are told apart by tx_id'
says definition '= sum(amount)'
says project/schemas/sim.Event.avsc '"scale": 2'
sed 's/^/{"stream":"tx","value":/; s/$/}/' sim.jsonl > wrapped.jsonl
guessed wrapped.jsonl 300; says definition 'stream tx from'
gzip -k sim.jsonl; guessed sim.jsonl.gz 300

# An event that was sent again keeps its id; a file may have more ids than are counted.
(cat sim.jsonl; head -2 sim.jsonl) > again.jsonl
expect 0 "$weir" init --from again.jsonl resent
says err 'events are told apart by tx_id'; says err '2 rows are like one before in every column'
awk 'BEGIN { print "ts,order_id,user"; for (i = 0; i < 70000; i++) printf "%.0f,o%d,u%d\n", 1772366400000 + i, i, i % 50 }' > many.csv
expect 0 "$weir" init --from many.csv many; says err 'events are told apart by order_id'

# CSV: a byte order mark, CRLF, quoted line ends; text of digits, bools, times with zones, what is empty.
printf '\xef\xbb\xbforder_id,created_at,customer,total,qty,Bad Name,note,flag,zip,big,empty\r\n' > orders.csv
printf '1,2026-03-01T12:00:00Z,ann,10.00,1,x,"a, b",true,00123,9223372036854775807,\r\n' >> orders.csv
printf '2,2026-03-01T12:00:01+01:00,bob,3.50,2,x,"c ""q""\r\nd",false,00124,9223372036854775808,\r\n' >> orders.csv
printf '3,2026-03-01T12:00:02Z,ann,-7.25,,x,,true,00125,1,\r\n' >> orders.csv
guessed orders.csv 3
says told 'left out: column `Bad Name`: its name is none in Avro'
says told 'left out: column `empty`: it never has a value'
python3 - <<'P' || fail "the schema: $(cat project/schemas/*)"
import json
fields = {f["name"]: f["type"] for f in json.load(open("project/schemas/orders.Event.avsc"))["fields"]}
want = {"order_id": "long", "created_at": "timestamp-micros", "customer": "string", "total": "decimal", "qty": ["null", "long"],
        "note": ["null", "string"], "flag": "boolean", "zip": "string", "big": "decimal"}
have = {k: v.get("logicalType") if isinstance(v, dict) else v for k, v in fields.items()}
assert have == want, have
P
expect 0 "$weir" -C project eval -o csv --events "$PWD/orders.csv"
says out '2,orders,2026-03-01T12:00:02.000000Z,ann,1,1,1,10.00,10.00,10.0,9223372036854775807,'
# One column more than a time and a key, epochs in their own unit, a name that is a word of the language, and one that is its own field.
printf 'ts,from\n1772366400000,a\n1772366400001,b\n' > table.csv
expect 65 "$weir" init --from table.csv refused; says err 'can be a key'
printf 'ts,user,events\n1772366400000000,a,1\n1772366400000001,a,2\n' > events.csv
guessed events.csv 2; says definition 'stream events_stream from'; says project/schemas/events.Event.avsc timestamp-micros

# JSON: inner objects, lists, whole numbers of 64 bits, members that are absent.
cat > nested.json <<'J'
{"at": 1772366400000, "user": {"name": "ann", "age": 31}, "tags": ["a"], "n": 9223372036854775807, "mixed": 1, "x": null}
{"at": 1772366400001, "user": {"name": "bob", "age": 30}, "tags": [], "n": -1, "mixed": "one", "extra": 1.5, "user_name": "b"}
{"at": 1772366400002, "user": {"name": "ann", "age": 30}, "tags": ["b", "c"], "n": 0, "mixed": 2, "user_name": "b"}
J
guessed nested.json 3
says told '`mixed`: its values are of more than one kind'
# An inner object that is null or absent at times is a nullable record; one with other values in its place, and a name that only looks like
# an inner field, are left out.
cat > absent.json <<'J'
{"at": 1772366400000, "user": "ann", "at_home": {"city": "B", "flat": {"no": 1}}, "spot": {"lat": 50.1, "lon": 14.4}, "device": {"os": "a"}, "odd": "s", "a.b": 1}
{"at": 1772366400001, "user": "bob", "at_home": null, "spot": null, "device": {}, "odd": {"x": 1, "y": {"z": 1}}, "a.b": 1}
{"at": 1772366400002, "user": "ann", "at_home": {"city": "B", "flat": null}, "device": {"os": "b"}, "a.b": {"c": 1}}
J
guessed absent.json 3
says told '`odd`: its values are of more than one kind'; says told '`odd.y.z`: what it stands in is left out'
says told '`a.b`: its name has a point'; says told '`a.b.c`: what it stands in is left out'
printf 'at,user,device.os,device.by.name,device.n\n2026-03-01T12:00:00Z,a,ios,,1\n2026-03-01T12:00:01Z,b,,x,2\n' > flat.csv
cp project/schemas/absent.Event.avsc .; guessed flat.csv 2
python3 - <<'P' || fail "the schemas: $(cat absent.Event.avsc project/schemas/*)"
import json
def shape(t):
    if isinstance(t, list): return [shape(x) for x in t]
    return {f["name"]: shape(f["type"]) for f in t["fields"]} if isinstance(t, dict) and "fields" in t else t
have = shape(json.load(open("absent.Event.avsc")))
del have["at"]
assert have == {"user": "string", "at_home": ["null", {"city": "string", "flat": ["null", {"no": "long"}]}],
                "spot": ["null", {"lat": "double", "lon": "double"}], "device": {"os": ["null", "string"]}}, have
have = shape(json.load(open("project/schemas/flat.Event.avsc")))["device"]
assert have == {"os": ["null", "string"], "by": ["null", {"name": ["null", "string"]}], "n": "long"}, have
P

printf '{"ts":1772366400000,"k":"a","x":1.5,"y":1}\n{"ts":1772366400001,"k":"a","x":NaN}\n' > odd.jsonl
guessed odd.jsonl 2
# A line that can not be read says nothing of the others.
printf '{"ts":1772366400000,"k":"a","x":1}\n{"ts":1772366400001,"k":"b","x":\n{"ts":1772366400002,"k":"a"}\n' > odd.jsonl
rm -rf project; expect 0 "$weir" init --from odd.jsonl project; says err '1 rows can not be read; the first: line 2: '
expect 0 "$weir" -C project eval --events "$PWD/odd.jsonl"; says err '3 events, 2 rows'

# Avro and Parquet say their types.
need_python
"$python" - <<'P' || fail "files were not written"
import datetime, decimal, random
import fastavro, pyarrow as pa, pyarrow.parquet as pq
random.seed(3)
start = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
rows = [{"id": i, "when": start + datetime.timedelta(seconds=i), "card": f"c{random.randrange(5)}",
         "amount": decimal.Decimal(random.randrange(10000)) / 100, "kind": random.choice(["a", "b"]),
         "place": {"lat": 50.0, "lon": float(i)}} for i in range(50)]
schema = {"type": "record", "name": "Ev", "namespace": "x.y", "fields": [
    {"name": "id", "type": "long"}, {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "card", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a", "b"]}},
    {"name": "place", "type": {"type": "record", "name": "P", "fields": [{"name": "lat", "type": "double"}, {"name": "lon", "type": "double"}]}}]}
with open("file.avro", "wb") as out: fastavro.writer(out, fastavro.parse_schema(schema), rows, codec="deflate")
for row in rows: row["amount"] = row["amount"].quantize(decimal.Decimal("0.01"))
pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema([
    ("id", pa.int64()), ("when", pa.timestamp("ms", "UTC")), pa.field("card", pa.string(), False), ("amount", pa.decimal128(9, 2)),
    ("kind", pa.dictionary(pa.int32(), pa.string())), ("place", pa.struct([("lat", pa.float64()), ("lon", pa.float64())]))])), "file.parquet")
P
guessed file.avro 50; cp out avro_out; says definition 'avro("x.y.Ev")'
guessed file.parquet 50
sed 's/"stream":"file"//' out > a; sed 's/"stream":"file"//' avro_out > b; cmp a b || fail "Avro and Parquet of the same rows differ"

# Refused, and nothing is written.
refused() { rm -rf project; expect "$1" "$weir" init --from "$2" project; says err "$3"; [ ! -e project ] || fail "$2 left a project"; }
: > empty.csv; refused 65 empty.csv 'the file is empty'
: > empty.jsonl; refused 65 empty.jsonl 'no row can be read'
printf 'a,ts\n' > header.csv; refused 65 header.csv 'no row can be read'
printf 'garbage\n' > garbage.jsonl; refused 65 garbage.jsonl 'line 1: '
printf 'a,b\n1,2\n' > timeless.csv; refused 65 timeless.csv 'no column is the time of an event'
printf 'ts\n2026-03-01T12:00:00Z\n' > one.csv; refused 65 one.csv 'can be a key'
printf 'a,a\n1,2\n' > twice.csv; refused 65 twice.csv 'two columns are called `a`'
printf '{"stream":"a","value":{"ts":1}}\n{"stream":"b","value":{"ts":1}}\n' > streams.jsonl; refused 65 streams.jsonl 'split the file'
printf 'Obj\x01xx' > bad.avro; refused 65 bad.avro 'bad.avro'
printf 'PAR1xxxxPAR1' > bad.parquet; refused 65 bad.parquet 'bad.parquet'
refused 66 none.csv 'none.csv'
refused 65 "$0" 'no column is the time of an event'
refused 64 <(cat sim.jsonl) 'wants a file, not a pipe'
mkdir -p folder.csv; refused 66 folder.csv 'folder.csv is a folder'
expect 0 "$weir" -q init --from sim.jsonl kept
[ ! -s out ] && [ ! -s err ] || fail "-q, and yet: $(cat out err)"
expect 73 "$weir" init --from sim.jsonl kept; says err 'overwrites nothing'
echo ok
