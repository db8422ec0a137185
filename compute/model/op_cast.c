/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_cast.c - Cast.
 *
 * float to integer cuts toward zero; NaN gives 0 and what is out of range the nearest end, where
 * other engines leave it to the CPU. Text is read as a whole decimal number ("NaN", "INF" too);
 * numbers are printed with 9 or 17 significant digits and without a point where they are whole, as
 * exporters expect.
 */
#include "compute/model/op.h"
#include "schemas/decimal.h"

enum { TEXT_BYTES = 32 };

typedef union scalar {
    double number;
    int64_t integer;
    weir_bytes text;
} scalar;

static bool is_integer(weir_tensor_kind kind)
{
    return kind == WEIR_TENSOR_INT64 || kind == WEIR_TENSOR_INT32 || kind == WEIR_TENSOR_BOOL;
}

static scalar load(const void *data, weir_tensor_kind kind, size_t i)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return (scalar){.number = (double)((const float *)data)[i]};
    case WEIR_TENSOR_FLOAT64: return (scalar){.number = ((const double *)data)[i]};
    case WEIR_TENSOR_INT64: return (scalar){.integer = ((const int64_t *)data)[i]};
    case WEIR_TENSOR_INT32: return (scalar){.integer = ((const int32_t *)data)[i]};
    case WEIR_TENSOR_BOOL: return (scalar){.integer = ((const uint8_t *)data)[i]};
    case WEIR_TENSOR_STRING: return (scalar){.text = ((const weir_bytes *)data)[i]};
    }
    WEIR_UNREACHABLE();
}

static int64_t cut(double x, weir_tensor_kind to)
{
    if (x != x) return 0;
    double high = to == WEIR_TENSOR_INT32 ? 2147483647.0 : 0x1p63;
    double low = to == WEIR_TENSOR_INT32 ? -2147483648.0 : -0x1p63;
    if (x >= high) return to == WEIR_TENSOR_INT32 ? INT32_MAX : INT64_MAX;
    if (x <= low) return to == WEIR_TENSOR_INT32 ? INT32_MIN : INT64_MIN;
    return (int64_t)x;
}

static void store_float(void *data, weir_tensor_kind kind, size_t i, double value)
{
    if (kind == WEIR_TENSOR_FLOAT32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

static void store_integer(void *data, weir_tensor_kind kind, size_t i, int64_t value)
{
    if (kind == WEIR_TENSOR_INT64)
        ((int64_t *)data)[i] = value;
    else
        ((int32_t *)data)[i] = (int32_t)value;
}

static bool text_is(weir_bytes text, const char *want)
{
    if (text.size != strlen(want)) return false;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] | 0x20) != want[i]) return false;
    return true;
}

static bool parse_number(weir_bytes text, double *out)
{
    while (text.size > 0 && text.data[0] == ' ')
        text.data++, text.size--;
    bool minus = text.size > 0 && text.data[0] == '-';
    weir_bytes rest = {text.data + minus, text.size - minus};
    if (text_is(rest, "nan")) return *out = NAN, true;
    if (text_is(rest, "inf") || text_is(rest, "infinity"))
        return *out = minus ? -INFINITY : INFINITY, true;
    return weir_double_parse((const char *)text.data, text.size, out);
}

/* Whole digits only; 64 bits exactly. */
static bool parse_integer(weir_bytes text, int64_t *out)
{
    bool minus = text.size > 0 && text.data[0] == '-';
    size_t i = minus;
    uint64_t value = 0;
    if (i == text.size) return false;
    for (; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + minus) return false;
    *out = (int64_t)(minus ? 0 - value : value);
    return true;
}

static weir_error *from_text(const weir_step *step, weir_bytes text, weir_tensor_kind to, void *out,
                             size_t i)
{
    double number = 0;
    int64_t integer = 0;
    bool good;
    if (to == WEIR_TENSOR_INT64 || to == WEIR_TENSOR_INT32) {
        good = parse_integer(text, &integer);
        if (!good && parse_number(text, &number)) good = true, integer = cut(number, to);
        store_integer(out, to, i, integer);
    } else {
        good = parse_number(text, &number);
        if (to == WEIR_TENSOR_BOOL)
            ((uint8_t *)out)[i] = number != 0;
        else
            store_float(out, to, i, number);
    }
    if (good) return NULL;
    size_t shown = text.size < 40 ? text.size : 40;
    return weir_step_fail(step, "text '%.*s' is no number", (int)shown, (const char *)text.data);
}

/* %.{digits}g of a float without the C library's locale: whole numbers below 10^digits as integers.
 */
