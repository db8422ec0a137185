weir_script_test(eval_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/eval_test.sh TIMEOUT 300)
