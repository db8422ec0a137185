/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions as SQL. Each form keeps R10-R12: null for a null argument, null for a division by
 * zero and for an overflow, an exact quotient rounded once. Quotients of integers and decimals are
 * those of whole numbers, which a double holds exactly up to 2^53.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compute/lang/sql_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"
#include "schemas/json_value.h"

void weir_sql_fail(weir_sql *sql, const char *format, ...)
{
    if (sql->problem != NULL) return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sql->problem = weir_arena_string(sql->into, text, strlen(text));
}

void weir_sql_name(const weir_sql *sql, const char *name, weir_buffer *out)
{
    weir_buffer_printf(out, sql->dialect == WEIR_SQL_DUCKDB ? "\"%s\"" : "`%s`", name);
}

const char *weir_sql_power(const weir_sql *sql, unsigned n)
{
    char text[48] = "1";
    WEIR_ASSERT(n < sizeof text - 2);
    memset(text + 1, '0', n);
    text[n + 1] = '\0';
    return weir_arena_string(sql->into, text, n + 1);
}

const char *weir_sql_type(const weir_sql *sql, weir_type type)
{
    switch (type.kind) {
    case WEIR_BOOL: return "BOOLEAN";
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION: return "BIGINT";
    case WEIR_FLOAT64: return "DOUBLE";
    case WEIR_DECIMAL:
        return weir_arena_printf(sql->into, "DECIMAL(%u,%u)", type.precision, type.scale);
    case WEIR_STRING:
    case WEIR_ENUM: return sql->dialect == WEIR_SQL_DUCKDB ? "VARCHAR" : "STRING";
    default: return NULL;
    }
}

/* ---- constants ---- */

static void put_text(const weir_sql *sql, const void *text, size_t size, weir_buffer *out)
{
    const char *bytes = text;
    weir_buffer_put_u8(out, '\'');
    for (size_t i = 0; i < size; i++) {
        bool is_special = bytes[i] == '\'' || (bytes[i] == '\\' && sql->dialect == WEIR_SQL_SPARK);
        if (is_special) weir_buffer_put_u8(out, sql->dialect == WEIR_SQL_DUCKDB ? '\'' : '\\');
        weir_buffer_put_u8(out, (uint8_t)bytes[i]);
    }
    weir_buffer_put_u8(out, '\'');
}

static void put_constant(weir_sql *sql, weir_type type, const weir_value *value, weir_buffer *out)
{
    char text[WEIR_SCALAR_TEXT_MAX];
    const char *name = weir_sql_type(sql, type);
    if (weir_is_null(value)) {
        if (name == NULL)
            weir_buffer_put_text(out, "NULL");
        else
            weir_buffer_printf(out, "CAST(NULL AS %s)", name);
        return;
    }
    switch (type.kind) {
    case WEIR_BOOL: weir_buffer_put_text(out, value->as.boolean ? "TRUE" : "FALSE"); return;
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION:
        weir_buffer_printf(out, "CAST(%lld AS BIGINT)", (long long)value->as.integer);
        return;
    case WEIR_FLOAT64:
    case WEIR_DECIMAL: {
        size_t size = weir_scalar_print(type, value, text);
        weir_buffer_printf(out, "CAST('%.*s' AS %s)", (int)size, text, name);
        return;
    }
    case WEIR_STRING: put_text(sql, value->as.bytes, value->size, out); return;
    case WEIR_ENUM: {
        const char *symbol = type.symbols->symbols[value->as.integer];
        put_text(sql, symbol, strlen(symbol), out);
        return;
    }
    default: weir_sql_fail(sql, "a constant of its type has no SQL here"); return;
    }
}

/* ---- calls ---- */

typedef struct call {
    weir_sql *sql;
    const weir_sql_scope *scope;
    const weir_expr *expr;
    weir_buffer *out;
} call;

static void put(const call *c, const char *text) { weir_buffer_put_text(c->out, text); }

static void put_arg(const call *c, uint32_t index)
{
    weir_sql_expr(c->sql, c->scope, c->expr->args[index], c->out);
}

/* "before a between b behind" */
static void put_pair(const call *c, const char *before, const char *between, const char *behind)
{
    put(c, before);
    put_arg(c, 0);
    put(c, between);
    put_arg(c, 1);
    put(c, behind);
}

static void put_one(const call *c, const char *before, const char *behind)
{
    put(c, before);
    put_arg(c, 0);
    put(c, behind);
}

