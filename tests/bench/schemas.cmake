weir_bench(avro_decode_bench SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/avro_decode_bench.c LIBS weir_schemas ${AVRO_LIBRARY} TINY 1000)
