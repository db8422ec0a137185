/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: any text is refused with an error or becomes a schema that resolves with itself and
 * whose canonical form parses to the same fingerprint. */
#include <stdlib.h>

#include "schemas/avro_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const weir_schema *schema, weir_arena *arena)
{
    const weir_decoder *decoder = NULL;
    const weir_schema *again = NULL;
    const char **wanted = weir_arena_array(arena, const char *, schema->field_count);
    for (size_t i = 0; i < schema->field_count; i++)
        wanted[i] = schema->fields[i].path;
    weir_error *error =
        weir_decoder_compile(schema, schema, wanted, NULL, schema->field_count, arena, &decoder);
    if (error != NULL) abort();
    weir_buffer canonical = {0};
    weir_avro_canonical(schema->root, &canonical);
    error =
        weir_schema_parse((const char *)canonical.data, canonical.size, "canonical", arena, &again);
    if (error != NULL || again->fingerprint != schema->fingerprint) abort();
    weir_buffer_deinit(&canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_arena arena = {0};
    const weir_schema *schema = NULL;
    weir_error *error = weir_schema_parse((const char *)data, size, "fuzz", &arena, &schema);
    if (error == NULL) check(schema, &arena);
    weir_error_free(error);
    weir_arena_deinit(&arena);
    return 0;
}
