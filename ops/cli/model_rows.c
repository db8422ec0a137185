/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/model_rows.h"

#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

struct weir_model_rows {
    const weir_model_info *info;
    const char *path;
    weir_rows *rows;
    size_t batch_rows, column_count;
    bool is_json;
    weir_rows_want *wants;
    weir_value *values;
    weir_model_tensor *inputs;
    weir_arena arena;
    weir_arena scratch; /* of one batch */
};

size_t weir_model_column_count(const weir_model_info *info)
{
    size_t count = 0;
    for (size_t i = 0; i < info->input_count; i++)
        count += info->inputs[i].width;
    return count;
}

static const weir_model_port *port_of(const weir_model_info *info, size_t *column)
{
    size_t port = 0;
    while (*column >= info->inputs[port].width)
        *column -= info->inputs[port++].width;
    return &info->inputs[port];
}

const char *weir_model_column_name(const weir_model_info *info, size_t column, weir_arena *into)
{
    const weir_model_port *port = port_of(info, &column);
    if (port->column_names != NULL) return port->column_names[column];
    if (port->width == 1) return port->name;
    return weir_arena_printf(into, "%s[%zu]", port->name, column);
}

/* --- columns
 * ---------------------------------------------------------------------------------------- */

/* A member `a` of JSON Lines holds the column `a`, or columns `a.b` below it. */
static size_t count_named(weir_model_rows *r)
{
    size_t count, named = 0;
    const weir_rows_column *columns = weir_rows_columns(r->rows, &count);
    for (size_t i = 0; i < r->column_count; i++) {
        bool is_named = false;
        for (size_t c = 0; c < count && !is_named; c++) {
            size_t size = strlen(columns[c].name);
            const char *wanted = r->wants[i].name;
            is_named = strncmp(wanted, columns[c].name, size) == 0 &&
                       (wanted[size] == '\0' || (r->is_json && wanted[size] == '.'));
        }
        named += is_named;
    }
    return named;
}

/*
 * By name where the names are there. In JSON Lines a member may be absent, which is null, so some of
 * them are enough; none at all are rows of something else, not rows of nulls.
 */
static bool is_by_name(weir_model_rows *r)
{
    size_t count, named = count_named(r);
    (void)weir_rows_columns(r->rows, &count);
    return named == r->column_count || (r->is_json && (named > 0 || count == 0));
}

static weir_error *by_position(weir_model_rows *r)
{
    size_t count;
    const weir_rows_column *columns = weir_rows_columns(r->rows, &count);
    if (count != r->column_count)
        return weir_error_new(WEIR_E_DATA,
                              "the file has %zu columns, the model wants %zu ('%s', ...); name the "
                              "columns as the model does, "
                              "or give exactly as many",
                              count, r->column_count, r->wants[0].name);
    for (size_t i = 0; i < count; i++)
        r->wants[i].name = columns[i].name;
    return NULL;
}

static weir_type type_for(const weir_model_port *port)
{
    switch (port->kind) {
    case WEIR_TENSOR_INT64:
    case WEIR_TENSOR_INT32: return weir_type_of(WEIR_INT64);
    case WEIR_TENSOR_BOOL: return weir_type_of(WEIR_BOOL);
    case WEIR_TENSOR_STRING: return weir_type_optional(weir_type_of(WEIR_STRING));
    default: return weir_type_optional(weir_type_of(WEIR_FLOAT64));
    }
}

/* The file's own type where it has one; text of a CSV file is read here, since the model says as
 * what. */
static weir_type own_type(const weir_model_rows *r, const char *name, const weir_model_port *port)
{
    size_t count;
    const weir_rows_column *columns = weir_rows_columns(r->rows, &count);
    if (weir_rows_format_of(r->rows) == WEIR_ROWS_CSV)
        return weir_type_optional(weir_type_of(WEIR_STRING));
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0 && columns[i].type.kind != WEIR_NULL)
            return weir_type_optional(columns[i].type);
    return type_for(port);
}

