/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_source.h - where nodes get writers' schemas from, and the ids under which outputs are
 * framed.
 *
 * Behind it stand the registry's client, or the project's schemas/ folder when no registry is used.
 * Nodes ask once per id and keep the compiled decoder, so a call may be slow.
 *
 * Threads: called on the node's thread.
 */
#pragma once

#include "schemas/avro.h"

typedef struct weir_schema_source {
    void *context;
    /*
     * The writer's schema of a Confluent id, as seen on `topic`. *schema_out NULL: the id is
     * unknown for good (dead letter). An error means that it can not be told now (registry away):
     * the node stops before the record, and the driver tries again. Schemas live as long as the
     * source.
     */
    weir_error *(*writer)(void *context, const char *topic, int32_t id,
                          const weir_schema **schema_out);
    /* The id under which records of that schema are framed on `topic`. */
    weir_error *(*output_id)(void *context, const char *topic, const char *schema_json,
                             int32_t *id_out);
} weir_schema_source;
