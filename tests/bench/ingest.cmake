# SPDX-License-Identifier: Apache-2.0
weir_bench(node_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/node_bench.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_ingest TINY --events 2000)
# Engine and state tables without nodes; one driver for both.
set(driver ${CMAKE_CURRENT_SOURCE_DIR}/fold_driver.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c)
weir_bench(window_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/window_bench.c ${driver} LIBS weir_ingest TINY --events 2000 --runs 1)
weir_bench(key_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/key_bench.c ${driver} LIBS weir_ingest m TINY --events 2000 --keys-max 100000)
weir_bench(json_event_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/json_event_bench.c LIBS weir_ingest TINY 1000)
