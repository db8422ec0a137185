/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/expr/exact.h"
#include "compute/expr/expr.h"
#include "compute/expr/flat.h"
#include "schemas/decimal.h"
#include "schemas/json_value.h"

static weir_arena arena;

/* Literals as the language has them, and fields with a value of a type. */
static weir_value fields[64];
static uint32_t field_count;

static const weir_expr *lit_int(int64_t value)
{
    return weir_expr_const(&arena, weir_type_of(WEIR_INT64), weir_int(value));
}

static weir_value decimal_value(const char *text, unsigned scale)
{
    weir_int128 value = 0;
    assert_true(weir_decimal_parse(text, strlen(text), 38, scale, &value));
    return weir_decimal(value);
}

static const weir_expr *lit_dec(const char *text)
{
    const char *point = strchr(text, '.');
    unsigned scale = point == NULL ? 0 : (unsigned)strlen(point + 1);
    return weir_expr_const(&arena, weir_type_decimal(38, scale), decimal_value(text, scale));
}

static const weir_expr *lit_text(const char *text)
{
    return weir_expr_const(&arena, weir_type_of(WEIR_STRING), weir_string(text, strlen(text)));
}

static const weir_expr *lit_null(void)
{
    return weir_expr_const(&arena, weir_type_of(WEIR_NULL), weir_null());
}

static const weir_expr *field(weir_type type, weir_value value)
{
    assert_true(field_count < 64);
    fields[field_count] = value;
    return weir_expr_leaf(&arena, WEIR_EXPR_FIELD, type, field_count++);
}

static const weir_expr *f_int(int64_t value)
{
    return field(weir_type_of(WEIR_INT64), weir_int(value));
}
static const weir_expr *f_float(double value)
{
    return field(weir_type_of(WEIR_FLOAT64), weir_float(value));
}
static const weir_expr *f_bool(bool value)
{
    return field(weir_type_of(WEIR_BOOL), weir_bool(value));
}
static const weir_expr *f_none(weir_kind kind)
{
    return field(weir_type_optional(weir_type_of(kind)), weir_null());
}
static const weir_expr *f_time(int64_t us) { return field(weir_type_of(WEIR_TIME), weir_time(us)); }
static const weir_expr *f_span(int64_t us)
{
    return field(weir_type_of(WEIR_DURATION), weir_duration(us));
}
static const weir_expr *f_text(const char *text)
{
    return field(weir_type_of(WEIR_STRING), weir_string(text, strlen(text)));
}

static const weir_expr *f_dec(unsigned precision, unsigned scale, const char *text)
{
    return field(weir_type_decimal(precision, scale), decimal_value(text, scale));
}

static const weir_expr *f_geo(double latitude, double longitude)
{
    return field(weir_type_of(WEIR_GEO),
                 (weir_value){.kind = WEIR_GEO, .as.geo = {latitude, longitude}});
}

static bool in_aggregate;
static const char *problem;

static const weir_expr *call(const char *name, size_t count, const weir_expr *a, const weir_expr *b,
                             const weir_expr *c, const weir_expr *d)
{
    const weir_expr *args[] = {a, b, c, d}, *node = NULL;
    weir_expr_bind_context context = {.into = &arena, .in_aggregate = in_aggregate};
    problem = weir_expr_bind(&context, name, args, count, &node);
    return node;
}

static const weir_expr *one(const char *name, const weir_expr *a)
{
    return call(name, 1, a, NULL, NULL, NULL);
}
static const weir_expr *two(const char *name, const weir_expr *a, const weir_expr *b)
{
    return call(name, 2, a, b, NULL, NULL);
}
static const weir_expr *three(const char *name, const weir_expr *a, const weir_expr *b,
                              const weir_expr *c)
{
    return call(name, 3, a, b, c, NULL);
}

static bool overflowed;

