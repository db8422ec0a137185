weir_fuzz(http_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/http_fuzz.c LIBS weir_serve
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/http)
