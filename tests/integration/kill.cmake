# SPDX-License-Identifier: Apache-2.0
# What breaks while events flow over a real Kafka; with WEIR_TEST_LONG=1 each takes the better part of an hour.
foreach(delivery idempotent transactional)
  weir_script_test(kill_${delivery} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/kill_test.sh ${delivery} TIMEOUT 3600
    LABELS "integration;kill")
endforeach()
foreach(fault broker:transactional leader:transactional zombie:transactional clock:idempotent disk:idempotent)
  string(REPLACE ":" ";" words ${fault})
  list(GET words 0 name)
  weir_script_test(kill_${name} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/kill_faults_test.sh ${words} TIMEOUT 3600
    LABELS "integration;kill")
endforeach()
weir_script_test(transactions COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/transactions_test.sh TIMEOUT 300)
