#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Schema resolution against another implementation: fastavro reads the same random evolutions to the same values.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
"$python" "$root/tests/integration/avro_resolve.py" "$WEIR_TEST_BUILD/tests/integration/avro_resolve_live" || fail "fastavro and we differ"
