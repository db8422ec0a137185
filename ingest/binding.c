/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/binding.h"

#include <stdio.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

static uint32_t find_column(const weir_plan_vector *vector, const char *name)
{
    for (uint32_t i = 0; i < vector->column_count; i++)
        if (strcmp(vector->columns[i].name, name) == 0) return i;
    return WEIR_NONE;
}

/* Numbers that a column takes up when columns are laid one behind the other. */
static uint32_t column_width(const weir_plan_column *column)
{
    return column->type.kind == WEIR_VEC ? column->type.length : 1;
}

static bool fits_kind(weir_type type, weir_tensor_kind kind)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32:
    case WEIR_TENSOR_FLOAT64:
        return weir_type_is_number(type) || type.kind == WEIR_BOOL || type.kind == WEIR_VEC;
    case WEIR_TENSOR_INT64:
    case WEIR_TENSOR_INT32: return type.kind == WEIR_INT64 || type.kind == WEIR_BOOL;
    case WEIR_TENSOR_BOOL: return type.kind == WEIR_BOOL;
    case WEIR_TENSOR_STRING: return type.kind == WEIR_STRING || type.kind == WEIR_ENUM;
    }
    return false;
}

static const char *kind_name(weir_tensor_kind kind)
{
    static const char *const names[] = {"float32", "float64", "int64", "int32", "bool", "string"};
    return names[kind];
}

static weir_error *check_column(weir_binding *binding, uint32_t column, const weir_model_port *port)
{
    const weir_plan_column *at = &binding->vector->columns[column];
    if (!fits_kind(at->type, port->kind)) {
        return weir_error_new(WEIR_E_MODEL,
                              "column `%s` of vector `%s` is %s, but the model's input `%s` takes "
                              "%s; convert the column "
                              "(`float(x)`) or leave it out of the vector",
                              at->name, binding->vector->name,
                              weir_type_print(at->type, &binding->arena), port->name,
                              kind_name(port->kind));
    }
    if (at->type.optional && !port->accepts_missing) {
        return weir_error_new(
            WEIR_E_MODEL,
            "column `%s` of vector `%s` may be null, but the model's input `%s` accepts no missing "
            "values; give the column a default: `%s ?? 0.0`",
            at->name, binding->vector->name, port->name, at->name);
    }
    return NULL;
}

/* "f12", "Column_12": what trainers write when nobody gave names. */
static bool is_generic(const char *name)
{
    size_t digits = 0;
    if (strncmp(name, "Column_", 7) == 0)
        name += 7;
    else if (*name == 'f' || *name == 'x')
        name++;
    else
        return false;
    for (; name[digits] >= '0' && name[digits] <= '9'; digits++) {
    }
    return digits > 0 && name[digits] == '\0';
}

/* By name, if the file names the columns of the port and the names are somebody's own. */
static bool is_by_column_name(const weir_binding *binding, const weir_model_port *port)
{
    bool all_generic = true, any_known = false;
    if (port->column_names == NULL) return false;
    for (uint32_t i = 0; i < port->width; i++) {
        all_generic = all_generic && is_generic(port->column_names[i]);
        any_known = any_known || find_column(binding->vector, port->column_names[i]) != WEIR_NONE;
    }
    return any_known || !all_generic;
}

static weir_error *bind_one(weir_binding *binding, const weir_model_port *port, const char *name,
                            weir_binding_place *places, uint32_t width)
{
    uint32_t column = find_column(binding->vector, name);
    if (column == WEIR_NONE) {
        return weir_error_new(
            WEIR_E_MODEL,
            "the model takes an input `%s`, vector `%s` has no such column; add `%s = ...` to it",
            name, binding->vector->name, name);
    }
    uint32_t has = column_width(&binding->vector->columns[column]);
    if (has != width) {
        return weir_error_new(
            WEIR_E_MODEL,
            "the model's input `%s` is %u wide, column `%s` of vector `%s` is %u wide", port->name,
            width, name, binding->vector->name, has);
    }
    for (uint32_t i = 0; i < width; i++)
        places[i] = (weir_binding_place){column, i};
    return check_column(binding, column, port);
}

