/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/json_value.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json_scan.h"
#include "ops/runtime/utf8.h"
#include "schemas/decimal.h"

/*
 * One reading: what all levels of a nested value share. A text of a scalar comes from a JSON
 * string, a JSON number or a CSV cell, and is read the same way from each.
 */
typedef struct reading {
    weir_time_unit unit;
    weir_arena *into;
    bool bad_number;
    const char *problem;
} reading;

static bool fail(reading *r, const char *problem)
{
    if (r->problem == NULL) r->problem = problem;
    return false;
}

static bool fail_number(reading *r, const char *problem)
{
    r->bad_number = true;
    return fail(r, problem);
}

/* Field by field: a struct built elsewhere and copied stalls on its own stores. */
static inline void put_value(weir_value *out, weir_kind kind, size_t size)
{
    out->kind = (uint8_t)kind;
    memset(out->reserved, 0, sizeof out->reserved);
    out->size = (uint32_t)size;
}

static inline void put_int(weir_value *out, weir_kind kind, int64_t value)
{
    put_value(out, kind, 0);
    out->as.decimal = 0;
    out->as.integer = value;
}

static inline void put_string(weir_value *out, weir_bytes text)
{
    put_value(out, WEIR_STRING, text.size);
    out->as.decimal = 0;
    out->as.bytes = text.data;
}

/* -- Scalars from their text -- */

static bool text_is(weir_bytes text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool text_is_any(weir_bytes text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (text_is(text, *words)) return true;
    }
    return false;
}

/* As Python, Java, JavaScript and C write them. */
static bool is_nonfinite(weir_bytes text)
{
    static const char *const words[] = {"NaN", "nan",  "NAN",  "Infinity", "-Infinity", "+Infinity",
                                        "inf", "-inf", "+inf", "Inf",      "-Inf",      "+Inf",
                                        "INF", "-INF", "+INF", NULL};
    return text.size >= 3 && text.size <= 9 && text_is_any(text, words);
}

static const char *chars(weir_bytes text) { return (const char *)text.data; }

