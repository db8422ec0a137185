/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/listing.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json.h"

weir_listing weir_listing_begin(weir_cli *cli, const char *const *columns, size_t column_count)
{
    WEIR_ASSERT(column_count > 0);
    return (weir_listing){.cli = cli, .columns = columns, .column_count = column_count};
}

static void add(weir_listing *list, weir_listing_cell cell)
{
    if (list->cell_count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        weir_listing_cell *cells = weir_arena_array(&list->cli->arena, weir_listing_cell, capacity);
        if (list->cell_count > 0) memcpy(cells, list->cells, list->cell_count * sizeof *cells);
        list->cells = cells;
        list->capacity = capacity;
    }
    list->cells[list->cell_count++] = cell;
}

void weir_listing_text(weir_listing *list, const char *text)
{
    if (text != NULL) text = weir_arena_string(&list->cli->arena, text, strlen(text));
    add(list, (weir_listing_cell){.text = text});
}

void weir_listing_int(weir_listing *list, int64_t number)
{
    const char *text = weir_arena_printf(&list->cli->arena, "%lld", (long long)number);
    add(list, (weir_listing_cell){.text = text, .is_raw = true});
}

void weir_listing_bool(weir_listing *list, bool truth)
{
    add(list, (weir_listing_cell){.text = truth ? "true" : "false", .is_raw = true});
}

static void print_object(const weir_listing *list, size_t row, weir_json_writer *writer)
{
    weir_json_write_begin(writer, '{');
    for (size_t c = 0; c < list->column_count; c++) {
        const weir_listing_cell *cell = &list->cells[row * list->column_count + c];
        weir_json_write_key(writer, list->columns[c]);
        if (cell->text == NULL)
            weir_json_write_null(writer);
        else if (cell->is_raw)
            weir_json_write_raw(writer, cell->text, strlen(cell->text));
        else
            weir_json_write_text(writer, cell->text);
    }
    weir_json_write_end(writer, '}');
}

static void print_json(const weir_listing *list, size_t rows, weir_buffer *out)
{
    bool is_lines = list->cli->format == WEIR_FORMAT_JSONL;
    weir_json_writer writer = {.out = out, .pretty = !is_lines};
    if (!is_lines) weir_json_write_begin(&writer, '[');
    for (size_t r = 0; r < rows; r++) {
        if (is_lines) writer = (weir_json_writer){.out = out};
        print_object(list, r, &writer);
        if (is_lines) weir_buffer_put_u8(out, '\n');
    }
    if (is_lines) return;
    weir_json_write_end(&writer, ']');
    weir_buffer_put_u8(out, '\n');
}

static void print_csv_cell(const char *text, weir_buffer *out)
{
    if (text == NULL) return;
    bool needs_quotes = text[0] == '\0' || strpbrk(text, ",\"\r\n") != NULL;
    if (needs_quotes) weir_buffer_put_u8(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') weir_buffer_put_u8(out, '"');
        weir_buffer_put_u8(out, (uint8_t)*text);
    }
    if (needs_quotes) weir_buffer_put_u8(out, '"');
}

static void print_csv(const weir_listing *list, size_t rows, weir_buffer *out)
{
    for (size_t c = 0; c < list->column_count; c++) {
        if (c > 0) weir_buffer_put_u8(out, ',');
        print_csv_cell(list->columns[c], out);
    }
    weir_buffer_put_u8(out, '\n');
    for (size_t i = 0; i < rows * list->column_count; i++) {
        print_csv_cell(list->cells[i].text, out);
        weir_buffer_put_u8(out, (i + 1) % list->column_count == 0 ? '\n' : ',');
    }
}

static size_t width_of(const weir_listing *list, size_t rows, size_t column)
{
    size_t width = strlen(list->columns[column]);
    for (size_t r = 0; r < rows; r++) {
        const char *text = list->cells[r * list->column_count + column].text;
        size_t size = text == NULL ? 0 : strlen(text);
        if (size > width) width = size;
    }
    return width;
}

static void print_table(const weir_listing *list, size_t rows, weir_buffer *out)
{
    size_t *widths = weir_arena_array(&list->cli->arena, size_t, list->column_count);
    for (size_t c = 0; c < list->column_count; c++)
        widths[c] = width_of(list, rows, c);
    for (size_t r = 0; r <= rows; r++) {
        for (size_t c = 0; c < list->column_count; c++) {
            const char *text =
                r == 0 ? list->columns[c] : list->cells[(r - 1) * list->column_count + c].text;
            bool is_last = c + 1 == list->column_count;
            weir_buffer_printf(out, "%-*s%s", is_last ? 0 : (int)widths[c],
                               text == NULL ? "" : text, is_last ? "\n" : "  ");
        }
    }
}

void weir_listing_end(weir_listing *list)
{
    WEIR_ASSERT(list->cell_count % list->column_count == 0);
    size_t rows = list->cell_count / list->column_count;
    weir_buffer out = {0};
    weir_format format = list->cli->format;
    if (format == WEIR_FORMAT_JSON || format == WEIR_FORMAT_JSONL)
        print_json(list, rows, &out);
    else if (format == WEIR_FORMAT_CSV)
        print_csv(list, rows, &out);
    else
        print_table(list, rows, &out);
    if (out.size > 0) (void)fwrite(out.data, 1, out.size, stdout);
    weir_buffer_deinit(&out);
}
