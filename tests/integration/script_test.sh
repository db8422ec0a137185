#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# script_test.sh: a child of a script that is told to end before it has become its program ends.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
slow=1
for _ in {1..21}; do slow+=+$slow; done # to add this up takes bash some tenths of a second
for try in 1 2 3; do
    rm -f begun
    sleep 10 > begun 2> "err$((0 * ($slow)))" &
    until [ -e begun ]; do :; done
    kill -TERM $!
    code=0; wait $! || code=$?
    [ $code = 143 ] || fail "try $try: told to end, it ended with $code"
done
echo "as it should be"
