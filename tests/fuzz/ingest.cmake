weir_fuzz(journal_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/journal_fuzz.c LIBS weir_ingest
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/journal)
weir_fuzz(mark_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/mark_fuzz.c LIBS weir_ingest
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/mark)
weir_fuzz(slice_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/slice_fuzz.c LIBS weir_ingest
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/slice)
