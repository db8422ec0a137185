/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/scorer.h"

#include <stdlib.h>

#include "ingest/binding.h"
#include "ops/runtime/assert.h"
#include "schemas/avro.h"
#include "schemas/json_value.h"

const char weir_score_schema[] = {
#include "score_schema.inc"
};

struct weir_scorer {
    const weir_plan *plan;
    const weir_plan_score *score;
    const weir_plan_vector *vector;
    const weir_model *model; /* or NULL */
    const weir_model_info *info;
    weir_model_workspace *workspace;
    weir_binding binding;
    weir_model_tensor *outputs;
    size_t output, output_column; /* which of them is the score */
    double *contributions;
    uint32_t *order; /* places by contribution */
    uint32_t *reason_columns;
    double *reason_values;
    weir_value *columns;
    bool *overflow;
    weir_arena scratch;
    weir_buffer text;
    weir_buffer name, definitions; /* parts of the record that never change, as Avro */
};

static void prepare(weir_scorer *scorer);

/* ---- binding ---- */

static weir_error *no_output(const weir_scorer *scorer, const char *name)
{
    return weir_error_new(WEIR_E_MODEL, "the model has no output `%s`; it has `%s`%s", name,
                          scorer->info->outputs[0].name,
                          scorer->info->output_count > 1 ? " and others (weir model show)" : "");
}

/* "name" or "name[i]". */
static weir_error *find_output(weir_scorer *scorer, const char *wanted)
{
    const char *bracket = strchr(wanted, '[');
    size_t size = bracket == NULL ? strlen(wanted) : (size_t)(bracket - wanted);
    for (size_t i = 0; i < scorer->info->output_count; i++) {
        const weir_model_port *port = &scorer->info->outputs[i];
        bool is_whole = strcmp(port->name, wanted) == 0;
        if (!is_whole && (strlen(port->name) != size || memcmp(port->name, wanted, size) != 0))
            continue;
        char *end = NULL;
        unsigned long column = is_whole || bracket == NULL ? 0 : strtoul(bracket + 1, &end, 10);
        if (column >= port->width || (end != NULL && strcmp(end, "]") != 0))
            return no_output(scorer, wanted);
        /* A classifier's probabilities by their bare name: the positive class. */
        bool is_default = (is_whole || bracket == NULL) && i == scorer->info->score_output;
        scorer->output = i;
        scorer->output_column = is_default ? scorer->info->score_column : column;
        return NULL;
    }
    return no_output(scorer, wanted);
}

static weir_error *bind_output(weir_scorer *scorer)
{
    scorer->output = scorer->info->score_output;
    scorer->output_column = scorer->info->score_column;
    if (scorer->score->output != NULL) WEIR_TRY(find_output(scorer, scorer->score->output));
    const weir_model_port *port = &scorer->info->outputs[scorer->output];
    if (port->kind == WEIR_TENSOR_STRING || port->kind == WEIR_TENSOR_BOOL) {
        return weir_error_new(
            WEIR_E_MODEL,
            "output `%s` of the model is no number; name another with `output \"...\"`",
            port->name);
    }
    return NULL;
}

static void *new_array(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    WEIR_ASSERT(array != NULL);
    return array;
}

static weir_error *bind_model(weir_scorer *scorer)
{
    if (scorer->score->schema != NULL && strcmp(scorer->score->schema, "weir.Score") != 0) {
        return weir_error_new(WEIR_E_DEFINITION,
                              "scores are written as weir.Score; records of `%s` can not be "
                              "written: leave `avro(..)` out",
                              scorer->score->schema);
    }
    if (scorer->model == NULL) return NULL;
    scorer->info = weir_model_describe(scorer->model);
    WEIR_TRY(weir_binding_init(&scorer->binding, scorer->vector, scorer->info));
    WEIR_TRY(bind_output(scorer));
    size_t places = scorer->binding.place_count;
    scorer->workspace = weir_model_workspace_create(scorer->model, 1);
    scorer->outputs = new_array(scorer->info->output_count, sizeof *scorer->outputs);
    scorer->contributions = new_array(places + 1, sizeof *scorer->contributions);
    scorer->order = new_array(places, sizeof *scorer->order);
    scorer->reason_columns = new_array(places, sizeof *scorer->reason_columns);
    scorer->reason_values = new_array(places, sizeof *scorer->reason_values);
    return NULL;
}

