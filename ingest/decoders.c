/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/decoders.h"

#include <stdio.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"

void weir_decoders_init(weir_decoders *decoders, const weir_plan_stream *stream,
                        const weir_schema_source *source)
{
    WEIR_ASSERT(stream != NULL && source != NULL);
    *decoders = (weir_decoders){.stream = stream, .source = source};
}

void weir_decoders_deinit(weir_decoders *decoders)
{
    weir_arena_deinit(&decoders->arena);
    free(decoders->known);
    decoders->known = NULL;
}

static const weir_decoder_entry *cache(weir_decoders *decoders, weir_decoder_entry entry)
{
    weir_decoder_entry *at = &decoders->cached[(uint32_t)entry.id % WEIR_DECODERS_CACHED];
    *at = entry;
    return at;
}

static void keep(weir_decoders *decoders, weir_decoder_entry entry)
{
    if (decoders->known_count == decoders->known_capacity) {
        decoders->known_capacity = decoders->known_capacity == 0 ? 8 : decoders->known_capacity * 2;
        decoders->known =
            realloc(decoders->known, decoders->known_capacity * sizeof *decoders->known);
        WEIR_ASSERT(decoders->known != NULL);
    }
    decoders->known[decoders->known_count++] = entry;
}

/* A schema that does not resolve is a fact about the record, so its message must not depend on
 * anything else. */
static weir_error *compile(weir_decoders *decoders, const weir_schema *writer,
                           weir_decoder_entry *entry)
{
    const weir_plan_stream *stream = decoders->stream;
    weir_error *error =
        weir_decoder_compile(writer, stream->schema, stream->slot_paths, stream->slot_types,
                             stream->slot_count, &decoders->arena, &entry->decoder);
    if (error == NULL) {
        entry->fingerprint = writer->fingerprint;
        return NULL;
    }
    if (weir_error_class_of(error) != WEIR_CLASS_CALLER) return error;
    (void)snprintf(decoders->problem, sizeof decoders->problem, "%s", weir_error_message(error));
    weir_error_free(error);
    entry->decoder = NULL;
    entry->problem = decoders->problem;
    return NULL;
}

weir_error *weir_decoders_resolve(weir_decoders *decoders, int32_t id,
                                  const weir_decoder_entry **entry_out)
{
    for (size_t i = 0; i < decoders->known_count; i++) {
        if (decoders->known[i].id != id) continue;
        *entry_out = cache(decoders, decoders->known[i]);
        return NULL;
    }
    const weir_schema *writer = NULL;
    WEIR_TRY(
        decoders->source->writer(decoders->source->context, decoders->stream->topic, id, &writer));
    weir_decoder_entry entry = {
        .id = id, .is_used = true, .problem = "the registry knows no schema of this id"};
    if (writer != NULL && decoders->known_count < WEIR_DECODERS_MAX) {
        entry.problem = NULL;
        WEIR_TRY(compile(decoders, writer, &entry));
    }
    if (entry.decoder != NULL) keep(decoders, entry);
    *entry_out = cache(decoders, entry);
    if (entry.problem == decoders->problem) {
        /* The text is of the last refusal only: ask again next time rather than show another
         * schema's message. */
        decoders->cached[(uint32_t)id % WEIR_DECODERS_CACHED].is_used = false;
    }
    return NULL;
}
