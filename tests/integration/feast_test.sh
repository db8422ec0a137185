#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Feast's own client asks `weir serve`, with WEIR_TEST_LONG=1: it brings half a gigabyte of packages that want an environment of their own.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
[ -n "${WEIR_TEST_LONG:-}" ] || { echo "skipped: Feast's client is asked in the long run, WEIR_TEST_LONG=1" >&2; exit 77; }
need_python feast
start_embedded
expect 0 "$weir" -q init project
expect 0 "$weir" -q -C project apply
"$python" "$root/tests/integration/feast_client.py" events > events.jsonl || fail "no events"
expect 0 "$weir" -q -C project produce --stream tx --ingest time "$work/events.jsonl"
expect 0 "$weir" -q -C project run --until-end
"$weir" -C project --set listen=127.0.0.1:0 serve 2> serve.log & server=$!
children+=("$server")
says_within 60 serve.log 'listening on port'
listen=127.0.0.1:$(sed -n 's/.*listening on port \([0-9]*\).*/\1/p' serve.log)
within 60 curl -fsS "http://$listen/readyz"
"$python" "$root/tests/integration/feast_client.py" ask "$weir" "$listen" "$work" || fail "Feast's client"
echo "Feast's client gets what weir lookup says"