static unsigned scale_of(weir_type type) { return type.kind == WEIR_DECIMAL ? type.scale : 0; }

/* Whole numbers overflow to null. */
static void put_sum(const call *c, const char *sign, const char *spark)
{
    if (c->sql->dialect == WEIR_SQL_SPARK) {
        put(c, spark);
        put_pair(c, "(", ", ", ")");
        return;
    }
    put(c, "TRY_CAST((CAST(");
    put_arg(c, 0);
    weir_buffer_printf(c->out, " AS HUGEINT) %s CAST(", sign);
    put_arg(c, 1);
    put(c, " AS HUGEINT)) AS BIGINT)");
}

static void put_decimals(const call *c, const char *sign)
{
    put(c, c->sql->dialect == WEIR_SQL_DUCKDB ? "TRY_CAST((" : "CAST((");
    put_arg(c, 0);
    weir_buffer_printf(c->out, " %s ", sign);
    put_arg(c, 1);
    weir_buffer_printf(c->out, ") AS %s)", weir_sql_type(c->sql, c->expr->type));
}

static void put_floats(const call *c, const char *sign)
{
    put(c, "(");
    put_arg(c, 0);
    weir_buffer_printf(c->out, " %s ", sign);
    put_arg(c, 1);
    put(c, ")");
}

static void put_arithmetic(const call *c, const char *kind, const char *sign, const char *spark)
{
    if (strcmp(kind, "float64") == 0)
        put_floats(c, sign);
    else if (strcmp(kind, "decimal") == 0)
        put_decimals(c, sign);
    else
        put_sum(c, sign, spark);
}

/* a / b of whole numbers or decimals: both as whole numbers of the larger scale. */
static void put_exact_quotient(const call *c)
{
    unsigned a = scale_of(c->expr->args[0]->type), b = scale_of(c->expr->args[1]->type);
    const char *power = weir_sql_power(c->sql, a > b ? a : b);
    put(c, "(CAST(");
    put_arg(c, 0);
    weir_buffer_printf(c->out, " * %s AS DOUBLE) / NULLIF(CAST(", power);
    put_arg(c, 1);
    weir_buffer_printf(c->out, " * %s AS DOUBLE), 0))", power);
}

/* The remainder with the divisor's sign, and the quotient that goes with it. */
static void put_remainder(const call *c)
{
    put(c, "(((");
    put_arg(c, 0);
    put(c, " % NULLIF(");
    put_arg(c, 1);
    put(c, ", 0)) + ");
    put_arg(c, 1);
    put(c, ") % NULLIF(");
    put_arg(c, 1);
    put(c, ", 0))");
}

static void put_floor_quotient(const call *c)
{
    bool is_duckdb = c->sql->dialect == WEIR_SQL_DUCKDB;
    put(c, "CAST((");
    put_arg(c, 0);
    put(c, " - ");
    put_remainder(c);
    put(c, is_duckdb ? ") // NULLIF(" : ") DIV NULLIF(");
    put_arg(c, 1);
    put(c, ", 0) AS BIGINT)");
}

/* LEAST and GREATEST pass over nulls; ours do not. */
static void put_choice(const call *c, const char *function)
{
    put(c, "(CASE WHEN ");
    for (uint32_t i = 0; i < c->expr->arg_count; i++) {
        put_arg(c, i);
        put(c, i + 1 < c->expr->arg_count ? " IS NOT NULL AND " : " IS NOT NULL THEN ");
    }
    weir_buffer_printf(c->out, "%s(", function);
    for (uint32_t i = 0; i < c->expr->arg_count; i++) {
        if (i > 0) put(c, ", ");
        put_arg(c, i);
    }
    put(c, ") END)");
}

static void put_clamp(const call *c)
{
    put(c, "(CASE WHEN ");
    put_arg(c, 0);
    put(c, " IS NOT NULL AND ");
    put_arg(c, 1);
    put(c, " IS NOT NULL AND ");
    put_arg(c, 2);
    put(c, " IS NOT NULL THEN LEAST(GREATEST(");
    put_arg(c, 0);
    put(c, ", ");
    put_arg(c, 1);
    put(c, "), ");
    put_arg(c, 2);
    put(c, ") END)");
}

