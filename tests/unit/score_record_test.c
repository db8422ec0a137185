/* SPDX-License-Identifier: Apache-2.0 */
/* A score record made of templates has the bytes of one written field by field, and its schema
 * reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/score_record.h"
#include "schemas/avro.h"
#include "schemas/json_value.h"
#include "tests/unit/lang_fixture.h"

static const char definitions[] =
    "package t\n"
    "stream tx from kafka(\"src\") avro(\"t.Tx\") {\n"
    "  time ts  id tx_id  observed by card, (card, shop), device  late 1d\n"
    "}\n"
    "features vel per card from tx {\n"
    "  n = count() over 1h  avg = mean(amount) over 1h  near = last(amount, 3) over 1h\n"
    "}\n"
    "vector v on tx { vel.*  this.amount  this.shop  this.card  this.ts  this.kind  this.geo\n"
    "  big = this.amount > 5.00  score_gap = this.ts - this.sent }\n"
    "score s on tx using model \"m\" {\n"
    "  input v  to kafka(\"scores\")  reasons 3\n"
    "  decide { stop when score >= 0.5  look_at_it_twice when score >= 0.25  else go }\n"
    "}\n";

static const char fields[] = "ts time, sent time, tx_id int64?, card string, shop int64, "
                             "device string?, amount decimal(20,2)?, "
                             "kind enum Kind(a b c)?, geo geo?";

static uint64_t seed = 3;

static uint64_t next(void)
{
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int64_t any_integer(void) { return (int64_t)(next() >> next() % 64); }

static weir_value any_string(weir_arena *arena)
{
    size_t size = next() % 4 == 0 ? next() % 300 : next() % 12;
    uint8_t *bytes = weir_arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)('a' + next() % 26);
    return weir_string(bytes, size);
}

static weir_value any_value(weir_type type, weir_arena *arena)
{
    if (type.optional && next() % 5 == 0) return weir_null();
    switch (type.kind) {
    case WEIR_BOOL: return weir_bool(next() % 2 == 0);
    case WEIR_FLOAT64: return weir_float((double)any_integer() / 1024);
    case WEIR_DECIMAL: return weir_decimal(any_integer());
    case WEIR_STRING: return any_string(arena);
    case WEIR_GEO: return (weir_value){.kind = WEIR_GEO, .as.geo = {(double)(next() % 90), 0.5}};
    case WEIR_ENUM: return (weir_value){.kind = WEIR_ENUM, .as.integer = (int64_t)(next() % 3)};
    case WEIR_LIST: {
        weir_value *items = weir_arena_array(arena, weir_value, 4);
        uint32_t size = (uint32_t)(next() % 4);
        for (uint32_t i = 0; i < size; i++)
            items[i] = any_value(*type.item, arena);
        return (weir_value){.kind = WEIR_LIST, .size = size, .as.items = items};
    }
    default: return (weir_value){.kind = type.kind, .as.integer = any_integer()};
    }
}

/* ---- the plain writer ---- */

static void put_bytes(weir_buffer *out, const void *bytes, size_t size)
{
    weir_buffer_put_zigzag(out, (int64_t)size);
    weir_buffer_put(out, bytes, size);
}

static void put_text(weir_buffer *out, const char *text) { put_bytes(out, text, strlen(text)); }

static void put_printed(weir_buffer *out, weir_type type, const weir_value *value)
{
    weir_buffer text = {0};
    weir_text_write_value(&text, type, value);
    put_bytes(out, text.data, text.size);
    weir_buffer_deinit(&text);
}

static void put_id(const weir_score_request *request, weir_buffer *out)
{
    weir_buffer text = {0};
    weir_seq seq = request->event->seq;
    weir_buffer_printf(&text, "%s/%d/%lld/%u/%u", request->journal, request->partition,
                       (long long)weir_seq_offset(seq), weir_seq_index(seq), request->ordinal);
    put_bytes(out, text.data, text.size);
    weir_buffer_deinit(&text);
}