/* [-]digits of at most 18, the common case. */
static bool read_short_int(weir_bytes text, int64_t *out)
{
    const uint8_t *at = text.data, *end = at + text.size;
    bool negative = text.size > 0 && *at == '-';
    at += negative;
    if (at == end || end - at > 18) return false;
    uint64_t value;
    if (weir_digits_take(at, end, &value) != end) return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* 5.0 and 5e3 are whole numbers too; what has a fraction or more than 64 bits is not. */
static bool read_int(weir_bytes text, int64_t *out)
{
    if (read_short_int(text, out)) return true;
    weir_int128 wide = 0;
    if (!weir_decimal_parse(chars(text), text.size, 38, 0, &wide) || wide != (int64_t)wide)
        return false;
    *out = (int64_t)wide;
    return true;
}

static bool read_float(reading *r, weir_bytes text, weir_value *out)
{
    double value = 0;
    bool is_number = weir_double_parse(chars(text), text.size, &value);
    if (!is_number && !is_nonfinite(text)) return fail(r, "expected a float64");
    if (!is_number || !isfinite(value))
        return fail_number(r, "NaN, or beyond the range of float64");
    put_value(out, WEIR_FLOAT64, 0);
    out->as.decimal = 0;
    out->as.float64 = value + 0.0; /* no -0 */
    return true;
}

static bool read_decimal(reading *r, const weir_type *type, weir_bytes text, weir_value *out)
{
    weir_int128 unscaled = 0;
    if (weir_decimal_parse(chars(text), text.size, type->precision, type->scale, &unscaled)) {
        put_value(out, WEIR_DECIMAL, 0);
        out->as.decimal = unscaled;
        return true;
    }
    double ignored = 0;
    bool is_number = weir_double_parse(chars(text), text.size, &ignored) || is_nonfinite(text);
    if (!is_number) return fail(r, "expected a decimal, as a number or a string of digits");
    return fail_number(r, "more digits than the decimal's precision or scale; it is never rounded");
}

/* A date's own text is a date: midnight UTC. */
static bool parse_time(const reading *r, weir_bytes text, int64_t *time_us_out)
{
    if (weir_time_parse(chars(text), text.size, time_us_out)) return true;
    return r->unit == WEIR_UNIT_DAY && weir_date_parse(chars(text), text.size, time_us_out);
}

static bool read_time(reading *r, weir_bytes text, weir_value *out)
{
    static const int64_t units[] = {1, 1000, WEIR_US_PER_S, WEIR_US_PER_DAY};
    int64_t value = 0;
    bool is_date =
        text.size > 4 && text.data[4] == '-'; /* a number has no sign there but in an exponent */
    if (is_date && parse_time(r, text, &value)) {
        put_int(out, WEIR_TIME, value);
        return true;
    }
    if (read_int(text, &value)) {
        if (__builtin_mul_overflow(value, units[r->unit], &value))
            return fail_number(r, "a time beyond the range of 64 bits");
    } else if (!parse_time(r, text, &value)) {
        return fail(r, "expected a time: RFC 3339 such as \"2026-03-01T12:00:00Z\" with at most "
                       "six digits of a "
                       "second, or an integer in the schema's unit");
    }
    put_int(out, WEIR_TIME, value);
    return true;
}

static bool read_bool(reading *r, weir_bytes text, weir_value *out)
{
    static const char *const yes[] = {"true", "True", "TRUE", "1", NULL}, *const no[] = {
                                                                              "false", "False",
                                                                              "FALSE", "0", NULL};
    *out = weir_bool(text_is_any(text, yes));
    return out->as.boolean || text_is_any(text, no) || fail(r, "expected true or false");
}

static bool read_enum(reading *r, const weir_type *type, weir_bytes text, weir_value *out)
{
    for (uint32_t i = 0; i < type->symbols->symbol_count; i++) {
        const char *symbol = type->symbols->symbols[i];
        if (text.size > 0 && *symbol != (char)*text.data) continue;
        if (text_is(text, symbol)) {
            put_int(out, WEIR_ENUM, i);
            return true;
        }
    }
    return fail(r, "not one of the enum's symbols");
}

static bool read_bytes(reading *r, weir_bytes text, weir_value *out)
{
    weir_bytes bytes;
    if (!weir_base64_read(chars(text), text.size, r->into, &bytes))
        return fail(r, "expected bytes as padded base64");
    *out = (weir_value){.kind = WEIR_BYTES, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
    return true;
}

static bool read_whole(reading *r, const weir_type *type, weir_bytes text, weir_value *out)
{
    int64_t value = 0;
    if (!read_int(text, &value))
        return fail(r, type->kind == WEIR_INT64
                           ? "expected an int64, as a number or a string of digits"
                           : "expected a duration as a whole number of microseconds");
    put_int(out, (weir_kind)type->kind, value);
    return true;
}

static bool read_scalar(reading *r, const weir_type *type, weir_bytes text, weir_value *out)
{
    if (text.size > UINT32_MAX) return fail(r, "longer than 4 GiB");
    switch (type->kind) {
    case WEIR_BOOL: return read_bool(r, text, out);
    case WEIR_INT64:
    case WEIR_DURATION: return read_whole(r, type, text, out);
    case WEIR_FLOAT64: return read_float(r, text, out);
    case WEIR_DECIMAL: return read_decimal(r, type, text, out);
    case WEIR_TIME: return read_time(r, text, out);
    case WEIR_ENUM: return read_enum(r, type, text, out);
    case WEIR_BYTES: return read_bytes(r, text, out);
    case WEIR_STRING:
        if (!weir_utf8_is_valid(text.data, text.size))
            return fail(r, "a string that is not valid UTF-8");
        put_string(out, text);
        return true;
    default: return fail(r, "expected JSON");
    }
}

/* -- JSON -- */

static bool read_value(reading *r, weir_json *json, const weir_type *type, weir_value *out);

static const weir_type real_type = {.kind = WEIR_FLOAT64};

static bool read_geo(reading *r, weir_json *json, weir_json_token token, weir_value *out)
{
    weir_value parts[2] = {weir_null(), weir_null()};
    if (token != WEIR_JSON_OBJECT_BEGIN)
        return fail(r, "expected a geo as {\"lat\":..,\"lon\":..}");
    while (weir_json_next_key(json)) {
        bool is_lat = weir_json_key_is(json, "lat"), is_lon = weir_json_key_is(json, "lon");
        if (is_lat || is_lon) {
            if (!weir_is_null(&parts[is_lon]))
                return fail(r, "a member of the geo stands twice; leave one out");
            if (!read_value(r, json, &real_type, &parts[is_lon])) return false;
        } else if (!weir_json_skip(json)) {
            return false;
        }
    }
    if (weir_is_null(&parts[0]) || weir_is_null(&parts[1]))
        return fail(r, "expected a geo as {\"lat\":..,\"lon\":..}");
    *out = (weir_value){.kind = WEIR_GEO, .as.geo = {parts[0].as.float64, parts[1].as.float64}};
    return true;
}

static bool read_component(reading *r, weir_json *json, float *out)
{
    weir_json_token token = weir_json_next(json);
    if (token == WEIR_JSON_STRING && is_nonfinite(json->text))
        return fail_number(r, "NaN or infinity in a vec");
    if (token != WEIR_JSON_NUMBER) return fail(r, "expected a number in a vec");
    if (!weir_float_parse(chars(json->text), json->text.size, out) || !isfinite(*out))
        return fail_number(r, "NaN, or beyond the range of float32, in a vec");
    *out += 0.0f; /* no -0 */
    return true;
}

static bool read_vec(reading *r, weir_json *json, weir_json_token token, const weir_type *type,
                     weir_value *out)
{
    if (token != WEIR_JSON_ARRAY_BEGIN) return fail(r, "expected a vec as an array of numbers");
    float *vec = weir_arena_array(r->into, float, type->length);
    uint32_t count = 0;
    while (weir_json_next_item(json)) {
        if (count == type->length) return fail(r, "more numbers than the vec has components");
        if (!read_component(r, json, &vec[count++])) return false;
    }
    if (count != type->length) return fail(r, "fewer numbers than the vec has components");
    *out = (weir_value){.kind = WEIR_VEC, .size = count, .as.vec = vec};
    return true;
}

/* Items of unknown number: an array that doubles. */
typedef struct items {
    weir_value *values;
    size_t count, capacity;
} items;

static weir_value *items_add(items *list, weir_arena *into)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
        weir_value *values = weir_arena_array(into, weir_value, capacity);
        if (list->count > 0) memcpy(values, list->values, list->count * sizeof *values);
        *list = (items){values, list->count, capacity};
    }
    return &list->values[list->count++];
}