static weir_error *bind_by_names(weir_binding *binding, const weir_model_port *port,
                                 weir_binding_place *places)
{
    for (uint32_t i = 0; i < port->width; i++)
        WEIR_TRY(bind_one(binding, port, port->column_names[i], &places[i], 1));
    return NULL;
}

static weir_error *bind_in_order(weir_binding *binding, const weir_model_port *port,
                                 weir_binding_place *places)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < binding->vector->column_count; i++)
        total += column_width(&binding->vector->columns[i]);
    if (total != port->width) {
        return weir_error_new(WEIR_E_MODEL,
                              "the model's input `%s` takes %u numbers, vector `%s` has %u; the "
                              "vector must have just the "
                              "columns that the model was trained on, in that order",
                              port->name, port->width, binding->vector->name, total);
    }
    for (uint32_t c = 0, at = 0; c < binding->vector->column_count; c++) {
        WEIR_TRY(check_column(binding, c, port));
        for (uint32_t i = 0; i < column_width(&binding->vector->columns[c]); i++)
            places[at++] = (weir_binding_place){c, i};
    }
    return NULL;
}

static weir_error *bind_port(weir_binding *binding, const weir_model_port *port,
                             weir_binding_place *places)
{
    if (is_by_column_name(binding, port)) return bind_by_names(binding, port, places);
    bool is_named =
        binding->info->input_count > 1 || find_column(binding->vector, port->name) != WEIR_NONE;
    if (is_named) return bind_one(binding, port, port->name, places, port->width);
    return bind_in_order(binding, port, places);
}

static size_t item_bytes(weir_tensor_kind kind)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32:
    case WEIR_TENSOR_INT32: return 4;
    case WEIR_TENSOR_FLOAT64:
    case WEIR_TENSOR_INT64: return 8;
    case WEIR_TENSOR_BOOL: return 1;
    case WEIR_TENSOR_STRING: return sizeof(weir_bytes);
    }
    WEIR_UNREACHABLE();
}

static weir_error *bind_all(weir_binding *binding, weir_binding_place *places, size_t rows_max)
{
    size_t at = 0;
    for (size_t i = 0; i < binding->info->input_count; i++) {
        const weir_model_port *port = &binding->info->inputs[i];
        WEIR_TRY(bind_port(binding, port, places + at));
        void *data =
            weir_arena_calloc(&binding->arena, rows_max * port->width + 1, item_bytes(port->kind));
        binding->tensors[i] = (weir_model_tensor){port->kind, port->width, data};
        at += port->width;
    }
    return NULL;
}

weir_error *weir_binding_init(weir_binding *binding, const weir_plan_vector *vector,
                              const weir_model_info *info, size_t rows_max)
{
    *binding = (weir_binding){.vector = vector, .info = info};
    for (size_t i = 0; i < info->input_count; i++)
        binding->place_count += info->inputs[i].width;
    weir_binding_place *places =
        weir_arena_array(&binding->arena, weir_binding_place, binding->place_count + 1);
    binding->places = places;
    binding->tensors = weir_arena_array(&binding->arena, weir_model_tensor, info->input_count + 1);
    binding->row = weir_arena_array(&binding->arena, weir_model_tensor, info->input_count + 1);
    weir_error *error = bind_all(binding, places, rows_max);
    if (error != NULL) weir_binding_deinit(binding);
    return error;
}

void weir_binding_deinit(weir_binding *binding)
{
    weir_arena_deinit(&binding->arena);
    *binding = (weir_binding){0};
}

/* ---- one row ---- */

/*
 * A decimal as the nearest float32, rounded once. Going through the nearest double would round
 * twice; going through the double that is *rounded to odd* does not: if the double is inexact and
 * its last bit is even, the neighbour on the exact value's side is taken, which can not be a tie
 * between two floats.
 */
