# SPDX-License-Identifier: Apache-2.0
# Against the embedded broker always; against the broker that WEIR_TEST_BROKERS names, if it does.
set(here ${CMAKE_CURRENT_SOURCE_DIR})
weir_test(kafka_test SOURCES ${here}/kafka_test.c LIBS weir_ingest LABELS integration)
weir_test(driver_test SOURCES ${here}/driver_test.c ${here}/pass_node.c LIBS weir_ingest LABELS integration TIMEOUT 300)
weir_script_test(embedded_script COMMAND bash ${here}/embedded_test.sh TIMEOUT 300)
weir_script_test(refusals COMMAND bash ${here}/refusals_test.sh TIMEOUT 900)

# Threads under ThreadSanitizer (preset tsan): it sees librdkafka's by way of a preloaded library, and is not asked about its inside.
if(CMAKE_C_FLAGS MATCHES "fsanitize=thread")
  add_library(c11_threads SHARED ${CMAKE_SOURCE_DIR}/tests/lib/c11_threads.c)
  target_compile_options(c11_threads PRIVATE -fno-sanitize=thread)
  target_link_options(c11_threads PRIVATE -fno-sanitize=thread)
  target_link_libraries(c11_threads PRIVATE pthread)
  foreach(name kafka_test driver_test)
    add_test(NAME ${WEIR_TEST_PREFIX}${name} COMMAND ${name})
    set_tests_properties(${WEIR_TEST_PREFIX}${name} PROPERTIES TIMEOUT 1000 LABELS integration ENVIRONMENT
      "LD_PRELOAD=$<TARGET_FILE:c11_threads>;TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lib/tsan.supp")
  endforeach()
endif()
weir_script_test(busy_marks COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/busy_marks_test.sh TIMEOUT 120)