static bool read_list(reading *r, weir_json *json, weir_json_token token, const weir_type *type,
                      weir_value *out)
{
    if (token != WEIR_JSON_ARRAY_BEGIN) return fail(r, "expected a list as an array");
    items list = {0};
    while (weir_json_next_item(json)) {
        if (!read_value(r, json, type->item, items_add(&list, r->into))) return false;
    }
    *out = (weir_value){.kind = WEIR_LIST, .size = (uint32_t)list.count, .as.items = list.values};
    return true;
}

static bool read_map(reading *r, weir_json *json, weir_json_token token, const weir_type *type,
                     weir_value *out)
{
    if (token != WEIR_JSON_OBJECT_BEGIN) return fail(r, "expected a map as an object");
    items pairs = {0};
    while (weir_json_next_key(json)) {
        if (!read_scalar(r, type->key, json->text, items_add(&pairs, r->into))) return false;
        if (!read_value(r, json, type->item, items_add(&pairs, r->into))) return false;
    }
    *out = (weir_value){
        .kind = WEIR_MAP, .size = (uint32_t)(pairs.count / 2), .as.items = pairs.values};
    return true;
}

/* Which scalars may be a JSON number, and which a JSON string. */
static bool may_be_number(weir_kind kind)
{
    return kind == WEIR_INT64 || kind == WEIR_FLOAT64 || kind == WEIR_DECIMAL ||
           kind == WEIR_TIME || kind == WEIR_DURATION;
}