weir_error *weir_scorer_create(const weir_plan *plan, uint32_t score, const weir_model *model,
                               weir_scorer **scorer_out)
{
    WEIR_ASSERT(score < plan->score_count);
    weir_scorer *scorer = calloc(1, sizeof *scorer);
    WEIR_ASSERT(scorer != NULL);
    *scorer_out = NULL;
    scorer->plan = weir_plan_ref(plan);
    scorer->score = &plan->scores[score];
    scorer->vector = &plan->vectors[scorer->score->vector];
    scorer->model = model;
    scorer->columns = new_array(scorer->vector->column_count, sizeof *scorer->columns);
    scorer->overflow = new_array(scorer->vector->column_count, sizeof *scorer->overflow);
    weir_error *error = bind_model(scorer);
    if (error == NULL) {
        prepare(scorer);
        *scorer_out = scorer;
        return NULL;
    }
    error = weir_error_while(error, "score `%s`, model `%s`", scorer->score->name,
                             scorer->score->model);
    weir_scorer_destroy(scorer);
    return error;
}

void weir_scorer_destroy(weir_scorer *scorer)
{
    if (scorer == NULL) return;
    if (scorer->workspace != NULL) weir_model_workspace_destroy(scorer->workspace);
    weir_binding_deinit(&scorer->binding);
    weir_plan_unref(scorer->plan);
    weir_arena_deinit(&scorer->scratch);
    weir_buffer_deinit(&scorer->text);
    weir_buffer_deinit(&scorer->name);
    weir_buffer_deinit(&scorer->definitions);
    free(scorer->outputs);
    free(scorer->contributions);
    free(scorer->order);
    free(scorer->reason_columns);
    free(scorer->reason_values);
    free(scorer->columns);
    free(scorer->overflow);
    free(scorer);
}

/* ---- the answer ---- */

static double output_value(const weir_scorer *scorer)
{
    const weir_model_tensor *tensor = &scorer->outputs[scorer->output];
    size_t at = scorer->output_column;
    switch (tensor->kind) {
    case WEIR_TENSOR_FLOAT32: return (double)((const float *)tensor->data)[at];
    case WEIR_TENSOR_FLOAT64: return ((const double *)tensor->data)[at];
    case WEIR_TENSOR_INT64:
        return weir_float((double)((const int64_t *)tensor->data)[at]).as.float64;
    case WEIR_TENSOR_INT32: return (double)((const int32_t *)tensor->data)[at];
    case WEIR_TENSOR_BOOL:
    case WEIR_TENSOR_STRING: break;
    }
    WEIR_UNREACHABLE();
}

/* A model that fails on a row, or gives no finite number, has no answer: the fallback has (never an
 * error of the stream). */
static bool run_model(weir_scorer *scorer, const weir_value *columns, double *score_out)
{
    if (scorer->model == NULL || !weir_binding_fill(&scorer->binding, columns)) return false;
    weir_error *error = weir_model_run(scorer->model, scorer->workspace, scorer->binding.tensors, 1,
                                       scorer->outputs);
    if (error != NULL) {
        weir_error_free(error);
        return false;
    }
    *score_out = output_value(scorer) + 0.0;
    return isfinite(*score_out);
}

static double magnitude(double x) { return x < 0 ? -x : x; }

/* Insertion into the first `keep` places by |contribution|, ties by the order of columns. */
static uint32_t rank(const weir_scorer *scorer, uint32_t keep)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scorer->binding.place_count; i++) {
        double size = magnitude(scorer->contributions[i]);
        uint32_t at = count;
        while (at > 0 && magnitude(scorer->contributions[scorer->order[at - 1]]) < size)
            at--;
        if (at >= keep) continue;
        if (count < keep) count++;
        for (uint32_t j = count - 1; j > at; j--)
            scorer->order[j] = scorer->order[j - 1];
        scorer->order[at] = i;
    }
    return count;
}

static uint32_t explain(weir_scorer *scorer)
{
    bool supported = false;
    uint32_t keep = scorer->score->reasons;
    if (keep > scorer->binding.place_count) keep = (uint32_t)scorer->binding.place_count;
    if (keep == 0) return 0;
    weir_error *error =
        weir_model_explain(scorer->model, scorer->workspace, scorer->binding.tensors,
                           scorer->contributions, &supported);
    if (error != NULL) weir_error_free(error);
    if (error != NULL || !supported) return 0;
    uint32_t count = rank(scorer, keep);
    for (uint32_t i = 0; i < count; i++) {
        scorer->reason_columns[i] = scorer->binding.places[scorer->order[i]].column;
        scorer->reason_values[i] = scorer->contributions[scorer->order[i]] + 0.0;
    }
    return count;
}

