/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parquet files as rows: only the columns that are wanted are read. A value that does not become
 * the wanted type makes its row bad; a damaged page ends the file, since what follows it can not be
 * told apart.
 */
#include "ingest/rows_internal.h"
#include "store/parquet/reader.h"

typedef struct parquet_rows {
    weir_parquet_reader *reader;
    size_t *slots; /* a want's place among the selected columns, or SIZE_MAX */
    weir_value *const *batch;
    size_t batch_rows, batch_next;
} parquet_rows;

static weir_error *open_parquet(weir_rows *rows)
{
    parquet_rows *p = weir_arena_new(&rows->arena, parquet_rows);
    rows->state = p;
    WEIR_TRY(weir_parquet_reader_open(rows->path, &p->reader));
    size_t count = weir_parquet_reader_column_count(p->reader);
    const weir_parquet_column *columns = weir_parquet_reader_columns(p->reader);
    weir_rows_column *named = weir_arena_array(&rows->arena, weir_rows_column, count);
    for (size_t i = 0; i < count; i++)
        named[i] = (weir_rows_column){columns[i].name, columns[i].type};
    rows->columns = named;
    rows->column_count = count;
    return NULL;
}

static void close_parquet(weir_rows *rows)
{
    parquet_rows *p = rows->state;
    if (p != NULL) weir_parquet_reader_close(p->reader);
}

static weir_error *bind_parquet(weir_rows *rows)
{
    parquet_rows *p = rows->state;
    size_t *selected = weir_arena_array(&rows->arena, size_t, rows->want_count), count = 0;
    p->slots = weir_arena_array(&rows->arena, size_t, rows->want_count);
    for (size_t i = 0; i < rows->want_count; i++) {
        p->slots[i] = SIZE_MAX;
        if (rows->sources[i] == SIZE_MAX) continue;
        p->slots[i] = count;
        selected[count++] = rows->sources[i];
    }
    return weir_parquet_reader_select(p->reader, selected, count);
}

static bool take_value(const weir_rows *rows, size_t index, weir_arena *scratch, weir_value *out,
                       weir_row *row)
{
    const parquet_rows *p = rows->state;
    const weir_rows_want *want = &rows->wants[index];
    const weir_value *stored = &p->batch[p->slots[index]][p->batch_next];
    const char *problem = NULL;
    bool bad_number = false;
    if (stored->kind == WEIR_PARQUET_BAD_VALUE) {
        rows_bad_value(rows, row, want, (weir_bytes){0}, (const char *)stored->as.bytes);
        return false;
    }
    weir_type from = rows->columns[rows->sources[index]].type;
    if (weir_rows_convert(from, stored, want->type, want->unit, scratch, out, &bad_number,
                          &problem)) {
        row->nulled_numbers += bad_number;
        return true;
    }
    weir_buffer text = {0};
    from.optional = false;
    bool is_shown = !weir_is_null(stored) && !bad_number;
    if (is_shown) weir_text_write_value(&text, from, stored);
    row->bad_number = bad_number;
    rows_bad_value(rows, row, want, (weir_bytes){text.data, text.size}, problem);
    weir_buffer_deinit(&text);
    return false;
}

static weir_error *next_parquet(weir_rows *rows, weir_arena *scratch, weir_value *values,
                                weir_row *row)
{
    parquet_rows *p = rows->state;
    if (p->batch_next == p->batch_rows) {
        p->batch_next = 0;
        WEIR_TRY(weir_parquet_reader_next(p->reader, &p->batch, &p->batch_rows));
        if (p->batch_rows == 0) {
            row->status = WEIR_ROW_END;
            return NULL;
        }
    }
    for (size_t i = 0; i < rows->want_count; i++) {
        values[i] = weir_null();
        if (p->slots[i] != SIZE_MAX && !take_value(rows, i, scratch, &values[i], row)) break;
    }
    p->batch_next++;
    return NULL;
}

const rows_form weir_rows_form_parquet = {
    .name = "Parquet",
    .open = open_parquet,
    .bind = bind_parquet,
    .next = next_parquet,
    .close = close_parquet,
};
