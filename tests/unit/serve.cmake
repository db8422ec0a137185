weir_test(http_parse_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/http_parse_test.c LIBS weir_serve)
weir_test(http_server_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/http_server_test.c LIBS weir_serve)
weir_test(feast_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/feast_test.c LIBS weir_serve)
weir_test(prove_versions_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/prove_versions_test.c LIBS weir_serve)
