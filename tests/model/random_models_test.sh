#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# random_models_test.sh - some seeds of random_models.py. More: random_models.py build/release/weir --seeds 1000 500.
. "$WEIR_TEST_ROOT/tests/lib/script.sh"
need_python
TMPDIR=$work "$python" "$root/tests/oracle/random_models.py" "$weir" --seeds 1 6