static void put_keys(const weir_plan *plan, const weir_score_request *request, weir_buffer *out)
{
    const weir_plan_stream *stream = &plan->streams[0];
    for (uint32_t i = 0; i < request->point_count; i++) {
        const weir_plan_hop *hop = &stream->hops[request->points[i].hop];
        const weir_plan_entity *entity = &plan->entities[hop->entity];
        weir_buffer_put_zigzag(out, entity->key_count);
        for (uint32_t k = 0; k < entity->key_count; k++) {
            put_text(out, entity->key_names[k]);
            put_printed(out, entity->key_types[k], &request->event->fields[hop->key_slots[k]]);
        }
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_answer(const weir_plan *plan, const weir_score_answer *answer, weir_buffer *out)
{
    weir_buffer_put_zigzag(out, answer->has_score);
    if (answer->has_score) weir_buffer_put(out, &answer->score, 8);
    weir_buffer_put_zigzag(out, answer->decision != NULL);
    if (answer->decision != NULL) put_text(out, answer->decision);
    weir_buffer_put_u8(out, answer->is_fallback);
    if (answer->reason_count > 0) weir_buffer_put_zigzag(out, answer->reason_count);
    for (uint32_t i = 0; i < answer->reason_count; i++) {
        put_text(out, plan->vectors[0].columns[answer->reason_columns[i]].name);
        weir_buffer_put(out, &answer->reason_values[i], 8);
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_receipt(const weir_plan *plan, const weir_score_request *request, weir_buffer *out)
{
    const weir_plan_stream *stream = &plan->streams[0];
    put_text(out, stream->topic);
    weir_buffer_put_zigzag(out, request->copy->source_partition);
    weir_buffer_put_zigzag(out, request->copy->source_offset);
    weir_buffer_put_zigzag(out, request->point_count);
    for (uint32_t i = 0; i < request->point_count; i++) {
        const weir_read_point *point = &request->points[i];
        put_text(out, plan->entities[stream->hops[point->hop].entity].name);
        weir_buffer_put_zigzag(out, point->partition);
        weir_buffer_put_zigzag(out, weir_seq_offset(point->seq));
        weir_buffer_put_zigzag(out, weir_seq_index(point->seq));
        weir_buffer_put_u8(out, point->beyond_horizon);
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_vector(const weir_plan_vector *vector, const weir_value *columns, weir_buffer *out)
{
    weir_buffer bytes = {0};
    for (uint32_t c = 0; c < vector->column_count; c++)
        weir_value_encode(weir_type_optional(vector->columns[c].type), &columns[c], &bytes);
    put_bytes(out, bytes.data, bytes.size);
    weir_buffer_deinit(&bytes);
}

static void put_record(const weir_plan *plan, const weir_score_request *request,
                       const weir_score_answer *answer, const weir_value *columns,
                       const bool *overflow, weir_buffer *out)
{
    const weir_plan_stream *stream = &plan->streams[0];
    const weir_value *id = &request->event->fields[stream->id_slot];
    weir_buffer_put(out, "\0\0\1\2\3", 5);
    put_id(request, out);
    weir_buffer_put_zigzag(out, request->event->et_us);
    put_keys(plan, request, out);
    weir_buffer_put_zigzag(out, !weir_is_null(id));
    if (!weir_is_null(id)) put_printed(out, stream->slot_types[stream->id_slot], id);
    put_answer(plan, answer, out);
    for (uint32_t c = 0; c < plan->vectors[0].column_count; c++) {
        if (!overflow[c]) continue;
        weir_buffer_put_zigzag(out, 1);
        put_text(out, plan->vectors[0].columns[c].name);
        put_text(out, "overflow");
    }
    weir_buffer_put_zigzag(out, 0);
    put_receipt(plan, request, out);
    put_vector(&plan->vectors[0], columns, out);
    put_text(out, "t.s");
    put_text(out, "tx");
    put_text(out, "m");
    put_bytes(out, "0123456789abcdefghijklmnopqrstuv", 32);
    put_text(out, "exact-f32");
    put_bytes(out, plan->digest, 32);
    put_bytes(out, plan->vectors[0].digest, 32);
}

/* ---- seeded records ---- */

typedef struct scene {
    weir_compilation *compilation;
    const weir_plan *plan;
    weir_score_record *record;
    const weir_decoder *decoder;
    weir_arena arena, scratch;
    weir_value slots[16], columns[16];
    bool overflow[16];
    weir_event event;
    weir_journal_copy copy;
    weir_score_request request;
    weir_score_answer answer;
    uint32_t reasons[3];
    double reason_values[3];
} scene;

enum { WANTED_ID, WANTED_SCORE, WANTED_DECISION, WANTED_OFFSET, WANTED_VECTOR, WANTED_NAME };

static int set_up(void **state)
{
    static const char *const wanted[] = {"id",     "score", "decision", "origin.offset",
                                         "vector", "name"};
    static const weir_model_info model = {.digest = {"0123456789abcdefghijklmnopqrstuv"},
                                          .profile = "exact-f32"};
    scene *s = calloc(1, sizeof *s);
    const weir_schema *schema = NULL;
    (void)weir_fixture_schema("t.Tx", fields);
    s->compilation = weir_fixture_compile(definitions);
    s->plan = s->compilation->plan;
    if (s->plan == NULL) fail_msg("%s", weir_fixture_print(s->compilation, definitions));
    assert_true(s->plan->vectors[0].column_count < 16 && s->plan->streams[0].slot_count < 16);
    s->record = weir_score_record_create(s->plan, &s->plan->scores[0], &model);
    assert_null(weir_schema_parse(weir_score_schema, strlen(weir_score_schema), "score.avsc",
                                  &s->arena, &schema));
    assert_null(weir_decoder_compile(schema, schema, wanted, NULL, 6, &s->arena, &s->decoder));
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    weir_score_record_destroy(s->record);
    weir_compilation_destroy(s->compilation);
    weir_arena_deinit(&s->arena);
    weir_arena_deinit(&s->scratch);
    weir_fixture_reset();
    free(s);
    return 0;
}

static void draw_points(scene *s)
{
    s->copy.point_count = 0;
    for (uint32_t hop = 0; hop < s->plan->streams[0].hop_count; hop++) {
        if (hop > 0 && next() % 3 == 0) continue;
        s->copy.points[s->copy.point_count++] = (weir_read_point){
            .hop = hop,
            .partition = (int32_t)(next() % 200),
            .seq = weir_seq_of(any_integer() & 0xffffffffff, (uint32_t)(next() >> 44)),
            .beyond_horizon = next() % 4 == 0};
    }
    s->request.points = s->copy.points;
    s->request.point_count = s->copy.point_count;
}

static void draw_answer(scene *s)
{
    const weir_plan_score *score = &s->plan->scores[0];
    uint32_t decision = (uint32_t)(next() % (score->decision_count + 1));
    s->answer = (weir_score_answer){.has_score = next() % 5 > 0,
                                    .is_fallback = next() % 2 == 0,
                                    .reason_count = (uint32_t)(next() % 4),
                                    .reason_columns = s->reasons,
                                    .reason_values = s->reason_values};
    s->answer.score = s->answer.has_score ? (double)next() / 3 : 0.0;
    if (decision < score->decision_count) {
        s->answer.decision = score->decisions[decision].name;
        s->answer.decision_index = decision;
    }
    for (uint32_t i = 0; i < s->answer.reason_count; i++) {
        s->reasons[i] = (uint32_t)(next() % s->plan->vectors[0].column_count);
        s->reason_values[i] = (double)any_integer() / 7;
    }
}

static void draw(scene *s)
{
    const weir_plan_stream *stream = &s->plan->streams[0];
    weir_arena_reset(&s->scratch);
    for (uint32_t i = 0; i < stream->slot_count; i++) {
        weir_type type = stream->slot_types[i];
        type.optional &= strcmp(stream->slot_paths[i], "device") != 0;
        s->slots[i] = any_value(type, &s->scratch);
    }
    for (uint32_t c = 0; c < s->plan->vectors[0].column_count; c++) {
        s->columns[c] =
            any_value(weir_type_optional(s->plan->vectors[0].columns[c].type), &s->scratch);
        s->overflow[c] = weir_is_null(&s->columns[c]) && next() % 8 == 0;
    }
    s->copy.source_partition = (int32_t)(next() % 1000);
    s->copy.source_offset = any_integer() & INT64_MAX;
    int64_t offset = next() % 3 > 0 ? weir_seq_offset(s->event.seq) : any_integer() & 0xffffffffff;
    s->event = (weir_event){.fields = s->slots,
                            .et_us = any_integer(),
                            .seq = weir_seq_of(offset, (uint32_t)(next() >> 44))};
    s->request.event = &s->event;
    s->request.copy = &s->copy;
    s->request.journal =
        next() % 2 == 0 ? "t.card" : "another.journal.with.a.longer.name.than.most";
    s->request.partition = (int32_t)(next() % 12);
    s->request.ordinal = (uint32_t)(next() % 20);
    s->request.schema_id = 0x010203;
    draw_points(s);
    draw_answer(s);
}

static void put_templates(scene *s, weir_buffer *out)
{
    const weir_value *views[16];
    bool overflows = false;
    for (uint32_t c = 0; c < s->plan->vectors[0].column_count; c++) {
        views[c] = &s->columns[c];
        overflows |= s->overflow[c];
    }
    weir_score_record_put_event(s->record, &s->request, out);
    weir_score_record_put_answer(s->record, &s->answer, out);
    weir_score_record_put_evidence(s->record, &s->request, views, overflows ? s->overflow : NULL,
                                   out);
}

static void assert_readable(scene *s, const weir_buffer *record)
{
    weir_value got[6];
    int32_t schema_id = 0;
    weir_bytes body;
    assert_true(weir_frame_read((weir_bytes){record->data, record->size}, &schema_id, &body));
    assert_int_equal(schema_id, 0x010203);
    weir_decode_result result = weir_decoder_decode(s->decoder, body, &s->scratch, got);
    assert_int_equal(result.reason, WEIR_DECODE_OK);
    assert_true(memcmp(got[WANTED_ID].as.bytes, s->request.journal, strlen(s->request.journal)) ==
                0);
    assert_int_equal(!weir_is_null(&got[WANTED_SCORE]), s->answer.has_score);
    if (s->answer.has_score) assert_true(got[WANTED_SCORE].as.float64 == s->answer.score);
    assert_int_equal(!weir_is_null(&got[WANTED_DECISION]), s->answer.decision != NULL);
    assert_true(got[WANTED_OFFSET].as.integer == s->copy.source_offset);
    assert_memory_equal(got[WANTED_NAME].as.bytes, "t.s", 3);
    weir_reader reader = weir_reader_of(got[WANTED_VECTOR].as.bytes, got[WANTED_VECTOR].size);
    for (uint32_t c = 0; c < s->plan->vectors[0].column_count; c++) {
        weir_type type = weir_type_optional(s->plan->vectors[0].columns[c].type);
        weir_value value = weir_value_decode(type, &reader, &s->scratch);
        assert_true(weir_value_equal(&value, &s->columns[c]));
    }
    assert_false(reader.bad);
}

static void templates_give_the_bytes_of_the_plain_writer_and_the_schema_reads_them(void **state)
{
    scene *s = *state;
    weir_buffer fast = {0}, plain = {0};
    for (int i = 0; i < 20000; i++) {
        draw(s);
        weir_buffer_clear(&fast);
        weir_buffer_clear(&plain);
        put_templates(s, &fast);
        put_record(s->plan, &s->request, &s->answer, s->columns, s->overflow, &plain);
        assert_int_equal(fast.size, plain.size);
        assert_memory_equal(fast.data, plain.data, plain.size);
        if (i % 10 == 0) assert_readable(s, &fast);
    }
    weir_buffer_deinit(&fast);
    weir_buffer_deinit(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        templates_give_the_bytes_of_the_plain_writer_and_the_schema_reads_them, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
