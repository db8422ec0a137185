/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_test.c - a test named after each of the rules R1 to R13 that the engine keeps, from text to
 * values.
 *
 * Events are written as "slot=value slot=value"; a stream's slots that are not named are null or
 * zero. Each entity is a shard with a clock of its own, all states lie in one memory port.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compute/engine/engine.h"
#include "schemas/json_value.h"
#include "tests/unit/lang_fixture.h"

enum { ENTITIES = 8, SLOTS = 64 };
static weir_compilation *compilation;
static const weir_plan *plan;
static weir_engine *engine;
static weir_memory_state *states;
static weir_shard_clock clocks[ENTITIES];
static weir_seq next_seq;
static weir_value fields[SLOTS], carried[SLOTS], columns[SLOTS];
static bool carried_overflow[SLOTS], column_overflow[SLOTS];
static bool was_duplicate, was_beyond;
static weir_arena arena;

static void define(const char *text)
{
    weir_fixture_schema(
        "pay.Tx", "card string, shop string?, amount decimal(10,2)?, score float64?, ok bool?, "
                  "units int64?, ts time, id string?");
    weir_fixture_schema("pay.Login", "card string, ts time");
    const char *whole = weir_arena_printf(&arena,
                                          "package p\nstream tx from kafka(\"t\") avro(\"pay.Tx\") "
                                          "{ time ts id id observed by card, shop late 1h }\n"
                                          "stream login from kafka(\"l\") avro(\"pay.Login\") { "
                                          "time ts observed by card late 1h }\n%s",
                                          text);
    compilation = weir_fixture_compile(whole);
    if (compilation->plan == NULL) fail_msg("%s", weir_fixture_print(compilation, whole));
    plan = compilation->plan;
    engine = weir_engine_create(plan);
    states = weir_memory_state_create(plan);
    next_seq = 0;
    for (int i = 0; i < ENTITIES; i++)
        clocks[i] = (weir_shard_clock){INT64_MIN, INT64_MIN};
}

static weir_value slot_value(weir_type type, const char *text, size_t size)
{
    weir_value value = weir_null();
    const char *problem = NULL;
    bool bad = false;
    bool short_time = type.kind == WEIR_TIME && size <= 15; /* 12:00:00[.f], on 2000-01-01 */
    if (short_time) {
        text = weir_arena_printf(&arena, "2000-01-01T%.*sZ", (int)size, text);
        size = strlen(text);
    }
    if (!weir_text_read_value(text, size, type, WEIR_UNIT_US, &arena, &value, &bad, &problem))
        fail_msg("%s", problem);
    return value;
}

static void set_slots(const weir_plan_stream *stream, const char *text)
{
    for (uint32_t s = 0; s < stream->slot_count; s++)
        fields[s] = weir_null();
    while (*text != '\0') {
        size_t name = strcspn(text, "="), value = strcspn(text + name + 1, " ");
        for (uint32_t s = 0; s < stream->slot_count; s++) {
            const char *path = stream->slot_paths[s];
            if (strlen(path) != name || strncmp(path, text, name) != 0) continue;
            fields[s] = slot_value(stream->slot_types[s], text + name + 1, value);
        }
        text += name + 1 + value;
        text += strspn(text, " ");
    }
}

/* The vector's columns against each expression as it is written, evaluated by itself. */
static void assert_as_written(const weir_plan_vector *vector, const weir_event *event)
{
    for (uint32_t c = 0; c < vector->column_count; c++) {
        weir_expr_env env = {.fields = event->fields,
                             .self = event->fields,
                             .carried = event->carried,
                             .carried_overflow = event->carried_overflow,
                             .scratch = &arena};
        weir_value want = weir_expr_eval(vector->columns[c].expr, &env);
        if (!weir_value_equal(&columns[c], &want)) fail_msg("column %s", vector->columns[c].name);
        assert_int_equal(column_overflow[c], env.overflow && weir_is_null(&want));
    }
}

/* Sends an event through its hops; afterwards columns hold the first vector of its stream, if there
 * is one. */