static const char *decide(const weir_plan_score *score, weir_expr_env *env)
{
    for (uint32_t i = 0; i < score->decision_count; i++) {
        const weir_plan_decision *decision = &score->decisions[i];
        if (decision->when == NULL) return decision->name;
        weir_value value = weir_expr_eval(decision->when, env);
        if (value.kind == WEIR_BOOL && value.as.boolean) return decision->name;
    }
    return NULL;
}

weir_error *weir_scorer_answer(weir_scorer *scorer, const weir_value *columns,
                               const weir_value *carried, const weir_value *self,
                               weir_score_answer *answer_out)
{
    const weir_plan_score *score = scorer->score;
    weir_arena_reset(&scorer->scratch);
    *answer_out = (weir_score_answer){.reason_columns = scorer->reason_columns,
                                      .reason_values = scorer->reason_values};
    weir_expr_env env = {.carried = carried, .self = self, .scratch = &scorer->scratch};
    answer_out->has_score = run_model(scorer, columns, &answer_out->score);
    if (answer_out->has_score) {
        answer_out->reason_count = explain(scorer);
    } else {
        answer_out->is_fallback = true;
        weir_value value =
            score->fallback == NULL ? weir_null() : weir_expr_eval(score->fallback, &env);
        answer_out->has_score = value.kind == WEIR_FLOAT64;
        answer_out->score = answer_out->has_score ? value.as.float64 : 0.0;
    }
    env.score = answer_out->has_score ? weir_float(answer_out->score) : weir_null();
    answer_out->decision = decide(score, &env);
    return NULL;
}

/* ---- the record: Avro by hand, in the order of schemas/score.avsc ---- */

static void put_bytes(weir_buffer *out, const void *bytes, size_t size)
{
    weir_buffer_put_zigzag(out, (int64_t)size);
    weir_buffer_put(out, bytes, size);
}

static void put_text(weir_buffer *out, const char *text) { put_bytes(out, text, strlen(text)); }

static void put_buffer(weir_buffer *out, const weir_buffer *from)
{
    put_bytes(out, from->data, from->size);
}

static void put_optional_text(weir_buffer *out, const char *text)
{
    weir_buffer_put_zigzag(out, text == NULL ? 0 : 1);
    if (text != NULL) put_text(out, text);
}

static size_t print_number(uint64_t number, char *to)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    return count;
}

/* "journal/partition/offset/index/ordinal" */
static void put_id(weir_scorer *scorer, const weir_score_request *request, weir_buffer *out)
{
    weir_seq seq = request->event->seq;
    uint64_t numbers[] = {(uint32_t)request->partition, (uint64_t)weir_seq_offset(seq),
                          weir_seq_index(seq), request->ordinal};
    size_t size = strlen(request->journal);
    weir_buffer_clear(&scorer->text);
    weir_buffer_put(&scorer->text, request->journal, size);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *to = (char *)weir_buffer_reserve(&scorer->text, 21);
        to[0] = '/';
        scorer->text.size += 1 + print_number(numbers[i], to + 1);
    }
    put_buffer(out, &scorer->text);
}

static void put_value_text(weir_scorer *scorer, weir_type type, const weir_value *value,
                           weir_buffer *out)
{
    if (value->kind == WEIR_STRING) {
        put_bytes(out, value->as.bytes, value->size);
        return;
    }
    weir_buffer_clear(&scorer->text);
    weir_text_write_value(&scorer->text, type, value);
    put_buffer(out, &scorer->text);
}

static void put_hop_keys(weir_scorer *scorer, const weir_score_request *request, uint32_t hop,
                         weir_buffer *out)
{
    const weir_plan_stream *stream = &scorer->plan->streams[request->event->stream];
    const weir_plan_entity *entity = &scorer->plan->entities[stream->hops[hop].entity];
    for (uint32_t i = 0; i < entity->key_count; i++) {
        const weir_value *value = &request->event->fields[stream->hops[hop].key_slots[i]];
        put_text(out, entity->key_names[i]);
        put_value_text(scorer, entity->key_types[i], value, out);
    }
}

/* The key fields of the hops that were visited; their fields are not null. A name that two entities
 * share comes once. */