/* "type value", as a person would write it. */
static const char *shown(const weir_expr *expr)
{
    if (expr == NULL) return problem;
    weir_expr_env env = {.fields = fields, .scratch = &arena};
    weir_value value = weir_expr_eval(expr, &env);
    overflowed = env.overflow;
    weir_buffer out = {0};
    if (weir_is_null(&value)) {
        weir_buffer_put_text(&out, "null");
    } else {
        assert_int_equal(value.kind, expr->type.kind);
        weir_text_write_value(&out, expr->type, &value);
    }
    const char *text = weir_arena_printf(&arena, "%s %.*s", weir_type_print(expr->type, &arena),
                                         (int)out.size, out.data);
    weir_buffer_deinit(&out);
    return text;
}

#define SHOWS(expr, expected) assert_string_equal(shown(expr), expected)
#define REFUSES(expr, part)                                                                        \
    do {                                                                                           \
        assert_null(expr);                                                                         \
        assert_non_null(problem);                                                                  \
        if (strstr(problem, part) == NULL) fail_msg("%s", problem);                                \
    } while (0)

static void money_is_exact_and_scales_follow_the_rules(void **state)
{
    (void)state;
    const weir_expr *a = f_dec(10, 2, "10.25"), *b = f_dec(8, 4, "0.1250");
    SHOWS(two("+", a, b), "decimal(13,4) 10.3750");
    SHOWS(two("-", a, b), "decimal(13,4) 10.1250");
    SHOWS(two("*", a, b), "decimal(18,6) 1.281250");
    SHOWS(two("/", a, b), "float64? 82.0");
    SHOWS(two("*", a, lit_int(2)), "decimal(11,2) 20.50");
    SHOWS(two("+", a, lit_int(1)), "decimal(11,2) 11.25");
    SHOWS(two("+", a, f_int(1)), "decimal(22,2) 11.25");
    SHOWS(two("*", a, lit_dec("0.5")), "decimal(11,3) 5.125");
    SHOWS(one("-", a), "decimal(10,2) -10.25");
    SHOWS(two("div", a, lit_int(3)), "decimal(38,0) 3");
}

static void rounding_down_and_the_divisors_sign(void **state)
{
    (void)state;
    SHOWS(two("div", f_int(-7), f_int(2)), "int64? -4");
    SHOWS(two("mod", f_int(-7), f_int(2)), "int64? 1");
    SHOWS(two("mod", f_int(7), f_int(-2)), "int64? -1");
    SHOWS(two("div", f_int(7), lit_int(-2)), "int64 -4");
    SHOWS(two("div", f_int(7), f_int(0)), "int64? null");
    SHOWS(two("/", f_int(7), f_int(0)), "float64? null");
    SHOWS(two("div", f_int(INT64_MIN), f_int(-1)), "int64? null");
    assert_true(overflowed);
    SHOWS(two("mod", f_int(INT64_MIN), f_int(-1)), "int64? 0");
    assert_false(overflowed);
    SHOWS(two("mod", f_dec(5, 2, "-7.25"), f_dec(5, 1, "2.0")), "decimal(38,2)? 0.75");
}

static void overflow_is_null_and_told(void **state)
{
    (void)state;
    SHOWS(two("+", f_int(INT64_MAX), f_int(1)), "int64 null");
    assert_true(overflowed);
    SHOWS(two("*", f_int(INT64_MAX), f_int(2)), "int64 null");
    assert_true(overflowed);
    SHOWS(one("-", f_int(INT64_MIN)), "int64 null");
    assert_true(overflowed);
    SHOWS(two("??", two("+", f_int(INT64_MAX), f_int(1)), lit_int(5)), "int64 5");
    SHOWS(two("*", f_float(1e308), f_float(10.0)), "float64 null");
    assert_false(overflowed);
    const weir_expr *big = f_dec(38, 0, "99999999999999999999999999999999999999");
    SHOWS(two("+", big, lit_int(1)), "decimal(38,0) null");
    assert_true(overflowed);
    /* Only the result must fit, not the operands at the common scale. */
    SHOWS(two("-", f_dec(38, 0, "90000000000000000000000000000000000000"), f_dec(38, 1, "0.1")),
          "decimal(38,1) null");
    const weir_expr *same = f_dec(38, 1, "9999999999999999999999999999999999999.9");
    SHOWS(two("-", f_dec(38, 0, "10000000000000000000000000000000000000"), same),
          "decimal(38,1) 0.1");
    assert_false(overflowed);
    REFUSES(two("+", lit_int(INT64_MAX), lit_int(1)), "does not fit");
}