static const char *expectation(const weir_type *type)
{
    switch (type->kind) {
    case WEIR_BOOL: return "expected true or false";
    case WEIR_INT64: return "expected an int64, as a number or a string of digits";
    case WEIR_FLOAT64: return "expected a float64 as a number";
    case WEIR_DECIMAL: return "expected a decimal, as a number or a string of digits";
    case WEIR_STRING: return "expected a string";
    case WEIR_BYTES: return "expected bytes as a string of padded base64";
    case WEIR_ENUM: return "expected an enum's symbol as a string";
    case WEIR_TIME:
        return "expected a time as a string (RFC 3339) or an integer in the schema's unit";
    default: return "expected a duration as a whole number of microseconds";
    }
}

static bool read_json_scalar(reading *r, weir_json *json, weir_json_token token,
                             const weir_type *type, weir_value *out)
{
    bool is_bool = token == WEIR_JSON_TRUE || token == WEIR_JSON_FALSE;
    if (type->kind == WEIR_BOOL && is_bool) {
        *out = weir_bool(token == WEIR_JSON_TRUE);
        return true;
    }
    bool fits = (token == WEIR_JSON_NUMBER && may_be_number(type->kind)) ||
                (token == WEIR_JSON_STRING && type->kind != WEIR_BOOL);
    if (!fits) return fail(r, expectation(type));
    /* A float64 is a number; only what JSON can not write as one comes as a string. */
    bool is_text_float = type->kind == WEIR_FLOAT64 && token == WEIR_JSON_STRING;
    if (is_text_float && !is_nonfinite(json->text)) return fail(r, expectation(type));
    if (type->kind == WEIR_STRING && json->text.size <= UINT32_MAX) { /* its UTF-8 was checked */
        put_string(out, json->text);
        return true;
    }
    return read_scalar(r, type, json->text, out);
}

static bool read_present(reading *r, weir_json *json, weir_json_token token, const weir_type *type,
                         weir_value *out)
{
    switch (type->kind) {
    case WEIR_GEO: return read_geo(r, json, token, out);
    case WEIR_VEC: return read_vec(r, json, token, type, out);
    case WEIR_LIST: return read_list(r, json, token, type, out);
    case WEIR_MAP: return read_map(r, json, token, type, out);
    default: return read_json_scalar(r, json, token, type, out);
    }
}

static bool skip_to_depth(weir_json *json, unsigned depth)
{
    while (json->depth > depth) {
        if (weir_json_next(json) == WEIR_JSON_ERROR) return false;
    }
    return true;
}

bool weir_json_take_plain(weir_json *json, const weir_type *type, weir_time_unit unit,
                          weir_value *out)
{
    weir_json_scalar scalar;
    if (!weir_json_peek_scalar(json, &scalar)) return false;
    bool is_string = scalar.kind == WEIR_JSON_STRING, is_number = scalar.kind == WEIR_JSON_NUMBER;
    if (!is_string && !is_number && type->kind != WEIR_BOOL) return false;
    reading r = {.unit = unit}; /* its complaints are for the long way to make */
    int64_t value = 0;
    switch (type->kind) {
    case WEIR_STRING:
        if (!is_string || scalar.text.size > UINT32_MAX) return false;
        put_string(out, scalar.text);
        break;
    case WEIR_INT64:
        if (!read_short_int(scalar.text, &value)) return false;
        put_int(out, WEIR_INT64, value);
        break;
    case WEIR_FLOAT64:
        if (!is_number || !read_float(&r, scalar.text, out)) return false;
        break;
    case WEIR_DECIMAL:
        if (!read_decimal(&r, type, scalar.text, out)) return false;
        break;
    case WEIR_TIME:
        if (!read_time(&r, scalar.text, out)) return false;
        break;
    case WEIR_ENUM:
        if (!is_string || !read_enum(&r, type, scalar.text, out)) return false;
        break;
    case WEIR_BOOL:
        if (is_string || is_number) return false;
        *out = weir_bool(scalar.kind == WEIR_JSON_TRUE);
        break;
    default: return false;
    }
    weir_json_take_scalar(json, &scalar);
    return true;
}

