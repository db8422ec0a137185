weir_script_test(random_eval COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/oracle/random_eval.py $<TARGET_FILE:weir> --seeds 1 12 TIMEOUT 120)
weir_script_test(random_expr COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/oracle/random_expr.py $<TARGET_FILE:weir> --seeds 1 20 TIMEOUT 120)
weir_script_test(random_chain COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/oracle/random_chain.py $<TARGET_FILE:weir> --seeds 1 10 TIMEOUT 120)
weir_script_test(prove_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/prove_test.sh TIMEOUT 120)
