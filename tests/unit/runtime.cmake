weir_test(runtime_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/runtime_test.c LIBS weir_runtime)
