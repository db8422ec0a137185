weir_test(cli_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/cli_test.c LIBS weir_cli)
weir_test(nearest_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/nearest_test.c LIBS weir_runtime)
