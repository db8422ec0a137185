/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_from.h - a project around a file of events: weir init --from.
 *
 * The schema is guessed (guess.h), then the roles: which column is the time of an event, which one
 * tells events apart, which one they are counted by. What was chosen, what was left out and why is
 * told on stderr, and stands in the definition as comments.
 *
 * Owns:    nothing; texts live in the command's arena. Threads: main thread.
 */
#pragma once

#include "ops/cli/cli.h"
#include "ops/runtime/buffer.h"

typedef struct weir_init_texts {
    const char *definition_path, *schema_path; /* "events.weir", "schemas/events.Event.avsc" */
    weir_buffer definition, schema;
} weir_init_texts;

/* The caller frees the buffers (weir_buffer_deinit), also after an error. */
weir_error *weir_init_from(weir_cli *cli, const char *file, weir_init_texts *texts_out);
