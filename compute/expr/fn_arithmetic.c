/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_arithmetic.c - + - * / div mod and unary minus.
 *
 * int64, decimals, times and durations are exact: a result that does not fit gives null and an
 * overflow. The exact result alone decides: operands of different scales meet in numbers that are
 * as wide as they must be.
 * `/` always gives float64, the exact quotient rounded once. div rounds down, mod has the divisor's
 * sign.
 */
#include "compute/expr/exact.h"
#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

static weir_value overflow(weir_expr_env *env)
{
    env->overflow = true;
    return weir_null();
}

static weir_value like(const weir_expr *node, int64_t integer)
{
    return (weir_value){.kind = node->type.kind, .as.integer = integer};
}

/* int64, time and duration share their arithmetic. */
static weir_value add_integer(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    int64_t result = 0;
    if (__builtin_add_overflow(args[0].as.integer, args[1].as.integer, &result))
        return overflow(env);
    return like(node, result);
}

static weir_value subtract_integer(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    int64_t result = 0;
    if (__builtin_sub_overflow(args[0].as.integer, args[1].as.integer, &result))
        return overflow(env);
    return like(node, result);
}

static weir_value multiply_integer(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    int64_t result = 0;
    if (__builtin_mul_overflow(args[0].as.integer, args[1].as.integer, &result))
        return overflow(env);
    return like(node, result);
}

static weir_value negate_integer(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    if (args[0].as.integer == INT64_MIN) return overflow(env);
    return like(node, -args[0].as.integer);
}

static weir_value add_float(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(args[0].as.float64 + args[1].as.float64);
}

static weir_value subtract_float(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(args[0].as.float64 - args[1].as.float64);
}

static weir_value multiply_float(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(args[0].as.float64 * args[1].as.float64);
}

static weir_value divide_float(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    if (args[1].as.float64 == 0.0) return weir_null();
    return weir_float(args[0].as.float64 / args[1].as.float64);
}

static weir_value negate_float(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(-args[0].as.float64);
}

/* Decimals, and int64 as decimals of scale 0. */

static weir_int128 unscaled_of(const weir_value *value)
{
    return value->kind == WEIR_DECIMAL ? value->as.decimal : value->as.integer;
}

static unsigned scale_of(const weir_expr *node, size_t arg)
{
    weir_type type = node->args[arg]->type;
    return type.kind == WEIR_DECIMAL ? type.scale : 0;
}

/* value * 10^exponent, however large. */
static weir_signed_big scaled_up(weir_int128 value, unsigned exponent, weir_arena *scratch)
{
    return weir_signed_big_multiply(weir_signed_big_of(value, scratch),
                                    weir_signed_big_of(weir_decimal_pow10(exponent), scratch),
                                    scratch);
}

static bool to_decimal(weir_signed_big big, weir_int128 *out)
{
    if (big.magnitude.size > 2) return false;
    weir_uint128 magnitude = 0;
    for (uint32_t i = big.magnitude.size; i-- > 0;)
        magnitude = magnitude << 64 | big.magnitude.words[i];
    if (magnitude >> 127 != 0) return false;
    weir_int128 value = big.negative ? -(weir_int128)magnitude : (weir_int128)magnitude;
    if (!weir_decimal_fits(value, WEIR_DECIMAL_PRECISION_MAX)) return false;
    *out = value;
    return true;
}

static bool add_wide(weir_int128 a, unsigned up_a, weir_int128 b, unsigned up_b, weir_int128 *out)
{
    weir_arena scratch = {0};
    weir_signed_big sum =
        weir_signed_big_add(scaled_up(a, up_a, &scratch), scaled_up(b, up_b, &scratch), &scratch);
    bool fits = to_decimal(sum, out);
    weir_arena_deinit(&scratch);
    return fits;
}

/* a * 10^up_a + b * 10^up_b, if that fits 38 digits. */
static bool add_scaled(weir_int128 a, unsigned up_a, weir_int128 b, unsigned up_b, weir_int128 *out)
{
    weir_int128 x = 0, y = 0;
    if (__builtin_mul_overflow(a, weir_decimal_pow10(up_a), &x) ||
        __builtin_mul_overflow(b, weir_decimal_pow10(up_b), &y) ||
        __builtin_add_overflow(x, y, &x)) {
        return add_wide(a, up_a, b, up_b, out);
    }
    if (!weir_decimal_fits(x, WEIR_DECIMAL_PRECISION_MAX)) return false;
    *out = x;
    return true;
}

