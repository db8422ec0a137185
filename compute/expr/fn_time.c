/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_time.c - times and durations. Time of day needs a zone (R13); a day is 24 h, a year 365.2425
 * d.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"
#include "schemas/decimal.h"

#define US_PER_HOUR (INT64_C(3600) * WEIR_US_PER_S)
#define US_PER_YEAR INT64_C(31556952000000)

/* The rest of a floor division. */
static int64_t floor_rest(int64_t value, int64_t divisor)
{
    int64_t rest = value % divisor;
    return rest < 0 ? rest + divisor : rest;
}

/* The local time in the node's zone; UTC has no table. Near the ends of int64 the offset is left
 * out. */
static int64_t local(const weir_expr *node, const weir_value *time)
{
    int64_t local_us = time->as.integer;
    const weir_zone *zone = node->data;
    if (zone != NULL) {
        int64_t offset_us = weir_zone_offset_us(zone, local_us);
        if (__builtin_add_overflow(local_us, offset_us, &local_us)) local_us = time->as.integer;
    }
    return local_us;
}

static weir_value hour_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    return weir_int(floor_rest(local(node, &args[0]), WEIR_US_PER_DAY) / US_PER_HOUR);
}

static weir_value day_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    return weir_int(weir_civil_from_time(local(node, &args[0])).day);
}

static weir_value weekday_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    int64_t local_us = local(node, &args[0]), day = local_us / WEIR_US_PER_DAY;
    if (local_us % WEIR_US_PER_DAY < 0) day--;
    return weir_int(floor_rest(day + 3, 7) + 1); /* day 0 was a Thursday */
}

static const char *zone_of(weir_bind *bind)
{
    const weir_expr *zone = bind->args[1];
    if (zone->op != WEIR_EXPR_CONST || zone->constant.kind != WEIR_STRING) {
        return weir_arena_printf(
            bind->into, "`%s` wants the name of a zone in quotes: %s(ts, \"Europe/Prague\")",
            bind->name, bind->name);
    }
    const char *name =
        weir_arena_string(bind->into, (const char *)zone->constant.as.bytes, zone->constant.size);
    if (strcmp(name, "UTC") == 0) return NULL;
    const char *problem = "zones can not be loaded here";
    if (bind->context->load_zone != NULL) {
        bind->data = bind->context->load_zone(bind->context->context, name, &problem);
        if (bind->data != NULL) return NULL;
    }
    return weir_arena_printf(bind->into, "there is no time zone \"%s\": %s", name, problem);
}

static const char *bind_clock(weir_bind *bind, weir_fn_eval *eval, const char *fn_name)
{
    if (bind->args[0]->type.kind != WEIR_TIME) {
        return weir_arena_printf(bind->into, "`%s` wants a time, not %s", bind->name,
                                 weir_bind_print(bind, 0));
    }
    const char *problem = zone_of(bind);
    return problem != NULL ? problem
                           : weir_bind_done(bind, weir_type_of(WEIR_INT64), eval, fn_name);
}

const char *weir_fn_bind_hour(weir_bind *bind) { return bind_clock(bind, hour_of, "hour"); }
const char *weir_fn_bind_day(weir_bind *bind) { return bind_clock(bind, day_of, "day"); }
const char *weir_fn_bind_weekday(weir_bind *bind)
{
    return bind_clock(bind, weekday_of, "weekday");
}

static weir_value hours_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(weir_int128_ratio(args[0].as.integer, US_PER_HOUR));
}

static weir_value days_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(weir_int128_ratio(args[0].as.integer, WEIR_US_PER_DAY));
}

static weir_value years_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(weir_int128_ratio(args[0].as.integer, US_PER_YEAR));
}

static const char *bind_span(weir_bind *bind, weir_fn_eval *eval, const char *fn_name)
{
    if (bind->args[0]->type.kind != WEIR_DURATION) {
        return weir_bind_misfit(bind,
                                "it converts a duration, such as the difference of two times");
    }
    return weir_bind_done(bind, weir_type_of(WEIR_FLOAT64), eval, fn_name);
}

const char *weir_fn_bind_hours(weir_bind *bind) { return bind_span(bind, hours_of, "hours"); }
const char *weir_fn_bind_days(weir_bind *bind) { return bind_span(bind, days_of, "days"); }
const char *weir_fn_bind_years(weir_bind *bind) { return bind_span(bind, years_of, "years"); }
