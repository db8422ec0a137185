#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# versions_test.sh: a journal that holds events of several versions of the definitions. Each folder proves, exports and explains what
# its version did, and says what it leaves out; what was not drained is refused, and can be forced; a version comes into force again;
# a planted score of the new version, and one that names a version that never was, are found.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
check=$root/tests/integration/versions_check.py
export WEIR_KAFKA_FETCH_WAIT_MAX_MS=10 WEIR_ALIGN=24h

# Two versions of one package in folders of their own. Their features do not depend on each other across entities. Where the merchant
# is null, the card is an event's only hop.
mkdir -p v1/schemas
cat > v1/shop.weir <<'W'
package shop
stream tx from kafka("shop.tx") avro("shop.Tx") { time ts  id tx_id  observed by card, merchant  late 2d  future 5m }
features c per card from tx {
  n     = count()      over 1h, 1d
  spend = sum(amount)  over 1d
}
features m per merchant from tx {
  n = count()  over 1d
}
vector v on tx { c.*  m.*  this.amount }
score fraud on tx using model "none" {
  input v
  to kafka("shop.scores") avro("weir.Score")
  decide { stop when score >= 0.9  else pass }
  fallback if c.n[1h] > 3 then 0.9 else 0.1
}
W
cat > v1/schemas/tx.avsc <<'S'
{"type":"record","name":"Tx","namespace":"shop","fields":[
 {"name":"tx_id","type":"long"},
 {"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"card","type":["null","string"],"default":null},
 {"name":"merchant","type":["null","string"],"default":null},
 {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}}]}
S
cp -r v1 v2
sed -i 's/over 1h, 1d/over 1h, 3d/; s/spend = sum(amount)/big   = max(amount)/' v2/shop.weir
"$python" "$check" events 1200 > events.jsonl
produce() { # FOLDER FROM COUNT
    sed -n "$(($2 + 1)),$(($2 + $3))p" events.jsonl > part.jsonl
    expect 0 "$weir" -q -C "$1" produce --stream tx --ingest ts "$work/part.jsonl"
}
run() { expect 0 timeout 60 "$weir" -C "$1" run --until-end --worker-id w0; }
rebuild() { expect 0 "$weir" -C "$1" rebuild --all --from-start; }
proof() { # CODE FOLDER CONDITION
    expect "$1" "$weir" -C "$2" prove -o json
    "$python" "$check" proof out "$3" || fail "$2: the proof says something else"
}
why() { expect "$1" "$weir" -C "$2" why "$3"; }
export_of() { expect 0 "$weir" -C "$1" export --vector v --out "$work/$1/sets/$2" "${@:3}"; }
receipts() { # FOLDER FROM: "one=... two=..." of scores from that offset on whose event had one hop, and two
    expect 0 "$weir" -q -C "$1" tail shop.scores --from start --until-end -o jsonl
    eval "$("$python" "$check" receipts out "$2")"
}

# What a worker of the first version leaves that dies behind its sources and before its folds: a twin makes these journal records.
start_embedded
twin=$brokers
expect 0 "$weir" -q -C v1 apply --partitions 2
produce v1 0 600; run v1
"$python" "$check" ends "$twin" weir.shop.journal.card > ends.json || fail "no ends"
produce v1 600 200; run v1
rm -r v1/state

start_embedded
expect 0 "$weir" -q -C v1 apply --partitions 2
produce v1 0 600; run v1
proof 0 v1 'scores == 600 and other_versions == 0 and in_flight == 0'
export_of v1 before
receipts v1 0; old_one=$one old_two=$two
produce v1 600 200
"$python" "$check" copy "$twin" "$brokers" weir.shop.journal.card ends.json || fail "the records were not copied"

# Not drained: it is told, refused with the cure, and can be forced. Nothing is put in force before.
expect 0 "$weir" -C v2 apply --dry-run
says out '! journal weir.shop.journal.card: '
says out 'not yet taken'
expect 78 "$weir" -C v2 apply
says err '--undrained'
proof 0 v1 'scores == 600 and other_versions == 0'
expect 0 "$weir" -C v2 apply --undrained
expect 78 timeout 60 "$weir" -C v1 run --until-end --worker-id w0
says err 'weir apply'
run v2
produce v2 800 200; run v2
# The new version took what was not drained, too: that is compared as ever, and so is its state.
proof 0 v2 'scores == 400 and other_versions > 600 and in_flight == 0 and states >= 4'
proof 0 v1 'scores == 600 and other_versions > 400 and in_flight == 0 and snapshots == 1'

