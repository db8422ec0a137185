/* SPDX-License-Identifier: Apache-2.0 */
#include "store/column_batch.h"

#include <string.h>

#include "ops/runtime/assert.h"

/* How a value is laid out. */
typedef enum batch_form {
    FORM_WORD,
    FORM_ONE_BYTE,
    FORM_HALF,
    FORM_WIDE,
    FORM_TEXT,
    FORM_ANY
} batch_form;

struct weir_batch_column {
    uint8_t *data;
    uint8_t *kinds; /* of the values: WEIR_NULL is 0, which a vector's `valid` says of a null */
    uint32_t index; /* of the column, in a row */
    uint32_t width; /* bytes of a value in `data` */
    uint8_t kind;
    batch_form form;
};

_Static_assert(WEIR_NULL == 0, "kinds are what a vector knows nulls by");

static batch_form form_of(weir_kind kind)
{
    switch (kind) {
    case WEIR_BOOL: return FORM_ONE_BYTE;
    case WEIR_ENUM: return FORM_HALF;
    case WEIR_DECIMAL:
    case WEIR_GEO: return FORM_WIDE;
    case WEIR_STRING:
    case WEIR_BYTES: return FORM_TEXT;
    case WEIR_VEC:
    case WEIR_LIST:
    case WEIR_MAP: return FORM_ANY;
    default: return FORM_WORD;
    }
}

static weir_batch_column make_column(weir_column_batch *batch, weir_type type, size_t index)
{
    uint32_t width = (uint32_t)weir_parquet_vector_stride(&type);
    weir_batch_column column = {
        .index = (uint32_t)index, .width = width, .kind = type.kind, .form = form_of(type.kind)};
    column.data = weir_arena_calloc(&batch->arena, WEIR_COLUMN_BATCH_ROWS, width > 0 ? width : 1);
    column.kinds = weir_arena_calloc(&batch->arena, WEIR_COLUMN_BATCH_ROWS, 1);
    return column;
}

/* Columns of words, which most are, come first. */
void weir_column_batch_init(weir_column_batch *batch, const weir_parquet_column *columns,
                            size_t column_count)
{
    *batch = (weir_column_batch){.column_count = column_count};
    batch->columns = weir_arena_array(&batch->arena, weir_batch_column, column_count + 1);
    batch->vectors = weir_arena_array(&batch->arena, weir_parquet_vector, column_count + 1);
    for (size_t i = 0; i < column_count; i++)
        if (form_of(columns[i].type.kind) == FORM_WORD)
            batch->columns[batch->word_count++] = make_column(batch, columns[i].type, i);
    size_t at = batch->word_count;
    for (size_t i = 0; i < column_count; i++)
        if (form_of(columns[i].type.kind) != FORM_WORD)
            batch->columns[at++] = make_column(batch, columns[i].type, i);
}

void weir_column_batch_deinit(weir_column_batch *batch)
{
    weir_arena_deinit(&batch->texts);
    weir_arena_deinit(&batch->arena);
    *batch = (weir_column_batch){0};
}

/* What has parts of its own: copied, since it lives only as long as its event. */
static void put_any(weir_column_batch *batch, weir_batch_column *column, const weir_value *value)
{
    uint8_t *to = column->data + batch->row_count * column->width;
    if (column->form == FORM_TEXT) {
        weir_bytes text = {weir_arena_copy(&batch->texts, value->as.bytes, value->size),
                           value->size};
        memcpy(to, &text, sizeof text);
    } else if (column->kind == WEIR_VEC) {
        WEIR_ASSERT(value->size * sizeof(float) == column->width);
        memcpy(to, value->as.vec, column->width);
    } else {
        weir_value copy = weir_value_copy(value, &batch->texts);
        memcpy(to, &copy, sizeof copy);
    }
}

static void put(weir_column_batch *batch, weir_batch_column *column, const weir_value *value)
{
    uint8_t *to = column->data + batch->row_count * column->width;
    uint32_t symbol = (uint32_t)value->as.integer;
    switch (column->form) {
    case FORM_WORD: WEIR_UNREACHABLE();
    case FORM_ONE_BYTE: *to = value->as.boolean; break;
    case FORM_HALF: memcpy(to, &symbol, sizeof symbol); break;
    case FORM_WIDE: memcpy(to, &value->as, 2 * sizeof(int64_t)); break;
    case FORM_TEXT:
    case FORM_ANY: put_any(batch, column, value); break;
    }
}

void weir_column_batch_add(weir_column_batch *batch, const weir_value *const *row)
{
    size_t n = batch->row_count;
    WEIR_ASSERT(n < WEIR_COLUMN_BATCH_ROWS);
    weir_batch_column *words_end = batch->columns + batch->word_count;
    weir_batch_column *end = batch->columns + batch->column_count;
    for (weir_batch_column *column = batch->columns; column < words_end; column++) {
        const weir_value *value = row[column->index];
        column->kinds[n] = value->kind;
        /* Of a null, whatever stands there: nobody looks. */
        memcpy(column->data + n * sizeof(int64_t), &value->as, sizeof(int64_t));
    }
    for (weir_batch_column *column = words_end; column < end; column++) {
        const weir_value *value = row[column->index];
        column->kinds[n] = value->kind;
        if (!weir_is_null(value)) put(batch, column, value);
    }
    batch->row_count++;
}

/* Whether there is a null; each of the others is of the column's type. Bytes throughout, so that
 * the compiler looks at many at once. */
static bool has_null(const weir_batch_column *column, size_t row_count)
{
    const uint8_t *kinds = column->kinds, kind = column->kind;
    uint8_t nulls = 0, strangers = 0;
    for (size_t i = 0; i < row_count; i++) {
        uint8_t is_null = kinds[i] == WEIR_NULL, is_kind = kinds[i] == kind;
        nulls |= is_null;
        strangers |= !(is_null | is_kind);
    }
    WEIR_ASSERT(strangers == 0);
    return nulls != 0;
}

const weir_parquet_vector *weir_column_batch_vectors(weir_column_batch *batch)
{
    for (size_t i = 0; i < batch->column_count; i++) {
        const weir_batch_column *column = &batch->columns[i];
        const uint8_t *valid = has_null(column, batch->row_count) ? column->kinds : NULL;
        batch->vectors[column->index] = (weir_parquet_vector){column->data, valid};
    }
    return batch->vectors;
}

void weir_column_batch_clear(weir_column_batch *batch)
{
    batch->row_count = 0;
    weir_arena_reset(&batch->texts);
}