static float decimal_to_float(weir_type type, const weir_value *value)
{
    double nearest = weir_decimal_to_double(value->as.decimal, type.scale);
    weir_value rounded = {.kind = WEIR_FLOAT64, .as.float64 = nearest};
    int side = weir_number_compare(type, value, weir_type_of(WEIR_FLOAT64), &rounded);
    uint64_t bits;
    memcpy(&bits, &nearest, sizeof bits);
    if (side != 0 && (bits & 1) == 0) {
        bool is_away_from_zero = (side > 0) == (nearest > 0);
        bits = is_away_from_zero ? bits + 1 : bits - 1;
        memcpy(&nearest, &bits, sizeof bits);
    }
    return (float)nearest;
}

static float to_float(weir_type type, const weir_value *value, uint32_t component)
{
    switch (value->kind) {
    case WEIR_BOOL: return value->as.boolean ? 1.0F : 0.0F;
    case WEIR_INT64: return (float)value->as.integer;
    case WEIR_FLOAT64: return (float)value->as.float64;
    case WEIR_DECIMAL: return decimal_to_float(type, value);
    case WEIR_VEC: return value->as.vec[component];
    default: return (float)NAN;
    }
}

static double to_double(weir_type type, const weir_value *value, uint32_t component)
{
    switch (value->kind) {
    case WEIR_BOOL: return value->as.boolean ? 1.0 : 0.0;
    case WEIR_INT64: return weir_int64_to_double(value->as.integer);
    case WEIR_FLOAT64: return value->as.float64;
    case WEIR_DECIMAL: return weir_decimal_to_double(value->as.decimal, type.scale);
    case WEIR_VEC: return (double)value->as.vec[component];
    default: return (double)NAN;
    }
}

static weir_bytes to_text(weir_type type, const weir_value *value)
{
    if (value->kind == WEIR_STRING) return (weir_bytes){value->as.bytes, value->size};
    const char *symbol = type.symbols->symbols[value->as.integer];
    return (weir_bytes){(const uint8_t *)symbol, strlen(symbol)};
}

static void put(weir_model_tensor *tensor, size_t at, weir_type type, const weir_value *value,
                uint32_t component)
{
    void *data = (void *)(uintptr_t)tensor->data; /* ours: allocated in bind_all */
    int64_t integer = value->kind == WEIR_BOOL ? value->as.boolean : value->as.integer;
    switch (tensor->kind) {
    case WEIR_TENSOR_FLOAT32: ((float *)data)[at] = to_float(type, value, component); break;
    case WEIR_TENSOR_FLOAT64: ((double *)data)[at] = to_double(type, value, component); break;
    case WEIR_TENSOR_INT64: ((int64_t *)data)[at] = integer; break;
    case WEIR_TENSOR_INT32: ((int32_t *)data)[at] = (int32_t)integer; break;
    case WEIR_TENSOR_BOOL: ((uint8_t *)data)[at] = value->as.boolean; break;
    case WEIR_TENSOR_STRING: ((weir_bytes *)data)[at] = to_text(type, value); break;
    }
}

static bool is_acceptable(const weir_model_port *port, const weir_value *value)
{
    bool is_float = port->kind == WEIR_TENSOR_FLOAT32 || port->kind == WEIR_TENSOR_FLOAT64;
    if (weir_is_null(value)) return port->accepts_missing && is_float;
    if (port->kind != WEIR_TENSOR_INT32 || value->kind != WEIR_INT64) return true;
    return value->as.integer >= INT32_MIN && value->as.integer <= INT32_MAX;
}

const weir_model_tensor *weir_binding_row(weir_binding *binding, size_t row)
{
    for (size_t i = 0; i < binding->info->input_count; i++) {
        binding->row[i] = binding->tensors[i];
        binding->row[i].data = (const char *)binding->tensors[i].data +
                               row * binding->row[i].width * item_bytes(binding->row[i].kind);
    }
    return binding->row;
}

bool weir_binding_fill(weir_binding *binding, size_t row, const weir_value *const *values)
{
    const weir_binding_place *place = binding->places;
    for (size_t i = 0; i < binding->info->input_count; i++) {
        const weir_model_port *port = &binding->info->inputs[i];
        for (uint32_t at = 0; at < port->width; at++, place++) {
            const weir_value *value = values[place->column];
            if (!is_acceptable(port, value)) return false;
            put(&binding->tensors[i], row * port->width + at,
                binding->vector->columns[place->column].type, value, place->component);
        }
    }
    return true;
}
