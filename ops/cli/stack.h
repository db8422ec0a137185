/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack.h - what a command that talks to Kafka stands on: project, settings, topics, schemas,
 * models.
 *
 * Opened once by the commands run, apply, export, prove, why, serve, ...; the parts point into each
 * other, so the stack is opened and closed whole. Schemas come from provider.h.
 *
 * Owns: everything it holds. Threads: main thread; the parts say for themselves.
 */
#pragma once

#include "ingest/kafka.h"
#include "ingest/schema_source.h"
#include "ingest/topics.h"
#include "ops/cli/cli.h"
#include "ops/cli/project.h"
#include "ops/cli/provider.h"
#include "ops/runtime/config.h"

typedef struct weir_stack {
    weir_config *config;
    weir_provider *provider;
    weir_project *project;
    const weir_plan *plan;
    weir_topics *topics;
    weir_kafka_options kafka;
    weir_schema_source schemas;
    const weir_model **models; /* one per score of the plan; NULL: no file, the fallback answers */
    const char *group;         /* consumer group of the package */
    weir_buffer archived;      /* models of the archive that were asked for */
    weir_arena arena;
} weir_stack;

/* Opens it all but the models. Prints diagnostics of the definitions. */
weir_error *weir_stack_open(weir_cli *cli, weir_stack *stack_out);
/* Loads models/ for the scores. A missing file is an error unless the score has a fallback; then it
 * is noted. */
weir_error *weir_stack_load_models(weir_cli *cli, weir_stack *stack);
/* The models that `weir apply` kept by digest (state_dir/models), for proofs of older scores: the
 * `find` of a weir_model_archive whose context is the stack. */
weir_error *weir_stack_find_model(void *stack, const uint8_t digest[WEIR_DIGEST_BYTES],
                                  const char *profile, const weir_model **model_out);
void weir_stack_close(weir_stack *stack);
