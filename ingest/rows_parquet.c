/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parquet files as rows: only the columns that are wanted are read. A value that does not become
 * the wanted type makes its row bad; a damaged page ends the file, since what follows it can not be
 * told apart.
 *
 * A place stands in more than one form: the reader makes one of a struct of the two doubles lat and
 * lon. Where other numbers or further members stand in the struct, its members are columns, of
 * which a place that is wanted is put together; and where the schema has the members as fields of
 * their own, they are taken out of the place.
 */
#include <string.h>

#include "ingest/rows_internal.h"
#include "schemas/decimal.h"
#include "store/parquet/reader.h"

/* A want's value: a selected column, or of a place in two of them. */
typedef struct parquet_source {
    enum { AS_IT_IS, LATITUDE_OF, LONGITUDE_OF, OF_TWO } form;
    size_t columns[2]; /* of the file; SIZE_MAX: absent. OF_TWO: latitude, longitude */
    size_t slots[2];   /* the same among the selected ones */
} parquet_source;

typedef struct parquet_rows {
    weir_parquet_reader *reader;
    parquet_source *sources; /* one a want */
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

static const char *const member_names[][2] = {{"lat", "lon"}, {"latitude", "longitude"}};

/* The column called STEM or, with a member, STEM.member; SIZE_MAX: none. */
static size_t find_member(const weir_rows *rows, const char *stem, size_t size, const char *member)
{
    for (size_t i = 0; i < rows->column_count; i++) {
        const char *name = rows->columns[i].name;
        if (strncmp(name, stem, size) != 0) continue;
        if (member == NULL ? name[size] == '\0'
                           : name[size] == '.' && strcmp(name + size + 1, member) == 0)
            return i;
    }
    return SIZE_MAX;
}

static bool is_number(const weir_rows *rows, size_t column)
{
    uint8_t kind = column == SIZE_MAX ? WEIR_NULL : rows->columns[column].type.kind;
    return kind == WEIR_FLOAT64 || kind == WEIR_INT64 || kind == WEIR_DECIMAL;
}

static bool find_two(const weir_rows *rows, const char *name, parquet_source *source)
{
    source->form = OF_TWO;
    for (size_t i = 0; i < sizeof member_names / sizeof *member_names; i++) {
        for (size_t k = 0; k < 2; k++)
            source->columns[k] = find_member(rows, name, strlen(name), member_names[i][k]);
        if (is_number(rows, source->columns[0]) && is_number(rows, source->columns[1])) return true;
    }
    return false;
}

static bool find_whole(const weir_rows *rows, const char *name, parquet_source *source)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL) return false;
    for (size_t i = 0; i < sizeof member_names / sizeof *member_names; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(dot + 1, member_names[i][k]) != 0) continue;
            source->form = k == 0 ? LATITUDE_OF : LONGITUDE_OF;
            source->columns[0] = find_member(rows, name, (size_t)(dot - name), NULL);
        }
    }
    return source->columns[0] != SIZE_MAX &&
           rows->columns[source->columns[0]].type.kind == WEIR_GEO;
}

static bool find_otherwise(const weir_rows *rows, const weir_rows_want *want,
                           parquet_source *source)
{
    *source = (parquet_source){.columns = {SIZE_MAX, SIZE_MAX}};
    bool is_found = want->type.kind == WEIR_GEO ? find_two(rows, want->name, source)
                                                : find_whole(rows, want->name, source);
    if (!is_found) *source = (parquet_source){.columns = {SIZE_MAX, SIZE_MAX}};
    return is_found;
}

static bool has_otherwise(const weir_rows *rows, const weir_rows_want *want)
{
    parquet_source source;
    return find_otherwise(rows, want, &source);
}

static weir_error *bind_parquet(weir_rows *rows)
{
    parquet_rows *p = rows->state;
    size_t *selected = weir_arena_array(&rows->arena, size_t, 2 * rows->want_count), count = 0;
    p->sources = weir_arena_array(&rows->arena, parquet_source, rows->want_count);
    for (size_t i = 0; i < rows->want_count; i++) {
        parquet_source *source = &p->sources[i];
        if (rows->sources[i] == SIZE_MAX)
            (void)find_otherwise(rows, &rows->wants[i], source);
        else
            *source = (parquet_source){.columns = {rows->sources[i], SIZE_MAX}};
        for (size_t k = 0; k < 2; k++) {
            if (source->columns[k] == SIZE_MAX) continue;
            source->slots[k] = count;
            selected[count++] = source->columns[k];
        }
    }
    return weir_parquet_reader_select(p->reader, selected, count);
}

static double number_of(const weir_value *value, weir_type type)
{
    switch (value->kind) {
    case WEIR_INT64: return (double)value->as.integer;
    case WEIR_DECIMAL: return weir_decimal_to_double(value->as.decimal, type.scale);
    default: return value->as.float64;
    }
}

/* What the file has for the want, and its type. */
static weir_value stored_value(const weir_rows *rows, const parquet_source *source,
                               weir_type *type_out)
{
    const parquet_rows *p = rows->state;
    const weir_value *first = &p->batch[source->slots[0]][p->batch_next];
    *type_out = rows->columns[source->columns[0]].type;
    if (source->form == AS_IT_IS || first->kind == WEIR_PARQUET_BAD_VALUE) return *first;
    bool is_place = source->form == OF_TWO;
    weir_type first_type = *type_out;
    *type_out = weir_type_optional(weir_type_of(is_place ? WEIR_GEO : WEIR_FLOAT64));
    if (weir_is_null(first)) return weir_null();
    if (!is_place)
        return weir_float(source->form == LATITUDE_OF ? first->as.geo.latitude
                                                      : first->as.geo.longitude);
    const weir_value *second = &p->batch[source->slots[1]][p->batch_next];
    if (weir_is_null(second) || second->kind == WEIR_PARQUET_BAD_VALUE) return *second;
    double longitude = number_of(second, rows->columns[source->columns[1]].type);
    return (weir_value){.kind = WEIR_GEO, .as.geo = {number_of(first, first_type), longitude}};
}

static bool take_value(const weir_rows *rows, size_t index, weir_arena *scratch, weir_value *out,
                       weir_row *row)
{
    const parquet_rows *p = rows->state;
    const weir_rows_want *want = &rows->wants[index];
    weir_type from;
    const weir_value stored = stored_value(rows, &p->sources[index], &from);
    const char *problem = NULL;
    bool bad_number = false;
    if (stored.kind == WEIR_PARQUET_BAD_VALUE) {
        rows_bad_value(rows, row, want, (weir_bytes){0}, (const char *)stored.as.bytes);
        return false;
    }
    if (weir_rows_convert(from, &stored, want->type, want->unit, scratch, out, &bad_number,
                          &problem)) {
        row->nulled_numbers += bad_number;
        return true;
    }
    weir_buffer text = {0};
    from.optional = false;
    bool is_shown = !weir_is_null(&stored) && !bad_number;
    if (is_shown) weir_text_write_value(&text, from, &stored);
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
        if (p->sources[i].columns[0] != SIZE_MAX && !take_value(rows, i, scratch, &values[i], row))
            break;
    }
    p->batch_next++;
    return NULL;
}

const rows_form weir_rows_form_parquet = {
    .name = "Parquet",
    .open = open_parquet,
    .has_otherwise = has_otherwise,
    .bind = bind_parquet,
    .next = next_parquet,
    .close = close_parquet,
};
