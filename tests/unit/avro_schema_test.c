/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/avro_internal.h"

static weir_arena arena;

static int free_arena(void **state)
{
    (void)state;
    weir_arena_deinit(&arena);
    return 0;
}

static const weir_schema *parse(const char *json)
{
    const weir_schema *schema = NULL;
    weir_error *error = weir_schema_parse(json, strlen(json), "x.avsc", &arena, &schema);
    if (error != NULL) fail_msg("%s\n%s", json, weir_error_message(error));
    return schema;
}

/* Wraps a type as the only field of a record. */
static const char *field_of(const char *type)
{
    return weir_arena_printf(
        &arena, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":%s}]}",
        type);
}

static void check_refused(const char *json, const char *reason)
{
    const weir_schema *schema = NULL;
    weir_error *error = weir_schema_parse(json, strlen(json), "x.avsc", &arena, &schema);
    if (error == NULL) fail_msg("accepted: %s", json);
    assert_int_equal(weir_error_code_of(error), WEIR_E_SCHEMA);
    if (strstr(weir_error_message(error), reason) == NULL)
        fail_msg("%s\nsays: %s\nwant: %s", json, weir_error_message(error), reason);
    weir_error_free(error);
}

static void types_map_to_those_of_the_language(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"boolean\"", "bool"},
        {"\"int\"", "int64"},
        {"\"long\"", "int64"},
        {"\"float\"", "float64"},
        {"{\"type\":\"double\"}", "float64"},
        {"\"bytes\"", "bytes"},
        {"\"string\"", "string"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "bytes"},
        {"{\"type\":\"enum\",\"name\":\"a.E\",\"symbols\":[\"A\",\"B\"]}", "E"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":2}",
         "decimal(10,2)"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10}", "decimal(10,0)"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"decimal\",\"precision\":"
         "38,\"scale\":38}",
         "decimal(38,38)"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":40}", "bytes"},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", "time"},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", "duration"},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", "duration"},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "time"},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "time"},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", "time"},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", "string"},
        {"{\"type\":\"string\",\"logicalType\":\"something-else\"}", "string"},
        {"{\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}", "time"},
        {"[\"null\",\"string\"]", "string?"},
        {"[\"string\",\"null\"]", "string?"},
        {"[\"long\"]", "int64"},
        {"{\"type\":\"array\",\"items\":\"float\"}", "list(float64)"},
        {"{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", "list(int64?)"},
        {"[\"null\",{\"type\":\"map\",\"values\":\"string\"}]", "map(string, string)?"},
        {"{\"type\":\"record\",\"name\":\"G\",\"fields\":[{\"name\":\"lat\",\"type\":\"double\"},{"
         "\"name\":\"lon\",\"type\":\"double\"}]}",
         "geo"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const weir_schema *schema = parse(field_of(rows[i][0]));
        assert_int_equal(schema->field_count, 1);
        assert_string_equal(weir_type_print(schema->fields[0].type, &arena), rows[i][1]);
    }
}

static void what_has_no_type_has_no_name(void **state)
{
    (void)state;
    static const char *const types[] = {
        "[\"string\",\"long\"]", "[\"null\",\"string\",\"long\"]", "\"null\"",
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"I\",\"fields\":[]}}"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(parse(field_of(types[i]))->field_count, 0);
}

static void what_has_no_name_is_told_in_words(void **state)
{
    (void)state;
    const weir_schema *schema =
        parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
              "{\"name\":\"u\",\"type\":[\"null\",\"string\",\"long\"]},"
              "{\"name\":\"in\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"I\",\"fields\":["
              "{\"name\":\"u\",\"type\":[\"string\",\"long\"]}]}]},"
              "{\"name\":\"at\",\"type\":{\"type\":\"record\",\"name\":\"P\",\"fields\":["
              "{\"name\":\"lat\",\"type\":\"double\"},{\"name\":\"lon\",\"type\":\"double\"}]}}]}");
    static const char *const told[][2] = {{"u", "union of null, string, long"},
                                          {"in", "record I"},
                                          {"in.u", "union of string, long"},
                                          {"at.lat", "part of a place"}};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        assert_string_equal(weir_schema_unnamed(schema, told[i][0], &arena), told[i][1]);
    static const char *const nothing[] = {"x", "u.x", "in.x", "i", "in."};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        assert_null(weir_schema_unnamed(schema, nothing[i], &arena));
}

