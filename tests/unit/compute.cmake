# SPDX-License-Identifier: Apache-2.0
weir_test(engine_test LIBS weir_compute SOURCES
  ${CMAKE_SOURCE_DIR}/tests/unit/engine_test.c ${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c)
weir_test(ids_test LIBS weir_compute SOURCES
  ${CMAKE_SOURCE_DIR}/tests/unit/ids_test.c ${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c)
weir_test(expr_test LIBS weir_compute SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/expr_test.c)
weir_test(rules_test LIBS weir_compute SOURCES
  ${CMAKE_SOURCE_DIR}/tests/unit/rules_test.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c)
add_executable(fold_bench ${CMAKE_SOURCE_DIR}/tests/bench/fold_bench.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c)
target_link_libraries(fold_bench PRIVATE weir_compute)
if(NOT WEIR_TEST_PREFIX)
  add_test(NAME fold_bench COMMAND fold_bench --events 2000 --keys 50 --runs 1)
  set_tests_properties(fold_bench PROPERTIES LABELS bench TIMEOUT 120)
endif()
weir_test(agg_laws_test LIBS weir_compute SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agg_laws_test.c)
