/* SPDX-License-Identifier: Apache-2.0 */
#include "store/column_batch.h"

#include <string.h>

#include "ops/runtime/assert.h"

/* How a value is laid out; most columns are words. */
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
    uint8_t *valid;
    batch_form form;
    uint32_t width; /* bytes of a value in `data` */
    weir_type type;
    bool has_null;
};

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

void weir_column_batch_init(weir_column_batch *batch, const weir_parquet_column *columns,
                            size_t column_count)
{
    *batch = (weir_column_batch){.column_count = column_count};
    batch->columns = weir_arena_array(&batch->arena, weir_batch_column, column_count + 1);
    batch->vectors = weir_arena_array(&batch->arena, weir_parquet_vector, column_count + 1);
    for (size_t i = 0; i < column_count; i++) {
        weir_type type = columns[i].type;
        uint32_t width = (uint32_t)weir_parquet_vector_stride(&type);
        uint8_t *data =
            weir_arena_calloc(&batch->arena, WEIR_COLUMN_BATCH_ROWS, width > 0 ? width : 1);
        uint8_t *valid = weir_arena_calloc(&batch->arena, WEIR_COLUMN_BATCH_ROWS, 1);
        batch->columns[i] = (weir_batch_column){
            .data = data, .valid = valid, .form = form_of(type.kind), .width = width, .type = type};
    }
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
    } else if (column->type.kind == WEIR_VEC) {
        WEIR_ASSERT(value->size == column->type.length);
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
    bool is_good = true;
    for (size_t i = 0; i < batch->column_count; i++) {
        weir_batch_column *column = &batch->columns[i];
        const weir_value *value = row[i];
        bool is_there = value->kind != WEIR_NULL;
        is_good &= !is_there || value->kind == column->type.kind;
        column->valid[n] = is_there;
        column->has_null |= !is_there;
        if (column->form == FORM_WORD) /* of a null, whatever stands there: nobody looks */
            memcpy(column->data + n * sizeof(int64_t), &value->as, sizeof(int64_t));
        else if (is_there)
            put(batch, column, value);
    }
    WEIR_ASSERT(is_good); /* each is of its column's type */
    batch->row_count++;
}

const weir_parquet_vector *weir_column_batch_vectors(weir_column_batch *batch)
{
    for (size_t i = 0; i < batch->column_count; i++) {
        const weir_batch_column *column = &batch->columns[i];
        batch->vectors[i] =
            (weir_parquet_vector){column->data, column->has_null ? column->valid : NULL};
    }
    return batch->vectors;
}

void weir_column_batch_clear(weir_column_batch *batch)
{
    batch->row_count = 0;
    for (size_t i = 0; i < batch->column_count; i++)
        batch->columns[i].has_null = false;
    weir_arena_reset(&batch->texts);
}
