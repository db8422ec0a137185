weir_script_test(handbook_kafka COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_kafka_test.sh 1 1 TIMEOUT 900)
