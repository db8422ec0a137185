# SPDX-License-Identifier: Apache-2.0
weir_fuzz(lang_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/lang_fuzz.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_compute
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/lang)
