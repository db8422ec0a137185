/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running `test` blocks: the events go through the engine one by one, hop by hop, as a worker would
 * send them, with one partition an entity. Ingest time is the greatest event time so far.
 *
 * An event that a worker would drop is dropped here: that is what a test of `expect` or of
 * duplicates is about. It is told, and fails the test only where something is read at it.
 */
#include "compute/lang/test.h"

#include <string.h>

#include "compute/engine/engine.h"
#include "ops/runtime/assert.h"
#include "schemas/json_value.h"

typedef struct test_run {
    const weir_plan *plan;
    weir_arena *into;
    weir_engine *engine;
    weir_memory_state *states;
    weir_shard_clock *clocks; /* per entity */
    int64_t ingest_us;
    int64_t offset;
    weir_buffer key, message;
    bool has_failed;
    bool is_read;  /* the last `at` was not dropped: */
    weir_event at; /* it, with what it carried; what is given behind it changes nothing there */
} test_run;

static bool put_key(test_run *r, const weir_plan_hop *hop, const weir_value *fields)
{
    const weir_plan_entity *entity = &r->plan->entities[hop->entity];
    weir_value values[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t i = 0; i < entity->key_count; i++)
        values[i] = fields[hop->key_slots[i]];
    weir_buffer_clear(&r->key);
    return weir_key_encode(entity->key_types, values, entity->key_count, &r->key);
}

/* Values that the engine handed out live until its next call: keep this hop's. */
static void keep_carried(test_run *r, const weir_plan_stream *stream, const weir_event *event)
{
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        if (stream->carried[i].hop == event->hop)
            event->carried[i] = weir_value_copy(&event->carried[i], r->into);
    }
}

static weir_error *run_hop(test_run *r, weir_event *event, bool *is_first, bool *dropped)
{
    const weir_plan_stream *stream = &r->plan->streams[event->stream];
    const weir_plan_hop *hop = &stream->hops[event->hop];
    const weir_state_port *port = weir_memory_state_port(r->states);
    weir_shard_clock *clock = &r->clocks[hop->entity];
    if (!put_key(r, hop, event->fields)) {
        WEIR_TRY(weir_engine_read_absent(r->engine, event));
        keep_carried(r, stream, event);
        return NULL;
    }
    event->key = (weir_bytes){r->key.data, r->key.size};
    event->ingest_us = clock->ingest_us > r->ingest_us ? clock->ingest_us : r->ingest_us;
    if (*is_first) WEIR_TRY(weir_engine_is_duplicate(r->engine, port, event, dropped));
    *is_first = false;
    if (*dropped) return NULL;
    bool beyond = false;
    WEIR_TRY(weir_engine_read(r->engine, port, clock, event, &beyond));
    keep_carried(r, stream, event);
    WEIR_TRY(weir_engine_apply(r->engine, port, clock, event));
    clock->ingest_us = event->ingest_us;
    if (event->et_us > clock->greatest_et_us) clock->greatest_et_us = event->et_us;
    return NULL;
}

/* The `expect` that refuses the event, or NULL. */
static const char *refused_by(test_run *r, const weir_test_event *event)
{
    const weir_plan_stream *stream = &r->plan->streams[event->stream];
    for (uint32_t i = 0; i < stream->expect_count; i++) {
        weir_expr_env env = {.fields = event->fields, .scratch = r->into};
        weir_value value = weir_expr_eval(stream->expects[i], &env);
        if (value.kind != WEIR_BOOL || !value.as.boolean) return stream->expect_texts[i];
    }
    return NULL;
}

