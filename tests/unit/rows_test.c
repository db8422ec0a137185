/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/rows.h"
#include "ops/runtime/file.h"
#include "schemas/avro_file.h"
#include "store/parquet/writer.h"

static weir_arena arena;
static char *folder;

static int set_up(void **state)
{
    (void)state;
    assert_null(weir_dir_temp(&arena, &folder));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_error_free(weir_dir_remove(folder));
    weir_arena_deinit(&arena);
    return 0;
}

static const char *write_file(const char *name, const void *data, size_t size)
{
    const char *path = weir_arena_printf(&arena, "%s/%s", folder, name);
    assert_null(weir_file_write(path, data, size));
    return path;
}

static weir_rows *open_rows(const char *name, const char *text)
{
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(write_file(name, text, strlen(text)), NULL, &rows);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    return rows;
}

static const weir_rows_want wants[] = {
    {.name = "id", .type = {.kind = WEIR_INT64}},
    {.name = "amount",
     .type = {.kind = WEIR_DECIMAL, .precision = 10, .scale = 2, .optional = true}},
    {.name = "note", .type = {.kind = WEIR_STRING, .optional = true}},
};

static weir_row next_row(weir_rows *rows, weir_value *values)
{
    weir_row row;
    weir_error *error = weir_rows_next(rows, &arena, values, &row);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    return row;
}

static void assert_row(weir_rows *rows, int64_t id, long amount, const char *note)
{
    weir_value values[3];
    weir_row row = next_row(rows, values);
    if (row.status != WEIR_ROW_OK) fail_msg("%s", row.problem);
    assert_int_equal(values[0].as.integer, id);
    if (amount < 0)
        assert_true(weir_is_null(&values[1]));
    else
        assert_true(values[1].as.decimal == amount);
    if (note == NULL) {
        assert_true(weir_is_null(&values[2]));
        return;
    }
    assert_int_equal(values[2].size, strlen(note));
    assert_memory_equal(values[2].as.bytes, note, strlen(note));
}

static void assert_bad(weir_rows *rows, uint64_t line, const char *part)
{
    weir_value values[3];
    weir_row row = next_row(rows, values);
    assert_int_equal(row.status, WEIR_ROW_BAD);
    assert_int_equal(row.line, line);
    if (strstr(row.problem, part) == NULL) fail_msg("`%s` does not say `%s`", row.problem, part);
}

static void assert_end(weir_rows *rows)
{
    weir_value values[3];
    assert_int_equal(next_row(rows, values).status, WEIR_ROW_END);
    weir_rows_close(rows);
}

static void csv_reads_quotes_line_ends_and_nulls(void **state)
{
    (void)state;
    weir_rows *rows = open_rows(
        "a.csv", "\xef\xbb\xbfid,note,amount\r\n1,\"a,b\"\"c\r\nd\",12.30\r\n\r\n2,,\n3,\"\",0.01");
    assert_null(weir_rows_bind(rows, wants, 3));
    assert_row(rows, 1, 1230, "a,b\"c\r\nd");
    assert_row(rows, 2, -1, NULL);
    assert_row(rows, 3, 1, "");
    assert_end(rows);
}

static void csv_bad_row_names_line_and_column_and_does_not_stop(void **state)
{
    (void)state;
    weir_rows *rows = open_rows("b.csv", "id,amount,note\n1,2.00,x\nx,1.00,y\n3,1.00\n4,\"1.00\"z,"
                                         "u\n5,1.00,v\n6,\"1.00,w\n7,1.00,q\n");
    assert_null(weir_rows_bind(rows, wants, 3));
    assert_row(rows, 1, 200, "x");
    assert_bad(rows, 3, "line 3, column id: `x`");
    assert_bad(rows, 4, "2 cells where the header has 3");
    assert_bad(rows, 5, "closing quote");
    assert_row(rows, 5, 100, "v");
    assert_bad(rows, 7, "not closed");
    assert_row(rows, 7, 100, "q");
    assert_end(rows);
}

