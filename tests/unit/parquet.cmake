# SPDX-License-Identifier: Apache-2.0
weir_test(parquet_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/parquet_test.c ${CMAKE_SOURCE_DIR}/tests/parquet/random_table.c
  LIBS weir_store)
weir_test(snapshot_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/snapshot_test.c LIBS weir_store)
