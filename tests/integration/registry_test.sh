#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The registry's client against a real registry, whose base URL has a path.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
start_registry
"$WEIR_TEST_BUILD/tests/integration/registry_live" "$registry" || fail "the client and the registry disagree"
