weir_script_test(cli_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/cli_test.sh TIMEOUT 300)
weir_script_test(handbook_eval COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_eval_test.sh TIMEOUT 300)
weir_script_test(demo COMMAND bash ${CMAKE_SOURCE_DIR}/ops/tools/demo $<TARGET_FILE:weir> --events 3000 TIMEOUT 300 SERIAL)
weir_script_test(demo_stop COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/demo_stop_test.sh TIMEOUT 120 SERIAL)