static bool read_value(reading *r, weir_json *json, const weir_type *type, weir_value *out)
{
    if (weir_json_take_plain(json, type, r->unit, out)) return true;
    put_int(out, WEIR_NULL, 0);
    unsigned depth = json->depth;
    weir_json_token token = weir_json_next(json);
    if (token == WEIR_JSON_NULL)
        return type->optional || fail(r, "null, but the field is not optional");
    if (read_present(r, json, token, type, out)) return json->problem == NULL;
    if (json->problem != NULL || !type->optional || !r->bad_number) return false;
    if (!skip_to_depth(json, depth)) return false;
    r->problem = NULL;
    *out = weir_null();
    return true;
}

bool weir_json_read_value(weir_json *json, weir_type type, weir_time_unit unit, weir_arena *into,
                          weir_value *value_out, bool *bad_number_out, const char **problem_out)
{
    reading r = {.unit = unit, .into = into};
    bool ok = read_value(&r, json, &type, value_out);
    *bad_number_out = r.bad_number;
    if (!ok) *problem_out = json->problem != NULL ? json->problem : r.problem;
    return ok;
}

/* -- Text -- */

static bool is_nested(weir_kind kind)
{
    return kind == WEIR_GEO || kind == WEIR_VEC || kind == WEIR_LIST || kind == WEIR_MAP;
}

static bool read_nested_text(reading *r, weir_bytes text, const weir_type *type, weir_value *out)
{
    weir_json json;
    weir_json_init(&json, text.data, text.size, r->into);
    bool ok = read_value(r, &json, type, out) && weir_json_expect(&json, WEIR_JSON_END);
    return ok || fail(r, json.problem);
}

bool weir_text_read_value(const char *text, size_t size, weir_type type, weir_time_unit unit,
                          weir_arena *into, weir_value *value_out, bool *bad_number_out,
                          const char **problem_out)
{
    reading r = {.unit = unit, .into = into};
    weir_bytes bytes = {(const uint8_t *)text, size};
    bool ok = true;
    *value_out = weir_null();
    if (size == 0 && (type.optional || type.kind != WEIR_STRING)) {
        ok = type.optional || fail(&r, "empty, but the field is not optional");
    } else {
        ok = is_nested(type.kind) ? read_nested_text(&r, bytes, &type, value_out)
                                  : read_scalar(&r, &type, bytes, value_out);
    }
    *bad_number_out = r.bad_number;
    if (!ok && r.bad_number && type.optional) {
        *value_out = weir_null();
        return true;
    }
    if (!ok) *problem_out = r.problem;
    return ok;
}

/* -- Writing -- */

static size_t int_print(int64_t value, char *out)
{
    *out = '-';
    return value < 0 ? 1 + weir_uint64_print(-(uint64_t)value, out + 1)
                     : weir_uint64_print((uint64_t)value, out);
}

size_t weir_scalar_print(weir_type type, const weir_value *value, char *out)
{
    WEIR_ASSERT(value->kind == type.kind);
    switch (type.kind) {
    case WEIR_BOOL:
        memcpy(out, value->as.boolean ? "true" : "false", 5);
        return value->as.boolean ? 4 : 5;
    case WEIR_INT64:
    case WEIR_DURATION: return int_print(value->as.integer, out);
    case WEIR_FLOAT64: return weir_double_print(value->as.float64, out);
    case WEIR_DECIMAL: return weir_decimal_print(value->as.decimal, type.scale, out);
    case WEIR_TIME: return weir_time_print(value->as.integer, out);
    default: WEIR_UNREACHABLE();
    }
}

