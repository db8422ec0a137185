/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV as RFC 4180 has it: a header, cells in quotes where they hold separators, quotes ("" for one)
 * or line ends; LF and CRLF alike, a UTF-8 byte order mark allowed. An empty cell is null where the
 * type is optional, absent where it may be; `""` is the empty string. Empty lines are skipped, but in a table of one
 * column, where they are an empty cell.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ingest/rows_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"

typedef struct cell {
    weir_bytes text;
    bool is_quoted;
} cell;

typedef struct csv {
    rows_text text;
    char separator;
    cell *cells;
    bool has_pending; /* no header: the first record was read to count the columns */
    weir_bytes pending;
    uint64_t pending_line;
} csv;

/* One cell at *at, which moves behind its separator. False, with a problem, if its quotes are
 * wrong. */
static bool take_cell(const csv *c, const uint8_t **at, const uint8_t *end, weir_arena *scratch,
                      cell *out, const char **problem)
{
    const uint8_t *from = *at;
    if (from == end || *from != '"') {
        const uint8_t *stop = memchr(from, c->separator, (size_t)(end - from));
        *out = (cell){{from, (size_t)((stop == NULL ? end : stop) - from)}, false};
        *at = stop == NULL ? NULL : stop + 1;
        return true;
    }
    const uint8_t *begin = ++from;
    size_t escapes = 0;
    for (; from < end; from++) {
        if (*from != '"') continue;
        if (from + 1 == end || from[1] != '"') break;
        escapes++;
        from++;
    }
    if (from >= end) {
        *problem = "a quote is not closed";
        return false;
    }
    *out = (cell){{begin, (size_t)(from - begin)}, true};
    if (escapes > 0) {
        uint8_t *copy = weir_arena_alloc(scratch, out->text.size);
        size_t size = 0;
        for (size_t i = 0; i < out->text.size; i++) {
            copy[size++] = begin[i];
            if (begin[i] == '"') i++;
        }
        out->text = (weir_bytes){copy, size};
    }
    from++;
    if (from < end && *from != (uint8_t)c->separator) {
        *problem = "text follows a closing quote; write a quote inside a cell as \"\"";
        return false;
    }
    *at = from < end ? from + 1 : NULL;
    return true;
}

/* All cells of a record; *count_out is how many there are, of which at most `most` are kept. */
static bool split(const csv *c, weir_bytes record, weir_arena *scratch, cell *cells, size_t most,
                  size_t *count_out, const char **problem)
{
    const uint8_t *at = record.data, *end = record.data + record.size;
    size_t count = 0;
    while (at != NULL) {
        cell one;
        if (!take_cell(c, &at, end, scratch, &one, problem)) return false;
        if (count < most) cells[count] = one;
        count++;
    }
    *count_out = count;
    return true;
}

static weir_error *bad_header(const weir_rows *rows, const char *problem)
{
    return weir_error_new(WEIR_E_DATA, "%s: line 1: %s", rows->path, problem);
}

static weir_error *check_header(const weir_rows *rows, const weir_rows_column *columns,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (columns[i].name[0] == '\0' && count > 1)
            return bad_header(rows, "a column of the header has no name");
        if (!weir_utf8_is_valid(columns[i].name, strlen(columns[i].name)))
            return bad_header(rows, "the header is no UTF-8 text; is this a CSV file?");
        const char *cr = strchr(columns[i].name, '\r');
        if (cr != NULL && cr[1] != '\n')
            return bad_header(rows,
                              "a carriage return without a line feed; lines end in LF or CRLF");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(columns[i].name, columns[k].name) == 0) {
                return weir_error_new(WEIR_E_DATA,
                                      "%s: line 1: two columns are called `%s`; rename one",
                                      rows->path, columns[i].name);
            }
        }
    }
    return NULL;
}

static weir_error *read_header(weir_rows *rows, csv *c)
{
    rows_record status = ROWS_RECORD_END;
    weir_bytes record = {0};
    WEIR_TRY(rows_text_next(&c->text, c->separator, &record, &status));
    if (status == ROWS_RECORD_END)
        return bad_header(rows, "the file is empty; a CSV file begins with a header");
    if (status != ROWS_RECORD_OK)
        return bad_header(rows, "the header is too long or has an open quote");
    if (record.size >= 3 && memcmp(record.data, "\xef\xbb\xbf", 3) == 0) {
        record.data += 3;
        record.size -= 3;
    }
    size_t count = 0, most = WEIR_ROWS_COLUMNS_MAX;
    const char *problem = NULL;
    cell *cells = weir_arena_array(&rows->arena, cell, most);
    if (!split(c, record, &rows->arena, cells, most, &count, &problem))
        return bad_header(rows, problem);
    if (count > most) return bad_header(rows, "more than 4096 columns");
    weir_rows_column *columns = weir_arena_array(&rows->arena, weir_rows_column, count);
    for (size_t i = 0; i < count; i++) {
        columns[i].name = rows->options.no_header
                              ? weir_arena_printf(&rows->arena, "%zu", i)
                              : weir_arena_string(&rows->arena, (const char *)cells[i].text.data,
                                                  cells[i].text.size);
    }
    if (!rows->options.no_header) WEIR_TRY(check_header(rows, columns, count));
    rows->columns = columns;
    rows->column_count = count;
    c->cells = cells;
    if (rows->options.no_header) {
        c->has_pending = true;
        c->pending_line = c->text.line;
        c->pending.data = weir_arena_copy(&rows->arena, record.data, record.size);
        c->pending.size = record.size;
    }
    return NULL;
}

