# SPDX-License-Identifier: Apache-2.0
# The models of docs/examples/fraud-handbook and -rich through the running system.
weir_script_test(handbook_models COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/handbook_models_test.sh TIMEOUT 1500)