static void put_clock(const call *c, const char *part)
{
    const weir_zone *zone = c->expr->data;
    bool is_duckdb = c->sql->dialect == WEIR_SQL_DUCKDB;
    const char *name = zone == NULL ? "UTC" : weir_zone_name(zone);
    weir_buffer_printf(c->out, "CAST(EXTRACT(%s FROM ", part);
    if (is_duckdb) {
        put_one(c, "make_timestamp(", ")");
        if (zone != NULL) weir_buffer_printf(c->out, " AT TIME ZONE 'UTC' AT TIME ZONE '%s'", name);
    } else {
        put_one(c, "from_utc_timestamp(timestamp_micros(", ")");
        weir_buffer_printf(c->out, ", '%s')", name);
    }
    put(c, ") AS BIGINT)");
}

static void put_as_float(const call *c)
{
    unsigned scale = scale_of(c->expr->args[0]->type);
    put_one(c, "(CAST(", "");
    weir_buffer_printf(c->out, " * %s AS DOUBLE) / %s)", weir_sql_power(c->sql, scale),
                       weir_sql_power(c->sql, scale));
}

static bool put_comparison(const call *c, const char *base)
{
    static const char *const signs[][2] = {{"equal", " = "},   {"not_equal", " <> "},
                                           {"less", " < "},    {"less_equal", " <= "},
                                           {"greater", " > "}, {"greater_equal", " >= "}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcmp(signs[i][0], base) != 0) continue;
        put_pair(c, "(", signs[i][1], ")");
        return true;
    }
    return false;
}

static bool put_text_call(const call *c, const char *name)
{
    bool is_duckdb = c->sql->dialect == WEIR_SQL_DUCKDB;
    if (strcmp(name, "starts_with") == 0)
        put_pair(c, is_duckdb ? "starts_with(" : "startswith(", ", ", ")");
    else if (strcmp(name, "ends_with") == 0)
        put_pair(c, is_duckdb ? "ends_with(" : "endswith(", ", ", ")");
    else if (strcmp(name, "contains.string") == 0)
        put_pair(c, "contains(", ", ", ")");
    else if (strcmp(name, "lower") == 0)
        put_one(c, "translate(", ", 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')");
    else
        return false;
    return true;
}

static bool put_time_call(const call *c, const char *name)
{
    if (strcmp(name, "hour") == 0)
        put_clock(c, "HOUR");
    else if (strcmp(name, "day") == 0)
        put_clock(c, "DAY");
    else if (strcmp(name, "weekday") == 0)
        put_clock(c, c->sql->dialect == WEIR_SQL_DUCKDB ? "ISODOW" : "DAYOFWEEK_ISO");
    else if (strcmp(name, "hours") == 0)
        put_one(c, "(CAST(", " AS DOUBLE) / 3600000000)");
    else if (strcmp(name, "days") == 0)
        put_one(c, "(CAST(", " AS DOUBLE) / 86400000000)");
    else if (strcmp(name, "years") == 0)
        put_one(c, "(CAST(", " AS DOUBLE) / 31556952000000)");
    else
        return false;
    return true;
}

static bool put_conversion(const call *c, const char *name)
{
    if (strcmp(name, "float.float64") == 0)
        put_arg(c, 0);
    else if (strcmp(name, "float.bool") == 0)
        put_one(c, "CAST(CAST(", " AS INTEGER) AS DOUBLE)");
    else if (strcmp(name, "float.int64") == 0)
        put_one(c, "CAST(", " AS DOUBLE)");
    else if (strcmp(name, "float.decimal") == 0)
        put_as_float(c);
    else if (strcmp(name, "decimal.int64") == 0 || strcmp(name, "decimal.decimal") == 0) {
        put_one(c, "CAST(", " AS ");
        put(c, weir_sql_type(c->sql, c->expr->type));
        put(c, ")");
    } else
        return false;
    return true;
}

static bool put_number_call(const call *c, const char *base, const char *kind)
{
    if (strcmp(base, "add") == 0)
        put_arithmetic(c, kind, "+", "try_add");
    else if (strcmp(base, "subtract") == 0)
        put_arithmetic(c, kind, "-", "try_subtract");
    else if (strcmp(base, "multiply") == 0)
        put_arithmetic(c, kind, "*", "try_multiply");
    else if (strcmp(base, "divide") == 0 && strcmp(kind, "float64") == 0)
        put_pair(c, "(", " / NULLIF(", ", 0))");
    else if (strcmp(base, "divide") == 0)
        put_exact_quotient(c);
    else if (strcmp(base, "negate") == 0)
        put_one(c, "(0 - ", ")");
    else if (strcmp(base, "div") == 0)
        put_floor_quotient(c);
    else if (strcmp(base, "mod") == 0)
        put_remainder(c);
    else if (strcmp(base, "min") == 0)
        put_choice(c, "LEAST");
    else if (strcmp(base, "max") == 0)
        put_choice(c, "GREATEST");
    else if (strcmp(base, "clamp") == 0)
        put_clamp(c);
    else if (strcmp(base, "not") == 0)
        put_one(c, "(NOT ", ")");
    else
        return put_comparison(c, base);
    return true;
}