static weir_value add_decimal(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    weir_int128 result = 0;
    unsigned scale = node->type.scale;
    if (!add_scaled(unscaled_of(&args[0]), scale - scale_of(node, 0), unscaled_of(&args[1]),
                    scale - scale_of(node, 1), &result)) {
        return overflow(env);
    }
    return weir_decimal(result);
}

static weir_value subtract_decimal(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    weir_int128 result = 0;
    unsigned scale = node->type.scale;
    if (!add_scaled(unscaled_of(&args[0]), scale - scale_of(node, 0), -unscaled_of(&args[1]),
                    scale - scale_of(node, 1), &result)) {
        return overflow(env);
    }
    return weir_decimal(result);
}

static weir_value multiply_decimal(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    (void)node;
    weir_int128 result = 0;
    if (!weir_decimal_multiply(unscaled_of(&args[0]), unscaled_of(&args[1]), &result))
        return overflow(env);
    return weir_decimal(result);
}

static weir_value negate_decimal(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_decimal(-args[0].as.decimal);
}

/* a / 10^scale_a divided by b / 10^scale_b, rounded once. */
static double quotient(weir_int128 a, unsigned scale_a, weir_int128 b, unsigned scale_b)
{
    weir_int128 x = a, y = b;
    bool fits = scale_b >= scale_a
                    ? !__builtin_mul_overflow(a, weir_decimal_pow10(scale_b - scale_a), &x)
                    : !__builtin_mul_overflow(b, weir_decimal_pow10(scale_a - scale_b), &y);
    if (fits) return weir_int128_ratio(x, y);
    weir_arena scratch = {0};
    weir_signed_big top = scaled_up(a, scale_b, &scratch), bottom = scaled_up(b, scale_a, &scratch);
    top.negative = top.negative != bottom.negative;
    double result = weir_exact_ratio(top, bottom.magnitude, 0, &scratch);
    weir_arena_deinit(&scratch);
    return result;
}

static weir_value divide_exact(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    weir_int128 a = unscaled_of(&args[0]), b = unscaled_of(&args[1]);
    if (b == 0) return weir_null();
    return weir_float(quotient(a, scale_of(node, 0), b, scale_of(node, 1)));
}

static weir_value div_integer(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    int64_t a = args[0].as.integer, b = args[1].as.integer;
    if (b == 0) return weir_null();
    if (a == INT64_MIN && b == -1) return overflow(env);
    int64_t q = a / b;
    if (a % b != 0 && (a < 0) != (b < 0)) q--;
    return like(node, q);
}

static weir_value mod_integer(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    int64_t a = args[0].as.integer, b = args[1].as.integer;
    if (b == 0) return weir_null();
    if (b == -1) return like(node, 0);
    int64_t r = a % b;
    if (r != 0 && (r < 0) != (b < 0)) r += b;
    return like(node, r);
}

/* The floor of a quotient and what is left, each where it fits 38 digits. */
typedef struct floor_division {
    weir_int128 quotient, remainder;
    bool quotient_fits, remainder_fits;
} floor_division;

static weir_uint128 magnitude_of(weir_int128 value)
{
    return value < 0 ? -(weir_uint128)value : (weir_uint128)value;
}

/* r * 10 / m for r < m < 2^127: the digit, and what is left in *r. */
static unsigned next_digit(weir_uint128 *r, weir_uint128 m)
{
    const weir_uint128 one = *r;
    weir_uint128 left = one;
    unsigned digit = 0;
    for (unsigned step = 0; step < 4; step++) { /* 10 r = 2 (2 (2 r) + r) */
        bool adds = step == 2;
        left += adds ? one : left;
        digit = adds ? digit : 2 * digit;
        if (left < m) continue;
        left -= m;
        digit += 1;
    }
    *r = left;
    return digit;
}

/* |a| * 10^up_a / (|b| * 10^up_b), one of the two 0, by long division: what does not fit on the way
 * may still have a quotient or a remainder that does. */
