# SPDX-License-Identifier: Apache-2.0
# What explain says, against what the engine takes.
weir_bench(state_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/state_bench.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_cli TINY --most 100)
