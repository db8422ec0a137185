/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/columns.h"

#include <string.h>

#include "schemas/json_value.h"

struct weir_columns {
    const weir_plan *plan;
    const weir_schema *score, *served;
    const weir_decoder *score_decoder, *served_decoder;
};

/* Names and types of what the bytes hold, in order. */
typedef struct column_list {
    const char **names;
    weir_type *types;
    size_t count;
} column_list;

weir_error *weir_columns_create(const weir_plan *plan, const weir_schema *score,
                                const weir_schema *served, weir_arena *into,
                                weir_columns **columns_out)
{
    static const char *const of_score[] = {"vector_digest", "vector"};
    static const char *const of_served[] = {"definition_digest", "values", "members"};
    weir_columns *columns = weir_arena_new(into, weir_columns);
    *columns = (weir_columns){.plan = plan, .score = score, .served = served};
    WEIR_TRY(weir_decoder_compile(score, score, of_score, NULL, 2, into, &columns->score_decoder));
    WEIR_TRY(
        weir_decoder_compile(served, served, of_served, NULL, 3, into, &columns->served_decoder));
    *columns_out = columns;
    return NULL;
}

static column_list make_list(size_t count, weir_arena *into)
{
    return (column_list){weir_arena_array(into, const char *, count + 1),
                         weir_arena_array(into, weir_type, count + 1), 0};
}

static void add(column_list *list, const char *name, weir_type type)
{
    list->names[list->count] = name;
    list->types[list->count++] = weir_type_optional(type);
}

static bool is_digest(const weir_value *value, const uint8_t digest[WEIR_DIGEST_BYTES])
{
    return value->size == WEIR_DIGEST_BYTES &&
           memcmp(value->as.bytes, digest, WEIR_DIGEST_BYTES) == 0;
}

static column_list columns_of_score(const weir_plan *plan, const weir_value *digest,
                                    weir_arena *into)
{
    for (uint32_t v = 0; v < plan->vector_count; v++) {
        const weir_plan_vector *vector = &plan->vectors[v];
        if (!is_digest(digest, vector->digest)) continue;
        column_list list = make_list(vector->column_count, into);
        for (uint32_t c = 0; c < vector->column_count; c++)
            add(&list, vector->columns[c].name, vector->columns[c].type);
        return list;
    }
    return (column_list){0};
}

static const weir_plan_member *find_member(const weir_plan *plan, const weir_value *name)
{
    for (uint32_t m = 0; m < plan->member_count; m++) {
        const weir_plan_member *member = &plan->members[m];
        if (strlen(member->column) == name->size &&
            memcmp(member->column, name->as.bytes, name->size) == 0)
            return member;
    }
    return NULL;
}

static column_list columns_of_served(const weir_plan *plan, const weir_value *digest,
                                     const weir_value *names, weir_arena *into)
{
    if (!is_digest(digest, plan->digest)) return (column_list){0};
    column_list list = make_list(names->size, into);
    for (uint32_t i = 0; i < names->size; i++) {
        const weir_plan_member *member = find_member(plan, &names->as.items[i]);
        if (member == NULL) return (column_list){0};
        add(&list, member->column, member->type);
    }
    return list;
}

/* All or nothing: bytes that do not fit are left to the record itself, in base64. */
static void write_list(const column_list *list, const weir_value *bytes, weir_arena *scratch,
                       weir_json_writer *writer)
{
    weir_reader reader = weir_reader_of(bytes->as.bytes, bytes->size);
    weir_value *values = weir_arena_array(scratch, weir_value, list->count + 1);
    for (size_t i = 0; i < list->count && !reader.bad; i++)
        values[i] = weir_value_decode(list->types[i], &reader, scratch);
    if (list->count == 0 || reader.bad || weir_reader_left(&reader) > 0) return;
    weir_json_write_key(writer, "values");
    weir_json_write_begin(writer, '{');
    for (size_t i = 0; i < list->count; i++) {
        weir_json_write_key(writer, list->names[i]);
        weir_json_write_value(writer, list->types[i], &values[i]);
    }
    weir_json_write_end(writer, '}');
}

void weir_columns_write(const weir_columns *columns, const weir_schema *schema, weir_bytes body,
                        weir_arena *scratch, weir_json_writer *writer)
{
    weir_value slots[3];
    column_list list = {0};
    bool is_score = schema == columns->score;
    if (!is_score && schema != columns->served) return;
    const weir_decoder *decoder = is_score ? columns->score_decoder : columns->served_decoder;
    if (weir_decoder_decode(decoder, body, scratch, slots).reason != WEIR_DECODE_OK) return;
    if (is_score)
        list = columns_of_score(columns->plan, &slots[0], scratch);
    else
        list = columns_of_served(columns->plan, &slots[0], &slots[2], scratch);
    write_list(&list, &slots[1], scratch, writer);
}
