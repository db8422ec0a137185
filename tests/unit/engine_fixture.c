/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

uint64_t fixture_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static weir_type slot_type(uint32_t slot)
{
    switch (slot) {
    case SLOT_KEY: return weir_type_of(WEIR_STRING);
    case SLOT_TIME: return weir_type_of(WEIR_TIME);
    case SLOT_MONEY: return weir_type_optional(weir_type_decimal(10, 2));
    case SLOT_SCORE: return weir_type_optional(weir_type_of(WEIR_FLOAT64));
    case SLOT_FLAG: return weir_type_optional(weir_type_of(WEIR_BOOL));
    case SLOT_SHOP: return weir_type_optional(weir_type_of(WEIR_STRING));
    case SLOT_UNITS: return weir_type_optional(weir_type_of(WEIR_INT64));
    default: return weir_type_optional(weir_type_decimal(30, 4));
    }
}

#define NEW(type, n) weir_arena_array(into, type, (n))

static void add_cell(weir_plan *plan, weir_arena *into, weir_plan_cell *cell, const cell_spec *spec)
{
    const weir_agg *agg = weir_agg_find(spec->agg);
    WEIR_ASSERT(agg != NULL);
    weir_type types[2];
    for (uint32_t a = 0; a < spec->arg_count; a++)
        types[a] = slot_type(spec->args[a]);
    weir_agg_param param = {.type = weir_type_of(WEIR_INT64), .value = weir_int(spec->param)};
    const char *problem =
        weir_agg_bind(agg, types, spec->arg_count, &param, spec->param > 0, into, &cell->binding);
    if (problem != NULL) weir_assert_failed(__FILE__, __LINE__, problem);
    for (uint32_t a = 0; a < spec->arg_count; a++)
        cell->args[a] = column_of_slot(spec->args[a]);
    cell->filter = spec->filtered ? column_of_slot(SLOT_FLAG) : WEIR_NONE;
    cell->by = WEIR_NONE;
    cell->window = spec->window;
    cell->including_this = spec->including_this;
    if (spec->this_shop) {
        const weir_expr *sides[] = {
            weir_expr_leaf(into, WEIR_EXPR_COLUMN, slot_type(SLOT_SHOP), column_of_slot(SLOT_SHOP)),
            weir_expr_leaf(into, WEIR_EXPR_THIS, slot_type(SLOT_SHOP), SLOT_SHOP)};
        weir_expr_bind_context context = {.into = into};
        problem = weir_expr_bind(&context, "!=", sides, 2, &cell->read_filter);
        WEIR_ASSERT(problem == NULL);
    }
    (void)plan;
}

weir_plan *fixture_plan(const cell_spec *specs, uint32_t count, int64_t late_us)
{
    weir_arena arena = {0};
    weir_plan *plan = weir_arena_new(&arena, weir_plan);
    weir_arena *into = &arena;
    weir_plan_entity *entity = NEW(weir_plan_entity, 1);
    static const char *const key_names[] = {"card"};
    *entity = (weir_plan_entity){.name = "card", .key_count = 1, .key_names = key_names};
    entity->key_types[0] = slot_type(SLOT_KEY);
    weir_type *slots = NEW(weir_type, SLOT_COUNT), *columns = NEW(weir_type, COLUMN_COUNT);
    const weir_expr **exprs = NEW(const weir_expr *, COLUMN_COUNT);
    for (uint32_t s = 0; s < SLOT_COUNT; s++)
        slots[s] = slot_type(s);
    for (uint32_t s = SLOT_TIME; s < SLOT_COUNT; s++) {
        columns[column_of_slot(s)] = slots[s];
        exprs[column_of_slot(s)] = weir_expr_leaf(into, WEIR_EXPR_FIELD, slots[s], s);
    }
    weir_plan_source *source = NEW(weir_plan_source, 1);
    *source = (weir_plan_source){.columns = exprs};
    weir_plan_cell *cells = NEW(weir_plan_cell, count);
    weir_plan_carried *carried = NEW(weir_plan_carried, count);
    uint32_t *indexes = NEW(uint32_t, count);
    weir_plan_view *view = NEW(weir_plan_view, 1);
    *view = (weir_plan_view){.group = "g",
                             .column_count = COLUMN_COUNT,
                             .column_types = columns,
                             .source_count = 1,
                             .sources = source,
                             .cell_count = count,
                             .cells = indexes,
                             .late_us = late_us};
    for (uint32_t c = 0; c < count; c++) {
        add_cell(plan, into, &cells[c], &specs[c]);
        indexes[c] = c;
        carried[c].type = cells[c].binding.type;
        carried[c].expr = weir_expr_leaf(into, WEIR_EXPR_CELL, carried[c].type, c);
        const weir_plan_window *w = &specs[c].window;
        int64_t keep = w->kind == WEIR_WINDOW_TIME ? w->width_us + w->delay_us + w->step_us : 0;
        if (keep > view->keep_us) view->keep_us = keep;
        if (w->delay_us > view->delay_us) view->delay_us = w->delay_us;
        if (w->kind == WEIR_WINDOW_LAST && w->count > view->keep_last) view->keep_last = w->count;
        if (w->kind == WEIR_WINDOW_EVER) view->has_ever = true;
    }
    weir_plan_feed *feed = NEW(weir_plan_feed, 1);
    weir_plan_hop *hop = NEW(weir_plan_hop, 1);
    *hop = (weir_plan_hop){.read_count = count,
                           .reads = indexes,
                           .cell_count = count,
                           .cells = indexes,
                           .feed_count = 1,
                           .feeds = feed};
    weir_plan_stream *stream = NEW(weir_plan_stream, 1);
    *stream = (weir_plan_stream){.name = "tx",
                                 .slot_count = SLOT_COUNT,
                                 .slot_types = slots,
                                 .time_slot = SLOT_TIME,
                                 .id_slot = SLOT_UNITS,
                                 .late_us = late_us,
                                 .hop_count = 1,
                                 .hops = hop,
                                 .carried_count = count,
                                 .carried = carried};
    weir_plan_member *members = NEW(weir_plan_member, count);
    for (uint32_t c = 0; c < count; c++) {
        members[c] = (weir_plan_member){
            .type = carried[c].type, .expr = carried[c].expr, .uses_this = specs[c].this_shop};
    }
    plan->references = 1;
    plan->stream_count = plan->entity_count = plan->view_count = 1;
    plan->cell_count = plan->member_count = count;
    plan->streams = stream;
    plan->entities = entity;
    plan->views = view;
    plan->cells = cells;
    plan->members = members;
    plan->arena = arena;
    return plan;
}