static floor_division divide_magnitudes(weir_uint128 a, unsigned up_a, weir_uint128 b,
                                        unsigned up_b)
{
    const weir_uint128 most = (weir_uint128)weir_decimal_pow10(WEIR_DECIMAL_PRECISION_MAX) - 1;
    weir_uint128 divisor = b;
    if (__builtin_mul_overflow(b, (weir_uint128)weir_decimal_pow10(up_b), &divisor) ||
        divisor >> 127 != 0) /* more than any a */
        return (floor_division){0, (weir_int128)a, true, true};
    weir_uint128 quotient = a / divisor, remainder = a % divisor;
    bool fits = true;
    for (unsigned i = 0; i < up_a; i++) {
        unsigned digit = next_digit(&remainder, divisor);
        fits = fits && quotient <= most / 10;
        quotient = fits ? quotient * 10 + digit : 0;
    }
    return (floor_division){(weir_int128)quotient, (weir_int128)remainder, fits, true};
}

/* |b| * 10^up less `left`, if that fits 38 digits. */
static bool complement(weir_uint128 b, unsigned up, weir_int128 *left)
{
    weir_uint128 whole = 0;
    if (__builtin_mul_overflow(b, (weir_uint128)weir_decimal_pow10(up), &whole)) return false;
    whole -= (weir_uint128)*left;
    if (whole >= (weir_uint128)weir_decimal_pow10(WEIR_DECIMAL_PRECISION_MAX)) return false;
    *left = (weir_int128)whole;
    return true;
}

static floor_division divide_decimals(const weir_expr *node, const weir_value *args)
{
    weir_int128 a = unscaled_of(&args[0]), b = unscaled_of(&args[1]);
    unsigned sa = scale_of(node, 0), sb = scale_of(node, 1);
    unsigned up_a = sa < sb ? sb - sa : 0, up_b = sb < sa ? sa - sb : 0;
    floor_division d = divide_magnitudes(magnitude_of(a), up_a, magnitude_of(b), up_b);
    if ((a < 0) != (b < 0) && d.remainder != 0) { /* down, and the divisor's sign */
        d.remainder_fits = complement(magnitude_of(b), up_b, &d.remainder);
        d.quotient += 1;
    }
    if ((a < 0) != (b < 0)) d.quotient = -d.quotient;
    if (b < 0) d.remainder = -d.remainder;
    d.quotient_fits = d.quotient_fits && weir_decimal_fits(d.quotient, WEIR_DECIMAL_PRECISION_MAX);
    d.remainder_fits =
        d.remainder_fits && weir_decimal_fits(d.remainder, WEIR_DECIMAL_PRECISION_MAX);
    return d;
}

static weir_value div_decimal(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    if (unscaled_of(&args[1]) == 0) return weir_null();
    floor_division d = divide_decimals(node, args);
    return d.quotient_fits ? weir_decimal(d.quotient) : overflow(env);
}

static weir_value mod_decimal(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    if (unscaled_of(&args[1]) == 0) return weir_null();
    floor_division d = divide_decimals(node, args);
    return d.remainder_fits ? weir_decimal(d.remainder) : overflow(env);
}

/* Binding */

static const weir_type DURATION = {.kind = WEIR_DURATION};
static const weir_type TIME = {.kind = WEIR_TIME};
static const weir_type INT64 = {.kind = WEIR_INT64};
static const weir_type FLOAT64 = {.kind = WEIR_FLOAT64};

static bool is_kind(const weir_bind *bind, weir_kind a, weir_kind b)
{
    return bind->args[0]->type.kind == a && (bind->arg_count < 2 || bind->args[1]->type.kind == b);
}

static bool are_numbers(const weir_bind *bind)
{
    for (size_t i = 0; i < bind->arg_count; i++) {
        if (!weir_type_is_number(bind->args[i]->type)) return false;
    }
    return true;
}

static bool has_float(const weir_bind *bind)
{
    for (size_t i = 0; i < bind->arg_count; i++) {
        if (bind->args[i]->type.kind == WEIR_FLOAT64) return true;
    }
    return false;
}

