# SPDX-License-Identifier: Apache-2.0
# Against the embedded broker always; against the broker that WEIR_TEST_BROKERS names, if it does.
set(here ${CMAKE_CURRENT_SOURCE_DIR})
weir_test(kafka_test SOURCES ${here}/kafka_test.c LIBS weir_ingest LABELS integration)
weir_test(driver_test SOURCES ${here}/driver_test.c ${here}/pass_node.c LIBS weir_ingest LABELS integration)
weir_script_test(embedded_script COMMAND bash ${here}/embedded_test.sh TIMEOUT 300)
weir_script_test(refusals COMMAND bash ${here}/refusals_test.sh TIMEOUT 900)
