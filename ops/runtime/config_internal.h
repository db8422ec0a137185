/* SPDX-License-Identifier: Apache-2.0 */
/* config_internal.h - what the reader of weir.yaml and the settings share. */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/config.h"

/* The weakest source first. */
typedef enum weir_config_rank {
    WEIR_RANK_DEFAULT,
    WEIR_RANK_FILE,
    WEIR_RANK_ENVIRONMENT,
    WEIR_RANK_ASSIGNMENT,
} weir_config_rank;

typedef struct weir_config_source {
    weir_config_rank rank;
    const char *origin; /* "weir.yaml:3"; copied */
} weir_config_source;

weir_arena *weir_config_arena(weir_config *config);
weir_error *weir_config_put(weir_config *config, const char *key, const char *text,
                            weir_config_source source);