/* `null` as an operand: the whole is null, of the other operand's type. */
static void type_nulls(weir_bind *bind)
{
    for (size_t i = 0; i < bind->arg_count; i++) {
        weir_type other = bind->args[bind->arg_count - 1 - i]->type;
        if (bind->args[i]->type.kind != WEIR_NULL) continue;
        if (other.kind == WEIR_NULL) other = INT64;
        bind->args[i] = weir_expr_const(bind->into, weir_type_optional(other), weir_null());
    }
}

/* int64 as the decimal it is, by the digits that it may have. */
static weir_type as_decimal(const weir_bind *bind, size_t arg)
{
    const weir_expr *expr = bind->args[arg];
    weir_type type = weir_bind_type(bind, arg);
    if (type.kind == WEIR_DECIMAL) return type;
    if (expr->op != WEIR_EXPR_CONST) return weir_type_decimal(19, 0);
    unsigned digits = 1;
    while (!weir_decimal_fits(expr->constant.as.integer, digits))
        digits++;
    return weir_type_decimal(digits, 0);
}

static unsigned at_most_38(unsigned precision)
{
    return precision > WEIR_DECIMAL_PRECISION_MAX ? WEIR_DECIMAL_PRECISION_MAX : precision;
}

static weir_type sum_type(const weir_bind *bind)
{
    weir_type a = as_decimal(bind, 0), b = as_decimal(bind, 1);
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    unsigned whole = a.precision - a.scale > b.precision - b.scale ? a.precision - a.scale
                                                                   : b.precision - b.scale;
    return weir_type_decimal(at_most_38(whole + scale + 1), scale);
}

static const char *bind_numbers(weir_bind *bind, weir_fn_eval *on_int, weir_fn_eval *on_float,
                                const char *const *names, weir_fn_eval *on_decimal)
{
    if (has_float(bind)) {
        const char *problem = weir_bind_to_float(bind);
        return problem != NULL ? problem : weir_bind_done(bind, FLOAT64, on_float, names[1]);
    }
    if (is_kind(bind, WEIR_INT64, WEIR_INT64)) return weir_bind_done(bind, INT64, on_int, names[0]);
    return weir_bind_done(bind, sum_type(bind), on_decimal, names[2]);
}

static const char *const add_names[] = {"add.int64", "add.float64", "add.decimal"};

const char *weir_fn_bind_add(weir_bind *bind)
{
    type_nulls(bind);
    if (are_numbers(bind))
        return bind_numbers(bind, add_integer, add_float, add_names, add_decimal);
    if (is_kind(bind, WEIR_DURATION, WEIR_DURATION))
        return weir_bind_done(bind, DURATION, add_integer, "add.duration");
    if (is_kind(bind, WEIR_TIME, WEIR_DURATION) || is_kind(bind, WEIR_DURATION, WEIR_TIME)) {
        return weir_bind_done(bind, TIME, add_integer, "add.time");
    }
    return weir_bind_misfit(bind, "it adds numbers, durations, or a duration to a time");
}

static const char *const subtract_names[] = {"subtract.int64", "subtract.float64",
                                             "subtract.decimal"};

const char *weir_fn_bind_subtract(weir_bind *bind)
{
    type_nulls(bind);
    if (are_numbers(bind)) {
        return bind_numbers(bind, subtract_integer, subtract_float, subtract_names,
                            subtract_decimal);
    }
    if (is_kind(bind, WEIR_TIME, WEIR_TIME) || is_kind(bind, WEIR_DURATION, WEIR_DURATION)) {
        return weir_bind_done(bind, DURATION, subtract_integer, "subtract.duration");
    }
    if (is_kind(bind, WEIR_TIME, WEIR_DURATION))
        return weir_bind_done(bind, TIME, subtract_integer, "subtract.time");
    return weir_bind_misfit(bind, "it subtracts numbers, durations and times");
}