static void csv_bad_decimal_in_an_optional_column_is_null_and_counted(void **state)
{
    (void)state;
    weir_rows *rows = open_rows("c.csv", "id,amount,note\n1,1.234,x\n");
    assert_null(weir_rows_bind(rows, wants, 3));
    weir_value values[3];
    weir_row row = next_row(rows, values);
    assert_int_equal(row.status, WEIR_ROW_OK);
    assert_int_equal(row.nulled_numbers, 1);
    assert_true(weir_is_null(&values[1]));
    assert_end(rows);
}

static void absent_column_is_an_error_that_lists_the_columns(void **state)
{
    (void)state;
    weir_rows *rows = open_rows("d.csv", "id,price\n");
    weir_error *error = weir_rows_bind(rows, wants, 3);
    assert_non_null(error);
    assert_non_null(
        strstr(weir_error_message(error), "no column `amount`; the file has `id`, `price`"));
    weir_error_free(error);
    weir_rows_close(rows);
}

/* All of such a file would be its header, and nobody would miss the rows. */
static void lines_that_end_in_a_carriage_return_alone_are_an_error(void **state)
{
    (void)state;
    const char *text = "id,amount,note\r1,2.50,a\r2,3.50,b\r";
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(write_file("cr.csv", text, strlen(text)), NULL, &rows);
    assert_non_null(error);
    assert_non_null(strstr(weir_error_message(error), "lines end in LF or CRLF"));
    weir_error_free(error);
}

static void too_long_line_is_bad_and_skipped(void **state)
{
    (void)state;
    size_t size = WEIR_ROWS_LINE_MAX + 100;
    char *text = malloc(size + 64);
    int head = snprintf(text, 64, "id,amount,note\n1,1.00,");
    memset(text + head, 'x', size - (size_t)head);
    memcpy(text + size, "\n2,2.00,ok\n", 12);
    weir_rows *rows = open_rows("e.csv", text);
    free(text);
    assert_null(weir_rows_bind(rows, wants, 3));
    assert_bad(rows, 2, "longer than");
    assert_row(rows, 2, 200, "ok");
    assert_end(rows);
}

static void json_lines_find_members_by_name_and_path(void **state)
{
    (void)state;
    static const weir_rows_want paths[] = {
        {.name = "a.id", .type = {.kind = WEIR_INT64}},
        {.name = "a.b.amount",
         .type = {.kind = WEIR_DECIMAL, .precision = 10, .scale = 2, .optional = true}},
        {.name = "note", .type = {.kind = WEIR_STRING, .optional = true}},
    };
    weir_rows *rows = open_rows(
        "f.jsonl",
        "{\"note\":\"n\\u00e9\",\"x\":{\"id\":[1,{}]},\"a\":{\"z\":1,\"id\":9007199254740993,"
        "\"b\":{\"amount\":\"0.10\"}}}\n\n{\"a.id\":7}\n");
    assert_null(weir_rows_bind(rows, paths, 3));
    assert_row(rows, INT64_C(9007199254740993), 10, "n\xc3\xa9");
    assert_row(rows, 7, -1, NULL);
    assert_end(rows);
}

static void json_lines_tell_what_is_wrong_and_go_on(void **state)
{
    (void)state;
    weir_rows *rows =
        open_rows("g.jsonl", "{\"id\":1}\n{\"id\":\"x\"}\n{\"id\":1,}\n[1]\n{\"amount\":1}\n{"
                             "\"id\":1,\"id\":2}\n{\"id\":2} x\n{\"id\":3}");
    assert_null(weir_rows_bind(rows, wants, 3));
    assert_row(rows, 1, -1, NULL);
    assert_bad(rows, 2, "line 2, column id: `\"x\"`");
    assert_bad(rows, 3, "line 3, character");
    assert_bad(rows, 4, "line 4");
    assert_bad(rows, 5, "column id: missing");
    assert_bad(rows, 6, "twice");
    assert_bad(rows, 7, "line 7");
    assert_row(rows, 3, -1, NULL);
    assert_end(rows);
}