static const char *symbol_of(weir_type type, const weir_value *value)
{
    WEIR_ASSERT((uint64_t)value->as.integer < type.symbols->symbol_count);
    return type.symbols->symbols[value->as.integer];
}

static void write_base64(weir_json_writer *writer, const weir_value *value)
{
    weir_buffer text = {0};
    weir_base64_write(&text, (weir_bytes){value->as.bytes, value->size});
    weir_json_write_string(writer, text.data, text.size);
    weir_buffer_deinit(&text);
}

static void write_geo(weir_json_writer *writer, const weir_value *value)
{
    const double parts[2] = {value->as.geo.latitude, value->as.geo.longitude};
    weir_json_write_begin(writer, '{');
    for (int i = 0; i < 2; i++) {
        weir_json_write_key(writer, i == 0 ? "lat" : "lon");
        weir_json_write_double(writer, parts[i]);
    }
    weir_json_write_end(writer, '}');
}

static void write_array(weir_json_writer *writer, weir_type type, const weir_value *value)
{
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < value->size; i++) {
        if (type.kind == WEIR_LIST) {
            weir_json_write_value(writer, *type.item, &value->as.items[i]);
        } else {
            char text[WEIR_DOUBLE_TEXT_MAX];
            weir_json_write_raw(writer, text, weir_float_print(value->as.vec[i], text));
        }
    }
    weir_json_write_end(writer, ']');
}

static void write_map(weir_json_writer *writer, weir_type type, const weir_value *value)
{
    weir_buffer key = {0};
    weir_json_write_begin(writer, '{');
    for (uint32_t i = 0; i < value->size; i++) {
        weir_buffer_clear(&key);
        weir_text_write_value(&key, *type.key, &value->as.items[2 * i]);
        weir_json_write_key_bytes(writer, key.data, key.size);
        weir_json_write_value(writer, *type.item, &value->as.items[2 * i + 1]);
    }
    weir_json_write_end(writer, '}');
    weir_buffer_deinit(&key);
}

static void write_scalar(weir_json_writer *writer, weir_type type, const weir_value *value)
{
    char text[WEIR_SCALAR_TEXT_MAX];
    size_t length = weir_scalar_print(type, value, text);
    bool is_quoted = type.kind == WEIR_DECIMAL || type.kind == WEIR_TIME;
    if (is_quoted) {
        weir_json_write_string(writer, text, length);
    } else {
        weir_json_write_raw(writer, text, length);
    }
}

void weir_json_write_value(weir_json_writer *writer, weir_type type, const weir_value *value)
{
    if (weir_is_null(value)) {
        weir_json_write_null(writer);
        return;
    }
    switch (type.kind) {
    case WEIR_STRING: weir_json_write_string(writer, value->as.bytes, value->size); break;
    case WEIR_BYTES: write_base64(writer, value); break;
    case WEIR_ENUM: weir_json_write_text(writer, symbol_of(type, value)); break;
    case WEIR_GEO: write_geo(writer, value); break;
    case WEIR_VEC:
    case WEIR_LIST: write_array(writer, type, value); break;
    case WEIR_MAP: write_map(writer, type, value); break;
    default: write_scalar(writer, type, value); break;
    }
}

void weir_text_write_value(weir_buffer *out, weir_type type, const weir_value *value)
{
    if (weir_is_null(value)) return;
    switch (type.kind) {
    case WEIR_STRING: weir_buffer_put(out, value->as.bytes, value->size); break;
    case WEIR_BYTES: weir_base64_write(out, (weir_bytes){value->as.bytes, value->size}); break;
    case WEIR_ENUM: weir_buffer_put_text(out, symbol_of(type, value)); break;
    case WEIR_GEO:
    case WEIR_VEC:
    case WEIR_LIST:
    case WEIR_MAP: weir_json_write_value(&(weir_json_writer){.out = out}, type, value); break;
    default: {
        uint8_t *to = weir_buffer_reserve(out, WEIR_SCALAR_TEXT_MAX);
        out->size += weir_scalar_print(type, value, (char *)to);
        break;
    }
    }
}
