/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/agg/column.h"

#include "ops/runtime/assert.h"

enum { INT64_DIGITS = 18 };

weir_layout weir_layout_of(weir_type type)
{
    switch (type.kind) {
    case WEIR_BOOL: return WEIR_LAYOUT_BOOL;
    case WEIR_ENUM: return WEIR_LAYOUT_INT32;
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION: return WEIR_LAYOUT_INT64;
    case WEIR_DECIMAL:
        return type.precision <= INT64_DIGITS ? WEIR_LAYOUT_INT64 : WEIR_LAYOUT_INT128;
    case WEIR_FLOAT64: return WEIR_LAYOUT_FLOAT64;
    case WEIR_GEO: return WEIR_LAYOUT_GEO;
    case WEIR_VEC: return WEIR_LAYOUT_VEC;
    default: return WEIR_LAYOUT_TEXT;
    }
}

size_t weir_layout_bytes(weir_type type)
{
    switch (weir_layout_of(type)) {
    case WEIR_LAYOUT_BOOL: return 1;
    case WEIR_LAYOUT_INT32:
    case WEIR_LAYOUT_TEXT: return 4;
    case WEIR_LAYOUT_INT64:
    case WEIR_LAYOUT_FLOAT64: return 8;
    case WEIR_LAYOUT_INT128:
    case WEIR_LAYOUT_GEO: return 16;
    case WEIR_LAYOUT_VEC: return (size_t)type.length * sizeof(float);
    }
    WEIR_UNREACHABLE();
}

static weir_value integer_of(weir_type type, int64_t integer)
{
    if (type.kind == WEIR_DECIMAL) return weir_decimal(integer);
    return (weir_value){.kind = type.kind, .as.integer = integer};
}

static weir_value text_of(const weir_column *column, size_t i)
{
    weir_bytes bytes = weir_texts_get(column->texts, ((const uint32_t *)column->values)[i]);
    uint8_t kind = column->type.kind == WEIR_STRING ? WEIR_STRING : WEIR_BYTES;
    return (weir_value){.kind = kind, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
}

weir_value weir_column_get(const weir_column *column, size_t i)
{
    if (weir_column_is_null(column, i)) return weir_null();
    switch (column->layout) {
    case WEIR_LAYOUT_BOOL: return weir_bool(((const uint8_t *)column->values)[i] == 1);
    case WEIR_LAYOUT_INT32: return integer_of(column->type, ((const uint32_t *)column->values)[i]);
    case WEIR_LAYOUT_INT64: return integer_of(column->type, ((const int64_t *)column->values)[i]);
    case WEIR_LAYOUT_INT128:
        return weir_decimal(((const weir_int128_unaligned *)column->values)[i]);
    case WEIR_LAYOUT_FLOAT64:
        return (weir_value){.kind = WEIR_FLOAT64,
                            .as.float64 = ((const double *)column->values)[i]};
    case WEIR_LAYOUT_TEXT: return text_of(column, i);
    case WEIR_LAYOUT_GEO: {
        const double *at = (const double *)column->values + 2 * i;
        return (weir_value){.kind = WEIR_GEO, .as.geo = {at[0], at[1]}};
    }
    case WEIR_LAYOUT_VEC:
        return (weir_value){.kind = WEIR_VEC,
                            .size = column->type.length,
                            .as.vec = (const float *)column->values + i * column->type.length};
    }
    WEIR_UNREACHABLE();
}

weir_value weir_column_open(weir_type type, weir_value value, weir_arena *into)
{
    if (value.kind != WEIR_BYTES || (type.kind != WEIR_LIST && type.kind != WEIR_MAP)) return value;
    weir_reader reader = weir_reader_of(value.as.bytes, value.size);
    type.optional = false;
    weir_value opened = weir_value_decode(type, &reader, into);
    WEIR_ASSERT(!reader.bad);
    return opened;
}

static void set_text(weir_type type, uint32_t *values, weir_texts *texts, size_t i,
                     const weir_value *value)
{
    if (type.kind != WEIR_LIST && type.kind != WEIR_MAP) {
        values[i] = weir_texts_add(texts, value->as.bytes, value->size);
        return;
    }
    weir_buffer bytes = {0};
    type.optional = false;
    weir_value_encode(type, value, &bytes);
    values[i] = weir_texts_add(texts, bytes.data, bytes.size);
    weir_buffer_deinit(&bytes);
}

/* A null's place is zeroed, so that equal rows are equal bytes. */
static void set_null(weir_type type, void *values, uint8_t *nulls, size_t i)
{
    size_t bytes = weir_layout_bytes(type);
    if (type.kind == WEIR_BOOL) {
        ((uint8_t *)values)[i] = WEIR_BOOL_NULL;
        return;
    }
    WEIR_ASSERT(nulls != NULL);
    nulls[i] = 1;
    memset((uint8_t *)values + i * bytes, 0, bytes);
}

void weir_column_set(weir_type type, void *values, uint8_t *nulls, weir_texts *texts, size_t i,
                     const weir_value *value)
{
    if (weir_is_null(value)) {
        set_null(type, values, nulls, i);
        return;
    }
    WEIR_ASSERT(value->kind == type.kind);
    if (nulls != NULL) nulls[i] = 0;
    switch (weir_layout_of(type)) {
    case WEIR_LAYOUT_BOOL: ((uint8_t *)values)[i] = value->as.boolean; break;
    case WEIR_LAYOUT_INT32: ((uint32_t *)values)[i] = (uint32_t)value->as.integer; break;
    case WEIR_LAYOUT_INT64:
        ((int64_t *)values)[i] =
            type.kind == WEIR_DECIMAL ? (int64_t)value->as.decimal : value->as.integer;
        break;
    case WEIR_LAYOUT_INT128: ((weir_int128_unaligned *)values)[i] = value->as.decimal; break;
    case WEIR_LAYOUT_FLOAT64: ((double *)values)[i] = value->as.float64; break;
    case WEIR_LAYOUT_TEXT: set_text(type, values, texts, i, value); break;
    case WEIR_LAYOUT_GEO:
        ((double *)values)[2 * i] = value->as.geo.latitude;
        ((double *)values)[2 * i + 1] = value->as.geo.longitude;
        break;
    case WEIR_LAYOUT_VEC:
        WEIR_ASSERT(value->size == type.length);
        memcpy((float *)values + i * type.length, value->as.vec, type.length * sizeof(float));
        break;
    }
}

void weir_column_release(weir_type type, const void *values, const uint8_t *nulls,
                         weir_texts *texts, size_t i)
{
    if (weir_layout_of(type) != WEIR_LAYOUT_TEXT || (nulls != NULL && nulls[i] != 0)) return;
    weir_texts_release(texts, ((const uint32_t *)values)[i]);
}
