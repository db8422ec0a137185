/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir.yaml: one mapping of keys to scalars. A nested mapping joins its keys by dots, a list its
 * items by commas:
 *
 *     brokers: [a:9092, b:9092]          brokers = a:9092,b:9092
 *     kafka:
 *       security.protocol: SSL           kafka.security.protocol = SSL
 *
 * The events of libyaml are walked by a small recursive reader with a depth limit; anchors, tags of
 * other types and a second document are refused, and so is a key that stands twice.
 */
#include <string.h>

#include <yaml.h>

#include "ops/runtime/config_internal.h"

enum { DEPTH_MAX = 8, KEY_BYTES_MAX = 512, VALUE_BYTES_MAX = 64 * 1024, KEYS_MAX = 1024 };

typedef struct yaml_reader {
    weir_config *config;
    const char *name;
    yaml_parser_t parser;
    yaml_event_t event;
    weir_arena scratch;
    const char *seen[KEYS_MAX];
    size_t seen_count;
} yaml_reader;

static weir_error *fail_at(const yaml_reader *reader, const yaml_mark_t *mark, const char *problem)
{
    return weir_error_new(WEIR_E_SETTINGS, "%s:%zu:%zu: %s", reader->name, mark->line + 1,
                          mark->column + 1, problem);
}

static weir_error *fail(const yaml_reader *reader, const char *problem)
{
    return fail_at(reader, &reader->event.start_mark, problem);
}

static weir_error *next(yaml_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event)) return NULL;
    const char *problem =
        reader->parser.problem == NULL ? "this is not YAML" : reader->parser.problem;
    memset(&reader->event, 0, sizeof reader->event);
    const yaml_mark_t *mark = reader->parser.error == YAML_READER_ERROR
                                  ? &reader->parser.mark
                                  : &reader->parser.problem_mark;
    return fail_at(reader, mark, problem);
}

static weir_error *scalar_text(yaml_reader *reader, const char **text_out)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    if (length > VALUE_BYTES_MAX) return fail(reader, "the value is longer than 65536 bytes");
    if (memchr(text, '\0', length) != NULL) return fail(reader, "the value holds a zero byte");
    *text_out = weir_arena_string(&reader->scratch, text, length);
    return NULL;
}

static weir_error *put(yaml_reader *reader, const char *key, const char *text,
                       const yaml_mark_t *mark)
{
    for (size_t i = 0; i < reader->seen_count; i++)
        if (strcmp(reader->seen[i], key) == 0)
            return fail_at(reader, mark, "this key stands twice");
    if (reader->seen_count == KEYS_MAX) return fail_at(reader, mark, "more than 1024 keys");
    reader->seen[reader->seen_count++] = key;
    const char *origin =
        weir_arena_printf(&reader->scratch, "%s:%zu", reader->name, mark->line + 1);
    weir_error *error =
        weir_config_put(reader->config, key, text, (weir_config_source){WEIR_RANK_FILE, origin});
    return weir_error_while(error, "%s:%zu:%zu", reader->name, mark->line + 1, mark->column + 1);
}

/* The list has begun; its items are joined by commas. */
static weir_error *read_list(yaml_reader *reader, const char **text_out)
{
    const char *joined = "";
    for (;;) {
        WEIR_TRY(next(reader));
        if (reader->event.type == YAML_SEQUENCE_END_EVENT) break;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail(reader, "a list may hold plain values only");
        const char *item = NULL;
        WEIR_TRY(scalar_text(reader, &item));
        if (strlen(joined) + strlen(item) > VALUE_BYTES_MAX)
            return fail(reader, "the list is too long");
        joined =
            weir_arena_printf(&reader->scratch, "%s%s%s", joined, *joined == '\0' ? "" : ",", item);
    }
    *text_out = joined;
    return NULL;
}

static weir_error *read_map(yaml_reader *reader, const char *prefix, unsigned depth);

static weir_error *read_value(yaml_reader *reader, const char *key, yaml_mark_t mark,
                              unsigned depth)
{
    const char *text = NULL;
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        WEIR_TRY(scalar_text(reader, &text));
        return put(reader, key, text, &mark);
    case YAML_SEQUENCE_START_EVENT:
        WEIR_TRY(read_list(reader, &text));
        return put(reader, key, text, &mark);
    case YAML_MAPPING_START_EVENT:
        return read_map(reader, weir_arena_printf(&reader->scratch, "%s.", key), depth + 1);
    case YAML_ALIAS_EVENT: return fail(reader, "aliases are not supported; write the value out");
    default: return fail(reader, "wants a value");
    }
}

/* The mapping has begun. */
static weir_error *read_map(yaml_reader *reader, const char *prefix, unsigned depth)
{
    if (depth > DEPTH_MAX) return fail(reader, "nested too deep");
    for (;;) {
        WEIR_TRY(next(reader));
        if (reader->event.type == YAML_MAPPING_END_EVENT) break;
        if (reader->event.type != YAML_SCALAR_EVENT) return fail(reader, "wants a key");
        yaml_mark_t mark = reader->event.start_mark;
        const char *name = NULL;
        WEIR_TRY(scalar_text(reader, &name));
        if (strlen(prefix) + strlen(name) > KEY_BYTES_MAX)
            return fail(reader, "the key is too long");
        const char *key = weir_arena_printf(&reader->scratch, "%s%s", prefix, name);
        WEIR_TRY(next(reader));
        WEIR_TRY(read_value(reader, key, mark, depth));
    }
    return NULL;
}

static weir_error *read_stream(yaml_reader *reader)
{
    WEIR_TRY(next(reader)); /* stream start */
    WEIR_TRY(next(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) return NULL; /* empty, or comments only */
    WEIR_TRY(next(reader));
    bool is_empty =
        reader->event.type == YAML_SCALAR_EVENT && reader->event.data.scalar.length == 0;
    if (!is_empty && reader->event.type != YAML_MAPPING_START_EVENT)
        return fail(reader, "wants `key: value` lines");
    if (!is_empty) WEIR_TRY(read_map(reader, "", 1));
    WEIR_TRY(next(reader)); /* document end */
    WEIR_TRY(next(reader));
    return reader->event.type == YAML_STREAM_END_EVENT
               ? NULL
               : fail(reader, "a second document is not supported");
}

weir_error *weir_config_add_yaml(weir_config *config, const char *name, const void *text,
                                 size_t size)
{
    yaml_reader reader = {.config = config, .name = name};
    if (size > WEIR_CONFIG_FILE_MAX)
        return weir_error_new(WEIR_E_LIMIT, "%s is larger than %d bytes", name,
                              WEIR_CONFIG_FILE_MAX);
    if (!yaml_parser_initialize(&reader.parser))
        return weir_error_new(WEIR_E_NO_MEMORY, "reading %s", name);
    yaml_parser_set_input_string(&reader.parser, text, size);
    weir_error *error = read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    weir_arena_deinit(&reader.scratch);
    return error;
}
