/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/scorer.h"

#include <stdlib.h>

#include "compute/expr/flat.h"
#include "ingest/binding.h"
#include "ingest/score_record.h"
#include "ops/runtime/assert.h"

const char weir_score_schema[] = {
#include "score_schema.inc"
};

/* A record that waits for its score. */
typedef struct waiting_score {
    size_t key_size, event_size, evidence_size; /* one behind the other in `waiting` */
    bool has_row;                               /* the next row of the binding is its */
    weir_value fallback;
} waiting_score;

enum { ROWS_MAX = WEIR_MODEL_BLOCK_ROWS };

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
    const weir_value **columns; /* where each stands */
    bool *overflow;
    weir_flat **decisions; /* NULL: else */
    weir_flat *fallback;   /* or NULL */
    weir_arena arena, scratch;
    weir_score_record *record;
    uint32_t rows_max; /* 1: answers depend on more than the row, or nothing is gained */
    uint32_t rows, count;
    waiting_score scores[ROWS_MAX];
    weir_buffer waiting;
    bool has_answer[ROWS_MAX]; /* per row, once the model ran */
    double answers[ROWS_MAX];
};

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

/* Does it look at the score alone? What the event carries is gone when a block runs. */
static bool is_of_score(const weir_expr *expr)
{
    if (expr->op >= WEIR_EXPR_FIELD && expr->op <= WEIR_EXPR_CARRIED) return false;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (!is_of_score(expr->args[i])) return false;
    return true;
}

static bool can_wait(const weir_scorer *scorer)
{
    const weir_plan_score *score = scorer->score;
    for (uint32_t i = 0; i < score->decision_count; i++)
        if (score->decisions[i].when != NULL && !is_of_score(score->decisions[i].when))
            return false;
    for (size_t i = 0; i < scorer->info->input_count; i++) /* texts point into the event */
        if (scorer->info->inputs[i].kind == WEIR_TENSOR_STRING) return false;
    return true;
}

static weir_error *bind_model(weir_scorer *scorer)
{
    scorer->rows_max = 1;
    if (scorer->score->schema != NULL && strcmp(scorer->score->schema, "weir.Score") != 0) {
        return weir_error_new(WEIR_E_DEFINITION,
                              "scores are written as weir.Score; records of `%s` can not be "
                              "written: leave `avro(..)` out",
                              scorer->score->schema);
    }
    if (scorer->model == NULL) return NULL;
    scorer->info = weir_model_describe(scorer->model);
    scorer->rows_max = can_wait(scorer) ? ROWS_MAX : 1;
    WEIR_TRY(weir_binding_init(&scorer->binding, scorer->vector, scorer->info, scorer->rows_max));
    WEIR_TRY(bind_output(scorer));
    size_t places = scorer->binding.place_count;
    scorer->workspace = weir_model_workspace_create(scorer->model, scorer->rows_max);
    scorer->outputs = new_array(scorer->info->output_count, sizeof *scorer->outputs);
    scorer->contributions = new_array(places + 1, sizeof *scorer->contributions);
    scorer->order = new_array(places, sizeof *scorer->order);
    scorer->reason_columns = new_array(places, sizeof *scorer->reason_columns);
    scorer->reason_values = new_array(places, sizeof *scorer->reason_values);
    return NULL;
}

