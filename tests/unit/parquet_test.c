/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/column_batch.h"
#include "store/parquet/encoding.h"
#include "store/parquet/reader.h"
#include "tests/parquet/random_table.h"

static void must(weir_error *error)
{
    if (error != NULL) fail_msg("%s", weir_error_message(error));
}

static weir_bytes bytes_of(const weir_buffer *buffer)
{
    return (weir_bytes){buffer->data, buffer->size};
}

/* --- Encodings --- */

static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void hybrid_gives_back_what_it_took_at_every_width(void **state)
{
    (void)state;
    uint32_t values[3000], back[3000];
    for (unsigned width = 0; width <= 32; width++) {
        for (unsigned shape = 0; shape < 3; shape++) {
            size_t count = 1 + draw() % 3000;
            for (size_t i = 0; i < count; i++) {
                uint32_t value = width == 0 ? 0 : (uint32_t)(draw() >> (64 - width));
                bool repeats = i > 0 && draw() % 100 < 45 * shape;
                values[i] = repeats ? values[i - 1] : value;
            }
            weir_buffer out = {0};
            parquet_hybrid_encode(values, count, width, &out);
            parquet_hybrid hybrid;
            parquet_hybrid_init(&hybrid, bytes_of(&out), width);
            for (size_t i = 0; i < count;) {
                size_t n = 1 + draw() % 700;
                if (n > count - i) n = count - i;
                assert_true(parquet_hybrid_read(&hybrid, back + i, n));
                i += n;
            }
            assert_memory_equal(values, back, count * sizeof *values);
            weir_buffer_deinit(&out);
        }
    }
}

static void levels_of_any_number_come_back(void **state)
{
    (void)state;
    uint8_t values[20000], back[20000];
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof values; i++)
            values[i] = i > 0 && draw() % 10 < round % 10 ? values[i - 1] : (uint8_t)(draw() % 3);
        weir_buffer out = {0};
        parquet_hybrid hybrid;
        parquet_hybrid_encode_u8(values, sizeof values, 2, &out);
        parquet_hybrid_init(&hybrid, bytes_of(&out), 2);
        assert_true(parquet_hybrid_read_u8(&hybrid, back, sizeof back));
        assert_memory_equal(values, back, sizeof values);
        weir_buffer_deinit(&out);
    }
}

static void delta_gives_back_what_it_took(void **state)
{
    (void)state;
    int64_t values[2000], back[2000];
    for (unsigned round = 0; round < 200; round++) {
        size_t count = draw() % 2000;
        unsigned width = (unsigned)(draw() % 64) + 1;
        for (size_t i = 0; i < count; i++)
            values[i] = (int64_t)(draw() >> (64 - width)) * (round % 2 == 0 ? 1 : -1);
        weir_buffer out = {0};
        parquet_delta_encode(values, count, false, &out);
        weir_buffer_put_u8(&out, 0xaa);
        parquet_delta delta;
        const uint8_t *end = NULL;
        assert_true(parquet_delta_init(&delta, bytes_of(&out)));
        assert_int_equal(delta.value_count, count);
        assert_true(parquet_delta_end(&delta, &end));
        assert_ptr_equal(end, out.data + out.size - 1);
        for (size_t i = 0; i < count;) {
            size_t n = 1 + draw() % 300;
            if (n > count - i) n = count - i;
            assert_true(parquet_delta_read(&delta, back + i, n));
            i += n;
        }
        if (count > 0) assert_memory_equal(values, back, count * sizeof *values);
        assert_false(parquet_delta_read(&delta, back, 1));
        weir_buffer_deinit(&out);
    }
}

/* --- Files --- */

