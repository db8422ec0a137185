#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program as scripts see it: exit codes, where words go, what is installed.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1

# Exit codes and streams.
expect 0 "$weir" --version; says out 'weir '
expect 0 "$weir" --help; says out 'Usage: weir COMMAND'
expect 64 "$weir"
expect 64 "$weir" hlep; says err 'error[E0001]: there is no command `hlep`; did you mean `help`?'
expect 64 "$weir" settings --set nonsense; says err '--set wants key=value'
expect 78 "$weir" settings --set brokrs=x; says err 'did you mean `brokers`?'
expect 78 "$weir" check --set brokrs=x; says err 'did you mean `brokers`?' # in any command, before the folder is looked at
expect 66 "$weir" -C /no/such/folder settings; says err 'can not be entered'
expect 74 sh -c "'$weir' help > /dev/full"
expect 74 sh -c "'$weir' simulate -n 100000 > /dev/full"
expect 64 "$weir" help zzzzzzzz; says err 'there is no command `zzzzzzzz`; `weir help` lists them'
expect 64 "$weir" man hlep; says err 'did you mean `help`?'
"$weir" broker > address 2> /dev/null & children+=($!)
within 60 test -s address # a bug of ours, also one of a library, is a code of its own
kill -ABRT $!; code=0; wait $! || code=$?; [ $code = 70 ] || fail "a bug exits with $code"
expect 74 timeout 60 sh -c "'$weir' broker > /dev/full"
for line in "--help" "--version" "help run" "settings --reference"; do
    { sleep 0.3; "$weir" $line 2> err; echo $? > code; } | true
    [ "$(cat code)" = 0 ] && [ ! -s err ] || { cat err >&2; fail "weir $line without a reader exits with $(cat code)"; }
done
for page in $("$weir" help | awk '/^  [a-z]/ { print $1 }'); do
    expect 0 "$weir" $page --help; says out "Usage: weir $page"; ! grep 'again.*again\|repeated' out || fail "weir $page --help says it twice"
done
expect 0 "$weir" settings --reference
if grep -q "$(printf '\033')" err; then fail "colour in a pipe"; fi

# What is quoted in a message may be anything; the message is text, and tells a terminal nothing.
is_text() { iconv -f UTF-8 -t UTF-8 "$1" > /dev/null || fail "$1 is no UTF-8"; ! grep -q "$(printf '[\033\007]')" "$1" || fail "$1 has control characters"; }
mkdir bytes && printf 'package p\377\033[31m\200 x\n' > bytes/a.weir
expect 65 "$weir" -C bytes check; is_text err; says err '1 | package p??[31m? x'; says err '  |          ^'
expect 65 "$weir" -C bytes check -o csv; says out 'code,severity,file,line,column,length,message,help'; says out 'E0101,error,a.weir,1,10,'
expect 65 "$weir" -C bytes check -o jsonl; says out '"file":"a.weir","line":1,"column":10,'
expect 64 "$weir" "$(printf 'a\377\033')"; is_text err; says err 'there is no command `a??`'
expect 0 "$weir" -q init quoting; printf '{"stream":"\\u001b[31m","value":{}}\n' > odd.jsonl
expect 0 "$weir" -C quoting eval --events "$PWD/odd.jsonl"; is_text err; says err 'there is no stream `?[31m`'

# Settings come from the file of the folder that -C names, the environment before it, the flag before that.
mkdir project && printf 'align: 3min\nthreads: 2\nlog_level: warn\n' > project/weir.yaml
expect 0 env WEIR_THREADS=3 "$weir" -C project settings -o json --set align=4min
need_python
"$python" - out <<'P' || fail "settings -o json"
import json, sys
s = json.load(open(sys.argv[1]))
assert s["align"] == {"value": "4min", "origin": "--set"}, s["align"]
assert s["threads"] == {"value": "3", "origin": "WEIR_THREADS"}, s["threads"]
assert s["log_level"] == {"value": "warn", "origin": "weir.yaml:3"}, s["log_level"]
P
expect 0 env WEIR_BIN=weir "$weir" -C project settings; says err 'environment_ignored name=WEIR_BIN'
expect 78 env WEIR_BROKRS=x "$weir" -C project settings; says err 'did you mean `brokers`?'
expect 0 "$weir" -C project settings -o csv; says out 'align,3min,weir.yaml:1'
expect 0 "$weir" -C project settings -o jsonl; says out '{"setting":"align","value":"3min","origin":"weir.yaml:1"}'
printf 'a: [' > project/weir.yaml
expect 78 "$weir" -C project settings; says err 'weir.yaml:2:1'