static void inner_records_are_paths(void **state)
{
    (void)state;
    const weir_schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"pay\",\"fields\":["
        "{\"name\":\"card\",\"doc\":\"the "
        "card\",\"type\":{\"type\":\"record\",\"name\":\"Card\",\"fields\":["
        "{\"name\":\"bin\",\"type\":\"string\",\"doc\":\"six "
        "digits\"},{\"name\":\"limit\",\"type\":\"int\",\"default\":7}]}},"
        "{\"name\":\"other\",\"type\":[\"null\",\"Card\"]},"
        "{\"name\":\"third\",\"type\":\"pay.Card\",\"default\":{\"bin\":\"0\",\"limit\":9}}]}");
    assert_string_equal(schema->full_name, "pay.Tx");
    assert_int_equal(schema->field_count, 6);
    const weir_schema_field *field = weir_schema_find(schema, "card.bin");
    assert_string_equal(field->doc, "six digits");
    assert_false(field->has_default);
    field = weir_schema_find(schema, "card.limit");
    assert_true(field->has_default && field->default_value.as.integer == 7);
    field = weir_schema_find(schema, "other.limit");
    assert_true(field->type.optional);
    field = weir_schema_find(schema, "third.limit");
    assert_true(field->has_default && field->default_value.as.integer == 9);
    assert_null(weir_schema_find(schema, "card"));
}

static void check_default(const char *type, const char *value, bool fits)
{
    const char *json = weir_arena_printf(&arena,
                                         "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{"
                                         "\"name\":\"f\",\"type\":%s,\"default\":%s}]}",
                                         type, value);
    if (fits) {
        (void)parse(json);
    } else {
        check_refused(json, "default of f");
    }
}

static void defaults_are_checked(void **state)
{
    (void)state;
    check_default("\"int\"", "2147483647", true);
    check_default("\"int\"", "2147483648", false);
    check_default("\"int\"", "1.5", false);
    check_default("\"long\"", "\"1\"", false);
    check_default("\"double\"", "1e999", false);
    check_default("\"boolean\"", "true", true);
    check_default("\"boolean\"", "0", false);
    check_default("\"null\"", "null", true);
    check_default("\"bytes\"", "\"\\u00ff\\u0000a\"", true);
    check_default("\"bytes\"", "\"\\u0100\"", false);
    check_default("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"a\\u00ff\"", true);
    check_default("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"abc\"", false);
    check_default("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\"A\"", true);
    check_default("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\"B\"", false);
    check_default("[\"null\",\"string\"]", "null", true);
    check_default("[\"null\",\"string\"]", "\"x\"", true); /* Avro 1.12 */
    check_default("[\"null\",\"string\"]", "1", false);
    check_default("{\"type\":\"array\",\"items\":\"int\"}", "[1,2]", true);
    check_default("{\"type\":\"array\",\"items\":\"int\"}", "[1,\"x\"]", false);
    check_default("{\"type\":\"map\",\"values\":\"int\"}", "{\"a\":1}", true);
    check_default("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2}",
                  "\"\\u00ff\\u00ff\\u00ff\"", true);
    check_default("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2}",
                  "\"\\u007f\\u00ff\"", false);
}

