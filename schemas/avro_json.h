/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_json.h - any Avro body as JSON, for people.
 *
 * Decoders hand out only what the definition language can name; `weir tail` shows all of it: nested
 * records, unions, maps. Values are printed by the one convention of docs/reference/json.md; bytes
 * in base64. Bounded like the decoders.
 *
 * Threads: any.
 */
#pragma once

#include "ops/runtime/json.h"
#include "schemas/avro.h"

/* False where the bytes are not one whole body of that schema; what was written so far stays in the
 * writer's buffer. */
bool weir_avro_write_json(const weir_schema *schema, weir_bytes body, weir_json_writer *writer);
