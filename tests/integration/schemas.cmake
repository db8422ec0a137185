add_executable(registry_live ${CMAKE_CURRENT_SOURCE_DIR}/registry_live.c)
target_link_libraries(registry_live PRIVATE weir_schemas)
weir_script_test(registry_script COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/registry_test.sh TIMEOUT 180)