static void a_literal_takes_the_type_it_meets(void **state)
{
    (void)state;
    SHOWS(two("*", lit_dec("3.0"), f_float(1.5)), "float64 4.5");
    SHOWS(two("+", lit_int(1), f_float(1.5)), "float64 2.5");
    SHOWS(two("??", f_none(WEIR_FLOAT64), lit_dec("0.0")), "float64 0.0");
    SHOWS(two("??", field(weir_type_optional(weir_type_decimal(10, 2)), weir_null()), lit_int(0)),
          "decimal(10,2) 0.00");
    SHOWS(three("if", f_bool(true), lit_int(1), lit_dec("2.5")), "decimal(2,1) 1.0");
    SHOWS(three("if", f_bool(false), f_int(1), lit_null()), "int64? null");
    in_aggregate = true;
    SHOWS(two("*", lit_dec("2.5"), f_float(2.0)), "float64 5.0");
    REFUSES(two("*", f_dec(10, 2, "1.00"), f_float(2.0)), "write float(...)");
    SHOWS(two("*", one("float", f_dec(10, 2, "1.50")), f_float(2.0)), "float64 3.0");
    in_aggregate = false;
    SHOWS(two("*", f_dec(10, 2, "1.50"), f_float(2.0)), "float64 3.0");
    SHOWS(two("==", f_float(0.1), lit_dec("0.1")), "bool true");
    SHOWS(two(">", f_float(0.1), lit_dec("0.1")), "bool false");
    SHOWS(two(">=", lit_dec("0.3"), f_float(0.3)), "bool true");
    SHOWS(two("==", f_float(9007199254740992.0), lit_int(INT64_C(9007199254740993))), "bool true");
    SHOWS(two("==", f_int(1), lit_dec("1.5")), "bool false");
    SHOWS(two("<", f_time(0), lit_text("1970-01-01T00:00:01Z")), "bool true");
    REFUSES(two("<", f_time(0), lit_text("yesterday")), "`<` can not combine time and string");
}

static void numbers_compare_by_exact_value(void **state)
{
    (void)state;
    SHOWS(two("==", f_int(INT64_C(9007199254740993)), f_float(9007199254740992.0)), "bool false");
    SHOWS(two(">", f_int(INT64_C(9007199254740993)), f_float(9007199254740992.0)), "bool true");
    SHOWS(two("==", f_dec(10, 1, "0.1"), f_float(0.1)), "bool false");
    SHOWS(two("==", f_dec(10, 2, "0.50"), f_float(0.5)), "bool true");
    SHOWS(two("==", f_dec(10, 2, "1.00"), lit_int(1)), "bool true");
    SHOWS(two("<", f_dec(10, 2, "1.00"), lit_dec("1.001")), "bool true");
    SHOWS(two("==", f_none(WEIR_INT64), f_none(WEIR_INT64)), "bool? null");
    SHOWS(two("==", f_int(1), lit_null()), "bool? null");
    REFUSES(two("==", f_int(1), f_text("1")), "int64 and string");
    REFUSES(two("<", f_bool(true), f_bool(false)), "no order");
    SHOWS(two("<", f_text("Z"), f_text("a")), "bool true");
}

static void logic_has_three_values(void **state)
{
    (void)state;
    const weir_expr *t = f_bool(true), *f = f_bool(false), *n = f_none(WEIR_BOOL);
    SHOWS(two("and", n, f), "bool? false");
    SHOWS(two("and", n, t), "bool? null");
    SHOWS(two("or", n, t), "bool? true");
    SHOWS(two("or", n, f), "bool? null");
    SHOWS(one("not", n), "bool? null");
    SHOWS(three("if", n, lit_int(1), lit_int(2)), "int64 2");
    SHOWS(one("has", n), "bool false");
    SHOWS(one("has", t), "bool true");
    REFUSES(two("and", t, f_int(1)), "wants a condition");
}

