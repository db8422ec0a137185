/* SPDX-License-Identifier: Apache-2.0 */
/* avro_default.h - a field's default, given as JSON in the schema, becomes an Avro body of its
 * type. */
#pragma once

#include "ops/runtime/json_tree.h"
#include "schemas/avro_internal.h"

/* NULL, or what does not fit (static text); then `out` holds a part. */
const char *weir_avro_encode_default(const weir_schema_node *node, const weir_json_node *value,
                                     weir_buffer *out);