static void assert_reads_back(const random_table *table, const weir_buffer *file)
{
    weir_parquet_reader *reader = NULL;
    weir_arena scratch = {0};
    must(weir_parquet_reader_open_bytes("test", bytes_of(file), &reader));
    assert_int_equal(weir_parquet_reader_rows(reader), table->rows);
    assert_int_equal(weir_parquet_reader_column_count(reader), table->column_count);
    for (size_t row = 0;;) {
        weir_value *const *columns = NULL;
        size_t count = 0;
        must(weir_parquet_reader_next(reader, &columns, &count));
        if (count == 0) {
            assert_int_equal(row, table->rows);
            break;
        }
        for (size_t i = 0; i < count; i++, row++) {
            for (size_t k = 0; k < table->column_count; k++) {
                weir_value want =
                    random_table_as_read(table->columns[k].type,
                                         &table->values[row * table->column_count + k], &scratch);
                if (!weir_value_equal(&want, &columns[k][i]))
                    fail_msg("row %zu, column %s", row, table->columns[k].name);
            }
        }
        weir_arena_reset(&scratch);
    }
    weir_arena_deinit(&scratch);
    weir_parquet_reader_close(reader);
}

static void every_type_reads_back_bit_for_bit(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 7, 1000, 5000};
    for (size_t i = 0; i < 5; i++) {
        random_table table;
        random_table_make(&table, i + 1, sizes[i]);
        weir_buffer file = {0};
        weir_parquet_summary summary;
        weir_parquet_options options = {.row_group_rows = i == 4 ? 1999 : 0,
                                        .uncompressed = i == 2};
        must(random_table_write_rows(&table, &options, &file, &summary));
        assert_int_equal(summary.bytes, file.size);
        assert_int_equal(summary.row_groups, sizes[i] == 0 ? 0 : i == 4 ? 3 : 1);
        assert_reads_back(&table, &file);
        weir_buffer_deinit(&file);
        random_table_free(&table);
    }
}

static void rows_and_columns_in_any_batches_give_the_same_bytes(void **state)
{
    (void)state;
    random_table table;
    random_table_make(&table, 77, 4000);
    weir_buffer rows = {0};
    weir_parquet_summary first, other;
    weir_parquet_options options = {.row_group_rows = 1500};
    must(random_table_write_rows(&table, &options, &rows, &first));
    const size_t batches[] = {1, 63, 1000, 4000};
    for (size_t i = 0; i < 4; i++) {
        weir_buffer columns = {0};
        must(random_table_write_columns(&table, &options, batches[i], &columns, &other));
        assert_string_equal(first.content_sha256, other.content_sha256);
        assert_int_equal(rows.size, columns.size);
        assert_memory_equal(rows.data, columns.data, rows.size);
        weir_buffer_deinit(&columns);
    }
    weir_buffer_deinit(&rows);
    random_table_free(&table);
}

static weir_error *keep(void *context, const void *data, size_t size)
{
    weir_buffer_put(context, data, size);
    return NULL;
}

/* Gathered by column_batch.h, which an export does with the rows of a fold. */
static void write_batches(const random_table *table, const weir_parquet_options *options,
                          weir_buffer *out, weir_parquet_summary *summary)
{
    weir_parquet_writer *writer = NULL;
    weir_column_batch batch;
    const weir_value *row[RANDOM_COLUMNS];
    must(weir_parquet_writer_create(table->columns, table->column_count, options,
                                    (weir_parquet_sink){keep, out}, &writer));
    weir_column_batch_init(&batch, table->columns, table->column_count);
    for (size_t i = 0; i < table->rows; i++) {
        for (size_t k = 0; k < table->column_count; k++)
            row[k] = &table->values[i * table->column_count + k];
        weir_column_batch_add(&batch, row);
        if (i + 1 < table->rows && !weir_column_batch_is_full(&batch)) continue;
        must(weir_parquet_writer_add_columns(writer, weir_column_batch_vectors(&batch),
                                             batch.row_count));
        weir_column_batch_clear(&batch);
    }
    weir_column_batch_deinit(&batch);
    must(weir_parquet_writer_finish(writer, summary));
    weir_parquet_writer_destroy(writer);
}

static void gathered_rows_give_the_same_bytes(void **state)
{
    (void)state;
    const size_t sizes[] = {1, WEIR_COLUMN_BATCH_ROWS, 2 * WEIR_COLUMN_BATCH_ROWS + 77};
    for (size_t i = 0; i < 3; i++) {
        random_table table;
        random_table_make(&table, 31 + i, sizes[i]);
        weir_buffer rows = {0}, batches = {0};
        weir_parquet_summary first, other;
        weir_parquet_options options = {.row_group_rows = 640};
        must(random_table_write_rows(&table, &options, &rows, &first));
        write_batches(&table, &options, &batches, &other);
        assert_int_equal(rows.size, batches.size);
        assert_memory_equal(rows.data, batches.data, rows.size);
        weir_buffer_deinit(&rows);
        weir_buffer_deinit(&batches);
        random_table_free(&table);
    }
}