static weir_error *bind_columns(weir_model_rows *r)
{
    r->column_count = weir_model_column_count(r->info);
    r->wants = weir_arena_array(&r->arena, weir_rows_want, r->column_count + 1);
    r->values = weir_arena_array(&r->arena, weir_value, r->column_count + 1);
    for (size_t i = 0; i < r->column_count; i++)
        r->wants[i].name = weir_model_column_name(r->info, i, &r->arena);
    r->is_json = weir_rows_format_of(r->rows) == WEIR_ROWS_JSONL;
    if (!is_by_name(r)) WEIR_TRY(by_position(r));
    for (size_t i = 0; i < r->column_count; i++) {
        size_t column = i;
        r->wants[i].type = own_type(r, r->wants[i].name, port_of(r->info, &column));
        r->wants[i].may_be_absent = r->is_json;
    }
    return weir_rows_bind(r->rows, r->wants, r->column_count);
}

weir_error *weir_model_rows_open(const weir_model_info *info, const char *path,
                                 const weir_rows_options *options, size_t batch_rows,
                                 weir_model_rows **rows_out)
{
    weir_model_rows *r = calloc(1, sizeof(*r));
    WEIR_ASSERT(r != NULL);
    r->info = info;
    r->path = weir_arena_string(&r->arena, path, strlen(path));
    r->batch_rows = batch_rows;
    weir_error *error = weir_rows_open(path, options, &r->rows);
    if (error == NULL) error = bind_columns(r);
    if (error != NULL) {
        weir_model_rows_close(r);
        *rows_out = NULL;
        return error;
    }
    r->inputs = weir_arena_array(&r->arena, weir_model_tensor, info->input_count + 1);
    for (size_t i = 0; i < info->input_count; i++) {
        const weir_model_port *port = &info->inputs[i];
        r->inputs[i] = (weir_model_tensor){
            port->kind, port->width,
            weir_arena_calloc(&r->arena, batch_rows * port->width, sizeof(weir_bytes))};
    }
    *rows_out = r;
    return NULL;
}

void weir_model_rows_close(weir_model_rows *rows)
{
    if (rows == NULL) return;
    weir_rows_close(rows->rows);
    weir_arena_deinit(&rows->scratch);
    weir_arena_deinit(&rows->arena);
    free(rows);
}

/* --- values
 * ----------------------------------------------------------------------------------------- */

static bool text_is(const char *text, size_t size, const char *want)
{
    if (size != strlen(want)) return false;
    for (size_t i = 0; i < size; i++)
        if ((text[i] | 0x20) != want[i]) return false;
    return true;
}

/* Text as a number: nothing, "nan" and "null" are missing; true and false count as 1 and 0. */
static bool number_from_text(const char *text, size_t size, double *out)
{
    while (size > 0 && (*text == ' ' || *text == '\t'))
        text++, size--;
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    bool minus = size > 0 && *text == '-';
    if (size == 0 || text_is(text, size, "nan") || text_is(text, size, "null") ||
        text_is(text, size, "na"))
        return *out = NAN, true;
    if (text_is(text + minus, size - minus, "inf") ||
        text_is(text + minus, size - minus, "infinity"))
        return *out = minus ? -INFINITY : INFINITY, true;
    if (text_is(text, size, "true")) return *out = 1, true;
    if (text_is(text, size, "false")) return *out = 0, true;
    return weir_double_parse(text, size, out);
}

static bool number_from(const weir_value *value, weir_type type, double *out)
{
    switch ((weir_kind)value->kind) {
    case WEIR_NULL: *out = NAN; return true;
    case WEIR_BOOL: *out = value->as.boolean; return true;
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION:
    case WEIR_ENUM: *out = (double)value->as.integer; return true;
    case WEIR_FLOAT64: *out = value->as.float64; return true;
    case WEIR_DECIMAL: *out = weir_decimal_to_double(value->as.decimal, type.scale); return true;
    case WEIR_STRING: return number_from_text((const char *)value->as.bytes, value->size, out);
    default: return false;
    }
}

