weir_test(shard_store_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/shard_store_test.c LIBS weir_store)
