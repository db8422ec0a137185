weir_fuzz(json_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/json_fuzz.c LIBS weir_runtime
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/json)
weir_fuzz(config_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/config_fuzz.c LIBS weir_runtime
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/config)
