weir_fuzz(journal_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/journal_fuzz.c LIBS weir_ingest
  CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/journal)