static void flatten(weir_scorer *scorer)
{
    const weir_plan_score *score = scorer->score;
    scorer->decisions = weir_arena_array(&scorer->arena, weir_flat *, score->decision_count + 1);
    for (uint32_t i = 0; i < score->decision_count; i++)
        if (score->decisions[i].when != NULL)
            scorer->decisions[i] = weir_flat_create(score->decisions[i].when, &scorer->arena);
    if (score->fallback != NULL)
        scorer->fallback = weir_flat_create(score->fallback, &scorer->arena);
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
        flatten(scorer);
        scorer->record = weir_score_record_create(plan, scorer->score, scorer->info);
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
    weir_arena_deinit(&scorer->arena);
    weir_arena_deinit(&scorer->scratch);
    weir_score_record_destroy(scorer->record);
    weir_buffer_deinit(&scorer->waiting);
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

static double output_value(const weir_scorer *scorer, size_t row)
{
    const weir_model_tensor *tensor = &scorer->outputs[scorer->output];
    size_t at = row * tensor->width + scorer->output_column;
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

static bool run(weir_scorer *scorer, const weir_model_tensor *inputs, size_t rows)
{
    weir_error *error =
        weir_model_run(scorer->model, scorer->workspace, inputs, rows, scorer->outputs);
    weir_error_free(error);
    return error == NULL;
}

static void keep_answer(weir_scorer *scorer, uint32_t row, bool is_run, size_t at)
{
    scorer->answers[row] = is_run ? output_value(scorer, at) + 0.0 : 0.0;
    scorer->has_answer[row] = is_run && isfinite(scorer->answers[row]);
}

/* A model that fails on a row, or gives no finite number, has no answer: the fallback has (never an
 * error of the stream). */
static void run_model(weir_scorer *scorer)
{
    bool is_run = scorer->rows > 0 && run(scorer, scorer->binding.tensors, scorer->rows);
    for (uint32_t row = 0; row < scorer->rows; row++) {
        if (is_run)
            keep_answer(scorer, row, true, row);
        else /* which of them is it? */
            keep_answer(scorer, row, run(scorer, weir_binding_row(&scorer->binding, row), 1), 0);
    }
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

static uint32_t explain(weir_scorer *scorer, uint32_t row)
{
    bool supported = false;
    uint32_t keep = scorer->score->reasons;
    if (keep > scorer->binding.place_count) keep = (uint32_t)scorer->binding.place_count;
    if (keep == 0) return 0;
    weir_error *error = weir_model_explain(scorer->model, scorer->workspace,
                                           weir_binding_row(&scorer->binding, row),
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

static void decide(const weir_scorer *scorer, weir_expr_env *env, weir_score_answer *answer)
{
    for (uint32_t i = 0; i < scorer->score->decision_count; i++) {
        const weir_value *holds =
            scorer->decisions[i] == NULL ? NULL : weir_flat_run(scorer->decisions[i], env);
        if (holds != NULL && (holds->kind != WEIR_BOOL || !holds->as.boolean)) continue;
        answer->decision = scorer->score->decisions[i].name;
        answer->decision_index = i;
        return;
    }
}

static weir_value fall_back(const weir_scorer *scorer, weir_expr_env *env)
{
    return scorer->fallback == NULL ? weir_null() : *weir_flat_run(scorer->fallback, env);
}

/* The answer of a row that was run, or of none (WEIR_NONE). fallback: NULL: env gives it. */
static void answer_of(weir_scorer *scorer, uint32_t row, const weir_value *fallback,
                      weir_expr_env *env, weir_score_answer *answer_out)
{
    *answer_out = (weir_score_answer){.reason_columns = scorer->reason_columns,
                                      .reason_values = scorer->reason_values};
    answer_out->has_score = row != WEIR_NONE && scorer->has_answer[row];
    if (answer_out->has_score) {
        answer_out->score = scorer->answers[row];
        answer_out->reason_count = explain(scorer, row);
    } else {
        weir_value value = fallback != NULL ? *fallback : fall_back(scorer, env);
        answer_out->is_fallback = true;
        answer_out->has_score = value.kind == WEIR_FLOAT64;
        answer_out->score = answer_out->has_score ? value.as.float64 : 0.0;
    }
    env->score = answer_out->has_score ? weir_float(answer_out->score) : weir_null();
    decide(scorer, env, answer_out);
}

void weir_scorer_answer(weir_scorer *scorer, const weir_value *columns, const weir_value *carried,
                        const weir_value *self, weir_score_answer *answer_out)
{
    WEIR_ASSERT(scorer->count == 0);
    weir_arena_reset(&scorer->scratch);
    weir_expr_env env = {.carried = carried, .self = self, .scratch = &scorer->scratch};
    for (uint32_t i = 0; i < scorer->vector->column_count; i++)
        scorer->columns[i] = &columns[i];
    scorer->rows = scorer->model != NULL && weir_binding_fill(&scorer->binding, 0, scorer->columns);
    run_model(scorer);
    answer_of(scorer, scorer->rows > 0 ? 0 : WEIR_NONE, NULL, &env, answer_out);
    scorer->rows = 0;
}

/* ---- records ---- */

/* Where a record begins; its sizes are known at its end. */
static size_t begin_record(const weir_score_sink *sink, weir_bytes key)
{
    size_t start = sink->records->size;
    weir_score_head head = {.topic = sink->topic, .key_size = (uint32_t)key.size};
    weir_buffer_put(sink->records, &head, sizeof head);
    weir_buffer_put(sink->records, key.data, key.size);
    return start;
}

static void end_record(const weir_score_sink *sink, size_t start, size_t key_size)
{
    size_t size = sink->records->size - start - sizeof(weir_score_head) - key_size;
    WEIR_ASSERT(size <= UINT32_MAX);
    uint32_t value_size = (uint32_t)size;
    memcpy(sink->records->data + start + offsetof(weir_score_head, value_size), &value_size,
           sizeof value_size);
}

static bool fill_row(weir_scorer *scorer)
{
    bool has_row =
        scorer->model != NULL && weir_binding_fill(&scorer->binding, scorer->rows, scorer->columns);
    scorer->rows += has_row;
    return has_row;
}

/* The record of an event that waits for nobody. */
static void score_alone(weir_scorer *scorer, const weir_score_request *request, weir_bytes key,
                        const bool *overflow, const weir_score_sink *sink)
{
    weir_expr_env env = {.carried = request->event->carried,
                         .self = request->event->fields,
                         .scratch = &scorer->scratch};
    weir_score_answer answer;
    bool has_row = fill_row(scorer);
    if (has_row) run_model(scorer);
    answer_of(scorer, has_row ? 0 : WEIR_NONE, NULL, &env, &answer);
    scorer->rows = 0;
    size_t start = begin_record(sink, key);
    weir_score_record_put_event(scorer->record, request, sink->records);
    weir_score_record_put_answer(scorer->record, &answer, sink->records);
    weir_score_record_put_evidence(scorer->record, request, scorer->columns, overflow,
                                   sink->records);
    end_record(sink, start, key.size);
}

/* All that is known before the model runs. */
static void wait_for_answer(weir_scorer *scorer, const weir_score_request *request, weir_bytes key,
                            const bool *overflow)
{
    weir_expr_env env = {.carried = request->event->carried,
                         .self = request->event->fields,
                         .scratch = &scorer->scratch};
    waiting_score *score = &scorer->scores[scorer->count++];
    weir_buffer *out = &scorer->waiting;
    size_t start = out->size;
    weir_buffer_put(out, key.data, key.size);
    size_t event = out->size;
    weir_score_record_put_event(scorer->record, request, out);
    size_t evidence = out->size;
    weir_score_record_put_evidence(scorer->record, request, scorer->columns, overflow, out);
    score->key_size = event - start;
    score->event_size = evidence - event;
    score->evidence_size = out->size - evidence;
    score->has_row = fill_row(scorer);
    score->fallback = fall_back(scorer, &env);
}

/* Runs the model over the rows that wait and writes the records. */
static void finish(weir_scorer *scorer, const weir_score_sink *sink)
{
    weir_expr_env env = {.scratch = &scorer->scratch}; /* decisions look at the score alone */
    const uint8_t *at = scorer->waiting.data;
    run_model(scorer);
    for (uint32_t i = 0, row = 0; i < scorer->count; i++) {
        const waiting_score *score = &scorer->scores[i];
        weir_score_answer answer;
        answer_of(scorer, score->has_row ? row++ : WEIR_NONE, &score->fallback, &env, &answer);
        size_t start = begin_record(sink, (weir_bytes){at, score->key_size});
        at += score->key_size;
        weir_buffer_put(sink->records, at, score->event_size);
        at += score->event_size;
        weir_score_record_put_answer(scorer->record, &answer, sink->records);
        weir_buffer_put(sink->records, at, score->evidence_size);
        at += score->evidence_size;
        end_record(sink, start, score->key_size);
    }
    scorer->rows = scorer->count = 0;
    weir_buffer_clear(&scorer->waiting);
}

void weir_scorer_add(weir_scorer *scorer, const weir_score_request *request, weir_bytes key,
                     const weir_score_sink *sink)
{
    WEIR_ASSERT(request->point_count > 0 && request->event->stream == scorer->score->stream);
    weir_arena_reset(&scorer->scratch);
    bool overflows = weir_engine_vector_view(request->engine, scorer->score->vector, request->event,
                                             scorer->columns, scorer->overflow);
    const bool *overflow = overflows ? scorer->overflow : NULL;
    if (scorer->rows_max == 1) {
        score_alone(scorer, request, key, overflow, sink);
        return;
    }
    wait_for_answer(scorer, request, key, overflow);
    if (scorer->count == scorer->rows_max) finish(scorer, sink);
}

void weir_scorer_settle(weir_scorer *scorer, const weir_score_sink *sink)
{
    if (scorer->count > 0) finish(scorer, sink);
}
