/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/explain.h"
#include "compute/model/linear.h"
#include "compute/model/ml_scores.h"

enum { ORIGIN_CONSTANT = -1, ORIGIN_MIXED = -2 };

struct weir_explainer {
    const weir_step *step; /* the ensemble or linear model */
    const weir_trees *trees;
    weir_linear linear;
    const int32_t *origin; /* per column of the step's input */
    size_t columns, width; /* width: of all inputs together */
};

typedef struct tracer {
    const weir_graph *graph;
    const weir_program *program;
    int32_t **origins; /* per slot: an origin per element, or NULL */
    weir_arena *scratch;
} tracer;

static int32_t origin_at(const tracer *t, uint32_t slot, size_t i)
{
    if (slot == WEIR_NO_VALUE || t->program->slots[slot].constant != NULL) return ORIGIN_CONSTANT;
    return t->origins[slot] == NULL ? ORIGIN_MIXED : t->origins[slot][i];
}

static int32_t join(int32_t a, int32_t b)
{
    return a == ORIGIN_CONSTANT ? b : b == ORIGIN_CONSTANT ? a : a == b ? a : ORIGIN_MIXED;
}

static bool named(const weir_step *step, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(step->node->op, *names) == 0) return true;
    return false;
}

static const char *const keep_elements[] = {
    "Identity",  "Cast",      "Scaler",       "Imputer",        "Reshape", "Flatten", "Squeeze",
    "Unsqueeze", "Binarizer", "LabelEncoder", "CategoryMapper", "Sub",     "Add",     "Mul",
    "Div",       "Clip",      "Log",          "Sqrt",           "Abs",     "Neg",     "Exp",
    "IsNaN",     "Not",       "Where",        "Floor",          "Equal",   "Min",     "Max",
    "Relu",      NULL};
static const char *const one_hot[] = {"OneHotEncoder", NULL};
static const char *const concat[] = {"Concat", "FeatureVectorizer", NULL};
static const char *const extract[] = {"ArrayFeatureExtractor", "Gather", NULL};

/* At one row: where each element of the output comes from; false where it can not be said. */
static bool trace(tracer *t, const weir_step *step, int32_t *out)
{
    size_t count = t->program->slots[step->out[0]].count;
    if (named(step, keep_elements)) {
        for (size_t i = 0; i < count; i++)
            out[i] = ORIGIN_CONSTANT;
        for (size_t n = 0; n < step->in_count; n++) {
            if (step->in[n] == WEIR_NO_VALUE || t->program->slots[step->in[n]].constant != NULL)
                continue;
            size_t have = t->program->slots[step->in[n]].count;
            if (have != count && have != 1) return false;
            for (size_t i = 0; i < count; i++)
                out[i] = join(out[i], origin_at(t, step->in[n], have == 1 ? 0 : i));
        }
        return true;
    }
    if (named(step, one_hot)) {
        size_t have = t->program->slots[step->in[0]].count;
        for (size_t i = 0; i < count; i++)
            out[i] = origin_at(t, step->in[0], have == 0 ? 0 : i / (count / have));
        return true;
    }
    if (named(step, concat)) {
        size_t at = 0;
        for (size_t n = 0; n < step->in_count; n++)
            for (size_t i = 0; i < t->program->slots[step->in[n]].count && at < count; i++)
                out[at++] = origin_at(t, step->in[n], i);
        return at == count;
    }
    if (named(step, extract)) {
        const weir_slot *indexes = &t->program->slots[step->in[1]];
        size_t have = t->program->slots[step->in[0]].count;
        if (indexes->constant == NULL || indexes->kind != WEIR_TENSOR_INT64 ||
            indexes->count != count)
            return false;
        for (size_t i = 0; i < count; i++) {
            int64_t index = ((const int64_t *)indexes->constant)[i];
            if (index < 0) index += (int64_t)have;
            if (index < 0 || (size_t)index >= have) return false;
            out[i] = origin_at(t, step->in[0], (size_t)index);
        }
        return true;
    }
    return false;
}