static void wrong_schemas_are_refused_with_place_and_cause(void **state)
{
    (void)state;
    check_refused("", "x.avsc:1:1");
    check_refused("{\"type\":\"record\"", "x.avsc:1:17");
    check_refused("\"string\"", "is a record, not string");
    check_refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "is a record");
    check_refused("{\"name\":\"R\",\"fields\":[]}", "needs \"type\"");
    check_refused("{\"type\":\"record\",\"fields\":[]}", "needs a \"name\"");
    check_refused("{\"type\":\"record\",\"name\":\"R\"}", "\"fields\"");
    check_refused("{\"type\":\"record\",\"name\":\"9R\",\"fields\":[]}", "\"name\"");
    check_refused("{\"type\":\"record\",\"name\":\"a..R\",\"fields\":[]}", "\"name\"");
    check_refused("{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "primitive");
    check_refused("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a-b\",\"fields\":[]}",
                  "namespace");
    check_refused("{\"type\":\"record\",\"name\":\"R\",\n\"fields\":[\n  "
                  "{\"name\":\"f\",\"type\":\"strnig\"}]}",
                  "x.avsc:3:22: the type strnig is not defined");
    check_refused(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a b\",\"type\":\"int\"}]}",
        "field needs a \"name\"");
    check_refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}",
                  "no \"type\"");
    check_refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
                  "\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}",
                  "stands twice");
    check_refused(field_of("\"R\""), "contains itself");
    check_refused(field_of("{\"type\":\"array\",\"items\":\"R\"}"), "contains itself");
    check_refused(field_of("[\"null\",\"R\"]"), "contains itself");
    check_refused(field_of("[]"), "1 to");
    check_refused(field_of("[\"int\",\"int\"]"), "twice in a union");
    check_refused(field_of("[\"null\",[\"int\"]]"), "directly in a union");
    check_refused(field_of("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-2}"), "\"size\"");
    check_refused(field_of("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1e9}"), "\"size\"");
    check_refused(field_of("{\"type\":\"fixed\",\"name\":\"F\"}"), "\"size\"");
    check_refused(field_of("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}"), "symbols");
    check_refused(field_of("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}"),
                  "stands twice");
    check_refused(field_of("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A-B\"]}"), "symbol");
    check_refused(
        field_of("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}"),
        "default");
    check_refused(field_of("{\"type\":\"array\"}"), "items");
    check_refused(field_of("{\"type\":\"map\"}"), "values");
    check_refused(field_of("{\"type\":\"bytes\",\"logicalType\":\"decimal\"}"), "precision");
    check_refused(
        field_of("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}"),
        "scale");
    check_refused(field_of("{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":2}"),
                  "bytes or fixed");
    check_refused(field_of("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2,\"logicalType\":"
                           "\"decimal\",\"precision\":5}"),
                  "does not hold");
    check_refused(field_of("{\"type\":\"long\",\"logicalType\":\"date\"}"), "date stands on int");
    check_refused(field_of("5"), "a type is");
    check_refused(field_of("null"), "a type is");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    weir_buffer deep = {0};
    for (int i = 0; i < 5000; i++)
        weir_buffer_put_text(&deep, "{\"type\":\"array\",\"items\":");
    weir_buffer_put_u8(&deep, 0);
    check_refused((char *)deep.data, "nested deeper");
    weir_buffer_clear(&deep);
    /* Each type holds the one before it twice: 2^60 parts when written out. */
    weir_buffer_put_text(&deep, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < 60; i++) {
        weir_buffer_printf(
            &deep,
            "%s{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"T%d\",\"fields\":[",
            i ? "," : "", i, i);
        if (i > 0)
            weir_buffer_printf(
                &deep, "{\"name\":\"a\",\"type\":\"T%d\"},{\"name\":\"b\",\"type\":\"T%d\"}", i - 1,
                i - 1);
        weir_buffer_put_text(&deep, "]}}");
    }
    weir_buffer_put_text(&deep, "]}");
    weir_buffer_put_u8(&deep, 0);
    check_refused((char *)deep.data, "10000 parts");
    weir_buffer_clear(&deep);
    weir_buffer_put_text(&deep, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < 100; i++) {
        weir_buffer_printf(
            &deep,
            "%s{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"T%d\",\"fields\":[",
            i ? "," : "", i, i);
        if (i > 0) weir_buffer_printf(&deep, "{\"name\":\"a\",\"type\":\"T%d\"}", i - 1);
        weir_buffer_put_text(&deep, "]}}");
    }
    weir_buffer_put_text(&deep, "]}");
    weir_buffer_put_u8(&deep, 0);
    check_refused((char *)deep.data, "64 levels");
    weir_buffer_deinit(&deep);
}