static size_t print_float(double value, bool narrow, char *out)
{
    if (value != value) return memcpy(out, "NaN", 3), 3;
    if (value == INFINITY) return memcpy(out, "INF", 3), 3;
    if (value == -INFINITY) return memcpy(out, "-INF", 4), 4;
    size_t n = narrow ? weir_float_print((float)value, out) : weir_double_print(value, out);
    if (n > 2 && out[n - 2] == '.' && out[n - 1] == '0') n -= 2;
    return n;
}

static size_t print_integer(int64_t value, char *out)
{
    char digits[24];
    size_t n = 0, at = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) out[at++] = '-';
    while (n > 0)
        out[at++] = digits[--n];
    return at;
}

static void to_text(scalar value, weir_tensor_kind from, char *room, weir_bytes *out)
{
    size_t n;
    if (from == WEIR_TENSOR_BOOL) {
        n = value.integer ? 4 : 5;
        memcpy(room, value.integer ? "True" : "False", n);
    } else if (is_integer(from)) {
        n = print_integer(value.integer, room);
    } else {
        n = print_float(value.number, from == WEIR_TENSOR_FLOAT32, room);
    }
    *out = (weir_bytes){(const uint8_t *)room, n};
}

static void convert(scalar value, weir_tensor_kind from, weir_tensor_kind to, void *out, size_t i)
{
    bool whole = is_integer(from);
    if (to == WEIR_TENSOR_BOOL)
        ((uint8_t *)out)[i] = whole ? value.integer != 0 : value.number != 0;
    else if (weir_kind_is_float(to) && whole && to == WEIR_TENSOR_FLOAT32)
        ((float *)out)[i] = (float)value.integer; /* rounded once */
    else if (weir_kind_is_float(to))
        store_float(out, to, i, whole ? (double)value.integer : value.number);
    else
        store_integer(out, to, i, whole ? value.integer : cut(value.number, to));
}

static weir_error *cast_run(const weir_step *step, void *const *data)
{
    const weir_slot *in = weir_step_in_slot(step, 0), *out = weir_step_out_slot(step, 0);
    const void *x = weir_step_in(step, data, 0);
    void *y = weir_step_out(step, data, 0);
    if (in->kind == out->kind) {
        if (in->count > 0) memcpy(y, x, in->count * weir_kind_size(in->kind));
        return NULL;
    }
    for (size_t i = 0; i < in->count; i++) {
        scalar value = load(x, in->kind, i);
        if (in->kind == WEIR_TENSOR_STRING)
            WEIR_TRY(from_text(step, value.text, out->kind, y, i));
        else if (out->kind == WEIR_TENSOR_STRING)
            to_text(value, in->kind, (char *)data[step->scratch] + i * TEXT_BYTES,
                    (weir_bytes *)y + i);
        else
            convert(value, in->kind, out->kind, y, i);
    }
    return NULL;
}

static weir_error *cast_to(weir_op_call *call, weir_tensor_kind to)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (to == WEIR_TENSOR_STRING && in->kind != WEIR_TENSOR_STRING)
        weir_call_scratch(call, in->count * TEXT_BYTES + 1);
    call->step->run = cast_run;
    return weir_call_out(call, 0, to, &in->shape);
}

static weir_error *cast_like_prepare(weir_op_call *call)
{
    return cast_to(call, weir_call_in(call, 1)->kind);
}

static weir_error *cast_prepare(weir_op_call *call)
{
    switch (weir_call_int(call, "to", 0)) {
    case 1: return cast_to(call, WEIR_TENSOR_FLOAT32);
    case 6: return cast_to(call, WEIR_TENSOR_INT32);
    case 7: return cast_to(call, WEIR_TENSOR_INT64);
    case 8: return cast_to(call, WEIR_TENSOR_STRING);
    case 9: return cast_to(call, WEIR_TENSOR_BOOL);
    case 11: return cast_to(call, WEIR_TENSOR_FLOAT64);
    default:
        return weir_call_fail(
            call,
            "it casts to ONNX type %lld; float32, float64, int32, int64, bool and string "
            "are supported",
            (long long)weir_call_int(call, "to", 0));
    }
}

// clang-format off
const weir_op weir_ops_cast[] = {
    {.name = "Cast", .prepare = cast_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .missing = WEIR_MISSING_PASSES},
    {.name = "CastLike", .prepare = cast_like_prepare, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .since = 15, .missing = WEIR_MISSING_PASSES},
    {.name = NULL},
};
// clang-format on
