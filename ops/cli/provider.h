/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider.h - where the schemas of a running command come from: the registry, or schemas/.
 *
 * With registry_url set, a message's id is looked up there and outputs are registered under
 * "<topic>-value"; a definition's schema comes from schemas/ first, then from the registry by its
 * full name. A schema that weir refuses (another format, a recursive type) is one that it does not
 * know: its messages are dead letters. Without a registry a schema's id is the low 31 bits of its
 * fingerprint, and a message with any other id is read with the schema of its stream, since nobody
 * can have agreed on another.
 *
 * Owns:    the registry's client and the schemas of ids.
 * Threads: any, once the plan is set.
 */
#pragma once

#include "ingest/schema_source.h"
#include "ops/cli/project.h"
#include "ops/runtime/config.h"
#include "schemas/registry.h"

typedef struct weir_provider weir_provider;

weir_error *weir_provider_open(const weir_config *config, weir_provider **provider_out);
void weir_provider_close(weir_provider *provider); /* NULL is fine */
/*
 * Opens the project of this folder with the provider behind its schemas/. Definitions that miss a
 * schema because the registry is away are not wrong: the error is the registry's.
 */
weir_error *weir_provider_open_project(weir_provider *provider, const weir_project_options *options,
                                       weir_project **project_out);
/* What kept the registry from an answer while a project without a plan was opened (allow_no_plan);
 * NULL if nothing did. */
weir_error *weir_provider_take_problem(weir_provider *provider);
/* The plan's streams and the folder's schemas, when there is no registry. */
void weir_provider_set_project(weir_provider *provider, const weir_project *project);
weir_schema_source weir_provider_source(weir_provider *provider);
/* NULL without a registry. */
weir_registry *weir_provider_registry(const weir_provider *provider);