/* The rules, word by word */

static bool is_true(const weir_value *v) { return v->kind == WEIR_BOOL && v->as.boolean; }

static weir_int128 floor_step(weir_int128 t, int64_t step)
{
    weir_int128 q = t / step;
    if (q * step > t) q--;
    return q * step;
}

typedef struct chosen {
    const plain_row **rows;
    size_t count;
} chosen;

static chosen choose(const cell_spec *spec, const plain_row *rows, size_t count,
                     const plain_row *trigger, int64_t greatest_us, int64_t late_us,
                     weir_arena *scratch)
{
    const weir_plan_window *w = &spec->window;
    weir_int128 tau = (weir_int128)trigger->time_us - w->delay_us;
    weir_int128 closed = greatest_us == INT64_MIN
                             ? (weir_int128)INT64_MIN * 8
                             : (weir_int128)greatest_us - late_us - w->delay_us;
    chosen c = {weir_arena_array(scratch, const plain_row *, count + 1), 0};
    size_t total = count + (spec->including_this ? 1 : 0);
    for (size_t i = 0; i < total; i++) { /* in order of seq */
        const plain_row *row = i < count ? &rows[i] : trigger;
        weir_int128 et = row->time_us;
        bool in = false;
        if (w->kind == WEIR_WINDOW_TIME) {
            weir_int128 start = w->step_us > 0 ? floor_step(tau, w->step_us) : tau;
            in = et > start - w->width_us && et <= tau && et > closed - w->width_us;
        } else {
            in = et <= tau || et <= closed;
        }
        if (!in) continue;
        size_t at = c.count++; /* a stable insertion by time */
        for (; at > 0 && c.rows[at - 1]->time_us > row->time_us; at--)
            c.rows[at] = c.rows[at - 1];
        c.rows[at] = row;
    }
    if (w->kind == WEIR_WINDOW_LAST && c.count > w->count) {
        c.rows += c.count - w->count;
        c.count = w->count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < c.count; i++) {
        const weir_value *values = c.rows[i]->values;
        if (spec->filtered && !is_true(&values[SLOT_FLAG])) continue;
        if (spec->this_shop) {
            const weir_value *a = &values[SLOT_SHOP], *b = &trigger->values[SLOT_SHOP];
            if (weir_is_null(a) || weir_is_null(b) || weir_value_equal(a, b)) continue;
        }
        c.rows[kept++] = c.rows[i];
    }
    c.count = kept;
    return c;
}

/* All numbers of the fixture are whole multiples of 2^-10 / 10^-4: exact in 128 bits. */
static weir_int128 whole(const weir_value *v)
{
    if (v->kind == WEIR_FLOAT64) return (weir_int128)(v->as.float64 * 1024.0);
    return v->kind == WEIR_DECIMAL ? v->as.decimal : v->as.integer;
}

static weir_int128 unit(weir_type type)
{
    if (type.kind == WEIR_FLOAT64) return 1024;
    return type.kind == WEIR_DECIMAL ? weir_decimal_pow10(type.scale) : 1;
}

