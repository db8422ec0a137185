# SPDX-License-Identifier: Apache-2.0
weir_test(decimal_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/decimal_test.c LIBS weir_schemas)
weir_test(value_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/value_test.c LIBS weir_schemas)
weir_test(time_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/time_test.c LIBS weir_schemas)
weir_test(json_value_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/json_value_test.c LIBS weir_schemas)
weir_test(key_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/key_test.c LIBS weir_schemas)
weir_test(avro_schema_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/avro_schema_test.c LIBS weir_schemas)
weir_test(avro_decode_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/avro_decode_test.c LIBS weir_schemas)
weir_test(registry_test SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/registry_test.c LIBS weir_schemas)
