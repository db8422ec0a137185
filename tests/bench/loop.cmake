# SPDX-License-Identifier: Apache-2.0
add_executable(loop_bench ${CMAKE_CURRENT_SOURCE_DIR}/loop_bench.c)
target_link_libraries(loop_bench PRIVATE weir_ingest)
foreach(delivery idempotent transactional)
  weir_script_test(loop_bench_${delivery} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/loop_bench.sh --delivery ${delivery} --tiny
    LABELS bench TIMEOUT 180)
endforeach()