static bool integer_from(const weir_value *value, weir_type type, int64_t *out)
{
    weir_int128 exact;
    double number;
    if (value->kind == WEIR_INT64) return *out = value->as.integer, true;
    if (value->kind == WEIR_STRING &&
        weir_decimal_parse((const char *)value->as.bytes, value->size, 19, 0, &exact) &&
        exact >= INT64_MIN && exact <= INT64_MAX)
        return *out = (int64_t)exact, true;
    if (!number_from(value, type, &number) || !(number >= -0x1p63 && number < 0x1p63)) return false;
    *out = (int64_t)number;
    return (double)*out == number;
}

static weir_error *text_from(weir_model_rows *r, const weir_value *value, weir_type type,
                             weir_bytes *out)
{
    weir_buffer text = {0};
    if (value->kind == WEIR_STRING)
        weir_buffer_put(&text, value->as.bytes, value->size);
    else if (value->kind != WEIR_NULL)
        weir_text_write_value(&text, type, value);
    *out = (weir_bytes){weir_arena_copy(&r->scratch, text.data, text.size), text.size};
    weir_buffer_deinit(&text);
    return NULL;
}

/* One cell into its place; false where it is not of the input's kind. */
static bool put(weir_model_rows *r, const weir_model_tensor *to, size_t at, const weir_value *value,
                weir_type type)
{
    double number = 0;
    int64_t integer = 0;
    switch (to->kind) {
    case WEIR_TENSOR_FLOAT32: {
        if (value->kind == WEIR_INT64) { /* rounded once */
            ((float *)to->data)[at] = (float)value->as.integer;
            return true;
        }
        bool good = number_from(value, type, &number);
        ((float *)to->data)[at] = (float)number;
        return good;
    }
    case WEIR_TENSOR_FLOAT64: return number_from(value, type, &((double *)to->data)[at]);
    case WEIR_TENSOR_INT64: return integer_from(value, type, &((int64_t *)to->data)[at]);
    case WEIR_TENSOR_INT32:
        if (!integer_from(value, type, &integer) || integer < INT32_MIN || integer > INT32_MAX)
            return false;
        ((int32_t *)to->data)[at] = (int32_t)integer;
        return true;
    case WEIR_TENSOR_BOOL:
        if (!number_from(value, type, &number) || number != number) return false;
        ((uint8_t *)to->data)[at] = number != 0;
        return true;
    case WEIR_TENSOR_STRING:
        (void)text_from(r, value, type, &((weir_bytes *)to->data)[at]);
        return true;
    }
    WEIR_UNREACHABLE();
}

static const char *kind_name(weir_tensor_kind kind)
{
    static const char *const names[] = {"float32", "float64", "int64", "int32", "bool", "string"};
    return names[kind];
}

static weir_error *put_row(weir_model_rows *r, size_t row, const weir_row *from)
{
    size_t want = 0;
    for (size_t i = 0; i < r->info->input_count; i++) {
        const weir_model_tensor *to = &r->inputs[i];
        for (size_t c = 0; c < to->width; c++, want++)
            if (!put(r, to, row * to->width + c, &r->values[want], r->wants[want].type))
                return weir_error_new(WEIR_E_DATA, "%s: row %llu: column '%s' holds what is no %s",
                                      r->path, (unsigned long long)from->index, r->wants[want].name,
                                      kind_name(to->kind));
    }
    return NULL;
}

weir_error *weir_model_rows_next(weir_model_rows *rows, const weir_model_tensor **inputs_out,
                                 size_t *count_out)
{
    weir_arena_reset(&rows->scratch);
    size_t count = 0;
    weir_row row;
    while (count < rows->batch_rows) {
        WEIR_TRY(weir_rows_next(rows->rows, &rows->scratch, rows->values, &row));
        if (row.status == WEIR_ROW_END) break;
        if (row.status == WEIR_ROW_BAD)
            return weir_error_new(WEIR_E_DATA, "%s: %s", rows->path, row.problem);
        WEIR_TRY(put_row(rows, count++, &row));
    }
    *inputs_out = rows->inputs;
    *count_out = count;
    return NULL;
}