static weir_value plain_number(const char *name, weir_type type, const weir_value *values, size_t n,
                               int64_t width, bool *overflow_out)
{
    weir_int128 sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += whole(&values[i]);
        bool needs_squares = name[0] == 'v' || name[1] == 't';
        if (needs_squares) squares += whole(&values[i]) * whole(&values[i]);
    }
    if (strcmp(name, "rate") == 0)
        return weir_float(weir_int128_ratio((weir_int128)n * 1000000, width));
    if (strcmp(name, "sum") == 0) {
        if (type.kind == WEIR_FLOAT64) return weir_float(weir_int128_ratio(sum, 1024));
        if (type.kind == WEIR_DECIMAL) return weir_decimal(sum);
        *overflow_out = sum < INT64_MIN || sum > INT64_MAX;
        return *overflow_out ? weir_null() : weir_int((int64_t)sum);
    }
    if (strcmp(name, "mean") == 0)
        return n == 0 ? weir_null()
                      : weir_float(weir_int128_ratio(sum, unit(type) * (weir_int128)n));
    if (n < 2) return weir_null();
    weir_int128 top = squares * (weir_int128)n - sum * sum;
    double var =
        weir_int128_ratio(top, (weir_int128)n * (weir_int128)(n - 1) * unit(type) * unit(type));
    return weir_float(strcmp(name, "var") == 0 ? var : __builtin_sqrt(var));
}

static weir_value plain_edge(const cell_spec *spec, weir_type type, const weir_value *values,
                             size_t n, weir_arena *scratch)
{
    bool first = strcmp(spec->agg, "first") == 0;
    if (strcmp(spec->agg, "lag") == 0)
        return n > (size_t)spec->param ? values[n - 1 - (size_t)spec->param] : weir_null();
    if (strcmp(spec->agg, "delta") == 0) {
        if (n < 2) return weir_null();
        weir_int128 d = whole(&values[n - 1]) - whole(&values[n - 2]);
        if (type.kind == WEIR_FLOAT64)
            return weir_float(values[n - 1].as.float64 - values[n - 2].as.float64);
        if (type.kind == WEIR_DECIMAL) return weir_decimal(d);
        return (weir_value){.kind = type.kind == WEIR_TIME ? WEIR_DURATION : type.kind,
                            .as.integer = (int64_t)d};
    }
    if (spec->param == 0) return n == 0 ? weir_null() : values[first ? 0 : n - 1];
    size_t k = n < (size_t)spec->param ? n : (size_t)spec->param;
    weir_value *items =
        weir_arena_copy(scratch, first ? values : values + n - k, k * sizeof *values);
    return (weir_value){.kind = WEIR_LIST, .size = (uint32_t)k, .as.items = items};
}

static weir_value plain_extreme(const cell_spec *spec, const weir_type *types, const weir_value *x,
                                const weir_value *y, size_t n)
{
    bool greatest = strstr(spec->agg, "max") != NULL;
    size_t best = 0;
    if (n == 0) return weir_null();
    for (size_t i = 1; i < n; i++) {
        int order = spec->arg_count == 1 ? weir_value_compare(types[0], &x[i], &x[best])
                                         : weir_value_compare(types[1], &y[i], &y[best]);
        if (!greatest) order = -order;
        if (order == 0 && spec->arg_count == 2)
            order = -weir_value_compare(types[0], &x[i], &x[best]);
        if (order > 0) best = i;
    }
    return x[best];
}

static int64_t plain_distinct(const weir_value *values, size_t n)
{
    int64_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen |= weir_value_equal(&values[i], &values[j]);
        distinct += !seen;
    }
    return distinct;
}

weir_value plain_read(const weir_plan *plan, uint32_t cell, const cell_spec *spec,
                      const plain_row *rows, size_t count, const plain_row *trigger,
                      int64_t greatest_us, weir_arena *scratch, bool *overflow_out)
{
    const weir_agg_binding *binding = &plan->cells[cell].binding;
    chosen c = choose(spec, rows, count, trigger, greatest_us, plan->views[0].late_us, scratch);
    weir_value *x = weir_arena_array(scratch, weir_value, c.count),
               *y = weir_arena_array(scratch, weir_value, c.count);
    size_t n = 0, trues = 0;
    for (size_t i = 0; i < c.count; i++) {
        x[n] = spec->arg_count > 0 ? c.rows[i]->values[spec->args[0]] : weir_int(1);
        y[n] = spec->arg_count > 1 ? c.rows[i]->values[spec->args[1]] : weir_int(1);
        if (weir_is_null(&x[n]) || weir_is_null(&y[n])) continue;
        trues += is_true(&x[n]);
        n++;
    }
    const char *name = spec->agg;
    *overflow_out = false;
    if (strcmp(name, "count") == 0) return weir_int((int64_t)n);
    if (strcmp(name, "distinct") == 0) return weir_int(plain_distinct(x, n));
    if (strcmp(name, "any") == 0) return weir_bool(trues > 0);
    if (strcmp(name, "all") == 0) return weir_bool(trues == n);
    if (strcmp(name, "share_of") == 0) {
        return c.count == 0 ? weir_null() : weir_float((double)trues / (double)c.count);
    }
    if (strcmp(name, "first") == 0 || strcmp(name, "last") == 0 || strcmp(name, "lag") == 0 ||
        strcmp(name, "delta") == 0) {
        return plain_edge(spec, binding->args[0], x, n, scratch);
    }
    if (strstr(name, "min") != NULL || strstr(name, "max") != NULL)
        return plain_extreme(spec, binding->args, x, y, n);
    return plain_number(name, binding->args[0], x, n, spec->window.width_us, overflow_out);
}