static void times_and_durations(void **state)
{
    (void)state;
    SHOWS(two("-", f_time(5000000), f_time(2000000)), "duration 3000000");
    SHOWS(two("+", f_time(5), f_span(2)), "time 1970-01-01T00:00:00.000007Z");
    SHOWS(one("hours", f_span(5400000000)), "float64 1.5");
    SHOWS(one("days", f_span(INT64_C(43200000000))), "float64 0.5");
    SHOWS(one("years", f_span(INT64_C(31556952000000))), "float64 1.0");
    SHOWS(two("/", f_span(3), f_span(2)), "float64? 1.5");
    SHOWS(two("*", f_span(3), lit_int(2)), "duration 6");
    REFUSES(two("+", f_time(1), f_time(2)), "a duration to a time");
    SHOWS(two("hour", f_time(-1), lit_text("UTC")), "int64 23");
    SHOWS(two("day", f_time(-1), lit_text("UTC")), "int64 31");
    SHOWS(two("weekday", f_time(0), lit_text("UTC")), "int64 4");
    REFUSES(two("hour", f_time(0), lit_text("Mars/Base")), "no time zone");
    REFUSES(two("hour", f_time(0), f_text("UTC")), "in quotes");
}

static void choices_conversions_and_text(void **state)
{
    (void)state;
    SHOWS(three("max", f_int(3), lit_int(4), f_int(1)), "int64 4");
    SHOWS(two("min", f_dec(6, 2, "3.50"), f_int(3)), "decimal(21,2) 3.00");
    SHOWS(two("max", f_float(0.25), lit_dec("1.0")), "float64 1.0");
    SHOWS(two("max", f_float(0.25), f_none(WEIR_FLOAT64)), "float64? null");
    SHOWS(three("clamp", f_int(9), lit_int(1), lit_int(5)), "int64 5");
    SHOWS(two("decimal", f_float(2.345), lit_int(2)), "decimal(38,2) 2.35");
    SHOWS(two("decimal", f_float(2.5), lit_int(0)), "decimal(38,0) 2");
    SHOWS(two("decimal", f_dec(6, 3, "1.235"), lit_int(2)), "decimal(38,2) 1.24");
    SHOWS(two("decimal", f_dec(6, 3, "1.225"), lit_int(2)), "decimal(38,2) 1.22");
    SHOWS(one("float", f_dec(3, 1, "0.1")), "float64 0.1");
    SHOWS(one("lower", f_text("AbZ\xc3\x84")), "string abz\xc3\x84");
    SHOWS(one("length", f_text("\xc3\x84x")), "int64 2");
    SHOWS(two("starts_with", f_text("visa"), lit_text("vi")), "bool true");
    SHOWS(two("ends_with", f_text("visa"), lit_text("sa")), "bool true");
    SHOWS(two("contains", f_text("visa"), lit_text("is")), "bool true");
    SHOWS(two("contains", f_text("visa"), lit_text("x")), "bool false");
    SHOWS(one("hash", f_text("")),
          "int64 -1205034819632174695"); /* XXH64("", 0) = ef46db3751d8e999 */
    SHOWS(two("bucket", f_text("a"), lit_int(16)),
          "int64 11"); /* XXH64("a", 0) = d24ec4f1a98c6e5b */
}

static void division_by_what_can_not_be_zero_is_not_optional(void **state)
{
    (void)state;
    SHOWS(two("/", f_int(1), two("max", f_int(0), lit_int(4))), "float64 0.25");
    SHOWS(two("/", f_int(1), lit_dec("4.0")), "float64 0.25");
    SHOWS(two("/", f_float(1.0), lit_int(4)), "float64 0.25");
    SHOWS(call("smooth", 4, f_int(3), f_int(10), lit_dec("0.02"), lit_int(200)),
          "float64 0.03333333333333333");
}

static double value_of(const weir_expr *expr)
{
    weir_expr_env env = {.fields = fields, .scratch = &arena};
    return weir_expr_eval(expr, &env).as.float64;
}

static void close_to(double got, double want)
{
    double error = got > want ? got - want : want - got;
    if (error > (want < 0 ? -want : want) * 1e-15) fail_msg("got %.17g, want %.17g", got, want);
}

