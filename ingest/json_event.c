/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/json_event.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json_scan.h"

/* One member name at one level: a field of the schema, or an inner record. */
typedef struct member {
    const char *name;
    size_t size;
    const char *token;    /* "name": as it usually stands in a document */
    uint32_t field;       /* index into schema->fields; UINT32_MAX: a record */
    struct member *inner; /* its members */
    uint32_t inner_count;
} member;

struct weir_json_event {
    const weir_schema *schema;
    member *members;
    uint32_t count;
};

static member *find_member(member *members, uint32_t count, const char *name, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i].size == size && memcmp(members[i].name, name, size) == 0) return &members[i];
    return NULL;
}

static void add_path(member **members, uint32_t *count, const char *path, uint32_t field,
                     uint32_t most, weir_arena *into)
{
    const char *dot = strchr(path, '.');
    size_t size = dot == NULL ? strlen(path) : (size_t)(dot - path);
    if (*members == NULL) *members = weir_arena_array(into, member, most);
    member *at = find_member(*members, *count, path, size);
    if (at == NULL) {
        WEIR_ASSERT(*count < most);
        at = &(*members)[(*count)++];
        *at = (member){.name = path, .size = size, .field = UINT32_MAX};
        at->token = weir_arena_printf(into, "\"%.*s\":", (int)size, path);
    }
    if (dot == NULL)
        at->field = field;
    else
        add_path(&at->inner, &at->inner_count, dot + 1, field, most, into);
}

weir_json_event *weir_json_event_create(const weir_schema *schema, weir_arena *into)
{
    weir_json_event *event = weir_arena_new(into, weir_json_event);
    event->schema = schema;
    for (size_t i = 0; i < schema->field_count; i++)
        add_path(&event->members, &event->count, schema->fields[i].path, (uint32_t)i,
                 (uint32_t)schema->field_count, into);
    return event;
}

/* Members mostly come in the schema's order: look behind the last one first. */
static const member *next_member(const member *members, uint32_t count, uint32_t *hint,
                                 weir_bytes name)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = *hint + i < count ? *hint + i : *hint + i - count;
        if (members[at].size != name.size || memcmp(members[at].name, name.data, name.size) != 0)
            continue;
        *hint = at + 1 < count ? at + 1 : 0;
        return &members[at];
    }
    return NULL;
}

/* The member that the schema has next, if it stands there; else whatever stands there. */
static bool take_member(weir_json *json, const member *members, uint32_t count, uint32_t *hint,
                        const member **member_out)
{
    if (count > 0) {
        const member *expected = &members[*hint];
        if (weir_json_take_key(json, expected->token, expected->size + 3)) {
            *hint = *hint + 1 < count ? *hint + 1 : 0;
            *member_out = expected;
            return true;
        }
    }
    if (!weir_json_next_key(json)) return false;
    *member_out = next_member(members, count, hint, json->text);
    return true;
}

typedef struct reading {
    const weir_json_event *event;
    weir_json *json;
    weir_arena *scratch;
    weir_value *values;
    bool *seen; /* per field */
    size_t seen_count;
    weir_json_event_result result;
} reading;

static bool fail(reading *r, const char *path, const char *problem, bool is_bad_number)
{
    r->result.path = path;
    r->result.problem = problem;
    r->result.is_bad_number = is_bad_number;
    return false;
}

static bool read_field(reading *r, uint32_t index)
{
    const weir_schema_field *field = &r->event->schema->fields[index];
    bool bad_number = false;
    const char *problem = NULL;
    if (r->seen[index])
        return fail(r, field->path, "the member stands twice; leave one out", false);
    weir_value *value = &r->values[index];
    if (!weir_json_take_plain(r->json, &field->type, field->unit, value) &&
        !weir_json_read_value(r->json, field->type, field->unit, r->scratch, value, &bad_number,
                              &problem)) {
        if (r->json->token != NULL)
            r->result.text = (weir_bytes){r->json->token, (size_t)(r->json->next - r->json->token)};
        return fail(r, field->path, problem, bad_number);
    }
    r->result.nulled_numbers += bad_number;
    r->seen[index] = true;
    r->seen_count++;
    return true;
}

static bool read_object(reading *r, const member *members, uint32_t count)
{
    uint32_t hint = 0;
    if (!weir_json_expect(r->json, WEIR_JSON_OBJECT_BEGIN))
        return fail(r, NULL, "an object was expected", false);
    const member *at = NULL;
    while (take_member(r->json, members, count, &hint, &at)) {
        if (at == NULL) {
            if (!weir_json_skip(r->json)) break;
            continue;
        }
        if (at->field != UINT32_MAX) {
            if (!read_field(r, at->field)) return false;
        } else if (weir_json_peek(r->json) == WEIR_JSON_NULL) {
            (void)weir_json_next(
                r->json); /* an optional record without a value: its fields are absent */
        } else if (!read_object(r, at->inner, at->inner_count)) {
            return false;
        }
    }
    return r->json->problem == NULL || fail(r, NULL, r->json->problem, false);
}

static bool fill_absent(reading *r)
{
    const weir_schema *schema = r->event->schema;
    if (r->seen_count == schema->field_count) return true;
    for (size_t i = 0; i < schema->field_count; i++) {
        const weir_schema_field *field = &schema->fields[i];
        if (r->seen[i]) continue;
        if (field->type.optional)
            r->values[i] = weir_null();
        else if (field->has_default)
            r->values[i] = field->default_value;
        else
            return fail(r, field->path,
                        "the field is absent, and neither optional nor with a default", false);
    }
    return true;
}

weir_json_event_result weir_json_event_read(const weir_json_event *event, weir_json *json,
                                            weir_arena *scratch, weir_value *values_out)
{
    reading r = {.event = event, .json = json, .scratch = scratch, .values = values_out};
    r.seen = weir_arena_array(scratch, bool, event->schema->field_count);
    r.result.is_ok = read_object(&r, event->members, event->count) && fill_absent(&r);
    return r.result;
}