static weir_error *open_csv(weir_rows *rows)
{
    csv *c = weir_arena_new(&rows->arena, csv);
    rows->state = c;
    c->separator = rows->options.separator != 0 ? rows->options.separator : ',';
    rows_text_open(rows, &c->text);
    return read_header(rows, c);
}

static void close_csv(weir_rows *rows)
{
    csv *c = rows->state;
    if (c != NULL) rows_text_close(&c->text);
}

static weir_error *next_record(weir_rows *rows, weir_bytes *record_out, weir_row *row)
{
    csv *c = rows->state;
    rows_record status = ROWS_RECORD_OK;
    if (c->has_pending) {
        c->has_pending = false;
        *record_out = c->pending;
        row->line = c->pending_line;
    } else {
        do {
            WEIR_TRY(rows_text_next(&c->text, c->separator, record_out, &status));
        } while (status == ROWS_RECORD_OK && record_out->size == 0 && rows->column_count > 1);
        row->line = c->text.line;
    }
    row->status = status == ROWS_RECORD_END ? WEIR_ROW_END : WEIR_ROW_OK;
    if (status == ROWS_RECORD_TOO_LONG) {
        rows_problem(row, "line %" PRIu64 ": longer than %d bytes", row->line, WEIR_ROWS_LINE_MAX);
    } else if (status == ROWS_RECORD_OPEN_QUOTE) {
        rows_problem(row, "line %" PRIu64 ": a quote is not closed (or only after %d bytes)",
                     row->line, WEIR_ROWS_LINE_MAX);
    }
    return NULL;
}

static bool read_cell(const weir_rows *rows, const weir_rows_want *want, const cell *from,
                      weir_arena *scratch, weir_value *value, weir_row *row)
{
    const char *problem = NULL;
    bool bad_number = false;
    if (!from->is_quoted && from->text.size == 0 && want->may_be_absent) {
        *value = weir_null();
        return true;
    }
    if (from->is_quoted && from->text.size == 0 && want->type.kind == WEIR_STRING) {
        *value = weir_string(from->text.data, 0);
        return true;
    }
    bool ok = weir_text_read_value((const char *)from->text.data, from->text.size, want->type,
                                   want->unit, scratch, value, &bad_number, &problem);
    if (ok) {
        row->nulled_numbers += bad_number;
    } else {
        row->bad_number = bad_number;
        rows_bad_value(rows, row, want, from->text, problem);
    }
    return ok;
}

static weir_error *next_csv(weir_rows *rows, weir_arena *scratch, weir_value *values, weir_row *row)
{
    csv *c = rows->state;
    weir_bytes record = {0};
    WEIR_TRY(next_record(rows, &record, row));
    if (row->status != WEIR_ROW_OK) return NULL;
    size_t count = 0;
    const char *problem = NULL;
    if (!split(c, record, scratch, c->cells, rows->column_count, &count, &problem)) {
        rows_problem(row, "line %" PRIu64 ": %s", row->line, problem);
    } else if (count != rows->column_count) {
        rows_problem(row, "line %" PRIu64 ": %zu cells where the header has %zu", row->line, count,
                     rows->column_count);
    } else {
        for (size_t i = 0; i < rows->want_count; i++) {
            values[i] = weir_null();
            if (rows->sources[i] == SIZE_MAX) continue;
            if (!read_cell(rows, &rows->wants[i], &c->cells[rows->sources[i]], scratch, &values[i],
                           row))
                break;
        }
    }
    return NULL;
}

static weir_error *next_line_csv(weir_rows *rows, weir_bytes *text_out, weir_row *row)
{
    return next_record(rows, text_out, row);
}

const rows_form weir_rows_form_csv = {
    .name = "CSV",
    .open = open_csv,
    .next = next_csv,
    .next_line = next_line_csv,
    .close = close_csv,
};
