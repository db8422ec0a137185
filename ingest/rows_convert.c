/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of files that have types of their own (Avro, Parquet) as the types that are wanted.
 * Nothing is rounded but where the type itself is a rounded one: a decimal as float64 is the
 * nearest, as its digits in a CSV would be; a float64 as decimal is its shortest text, which must
 * fit.
 */
#include <math.h>
#include <stdlib.h>

#include "ingest/rows.h"
#include "ops/runtime/utf8.h"
#include "schemas/decimal.h"
#include "schemas/time.h"

typedef struct conversion {
    weir_time_unit unit;
    weir_arena *into;
    bool bad_number;
    const char *problem;
} conversion;

static bool fail(conversion *c, const char *problem)
{
    c->problem = problem;
    return false;
}

static bool fail_number(conversion *c, const char *problem)
{
    c->bad_number = true;
    return fail(c, problem);
}

static bool from_integer(conversion *c, int64_t integer, weir_type to, weir_value *out)
{
    static const int64_t unit_us[] = {[WEIR_UNIT_US] = 1,
                                      [WEIR_UNIT_MS] = 1000,
                                      [WEIR_UNIT_S] = WEIR_US_PER_S,
                                      [WEIR_UNIT_DAY] = WEIR_US_PER_DAY};
    weir_int128 wide = 0;
    switch (to.kind) {
    case WEIR_INT64: *out = weir_int(integer); return true;
    case WEIR_DURATION: *out = weir_duration(integer); return true;
    case WEIR_TIME: {
        int64_t us = 0;
        if (__builtin_mul_overflow(integer, unit_us[c->unit], &us))
            return fail_number(c, "a time beyond the range of 64 bits");
        *out = weir_time(us);
        return true;
    }
    case WEIR_DECIMAL:
        if (!weir_decimal_rescale(integer, 0, to.scale, &wide) ||
            !weir_decimal_fits(wide, to.precision)) {
            return fail_number(c, "more digits than the decimal holds");
        }
        *out = weir_decimal(wide);
        return true;
    case WEIR_FLOAT64: *out = weir_float((double)integer); return true;
    case WEIR_BOOL:
        if (integer != 0 && integer != 1)
            return fail(c, "an integer other than 0 and 1 is no bool");
        *out = weir_bool(integer == 1);
        return true;
    default: return fail(c, "an integer does not become this type");
    }
}

static bool from_decimal(conversion *c, weir_int128 decimal, unsigned scale, weir_type to,
                         weir_value *out)
{
    weir_int128 wide = 0;
    switch (to.kind) {
    case WEIR_DECIMAL:
        if (!weir_decimal_rescale(decimal, scale, to.scale, &wide) ||
            !weir_decimal_fits(wide, to.precision)) {
            return fail_number(c, "more digits than the decimal holds");
        }
        *out = weir_decimal(wide);
        return true;
    case WEIR_FLOAT64: *out = weir_float(weir_decimal_to_double(decimal, scale)); return true;
    default:
        if (!weir_decimal_rescale(decimal, scale, 0, &wide) || wide < INT64_MIN ||
            wide > INT64_MAX) {
            return fail_number(c, "a decimal that is no int64");
        }
        return from_integer(c, (int64_t)wide, to, out);
    }
}

static bool from_float(conversion *c, double number, weir_type to, weir_value *out)
{
    char digits[40];
    weir_int128 wide = 0;
    if (!isfinite(number)) return fail_number(c, "NaN or infinity");
    switch (to.kind) {
    case WEIR_FLOAT64: *out = weir_float(number); return true;
    case WEIR_DECIMAL:
        if (!weir_decimal_parse(digits, weir_double_print(number, digits), to.precision, to.scale,
                                &wide)) {
            return fail_number(c, "more digits than the decimal holds");
        }
        *out = weir_decimal(wide);
        return true;
    default:
        if (number < -9007199254740992.0 || number > 9007199254740992.0 ||
            number != (double)(int64_t)number) {
            return fail_number(c, "a float64 that is no whole number");
        }
        return from_integer(c, (int64_t)number, to, out);
    }
}

static bool from_text(conversion *c, const weir_value *value, weir_type to, weir_value *out)
{
    to.optional = false; /* an empty text is a text */
    if (to.kind == WEIR_STRING) {
        *out = *value;
        out->kind = WEIR_STRING;
        return weir_utf8_is_valid(value->as.bytes, value->size) || fail(c, "not valid UTF-8");
    }
    if (to.kind == WEIR_BYTES) {
        *out = *value;
        out->kind = WEIR_BYTES;
        return true;
    }
    return weir_text_read_value((const char *)value->as.bytes, value->size, to, c->unit, c->into,
                                out, &c->bad_number, &c->problem);
}

static bool convert(conversion *c, weir_type from, const weir_value *value, weir_type to,
                    weir_value *out);

