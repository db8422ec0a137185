/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/avro.h"
#include "schemas/json_value.h"

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

static const char *record_of(const char *fields)
{
    return weir_arena_printf(&arena, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[%s]}",
                             fields);
}

static const weir_schema *field_of(const char *type)
{
    return parse(record_of(weir_arena_printf(&arena, "{\"name\":\"f\",\"type\":%s}", type)));
}

static const char *text_of(weir_type type, const weir_value *value)
{
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out};
    weir_json_write_value(&writer, type, value);
    const char *text = weir_arena_string(&arena, (char *)out.data, out.size);
    weir_buffer_deinit(&out);
    return text;
}

/* Decodes field f of a record; gives its JSON, or the reason and the problem. */
static const char *decode_as(const weir_schema *writer, const weir_schema *reader,
                             const weir_type *as, weir_bytes body)
{
    static const char *const wanted[] = {"f"};
    const weir_decoder *decoder = NULL;
    weir_error *error = weir_decoder_compile(writer, reader, wanted, as, 1, &arena, &decoder);
    if (error != NULL) {
        const char *text = weir_arena_printf(&arena, "error: %s", weir_error_message(error));
        weir_error_free(error);
        return text;
    }
    weir_value value = {0};
    uint8_t *exact = malloc(body.size); /* so that a read past the end is seen */
    memcpy(exact, body.data, body.size);
    weir_decode_result result =
        weir_decoder_decode(decoder, (weir_bytes){exact, body.size}, &arena, &value);
    const char *text = NULL;
    if (result.reason == WEIR_DECODE_OK) {
        text = text_of(as != NULL ? as[0] : weir_schema_find(reader, "f")->type, &value);
        if (result.nulled_numbers > 0)
            text = weir_arena_printf(&arena, "%s nulled %u", text, result.nulled_numbers);
    } else {
        text = weir_arena_printf(
            &arena, "%s: %s", result.reason == WEIR_DECODE_BAD_NUMBER ? "bad number" : "bad avro",
            result.problem);
        assert_string_equal(result.path, "f");
    }
    free(exact);
    return text;
}

#define BYTES(text) ((weir_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void check(const char *writer_type, const char *reader_type, weir_bytes body,
                  const char *want)
{
    const weir_schema *writer = field_of(writer_type),
                      *reader = reader_type == NULL ? writer : field_of(reader_type);
    const char *got = decode_as(writer, reader, NULL, body);
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("%s as %s: %s, want %s", writer_type, reader_type, got, want);
}

#define DECIMAL(p, s)                                                                              \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" #p ",\"scale\":" #s "}"
#define LOGICAL(type, logical) "{\"type\":\"" type "\",\"logicalType\":\"" logical "\"}"
#define ENUM(symbols)          "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]}"

