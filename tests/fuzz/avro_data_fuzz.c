/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: a schema, a NUL, a body. What decodes is encoded again and decodes to the same values;
 * reading everything and reading nothing refuse the same bodies, but for bad numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "schemas/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 256 };

static void check_again(const weir_schema *schema, const weir_decoder *decoder,
                        const weir_value *values, weir_arena *arena)
{
    weir_value again[FIELDS_MAX];
    weir_buffer out = {0};
    weir_error *error = weir_schema_encode(schema, values, &out);
    if (error == NULL) { /* a field without a name and default can not be written */
        weir_decode_result result =
            weir_decoder_decode(decoder, (weir_bytes){out.data, out.size}, arena, again);
        if (result.reason != WEIR_DECODE_OK) abort();
        for (size_t i = 0; i < schema->field_count; i++) {
            if (!weir_value_equal(&values[i], &again[i])) abort();
        }
    }
    weir_error_free(error);
    weir_buffer_deinit(&out);
}

static void check(const weir_schema *schema, weir_bytes body, weir_arena *arena)
{
    const weir_decoder *all = NULL, *none = NULL;
    const char *wanted[FIELDS_MAX];
    weir_value values[FIELDS_MAX];
    if (schema->field_count > FIELDS_MAX) return;
    for (size_t i = 0; i < schema->field_count; i++)
        wanted[i] = schema->fields[i].path;
    weir_error *error =
        weir_decoder_compile(schema, schema, wanted, NULL, schema->field_count, arena, &all);
    if (error == NULL) error = weir_decoder_compile(schema, schema, NULL, NULL, 0, arena, &none);
    if (error != NULL) abort();
    weir_decode_result full = weir_decoder_decode(all, body, arena, values);
    weir_decode_result skipped = weir_decoder_decode(none, body, arena, NULL);
    if ((full.reason == WEIR_DECODE_BAD_AVRO) != (skipped.reason == WEIR_DECODE_BAD_AVRO)) abort();
    if (full.reason == WEIR_DECODE_OK) check_again(schema, all, values, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    if (end == NULL) return 0;
    weir_arena arena = {0};
    const weir_schema *schema = NULL;
    weir_error *error =
        weir_schema_parse((const char *)data, (size_t)(end - data), "fuzz", &arena, &schema);
    if (error == NULL)
        check(schema, (weir_bytes){end + 1, size - (size_t)(end + 1 - data)}, &arena);
    weir_error_free(error);
    weir_arena_deinit(&arena);
    return 0;
}
