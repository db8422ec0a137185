/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - settings, each a row of schemas/config.def.
 *
 * A value is taken from the first of: `--set key=value`, the environment (WEIR_KEY), `weir.yaml`,
 * the row's default. Every value, wherever it comes from, is parsed by its row and held to its
 * bounds before anybody sees it; an unknown key is an error that names the nearest one. Keys
 * "kafka.x.y" are kept for the Kafka client, which checks them itself (WEIR_KAFKA_X_Y in the
 * environment).
 *
 * Owns:    a config owns its values; create and destroy.
 * Threads: constant once loaded; any thread may read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/runtime/error.h"

typedef enum weir_setting {
#define WEIR_SETTING(id, key, kind, initial, least, most, unit, help) WEIR_SETTING_##id,
#include "schemas/config.def"
#undef WEIR_SETTING
    WEIR_SETTING_COUNT
} weir_setting;

typedef enum weir_setting_kind {
    WEIR_KIND_TEXT,
    WEIR_KIND_PATH,
    WEIR_KIND_SECRET,
    WEIR_KIND_INT,
    WEIR_KIND_BOOL,
    WEIR_KIND_BYTES,
    WEIR_KIND_DURATION,
    WEIR_KIND_CHOICE,
} weir_setting_kind;

typedef struct weir_setting_row {
    const char *key;
    weir_setting_kind kind;
    const char *initial; /* the default, as text            */
    int64_t least, most; /* bounds; of the length for texts */
    const char *unit;    /* or the choices, "a|b"           */
    const char *help;
} weir_setting_row;

typedef struct weir_config weir_config;

enum { WEIR_CONFIG_FILE_MAX = 1 << 20, WEIR_CONFIG_EXTRA_MAX = 256 };

weir_config *weir_config_create(void); /* all defaults */
void weir_config_destroy(weir_config *config);

/* The sources, in any order; precedence is by kind of source, not by order of the calls. */
weir_error *weir_config_add_yaml(weir_config *config, const char *name, const void *text,
                                 size_t size);
weir_error *weir_config_add_file(weir_config *config,
                                 const char *path); /* not there: nothing to add */
weir_error *weir_config_add_environment(weir_config *config, const char *const *environment);
weir_error *weir_config_add_assignment(weir_config *config,
                                       const char *assignment); /* "key=value" */
/* A command's own option that stands for a setting, as if by --set. */
weir_error *weir_config_set(weir_config *config, weir_setting setting, const char *value,
                            const char *origin);

/* Reading. The kind must fit the row (asserted). */
const char *weir_config_text(const weir_config *config,
                             weir_setting setting); /* TEXT, PATH, SECRET, CHOICE */
int64_t weir_config_int(const weir_config *config,
                        weir_setting setting); /* INT, BYTES; DURATION in us (forever: INT64_MAX) */
bool weir_config_bool(const weir_config *config, weir_setting setting);
size_t weir_config_choice(const weir_config *config, weir_setting setting); /* index of the word */
/* As it was written, for people; a secret comes back as stars. */
const char *weir_config_written(const weir_config *config, weir_setting setting);
bool weir_config_is_default(const weir_config *config, weir_setting setting);
const char *weir_config_origin(
    const weir_config *config,
    weir_setting setting); /* "default", "weir.yaml:3", "WEIR_X", "--set" */

/* The "kafka." keys, without that prefix. */
size_t weir_config_kafka_count(const weir_config *config);
void weir_config_kafka_at(const weir_config *config, size_t index, const char **key_out,
                          const char **value_out);

/* The tables, for help and documentation. */
const weir_setting_row *weir_setting_row_of(weir_setting setting);
const char *weir_setting_kind_name(weir_setting_kind kind);
void weir_config_print_reference(FILE *to); /* docs/reference/settings.md */

/* "10s", "1min 30s", "250ms", "forever"; "64MiB", "10kB", "1024". False where it is none. */
bool weir_duration_parse(const char *text, int64_t *us_out);
bool weir_bytes_parse(const char *text, int64_t *bytes_out);
