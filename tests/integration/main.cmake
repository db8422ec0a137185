weir_script_test(handbook_kafka COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_kafka_test.sh 1 1 TIMEOUT 900)
weir_script_test(handbook_kafka_two COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_kafka_test.sh 2 2 TIMEOUT 900)
weir_script_test(handbook_kafka_moving COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_kafka_test.sh 2 2 moving TIMEOUT 900)
weir_script_test(mutated_messages COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/mutated_messages_test.sh TIMEOUT 600)
