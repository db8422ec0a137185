weir_script_test(cli_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/cli_test.sh TIMEOUT 60)