# What changes between two folders, by digest: names, versions, renames, and the state that is made anew; comments change nothing.
expect 0 "$weir" -q init old; cp -r old new; cp -r old same
sed -i 's/^  shops /  stores /; s/{n, spend, shops/{n, spend, stores/; s/over last 10/over last 12/
        s/^  small .*/  large = max(amount) over 9d/; s/small, hot/hot/' new/card.weir
sed -i 's|^// .*|// Another comment.|' same/card.weir
expect 0 "$weir" diff old new
says out '+ feature shop_risk_large'; says out '- feature shop_risk_small'; says out '~ feature card_vel_refused ('
says out '= feature card_vel_stores (was card_vel_shops; it means the same)'; says out '~ vector card_fraud ('
says err 'view of shop_risk, per merchant: new; about'; says err '2 views are no longer needed'
says err 'rebuild --all --from-start'
cp -r old renamed; sed -i 's/^  shops /  stores /; s/{n, spend, shops/{n, spend, stores/' renamed/card.weir
expect 0 "$weir" diff old renamed; says out '= feature card_vel_stores'; says err 'workers go on from the state that they have'
expect 1 "$weir" -C new diff --exit-code -o csv "$PWD/old"; says out 'renamed,feature,card_vel_stores,card_vel_shops,'
expect 0 "$weir" diff -o json same new; says out '"change": "added"'
expect 0 "$weir" diff --exit-code old same; says err 'nothing changes'; [ ! -s out ] || fail "a comment is a change: $(cat out)"
# A model's file is part of it.
cp -r old swapped
echo >> swapped/models/card_fraud.onnx
was=$(sha256sum old/models/card_fraud.onnx | cut -c1-16) is=$(sha256sum swapped/models/card_fraud.onnx | cut -c1-16)
expect 1 "$weir" diff --exit-code old swapped; says out "~ model card_fraud ($is, was $was)"
says err 'model card_fraud: `weir apply` puts the new file in force'; says err 'workers go on from the state that they have'
mv swapped/models/card_fraud.onnx swapped/models/other.onnx; cp old/models/card_fraud.onnx swapped/models/more.onnx
expect 0 "$weir" diff old swapped; says out "- model card_fraud ($was)"; says err 'its file is gone'
expect 0 "$weir" diff -o csv swapped old; says out "added,model,card_fraud,,,$was"
sed -i 's/using model "card_fraud"/using model "more"/' swapped/card.weir
expect 0 "$weir" diff old swapped; says out '= model more (was card_fraud; it means the same)'; says err 'model more: `weir apply` puts it in force'
cp old/models/card_fraud.onnx swapped/models/more.json; expect 65 "$weir" diff old swapped; says err 'could be model `more`; remove one'
expect 64 "$weir" -C old run --threads 0; says err '--threads is `0`, wants a whole number from 1 to 256'
expect 66 "$weir" diff old nowhere; says err 'nowhere'
mkdir empty; expect 65 "$weir" diff old empty; says err 'no definitions'

# Settings that are wrong are told by whatever reads the folder, and by every command that talks to Kafka where Kafka's are.
cp -r old unset; echo 'threads: 0' > unset/weir.yaml
for words in check test plan sql explain "eval --events $PWD/odd.jsonl" topics; do expect 78 "$weir" -C unset $words; says err 'weir.yaml:1:1: threads is 0, wants 1 to 256'; done
expect 0 "$weir" -C unset explain E0026; expect 0 "$weir" -C unset fmt --check
expect 78 "$weir" -C old topics --set brokers=127.0.0.1:9 --set kafka.enable.idempotence=false; says err 'exactness depends on it'
expect 78 "$weir" -C old topics --set kafka.bootstrap.servers=127.0.0.1:9; says err 'set `brokers`'