static void send_at(const char *stream_name, const char *text, int64_t ingest_us)
{
    uint32_t index = weir_plan_find_stream(plan, stream_name);
    const weir_plan_stream *stream = &plan->streams[index];
    set_slots(stream, text);
    memset(carried, 0, sizeof carried);
    memset(carried_overflow, 0, sizeof carried_overflow);
    weir_event event = {.stream = index,
                        .fields = fields,
                        .carried = carried,
                        .carried_overflow = carried_overflow,
                        .et_us = fields[stream->time_slot].as.integer,
                        .ingest_us = ingest_us,
                        .seq = next_seq++};
    const weir_state_port *port = weir_memory_state_port(states);
    was_beyond = was_duplicate = false;
    for (event.hop = 0; event.hop < stream->hop_count; event.hop++) {
        const weir_plan_hop *hop = &stream->hops[event.hop];
        const weir_plan_entity *entity = &plan->entities[hop->entity];
        weir_shard_clock *clock = &clocks[hop->entity];
        weir_value keys[WEIR_PLAN_KEY_FIELDS_MAX];
        for (uint32_t k = 0; k < entity->key_count; k++)
            keys[k] = fields[hop->key_slots[k]];
        weir_buffer key = {0};
        if (!weir_key_encode(entity->key_types, keys, entity->key_count, &key)) {
            assert_null(weir_engine_read_absent(engine, &event));
            weir_buffer_deinit(&key);
            continue;
        }
        event.key = (weir_bytes){key.data, key.size};
        bool beyond = false;
        if (event.hop == 0)
            assert_null(weir_engine_is_duplicate(engine, port, &event, &was_duplicate));
        if (!was_duplicate) {
            assert_null(weir_engine_read(engine, port, clock, &event, &beyond));
            assert_null(weir_engine_apply(engine, port, clock, &event));
        }
        was_beyond |= beyond;
        if (event.et_us > clock->greatest_et_us) clock->greatest_et_us = event.et_us;
        weir_buffer_deinit(&key);
        if (was_duplicate) return;
    }
    for (uint32_t v = 0; v < plan->vector_count; v++) {
        if (plan->vectors[v].stream != index) continue;
        weir_engine_vector(engine, v, &event, columns, column_overflow);
        assert_as_written(&plan->vectors[v], &event);
    }
}

static void send(const char *stream, const char *text) { send_at(stream, text, 0); }

static const char *shown(const char *column)
{
    for (uint32_t v = 0; v < plan->vector_count; v++) {
        for (uint32_t c = 0; c < plan->vectors[v].column_count; c++) {
            const weir_plan_column *planned = &plan->vectors[v].columns[c];
            if (strcmp(planned->name, column) != 0) continue;
            if (weir_is_null(&columns[c])) return column_overflow[c] ? "overflow" : "null";
            weir_buffer out = {0};
            weir_text_write_value(&out, planned->type, &columns[c]);
            const char *text = weir_arena_string(&arena, (const char *)out.data, out.size);
            weir_buffer_deinit(&out);
            return text;
        }
    }
    fail_msg("no column %s", column);
    return "";
}

#define IS(column, expected) assert_string_equal(shown(column), expected)

static int begin(void **state)
{
    (void)state;
    weir_fixture_reset();
    return 0;
}

static int end(void **state)
{
    (void)state;
    weir_memory_state_destroy(states);
    weir_engine_destroy(engine);
    weir_compilation_destroy(compilation);
    weir_arena_deinit(&arena);
    weir_fixture_reset();
    return 0;
}

static void r1_the_order_of_the_journal_breaks_ties(void **state)
{
    (void)state;
    define("features f per card from tx { a = last(units) over ever b = first(units) over ever c = "
           "last(units, 3) over 1h }\n"
           "vector v on tx { f.* }");
    send("tx", "card=c ts=12:00:00 units=1");
    send("tx", "card=c ts=12:00:00 units=2");
    send("tx", "card=c ts=11:59:59 units=3");
    send("tx", "card=c ts=12:00:00 units=4");
    IS("f_a", "2");
    IS("f_b", "3");
    IS("f_c", "[3,1,2]");
}