static bool list_to_vec(conversion *c, weir_type from, const weir_value *value, weir_type to,
                        weir_value *out)
{
    if (value->size != to.length) return fail(c, "a list of another length than the vec");
    float *vec = weir_arena_array(c->into, float, to.length);
    for (uint32_t i = 0; i < to.length; i++) {
        weir_value number;
        if (!convert(c, *from.item, &value->as.items[i], weir_type_of(WEIR_FLOAT64), &number))
            return false;
        vec[i] = (float)number.as.float64 + 0.0f;
        if (!isfinite(vec[i])) return fail_number(c, "beyond the range of float32");
    }
    *out = (weir_value){.kind = WEIR_VEC, .size = to.length, .as.vec = vec};
    return true;
}

/* Items of a list, or keys and values of a map in turn. */
static bool from_items(conversion *c, weir_type from, const weir_value *value, weir_type to,
                       weir_value *out)
{
    bool is_map = value->kind == WEIR_MAP;
    if (to.kind == WEIR_VEC && !is_map) return list_to_vec(c, from, value, to, out);
    if (to.kind != value->kind)
        return fail(c, is_map ? "a map does not become this type"
                              : "a list does not become this type");
    size_t count = (size_t)value->size * (is_map ? 2 : 1);
    weir_value *items = weir_arena_array(c->into, weir_value, count);
    for (size_t i = 0; i < count; i++) {
        bool is_key = is_map && i % 2 == 0;
        weir_type inner = is_key ? *from.key : *from.item, wanted = is_key ? *to.key : *to.item;
        if (!convert(c, inner, &value->as.items[i], wanted, &items[i])) return false;
    }
    *out = (weir_value){.kind = value->kind, .size = value->size, .as.items = items};
    return true;
}

static bool text_of_integer(conversion *c, const weir_value *value, weir_value *out)
{
    char *text = weir_arena_alloc(c->into, WEIR_DECIMAL_TEXT_MAX);
    *out = weir_string(text, weir_decimal_print(value->as.integer, 0, text));
    return true;
}

static bool take_geo(conversion *c, const weir_value *value, weir_value *out)
{
    double latitude = value->as.geo.latitude, longitude = value->as.geo.longitude;
    if (!isfinite(latitude) || !isfinite(longitude)) return fail_number(c, "NaN or infinity");
    *out = (weir_value){.kind = WEIR_GEO, .as.geo = {latitude + 0.0, longitude + 0.0}}; /* no -0 */
    return true;
}

static bool convert_present(conversion *c, weir_type from, const weir_value *value, weir_type to,
                            weir_value *out)
{
    switch (value->kind) {
    case WEIR_BOOL:
        if (to.kind == WEIR_BOOL) {
            *out = *value;
            return true;
        }
        return to.kind == WEIR_INT64 ? from_integer(c, value->as.boolean, to, out)
                                     : fail(c, "a bool does not become this type");
    case WEIR_INT64:
        return to.kind == WEIR_STRING ? text_of_integer(c, value, out)
                                      : from_integer(c, value->as.integer, to, out);
    case WEIR_DECIMAL: return from_decimal(c, value->as.decimal, from.scale, to, out);
    case WEIR_FLOAT64: return from_float(c, value->as.float64, to, out);
    case WEIR_STRING:
    case WEIR_BYTES: return from_text(c, value, to, out);
    case WEIR_ENUM: {
        if (to.kind == WEIR_ENUM && weir_type_equal(from, (weir_type){.kind = WEIR_ENUM,
                                                                      .optional = from.optional,
                                                                      .symbols = to.symbols})) {
            *out = *value;
            return true;
        }
        const char *symbol = from.symbols->symbols[value->as.integer];
        weir_value text = weir_string(symbol, strlen(symbol));
        return from_text(c, &text, to, out);
    }
    case WEIR_LIST:
    case WEIR_MAP: return from_items(c, from, value, to, out);
    default: /* time, duration, geo, vec: as they are or not at all */
        if (to.kind == WEIR_GEO && value->kind == WEIR_GEO) return take_geo(c, value, out);
        if (value->kind != to.kind || (to.kind == WEIR_VEC && value->size != to.length)) {
            return fail(c, "the file's type does not become this type");
        }
        *out = *value;
        return true;
    }
}

static bool convert(conversion *c, weir_type from, const weir_value *value, weir_type to,
                    weir_value *out)
{
    *out = weir_null();
    if (weir_is_null(value)) return to.optional || fail(c, "null, but the field is not optional");
    bool had_bad = c->bad_number;
    if (convert_present(c, from, value, to, out)) return true;
    if (!to.optional || !c->bad_number || had_bad) return false;
    *out = weir_null(); /* R10: a bad number in an optional field */
    c->problem = NULL;
    return true;
}

bool weir_rows_convert(weir_type from, const weir_value *value, weir_type to, weir_time_unit unit,
                       weir_arena *into, weir_value *value_out, bool *bad_number_out,
                       const char **problem_out)
{
    conversion c = {.unit = unit, .into = into};
    bool ok = convert(&c, from, value, to, value_out);
    *bad_number_out = c.bad_number;
    if (!ok) *problem_out = c.problem;
    return ok;
}