static void names_are_found_in_the_namespace_around_or_in_none(void **state)
{
    (void)state;
    const weir_schema *schema =
        parse("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":["
              "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\","
              "\"size\":1}},"
              "{\"name\":\"y\",\"type\":\"F\"},"
              "{\"name\":\"z\",\"type\":{\"type\":\"record\",\"name\":\"b.Q\",\"fields\":["
              "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"S\"]}}]}},"
              "{\"name\":\"w\",\"type\":\"b.E\"}]}");
    assert_int_equal(schema->field_count, 4);
    assert_string_equal(schema->root->members[3].node->name, "b.E");
    check_refused(
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":["
        "{\"name\":\"z\",\"type\":{\"type\":\"enum\",\"name\":\"b.E\",\"symbols\":[\"S\"]}},"
        "{\"name\":\"w\",\"type\":\"E\"}]}",
        "the type a.E is not defined");
}

/* From the test data of Apache Avro itself (schema-tests.txt). */
static void fingerprints_are_those_of_the_specification(void **state)
{
    (void)state;
    static const struct {
        const char *canonical;
        int64_t fingerprint;
    } rows[] = {
        {"\"null\"", 7195948357588979594},
        {"\"int\"", 8247732601305521295},
        {"\"string\"", -8142146995180207161},
        {"[\"int\"]", -5232228896498058493},
        {"{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
        {"{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"}]"
         "}",
         7843277075252814651},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_bytes text = {(const uint8_t *)rows[i].canonical, strlen(rows[i].canonical)};
        assert_true((int64_t)weir_avro_fingerprint(text) == rows[i].fingerprint);
    }
    const weir_schema *schema =
        parse("{ \"fields\" : [ {\"type\":{\"type\":\"boolean\"}, \"name\":\"f1\", \"doc\":\"x\", "
              "\"default\":true} ],"
              " \"type\":\"record\", \"aliases\":[\"x.y\"], \"name\":\"foo\"}");
    assert_true((int64_t)schema->fingerprint == 7843277075252814651);
}

static void canonical_form_writes_full_names_once(void **state)
{
    (void)state;
    const weir_schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"fields\":["
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"c\",\"size\":"
        "3}},"
        "{\"name\":\"y\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"c.F\"}]},"
        "{\"name\":\"z\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
        "{\"name\":\"w\",\"type\":\"a.b.E\"}]}");
    weir_buffer out = {0};
    weir_avro_canonical(schema->root, &out);
    weir_buffer_put_u8(&out, 0);
    assert_string_equal((char *)out.data,
                        "{\"name\":\"a.b.R\",\"type\":\"record\",\"fields\":[{\"name\":\"x\","
                        "\"type\":{\"name\":\"c.F\","
                        "\"type\":\"fixed\",\"size\":3}},{\"name\":\"y\",\"type\":[\"null\",{"
                        "\"type\":\"array\",\"items\":\"c.F\"}]},"
                        "{\"name\":\"z\",\"type\":{\"name\":\"a.b.E\",\"type\":\"enum\","
                        "\"symbols\":[\"A\",\"B\"]}},"
                        "{\"name\":\"w\",\"type\":\"a.b.E\"}]}");
    weir_buffer_deinit(&out);
}

/* The file that stands first among them. */
static weir_error *parse_files(weir_schema_text *files, size_t count, const weir_schema **out)
{
    for (size_t i = 0; i < count; i++) {
        files[i].size = strlen(files[i].json);
        assert_null(weir_schema_name(&files[i], &arena));
    }
    return weir_schema_parse_among(&files[0], files, count, &arena, out);
}

