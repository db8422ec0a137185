# SPDX-License-Identifier: Apache-2.0
# compare_test.sh - our answers against onnxruntime, XGBoost, LightGBM and scikit-learn, and ONNX's own cases.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
"$python" "$root/tests/model/make_node_cases.py" cases >/dev/null 2>&1 || fail "ONNX's node cases could not be written"
"$WEIR_TEST_BUILD/tests/model/onnx_case" cases/* > cases.txt || { tail -20 cases.txt; fail "node cases differ"; }
tail -1 cases.txt
TMPDIR=$work "$python" "$root/tests/model/compare_models.py"