static void trace_inputs(tracer *t, size_t *width)
{
    *width = 0;
    for (size_t i = 0; i < t->graph->input_count; i++) {
        uint32_t value = t->graph->inputs[i].value;
        size_t count = t->program->slots[value].count;
        t->origins[value] = weir_arena_array(t->scratch, int32_t, count);
        for (size_t c = 0; c < count; c++)
            t->origins[value][c] = (int32_t)(*width + c);
        *width += count;
    }
}

static weir_explainer *find(tracer *t, size_t target, weir_arena *into)
{
    weir_explainer found = {0};
    trace_inputs(t, &found.width);
    for (size_t s = 0; s < t->program->step_count; s++) {
        const weir_step *step = &t->program->steps[s];
        weir_linear linear;
        const weir_trees *trees = weir_trees_of(step);
        bool is_linear = weir_linear_of(step, target, &linear);
        if (trees != NULL || is_linear) {
            if (found.step != NULL) return NULL; /* two scores: which one is meant is not known */
            found.step = step;
            found.trees = trees;
            if (is_linear) found.linear = linear;
            continue;
        }
        if (step->out_count == 0 || step->out[0] == WEIR_NO_VALUE || found.step != NULL) continue;
        int32_t *out = weir_arena_array(t->scratch, int32_t, t->program->slots[step->out[0]].count);
        if (trace(t, step, out)) t->origins[step->out[0]] = out;
    }
    if (found.step == NULL) return NULL;
    const weir_slot *in = &t->program->slots[found.step->in[0]];
    found.columns = in->count;
    int32_t *origin = weir_arena_array(into, int32_t, found.columns);
    for (size_t i = 0; i < found.columns; i++) {
        origin[i] = origin_at(t, found.step->in[0], i);
        if (origin[i] == ORIGIN_MIXED) return NULL;
    }
    found.origin = origin;
    return weir_arena_copy(into, &found, sizeof(found));
}

weir_explainer *weir_explainer_create(const weir_graph *graph, const weir_program *program,
                                      size_t target, weir_arena *into)
{
    weir_arena scratch = {0};
    tracer t = {.graph = graph, .program = program, .scratch = &scratch};
    t.origins = weir_arena_array(&scratch, int32_t *, program->slot_count + 1);
    weir_explainer *explainer = find(&t, target, into);
    weir_arena_deinit(&scratch);
    return explainer;
}

static bool run_trees(const weir_explainer *e, weir_tensor_kind kind, const void *x, double *phi,
                      weir_arena *scratch)
{
    uintptr_t at = (uintptr_t)weir_arena_alloc(scratch, weir_trees_scratch_bytes(e->trees) + 64);
    void *room = (void *)((at + 63) / 64 * 64);
    if (kind == WEIR_TENSOR_FLOAT32 || kind == WEIR_TENSOR_FLOAT64)
        return weir_trees_explain(e->trees, x, phi, room);
    float *narrow = weir_arena_array(scratch, float, e->columns);
    for (size_t i = 0; i < e->columns; i++)
        narrow[i] = (float)weir_number_at(x, kind, i);
    return weir_trees_explain(e->trees, narrow, phi, room);
}

bool weir_explainer_run(const weir_explainer *e, void *const *data, double *contributions)
{
    weir_arena scratch = {0};
    weir_tensor_kind kind = weir_step_in_slot(e->step, 0)->kind;
    const void *x = weir_step_in(e->step, data, 0);
    double *phi = weir_arena_array(&scratch, double, e->columns + 1);
    bool good = true;
    if (e->trees != NULL) {
        good = run_trees(e, kind, x, phi, &scratch);
    } else {
        for (size_t i = 0; i < e->columns; i++)
            phi[i] = weir_number_at(x, kind, i) * (double)e->linear.coefficients[i];
        phi[e->columns] = (double)e->linear.intercept;
    }
    for (size_t i = 0; i <= e->width; i++)
        contributions[i] = 0;
    for (size_t i = 0; i <= e->columns; i++) {
        bool is_bias = i == e->columns || e->origin[i] == ORIGIN_CONSTANT;
        contributions[is_bias ? e->width : (size_t)e->origin[i]] += phi[i];
    }
    weir_arena_deinit(&scratch);
    return good;
}
