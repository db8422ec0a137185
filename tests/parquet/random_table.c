/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/parquet/random_table.h"

#include <stdio.h>
#include <string.h>

static const char *const symbols[] = {"approved", "declined", "reversed", "Größe"};
static const weir_enum_type status = {"Status", symbols, 4};

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t below(uint64_t limit) { return draw() % limit; }

static weir_value text(random_table *table, size_t length_max, bool is_text)
{
    static const char *const pieces[] = {
        "a", "Z", "0", " ", "\"", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", ",", "\\"};
    char buffer[512];
    size_t size = 0, count = below(length_max + 1);
    for (size_t i = 0; i < count; i++) {
        if (is_text) {
            const char *piece = pieces[below(10)];
            memcpy(buffer + size, piece, strlen(piece));
            size += strlen(piece);
        } else {
            buffer[size++] = (char)draw();
        }
    }
    weir_value value = weir_string(weir_arena_copy(&table->arena, buffer, size), size);
    value.kind = is_text ? WEIR_STRING : WEIR_BYTES;
    return value;
}

static weir_int128 digits(unsigned precision)
{
    weir_int128 value = 0;
    unsigned count = 1 + (unsigned)below(precision);
    for (unsigned i = 0; i < count; i++)
        value = value * 10 + (int)below(10);
    return below(2) == 0 ? value : -value;
}

/* How values of a column are spread. */
typedef enum spread { PLAIN, SERIAL, FEW, WIDE, CONSTANT, LONG } spread;

typedef struct column_row {
    const char *name;
    weir_type type;
    spread spread;
} column_row;

static const weir_type int_item = {.kind = WEIR_INT64, .optional = true};
static const weir_type text_item = {.kind = WEIR_STRING};
static const weir_type decimal_item = {.kind = WEIR_DECIMAL, .precision = 20, .scale = 4};
static const weir_type inner_list = {.kind = WEIR_LIST, .optional = true, .item = &int_item};

static const column_row rows[] = {
    {"bool", {.kind = WEIR_BOOL}, PLAIN},
    {"bool_o", {.kind = WEIR_BOOL, .optional = true}, FEW},
    {"int_serial", {.kind = WEIR_INT64}, SERIAL},
    {"int_few", {.kind = WEIR_INT64}, FEW},
    {"int_wide", {.kind = WEIR_INT64}, WIDE},
    {"int_constant", {.kind = WEIR_INT64}, CONSTANT},
    {"int_o", {.kind = WEIR_INT64, .optional = true}, PLAIN},
    {"float", {.kind = WEIR_FLOAT64}, WIDE},
    {"float_few", {.kind = WEIR_FLOAT64, .optional = true}, FEW},
    {"dec5_2", {.kind = WEIR_DECIMAL, .precision = 5, .scale = 2}, PLAIN},
    {"dec15_3", {.kind = WEIR_DECIMAL, .optional = true, .precision = 15, .scale = 3}, PLAIN},
    {"dec38_10", {.kind = WEIR_DECIMAL, .precision = 38, .scale = 10}, PLAIN},
    {"dec25_0", {.kind = WEIR_DECIMAL, .optional = true, .precision = 25, .scale = 0}, FEW},
    {"string_few", {.kind = WEIR_STRING}, FEW},
    {"string_o", {.kind = WEIR_STRING, .optional = true}, PLAIN},
    {"string_long", {.kind = WEIR_STRING}, LONG},
    {"bytes_o", {.kind = WEIR_BYTES, .optional = true}, PLAIN},
    {"enum", {.kind = WEIR_ENUM, .symbols = &status}, FEW},
    {"enum_o", {.kind = WEIR_ENUM, .optional = true, .symbols = &status}, FEW},
    {"time", {.kind = WEIR_TIME}, SERIAL},
    {"time_o", {.kind = WEIR_TIME, .optional = true}, WIDE},
    {"duration_o", {.kind = WEIR_DURATION, .optional = true}, PLAIN},
    {"geo", {.kind = WEIR_GEO}, PLAIN},
    {"geo_o", {.kind = WEIR_GEO, .optional = true}, PLAIN},
    {"vec", {.kind = WEIR_VEC, .length = 3}, PLAIN},
    {"vec_o", {.kind = WEIR_VEC, .optional = true, .length = 2}, PLAIN},
    {"list", {.kind = WEIR_LIST, .item = &int_item}, PLAIN},
    {"list_o", {.kind = WEIR_LIST, .optional = true, .item = &text_item}, PLAIN},
    {"list_dec", {.kind = WEIR_LIST, .item = &decimal_item}, PLAIN},
    {"lists", {.kind = WEIR_LIST, .item = &inner_list}, PLAIN},
    {"map", {.kind = WEIR_MAP, .key = &text_item, .item = &int_item}, PLAIN},
    {"nulls", {.kind = WEIR_INT64, .optional = true}, CONSTANT},
};
_Static_assert(sizeof rows / sizeof *rows == RANDOM_COLUMNS, "one row a column");

static weir_value make_value(random_table *table, weir_type type, spread how, size_t row);

static weir_value make_items(random_table *table, weir_type type, size_t row)
{
    size_t count = below(5), width = type.kind == WEIR_MAP ? 2 : 1;
    weir_value *items = weir_arena_array(&table->arena, weir_value, count * width + 1);
    for (size_t i = 0; i < count; i++) {
        if (width == 2) { /* keys are distinct */
            char *key = weir_arena_printf(&table->arena, "k%zu", i);
            items[2 * i] = weir_string(key, strlen(key));
        }
        items[width * i + width - 1] = make_value(table, *type.item, PLAIN, row);
    }
    return (weir_value){.kind = type.kind, .size = (uint32_t)count, .as.items = items};
}

static int64_t make_integer(spread how, size_t row)
{
    switch (how) {
    case SERIAL: return (int64_t)row * 1000 + (int64_t)below(900) - 5000;
    case FEW: return (int64_t)below(7) * 1000000007;
    case WIDE: return (int64_t)draw();
    case CONSTANT: return -42;
    default: return (int64_t)below(100000) - 50000;
    }
}

static double make_double(spread how)
{
    if (how == FEW) return (double)below(9) / 7;
    double value = 0;
    do {
        uint64_t bits = draw();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value + 0.0;
}

static weir_value make_value(random_table *table, weir_type type, spread how, size_t row)
{
    if (type.optional && (below(5) == 0 || (how == CONSTANT && type.optional))) return weir_null();
    weir_value value = {.kind = type.kind};
    switch (type.kind) {
    case WEIR_BOOL: return weir_bool(below(how == FEW ? 50 : 2) == 0);
    case WEIR_FLOAT64: return weir_float(make_double(how));
    case WEIR_DECIMAL:
        return weir_decimal(how == FEW ? (weir_int128)below(3) - 1 : digits(type.precision));
    case WEIR_STRING:
        if (how == FEW) return weir_string(symbols[below(3)], 8);
        return text(table, how == LONG ? 120 : 8, true);
    case WEIR_BYTES: return text(table, 12, false);
    case WEIR_ENUM: value.as.integer = (int64_t)below(4); return value;
    case WEIR_TIME: /* years 1 to 9999: what every other library can print */
        value.as.integer =
            how == WIDE ? (int64_t)below(UINT64_C(250000000000000000)) - INT64_C(50000000000000000)
                        : INT64_C(1700000000000000) + (int64_t)row * 1234567;
        return value;
    case WEIR_GEO:
        value.as.geo.latitude = (double)below(180000) / 1000 - 90;
        value.as.geo.longitude = (double)below(360000) / 1000 - 180;
        return value;
    case WEIR_VEC: {
        float *vec = weir_arena_array(&table->arena, float, type.length);
        for (uint32_t i = 0; i < type.length; i++)
            vec[i] = (float)below(1000) / 8;
        return (weir_value){.kind = WEIR_VEC, .size = type.length, .as.vec = vec};
    }
    case WEIR_LIST:
    case WEIR_MAP: return make_items(table, type, row);
    default: value.as.integer = make_integer(how, row); return value;
    }
}

void random_table_make(random_table *table, uint64_t seed, size_t row_count)
{
    *table = (random_table){.rows = row_count, .column_count = RANDOM_COLUMNS};
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t k = 0; k < RANDOM_COLUMNS; k++)
        table->columns[k] = (weir_parquet_column){rows[k].name, rows[k].type};
    table->values = weir_arena_array(&table->arena, weir_value, row_count * RANDOM_COLUMNS + 1);
    for (size_t i = 0; i < row_count; i++) {
        for (size_t k = 0; k < RANDOM_COLUMNS; k++)
            table->values[i * RANDOM_COLUMNS + k] =
                make_value(table, rows[k].type, rows[k].spread, i);
    }
}

void random_table_free(random_table *table) { weir_arena_deinit(&table->arena); }

static weir_error *keep(void *context, const void *data, size_t size)
{
    weir_buffer_put(context, data, size);
    return NULL;
}

weir_error *random_table_write_rows(const random_table *table, const weir_parquet_options *options,
                                    weir_buffer *out, weir_parquet_summary *summary_out)
{
    weir_parquet_writer *writer = NULL;
    WEIR_TRY(weir_parquet_writer_create(table->columns, table->column_count, options,
                                        (weir_parquet_sink){keep, out}, &writer));
    weir_error *error = NULL;
    for (size_t i = 0; i < table->rows && error == NULL; i++)
        error = weir_parquet_writer_add_row(writer, table->values + i * table->column_count);
    if (error == NULL) error = weir_parquet_writer_finish(writer, summary_out);
    weir_parquet_writer_destroy(writer);
    return error;
}

/* One column of `count` rows from `from` on as a vector in the arena. */
static weir_parquet_vector make_vector(const random_table *table, size_t column, size_t from,
                                       size_t count, weir_arena *into)
{
    weir_type type = table->columns[column].type;
    uint8_t *valid = weir_arena_array(into, uint8_t, count);
    weir_buffer data = {0};
    for (size_t i = 0; i < count; i++) {
        const weir_value *value = &table->values[(from + i) * table->column_count + column];
        weir_value zero = {.as.decimal = 0};
        valid[i] = !weir_is_null(value);
        const weir_value *v = valid[i] ? value : &zero;
        weir_bytes bytes = {v->as.bytes, v->size};
        weir_int128 wide = v->as.decimal;
        uint32_t symbol = (uint32_t)v->as.integer;
        static const float nothing[4] = {0};
        switch (type.kind) {
        case WEIR_BOOL: weir_buffer_put_u8(&data, v->as.boolean); break;
        case WEIR_ENUM: weir_buffer_put_u32(&data, symbol); break;
        case WEIR_DECIMAL: weir_buffer_put(&data, &wide, 16); break;
        case WEIR_STRING:
        case WEIR_BYTES: weir_buffer_put(&data, &bytes, sizeof bytes); break;
        case WEIR_GEO: weir_buffer_put(&data, &v->as.geo, 16); break;
        case WEIR_VEC:
            weir_buffer_put(&data, valid[i] ? v->as.vec : nothing, type.length * sizeof(float));
            break;
        case WEIR_LIST:
        case WEIR_MAP: weir_buffer_put(&data, v, sizeof *v); break;
        default: weir_buffer_put(&data, &v->as.integer, 8);
        }
    }
    weir_parquet_vector vector = {weir_arena_copy(into, data.data, data.size),
                                  type.optional ? valid : NULL};
    weir_buffer_deinit(&data);
    return vector;
}

weir_error *random_table_write_columns(const random_table *table,
                                       const weir_parquet_options *options, size_t batch,
                                       weir_buffer *out, weir_parquet_summary *summary_out)
{
    weir_parquet_writer *writer = NULL;
    WEIR_TRY(weir_parquet_writer_create(table->columns, table->column_count, options,
                                        (weir_parquet_sink){keep, out}, &writer));
    weir_error *error = NULL;
    weir_arena scratch = {0};
    for (size_t from = 0; from < table->rows && error == NULL; from += batch) {
        size_t count = table->rows - from < batch ? table->rows - from : batch;
        weir_parquet_vector vectors[RANDOM_COLUMNS];
        for (size_t k = 0; k < table->column_count; k++)
            vectors[k] = make_vector(table, k, from, count, &scratch);
        error = weir_parquet_writer_add_columns(writer, vectors, count);
        weir_arena_reset(&scratch);
    }
    weir_arena_deinit(&scratch);
    if (error == NULL) error = weir_parquet_writer_finish(writer, summary_out);
    weir_parquet_writer_destroy(writer);
    return error;
}

weir_value random_table_as_read(weir_type type, const weir_value *value, weir_arena *into)
{
    if (weir_is_null(value)) return *value;
    if (type.kind == WEIR_DURATION) return weir_int(value->as.integer);
    if (type.kind == WEIR_ENUM) {
        const char *symbol = type.symbols->symbols[value->as.integer];
        return weir_string(symbol, strlen(symbol));
    }
    if (type.kind == WEIR_VEC) {
        weir_value *items = weir_arena_array(into, weir_value, value->size);
        for (uint32_t i = 0; i < value->size; i++)
            items[i] = weir_float((double)value->as.vec[i]);
        return (weir_value){.kind = WEIR_LIST, .size = value->size, .as.items = items};
    }
    return *value;
}