static void columns_of_json_lines_are_the_first_members(void **state)
{
    (void)state;
    weir_rows *rows = open_rows("h.jsonl", "{\"id\":1,\"note\":\"x\"}\n");
    size_t count = 0;
    const weir_rows_column *columns = weir_rows_columns(rows, &count);
    assert_int_equal(count, 2);
    assert_string_equal(columns[1].name, "note");
    assert_null(weir_rows_bind(rows, wants, 3));
    assert_row(rows, 1, -1, "x");
    assert_end(rows);
}

static void raw_lines_come_as_they_stand(void **state)
{
    (void)state;
    weir_rows *rows = open_rows("i.jsonl", "{\"stream\":\"tx\"}\r\n\n not json\n");
    weir_bytes text;
    weir_row row;
    assert_null(weir_rows_next_line(rows, &text, &row));
    assert_int_equal(text.size, 15);
    assert_null(weir_rows_next_line(rows, &text, &row));
    assert_int_equal(row.line, 3);
    assert_int_equal(row.index, 1);
    assert_int_equal(text.size, 9);
    assert_null(weir_rows_next_line(rows, &text, &row));
    assert_int_equal(row.status, WEIR_ROW_END);
    weir_rows_close(rows);
}

static weir_error *keep(void *context, const void *data, size_t size)
{
    weir_buffer_put(context, data, size);
    return NULL;
}

static void parquet_rows_become_the_wanted_types(void **state)
{
    (void)state;
    static const weir_parquet_column columns[] = {
        {"note", {.kind = WEIR_STRING, .optional = true}},
        {"amount", {.kind = WEIR_FLOAT64}},
        {"id", {.kind = WEIR_INT64}},
    };
    weir_buffer file = {0};
    weir_parquet_writer *writer = NULL;
    weir_parquet_summary summary;
    assert_null(
        weir_parquet_writer_create(columns, 3, NULL, (weir_parquet_sink){keep, &file}, &writer));
    for (int i = 0; i < 2000; i++) {
        weir_value row[3] = {i % 2 == 0 ? weir_string("x", 1) : weir_null(),
                             weir_float(i == 7 ? 0.123 : 57.16), weir_int(i)};
        assert_null(weir_parquet_writer_add_row(writer, row));
    }
    assert_null(weir_parquet_writer_finish(writer, &summary));
    weir_parquet_writer_destroy(writer);
    weir_rows *rows = NULL;
    assert_null(weir_rows_open(write_file("k.parquet", file.data, file.size), NULL, &rows));
    weir_buffer_deinit(&file);
    assert_null(weir_rows_bind(rows, wants, 3));
    for (int i = 0; i < 2000; i++)
        assert_row(rows, i, i == 7 ? -1 : 5716, i % 2 == 0 ? "x" : NULL);
    assert_end(rows);
}