/* Against values from a table of 30 digits. */
static void own_functions_are_close(void **state)
{
    (void)state;
    close_to(value_of(one("log1p", f_float(1.0))), 0.693147180559945309417232121458);
    close_to(value_of(one("log1p", f_float(1e-10))), 9.9999999995000000000333e-11);
    close_to(value_of(one("log1p", f_float(-0.5))), -0.693147180559945309417232121458);
    close_to(value_of(one("log1p", f_float(1e300))), 690.775527898213705205397436405);
    close_to(value_of(one("log1p", f_float(9.0))), 2.302585092994045684017991454684);
    SHOWS(one("log1p", f_float(-1.0)), "float64? null");
    /* A quarter of the great circle, a degree of longitude on the equator, the antipode, and
     * nothing. */
    const double radius = 6371.0088, pi = 3.14159265358979323846;
    close_to(value_of(two("geo_km", f_geo(0, 0), f_geo(90, 0))), radius * pi / 2);
    close_to(value_of(two("geo_km", f_geo(0, 179.5), f_geo(0, -179.5))), radius * pi / 180);
    close_to(value_of(two("geo_km", f_geo(0, 0), f_geo(0, 180))), radius * pi);
    close_to(value_of(two("geo_km", f_geo(50, 14), f_geo(50, 14))), 0.0);
    close_to(value_of(two("geo_km", f_geo(60, 0), f_geo(60, 180))), radius * pi / 3);
}

static void exact_ratios_round_once(void **state)
{
    (void)state;
    SHOWS(two("/", f_int(1), f_int(3)), "float64? 0.3333333333333333");
    SHOWS(two("/", f_dec(38, 10, "1234567890123456789.0123456789"),
              f_dec(38, 30, "0.000000000000000000000000000007")),
          "float64? 1.7636684144620812e47");
    SHOWS(two("/", f_int(INT64_C(9007199254740993)), f_int(1)), "float64? 9007199254740992.0");
    assert_true(weir_exact_round(false, (weir_uint128)1 << 100, true, -100) == 1.0);
    assert_true(weir_exact_round(true, ((weir_uint128)1 << 100) | (weir_uint128)1 << 47, true,
                                 -100) == -0x1.0000000000001p+0);
    assert_true(weir_exact_round(false, ((weir_uint128)1 << 100) | (weir_uint128)1 << 47, false,
                                 -100) == 1.0);
    assert_true(weir_exact_round(false, 1, false, -1075) == 0.0);
    assert_true(weir_exact_round(false, 3, false, -1075) == 0x1p-1073);
    assert_true(weir_exact_round(false, 3, false, -1076) == 0x1p-1074);
    assert_true(isinf(weir_exact_round(false, ((weir_uint128)1 << 54) - 1, false, 970)));
    weir_big two_ = weir_big_of(2, &arena), one_ = weir_big_of(1, &arena);
    assert_true(weir_exact_root_of_ratio(true, two_, one_, &arena) == -0x1.6a09e667f3bcdp+0);
    assert_true(weir_exact_root_of_ratio(false, one_, weir_big_of(4, &arena), &arena) == 0.5);
}

static void folded_constants_are_constants(void **state)
{
    (void)state;
    const weir_expr *sum = two("+", lit_int(2), lit_int(3));
    assert_int_equal(sum->op, WEIR_EXPR_CONST);
    SHOWS(sum, "int64 5");
    SHOWS(two("/", lit_int(1), lit_int(4)), "float64 0.25");
    REFUSES(two("+", f_text("a"), f_int(1)), "`+` can not combine string and int64");
    REFUSES(one("hours", f_int(1)), "a duration");
    assert_string_equal(weir_expr_suggest("cosin"), "cosine");
    assert_true(weir_expr_is_function("clamp"));
    assert_false(weir_expr_is_function("+"));
}

static int begin(void **state)
{
    (void)state;
    field_count = 0;
    weir_arena_reset(&arena);
    return 0;
}

/* ---- the flat form ---- */

static uint64_t seed = 5;