static void every_type_is_read(void **state)
{
    (void)state;
    check("\"boolean\"", NULL, BYTES("\1"), "true");
    check("\"int\"", NULL, BYTES("\xff\xff\xff\xff\x0f"), "-2147483648");
    check("\"long\"", NULL, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
          "-9223372036854775808");
    check("\"float\"", NULL, BYTES("\0\0\xc0\x3f"), "1.5");
    check("\"double\"", NULL, BYTES("\0\0\0\0\0\0\0\x80"), "0.0");
    check("\"string\"", NULL, BYTES("\6abc"), "\"abc\"");
    check("\"bytes\"", NULL, BYTES("\4\0\xff"), "\"AP8=\"");
    check("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", NULL, BYTES("\0\xff"), "\"AP8=\"");
    check(ENUM("\"A\",\"B\""), NULL, BYTES("\2"), "\"B\"");
    check(DECIMAL(10, 2), NULL, BYTES("\4\x04\xce"), "\"12.30\"");
    check(DECIMAL(10, 2), NULL, BYTES("\2\xff"), "\"-0.01\"");
    check(DECIMAL(10, 2), NULL,
          BYTES("\x24\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
          "\"-0.01\"");
    check("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3,\"logicalType\":\"decimal\",\"precision\":"
          "5,\"scale\":1}",
          NULL, BYTES("\xff\xff\xf6"), "\"-1.0\"");
    check(LOGICAL("int", "date"), NULL, BYTES("\2"), "\"1970-01-02T00:00:00.000000Z\"");
    check(LOGICAL("int", "time-millis"), NULL, BYTES("\2"), "1000");
    check(LOGICAL("long", "time-micros"), NULL, BYTES("\2"), "1");
    check(LOGICAL("long", "timestamp-millis"), NULL, BYTES("\2"),
          "\"1970-01-01T00:00:00.001000Z\"");
    check(LOGICAL("long", "timestamp-micros"), NULL, BYTES("\1"),
          "\"1969-12-31T23:59:59.999999Z\"");
    check("[\"null\",\"int\"]", NULL, BYTES("\0"), "null");
    check("[\"null\",\"int\"]", NULL, BYTES("\2\4"), "2");
    check("[\"int\",\"null\"]", NULL, BYTES("\0\4"), "2");
    check("[\"int\",\"null\"]", NULL, BYTES("\2"), "null");
    check("[\"int\"]", NULL, BYTES("\0\4"), "2");
    check("{\"type\":\"array\",\"items\":\"int\"}", NULL, BYTES("\4\2\4\1\2\6\0"), "[1,2,3]");
    check("{\"type\":\"array\",\"items\":\"int\"}", NULL, BYTES("\0"), "[]");
    check("{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", NULL, BYTES("\4\0\2\2\0"),
          "[null,1]");
    check("{\"type\":\"map\",\"values\":\"int\"}", NULL, BYTES("\2\2k\4\0"), "{\"k\":2}");
    check("{\"type\":\"record\",\"name\":\"G\",\"fields\":[{\"name\":\"lon\",\"type\":\"float\"},{"
          "\"name\":\"lat\",\"type\":\"double\"}]}",
          NULL, BYTES("\0\0\0\x40\0\0\0\0\0\0\xf0\x3f"), "{\"lat\":1.0,\"lon\":2.0}");
}

static void broken_bytes_are_refused(void **state)
{
    (void)state;
    check("\"boolean\"", NULL, BYTES("\7"), "bad avro: a boolean");
    check("\"boolean\"", NULL, BYTES(""), "bad avro: the message ends");
    check("\"int\"", NULL, BYTES("\x80\x80\x80\x80\x10"), "bad avro: an int has more");
    check("\"long\"", NULL, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
          "bad avro: a number is longer");
    check("\"long\"", NULL, BYTES("\x80"), "bad avro: the message ends");
    check("\"double\"", NULL, BYTES("1234567"), "bad avro: the message ends");
    check("\"string\"", NULL, BYTES("\6ab"), "bad avro: the message ends");
    check("\"string\"", NULL, BYTES("\1"), "bad avro: a negative length");
    check("\"string\"", NULL, BYTES("\4\xc3\x28"), "bad avro: a string is not valid UTF-8");
    check("\"string\"", NULL, BYTES("\x82\x80\x08"), "bad avro: a string or bytes longer");
    check(ENUM("\"A\",\"B\""), NULL, BYTES("\4"), "bad avro: an enum's index");
    check(ENUM("\"A\",\"B\""), NULL, BYTES("\1"), "bad avro: an enum's index");
    check("[\"null\",\"int\"]", NULL, BYTES("\4"), "bad avro: a union's index");
    check("[\"null\",\"int\"]", NULL, BYTES("\1"), "bad avro: a union's index");
    check("{\"type\":\"array\",\"items\":\"int\"}", NULL, BYTES("\xa2\x9c\x01"),
          "bad avro: an array or map has more than 10,000");
    check("{\"type\":\"array\",\"items\":\"int\"}", NULL, BYTES("\1\x80\1"),
          "bad avro: a block is longer");
    check("{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", NULL,
          BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), "bad avro: an array or map has");
    const weir_schema *schema = field_of("\"int\"");
    const weir_decoder *decoder = NULL;
    weir_value value;
    static const char *const wanted[] = {"f"};
    assert_null(weir_decoder_compile(schema, schema, wanted, NULL, 1, &arena, &decoder));
    weir_decode_result result = weir_decoder_decode(decoder, BYTES("\2\2"), &arena, &value);
    assert_int_equal(result.reason, WEIR_DECODE_BAD_AVRO);
    assert_int_equal(result.offset, 1);
    uint8_t *big = calloc(1, (1 << 20) + 1);
    result = weir_decoder_decode(decoder, (weir_bytes){big, (1 << 20) + 1}, &arena, &value);
    assert_string_equal(result.problem, "the message is larger than 1 MiB");
    free(big);
}