static void r2_each_entity_reads_at_its_own_copy_and_a_null_key_reads_as_unknown(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1h }\nfeatures g per shop from tx { n = "
           "count() over 1h }\n"
           "vector v on tx { f.n g.n }");
    send("tx", "card=c shop=s ts=12:00:00");
    send("tx", "card=d shop=s ts=12:00:01");
    send("tx", "card=c ts=12:00:02");
    IS("f_n", "1");
    IS("g_n", "0");
    send("tx", "card=c shop=s ts=12:00:03");
    IS("f_n", "2");
    IS("g_n", "2");
}

static void r3_a_lookup_knows_everything_at_its_time(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1h  here = count() where shop == "
           "this.shop over 1h }\n"
           "vector v on tx { f.* }");
    send("tx", "card=c shop=s ts=12:00:00");
    send("tx", "card=c shop=t ts=12:30:00");
    uint32_t members[2] = {0, 1};
    weir_value values[2];
    bool overflow[2];
    weir_lookup lookup = {.members = members,
                          .member_count = 2,
                          .key = {(const uint8_t *)"c", 1},
                          .tau_us = slot_value(weir_type_of(WEIR_TIME), "12:59:59", 8).as.integer,
                          .stream = WEIR_NONE};
    for (unsigned m = 0; m < 2; m++) {
        if (strcmp(plan->members[m].feature, "n") == 0) members[0] = m;
        if (strcmp(plan->members[m].feature, "here") == 0) members[1] = m;
    }
    const weir_state_port *port = weir_memory_state_port(states);
    uint32_t card = plan->members[members[0]].entity;
    assert_null(weir_engine_lookup(engine, port, &clocks[card], &lookup, values, overflow));
    assert_int_equal(values[0].as.integer, 2);
    assert_true(weir_is_null(&values[1])); /* needs `this` */
    lookup.tau_us += 1000000;              /* 13:00:00: the first payment is an hour old */
    lookup.stream = weir_plan_find_stream(plan, "tx");
    set_slots(&plan->streams[lookup.stream], "card=c shop=t ts=13:00:00");
    lookup.self = fields;
    assert_null(weir_engine_lookup(engine, port, &clocks[card], &lookup, values, overflow));
    assert_int_equal(values[0].as.integer, 1);
    assert_int_equal(values[1].as.integer, 1);
}

static void r4_the_event_is_not_known_to_itself_unless_included(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1h  m = count() over 1h including this\n"
           "s = sum(amount) where ok over 1h including this  t = sum(amount) over last 2 including "
           "this }\n"
           "vector v on tx { f.* }");
    send("tx", "card=c ts=12:00:00 amount=1.50 ok=true");
    IS("f_n", "0");
    IS("f_m", "1");
    IS("f_s", "1.50");
    send("tx", "card=c ts=12:00:00 amount=2.00 ok=false");
    IS("f_n", "1");
    IS("f_m", "2");
    IS("f_s", "1.50");
    IS("f_t", "3.50");
    send("tx",
         "card=c ts=11:00:00 amount=4.00 ok=true"); /* before the others, which lie after tau */
    IS("f_n", "0");
    IS("f_m", "1");
    IS("f_s", "4.00");
    IS("f_t", "4.00");
}

static void r4_a_hundred_payments_of_one_instant_see_those_before(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1m  s = sum(amount) over 1m }\nvector v "
           "on tx { f.* }");
    for (int k = 0; k < 100; k++) {
        send("tx", "card=c ts=12:00:00.001 amount=0.01");
        assert_string_equal(shown("f_n"), weir_arena_printf(&arena, "%d", k));
        assert_string_equal(shown("f_s"), weir_arena_printf(&arena, "0.%02d", k));
    }
}

static void r5_windows_are_open_left_and_closed_right(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1m  d = count() over 1m delayed 10s "
           "}\nvector v on tx { f.* }");
    send("tx", "card=c ts=12:00:00");
    send("tx", "card=c ts=12:00:30");
    send("tx", "card=c ts=12:00:59.999999");
    IS("f_n", "2");
    send("tx", "card=c ts=12:01:00");
    IS("f_n", "2"); /* (12:00:00, 12:01:00] leaves the first out */
    IS("f_d", "2"); /* (11:59:50, 12:00:50] */
    send("tx", "card=c ts=12:01:10");
    IS("f_d", "3");                   /* (12:00:00, 12:01:00] */
    send("tx", "card=c ts=12:00:30"); /* what lies after its time is outside */
    IS("f_n", "2");
}

