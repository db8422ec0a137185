weir_test(ingest_worker_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/ingest_worker_test.c LIBS weir_ingest)
