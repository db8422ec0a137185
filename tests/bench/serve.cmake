# SPDX-License-Identifier: Apache-2.0
weir_script_test(serve_bench COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/serve_bench $<TARGET_FILE:weir> --seconds 1 --events 2000 LABELS bench TIMEOUT 120)
weir_script_test(export_bench COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/export_bench --tiny LABELS bench TIMEOUT 180)