static void r6_ever_last_n_and_steps(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over ever  big = max(amount) where ok over "
           "ever\n"
           "l = sum(units) where ok over last 2  st = count() over 1h step 1h }\nvector v on tx { "
           "f.* }");
    send("tx", "card=c ts=10:10:00 units=1 ok=true amount=9.00");
    send("tx", "card=c ts=10:20:00 units=2 ok=false amount=11.00");
    send("tx", "card=c ts=10:30:00 units=4 ok=true amount=5.00");
    send("tx", "card=c ts=12:15:00");
    IS("f_n", "3");
    IS("f_big", "9.00");
    IS("f_l", "4");  /* the two last are chosen first, then `where` */
    IS("f_st", "0"); /* (11:00, 12:15] */
    send("tx", "card=c ts=12:59:00");
    IS("f_st", "1");
    send("tx", "card=c ts=13:00:00");
    IS("f_st", "2"); /* (12:00, 13:00] */
}

static void r7_only_ordered_aggregates_depend_on_order(void **state)
{
    (void)state;
    define("features f per card from tx { s = sum(score) over 1h m = mean(score) over 1h sd = "
           "stddev(score) over 1h\n"
           "v = var(score) over 1h d = distinct(shop) over 1h }\nvector v on tx { f.* }");
    static const char *const events[] = {"score=0.1 shop=a", "score=1e16 shop=b",
                                         "score=0.2 shop=a", "score=-1e16 shop=c", "score=0.3"};
    static const int orders[3][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 3, 0, 4, 2}};
    const char *seen[5] = {0};
    for (int o = 0; o < 3; o++) {
        for (int i = 0; i < 5; i++) {
            send("tx", weir_arena_printf(&arena, "card=c%d ts=12:00:0%d %s", o, orders[o][i],
                                         events[orders[o][i]]));
        }
        send("tx", weir_arena_printf(&arena, "card=c%d ts=12:00:09", o));
        static const char *const names[] = {"f_s", "f_m", "f_sd", "f_v", "f_d"};
        for (int n = 0; n < 5; n++) {
            const char *now = shown(names[n]);
            if (seen[n] != NULL) assert_string_equal(now, seen[n]);
            seen[n] = now;
        }
    }
    assert_string_equal(seen[0], "0.6"); /* 0.1 + 0.2 + 0.3, the true sum rounded once */
    assert_string_equal(seen[4], "3");
}

static void r8_a_late_event_changes_later_reads_and_what_left_the_window_stays_out(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1h  e = count() over ever  l = "
           "sum(units) over last 2 }\n"
           "vector v on tx { f.* }");
    send("tx", "card=c ts=12:00:00 units=1");
    send("tx", "card=c ts=11:30:00 units=2"); /* late */
    IS("f_n", "0");
    assert_false(was_beyond);
    send("tx", "card=c ts=12:10:00 units=4");
    IS("f_n", "2");
    IS("f_l", "3");
    send("tx",
         "card=z ts=15:00:00"); /* the shard's greatest time: now 12:00 less an hour is invisible */
    send("tx", "card=c ts=12:30:00 units=8");
    assert_true(was_beyond);
    /* (max(11:30, 13:00), 12:30] is empty: M - late - w = 15:00 - 1h - 1h = 13:00. */
    IS("f_n", "0");
    IS("f_e", "3");
    IS("f_l", "5");
    send("tx", "card=c ts=15:10:00");
    IS("f_e", "4");
    IS("f_l", "12");
}

/* Its row is made of what it carries itself: it is read apart from the others, here without any. */
static void r8_reads_that_include_the_trigger_are_marked_beyond_the_horizon_too(void **state)
{
    (void)state;
    define("features f per card from tx { d = this.units * 2  n = count() where d > 3 over 1h "
           "including this }\nvector v on tx { f.* }");
    send("tx", "card=c ts=12:00:00");
    send("tx", "card=c ts=11:30:00"); /* late, by less than `late` */
    assert_false(was_beyond);
    send("tx", "card=z ts=15:00:00");
    send("tx", "card=c ts=12:30:00");
    assert_true(was_beyond);
}

