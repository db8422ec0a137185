# SPDX-License-Identifier: Apache-2.0
weir_test(rows_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/rows_test.c LIBS weir_ingest)
