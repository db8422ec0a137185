weir_fuzz(model_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/model_fuzz.c LIBS weir_compute
  CORPUS ${CMAKE_SOURCE_DIR}/tests/model/small ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/model MUTATIONS 3000)