static uint32_t below(uint32_t bound)
{
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

enum { FLAT_FIELDS = 12 };

static weir_type flat_type(uint32_t index)
{
    static const weir_kind kinds[] = {WEIR_INT64,   WEIR_FLOAT64, WEIR_BOOL,
                                      WEIR_DECIMAL, WEIR_TIME,    WEIR_STRING};
    weir_kind kind = kinds[index % 6];
    weir_type type = kind == WEIR_DECIMAL ? weir_type_decimal(12, 2) : weir_type_of(kind);
    type.optional = index >= 6;
    return type;
}

static weir_value flat_value(weir_type type)
{
    static const int64_t numbers[] = {0, 1, -1, 7, 100, INT64_MAX, INT64_MIN, 3600000000};
    static const char *const texts[] = {"", "a", "B", "abc"};
    if (type.optional && below(3) == 0) return weir_null();
    int64_t number = numbers[below(8)];
    switch (type.kind) {
    case WEIR_BOOL: return weir_bool(below(2) == 0);
    case WEIR_FLOAT64: return weir_float((double)number / 4);
    case WEIR_DECIMAL: return weir_decimal(number % 1000000);
    case WEIR_STRING: {
        const char *text = texts[below(4)];
        return weir_string(text, strlen(text));
    }
    default: return (weir_value){.kind = type.kind, .as.integer = number};
    }
}

/* A tree of what binds, nothing cared about but its shape. */
static const weir_expr *any_tree(uint32_t depth)
{
    static const struct {
        const char *name;
        uint32_t arity;
    } calls[] = {{"+", 2},     {"-", 2},   {"*", 2},   {"/", 2},      {"==", 2},  {"<", 2},
                 {">=", 2},    {"not", 1}, {"-", 1},   {"if", 3},     {"??", 2},  {"??", 2},
                 {"and", 2},   {"or", 2},  {"has", 1}, {"float", 1},  {"min", 2}, {"lower", 1},
                 {"clamp", 3}, {"div", 2}, {"if", 3},  {"length", 1}, {"days", 1}};
    if (depth == 0 || below(8) == 0) {
        static const char *const literals[] = {"0", "2.50", "-1", "100"};
        if (below(4) == 0) return lit_dec(literals[below(4)]);
        uint32_t index = below(FLAT_FIELDS);
        return weir_expr_leaf(&arena, WEIR_EXPR_FIELD, flat_type(index), index);
    }
    for (int i = 0; i < 200; i++) {
        size_t row = below(sizeof calls / sizeof *calls);
        const weir_expr *args[4] = {NULL};
        for (uint32_t a = 0; a < calls[row].arity; a++)
            args[a] = any_tree(depth - 1);
        const weir_expr *made =
            call(calls[row].name, calls[row].arity, args[0], args[1], args[2], args[3]);
        if (made != NULL) return made;
    }
    return lit_dec("1");
}

static void the_flat_form_has_the_values_and_overflows_of_the_tree(void **state)
{
    (void)state;
    uint32_t values = 0, nulls = 0, overflows = 0;
    for (int t = 0; t < 6000; t++) {
        weir_arena_reset(&arena);
        const weir_expr *tree = any_tree(1 + below(4));
        weir_flat *flat = weir_flat_create(tree, &arena);
        for (int i = 0; i < 20; i++) {
            for (uint32_t f = 0; f < FLAT_FIELDS; f++)
                fields[f] = flat_value(flat_type(f));
            weir_expr_env plain = {.fields = fields, .scratch = &arena}, env = plain;
            weir_value want = weir_expr_eval(tree, &plain);
            const weir_value *got = weir_flat_run(flat, &env);
            assert_true(weir_value_equal(&want, got));
            assert_int_equal(plain.overflow, env.overflow);
            values += !weir_is_null(&want);
            nulls += weir_is_null(&want);
            overflows += plain.overflow;
        }
    }
    assert_true(values > 10000 && nulls > 5000 && overflows > 300);
}

static void flat_gives_what_the_tree_gives(weir_flat *flat, const weir_expr *tree)
{
    weir_expr_env env = {.fields = fields, .scratch = &arena};
    weir_value want = weir_expr_eval(tree, &env);
    assert_true(weir_value_equal(&want, weir_flat_run(flat, &env)));
}

/* The constants' nearest floats and their neighbours, where a comparison turns. */
static void a_float_meets_a_constant_in_the_flat_form_as_exactly_as_in_the_tree(void **state)
{
    (void)state;
    static const char *const names[] = {"<", "<=", ">", ">=", "==", "!="};
    static const char *const literals[] = {"0",
                                           "0.1",
                                           "0.9",
                                           "2.50",
                                           "-0.3",
                                           "-1",
                                           "0.01",
                                           "9007199254740993",
                                           "0.000000000000000000000000000001",
                                           "-99999999999999999999.5"};
    const weir_expr *x = weir_expr_leaf(&arena, WEIR_EXPR_FIELD, weir_type_of(WEIR_FLOAT64), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t c = 0; c < sizeof literals / sizeof *literals; c++) {
            const weir_expr *bound = lit_dec(literals[c]);
            const weir_expr *tree = call(names[i], 2, x, bound, NULL, NULL);
            weir_flat *flat = weir_flat_create(tree, &arena);
            double near = strtod(literals[c], NULL);
            const double at[] = {near, nextafter(near, -1e9), nextafter(near, 1e9), -near, 0.0};
            for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
                fields[0] = weir_float(at[k]);
                flat_gives_what_the_tree_gives(flat, tree);
            }
        }
    }
}