static void bad_numbers_become_null_only_where_allowed(void **state)
{
    (void)state;
    check("\"double\"", NULL, BYTES("\0\0\0\0\0\0\xf8\x7f"), "bad number: NaN");
    check("[\"null\",\"double\"]", NULL, BYTES("\2\0\0\0\0\0\0\xf8\x7f"), "null nulled 1");
    check("\"float\"", NULL, BYTES("\0\0\x80\xff"), "bad number: NaN");
    check(DECIMAL(2, 0), NULL, BYTES("\2\x64"), "bad number: a decimal");
    check(DECIMAL(2, 0), NULL, BYTES("\0"), "bad number: a decimal");
    check("[" DECIMAL(2, 0) ",\"null\"]", NULL, BYTES("\0\2\x64"), "null nulled 1");
    check(DECIMAL(38, 0), NULL, BYTES("\x22\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
          "bad number: a decimal");
    check(LOGICAL("long", "timestamp-millis"), NULL,
          BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad number: a time");
    check("{\"type\":\"array\",\"items\":\"float\"}", NULL, BYTES("\4\0\0\x80\x7f\0\0\0\0\0"),
          "bad number: NaN");
    check("[\"null\",{\"type\":\"array\",\"items\":\"float\"}]", NULL,
          BYTES("\2\4\0\0\x80\x7f\0\0\0\0\0"), "null nulled 1");
    check("{\"type\":\"array\",\"items\":[\"null\",\"float\"]}", NULL,
          BYTES("\4\2\0\0\x80\x7f\0\0"), "[null,null] nulled 1");
    check("{\"type\":\"array\",\"items\":\"float\"}", NULL, BYTES("\4\0\0\x80\x7f\0\0\0"),
          "bad avro: the message ends");
}

static void types_are_promoted(void **state)
{
    (void)state;
    check("\"int\"", "\"long\"", BYTES("\4"), "2");
    check("\"int\"", "\"float\"", BYTES("\x82\x80\x80\x10"),
          "16777216.0"); /* 16777217 rounded to float */
    check("\"int\"", "\"double\"", BYTES("\x82\x80\x80\x10"), "16777217.0");
    check("\"long\"", "\"double\"", BYTES("\4"), "2.0");
    check("\"float\"", "\"double\"", BYTES("\0\0\xc0\x3f"), "1.5");
    check("\"string\"", "\"bytes\"", BYTES("\2a"), "\"YQ==\"");
    check("\"bytes\"", "\"string\"", BYTES("\2a"), "\"a\"");
    check("\"bytes\"", "\"string\"", BYTES("\2\xff"), "bad avro: a string is not");
    check("\"int\"", "[\"null\",\"long\"]", BYTES("\4"), "2");
    check("[\"null\",\"int\"]", "[\"double\",\"null\"]", BYTES("\2\4"), "2.0");
    check("[\"null\",\"int\"]", "\"long\"", BYTES("\2\4"), "2");
    check("[\"null\",\"int\"]", "\"long\"", BYTES("\0"), "bad avro: null stands");
    check("[\"string\",\"int\"]", "\"long\"", BYTES("\2\4"), "2");
    check("[\"string\",\"int\"]", "\"long\"", BYTES("\0\2a"), "bad avro: a union holds");
    check("[\"string\",\"int\",\"null\"]", "[\"null\",\"long\"]", BYTES("\4"), "null");
    check("\"null\"", "[\"null\",\"long\"]", BYTES(""), "null");
    check("{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"double\"}",
          BYTES("\2\2\0"), "[1.0]");
    check(ENUM("\"A\",\"B\",\"C\""), ENUM("\"B\",\"A\""), BYTES("\2"), "\"B\"");
    check(ENUM("\"A\",\"B\",\"C\""), ENUM("\"B\",\"A\""), BYTES("\4"),
          "bad avro: an enum's symbol");
    check(ENUM("\"A\",\"B\",\"C\""),
          "{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":[\"Z\",\"A\"],\"default\":\"Z\"}",
          BYTES("\4"), "\"Z\"");
    check(LOGICAL("int", "date"), LOGICAL("long", "timestamp-micros"), BYTES("\2"), "\"1970-01-02");
    check(LOGICAL("long", "timestamp-millis"), LOGICAL("long", "timestamp-micros"), BYTES("\2"),
          "\"1970-01-01T00:00:00.001000Z\"");
    check("\"long\"", LOGICAL("long", "timestamp-millis"), BYTES("\2"),
          "\"1970-01-01T00:00:00.001000Z\"");
    check(LOGICAL("long", "timestamp-millis"), "\"long\"", BYTES("\2"), "1");
    check(DECIMAL(8, 2), DECIMAL(10, 2), BYTES("\2\5"), "\"0.05\"");
}

static void what_does_not_resolve_is_refused_with_its_cure(void **state)
{
    (void)state;
    const char *says = "error: reading R as R: field f: the data's type is ";
    check("\"string\"", "\"int\"", BYTES("\0"), says);
    check("\"long\"", "\"int\"", BYTES("\0"), says);
    check("\"double\"", "\"float\"", BYTES("\0"), says);
    check("\"boolean\"", "\"int\"", BYTES("\0"), says);
    check("[\"null\",\"string\"]", "\"int\"", BYTES("\0"), says);
    check(DECIMAL(10, 2), DECIMAL(10, 3), BYTES("\0"), says);
    check("\"string\"", DECIMAL(10, 3), BYTES("\0"), says);
    check(LOGICAL("long", "time-micros"), LOGICAL("long", "timestamp-micros"), BYTES("\0"), says);
    check(LOGICAL("long", "timestamp-nanos"), LOGICAL("long", "timestamp-micros"), BYTES("\0"),
          says);
    check(LOGICAL("long", "timestamp-micros"), "\"double\"", BYTES("\0"), says);
    check(ENUM("\"A\""), "{\"type\":\"enum\",\"name\":\"X\",\"symbols\":[\"A\"]}", BYTES("\0"),
          says);
    check("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}",
          "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", BYTES("\0"), says);
    check("\"null\"", "\"int\"", BYTES(""), says);
    const weir_schema *old = parse(record_of("{\"name\":\"g\",\"type\":\"int\"}"));
    const char *got = decode_as(old, field_of("\"int\""), NULL, BYTES("\2"));
    assert_string_equal(got, "error: reading R as R: field f: the data were written without it and "
                             "the schema gives no default; add one");
    const weir_schema *other = parse(
        "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}");
    got = decode_as(other, field_of("\"int\""), NULL, BYTES("\2"));
    assert_non_null(strstr(got, "the record: the data's type is record Other"));
}

static void declared_types_may_differ_within_reason(void **state)
{
    (void)state;
    const weir_schema *schema = field_of("{\"type\":\"array\",\"items\":\"float\"}");
    weir_type vec = {.kind = WEIR_VEC, .length = 2};
    assert_string_equal(decode_as(schema, schema, &vec, BYTES("\4\0\0\xc0\x3f\0\0\0\x80\0")),
                        "[1.5,0.0]");
    assert_string_equal(decode_as(schema, schema, &vec, BYTES("\2\0\0\xc0\x3f\0")),
                        "bad avro: an array has fewer items than the vec has components");
    assert_string_equal(decode_as(schema, schema, &vec, BYTES("\6\0\0\xc0\x3f\0")),
                        "bad avro: an array has more items than the vec has components");
    assert_string_equal(decode_as(schema, schema, &vec, BYTES("\4\0\0\x80\x7f\0\0\0\0\0")),
                        "bad number: NaN or an infinity in a vec");
    const weir_schema *doubles = field_of("{\"type\":\"array\",\"items\":\"double\"}");
    assert_string_equal(
        decode_as(doubles, doubles, &vec,
                  BYTES("\1\x10\0\0\0\0\0\0\xf8\x3f\2\x9a\x99\x99\x99\x99\x99\xb9\x3f\0")),
        "[1.5,0.1]");
    weir_type text = weir_type_of(WEIR_STRING);
    assert_non_null(strstr(decode_as(schema, schema, &text, BYTES("\0")),
                           "field f is list(float64) in the schema, wanted as string"));
    static const char *const symbols[] = {"A", "B"};
    weir_enum_type declared = {"Status", symbols, 2};
    weir_type status = {.kind = WEIR_ENUM, .symbols = &declared};
    const weir_schema *enums = field_of(ENUM("\"A\",\"B\""));
    assert_string_equal(decode_as(enums, enums, &status, BYTES("\2")), "\"B\"");
    const weir_schema *three = field_of(ENUM("\"A\",\"B\",\"C\""));
    assert_non_null(strstr(decode_as(three, three, &status, BYTES("\2")), "wanted as Status"));
    weir_type strict = weir_type_of(WEIR_INT64);
    const weir_schema *nullable = field_of("[\"null\",\"int\"]");
    assert_non_null(strstr(decode_as(nullable, nullable, &strict, BYTES("\2\2")),
                           "is int64? in the schema, wanted as int64"));
}

static const char *const wanted_many[] = {"c.y", "a",        "missing", "renamed",
                                          "c.x", "deep.u.v", "a",       "opt.q"};

static void records_evolve(void **state)
{
    (void)state;
    const weir_schema *writer =
        parse(record_of("{\"name\":\"gone\",\"type\":{\"type\":\"map\",\"values\":[\"null\","
                        "\"string\",{\"type\":\"array\",\"items\":\"int\"}]}},"
                        "{\"name\":\"c\",\"type\":{\"type\":\"record\",\"name\":\"C\",\"fields\":[{"
                        "\"name\":\"x\",\"type\":\"int\"},{\"name\":\"z\",\"type\":\"string\"}]}},"
                        "{\"name\":\"old\",\"type\":\"string\"},{\"name\":\"a\",\"type\":\"int\"},"
                        "{\"name\":\"opt\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Q\","
                        "\"fields\":[{\"name\":\"q\",\"type\":\"int\"}]}]}"));
    const weir_schema *reader = parse(record_of(
        "{\"name\":\"a\",\"type\":\"double\"},{\"name\":\"renamed\",\"type\":\"string\","
        "\"aliases\":[\"old\"]},"
        "{\"name\":\"missing\",\"type\":[\"null\",\"string\"],\"default\":null},"
        "{\"name\":\"c\",\"type\":{\"type\":\"record\",\"name\":\"C2\",\"aliases\":[\"C\"],"
        "\"fields\":[{\"name\":\"y\",\"type\":\"string\",\"default\":\"dy\"},"
        "{\"name\":\"x\",\"type\":\"long\"}]}},"
        "{\"name\":\"deep\",\"default\":{\"u\":{\"v\":5}},\"type\":{\"type\":\"record\",\"name\":"
        "\"D\",\"fields\":[{\"name\":\"u\",\"type\":"
        "{\"type\":\"record\",\"name\":\"U\",\"fields\":[{\"name\":\"v\",\"type\":\"long\"}]}}]}},"
        "{\"name\":\"opt\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Q\",\"fields\":[{"
        "\"name\":\"q\",\"type\":\"int\"}]}]}"));
    const weir_decoder *decoder = NULL;
    weir_error *error =
        weir_decoder_compile(writer, reader, wanted_many, NULL, 8, &arena, &decoder);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    weir_value v[8];
    weir_decode_result result =
        weir_decoder_decode(decoder,
                            BYTES("\6\2k\0\2l\2\2s\2m\4\2\2\0\0" /* gone */ "\x0e\2z" /* c */ "\4ol"
                                  "\6"
                                  "\2\x12"),
                            &arena, v);
    if (result.reason != WEIR_DECODE_OK)
        fail_msg("%s at %zu in %s", result.problem, result.offset, result.path);
    for (int i = 0; i < 8; i++) {
        static const char *const want[] = {"\"dy\"", "3.0", "null", "\"ol\"", "7", "5", "3.0", "9"};
        weir_type type = weir_schema_find(reader, wanted_many[i])->type;
        assert_string_equal(text_of(type, &v[i]), want[i]);
    }
    result = weir_decoder_decode(decoder, BYTES("\0\x0e\2z\4ol\6\0"), &arena, v);
    assert_int_equal(result.reason, WEIR_DECODE_OK);
    assert_true(weir_is_null(&v[7]));
    result = weir_decoder_decode(decoder, BYTES("\0\x0e\2\xff\4ol\6\0"), &arena,
                                 v); /* what is skipped is checked too */
    assert_int_equal(result.reason, WEIR_DECODE_BAD_AVRO);
    assert_string_equal(result.path, "c.z");
}

static void frames_are_those_of_confluent(void **state)
{
    (void)state;
    int32_t id = 0;
    weir_bytes body;
    assert_true(weir_frame_read(BYTES("\0\0\1\2\3xyz"), &id, &body));
    assert_int_equal(id, 0x10203);
    assert_int_equal(body.size, 3);
    assert_false(weir_frame_read(BYTES("\1\0\1\2\3xyz"), &id, &body));
    assert_false(weir_frame_read(BYTES("\0\0\1\2"), &id, &body));
    weir_buffer out = {0};
    weir_frame_write(&out, 0x10203);
    assert_memory_equal(out.data, "\0\0\1\2\3", 5);
    weir_buffer_deinit(&out);
}

/* Everything that can be named, there and back. */
static const char everything[] =
    "{\"type\":\"record\",\"name\":\"All\",\"fields\":["
    "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\","
    "\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"d\",\"type\":[\"double\",\"null\"]},{\"name\":"
    "\"y\",\"type\":\"bytes\"},"
    "{\"name\":\"s\",\"type\":\"string\"},{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":"
    "\"F\",\"size\":2}},"
    "{\"name\":\"m\",\"type\":" DECIMAL(20, 2) "},"
                                               "{\"name\":\"mf\",\"type\":{\"type\":\"fixed\","
                                               "\"name\":\"MF\",\"size\":9,\"logicalType\":"
                                               "\"decimal\",\"precision\":20,\"scale\":2}},"
                                               "{\"name\":\"day\",\"type\":" LOGICAL("int", "date") "},{\"name\":\"ms\",\"type\":" LOGICAL(
                                                   "long",
                                                   "timestamp-millis") "},"
                                                                       "{\"name\":\"us\","
                                                                       "\"type\":" LOGICAL("long", "timestamp-micros") "},{\"name\":\"tm\",\"type\":" LOGICAL(
                                                                           "int",
                                                                           "time-millis") "},"
                                                                                          "{\"name"
                                                                                          "\":"
                                                                                          "\"e\","
                                                                                          "\"type\""
                                                                                          ":" ENUM(
                                                                                              "\"A"
                                                                                              "\","
                                                                                              "\"B"
                                                                                              "\"") "},"
                                                                                                    "{\"name\":\"hidden\",\"type\":[\"string\",\"int\"],\"default\":\"dflt\"},"
                                                                                                    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"int\"]}},{\"name\":\"p\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
                                                                                                    "{\"name\":\"g\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"G\",\"fields\":[{\"name\":\"lon\",\"type\":\"double\"},{\"name\":\"lat\",\"type\":\"double\"}]}]},"
                                                                                                    "{\"name\":\"in\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"In\",\"fields\":[{\"name\":\"u\",\"type\":\"int\"},{\"name\":\"w\",\"type\":[\"null\",\"string\"]}]}]}"
                                                                                                    "]}";

static const char *const samples[] = {
    "[true,-5,null,1.5,2.5,\"AAE=\",\"text\",\"//"
    "8=\",\"-12345678901234567.89\",\"-0.01\",\"2026-03-01T00:00:00Z\",\"2026-03-01T12:00:00."
    "001Z\","
    "\"2026-03-01T12:00:00.000001Z\",86399999000,\"B\",[1,null,-3],{\"k\":\"v\",\"\":\"\"},{"
    "\"lat\":1.5,\"lon\":-2},7,null]",
    "[false,2147483647,9223372036854775807,-0.25,null,\"\",\"\",\"AAA=\",\"0.00\","
    "\"999999999999999999.99\",\"1969-12-31T00:00:00Z\",\"1969-12-31T23:59:59.999Z\","
    "\"1969-12-31T23:59:59.999999Z\",0,\"A\",[],{},null,null,null]",
};

static void read_sample(const weir_schema *schema, const char *text, weir_value *values)
{
    weir_json json;
    weir_json_init(&json, text, strlen(text), &arena);
    assert_true(weir_json_expect(&json, WEIR_JSON_ARRAY_BEGIN));
    for (size_t i = 0; i < schema->field_count; i++) {
        bool bad = false;
        const char *problem = NULL;
        if (!weir_json_read_value(&json, schema->fields[i].type, WEIR_UNIT_US, &arena, &values[i],
                                  &bad, &problem))
            fail_msg("%s: %s", schema->fields[i].path, problem);
    }
}

static void encode_and_decode_are_inverse(void **state)
{
    (void)state;
    const weir_schema *schema = parse(everything);
    assert_int_equal(schema->field_count, 20);
    const char *wanted[20];
    for (size_t i = 0; i < 20; i++)
        wanted[i] = schema->fields[i].path;
    const weir_decoder *decoder = NULL;
    assert_null(weir_decoder_compile(schema, schema, wanted, NULL, 20, &arena, &decoder));
    for (size_t s = 0; s < 2; s++) {
        weir_value values[20], back[20];
        read_sample(schema, samples[s], values);
        weir_buffer out = {0};
        weir_error *error = weir_schema_encode(schema, values, &out);
        if (error != NULL) fail_msg("%s", weir_error_message(error));
        weir_decode_result result =
            weir_decoder_decode(decoder, (weir_bytes){out.data, out.size}, &arena, back);
        if (result.reason != WEIR_DECODE_OK) fail_msg("%s in %s", result.problem, result.path);
        for (size_t i = 0; i < 20; i++) {
            if (!weir_value_equal(&values[i], &back[i])) fail_msg("%s", wanted[i]);
        }
        weir_buffer_deinit(&out);
    }
}

static void check_not_encoded(const char *type, weir_value value, const char *reason)
{
    weir_buffer out = {0};
    weir_error *error = weir_schema_encode(field_of(type), &value, &out);
    assert_non_null(error);
    if (strstr(weir_error_message(error), reason) == NULL)
        fail_msg("%s", weir_error_message(error));
    assert_int_equal(weir_error_code_of(error), WEIR_E_DATA);
    weir_error_free(error);
    assert_int_equal(out.size, 0);
    weir_buffer_deinit(&out);
}

static void what_the_schema_can_not_hold_is_not_written(void **state)
{
    (void)state;
    check_not_encoded("\"int\"", weir_int(INT64_C(1) << 31), "does not fit the schema's int");
    check_not_encoded("\"int\"", weir_null(), "field f: null");
    check_not_encoded("\"int\"", weir_string("x", 1),
                      "a value of type string, where int is wanted");
    check_not_encoded("\"float\"", weir_float(1e300), "beyond the range");
    check_not_encoded(LOGICAL("long", "timestamp-millis"), weir_time(1), "finer");
    check_not_encoded(LOGICAL("int", "date"), weir_time(1), "finer");
    check_not_encoded(DECIMAL(2, 0), weir_decimal(100), "more digits");
    check_not_encoded("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}",
                      (weir_value){.kind = WEIR_BYTES}, "0 bytes");
}

static void mutated_messages_never_crash(void **state)
{
    (void)state;
    const weir_schema *schema = parse(everything);
    const char *wanted[20];
    for (size_t i = 0; i < 20; i++)
        wanted[i] = schema->fields[i].path;
    const weir_decoder *all = NULL, *one = NULL;
    assert_null(weir_decoder_compile(schema, schema, wanted, NULL, 20, &arena, &all));
    assert_null(weir_decoder_compile(schema, schema, wanted + 19, NULL, 1, &arena, &one));
    weir_value values[20];
    read_sample(schema, samples[0], values);
    weir_buffer out = {0};
    assert_null(weir_schema_encode(schema, values, &out));
    weir_arena scratch = {0};
    srand(5);
    int good = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = rand() % 4 == 0 ? (size_t)rand() % (out.size + 1) : out.size;
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, out.data, size);
        for (int k = rand() % 4; k > 0 && size > 0; k--)
            copy[(size_t)rand() % size] = (uint8_t)rand();
        uint8_t *exact = malloc(size);
        memcpy(exact, copy, size);
        weir_bytes body = {exact, size};
        weir_decode_result full = weir_decoder_decode(all, body, &scratch, values);
        weir_decode_result part = weir_decoder_decode(one, body, &scratch, values);
        good += full.reason == WEIR_DECODE_OK;
        /* Skipping finds the same damage as reading, but for numbers that nobody reads. */
        assert_int_equal(full.reason == WEIR_DECODE_BAD_AVRO, part.reason == WEIR_DECODE_BAD_AVRO);
        assert_true(full.offset <= size);
        free(copy);
        free(exact);
        weir_arena_reset(&scratch);
    }
    assert_true(good > 1000 && good < 19000);
    weir_arena_deinit(&scratch);
    weir_buffer_deinit(&out);
}

/* One item a block, over and over: time and memory stay bounded. */
static void many_small_blocks_cost_little(void **state)
{
    (void)state;
    const weir_schema *schema = field_of("{\"type\":\"array\",\"items\":\"int\"}");
    weir_buffer body = {0};
    for (int i = 0; i < 10000; i++)
        weir_buffer_put(&body, "\2\2", 2);
    weir_buffer_put_u8(&body, 0);
    static const char *const wanted[] = {"f"};
    const weir_decoder *decoder = NULL;
    assert_null(weir_decoder_compile(schema, schema, wanted, NULL, 1, &arena, &decoder));
    weir_arena scratch = {0};
    weir_value value;
    weir_decode_result result =
        weir_decoder_decode(decoder, (weir_bytes){body.data, body.size}, &scratch, &value);
    assert_int_equal(result.reason, WEIR_DECODE_OK);
    assert_int_equal(value.size, 10000);
    assert_true(scratch.used_bytes < 4 << 20);
    weir_arena_deinit(&scratch);
    weir_buffer_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(broken_bytes_are_refused),
        cmocka_unit_test(bad_numbers_become_null_only_where_allowed),
        cmocka_unit_test(types_are_promoted),
        cmocka_unit_test(what_does_not_resolve_is_refused_with_its_cure),
        cmocka_unit_test(declared_types_may_differ_within_reason),
        cmocka_unit_test(records_evolve),
        cmocka_unit_test(frames_are_those_of_confluent),
        cmocka_unit_test(encode_and_decode_are_inverse),
        cmocka_unit_test(what_the_schema_can_not_hold_is_not_written),
        cmocka_unit_test(mutated_messages_never_crash),
        cmocka_unit_test(many_small_blocks_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
