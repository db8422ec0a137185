# SPDX-License-Identifier: Apache-2.0
set(LANG_FIXTURE ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c)
weir_test(lang_golden_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/lang_golden_test.c ${LANG_FIXTURE} LIBS weir_compute LABELS golden)
weir_test(lang_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/lang_test.c ${LANG_FIXTURE} LIBS weir_compute)
