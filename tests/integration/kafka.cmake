# Against the embedded broker always; against a real Apache Kafka where its jars are (WEIR_KAFKA_HOME).
weir_test(kafka_test SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/kafka_test.c LIBS weir_ingest LABELS integration)
