/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lang_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

static weir_arena arena;
static const weir_schema *schemas[32];
static size_t schema_count;

static weir_type read_kind(char **at)
{
    static const struct {
        const char *name;
        weir_kind kind;
    } kinds[] = {{"bool", WEIR_BOOL},     {"int64", WEIR_INT64},      {"float64", WEIR_FLOAT64},
                 {"string", WEIR_STRING}, {"bytes", WEIR_BYTES},      {"time", WEIR_TIME},
                 {"geo", WEIR_GEO},       {"duration", WEIR_DURATION}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].name);
        if (strncmp(*at, kinds[i].name, length) != 0) continue;
        *at += length;
        return weir_type_of(kinds[i].kind);
    }
    if (strncmp(*at, "decimal(", 8) == 0) {
        unsigned precision = (unsigned)strtoul(*at + 8, at, 10),
                 scale = (unsigned)strtoul(*at + 1, at, 10);
        *at += 1;
        return weir_type_decimal(precision, scale);
    }
    if (strncmp(*at, "list ", 5) == 0) {
        *at += 5;
        weir_type *item = weir_arena_new(&arena, weir_type);
        *item = read_kind(at);
        return (weir_type){.kind = WEIR_LIST, .item = item};
    }
    WEIR_ASSERT(strncmp(*at, "enum ", 5) == 0);
    *at += 5;
    weir_enum_type *symbols = weir_arena_new(&arena, weir_enum_type);
    const char **names = weir_arena_array(&arena, const char *, 16);
    symbols->name = strsep(at, "(");
    char *list = strsep(at, ")");
    for (char *name; (name = strsep(&list, " ")) != NULL;)
        names[symbols->symbol_count++] = name;
    symbols->symbols = names;
    return (weir_type){.kind = WEIR_ENUM, .symbols = symbols};
}

const weir_schema *weir_fixture_schema(const char *full_name, const char *fields)
{
    weir_schema *schema = weir_arena_new(&arena, weir_schema);
    weir_schema_field *list = weir_arena_array(&arena, weir_schema_field, 64);
    char *at = weir_arena_string(&arena, fields, strlen(fields));
    while (*at != '\0') {
        weir_schema_field *field = &list[schema->field_count++];
        field->path = strsep(&at, " ");
        field->type = read_kind(&at);
        if (*at == '?') field->type.optional = true;
        at += strspn(at, "?, ");
    }
    schema->full_name = full_name;
    schema->fields = list;
    WEIR_ASSERT(schema_count < 32);
    schemas[schema_count++] = schema;
    return schema;
}

static weir_error *load_schema(void *context, const char *full_name, const weir_schema **schema_out)
{
    (void)context;
    for (size_t i = schema_count; i > 0; i--) {
        if (strcmp(schemas[i - 1]->full_name, full_name) != 0) continue;
        *schema_out = schemas[i - 1];
        return NULL;
    }
    return weir_error_new(WEIR_E_SCHEMA, "there is no schema %s", full_name);
}

/* Zones of a fixed offset: "UTC", "Test/East" (+2 h). */
static const weir_zone *load_zone(void *context, const char *name, const char **problem_out)
{
    (void)context;
    bool is_utc = strcmp(name, "UTC") == 0;
    if (!is_utc && strcmp(name, "Test/East") != 0) {
        *problem_out = "there is no such time zone";
        return NULL;
    }
    weir_buffer tzif = {0};
    for (int version = 0; version < 2; version++) {
        weir_buffer_put(&tzif, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
        static const uint8_t counts[24] = {[19] = 1, [23] = 4};
        weir_buffer_put(&tzif, counts, 24);
        weir_buffer_put(&tzif, is_utc ? "\0\0\0\0\0\0" : "\0\0\x1c\x20\0\0", 6);
        weir_buffer_put(&tzif, is_utc ? "UTC\0" : "EET\0", 4);
    }
    weir_buffer_put_text(&tzif, is_utc ? "\nUTC0\n" : "\nEET-2\n");
    const weir_zone *zone = NULL;
    weir_error *error = weir_zone_parse(weir_arena_string(&arena, name, strlen(name)),
                                        (weir_bytes){tzif.data, tzif.size}, &arena, &zone);
    if (error != NULL) *problem_out = weir_arena_printf(&arena, "%s", weir_error_message(error));
    weir_error_free(error);
    weir_buffer_deinit(&tzif);
    return zone;
}

const weir_lang_host *weir_fixture_host(void)
{
    static const weir_lang_host host = {.load_schema = load_schema, .load_zone = load_zone};
    return &host;
}

weir_compilation *weir_fixture_compile(const char *text)
{
    weir_source_text source = {"t.weir", text, strlen(text)};
    return weir_lang_compile(&source, 1, weir_fixture_host());
}

const char *weir_fixture_print(const weir_compilation *compilation, const char *text)
{
    weir_source_text source = {"t.weir", text, strlen(text)};
    weir_buffer out = {0};
    for (size_t i = 0; i < compilation->diagnostic_count; i++)
        weir_diagnostic_print(&compilation->diagnostics[i], &source, false, &out);
    const char *printed = weir_arena_string(&arena, (const char *)out.data, out.size);
    weir_buffer_deinit(&out);
    return printed;
}

void weir_fixture_reset(void)
{
    schema_count = 0;
    weir_arena_deinit(&arena);
    weir_arena_init(&arena);
}

void weir_fixture_examples(void)
{
    weir_fixture_schema(
        "pay.Tx",
        "tx_id string, card string?, merchant string?, amount decimal(12,2), status enum "
        "pay.Status(approved "
        "declined reversed), mcc int64, geo geo?, ts time, currency string?, fee decimal(8,4)?, "
        "score float64, qty int64?, tz string, due duration, device.id string?");
    weir_fixture_schema(
        "pay.Chargeback",
        "case_id string, card string?, tx_id string, reported_at time, amount decimal(12,2)");
    weir_fixture_schema(
        "web.View",
        "event_id string, user string?, item string?, session string?, ts time, dwell_ms int64");
    weir_fixture_schema(
        "web.Buy",
        "order_line string, user string?, item string?, ts time, price decimal(10,2), qty int64");
    weir_fixture_schema("auth.Login", "attempt_id string, account string?, device string?, ip "
                                      "string?, ts time, ok bool, geo geo?, "
                                      "reported_stolen bool?");
    weir_fixture_schema("auth.Signup",
                        "signup_id string, account string, device string?, ip string?, ts time");
}