static void a_place_of_parquet_is_read_whole_or_in_parts(void **state)
{
    (void)state;
    static const weir_parquet_column columns[] = {
        {"from.lon", {.kind = WEIR_INT64, .optional = true}},
        {"from.lat", {.kind = WEIR_DECIMAL, .precision = 4, .scale = 2}},
        {"from.height", {.kind = WEIR_INT64}},
        {"to", {.kind = WEIR_GEO}},
    };
    static const weir_rows_want parts[] = {
        {"from", {.kind = WEIR_GEO, .optional = true}, WEIR_UNIT_US, true},
        {"to.latitude", {.kind = WEIR_FLOAT64}, WEIR_UNIT_US, false},
        {"to.lon", {.kind = WEIR_DECIMAL, .precision = 6, .scale = 2}, WEIR_UNIT_US, false},
        {"to", {.kind = WEIR_GEO}, WEIR_UNIT_US, false},
    };
    weir_buffer file = {0};
    weir_parquet_writer *writer = NULL;
    weir_parquet_summary summary;
    assert_null(
        weir_parquet_writer_create(columns, 4, NULL, (weir_parquet_sink){keep, &file}, &writer));
    for (int i = 0; i < 2; i++) {
        weir_value row[4] = {i == 0 ? weir_int(-13) : weir_null(), weir_decimal(5252), weir_int(80),
                             (weir_value){.kind = WEIR_GEO, .as.geo = {48.5, 11.25}}};
        assert_null(weir_parquet_writer_add_row(writer, row));
    }
    assert_null(weir_parquet_writer_finish(writer, &summary));
    weir_parquet_writer_destroy(writer);
    weir_rows *rows = NULL;
    const char *path = write_file("places.parquet", file.data, file.size);
    assert_null(weir_rows_open(path, NULL, &rows));
    assert_null(weir_rows_bind(rows, parts, 4));
    for (int i = 0; i < 2; i++) {
        weir_row row;
        weir_value values[4];
        assert_null(weir_rows_next(rows, &arena, values, &row));
        if (row.status != WEIR_ROW_OK) fail_msg("%s", row.problem);
        assert_int_equal(values[0].kind, i == 0 ? WEIR_GEO : WEIR_NULL);
        if (i == 0)
            assert_true(values[0].as.geo.latitude == 52.52 && values[0].as.geo.longitude == -13);
        assert_true(values[1].as.float64 == 48.5);
        assert_true(values[2].as.decimal == 1125);
        assert_true(values[3].as.geo.latitude == 48.5 && values[3].as.geo.longitude == 11.25);
    }
    weir_rows_close(rows);
    /* What is there in parts that make no whole is not absent. */
    static const weir_rows_want text = {
        "from", {.kind = WEIR_STRING, .optional = true}, WEIR_UNIT_US, true};
    assert_null(weir_rows_open(path, NULL, &rows));
    weir_error *error = weir_rows_bind(rows, &text, 1);
    assert_non_null(error);
    assert_non_null(
        strstr(weir_error_message(error), "is no column but has parts, such as `from.lon`"));
    weir_error_free(error);
    weir_rows_close(rows);
    weir_buffer_deinit(&file);
}

