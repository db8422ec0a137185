# SPDX-License-Identifier: Apache-2.0
# Clients that are not ours.
weir_script_test(clients_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/clients_test.sh TIMEOUT 300)
weir_script_test(feast_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/feast_test.sh TIMEOUT 900)