static int64_t horizon_of(const char *group)
{
    int64_t horizon = -1;
    const weir_plan_group *of = &plan->groups[weir_plan_find_group(plan, group)];
    bool has_one =
        weir_engine_horizon(engine, &clocks[of->entity], of->members, of->member_count, &horizon);
    return has_one ? horizon : -1;
}

/* A group of a more patient stream keeps more than one beside it; what reads both has the less. */
static void r8_the_horizon_of_a_lookup_is_that_of_what_it_reads(void **state)
{
    (void)state;
    define(
        "stream slow from kafka(\"s\") avro(\"pay.Login\") { time ts observed by card late 1d }\n"
        "features a per card from slow { n = count() over 1h }\n"
        "features b per card from login { n = count() over 1h  both = a.n + n }\n"
        "features c per card from slow { both = a.n + b.n }\n");
    assert_int_equal(horizon_of("a"), -1);
    send("login", "card=c ts=12:00:00");
    int64_t greatest = clocks[0].greatest_et_us, hour = INT64_C(3600000000);
    assert_int_equal(horizon_of("a"), greatest - 24 * hour);
    assert_int_equal(horizon_of("b"), greatest - hour);
    assert_int_equal(horizon_of("c"), greatest - hour);
}

static void r9_the_first_of_an_id_stays(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 12h }\nvector v on tx { f.* }");
    const int64_t minute = 60000000;
    send_at("tx", "card=c ts=12:00:00 id=x", 0);
    assert_false(was_duplicate);
    send_at("tx", "card=c ts=12:00:00 id=x", 10 * minute);
    assert_true(was_duplicate);
    send_at("tx", "card=d ts=12:00:00 id=x", 10 * minute); /* another first key */
    assert_false(was_duplicate);
    send_at("tx", "card=c ts=12:00:00", 10 * minute); /* a null id is never a duplicate */
    send_at("tx", "card=c ts=12:00:00", 10 * minute);
    assert_false(was_duplicate);
    send_at("tx", "card=c ts=12:00:00 id=x", 60 * minute); /* one hour: at most `late` */
    assert_true(was_duplicate);
    assert_null(weir_memory_state_reload(states));
    send_at("tx", "card=c ts=12:00:00 id=x", 60 * minute);
    assert_true(was_duplicate);
    send_at("tx", "card=c ts=12:00:01 id=x", 60 * minute + 1);
    assert_false(was_duplicate);
    IS("f_n", "3");
    send_at("tx", "card=c ts=12:00:01 id=x", 120 * minute); /* of the one kept last */
    assert_true(was_duplicate);
}

static void r10_nulls_are_skipped_and_compare_to_null(void **state)
{
    (void)state;
    define(
        "features f per card from tx { n = count() over 1h  k = count(units) over 1h  s = "
        "sum(units) over 1h\n"
        "w = count() where units > 1 over 1h  sh = share_of(ok) over 1h  nn = count() where not "
        "(units > 1) over 1h\n"
        "d = mean(units) ?? 7.5 over 1h }\nvector v on tx { f.*  eq = this.units == this.units }");
    send("tx", "card=c ts=12:00:00");
    IS("f_d", "7.5");
    IS("eq", "null");
    send("tx", "card=c ts=12:00:01 units=1 ok=true");
    send("tx", "card=c ts=12:00:02 units=3");
    send("tx", "card=c ts=12:00:03");
    IS("f_n", "3");
    IS("f_k", "2");
    IS("f_s", "4");
    IS("f_w", "1");
    IS("f_nn", "1");
    IS("f_sh", "0.3333333333333333");
}

