# SPDX-License-Identifier: Apache-2.0
weir_bench(parquet_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/parquet_bench.c LIBS weir_store TINY --rows 3000 --runs 1)