# Schemas that are not in the folder come from the registry, for every command; one that is away is no mistake of the definitions.
cp -r old afar && rm -r afar/schemas && echo 'registry_url: http://127.0.0.1:9' > afar/weir.yaml
for words in check test plan sql explain "eval --events $PWD/odd.jsonl"; do expect 69 "$weir" -C afar $words; says err 'error[E0010]: asking the schema registry'; done
expect 65 env WEIR_REGISTRY_URL= "$weir" -C afar check; says err 'no file in schemas/ declares `pay.Tx`'
expect 78 "$weir" -C afar check --set registry_url=registry; says err 'it wants http://'

# A model is bound to its vector wherever it is loaded; one that is not there yet is a note, since it is still to be trained.
cp -r old fits; expect 0 "$weir" -C fits check; says err '1 stream, '; says err '1 score, '
mv fits/models fits/nets; expect 0 "$weir" -C fits check; says err 'score fraud: there is no model `card_fraud` in models/'
expect 0 "$weir" -C fits --set models_dir=nets check; ! grep -q 'no model' err || fail "models_dir is not looked at: $(cat err)"
expect 0 "$weir" -C fits --set models_dir=nets model show card_fraud; says out 'onnx'
expect 66 "$weir" -C fits model show card_fraud; says err 'no folder models/'
sed -i '/^  hour  *= hour/d' fits/card.weir
expect 65 "$weir" -C fits --set models_dir=nets check; says err 'error[E0005]: score `fraud`'

# What explain tells of one thing it tells programs, too.
expect 0 "$weir" -C old explain card_vel -o json; cp out group.json; expect 0 "$weir" -C old explain card_vel_n_1h -o json; cp out one.json
expect 0 "$weir" -C old explain -o json; cp out all.json; expect 64 "$weir" -C old explain nothing -o json; [ ! -s out ] || fail "explain: $(cat out)"
expect 0 "$weir" explain e0213 -o json; cp out code.json; expect 0 "$weir" explain --codes -o json; cp out codes.json
"$python" - <<'P' || fail "explain -o json"
import json
group, one, whole, code, codes = (json.load(open(f"{n}.json")) for n in ("group", "one", "all", "code", "codes"))
assert [f for f in whole["features"] if f["group"] == "card_vel"] == group["features"] and not group["streams"] and group["views"]
assert [f["column"] for f in one["features"]] == ["card_vel_n_1h"] and not one["views"]
assert whole["streams"] and whole["scores"], whole
assert code["code"] == "E0213" and code["summary"] in [c["summary"] for c in codes], code
P

# Tests of definitions in every form, and a failure's exit code.
expect 0 "$weir" -C old test -o jsonl; says out '"passed":true,"message":'
expect 0 "$weir" -C old test -o csv; says out 'file,line,name,passed,message'
expect 0 "$weir" -C old test -o table; says out 'card.weir  '
sed -i 's/expect card_vel.here = 1/expect card_vel.here = 2/' new/card.weir; expect 1 "$weir" -C new test; says out FAIL
expect 64 "$weir" -C old test -o parquet; says err 'can not print parquet; it can print text'

# The layout is made in place: a link stays one, who may read stays, and what could not be written was not.
mkdir laid && printf 'package   x\n' > laid/real && chmod 640 laid/real && ln -s real laid/a.weir
expect 1 "$weir" -C laid fmt --check; says out a.weir
expect 0 "$weir" -C laid fmt; says err 'formatted a.weir'
[ -L laid/a.weir ] && [ "$(cat laid/real)" = 'package x' ] && [ "$(stat -c %a laid/real)" = 640 ] || fail "fmt: $(ls -l laid)"
if [ "$(id -u)" = 0 ]; then as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups); chmod 755 "$work"; else as_nobody=(); chmod 500 laid; fi
printf 'package   x\n' > laid/real; chmod 644 laid/real
expect 77 "${as_nobody[@]}" "$weir" -C "$work/laid" fmt; ! grep formatted err || fail "fmt claims what it could not write"
chmod 755 laid

# The compiled plan, for people and for programs.
expect 0 "$weir" -C old plan
says out '  name tx  topic pay.tx  schema pay.Tx  time ts  id tx_id'; says out 'feature card_vel_burst  type float64  is divide.exact(cell '
"$weir" -C old plan -o json > plan.json
"$python" - plan.json <<'P' || fail "plan -o json"
import json, sys
plan = json.load(open(sys.argv[1]))
assert plan["package"] == "card" and len(plan["digest"]) == 64
assert [h["entity"] for h in plan["streams"][0]["hops"]] == ["card", "merchant"]
cells = {c["cell"]: c for c in plan["cells"]}
assert all(i in cells for h in plan["streams"][0]["hops"] for i in h["cells"])
hot = next(f for f in plan["features"] if f["column"] == "shop_risk_hot")
cell = cells[int(hot["is"].split()[1])]
assert cell["aggregate"] == "count" and cell["over"] == "1d" and cell["where"] == "greater.integer(card_vel.n[1h], 3)", cell
P