static weir_error *forget(void *context, const void *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return NULL;
}

/* Texts alone end a row group by its bytes. Batches are looked at as a whole where they fit. */
static void long_texts_end_a_group_at_the_same_row_whichever_way_they_come(void **state)
{
    (void)state;
    enum { ROWS = 1100, TEXT = 100000 };
    const weir_parquet_column columns[] = {{"n", {.kind = WEIR_INT64}},
                                           {"text", {.kind = WEIR_STRING, .optional = true}}};
    char *text = calloc(1, TEXT);
    int64_t numbers[ROWS];
    weir_bytes texts[ROWS];
    uint8_t valid[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        numbers[i] = (int64_t)i;
        texts[i] = (weir_bytes){(const uint8_t *)text, i % 7 == 0 ? 3 : TEXT};
        valid[i] = i % 5 != 0;
    }
    weir_parquet_summary first, other;
    for (size_t batch = 1; batch <= ROWS; batch *= 400) {
        weir_parquet_writer *writer = NULL;
        must(weir_parquet_writer_create(columns, 2, NULL, (weir_parquet_sink){forget, NULL},
                                        &writer));
        for (size_t from = 0; from < ROWS; from += batch) {
            weir_parquet_vector vectors[] = {{numbers + from, NULL}, {texts + from, valid + from}};
            size_t count = ROWS - from < batch ? ROWS - from : batch;
            must(weir_parquet_writer_add_columns(writer, vectors, count));
        }
        must(weir_parquet_writer_finish(writer, batch == 1 ? &first : &other));
        weir_parquet_writer_destroy(writer);
        if (batch > 1) assert_string_equal(first.file_sha256, other.file_sha256);
    }
    assert_int_equal(first.row_groups, 2);
    free(text);
}

static void compression_changes_no_content_hash(void **state)
{
    (void)state;
    random_table table;
    random_table_make(&table, 5, 500);
    weir_buffer a = {0}, b = {0};
    weir_parquet_summary packed, plain;
    must(random_table_write_rows(&table, NULL, &a, &packed));
    must(
        random_table_write_rows(&table, &(weir_parquet_options){.uncompressed = true}, &b, &plain));
    assert_string_equal(packed.content_sha256, plain.content_sha256);
    assert_string_not_equal(packed.file_sha256, plain.file_sha256);
    weir_buffer_deinit(&a);
    weir_buffer_deinit(&b);
    random_table_free(&table);
}

static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    (void)state;
    random_table table;
    random_table_make(&table, 9, 60);
    weir_buffer file = {0};
    weir_parquet_summary summary;
    weir_parquet_verdict verdict;
    must(random_table_write_rows(&table, NULL, &file, &summary));
    must(weir_parquet_verify_bytes("test", bytes_of(&file), &verdict));
    assert_true(verdict.has_hashes);
    assert_int_equal(verdict.rows, 60);
    assert_string_equal(verdict.content_sha256, summary.content_sha256);
    assert_string_equal(verdict.file_sha256, summary.file_sha256);
    for (size_t i = draw() % 5; i < file.size; i += 1 + draw() % 5) {
        uint8_t bit = (uint8_t)(1u << (draw() % 8));
        file.data[i] ^= bit;
        weir_error *error = weir_parquet_verify_bytes("test", bytes_of(&file), &verdict);
        if (error == NULL) fail_msg("bit %02x of byte %zu of %zu was not found", bit, i, file.size);
        weir_error_free(error);
        file.data[i] ^= bit;
    }
    for (size_t size = 0; size < file.size; size += 1 + size / 50) {
        weir_error *error =
            weir_parquet_verify_bytes("test", (weir_bytes){file.data, size}, &verdict);
        assert_non_null(error);
        weir_error_free(error);
    }
    weir_buffer_deinit(&file);
    random_table_free(&table);
}