# Rows as known are this version's; as of and a spine take all events under this version's definitions.
export_of v1 after; says err 'events of other versions of the definitions are left out'
export_of v2 known; says err 'events of other versions of the definitions are left out'
export_of v2 asof --mode as-of --with tx_id
"$python" "$check" spine events.jsonl 1000 > spine.csv
export_of v2 spine --spine "$work/spine.csv"
head -1000 events.jsonl > all.jsonl
expect 0 "$weir" -C v2 eval --vector v --stream tx --events "$work/all.jsonl"
"$python" "$check" exports out v2/sets || fail "an export is not what weir eval says"
# An export of the other version is not a mismatch.
cp -r v1/sets/before v2/sets/of_v1
proof 0 v2 'scores == 400 and snapshots == 3 and skipped >= 1'
proof 0 v1 'snapshots == 2'

# A receipt says whose it is.
for receipt in "$old_one" "$old_two"; do
    why 0 v1 "$receipt"; says out '"c_n_1d"'
    why 78 v2 "$receipt"; says err 'ask in a folder of that version'
    text=$(grep -o 'definitions/[0-9a-f]*.weir' err)
    [ -e "v1/state/$text" ] || fail "no $text"
done
receipts v2 800
for receipt in "$one" "$two"; do why 0 v2 "$receipt"; says out '"c_n_3d"'; why 78 v1 "$receipt"; done

# The old version comes into force again, and the new one again before anybody ran; then the old one, for good.
expect 0 "$weir" -C v1 apply
expect 0 "$weir" -C v2 apply
produce v2 1000 100; run v2
proof 0 v2 'scores == 500 and in_flight == 0'
expect 0 "$weir" -C v1 apply
rebuild v1
produce v1 1100 100; run v1
proof 0 v1 'scores == 700 and in_flight == 0 and snapshots == 2'
proof 0 v2 'scores == 500 and in_flight == 0 and snapshots == 3'

# What must be found: another byte in a score of the new version, a version that never was.
"$python" "$check" plant "$brokers" shop.scores "$one" bit || fail "nothing was planted"
proof 3 v2 'differing == 1 and scores == 500'
proof 0 v1 'scores == 700'
"$python" "$check" plant "$brokers" shop.scores "$two" version || fail "nothing was planted"
proof 3 v2 'unknown == 1 and any("never in force" in text for text in differences)'

# A feature of one entity that depends on another's: what the new version carried can not be folded by the old one, whose folder is
# proved and exported up to there; it does not come into force again.
cp -r v1 chain; rm -r chain/state chain/sets; mv chain/shop.weir chain/chain.weir
sed -i 's/shop/chain/g; s/  n = count()  over 1d/  hot = count() where c.n[1h] > 0  over 1d/' chain/chain.weir
sed -i 's/"shop"/"chain"/' chain/schemas/tx.avsc
cp -r chain plain; sed -i 's/ where c.n\[1h\] > 0//' plain/chain.weir
expect 0 "$weir" -q -C chain apply --partitions 2
produce chain 0 100; run chain
expect 0 "$weir" -q -C plain apply
produce plain 100 100; run plain
proof 0 plain 'scores == 100 and behind == 0'
proof 0 chain 'scores == 100 and behind > 0 and in_flight == 0'
export_of chain known; says err 'can not fold'
proof 0 chain 'snapshots == 1'
expect 0 "$weir" -C chain apply --dry-run; says out '! journal weir.chain.journal.merchant: '
expect 78 "$weir" -C chain apply; says err 'give the package a new name'
proof 0 plain 'scores == 100'

# What another version began at an entity that is not our first lacks what our first would have read: no notice says so, the worker and the
# proof do.
cp -r chain late; rm -r late/state late/sets; mv late/chain.weir late/late.weir
sed -i 's/chain/late/g' late/late.weir; sed -i 's/"chain"/"late"/' late/schemas/tx.avsc
cp -r late early
sed -i 's/observed by card, merchant/observed by merchant/; /^features c/,/^}/d; s/ where c.n\[1h\] > 0//; s/{ c.\*  m.\*/{ m.*/; s/if c.n\[1h\] > 3/if m.hot > 3/' early/late.weir
expect 0 "$weir" -q -C early apply --partitions 2
produce early 0 100; run early
expect 0 "$weir" -q -C late apply
expect 78 timeout 60 "$weir" -C late run --until-end --worker-id w0
says err 'give the package a new name'
expect 78 "$weir" -C late prove
says err 'give the package a new name'

