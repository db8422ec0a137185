/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregates as SQL over rows q of one event each: q.n is 1 and q.x the argument where the row
 * counts, else both are null.
 */
#include <string.h>

#include "compute/lang/sql_internal.h"
#include "ops/runtime/assert.h"

typedef struct printed {
    weir_sql *sql;
    const weir_plan_cell *cell;
    const char *x; /* "q.x", or NULL without an argument */
    const char *n; /* "q.n" */
    weir_buffer *out;
} printed;

static weir_type argument(const printed *p) { return p->cell->binding.args[0]; }

static bool is_whole(weir_type type)
{
    return type.kind == WEIR_INT64 || type.kind == WEIR_DURATION || type.kind == WEIR_TIME;
}

/* Wide enough for sums: whole numbers beyond 64 bits. */
static const char *wide(const printed *p)
{
    if (!is_whole(argument(p))) return p->x;
    return weir_arena_printf(p->sql->into,
                             p->sql->dialect == WEIR_SQL_DUCKDB ? "CAST(%s AS HUGEINT)"
                                                                : "CAST(%s AS DECIMAL(38,0))",
                             p->x);
}

static void put_count(const printed *p)
{
    weir_buffer_printf(p->out, "COUNT(%s)", p->x != NULL ? p->x : p->n);
}

static void put_sum(const printed *p)
{
    const char *type = weir_sql_type(p->sql, p->cell->binding.type);
    const char *cast = p->sql->dialect == WEIR_SQL_DUCKDB ? "TRY_CAST" : "CAST";
    weir_buffer_printf(p->out, "%s(COALESCE(SUM(%s), 0) AS %s)", cast, wide(p), type);
}

static void put_mean(const printed *p)
{
    weir_type type = argument(p);
    if (type.kind == WEIR_FLOAT64) {
        weir_buffer_printf(p->out, "SUM(%s) / COUNT(%s)", p->x, p->x);
        return;
    }
    const char *power = weir_sql_power(p->sql, type.kind == WEIR_DECIMAL ? type.scale : 0);
    weir_buffer_printf(p->out, "CAST(SUM(%s) * %s AS DOUBLE) / NULLIF(COUNT(%s) * %s, 0)", wide(p),
                       power, p->x, power);
}

/* (n * sum of squares - square of the sum) / (n * (n - 1)), over whole numbers where x has a scale.
 */
static void put_variance(const printed *p)
{
    weir_type type = argument(p);
    unsigned scale = type.kind == WEIR_DECIMAL ? type.scale : 0;
    const char *x = p->x, *power = weir_sql_power(p->sql, 2 * scale);
    if (type.kind == WEIR_DECIMAL)
        x = weir_arena_printf(p->sql->into,
                              p->sql->dialect == WEIR_SQL_DUCKDB ? "CAST(%s * %s AS HUGEINT)"
                                                                 : "CAST(%s * %s AS DECIMAL(38,0))",
                              p->x, weir_sql_power(p->sql, scale));
    else if (is_whole(type))
        x = wide(p);
    weir_buffer_printf(p->out,
                       "CAST(COUNT(%s) * SUM(%s * %s) - SUM(%s) * SUM(%s) AS DOUBLE) / "
                       "NULLIF(CAST(COUNT(%s) * (COUNT(%s) - 1) AS DOUBLE) * %s, 0)",
                       x, x, x, x, x, x, x, power);
}

static void put_stddev(const printed *p)
{
    weir_buffer_put_text(p->out, "SQRT(");
    put_variance(p);
    weir_buffer_put_text(p->out, ")");
}

static void put_least(const printed *p) { weir_buffer_printf(p->out, "MIN(%s)", p->x); }
static void put_greatest(const printed *p) { weir_buffer_printf(p->out, "MAX(%s)", p->x); }
static void put_distinct(const printed *p)
{
    weir_buffer_printf(p->out, "COUNT(DISTINCT %s)", p->x);
}
static void put_any(const printed *p)
{
    weir_buffer_printf(p->out, "COALESCE(BOOL_OR(%s), FALSE)", p->x);
}
static void put_all(const printed *p)
{
    weir_buffer_printf(p->out, "COALESCE(BOOL_AND(%s), TRUE)", p->x);
}

static void put_share_of(const printed *p)
{
    weir_buffer_printf(p->out,
                       "CAST(COUNT(CASE WHEN %s THEN 1 END) AS DOUBLE) / NULLIF(COUNT(%s), 0)",
                       p->x, p->n);
}

static void put_rate(const printed *p)
{
    if (p->cell->window.kind != WEIR_WINDOW_TIME) {
        weir_sql_fail(p->sql, "rate over this window has no SQL here");
        return;
    }
    weir_buffer_printf(p->out, "CAST(COUNT(%s) * 1000000 AS DOUBLE) / %lld",
                       p->x != NULL ? p->x : p->n, (long long)p->cell->window.width_us);
}

/* The value at the first or last (et, seq) that has one. */
static void put_edge(const printed *p, bool is_last)
{
    bool is_duckdb = p->sql->dialect == WEIR_SQL_DUCKDB;
    const weir_agg_binding *binding = &p->cell->binding;
    if (binding->params[1].kind == WEIR_BOOL && binding->params[1].as.boolean) {
        weir_sql_fail(p->sql, "a list of the first or last values has no SQL here");
        return;
    }
    const char *function =
        is_duckdb ? (is_last ? "arg_max" : "arg_min") : (is_last ? "max_by" : "min_by");
    weir_buffer_printf(p->out, "%s(%s, CASE WHEN %s IS NOT NULL THEN %s(q.e_et, q.e_seq) END)",
                       function, p->x, p->x, is_duckdb ? "ROW" : "struct");
}

static void put_first(const printed *p) { put_edge(p, false); }
static void put_last(const printed *p) { put_edge(p, true); }

typedef struct sql_row {
    const char *name;
    void (*put)(const printed *p);
} sql_row;

static const sql_row rows[] = {
    {"count", put_count},   {"sum", put_sum},   {"mean", put_mean},    {"var", put_variance},
    {"stddev", put_stddev}, {"min", put_least}, {"max", put_greatest}, {"distinct", put_distinct},
    {"any", put_any},       {"all", put_all},   {"rate", put_rate},    {"share_of", put_share_of},
    {"first", put_first},   {"last", put_last},
};

void weir_sql_aggregate(weir_sql *sql, const weir_plan_cell *cell, weir_buffer *out)
{
    const char *name = weir_agg_name(cell->binding.agg);
    printed p = {.sql = sql, .cell = cell, .n = "q.n", .out = out};
    if (cell->binding.arg_count > 0) p.x = "q.x";
    if (cell->by != WEIR_NONE) {
        weir_sql_fail(sql, "`by` has no SQL here");
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) != 0) continue;
        bool is_text = p.x != NULL && weir_sql_type(sql, cell->binding.args[0]) == NULL;
        if (is_text && strcmp(name, "count") != 0)
            weir_sql_fail(sql, "%s of this type has no SQL here", name);
        rows[i].put(&p);
        return;
    }
    weir_sql_fail(sql,
                  strcmp(name, "decay") == 0 || strcmp(name, "entropy") == 0
                      ? "not comparable: %s has bits of its own"
                      : "%s has no SQL here",
                  name);
}