const char *weir_fn_bind_multiply(weir_bind *bind)
{
    type_nulls(bind);
    if (is_kind(bind, WEIR_DURATION, WEIR_INT64) || is_kind(bind, WEIR_INT64, WEIR_DURATION)) {
        return weir_bind_done(bind, DURATION, multiply_integer, "multiply.duration");
    }
    if (!are_numbers(bind))
        return weir_bind_misfit(bind, "it multiplies numbers, or a duration by an int64");
    if (has_float(bind)) {
        const char *problem = weir_bind_to_float(bind);
        return problem != NULL ? problem
                               : weir_bind_done(bind, FLOAT64, multiply_float, "multiply.float64");
    }
    if (is_kind(bind, WEIR_INT64, WEIR_INT64))
        return weir_bind_done(bind, INT64, multiply_integer, "multiply.int64");
    weir_type a = as_decimal(bind, 0), b = as_decimal(bind, 1);
    if (a.scale + b.scale > WEIR_DECIMAL_PRECISION_MAX) {
        return weir_bind_misfit(
            bind, "the product would have more than 38 digits after the point; write float(...) "
                  "around one of them");
    }
    weir_type type = weir_type_decimal(at_most_38((unsigned)a.precision + b.precision),
                                       (unsigned)a.scale + b.scale);
    return weir_bind_done(bind, type, multiply_decimal, "multiply.decimal");
}

const char *weir_fn_bind_divide(weir_bind *bind)
{
    type_nulls(bind);
    bind->may_be_null = !weir_expr_is_never_zero(bind->args[1]);
    if (is_kind(bind, WEIR_DURATION, WEIR_DURATION)) {
        return weir_bind_done(bind, FLOAT64, divide_exact, "divide.duration");
    }
    if (!are_numbers(bind)) {
        return weir_bind_misfit(
            bind, "it divides numbers, or a duration by a duration (see also div, hours, days)");
    }
    if (!has_float(bind)) return weir_bind_done(bind, FLOAT64, divide_exact, "divide.exact");
    const char *problem = weir_bind_to_float(bind);
    return problem != NULL ? problem
                           : weir_bind_done(bind, FLOAT64, divide_float, "divide.float64");
}

const char *weir_fn_bind_negate(weir_bind *bind)
{
    type_nulls(bind);
    switch (bind->args[0]->type.kind) {
    case WEIR_INT64: return weir_bind_done(bind, INT64, negate_integer, "negate.int64");
    case WEIR_DURATION: return weir_bind_done(bind, DURATION, negate_integer, "negate.duration");
    case WEIR_FLOAT64: return weir_bind_done(bind, FLOAT64, negate_float, "negate.float64");
    case WEIR_DECIMAL:
        return weir_bind_done(bind, bind->args[0]->type, negate_decimal, "negate.decimal");
    default: return weir_bind_misfit(bind, "it negates numbers and durations");
    }
}

const char *weir_fn_bind_div(weir_bind *bind)
{
    type_nulls(bind);
    bind->may_be_null = !weir_expr_is_never_zero(bind->args[1]);
    if (is_kind(bind, WEIR_INT64, WEIR_INT64))
        return weir_bind_done(bind, INT64, div_integer, "div.int64");
    if (is_kind(bind, WEIR_DURATION, WEIR_DURATION))
        return weir_bind_done(bind, INT64, div_integer, "div.duration");
    if (is_kind(bind, WEIR_DURATION, WEIR_INT64)) {
        return weir_bind_done(bind, DURATION, div_integer, "div.duration.int64");
    }
    if (!are_numbers(bind) || has_float(bind)) {
        return weir_bind_misfit(bind, "it wants int64, decimals or durations; of float64 take `/`");
    }
    return weir_bind_done(bind, weir_type_decimal(WEIR_DECIMAL_PRECISION_MAX, 0), div_decimal,
                          "div.decimal");
}

const char *weir_fn_bind_mod(weir_bind *bind)
{
    type_nulls(bind);
    bind->may_be_null = !weir_expr_is_never_zero(bind->args[1]);
    if (is_kind(bind, WEIR_INT64, WEIR_INT64))
        return weir_bind_done(bind, INT64, mod_integer, "mod.int64");
    if (is_kind(bind, WEIR_DURATION, WEIR_DURATION)) {
        return weir_bind_done(bind, DURATION, mod_integer, "mod.duration");
    }
    if (!are_numbers(bind) || has_float(bind)) {
        return weir_bind_misfit(bind, "it wants int64, decimals or durations");
    }
    weir_type a = as_decimal(bind, 0), b = as_decimal(bind, 1);
    weir_type type =
        weir_type_decimal(WEIR_DECIMAL_PRECISION_MAX, a.scale > b.scale ? a.scale : b.scale);
    return weir_bind_done(bind, type, mod_decimal, "mod.decimal");
}
