weir_test(ingest_worker_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/ingest_worker_test.c LIBS weir_ingest)
weir_test(nodes_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/nodes_test.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_ingest)
weir_test(binding_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/binding_test.c LIBS weir_ingest)
weir_test(score_record_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/score_record_test.c ${CMAKE_SOURCE_DIR}/tests/unit/lang_fixture.c LIBS weir_ingest)
