/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/event_avro.h"

#include <string.h>

struct weir_event_avro {
    weir_avro_reader *container;
    const weir_decoder *decoder;
    const weir_decoder *ingest; /* of the field `ingest`; NULL: there is none */
    bool is_same;               /* the writer's bytes are the reader's */
};

static const weir_decoder *compile(const weir_schema *writer, const weir_schema *reader,
                                   const char *const *names, size_t count, weir_arena *into)
{
    const weir_decoder *decoder = NULL;
    weir_error *error = weir_decoder_compile(writer, reader, names, NULL, count, into, &decoder);
    weir_error_free(error);
    return error == NULL ? decoder : NULL;
}

/* The canonical form leaves logical types out; they say how a value is read. */
static bool is_same(const weir_schema *a, const weir_schema *b)
{
    if (a->fingerprint != b->fingerprint || a->field_count != b->field_count) return false;
    for (size_t i = 0; i < a->field_count; i++) {
        const weir_schema_field *x = &a->fields[i], *y = &b->fields[i];
        if (strcmp(x->path, y->path) != 0 || x->unit != y->unit ||
            x->type.optional != y->type.optional || !weir_type_equal(x->type, y->type))
            return false;
    }
    return true;
}

static const weir_decoder *ingest_of(const weir_schema *writer, const weir_schema *reader,
                                     weir_arena *into)
{
    static const char *const name = "ingest";
    const weir_schema_field *field = weir_schema_find(writer, name);
    if (field == NULL || field->type.kind != WEIR_TIME || weir_schema_find(reader, name) != NULL)
        return NULL;
    return compile(writer, writer, &name, 1, into);
}

void weir_event_avro_bind(weir_avro_reader *container, const weir_schema *reader, weir_arena *into,
                          weir_event_avro **avro_out)
{
    *avro_out = NULL;
    const weir_schema *writer = weir_avro_reader_schema(container);
    const char **names = weir_arena_array(into, const char *, reader->field_count);
    for (size_t i = 0; i < reader->field_count; i++)
        names[i] = reader->fields[i].path;
    const weir_decoder *decoder = compile(writer, reader, names, reader->field_count, into);
    if (decoder == NULL) return;
    *avro_out = weir_arena_new(into, weir_event_avro);
    **avro_out = (weir_event_avro){.container = container,
                                   .decoder = decoder,
                                   .ingest = ingest_of(writer, reader, into),
                                   .is_same = is_same(writer, reader)};
}

weir_error *weir_event_avro_next(weir_event_avro *avro, weir_arena *scratch, weir_value *values,
                                 weir_event_avro_record *record_out)
{
    *record_out = (weir_event_avro_record){0};
    weir_bytes body = {0};
    WEIR_TRY(weir_avro_reader_next(avro->container, &body, &record_out->is_end));
    if (record_out->is_end) return NULL;
    record_out->result = weir_decoder_decode(avro->decoder, body, scratch, values);
    if (avro->is_same && record_out->result.nulled_numbers == 0) record_out->body = body;
    weir_value ingest = weir_null();
    if (avro->ingest == NULL) return NULL;
    weir_decode_result result = weir_decoder_decode(avro->ingest, body, scratch, &ingest);
    record_out->has_ingest = result.reason == WEIR_DECODE_OK && !weir_is_null(&ingest);
    if (record_out->has_ingest) record_out->ingest_us = ingest.as.integer;
    return NULL;
}
