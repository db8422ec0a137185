/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/rows_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"

#define ROWS_MAGIC 0x53574f52u /* "ROWS" */

/* --- Problems --- */

void rows_problem(weir_row *row, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(row->problem, sizeof row->problem, format, arguments);
    va_end(arguments);
    row->status = WEIR_ROW_BAD;
}

void rows_bad_value(const weir_rows *rows, weir_row *row, const weir_rows_want *want,
                    weir_bytes text, const char *problem)
{
    weir_arena scratch = {0};
    char place[64], shown[WEIR_SHOWN_TEXT_MAX];
    if (row->line > 0) {
        (void)snprintf(place, sizeof place, "line %" PRIu64, row->line);
    } else {
        (void)snprintf(place, sizeof place, "row %" PRIu64, rows->index);
    }
    rows_problem(row, "%s, column %s: %s%s%s (wants %s)", place, want->name,
                 text.size > 0 ? weir_text_show(text.data, text.size, shown) : "",
                 text.size > 0 ? ": " : "", problem, weir_type_print(want->type, &scratch));
    weir_arena_deinit(&scratch);
}

/* --- Opening --- */

static const rows_form *const forms[] = {
    [WEIR_ROWS_CSV] = &weir_rows_form_csv,
    [WEIR_ROWS_JSONL] = &weir_rows_form_jsonl,
    [WEIR_ROWS_AVRO] = &weir_rows_form_avro,
    [WEIR_ROWS_PARQUET] = &weir_rows_form_parquet,
};

weir_error *weir_rows_open(const char *path, const weir_rows_options *options, weir_rows **rows_out)
{
    *rows_out = NULL;
    weir_rows *rows = calloc(1, sizeof *rows);
    WEIR_ASSERT(rows != NULL);
    rows->magic = ROWS_MAGIC;
    rows->fd = -1;
    rows->path = weir_arena_string(&rows->arena, path, strlen(path));
    if (options != NULL) rows->options = *options;
    weir_error *error = rows_open_input(rows);
    if (error == NULL) {
        rows->form = forms[rows->format];
        error = rows->form->open(rows);
    }
    if (error != NULL) {
        weir_rows_close(rows);
        return error;
    }
    *rows_out = rows;
    return NULL;
}

void weir_rows_close(weir_rows *rows)
{
    if (rows == NULL) return;
    WEIR_ASSERT(rows->magic == ROWS_MAGIC);
    if (rows->form != NULL) rows->form->close(rows);
    if (rows->fd >= 0) (void)close(rows->fd);
    weir_arena_deinit(&rows->arena);
    rows->magic = 0;
    free(rows);
}

/* --- Columns --- */

weir_rows_format weir_rows_format_of(const weir_rows *rows) { return rows->format; }

const weir_rows_column *weir_rows_columns(weir_rows *rows, size_t *count_out)
{
    if (rows->format == WEIR_ROWS_JSONL && rows->columns == NULL) weir_rows_peek_members(rows);
    *count_out = rows->column_count;
    return rows->columns;
}

static size_t find_column(const weir_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->column_count; i++) {
        if (strcmp(rows->columns[i].name, name) == 0) return i;
    }
    return SIZE_MAX;
}

bool weir_rows_has(const weir_rows *rows, const char *name)
{
    return rows->format == WEIR_ROWS_JSONL || find_column(rows, name) != SIZE_MAX;
}

static weir_error *no_column(const weir_rows *rows, const char *name)
{
    weir_arena scratch = {0};
    const char *list = "";
    char text[WEIR_SHOWN_TEXT_MAX];
    size_t shown = rows->column_count < 20 ? rows->column_count : 20;
    for (size_t i = 0; i < shown; i++) {
        const char *known = rows->columns[i].name;
        list = weir_arena_printf(&scratch, "%s%s%s", list, i == 0 ? "" : ", ",
                                 weir_text_show(known, strlen(known), text));
    }
    weir_error *error =
        weir_error_new(WEIR_E_DATA, "%s: no column `%s`; the file has %s%s", rows->path, name, list,
                       shown < rows->column_count ? ", ..." : "");
    weir_arena_deinit(&scratch);
    return error;
}

/* A want that is absent, but whose parts are there, would be null without a word. */
static weir_error *check_parts(const weir_rows *rows, const weir_rows_want *want)
{
    weir_arena scratch = {0};
    weir_error *error = NULL;
    size_t size = strlen(want->name);
    for (size_t i = 0; i < rows->column_count && error == NULL; i++) {
        const char *name = rows->columns[i].name;
        if (strncmp(name, want->name, size) != 0 || name[size] != '.') continue;
        char text[WEIR_SHOWN_TEXT_MAX];
        error = weir_error_new(WEIR_E_DATA,
                               "%s: %s, %s, is no column but has parts, such as %s; write it as "
                               "one, or name its parts in the schema",
                               rows->path, want->name, weir_type_print(want->type, &scratch),
                               weir_text_show(name, strlen(name), text));
    }
    weir_arena_deinit(&scratch);
    return error;
}

static bool is_found(const weir_rows *rows, const weir_rows_want *want, size_t source)
{
    return rows->format == WEIR_ROWS_JSONL || source != SIZE_MAX ||
           (rows->form->has_otherwise != NULL && rows->form->has_otherwise(rows, want));
}

weir_error *weir_rows_bind(weir_rows *rows, const weir_rows_want *wants, size_t count)
{
    weir_rows_want *copies = weir_arena_array(&rows->arena, weir_rows_want, count);
    rows->sources = weir_arena_array(&rows->arena, size_t, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = wants[i];
        copies[i].name = weir_arena_string(&rows->arena, wants[i].name, strlen(wants[i].name));
        rows->sources[i] = find_column(rows, wants[i].name);
        if (is_found(rows, &wants[i], rows->sources[i])) continue;
        WEIR_TRY(check_parts(rows, &wants[i]));
        if (!wants[i].may_be_absent) return no_column(rows, wants[i].name);
    }
    rows->wants = copies;
    rows->want_count = count;
    return rows->form->bind != NULL ? rows->form->bind(rows) : NULL;
}

/* --- Rows --- */

/* Each form's errors name the file. */
static weir_error *counted(weir_rows *rows, weir_error *error, const weir_row *row)
{
    if (error != NULL) return error;
    if (row->status != WEIR_ROW_END) rows->index++;
    return NULL;
}

/* Not by assignment: that would clear the text, which is as long as a row. */
static void begin_row(const weir_rows *rows, weir_row *row)
{
    row->status = WEIR_ROW_OK;
    row->index = rows->index;
    row->line = 0;
    row->nulled_numbers = 0;
    row->bad_number = false;
    row->problem[0] = '\0';
}

weir_error *weir_rows_next(weir_rows *rows, weir_arena *scratch, weir_value *values,
                           weir_row *row_out)
{
    WEIR_ASSERT(rows->magic == ROWS_MAGIC && (rows->wants != NULL || rows->want_count == 0));
    begin_row(rows, row_out);
    return counted(rows, rows->form->next(rows, scratch, values, row_out), row_out);
}

weir_error *weir_rows_next_line(weir_rows *rows, weir_bytes *text_out, weir_row *row_out)
{
    WEIR_ASSERT(rows->magic == ROWS_MAGIC);
    if (rows->form->next_line == NULL) {
        return weir_error_new(WEIR_E_USAGE, "%s: a file of %s has no lines", rows->path,
                              rows->form->name);
    }
    begin_row(rows, row_out);
    *text_out = (weir_bytes){0};
    return counted(rows, rows->form->next_line(rows, text_out, row_out), row_out);
}