static void r11_empties(void **state)
{
    (void)state;
    define("features f per card from tx { a = count() over 1h b = sum(amount) over 1h c = "
           "sum(score) over 1h\n"
           "d = distinct(shop) over 1h e = any(ok) over 1h g = all(ok) over 1h h = mean(score) "
           "over 1h\n"
           "i = min(amount) over 1h j = last(shop) over ever k = var(score) over 1h l = "
           "stddev(score) over 1h\n"
           "m = last(shop, 3) over 1h n = share_of(ok) over 1h  r = 1 / count() over 1h }\nvector "
           "v on tx { f.* }");
    send("tx", "card=c ts=12:00:00 score=1.5 amount=0.00");
    static const char *const names[] = {"f_a", "f_b", "f_c", "f_d", "f_e", "f_g", "f_h",
                                        "f_i", "f_j", "f_k", "f_l", "f_m", "f_n", "f_r"};
    static const char *const want[] = {"0",    "0.00", "0.0",  "0",    "false", "true", "null",
                                       "null", "null", "null", "null", "[]",    "null", "null"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        IS(names[i], want[i]);
    send("tx", "card=c ts=12:00:01 score=2.5");
    IS("f_h", "1.5");
    IS("f_k", "null"); /* below two values */
    send("tx", "card=c ts=12:00:02");
    IS("f_k", "0.5");
}

static void r12_numbers_are_exact_and_overflow_is_told(void **state)
{
    (void)state;
    define("features f per card from tx { s = sum(units) over 1h  m = mean(amount) over 1h  x = "
           "sum(score) over 1h\n"
           "n = count() over 1h  up = max(units) + 1 over 1h }\nvector v on tx { f.*  plain = f.up "
           "?? 7  more = (f.up ?? 7) + 1  never = f.x ?? f.x }");
    send("tx", "card=c ts=12:00:00 units=9223372036854775807 amount=0.10 score=1e308");
    IS("plain", "7"); /* no row is there yet */
    send("tx", "card=c ts=12:00:01 units=1 amount=0.20 score=1e308");
    IS("f_up", "overflow");
    IS("plain", "7"); /* a value, so nothing is told */
    IS("more", "8");
    send("tx", "card=c ts=12:00:02 units=-2 amount=0.60 score=-1e308");
    IS("f_s", "overflow");
    IS("f_x", "null");
    IS("f_n", "2");
    send("tx", "card=c ts=12:00:03");
    IS("f_s", "9223372036854775806"); /* only the final value counts */
    IS("f_x", "1e308");
    IS("f_m", "0.3");
}

static void r13_expressions_are_pure(void **state)
{
    (void)state;
    define("features f per card from tx { night = count() where hour(ts, \"UTC\") < 6 over 7d\n"
           "lo = last(lower(shop)) over ever  odd = count() where mod(units, 2) == 1 over 7d "
           "}\nvector v on tx { f.* }");
    send("tx", "card=c ts=05:59:59.999999 shop=ABc units=-3");
    send("tx", "card=c ts=06:00:00 units=2");
    send("tx", "card=c ts=07:00:00");
    IS("f_night", "1");
    IS("f_lo", "abc");
    IS("f_odd", "1");
}

static void r14_a_value_of_another_entity_is_frozen_at_the_events_own_copy(void **state)
{
    (void)state;
    define("features f per card from tx { n = count() over 1h }\n"
           "features g per shop from tx { hot = count() where f.n > 1 over 1h }\nvector v on tx { "
           "g.hot }");
    for (int i = 0; i < 4; i++)
        send("tx", weir_arena_printf(&arena, "card=c shop=s ts=12:00:0%d", i));
    IS("g_hot", "1"); /* of the first three payments, the third saw two before it */
    send("tx", "card=d shop=s ts=12:00:05");
    IS("g_hot", "2");
}

static uint64_t random_state;

static unsigned pick(unsigned among)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % among;
}

/* An equality with `this` keys a view of its own, its double negation is evaluated over stored
 * rows: two ways, one value. */
