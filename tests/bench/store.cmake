# SPDX-License-Identifier: Apache-2.0
weir_bench(store_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/store_bench.c LIBS weir_store TINY --keys 2000)
