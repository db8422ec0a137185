# SPDX-License-Identifier: Apache-2.0
weir_test(engine_test LIBS weir_compute SOURCES
  ${CMAKE_SOURCE_DIR}/tests/unit/engine_test.c ${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c)
weir_test(expr_test LIBS weir_compute SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/expr_test.c)