static void a_whole_number_meets_a_constant_in_the_flat_form_as_in_the_tree(void **state)
{
    (void)state;
    static const char *const names[] = {"<", "<=", ">", ">=", "==", "!="};
    static const int64_t numbers[] = {0, 1, -1, 6, 7, 5, INT64_MAX, INT64_MAX - 1, INT64_MIN};
    const weir_expr *x = weir_expr_leaf(&arena, WEIR_EXPR_FIELD, weir_type_of(WEIR_INT64), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t c = 0; c < sizeof numbers / sizeof *numbers; c++) {
            const weir_expr *tree = call(names[i], 2, x, lit_int(numbers[c]), NULL, NULL);
            weir_flat *flat = weir_flat_create(tree, &arena);
            for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
                fields[0] = weir_int(numbers[k]);
                flat_gives_what_the_tree_gives(flat, tree);
            }
        }
    }
}

static void a_conversion_of_a_choice_between_constants_is_done_once(void **state)
{
    (void)state;
    fields[0] = weir_bool(true);
    fields[1] = weir_bool(false);
    for (uint32_t i = 0; i < 2; i++) {
        const weir_expr *c = weir_expr_leaf(&arena, WEIR_EXPR_FIELD, weir_type_of(WEIR_BOOL), i);
        const weir_expr *choice = call("if", 3, c, lit_dec("0.9"), lit_dec("0.01"), NULL);
        weir_flat *flat = weir_flat_create(call("float", 1, choice, NULL, NULL, NULL), &arena);
        weir_expr_env env = {.fields = fields, .scratch = &arena};
        assert_true(weir_flat_run(flat, &env)->as.float64 == (i == 0 ? 0.9 : 0.01));
    }
}

static int end(void **state)
{
    (void)state;
    weir_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(money_is_exact_and_scales_follow_the_rules, begin),
        cmocka_unit_test_setup(rounding_down_and_the_divisors_sign, begin),
        cmocka_unit_test_setup(overflow_is_null_and_told, begin),
        cmocka_unit_test_setup(a_literal_takes_the_type_it_meets, begin),
        cmocka_unit_test_setup(numbers_compare_by_exact_value, begin),
        cmocka_unit_test_setup(logic_has_three_values, begin),
        cmocka_unit_test_setup(times_and_durations, begin),
        cmocka_unit_test_setup(choices_conversions_and_text, begin),
        cmocka_unit_test_setup(division_by_what_can_not_be_zero_is_not_optional, begin),
        cmocka_unit_test_setup(own_functions_are_close, begin),
        cmocka_unit_test_setup(exact_ratios_round_once, begin),
        cmocka_unit_test_setup(folded_constants_are_constants, begin),
        cmocka_unit_test_setup(the_flat_form_has_the_values_and_overflows_of_the_tree, begin),
        cmocka_unit_test_setup(a_float_meets_a_constant_in_the_flat_form_as_exactly_as_in_the_tree,
                               begin),
        cmocka_unit_test_setup(a_whole_number_meets_a_constant_in_the_flat_form_as_in_the_tree,
                               begin),
        cmocka_unit_test_setup(a_conversion_of_a_choice_between_constants_is_done_once, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