static weir_error *run_event(test_run *r, const weir_test_step *step)
{
    const weir_test_event *given = &step->as.event;
    const weir_plan_stream *stream = &r->plan->streams[given->stream];
    const char *refused = refused_by(r, given);
    if (given->is_at) r->is_read = false;
    if (refused != NULL) {
        weir_buffer_printf(&r->message, "line %u: the event is refused by `expect %s`\n",
                           step->line, refused);
        return NULL;
    }
    weir_event event = {.stream = given->stream,
                        .fields = given->fields,
                        .carried = weir_arena_array(r->into, weir_value, stream->carried_count),
                        .carried_overflow = weir_arena_array(r->into, bool, stream->carried_count),
                        .et_us = given->fields[stream->time_slot].as.integer,
                        .seq = weir_seq_of(r->offset++, 0)};
    if (event.et_us > r->ingest_us) r->ingest_us = event.et_us;
    bool is_first = true, dropped = false;
    for (event.hop = 0; event.hop < stream->hop_count && !dropped; event.hop++)
        WEIR_TRY(run_hop(r, &event, &is_first, &dropped));
    if (dropped)
        weir_buffer_printf(&r->message, "line %u: the event is a duplicate and changes nothing\n",
                           step->line);
    if (!given->is_at || dropped) return NULL;
    r->is_read = true;
    r->at = event;
    return NULL;
}

static void put_value(weir_buffer *out, weir_type type, const weir_value *value)
{
    if (weir_is_null(value))
        weir_buffer_put_text(out, "null");
    else
        weir_text_write_value(out, type, value);
}

static void check_expectation(test_run *r, const weir_test_step *step)
{
    const weir_test_expectation *want = &step->as.expectation;
    weir_value got = weir_null();
    bool overflow = false;
    if (!r->is_read) { /* its event was dropped: said already */
        r->has_failed = true;
        return;
    }
    WEIR_ASSERT(r->at.stream == want->stream);
    if (want->vector != WEIR_NONE) {
        const weir_plan_vector *vector = &r->plan->vectors[want->vector];
        weir_value *values = weir_arena_array(r->into, weir_value, vector->column_count);
        bool *overflows = weir_arena_array(r->into, bool, vector->column_count);
        weir_engine_vector(r->engine, want->vector, &r->at, values, overflows);
        got = values[want->column];
        overflow = overflows[want->column];
    } else {
        got = r->at.carried[want->carried];
        overflow = r->at.carried_overflow[want->carried];
    }
    if (weir_value_equal(&got, &want->value)) return;
    r->has_failed = true;
    weir_buffer_printf(&r->message, "line %u: %s: expected ", step->line, want->text);
    put_value(&r->message, want->type, &want->value);
    weir_buffer_put_text(&r->message, ", got ");
    put_value(&r->message, want->type, &got);
    weir_buffer_put_text(&r->message, overflow ? " (overflow)\n" : "\n");
}

static weir_error *run_steps(test_run *r, const weir_plan_test *test)
{
    for (uint32_t i = 0; i < test->step_count; i++) {
        const weir_test_step *step = &test->steps[i];
        if (step->is_expectation) {
            check_expectation(r, step);
            continue;
        }
        WEIR_TRY(run_event(r, step));
    }
    return NULL;
}

static weir_error *run_test(const weir_plan_test *test, weir_arena *into, weir_test_result *result)
{
    test_run r = {.plan = test->plan, .into = into, .ingest_us = INT64_MIN};
    r.engine = weir_engine_create(test->plan);
    r.states = weir_memory_state_create(test->plan);
    r.clocks = weir_arena_array(into, weir_shard_clock, test->plan->entity_count);
    for (uint32_t i = 0; i < test->plan->entity_count; i++)
        r.clocks[i] = (weir_shard_clock){INT64_MIN, INT64_MIN};
    weir_error *error = run_steps(&r, test);
    *result = (weir_test_result){.name = test->title,
                                 .source = test->source,
                                 .line = test->line,
                                 .passed = error == NULL && !r.has_failed};
    result->message = weir_arena_string(into, (const char *)r.message.data, r.message.size);
    weir_buffer_deinit(&r.key);
    weir_buffer_deinit(&r.message);
    weir_memory_state_destroy(r.states);
    weir_engine_destroy(r.engine);
    return weir_error_while(error, "running the test \"%s\"", test->title);
}

weir_error *weir_lang_run_tests(const weir_plan *plan, weir_arena *into,
                                const weir_test_result **results_out, size_t *count_out)
{
    weir_test_result *results = weir_arena_array(into, weir_test_result, plan->test_count);
    for (uint32_t i = 0; i < plan->test_count; i++)
        WEIR_TRY(run_test(plan->tests[i], into, &results[i]));
    *results_out = results;
    *count_out = plan->test_count;
    return NULL;
}
