# SPDX-License-Identifier: Apache-2.0
# script.sh - what test scripts share. Source it: . "$WEIR_TEST_ROOT/tests/lib/script.sh"
#
#   $weir      the program                $root    the tree
#   $work      a folder of our own, which is where we stand; removed at the end, with every server that we started
#   $brokers   after start_kafka, and after start_embedded, which sets WEIR_BROKERS, too
#   $registry  after start_registry       $redis      after start_redis
#   $python    after need_python
set -u -o pipefail
root=${WEIR_TEST_ROOT:?run by ctest, or set WEIR_TEST_ROOT and WEIR_TEST_PROGRAM}
weir=${WEIR_TEST_PROGRAM:?}
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-test-XXXXXX")
cd "$work" || exit 1
export LC_ALL=C.UTF-8
servers=()
children=()

finish() {
    local code=$? dir pid
    # A child that is told to end before it has become its program still has our traps; what we have is not its to remove.
    [ "$BASHPID" = $$ ] || exit "$code"
    for pid in "${children[@]}"; do kill -KILL "$pid" 2>/dev/null; done
    for dir in "${servers[@]}"; do "$root/ops/tools/${dir%%:*}" stop "${dir#*:}" >/dev/null 2>&1; done
    if [ $code != 0 ] && [ $code != 77 ] && [ -n "${WEIR_TEST_KEEP:-}" ]; then echo "kept: $work" >&2; else rm -rf "$work"; fi
    exit $code
}
# The trap on EXIT comes last. It makes bash catch whatever would end it; a signal's trap that is set after it takes bash's catcher for
# what was there before, and a child on its way to its program gets that back. It only notes the signal, for a moment that never comes:
# a worker that was told to stop right after its start ran on.
trap 'exit 130' INT TERM
trap finish EXIT

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# Where ops/test runs, everything was installed, so what is missing is an error.
missing() {
    if [ -n "${WEIR_TEST_REQUIRE:-}" ]; then fail "$*"; fi
    printf 'skipped: %s\n' "$*" >&2
    exit 77
}

# expect CODE COMMAND...: runs it; stdout and stderr stand in ./out and ./err.
expect() {
    local want=$1 code=0; shift
    "$@" > out 2> err || code=$?
    [ "$code" = "$want" ] || { tail -n 20 out err >&2; fail "exit $code, not $want: $*"; }
}
# unread COMMAND...: whoever reads its output takes a line and goes away (`| head -1`); that is no failure, and nothing is said.
unread() {
    "$@" 2> err | head -1 > out
    local code=${PIPESTATUS[0]}
    [ "$code" = 0 ] && [ -s out ] && [ ! -s err ] || { cat err >&2; fail "exit $code, or words, where the reader went away: $*"; }
}
# says FILE TEXT: the file holds the text.
says() { grep -qF -- "$2" "$1" || { tail -20 "$1" >&2; fail "$1 does not say: $2"; }; }
# within SECONDS COMMAND...: tries until it succeeds. What is waited for on a machine that has other work gets a minute or more.
within() {
    local end=$((SECONDS + $1)); shift
    until "$@" > /dev/null 2>&1; do [ $SECONDS -lt $end ] || fail "in vain: $*"; sleep 0.1; done
}
# says_within SECONDS FILE TEXT: the file will hold the text; what it has instead is shown.
says_within() {
    local end=$((SECONDS + $1))
    until grep -qsF -- "$3" "$2"; do [ $SECONDS -lt $end ] || { tail -20 "$2" >&2; fail "$2 does not say: $3"; }; sleep 0.1; done
}
# checkpoints FOLDER: the complete checkpoints in it, one a line, oldest first; fails if there are none. While a worker runs they come and go.
checkpoints() { find "$1" -maxdepth 1 -regex '.*/[0-9]+' 2>/dev/null | sort -V | grep .; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir
start_kafka() { # [options of ops/tools/kafka]
    [ -d "$cache/kafka-3.9.1" ] || missing "no Apache Kafka; ops/tools/fetch-servers kafka brings it"
    servers+=("kafka:$work/kafka")
    brokers=$("$root/ops/tools/kafka" start "$work/kafka" --owner $$ "$@") || fail "Kafka did not start"
}
start_embedded() { # [options of weir broker]
    rm -f address
    "$weir" -q broker --address-file "$work/address" "$@" > /dev/null 2> broker.log &
    children+=($!)
    within 60 test -s address
    brokers=$(cat address)
    export WEIR_BROKERS=$brokers
}
start_registry() {
    [ -d "$cache/registry-2.5.11.Final" ] || missing "no schema registry; ops/tools/fetch-servers registry brings it"
    servers+=("registry:$work/registry")
    registry=$("$root/ops/tools/registry" start "$work/registry" --owner $$) || fail "the registry did not start"
}
start_redis() { # [--cluster]
    command -v redis-server >/dev/null || missing "no redis-server"
    servers+=("redis:$work/redis")
    redis=$("$root/ops/tools/redis" start "$work/redis" --owner $$ "$@") || fail "Redis did not start"
}
need_python() { # [NAME of ops/tools/python-env]
    if [ -n "${WEIR_TEST_REQUIRE:-}" ] || ls "$cache"/python-*/.whole >/dev/null 2>&1; then
        python=$("$root/ops/tools/python-env" "$@") || fail "no Python environment"
    else
        missing "no Python environment; ops/tools/python-env makes it"
    fi
}
# The handbook's transactions; a test may not fail because they are absent.
handbook=
for dir in "$root/../shared/data" "$root/../../shared/data"; do
    if [ -e "$dir/fraud-handbook/transactions.csv.zst" ]; then handbook=$dir/fraud-handbook; fi
done

# scores_settle PROJECT TOPIC COUNT FILE: reads the score topic into FILE until COUNT different events have their score. A transaction
# that a killed worker left open hides what lies behind it until the broker ends it (transaction.timeout.ms, 30 s, and up to 10 s more);
# whoever is still missing after that is lost, and the caller's comparison says so.
scores_settle() {
    local try seen
    for try in $(seq 14); do
        expect 0 timeout 60 "$weir" -C "$1" tail "$2" --from start --until-end -o jsonl
        cp out "$4"
        seen=$(grep -o '"event_id":"[0-9]*"' "$4" | sort -u | wc -l)
        [ "$seen" -ge "$3" ] && return 0
        echo "try $try: $seen of $3 scores can be read" >&2
        sleep 5
    done
}
