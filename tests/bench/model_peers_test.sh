# SPDX-License-Identifier: Apache-2.0
# model_peers_test.sh - the comparison runs tiny, and all engines compute the same.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
"$python" "$root/tests/bench/model_peers" --tiny | tee out
[ "$(grep -c ' ns a row ' out)" -eq 19 ] || fail "nineteen comparisons were expected"
