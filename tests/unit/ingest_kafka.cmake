weir_test(packer_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/packer_test.c LIBS weir_ingest)
weir_test(echo_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/echo_test.c LIBS weir_ingest)
weir_test(board_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/board_test.c LIBS weir_ingest)
