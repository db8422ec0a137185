/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_resolve_live - decodes as it is told, for an oracle in another language.
 *
 * Three lines a case on stdin: the writer's schema, the reader's, the body in hexadecimal. One line
 * a case on stdout: the reader's fields as a JSON object by path, or "schema", "bad_avro",
 * "bad_number".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/avro.h"
#include "schemas/json_value.h"

enum { FIELDS_MAX = 256 };

static size_t read_hex(const char *text, uint8_t *out)
{
    size_t size = 0;
    unsigned byte = 0;
    for (; sscanf(text, "%2x", &byte) == 1; text += 2)
        out[size++] = (uint8_t)byte;
    return size;
}

static void print_fields(const weir_schema *reader, const weir_value *values)
{
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out};
    weir_json_write_begin(&writer, '{');
    for (size_t i = 0; i < reader->field_count; i++) {
        weir_json_write_key(&writer, reader->fields[i].path);
        weir_json_write_value(&writer, reader->fields[i].type, &values[i]);
    }
    weir_json_write_end(&writer, '}');
    printf("%.*s\n", (int)out.size, (const char *)out.data);
    weir_buffer_deinit(&out);
}

static weir_error *decode(char *lines[3], weir_arena *arena)
{
    const weir_schema *writer = NULL, *reader = NULL;
    const weir_decoder *decoder = NULL;
    const char *wanted[FIELDS_MAX];
    weir_value values[FIELDS_MAX];
    WEIR_TRY(weir_schema_parse(lines[0], strlen(lines[0]), "writer", arena, &writer));
    WEIR_TRY(weir_schema_parse(lines[1], strlen(lines[1]), "reader", arena, &reader));
    if (reader->field_count > FIELDS_MAX) return weir_error_new(WEIR_E_LIMIT, "too many fields");
    for (size_t i = 0; i < reader->field_count; i++)
        wanted[i] = reader->fields[i].path;
    WEIR_TRY(
        weir_decoder_compile(writer, reader, wanted, NULL, reader->field_count, arena, &decoder));
    uint8_t *body = weir_arena_alloc(arena, strlen(lines[2]));
    weir_bytes bytes = {body, read_hex(lines[2], body)};
    weir_decode_result result = weir_decoder_decode(decoder, bytes, arena, values);
    if (result.reason == WEIR_DECODE_OK) {
        print_fields(reader, values);
    } else {
        puts(result.reason == WEIR_DECODE_BAD_AVRO ? "bad_avro" : "bad_number");
    }
    return NULL;
}

int main(void)
{
    char *lines[3] = {NULL, NULL, NULL};
    size_t sizes[3] = {0, 0, 0};
    weir_arena arena = {0};
    for (;;) {
        for (int i = 0; i < 3; i++) {
            if (getline(&lines[i], &sizes[i], stdin) < 0) return 0;
            lines[i][strcspn(lines[i], "\n")] = '\0';
        }
        weir_error *error = decode(lines, &arena);
        if (error != NULL) puts("schema");
        weir_error_free(error);
        weir_arena_reset(&arena);
    }
}
