# SPDX-License-Identifier: Apache-2.0
add_executable(onnxruntime_bench ${CMAKE_CURRENT_SOURCE_DIR}/onnxruntime_bench.c)
target_link_libraries(onnxruntime_bench PRIVATE weir_runtime ${CMAKE_DL_LIBS})
weir_script_test(model_peers COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/model_peers_test.sh LABELS bench TIMEOUT 300)
