# SPDX-License-Identifier: Apache-2.0
weir_bench(node_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/node_bench.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_ingest TINY --events 2000)