# A version that keeps and carries the same goes on from the state that is there: one more score and a feature by another name, though a
# feature of one entity depends on another's. An export has all events; each folder proves the scores of its own.
cp -r chain base; rm -r base/state base/sets; mv base/chain.weir base/base.weir
sed -i 's/chain/base/g' base/base.weir; sed -i 's/"chain"/"base"/' base/schemas/tx.avsc
cp -r base more; sed -i 's/  n     = /  times = /; s/c\.n\[/c.times[/g' more/base.weir
cat >> more/base.weir <<'W'
score watch on tx using model "none" {
  input v
  to kafka("base.watch") avro("weir.Score")
  fallback if m.hot > 0 then 1.0 else 0.0
}
W
expect 0 "$weir" -q -C base apply --partitions 2
produce base 0 100; run base
expect 0 "$weir" -q -C base tail base.scores --from start --until-end -o jsonl
eval "$("$python" "$check" receipts out 0)"; old_two=$two
expect 0 "$weir" -C more diff; says out '+ score watch'; says err 'workers go on from the state that they have'
expect 0 "$weir" -C more apply; says out 'nothing is folded again'
expect 78 timeout 60 "$weir" -C base run --until-end --worker-id w0; says err 'weir apply'
cp -r base/state more/
produce more 100 100; run more
proof 0 more 'scores == 200 and other_versions == 100 and in_flight == 0 and behind == 0 and states >= 4'
proof 0 base 'scores == 100 and other_versions == 100 and in_flight == 0 and behind == 0'
export_of more known
if grep -qF 'left out' err; then fail "rows of kin are left out"; fi
export_of more asof --mode as-of --with tx_id
head -200 events.jsonl > all.jsonl
expect 0 "$weir" -q -C more eval --vector v --stream tx --events "$work/all.jsonl"
"$python" "$check" whole out more/sets/known || fail "an export over kin is not what weir eval says"
"$python" "$check" whole out more/sets/asof || fail "an export as of over kin is not what weir eval says"
why 0 more "$old_two"; says out '"c_times_1d"'
# Made anew from the journals it is the same, and the other version may come back.
rebuild more; run more
proof 0 more 'scores == 200 and in_flight == 0 and states >= 4'
expect 0 "$weir" -q -C base apply
produce base 200 100; run base
proof 0 base 'scores == 200 and other_versions == 100 and in_flight == 0'
proof 0 more 'scores == 200 and other_versions == 200 and in_flight == 0'

# Versions that visit other entities: three in a row, and the last of them alone. What one began at its first entity, the other has on its
# way; both prove what they sent, the state of each is what it is from the journals' beginning, and as of has all events.
cp -r plain three; rm -rf three/state three/sets; mv three/chain.weir three/row.weir
sed -i 's/chain/row/g; s/observed by card, merchant/observed by card, merchant, tx_id/; s/{ c.\*  m.\*/{ c.*  m.*  t.*/
        s/^vector/features t per tx_id from tx {\n  n = count()  over 1d\n}\nvector/' three/row.weir
sed -i 's/"chain"/"row"/' three/schemas/tx.avsc
cp -r three alone
sed -i 's/observed by card, merchant, tx_id/observed by tx_id/; /^features [cm]/,/^}/d; s/{ c.\*  m.\*  t.\*/{ t.*/; s/if c.n\[1h\] > 3/if t.n > 3/' alone/row.weir
expect 0 "$weir" -q -C three apply --partitions 2
produce three 0 100; run three
expect 0 "$weir" -q -C alone apply
produce alone 100 100; run alone
proof 0 alone 'scores == 100 and other_versions > 0 and behind == 0 and states >= 1'
proof 0 three 'scores == 100 and other_versions > 0 and in_flight == 0'
expect 0 "$weir" -q -C three apply
rebuild three
produce three 200 100; run three
proof 0 three 'scores == 200 and in_flight == 0 and states >= 3'
proof 0 alone 'scores == 100 and in_flight == 0'
export_of three asof --mode as-of --with tx_id
head -300 events.jsonl > all.jsonl
expect 0 "$weir" -q -C three eval --vector v --stream tx --events "$work/all.jsonl"
"$python" "$check" whole out three/sets/asof || fail "an export as of is not what weir eval says"