static void equality_with_this_is_a_key_and_a_filter_alike(void **state)
{
    (void)state;
    define("features f per card from tx {\n"
           "a1 = count() where shop == this.shop over 10m, 1h  b1 = count() where not (shop != "
           "this.shop) over 10m, 1h\n"
           "a2 = sum(amount) where shop == this.shop and ok over 1h delayed 5m\n"
           "b2 = sum(amount) where not (shop != this.shop) and ok over 1h delayed 5m\n"
           "a3 = mean(score) where shop == this.shop over 1h including this\n"
           "b3 = mean(score) where not (shop != this.shop) over 1h including this\n"
           "a4 = last(units) where units == this.units and shop == this.shop over 1h\n"
           "b4 = last(units) where not (units != this.units) and not (this.shop != shop) over 1h\n"
           "a5 = distinct(amount) where shop == this.shop over 1h step 10m\n"
           "b5 = distinct(amount) where not (shop != this.shop) over 1h step 10m }\nvector v on tx "
           "{ f.* }");
    static const char *const columns_[] = {"1_10m", "1_1h", "2", "3", "4", "5"};
    int64_t now = slot_value(weir_type_of(WEIR_TIME), "12:00:00", 8).as.integer;
    random_state = 42;
    for (int e = 0; e < 1500; e++) {
        now += (int64_t)pick(60) * 1000000;
        int64_t at = pick(4) == 0 ? now - (int64_t)pick(5000) * 1000000 : now;
        char time[40];
        time[weir_time_print(at, time)] = '\0';
        const char *text = weir_arena_printf(
            &arena, "card=c%u ts=%s units=%u amount=%u.00 score=0.%u ok=%s", pick(3), time, pick(3),
            pick(5), pick(100), pick(3) ? "true" : "false");
        if (pick(5) > 0) text = weir_arena_printf(&arena, "%s shop=s%u", text, pick(4));
        send("tx", text);
        for (size_t i = 0; i < sizeof columns_ / sizeof columns_[0]; i++) {
            const char *a = shown(weir_arena_printf(&arena, "f_a%s", columns_[i]));
            const char *b = shown(weir_arena_printf(&arena, "f_b%s", columns_[i]));
            if (strcmp(a, b) != 0)
                fail_msg("event %d (%s): a%s is %s, b%s is %s", e, text, columns_[i], a,
                         columns_[i], b);
        }
        if (e % 300 == 0) assert_null(weir_memory_state_reload(states));
        if (e % 100 == 0) weir_arena_reset(&arena);
    }
}

/* A joined group is the union of its streams' events: counts of each stream add up. */
static void a_joined_group_holds_the_events_of_all_its_streams(void **state)
{
    (void)state;
    define("features f per card from tx join login { n = count() over 1h  t = count(tx) over 1h  l "
           "= count(login) over 1h\n"
           "s = sum(units) over 1h  first = first(units) over ever  latest = last(ts) over ever "
           "}\nvector v on tx { f.* }");
    send("login", "card=c ts=12:00:00");
    send("tx", "card=c ts=12:00:01 units=4");
    send("login", "card=c ts=12:00:02");
    send("tx", "card=c ts=12:00:03 units=5");
    IS("f_n", "3");
    IS("f_t", "1");
    IS("f_l", "2");
    IS("f_s", "4");
    IS("f_first", "4");
    IS("f_latest", "2000-01-01T12:00:02.000000Z");
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(r1_the_order_of_the_journal_breaks_ties),
        RULE(r2_each_entity_reads_at_its_own_copy_and_a_null_key_reads_as_unknown),
        RULE(r3_a_lookup_knows_everything_at_its_time),
        RULE(r4_the_event_is_not_known_to_itself_unless_included),
        RULE(r4_a_hundred_payments_of_one_instant_see_those_before),
        RULE(r5_windows_are_open_left_and_closed_right),
        RULE(r6_ever_last_n_and_steps),
        RULE(r7_only_ordered_aggregates_depend_on_order),
        RULE(r8_a_late_event_changes_later_reads_and_what_left_the_window_stays_out),
        RULE(r8_reads_that_include_the_trigger_are_marked_beyond_the_horizon_too),
        RULE(r8_the_horizon_of_a_lookup_is_that_of_what_it_reads),
        RULE(r9_the_first_of_an_id_stays),
        RULE(r10_nulls_are_skipped_and_compare_to_null),
        RULE(r11_empties),
        RULE(r12_numbers_are_exact_and_overflow_is_told),
        RULE(r13_expressions_are_pure),
        RULE(equality_with_this_is_a_key_and_a_filter_alike),
        RULE(a_joined_group_holds_the_events_of_all_its_streams),
        RULE(r14_a_value_of_another_entity_is_frozen_at_the_events_own_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