static const char *write_avro(const char *name)
{
    static const char json[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"note\",\"type\":[\"null\","
        "\"string\"]},"
        "{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"amount\",\"type\":\"double\"}]}";
    const weir_schema *schema = NULL;
    assert_null(weir_schema_parse(json, sizeof json - 1, "R", &arena, &schema));
    const char *path = write_file(name, "", 0);
    FILE *stream = fopen(path, "wb");
    weir_avro_writer *writer = weir_avro_writer_create(stream, schema, WEIR_CODEC_ZSTD);
    weir_buffer body = {0};
    for (int i = 0; i < 300; i++) {
        weir_value values[3] = {i % 2 == 0 ? weir_string("x", 1) : weir_null(), weir_int(i),
                                weir_float(57.16)};
        weir_buffer_clear(&body);
        assert_null(weir_schema_encode(schema, values, &body));
        weir_avro_writer_put(writer, (weir_bytes){body.data, body.size});
    }
    weir_avro_writer_close(writer);
    assert_int_equal(fclose(stream), 0);
    weir_buffer_deinit(&body);
    return path;
}

static void avro_records_become_rows(void **state)
{
    (void)state;
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(write_avro("l.avro"), NULL, &rows);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    assert_null(weir_rows_bind(rows, wants, 3));
    for (int i = 0; i < 300; i++)
        assert_row(rows, i, 5716, i % 2 == 0 ? "x" : NULL);
    assert_end(rows);
}

static void nanoseconds_of_avro_are_no_microseconds(void **state)
{
    (void)state;
    static const char json[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"at\",\"type\":"
        "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}}]}";
    static const weir_rows_want at = {"at", {.kind = WEIR_TIME}, WEIR_UNIT_US, false};
    const weir_schema *schema = NULL;
    assert_null(weir_schema_parse(json, sizeof json - 1, "R", &arena, &schema));
    const char *path = write_file("nanos.avro", "", 0);
    FILE *stream = fopen(path, "wb");
    weir_avro_writer *writer = weir_avro_writer_create(stream, schema, WEIR_CODEC_ZSTD);
    weir_buffer body = {0};
    for (int i = 0; i < 2; i++) {
        weir_value value = weir_int(5000000 + i);
        weir_buffer_clear(&body);
        assert_null(weir_schema_encode(schema, &value, &body));
        weir_avro_writer_put(writer, (weir_bytes){body.data, body.size});
    }
    weir_avro_writer_close(writer);
    assert_int_equal(fclose(stream), 0);
    weir_buffer_deinit(&body);
    weir_rows *rows = NULL;
    weir_row row;
    weir_value value;
    assert_null(weir_rows_open(path, NULL, &rows));
    assert_null(weir_rows_bind(rows, &at, 1));
    assert_null(weir_rows_next(rows, &arena, &value, &row));
    assert_int_equal(row.status, WEIR_ROW_OK);
    assert_int_equal(value.as.integer, 5000);
    assert_null(weir_rows_next(rows, &arena, &value, &row));
    assert_int_equal(row.status, WEIR_ROW_BAD);
    assert_non_null(strstr(row.problem, "no whole microsecond"));
    weir_rows_close(rows);
}

static void damage_names_the_file_once(void **state)
{
    (void)state;
    weir_bytes whole;
    const char *path = write_avro("m.avro");
    assert_null(weir_file_read(path, 1 << 20, &arena, &whole));
    path = write_file("m.avro", (const char *)whole.data, whole.size - 20);
    weir_rows *rows = NULL;
    assert_null(weir_rows_open(path, NULL, &rows));
    assert_null(weir_rows_bind(rows, wants, 3));
    weir_arena scratch = {0};
    weir_row row;
    weir_value values[3];
    weir_error *error = weir_rows_next(rows, &scratch, values, &row);
    assert_non_null(error);
    const char *message = weir_error_message(error), *first = strstr(message, path);
    if (first == NULL || strstr(first + 1, path) != NULL) fail_msg("%s", message);
    weir_error_free(error);
    weir_rows_close(rows);
    weir_arena_deinit(&scratch);
}

static void what_a_name_does_not_tell_the_first_bytes_do(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        weir_rows_format format;
    } cases[] = {{"j.dat", "{\"id\":1}\n", WEIR_ROWS_JSONL},
                 {"j", "\xef\xbb\xbf\n {\"id\":1}\n", WEIR_ROWS_JSONL},
                 {"empty", "", WEIR_ROWS_JSONL},
                 {"c.txt", "id,amount\n1,2\n", WEIR_ROWS_CSV},
                 {"C.CSV", "id,amount\n1,2\n", WEIR_ROWS_CSV},
                 {"J.JsonL", "id", WEIR_ROWS_JSONL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_rows *rows = open_rows(cases[i].name, cases[i].text);
        assert_int_equal(weir_rows_format_of(rows), cases[i].format);
        weir_rows_close(rows);
    }
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(write_file("a", "Obj\x01", 4), NULL, &rows);
    assert_non_null(strstr(weir_error_message(error), "Avro file ends"));
    weir_error_free(error);
    error = weir_rows_open(folder, NULL, &rows);
    assert_int_equal(weir_error_code_of(error), WEIR_E_NO_INPUT);
    weir_error_free(error);
}

static void conversions_are_exact_or_refused(void **state)
{
    (void)state;
    weir_value out, in = weir_float(57.16);
    bool bad = false;
    const char *problem = NULL;
    assert_true(weir_rows_convert(weir_type_of(WEIR_FLOAT64), &in, weir_type_decimal(10, 2),
                                  WEIR_UNIT_US, &arena, &out, &bad, &problem));
    assert_true(out.as.decimal == 5716);
    in = weir_float(0.1234);
    assert_false(weir_rows_convert(weir_type_of(WEIR_FLOAT64), &in, weir_type_decimal(10, 2),
                                   WEIR_UNIT_US, &arena, &out, &bad, &problem));
    assert_true(bad);
    assert_true(weir_rows_convert(weir_type_of(WEIR_FLOAT64), &in,
                                  weir_type_optional(weir_type_decimal(10, 2)), WEIR_UNIT_US,
                                  &arena, &out, &bad, &problem));
    assert_true(weir_is_null(&out) && bad);
    in = weir_int(3);
    assert_true(weir_rows_convert(weir_type_of(WEIR_INT64), &in, weir_type_of(WEIR_TIME),
                                  WEIR_UNIT_S, &arena, &out, &bad, &problem));
    assert_int_equal(out.as.integer, 3000000);
    assert_true(weir_rows_convert(weir_type_of(WEIR_INT64), &in, weir_type_of(WEIR_STRING),
                                  WEIR_UNIT_S, &arena, &out, &bad, &problem));
    assert_int_equal(out.size, 1);
    in = weir_float(2.5);
    assert_false(weir_rows_convert(weir_type_of(WEIR_FLOAT64), &in, weir_type_of(WEIR_INT64),
                                   WEIR_UNIT_US, &arena, &out, &bad, &problem));
}

static weir_value converted(weir_type from, weir_value in, weir_time_unit unit, bool *bad_out)
{
    weir_value out, again;
    const char *problem = NULL;
    weir_type to = from.kind == WEIR_GEO ? from : weir_type_of(WEIR_TIME);
    bool is_good = weir_rows_convert(from, &in, to, unit, &arena, &again, bad_out, &problem);
    assert_true(weir_rows_convert(from, &in, weir_type_optional(to), unit, &arena, &out, bad_out,
                                  &problem));
    assert_int_equal(is_good, !weir_is_null(&out));
    return out;
}

static void a_bad_number_of_a_file_with_types_is_one_wherever_it_stands(void **state)
{
    (void)state;
    bool bad = false;
    weir_type geo = weir_type_of(WEIR_GEO), whole = weir_type_of(WEIR_INT64);
    weir_value place = {.kind = WEIR_GEO, .as.geo = {NAN, 2.0}};
    place = converted(geo, place, WEIR_UNIT_US, &bad);
    assert_true(weir_is_null(&place) && bad);
    place = (weir_value){.kind = WEIR_GEO, .as.geo = {1.0, -INFINITY}};
    place = converted(geo, place, WEIR_UNIT_US, &bad);
    assert_true(weir_is_null(&place) && bad);
    place = (weir_value){.kind = WEIR_GEO, .as.geo = {-0.0, -0.0}};
    place = converted(geo, place, WEIR_UNIT_US, &bad);
    assert_false(bad || signbit(place.as.geo.latitude) || signbit(place.as.geo.longitude));
    weir_value time = converted(whole, weir_int(INT64_MAX), WEIR_UNIT_MS, &bad);
    assert_true(weir_is_null(&time) && bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_quotes_line_ends_and_nulls),
        cmocka_unit_test(csv_bad_row_names_line_and_column_and_does_not_stop),
        cmocka_unit_test(csv_bad_decimal_in_an_optional_column_is_null_and_counted),
        cmocka_unit_test(absent_column_is_an_error_that_lists_the_columns),
        cmocka_unit_test(lines_that_end_in_a_carriage_return_alone_are_an_error),
        cmocka_unit_test(too_long_line_is_bad_and_skipped),
        cmocka_unit_test(json_lines_find_members_by_name_and_path),
        cmocka_unit_test(json_lines_tell_what_is_wrong_and_go_on),
        cmocka_unit_test(columns_of_json_lines_are_the_first_members),
        cmocka_unit_test(raw_lines_come_as_they_stand),
        cmocka_unit_test(parquet_rows_become_the_wanted_types),
        cmocka_unit_test(a_place_of_parquet_is_read_whole_or_in_parts),
        cmocka_unit_test(avro_records_become_rows),
        cmocka_unit_test(nanoseconds_of_avro_are_no_microseconds),
        cmocka_unit_test(damage_names_the_file_once),
        cmocka_unit_test(what_a_name_does_not_tell_the_first_bytes_do),
        cmocka_unit_test(conversions_are_exact_or_refused),
        cmocka_unit_test(a_bad_number_of_a_file_with_types_is_one_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