# Completions are scripts that their shells read; manual pages have no mistakes.
"$weir" completion bash > weir.bash && bash -n weir.bash || fail "bash completion"
bash -c '. ./weir.bash; COMP_WORDS=(weir setti); COMP_CWORD=1; _weir; [ "${COMPREPLY[*]}" = settings ]' || fail "bash completes nothing"
bash -c '. ./weir.bash; COMP_WORDS=(weir settings --ref); COMP_CWORD=2; _weir; [ "${COMPREPLY[*]}" = --reference ]' ||
    fail "bash completes no option"
for shell in zsh fish; do
    expect 0 "$weir" completion $shell
    if command -v $shell >/dev/null; then $shell -n out || fail "$shell completion"; fi
done
mkdir man && expect 0 "$weir" man --out man
for page in man/*.1; do
    if command -v man >/dev/null; then
        man --warnings=all -l "$page" > /dev/null 2> warnings || fail "man $page"
        [ ! -s warnings ] || { cat warnings >&2; fail "man $page has warnings"; }
    fi
done

# What is installed runs from where it is.
expect 0 cmake --install "$WEIR_TEST_BUILD" --prefix "$work/prefix"
expect 0 prefix/bin/weir --version
[ -s prefix/share/man/man1/weir.1 ] && [ -s prefix/share/bash-completion/completions/weir ] || fail "pages or completions are not installed"
for name in score dead_letter served; do
    cmp "prefix/share/weir/schemas/$name.avsc" "$root/schemas/$name.avsc" || fail "the schema of our $name topic is not installed"
done

# Whoever reads rows may have enough of them, whichever write it is that finds this out.
unread "$weir" simulate -n 100000
"$weir" simulate -n 20000 > plain.jsonl
sed 's/.*/{"stream":"tx","value":&}/' plain.jsonl > events.jsonl
unread "$weir" -q -C same eval --vector card_fraud --events "$PWD/events.jsonl"
"$weir" -q -C same eval --vector card_fraud --events "$PWD/events.jsonl" -o csv | cut -d, -f5-27 | sed 's/true/1/; s/false/0/' > rows.csv
unread "$weir" -C same model run models/card_fraud.onnx --input "$PWD/rows.csv"
# Asked to stop while its reader is slow, it ends with a whole row.
mkfifo rows
"$weir" simulate -n 10000000 > rows 2> err &
children+=($!)
exec 9< rows
within 60 grep -q '^State:.S' "/proc/$!/status"
kill -INT $!
cat <&9 > out; exec 9<&-
wait $! || fail "an interrupted simulate exits with $?"
[ ! -s err ] && [[ $(tail -c 2 out) = '}' ]] || { cat err >&2; fail "an interrupted simulate ends with $(tail -n 1 out)"; }
start_embedded
expect 0 "$weir" -C same apply --dry-run; says out '+ topic pay.tx: 4 partitions'
expect 0 "$weir" -C same apply --dry-run -o jsonl; says out '{"change":"new","what":"topic fraud.scores","text":"4 partitions, 1 copies'
expect 0 "$weir" -C same apply --dry-run --partitions 7; says err 'the embedded broker takes no --partitions'
# What is announced is what is made.
expect 0 "$weir" -q -C same apply; sed -n 's/^[+] \(topic .* partitions\).*/\1/p' out > announced
expect 0 "$weir" -q -C same apply; sed -n 's/^= \(topic .* partitions\).*/\1/p' out > made
[ -s made ] && cmp announced made || fail "announced: $(cat announced); made: $(cat made)"
expect 0 "$weir" -C same apply -o csv; says out 'same,topic pay.tx,4 partitions'; says out 'same,definition/card,'; says err 'nothing to do'
expect 0 "$weir" -q -C same produce --stream tx "$PWD/plain.jsonl"
unread "$weir" -q -C same tail pay.tx --from start --until-end
echo "as it should be"