static void put_call(const call *c)
{
    const char *name = c->expr->fn_name, *point = strchr(name, '.');
    if (strcmp(name, "overflow") == 0) { /* weir_expr_unless_overflow */
        static const weir_value null = {0};
        put_constant(c->sql, c->expr->type, &null, c->out);
        return;
    }
    const char *base =
        point == NULL ? name : weir_arena_string(c->sql->into, name, (size_t)(point - name));
    if (put_text_call(c, name) || put_time_call(c, name) || put_conversion(c, name) ||
        put_number_call(c, base, point == NULL ? "" : point + 1))
        return;
    bool is_own = strcmp(base, "log1p") == 0 || strcmp(base, "geo_km") == 0 ||
                  strcmp(base, "hash") == 0 || strcmp(base, "bucket") == 0;
    weir_sql_fail(c->sql, is_own ? "not comparable: %s has bits of its own" : "%s has no SQL here",
                  base);
}

/* ---- leaves and logic ---- */

static void put_leaf(weir_sql *sql, const weir_sql_scope *scope, const weir_expr *expr,
                     weir_buffer *out)
{
    if (expr->op == WEIR_EXPR_CELL) {
        weir_buffer_printf(out, "c%u.v", expr->index);
    } else if (expr->op == WEIR_EXPR_CARRIED) {
        weir_buffer_printf(out, "v%u.v", expr->index);
    } else if (expr->op == WEIR_EXPR_COLUMN) {
        weir_buffer_printf(out, "r.c%u", expr->index);
    } else if (expr->op == WEIR_EXPR_THIS && scope->self_is_numbered) {
        weir_buffer_printf(out, "%s.this_%u", scope->self, expr->index);
    } else {
        weir_buffer_printf(out, "%s.", expr->op == WEIR_EXPR_THIS ? scope->self : scope->fields);
        weir_sql_name(sql, scope->stream->slot_paths[expr->index], out);
    }
}

/* No branch where an overflow left the condition without a truth value. */
static void put_if_lost(const call *c)
{
    const weir_expr *lost = weir_expr_overflows(c->sql->into, c->expr->args[0]);
    if (lost == NULL) return;
    weir_sql_expr(c->sql, c->scope, lost, c->out);
    put(c, " THEN NULL WHEN ");
}

static void put_logic(const call *c, const char *word) { put_pair(c, "(", word, ")"); }

void weir_sql_expr(weir_sql *sql, const weir_sql_scope *scope, const weir_expr *expr,
                   weir_buffer *out)
{
    call c = {sql, scope, expr, out};
    switch (expr->op) {
    case WEIR_EXPR_CONST: put_constant(sql, expr->type, &expr->constant, out); return;
    case WEIR_EXPR_FIELD:
    case WEIR_EXPR_THIS:
    case WEIR_EXPR_COLUMN:
    case WEIR_EXPR_CELL:
    case WEIR_EXPR_CARRIED: put_leaf(sql, scope, expr, out); return;
    case WEIR_EXPR_SCORE: weir_sql_fail(sql, "a score has no SQL"); return;
    case WEIR_EXPR_IF:
        put(&c, "(CASE WHEN ");
        put_if_lost(&c);
        put_arg(&c, 0);
        put(&c, " THEN ");
        put_arg(&c, 1);
        put(&c, " ELSE ");
        put_arg(&c, 2);
        put(&c, " END)");
        return;
    case WEIR_EXPR_AND: put_logic(&c, " AND "); return;
    case WEIR_EXPR_OR: put_logic(&c, " OR "); return;
    case WEIR_EXPR_COALESCE: put_pair(&c, "COALESCE(", ", ", ")"); return;
    case WEIR_EXPR_HAS: put_one(&c, "(", " IS NOT NULL)"); return;
    case WEIR_EXPR_CALL: put_call(&c); return;
    case WEIR_EXPR_OVERFLOWS: {
        weir_expr_bind_context context = {.into = sql->into};
        weir_sql_expr(sql, scope, weir_expr_overflow_words(&context, expr), out);
        return;
    }
    }
    WEIR_UNREACHABLE();
}
