#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo_stop_test.sh: Ctrl-C in the middle of the demo reaches all that it runs at once; it ends soon, says no error, leaves nothing.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
mkdir tmp
# A child of a script is born deaf to Ctrl-C.
TMPDIR=$work/tmp setsid env --default-signal=INT bash "$root/ops/tools/demo" "$weir" --events 1000000 > out 2> err &
demo=$!
within 60 grep -qE '^    [0-9]+ rows' err
kill -INT -- "-$demo"
code=0; wait "$demo" || code=$?
[ "$code" = 130 ] || { cat err >&2; fail "exit $code"; }
! grep -q error err || { cat err >&2; fail "an error is told"; }
[ -z "$(ls tmp)" ] || fail "left: $(ls tmp)"
left=$(for at in /proc/[0-9]*; do case $(readlink "$at/cwd") in "$work/tmp"*) tr '\0' ' ' < "$at/cmdline" ;; esac done)
[ -z "$left" ] || fail "still there: $left"
echo "as it should be"
