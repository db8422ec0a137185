# SPDX-License-Identifier: Apache-2.0
foreach(what loop soak)
  add_executable(${what}_bench ${CMAKE_CURRENT_SOURCE_DIR}/${what}_bench.c ${CMAKE_CURRENT_SOURCE_DIR}/loop_probe.c)
  target_link_libraries(${what}_bench PRIVATE weir_ingest)
endforeach()
foreach(delivery idempotent transactional)
  weir_script_test(loop_bench_${delivery} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/loop_bench.sh --delivery ${delivery} --tiny --floor --replay
    LABELS bench TIMEOUT 300)
  weir_script_test(soak_${delivery} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/soak --delivery ${delivery} --tiny LABELS bench TIMEOUT 300)
endforeach()
weir_script_test(soak_judge COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/soak_judge.py --self-test LABELS bench TIMEOUT 60)
