# SPDX-License-Identifier: Apache-2.0
# Fails when PAGE is not what PROGRAM ARGUMENTS prints.
execute_process(COMMAND ${PROGRAM} ${ARGUMENTS} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
file(READ ${PAGE} kept)
if(NOT printed STREQUAL kept)
  string(REPLACE ";" " " arguments "${ARGUMENTS}")
  message(FATAL_ERROR "${PAGE} is out of date: weir ${arguments} > it")
endif()
