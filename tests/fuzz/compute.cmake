# SPDX-License-Identifier: Apache-2.0
weir_fuzz(state_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/state_fuzz.c ${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c
  LIBS weir_compute CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/state)
