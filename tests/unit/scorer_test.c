/* SPDX-License-Identifier: Apache-2.0 */
/* Records of events that were scored in blocks are those of events scored one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/scorer.h"
#include "ops/runtime/file.h"
#include "tests/unit/lang_fixture.h"

static const char definitions[] =
    "package t\n"
    "stream tx from kafka(\"src\") avro(\"t.Tx\") { time ts  id tx_id  observed by card  late 1d "
    "}\n"
    "features vel per card from tx { n = count() over 1h }\n"
    "vector v on tx { c0 = this.c0 ?? 0.0  c1 = this.c1 ?? 0.0  c2 = this.c2 ?? 0.0  c3 = this.c3 "
    "?? 0.0 "
    "}\n"
    "vector w on tx { this.c0  this.c1  this.c2  this.c3 }\n"
    "score net on tx using model \"net\" { input v  to kafka(\"scores\")\n"
    "  decide { high when score >= 0.5  some when score >= 0.1  else low }  fallback 0.25 }\n"
    "score forest on tx using model \"forest\" { input w  to kafka(\"others\")  reasons 2\n"
    "  decide { high when score >= 0.5  else low }  fallback this.c0 ?? 0.5 }\n"
    "score own on tx using model \"forest\" { input w  to kafka(\"others\")\n"
    "  decide { odd when this.c0 ?? 0.0 > score  else low }  fallback this.c1 ?? 0.5 }\n";

static const char fields[] =
    "ts time, tx_id int64, card string, c0 float64?, c1 float64?, c2 float64?, c3 float64?";

enum { EVENTS = 300, SLOTS_MAX = 16 };

typedef struct scene {
    weir_compilation *compilation;
    const weir_plan *plan;
    weir_engine *engine;
    weir_arena arena;
    weir_value slots[SLOTS_MAX], carried[SLOTS_MAX];
    bool overflow[SLOTS_MAX];
    uint64_t seed;
} scene;

static uint64_t next(scene *s)
{
    uint64_t z = s->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    (void)weir_fixture_schema("t.Tx", fields);
    s->compilation = weir_fixture_compile(definitions);
    s->plan = s->compilation->plan;
    if (s->plan == NULL) fail_msg("%s", weir_fixture_print(s->compilation, definitions));
    assert_true(s->plan->streams[0].slot_count <= SLOTS_MAX);
    s->engine = weir_engine_create(s->plan);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    weir_engine_destroy(s->engine);
    weir_compilation_destroy(s->compilation);
    weir_arena_deinit(&s->arena);
    weir_fixture_reset();
    free(s);
    return 0;
}

static weir_model *load(scene *s, const char *name)
{
    weir_bytes file;
    weir_model *model = NULL;
    const char *root = getenv("WEIR_TEST_ROOT");
    const char *path =
        weir_arena_printf(&s->arena, "%s/tests/model/small/%s", root == NULL ? "." : root, name);
    assert_null(weir_file_read(path, WEIR_MODEL_BYTES_MAX, &s->arena, &file));
    assert_null(weir_model_load(name, file, &(weir_model_options){0}, &model));
    return model;
}

static void draw(scene *s)
{
    const weir_plan_stream *stream = &s->plan->streams[0];
    for (uint32_t i = 0; i < stream->slot_count; i++) {
        weir_type type = stream->slot_types[i];
        uint64_t bits = next(s);
        if (type.optional && bits % 7 == 0)
            s->slots[i] = weir_null();
        else if (type.kind == WEIR_STRING)
            s->slots[i] = weir_string("card", 4);
        else if (type.kind == WEIR_FLOAT64) /* some are too large for a net: it has no answer */
            s->slots[i] = weir_float(bits % 11 == 0 ? 1e300 : (double)(bits % 4001) / 1000 - 2);
        else
            s->slots[i] = (weir_value){.kind = type.kind, .as.integer = (int64_t)(bits % 100000)};
    }
}

/* Settles after every `every`-th event. */
static void score_all(scene *s, weir_scorer *scorer, uint32_t score, size_t every, weir_buffer *out)
{
    weir_score_sink sink = {.records = out, .topic = score};
    weir_read_point point = {0};
    weir_journal_copy copy = {.point_count = 1};
    s->seed = 17;
    for (size_t i = 0; i < EVENTS; i++) {
        draw(s);
        char key[16];
        int size = snprintf(key, sizeof key, "key %zu", i);
        weir_event event = {.fields = s->slots,
                            .carried = s->carried,
                            .carried_overflow = s->overflow,
                            .seq = weir_seq_of(7, (uint32_t)i)};
        weir_score_request request = {.engine = s->engine,
                                      .event = &event,
                                      .copy = &copy,
                                      .points = &point,
                                      .point_count = 1,
                                      .journal = "t.card",
                                      .ordinal = score};
        weir_scorer_add(scorer, &request, (weir_bytes){(const uint8_t *)key, (size_t)size}, &sink);
        if (i % every == every - 1) weir_scorer_settle(scorer, &sink);
    }
    weir_scorer_settle(scorer, &sink);
}

static void compare(scene *s, const char *name, const char *file)
{
    static const size_t settles[] = {3, 31, 32, 33, 100, EVENTS + 1};
    uint32_t score = weir_plan_find_score(s->plan, name);
    assert_true(score != WEIR_NONE);
    weir_model *model = load(s, file);
    weir_scorer *scorer = NULL;
    weir_error *error = weir_scorer_create(s->plan, score, model, &scorer);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    weir_buffer alone = {0}, blocks = {0};
    score_all(s, scorer, score, 1, &alone);
    assert_true(alone.size > EVENTS * 100);
    for (size_t i = 0; i < sizeof settles / sizeof *settles; i++) {
        weir_buffer_clear(&blocks);
        score_all(s, scorer, score, settles[i], &blocks);
        assert_int_equal(blocks.size, alone.size);
        assert_memory_equal(blocks.data, alone.data, alone.size);
    }
    weir_buffer_deinit(&alone);
    weir_buffer_deinit(&blocks);
    weir_scorer_destroy(scorer);
    weir_model_destroy(model);
}

static void blocks_of_a_net_give_the_records_of_its_rows(void **state)
{
    compare(*state, "net", "mlp.onnx");
}

static void blocks_of_trees_give_the_records_of_their_rows_and_the_reasons(void **state)
{
    compare(*state, "forest", "xgb_binary.json");
}

static void a_decision_on_the_event_is_taken_before_the_event_is_gone(void **state)
{
    compare(*state, "own", "xgb_binary.json");
}

int main(void)
{
#define SCORER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCORER_TEST(blocks_of_a_net_give_the_records_of_its_rows),
        SCORER_TEST(blocks_of_trees_give_the_records_of_their_rows_and_the_reasons),
        SCORER_TEST(a_decision_on_the_event_is_taken_before_the_event_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
