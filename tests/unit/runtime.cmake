weir_test(runtime_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/runtime_test.c LIBS weir_runtime)
weir_test(json_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/json_test.c LIBS weir_runtime)
weir_test(double_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/double_test.c LIBS weir_runtime m)
weir_test(file_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/file_test.c LIBS weir_runtime)