static void types_of_other_files_are_written_in(void **state)
{
    (void)state;
    weir_schema_text files[] = {
        {.name = "Tx.avsc",
         .json = "\n{\"type\":\"record\",\"name\":\"pay.Tx\",\"fields\":["
                 "{\"name\":\"at\",\"type\":\"geo.Place\"},{\"name\":\"a\",\"type\":\"Status\","
                 "\"default\":\"no\"},"
                 "{\"name\":\"b\",\"type\":[\"null\",{\"type\":\"St\\u0061tus\"}]},"
                 "{\"name\":\"c\",\"type\":\"Bare\"}]}\n"},
        {.name = "Place.avsc",
         .json =
             "{\"type\":\"record\",\"name\":\"Place\",\"namespace\":\"geo\",\"doc\":\"where\","
             "\"fields\":["
             "{\"name\":\"lat\",\"type\":\"double\"},{\"name\":\"s\",\"type\":\"pay.Status\"}]} "},
        {.name = "Status.avsc",
         .json = " {\"type\":\"enum\",\"name\":\"pay.Status\",\"symbols\":[\"yes\",\"no\"]}"},
        {.name = "Bare.avsc", .json = "{\"type\":\"fixed\",\"name\":\"Bare\",\"size\":3}"},
    };
    const weir_schema *schema = NULL, *alone = NULL;
    assert_null(parse_files(files, 4, &schema));
    assert_string_equal(schema->json,
                        "\n{\"type\":\"record\",\"name\":\"pay.Tx\",\"fields\":["
                        "{\"name\":\"at\",\"type\":{\"type\":\"record\",\"name\":\"Place\","
                        "\"namespace\":\"geo\",\"doc\":\"where\",\"fields\":["
                        "{\"name\":\"lat\",\"type\":\"double\"},{\"name\":\"s\",\"type\":{\"type\":"
                        "\"enum\",\"name\":\"pay.Status\",\"symbols\":[\"yes\",\"no\"]}}]} },"
                        "{\"name\":\"a\",\"type\":\"Status\",\"default\":\"no\"},"
                        "{\"name\":\"b\",\"type\":[\"null\",{\"type\":\"St\\u0061tus\"}]},"
                        "{\"name\":\"c\",\"type\":{\"namespace\":\"\",\"type\":\"fixed\",\"name\":"
                        "\"Bare\",\"size\":3}}]}\n");
    alone = parse(schema->json); /* it says all by itself, and the same */
    assert_true(alone->fingerprint == schema->fingerprint);
    assert_int_equal(alone->field_count, schema->field_count);
    assert_int_equal(weir_schema_find(schema, "at.s")->type.kind, WEIR_ENUM);
    assert_null(weir_schema_parse_among(&files[2], files, 4, &arena, &alone));
    assert_null(alone); /* a part */
}

static void files_that_need_each_other_are_refused(void **state)
{
    (void)state;
    const weir_schema *schema = NULL;
    weir_schema_text circle[] = {
        {.name = "A.avsc",
         .json =
             "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"b\",\"type\":\"B\"}]}"},
        {.name = "B.avsc",
         .json = "{\"type\":\"record\",\"name\":\"B\",\"fields\":[\n{\"name\":\"a\",\"type\":\"A\"}"
                 "]}"}};
    weir_error *error = parse_files(circle, 2, &schema);
    assert_non_null(strstr(weir_error_message(error), "B.avsc:2:20: A contains itself"));
    weir_error_free(error);
    circle[1].json =
        "{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"c\",\"type\":\"C\"}]}";
    error = parse_files(circle, 2, &schema);
    assert_non_null(strstr(weir_error_message(error), "nor in another file"));
    weir_error_free(error);
}

static void mutated_schemas_never_crash(void **state)
{
    (void)state;
    const char *json = "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{"
                       "\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":"
                       "\"F\",\"size\":3}},{\"name\":\"y\",\"type\":[\"null\",{\"type\":\"array\","
                       "\"items\":\"F\"}],\"default\":null},{\"name\":\"z\","
                       "\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},{"
                       "\"name\":\"m\",\"type\":{\"type\":\"bytes\","
                       "\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}}]}";
    static const char pool[] = "{}[]\",:0123456789-nulltrue.ABFR_";
    size_t size = strlen(json);
    char *copy = malloc(size + 1);
    srand(3);
    int accepted = 0;
    for (int i = 0; i < 10000; i++) {
        memcpy(copy, json, size + 1);
        for (int k = rand() % 3; k >= 0; k--)
            copy[(size_t)rand() % size] = pool[(size_t)rand() % (sizeof pool - 1)];
        const weir_schema *schema = NULL;
        weir_error *error =
            weir_schema_parse(copy, size - (size_t)(rand() % 2), "m", &arena, &schema);
        accepted += error == NULL;
        weir_error_free(error);
        weir_arena_reset(&arena);
    }
    assert_true(accepted > 0);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_map_to_those_of_the_language),
        cmocka_unit_test(what_has_no_type_has_no_name),
        cmocka_unit_test(what_has_no_name_is_told_in_words),
        cmocka_unit_test(inner_records_are_paths),
        cmocka_unit_test(defaults_are_checked),
        cmocka_unit_test(wrong_schemas_are_refused_with_place_and_cause),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(names_are_found_in_the_namespace_around_or_in_none),
        cmocka_unit_test(fingerprints_are_those_of_the_specification),
        cmocka_unit_test(canonical_form_writes_full_names_once),
        cmocka_unit_test(types_of_other_files_are_written_in),
        cmocka_unit_test(files_that_need_each_other_are_refused),
        cmocka_unit_test(mutated_schemas_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