static void a_damaged_page_is_named(void **state)
{
    (void)state;
    random_table table;
    random_table_make(&table, 9, 3000);
    weir_buffer file = {0};
    weir_parquet_summary summary;
    weir_parquet_verdict verdict;
    must(random_table_write_rows(&table, NULL, &file, &summary));
    file.data[file.size / 3] ^= 1;
    weir_error *error = weir_parquet_verify_bytes("x.parquet", bytes_of(&file), &verdict);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CORRUPT);
    assert_non_null(strstr(weir_error_message(error), "x.parquet: row group 0, column "));
    weir_error_free(error);
    weir_buffer_deinit(&file);
    random_table_free(&table);
}

static weir_error *refuse(void *context, const void *data, size_t size)
{
    (void)data;
    (void)size;
    int *left = context;
    return (*left)-- > 0 ? NULL : weir_error_new(WEIR_E_DISK_FULL, "no room");
}

static void a_failing_sink_stops_the_writer_for_good(void **state)
{
    (void)state;
    weir_parquet_column column = {"a", weir_type_of(WEIR_INT64)};
    weir_value value = weir_int(1);
    for (int writes = 1; writes < 4; writes++) {
        int left = writes;
        weir_parquet_writer *writer = NULL;
        weir_parquet_summary summary;
        weir_parquet_options options = {.row_group_rows = 2};
        must(weir_parquet_writer_create(&column, 1, &options, (weir_parquet_sink){refuse, &left},
                                        &writer));
        weir_error *error = NULL;
        for (int i = 0; i < 10 && error == NULL; i++)
            error = weir_parquet_writer_add_row(writer, &value);
        if (error == NULL) error = weir_parquet_writer_finish(writer, &summary);
        assert_int_equal(weir_error_code_of(error), WEIR_E_DISK_FULL);
        weir_error_free(error);
        error = weir_parquet_writer_add_row(writer, &value);
        assert_non_null(error);
        weir_error_free(error);
        weir_parquet_writer_destroy(writer);
    }
}

static void what_can_not_be_stored_is_refused(void **state)
{
    (void)state;
    int left = 1000;
    weir_parquet_writer *writer = NULL;
    weir_parquet_sink sink = {refuse, &left};
    weir_parquet_column twice[] = {{"a", weir_type_of(WEIR_INT64)}, {"a", weir_type_of(WEIR_BOOL)}};
    weir_error *error = weir_parquet_writer_create(twice, 2, NULL, sink, &writer);
    assert_int_equal(weir_error_code_of(error), WEIR_E_SCHEMA);
    weir_error_free(error);
    weir_parquet_column decimal = {"d", weir_type_decimal(3, 1)};
    weir_value value = weir_decimal(1000);
    must(weir_parquet_writer_create(&decimal, 1, NULL, sink, &writer));
    error = weir_parquet_writer_add_row(writer, &value);
    assert_int_equal(weir_error_code_of(error), WEIR_E_DATA);
    weir_error_free(error);
    weir_parquet_writer_destroy(writer);
    must(weir_parquet_writer_create(&decimal, 1, NULL, sink, &writer));
    value = weir_null();
    error = weir_parquet_writer_add_row(writer, &value);
    assert_non_null(strstr(weir_error_message(error), "not optional"));
    weir_error_free(error);
    weir_parquet_writer_destroy(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hybrid_gives_back_what_it_took_at_every_width),
        cmocka_unit_test(levels_of_any_number_come_back),
        cmocka_unit_test(delta_gives_back_what_it_took),
        cmocka_unit_test(every_type_reads_back_bit_for_bit),
        cmocka_unit_test(rows_and_columns_in_any_batches_give_the_same_bytes),
        cmocka_unit_test(gathered_rows_give_the_same_bytes),
        cmocka_unit_test(long_texts_end_a_group_at_the_same_row_whichever_way_they_come),
        cmocka_unit_test(compression_changes_no_content_hash),
        cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
        cmocka_unit_test(a_damaged_page_is_named),
        cmocka_unit_test(a_failing_sink_stops_the_writer_for_good),
        cmocka_unit_test(what_can_not_be_stored_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
