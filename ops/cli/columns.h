/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns.h - what stands in canonical bytes inside the records that weir writes, for people.
 *
 * The `vector` of a score record and the `values` of a sampled answer are bytes whose names and
 * types only the definitions tell (docs/formats/values.md). Of records that were made under the
 * definitions at hand they are printed by column; of others nothing is.
 *
 * Owns:    decoders, in the arena it was given. Threads: one.
 */
#pragma once

#include "compute/plan.h"
#include "ops/runtime/json.h"
#include "schemas/avro.h"

typedef struct weir_columns weir_columns;

/* score, served: the schemas of the two kinds of records. */
weir_error *weir_columns_create(const weir_plan *plan, const weir_schema *score,
                                const weir_schema *served, weir_arena *into,
                                weir_columns **columns_out);
/* Writes a member "values": {"card_vel_n_1h": 3, ..} if `body`, of that schema, is such a record. */
void weir_columns_write(const weir_columns *columns, const weir_schema *schema, weir_bytes body,
                        weir_arena *scratch, weir_json_writer *writer);
