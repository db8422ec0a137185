/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_internal.h - what the parts of the SQL printer share.
 *
 * Expressions are printed where their leaves have names: `t` is the event being scored, `s` a past
 * event of a source, `r` a past event's row joined with the event being scored.
 */
#pragma once

#include "compute/lang/sql.h"

typedef struct weir_sql {
    const weir_plan *plan;
    weir_sql_dialect dialect;
    weir_arena *into;
    const char *problem; /* the first; NULL while all is well */
    weir_buffer with;    /* the CTEs so far, each ends in ",\n" */
    bool *has_rows;      /* per view          */
    bool *has_own_rows;  /* per cell          */
    bool *has_cell;      /* per stream * cell */
    bool *has_value;     /* per stream * carried value of a stream */
    uint32_t carried_most;
} weir_sql;

/* What leaves are called. */
typedef struct weir_sql_scope {
    const weir_plan_stream *stream; /* of FIELD, THIS and CARRIED */
    const char *fields;             /* alias of FIELD, "s"        */
    const char *self; /* alias of THIS, "t"; or "r", where they are called this_<slot> */
    bool self_is_numbered;
} weir_sql_scope;

__attribute__((format(printf, 2, 3))) void weir_sql_fail(weir_sql *sql, const char *format, ...);
void weir_sql_name(const weir_sql *sql, const char *name, weir_buffer *out); /* quoted */
const char *weir_sql_type(const weir_sql *sql, weir_type type);
void weir_sql_expr(weir_sql *sql, const weir_sql_scope *scope, const weir_expr *expr,
                   weir_buffer *out);
/* Over rows of alias q: n is 1 and x the argument where the row counts; e_et, e_seq its order. */
void weir_sql_aggregate(weir_sql *sql, const weir_plan_cell *cell, weir_buffer *out);
/* 10^n as digits. */
const char *weir_sql_power(const weir_sql *sql, unsigned n);
