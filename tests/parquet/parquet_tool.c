/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet_tool - what tests/parquet/peers.py drives to compare us with other libraries.
 *
 *     parquet_tool make SEED ROWS GROUP_ROWS FILE     a random table of every type; its rows as
 * JSON Lines on stdout parquet_tool cat FILE                           the rows of any file as JSON
 * Lines; its columns' types first
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/json_value.h"
#include "store/parquet/reader.h"
#include "tests/parquet/random_table.h"

static weir_arena scratch;

static void must(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "parquet_tool: %s\n", weir_error_message(error));
    exit(weir_error_exit_code(error));
}

static void put_line(weir_buffer *line)
{
    weir_buffer_put_u8(line, '\n');
    if (fwrite(line->data, 1, line->size, stdout) != line->size) exit(74);
    weir_buffer_clear(line);
}

/* JSON has no NaN and no infinities; here they are texts. */
static void put_value(weir_json_writer *json, weir_type type, const weir_value *value)
{
    if (value->kind == WEIR_PARQUET_BAD_VALUE) {
        weir_json_write_text(json, (const char *)value->as.bytes);
    } else if (value->kind == WEIR_FLOAT64 && !isfinite(value->as.float64)) {
        weir_json_write_text(json, isnan(value->as.float64) ? "NaN"
                                   : value->as.float64 > 0  ? "Infinity"
                                                            : "-Infinity");
    } else if (weir_is_null(value)) {
        weir_json_write_null(json);
    } else {
        weir_json_write_value(json, type, value);
    }
}

static int make(char **words)
{
    random_table table;
    weir_buffer file = {0}, line = {0};
    weir_parquet_summary summary;
    weir_parquet_options options = {.row_group_rows = (uint32_t)strtoul(words[2], NULL, 10)};
    random_table_make(&table, strtoull(words[0], NULL, 10), strtoull(words[1], NULL, 10));
    must(random_table_write_columns(&table, &options, 1000, &file, &summary));
    FILE *out = fopen(words[3], "wb");
    if (out == NULL || fwrite(file.data, 1, file.size, out) != file.size || fclose(out) != 0)
        return 74;
    for (size_t i = 0; i < table.rows; i++) {
        weir_json_writer json = {.out = &line};
        weir_json_write_begin(&json, '[');
        for (size_t k = 0; k < table.column_count; k++)
            put_value(&json, table.columns[k].type, &table.values[i * table.column_count + k]);
        weir_json_write_end(&json, ']');
        put_line(&line);
    }
    weir_buffer_deinit(&file);
    weir_buffer_deinit(&line);
    random_table_free(&table);
    return 0;
}

static int cat(char **words)
{
    weir_parquet_reader *reader = NULL;
    weir_buffer line = {0};
    must(weir_parquet_reader_open(words[0], &reader));
    size_t count = weir_parquet_reader_column_count(reader), selected = 0;
    const weir_parquet_column *columns = weir_parquet_reader_columns(reader);
    weir_type *types = weir_arena_array(&scratch, weir_type, count);
    weir_json_writer json = {.out = &line};
    weir_json_write_begin(&json, '{');
    for (size_t i = 0; i < count; i++) {
        weir_json_write_key(&json, columns[i].name);
        weir_json_write_text(&json, weir_type_print(columns[i].type, &scratch));
        if (columns[i].type.kind != WEIR_NULL) types[selected++] = columns[i].type;
    }
    weir_json_write_end(&json, '}');
    put_line(&line);
    for (size_t rows = 1; rows > 0;) {
        weir_value *const *batch = NULL;
        must(weir_parquet_reader_next(reader, &batch, &rows));
        for (size_t i = 0; i < rows; i++) {
            json = (weir_json_writer){.out = &line};
            weir_json_write_begin(&json, '[');
            for (size_t k = 0; k < selected; k++)
                put_value(&json, types[k], &batch[k][i]);
            weir_json_write_end(&json, ']');
            put_line(&line);
        }
    }
    weir_parquet_reader_close(reader);
    weir_buffer_deinit(&line);
    return 0;
}

int main(int argc, char **argv)
{
    int result = 64;
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        result = make(argv + 2);
    else if (argc == 3 && strcmp(argv[1], "cat") == 0)
        result = cat(argv + 2);
    else
        (void)fprintf(stderr,
                      "parquet_tool make SEED ROWS GROUP_ROWS FILE | parquet_tool cat FILE\n");
    weir_arena_deinit(&scratch);
    return result;
}