static void put_keys(weir_scorer *scorer, const weir_score_request *request, weir_buffer *out)
{
    const weir_plan_stream *stream = &scorer->plan->streams[request->event->stream];
    for (uint32_t i = 0; i < request->point_count; i++) {
        uint32_t hop = request->points[i].hop;
        weir_buffer_put_zigzag(out, scorer->plan->entities[stream->hops[hop].entity].key_count);
        put_hop_keys(scorer, request, hop, out);
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_event(weir_scorer *scorer, const weir_score_request *request, weir_buffer *out)
{
    const weir_plan_stream *stream = &scorer->plan->streams[request->event->stream];
    put_text(out, stream->name);
    weir_buffer_put_zigzag(out, request->event->et_us);
    put_keys(scorer, request, out);
    bool has_id =
        stream->id_slot != WEIR_NONE && !weir_is_null(&request->event->fields[stream->id_slot]);
    weir_buffer_put_zigzag(out, has_id);
    if (has_id)
        put_value_text(scorer, stream->slot_types[stream->id_slot],
                       &request->event->fields[stream->id_slot], out);
}

static void put_answer(const weir_scorer *scorer, const weir_score_answer *answer, weir_buffer *out)
{
    weir_buffer_put_zigzag(out, answer->has_score);
    if (answer->has_score) weir_buffer_put(out, &answer->score, sizeof answer->score);
    put_optional_text(out, answer->decision);
    weir_buffer_put_u8(out, answer->is_fallback);
    if (answer->reason_count > 0) weir_buffer_put_zigzag(out, answer->reason_count);
    for (uint32_t i = 0; i < answer->reason_count; i++) {
        put_text(out, scorer->vector->columns[answer->reason_columns[i]].name);
        weir_buffer_put(out, &answer->reason_values[i], sizeof(double));
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_errors(const weir_scorer *scorer, weir_buffer *out)
{
    for (uint32_t i = 0; i < scorer->vector->column_count; i++) {
        if (!scorer->overflow[i]) continue;
        weir_buffer_put_zigzag(out, 1); /* a block of one item */
        put_text(out, scorer->vector->columns[i].name);
        put_text(out, "overflow");
    }
    weir_buffer_put_zigzag(out, 0);
}

/* What is the same in every record. */
static void prepare(weir_scorer *scorer)
{
    weir_buffer *out = &scorer->definitions;
    weir_buffer_printf(&scorer->text, "%s.%s", scorer->plan->package, scorer->score->name);
    put_buffer(&scorer->name, &scorer->text);
    put_text(out, scorer->model == NULL ? "" : scorer->score->model);
    put_bytes(out, scorer->model == NULL ? NULL : scorer->info->digest,
              scorer->model == NULL ? 0 : 32);
    put_text(out, scorer->model == NULL ? "" : scorer->info->profile);
    put_bytes(out, scorer->plan->digest, WEIR_DIGEST_BYTES);
    put_bytes(out, scorer->vector->digest, WEIR_DIGEST_BYTES);
}

static void put_receipt(const weir_scorer *scorer, const weir_score_request *request,
                        weir_buffer *out)
{
    const weir_plan_stream *stream = &scorer->plan->streams[request->event->stream];
    put_text(out, stream->topic);
    weir_buffer_put_zigzag(out, request->copy->source_partition);
    weir_buffer_put_zigzag(out, request->copy->source_offset);
    weir_buffer_put_zigzag(out, request->point_count);
    for (uint32_t i = 0; i < request->point_count; i++) {
        const weir_read_point *point = &request->points[i];
        put_text(out, scorer->plan->entities[stream->hops[point->hop].entity].name);
        weir_buffer_put_zigzag(out, point->partition);
        weir_buffer_put_zigzag(out, weir_seq_offset(point->seq));
        weir_buffer_put_zigzag(out, weir_seq_index(point->seq));
        weir_buffer_put_u8(out, point->beyond_horizon);
    }
    weir_buffer_put_zigzag(out, 0);
}

static void put_vector(weir_scorer *scorer, weir_buffer *out)
{
    weir_buffer_clear(&scorer->text);
    for (uint32_t i = 0; i < scorer->vector->column_count; i++)
        weir_value_encode(weir_type_optional(scorer->vector->columns[i].type), &scorer->columns[i],
                          &scorer->text);
    put_buffer(out, &scorer->text);
}

weir_error *weir_scorer_score(weir_scorer *scorer, const weir_score_request *request,
                              weir_buffer *out)
{
    weir_score_answer answer;
    WEIR_ASSERT(request->point_count > 0 && request->event->stream == scorer->score->stream);
    weir_engine_vector(request->engine, scorer->score->vector, request->event, scorer->columns,
                       scorer->overflow);
    WEIR_TRY(weir_scorer_answer(scorer, scorer->columns, request->event->carried,
                                request->event->fields, &answer));
    weir_frame_write(out, request->schema_id);
    put_id(scorer, request, out);
    weir_buffer_put(out, scorer->name.data, scorer->name.size);
    put_event(scorer, request, out);
    put_answer(scorer, &answer, out);
    put_errors(scorer, out);
    weir_buffer_put(out, scorer->definitions.data, scorer->definitions.size);
    put_receipt(scorer, request, out);
    put_vector(scorer, out);
    return NULL;
}
