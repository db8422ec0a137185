#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# peers.sh TOOL: runs peers.py in the tests' Python environment; skipped (77) where that was not set up.
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "$WEIR_TEST_REQUIRE" ]; then
    python=$("$here/../../ops/tools/python-env") || exit 1
else
    python=$(ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/weir/python-*/bin/python 2>/dev/null | tail -1)
    [ -n "$python" ] || { echo "no Python environment; run ops/tools/python-env"; exit 77; }
fi
exec "$python" "$here/peers.py" "$1"
