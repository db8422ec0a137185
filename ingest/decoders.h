/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decoders.h - the decoders of one stream, one per writer's schema id.
 *
 * Compiled at the first event of an id and kept. Ids that are unknown or do not resolve are
 * remembered in a small direct-mapped cache only, so that hostile ids can not fill memory.
 *
 * Owns: decoders, in an arena. Threads: one.
 */
#pragma once

#include "compute/plan.h"
#include "ingest/schema_source.h"

typedef struct weir_decoder_entry {
    int32_t id;
    bool is_used;
    const weir_decoder *decoder; /* NULL: refused */
    const char *problem;         /* why; NULL with a decoder. Static or in the arena */
    uint64_t fingerprint;
} weir_decoder_entry;

enum { WEIR_DECODERS_CACHED = 64, WEIR_DECODERS_MAX = 4096 };

typedef struct weir_decoders {
    const weir_plan_stream *stream;
    const weir_schema_source *source;
    weir_arena arena;
    weir_decoder_entry cached[WEIR_DECODERS_CACHED];
    weir_decoder_entry *known; /* those that resolve */
    size_t known_count, known_capacity;
    char problem[256]; /* of the last refusal */
} weir_decoders;

void weir_decoders_init(weir_decoders *decoders, const weir_plan_stream *stream,
                        const weir_schema_source *source);
void weir_decoders_deinit(weir_decoders *decoders);

/* The slow path: asks the source. An error means "can not be told now". */
weir_error *weir_decoders_resolve(weir_decoders *decoders, int32_t id,
                                  const weir_decoder_entry **entry_out);

static inline weir_error *weir_decoders_find(weir_decoders *decoders, int32_t id,
                                             const weir_decoder_entry **entry_out)
{
    weir_decoder_entry *entry = &decoders->cached[(uint32_t)id % WEIR_DECODERS_CACHED];
    if (__builtin_expect(!entry->is_used || entry->id != id, 0))
        return weir_decoders_resolve(decoders, id, entry_out);
    *entry_out = entry;
    return NULL;
}
