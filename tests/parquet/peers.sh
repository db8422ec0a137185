#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# peers.sh TOOL: runs peers.py in the tests' Python environment; with WEIR_TEST_LONG=1 that has Spark, too.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
"$python" "$root/tests/parquet/peers.py" "$1"
