# SPDX-License-Identifier: Apache-2.0
weir_fuzz(parquet_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/parquet_fuzz.c LIBS weir_store
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/parquet)
weir_fuzz(rows_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/rows_fuzz.c LIBS weir_ingest
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/rows)
