/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/fields.h"

#include <string.h>

#include "schemas/type.h"

typedef struct field_reader {
    const char *what;
    const weir_field_want *wants;
    size_t count;
    weir_arena *into;
} field_reader;

static const char *unknown(const field_reader *reader, weir_bytes name)
{
    weir_buffer names = {0};
    for (size_t i = 0; i < reader->count; i++)
        weir_buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", reader->wants[i].name);
    const char *problem = weir_arena_printf(
        reader->into, "%s: there is no field `%.*s`; it may have: %.*s", reader->what,
        (int)(name.size < 100 ? name.size : 100), (const char *)name.data, (int)names.size,
        names.size == 0 ? "" : (const char *)names.data);
    weir_buffer_deinit(&names);
    return problem;
}

static bool is_text_kind(uint8_t kind)
{
    return kind == WEIR_STRING || kind == WEIR_BYTES || kind == WEIR_ENUM;
}

static bool read_value(const field_reader *reader, weir_json *json, const weir_field_want *want,
                       weir_value *value, const char **problem)
{
    bool bad_number = false;
    if (weir_json_peek(json) != WEIR_JSON_STRING || is_text_kind(want->type.kind))
        return weir_json_read_value(json, want->type, want->unit, reader->into, value, &bad_number,
                                    problem) &&
               !bad_number;
    weir_bytes text;
    return weir_json_string(json, &text) &&
           weir_text_read_value((const char *)text.data, text.size, want->type, want->unit,
                                reader->into, value, &bad_number, problem) &&
           !bad_number;
}

static const char *read_field(const field_reader *reader, weir_json *json, weir_value *values,
                              bool *is_given)
{
    size_t i = 0;
    while (i < reader->count && !weir_json_key_is(json, reader->wants[i].name))
        i++;
    if (i == reader->count) return unknown(reader, json->text);
    const weir_field_want *want = &reader->wants[i];
    if (is_given[i])
        return weir_arena_printf(reader->into, "%s: the field `%s` is given twice", reader->what,
                                 want->name);
    const char *problem = NULL;
    is_given[i] = read_value(reader, json, want, &values[i], &problem);
    if (is_given[i]) return NULL;
    return weir_arena_printf(reader->into, "%s: field `%s`, of type %s: %s", reader->what,
                             want->name, weir_type_print(want->type, reader->into),
                             problem != NULL ? problem : "does not fit");
}

const char *weir_fields_read(weir_bytes object, const char *what, const weir_field_want *wants,
                             size_t count, weir_arena *into, weir_value *values, bool *is_given)
{
    field_reader reader = {what, wants, count, into};
    weir_json json;
    weir_json_init(&json, object.data, object.size, into);
    if (!weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN))
        return weir_arena_printf(into, "%s: wanted is an object of fields", what);
    while (weir_json_next_key(&json)) {
        const char *problem = read_field(&reader, &json, values, is_given);
        if (problem != NULL) return problem;
    }
    return NULL;
}

bool weir_fields_once(weir_json *json, const char *const *names, const bool *is_given, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_given[i] || !weir_json_key_is(json, names[i])) continue;
        weir_json_fail(json, "a member stands twice; leave one out");
        return false;
    }
    return true;
}

bool weir_fields_name(weir_json *json, weir_arena *into, const char **name_out)
{
    weir_bytes text;
    if (!weir_json_string(json, &text)) return false;
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        weir_json_fail(json, "a name with a NUL in it");
        return false;
    }
    *name_out = weir_arena_string(into, (const char *)text.data, text.size);
    return true;
}

bool weir_fields_raw(weir_json *json, weir_bytes *text_out)
{
    (void)weir_json_peek(json);
    text_out->data = json->next;
    if (!weir_json_skip(json)) return false;
    text_out->size = (size_t)(json->next - text_out->data);
    return true;
}
