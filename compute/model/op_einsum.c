/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_einsum.c - Einsum: "bi,ijk->bjk" as loops over its labels.
 *
 * Labels of the output are walked in its order, then the ones that are summed over, in the order in
 * which they first appear. Products and sums run in float64 and are rounded once. A "..." stands
 * for the dimensions that have no letter, aligned at the right.
 */
#include "compute/model/op.h"

enum {
    LETTERS = 52,
    LABELS = LETTERS + WEIR_RANK_MAX, /* behind the letters: those of "...", from the right */
    OPERANDS_MAX = 8,
};

typedef struct term {
    uint8_t labels[WEIR_RANK_MAX];
    unsigned count;
} term;

typedef struct einsum_params {
    unsigned operands, kept, loops; /* the first `kept` loops are the output's */
    size_t dims[LABELS];
    size_t strides[OPERANDS_MAX][LABELS]; /* per loop */
} einsum_params;

/* A equation being read. */
typedef struct reader {
    const weir_op_call *call;
    const uint8_t *at, *end;
    unsigned spread; /* dimensions of the longest "..." */
} reader;

static bool is_letter(uint8_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static uint8_t label_of(uint8_t letter)
{
    return (uint8_t)(letter <= 'Z' ? letter - 'A' : letter - 'a' + 26);
}

static unsigned count_letters(const reader *r)
{
    unsigned letters = 0;
    for (const uint8_t *c = r->at; c < r->end && *c != ',' && *c != '-'; c++)
        letters += is_letter(*c);
    return letters;
}

/* Up to a comma or an arrow. `rank` dimensions are named; what letters leave over is of "...". */
static weir_error *read_term(reader *r, unsigned rank, term *out)
{
    unsigned letters = count_letters(r);
    bool has_spread = false;
    *out = (term){.count = 0};
    if (letters > rank) return weir_call_fail(r->call, "its equation names too many dimensions");
    for (; r->at < r->end && *r->at != ',' && *r->at != '-'; r->at++) {
        if (*r->at == ' ') continue;
        if (is_letter(*r->at)) {
            out->labels[out->count++] = label_of(*r->at);
            continue;
        }
        if (has_spread || r->end - r->at < 3 || memcmp(r->at, "...", 3) != 0)
            return weir_call_fail(r->call, "its equation has a sign that is no label");
        has_spread = true;
        r->at += 2;
        for (unsigned i = rank - letters; i-- > 0;)
            out->labels[out->count++] = (uint8_t)(LETTERS + i);
    }
    if (has_spread && rank - letters > r->spread) r->spread = rank - letters;
    if (out->count != rank)
        return weir_call_fail(r->call, "its equation names %u of %u dimensions", out->count, rank);
    return NULL;
}

/* Without an arrow: "...", then the letters that appear once, in their order. */
static weir_error *implied_output(reader *r, const term *terms, unsigned operands, term *out)
{
    unsigned seen[LABELS] = {0};
    for (unsigned o = 0; o < operands; o++)
        for (unsigned d = 0; d < terms[o].count; d++)
            seen[terms[o].labels[d]]++;
    *out = (term){.count = 0};
    for (unsigned i = r->spread; i-- > 0;)
        out->labels[out->count++] = (uint8_t)(LETTERS + i);
    for (unsigned label = 0; label < LETTERS; label++) {
        if (seen[label] != 1) continue;
        if (out->count == WEIR_RANK_MAX)
            return weir_call_fail(r->call, "its output has more than %d dimensions", WEIR_RANK_MAX);
        out->labels[out->count++] = (uint8_t)label;
    }
    return NULL;
}

static weir_error *read_output(reader *r, const term *terms, unsigned operands, term *out)
{
    if (r->at == r->end) return implied_output(r, terms, operands, out);
    if (r->end - r->at < 2 || r->at[0] != '-' || r->at[1] != '>')
        return weir_call_fail(r->call, "its equation does not end in an output");
    r->at += 2;
    bool has_spread = memchr(r->at, '.', (size_t)(r->end - r->at)) != NULL;
    unsigned rank = count_letters(r) + (has_spread ? r->spread : 0);
    if (rank > WEIR_RANK_MAX)
        return weir_call_fail(r->call, "its output has more than %d dimensions", WEIR_RANK_MAX);
    WEIR_TRY(read_term(r, rank, out));
    return r->at == r->end ? NULL : weir_call_fail(r->call, "its equation has two outputs");
}

static weir_error *read_equation(weir_op_call *call, term *terms, term *out)
{
    const weir_attribute *equation = weir_call_attribute(call, "equation", WEIR_ATTRIBUTE_STRING);
    if (equation == NULL) return weir_call_fail(call, "its equation is missing");
    reader r = {.call = call, .at = equation->string.data};
    r.end = r.at + equation->string.size;
    unsigned operands = (unsigned)call->node->input_count;
    for (unsigned o = 0; o < operands; o++) {
        WEIR_TRY(read_term(&r, weir_call_in(call, o)->shape.rank, &terms[o]));
        bool is_last = o + 1 == operands;
        if (!is_last && (r.at == r.end || *r.at++ != ','))
            return weir_call_fail(call, "its equation has fewer terms than inputs");
    }
    if (r.at < r.end && *r.at == ',')
        return weir_call_fail(call, "its equation has more terms than inputs");
    return read_output(&r, terms, operands, out);
}

/* The sizes of labels; a dimension of "..." that is 1 is stretched. */
static weir_error *size_labels(weir_op_call *call, const term *terms, unsigned operands,
                               size_t *sizes)
{
    for (unsigned o = 0; o < operands; o++) {
        const weir_shape *shape = &weir_call_in(call, o)->shape;
        for (unsigned d = 0; d < terms[o].count; d++) {
            size_t *size = &sizes[terms[o].labels[d]], own = (size_t)shape->dims[d];
            bool is_stretched = terms[o].labels[d] >= LETTERS && (own == 1 || *size == 1);
            if (*size != SIZE_MAX && *size != own && !is_stretched)
                return weir_call_fail(call, "a label stands for %zu and for %zu elements", *size,
                                      own);
            if (*size == SIZE_MAX || *size == 1) *size = own;
        }
    }
    return NULL;
}

static weir_error *plan_loops(weir_op_call *call, const term *terms, const term *out,
                              const size_t *sizes, einsum_params *p)
{
    unsigned loop_of[LABELS];
    for (unsigned label = 0; label < LABELS; label++)
        loop_of[label] = LABELS;
    for (unsigned d = 0; d < out->count; d++) {
        if (sizes[out->labels[d]] == SIZE_MAX || loop_of[out->labels[d]] != LABELS)
            return weir_call_fail(call, "a label of its output is new, or stands there twice");
        loop_of[out->labels[d]] = p->loops;
        p->dims[p->loops++] = sizes[out->labels[d]];
    }
    p->kept = p->loops;
    for (unsigned o = 0; o < p->operands; o++) {
        const weir_shape *shape = &weir_call_in(call, o)->shape;
        size_t stride = 1;
        for (unsigned d = 0; d < terms[o].count; d++) {
            uint8_t label = terms[o].labels[d];
            if (loop_of[label] != LABELS) continue;
            loop_of[label] = p->loops;
            p->dims[p->loops++] = sizes[label];
        }
        for (unsigned d = terms[o].count; d-- > 0;) {
            uint8_t label = terms[o].labels[d];
            if (shape->dims[d] != 1 || sizes[label] == 1) p->strides[o][loop_of[label]] += stride;
            stride *= (size_t)shape->dims[d];
        }
    }
    return NULL;
}

static double product_at(const weir_step *step, void *const *data, const size_t *at,
                         unsigned operands)
{
    double product = 1.0;
    for (unsigned o = 0; o < operands; o++) {
        const void *x = weir_step_in(step, data, o);
        bool is_narrow = weir_step_in_slot(step, o)->kind == WEIR_TENSOR_FLOAT32;
        product *= is_narrow ? (double)((const float *)x)[at[o]] : ((const double *)x)[at[o]];
    }
    return product;
}

/* On to the next index of the loops from `first` to `last`; false where they have ended. */
static bool step_on(const einsum_params *p, unsigned first, unsigned last, size_t *index,
                    size_t *at)
{
    for (unsigned l = last; l-- > first;) {
        index[l]++;
        for (unsigned o = 0; o < p->operands; o++)
            at[o] += p->strides[o][l];
        if (index[l] < p->dims[l]) return true;
        for (unsigned o = 0; o < p->operands; o++)
            at[o] -= p->strides[o][l] * index[l];
        index[l] = 0;
    }
    return false;
}

static weir_error *einsum_run(const weir_step *step, void *const *data)
{
    const einsum_params *p = step->params;
    const weir_slot *out = weir_step_out_slot(step, 0);
    void *y = weir_step_out(step, data, 0);
    size_t index[LABELS] = {0}, at[OPERANDS_MAX] = {0};
    bool is_empty = false; /* nothing to add up */
    for (unsigned l = p->kept; l < p->loops; l++)
        is_empty = is_empty || p->dims[l] == 0;
    for (size_t i = 0; i < out->count; i++) {
        double sum = 0;
        if (!is_empty) {
            do
                sum += product_at(step, data, at, p->operands);
            while (step_on(p, p->kept, p->loops, index, at));
        }
        if (out->kind == WEIR_TENSOR_FLOAT32)
            ((float *)y)[i] = (float)sum;
        else
            ((double *)y)[i] = sum;
        (void)step_on(p, 0, p->kept, index, at);
    }
    return NULL;
}

static weir_error *einsum_prepare(weir_op_call *call)
{
    term terms[OPERANDS_MAX], out;
    size_t sizes[LABELS];
    unsigned operands = (unsigned)call->node->input_count;
    for (unsigned o = 0; o < operands; o++) {
        const weir_slot *slot = weir_call_in(call, o);
        if (slot == NULL) return weir_call_fail(call, "an input is left out");
        if (!weir_kind_is_float(slot->kind) || slot->kind != weir_call_in(call, 0)->kind)
            return weir_call_kind_wrong(call, slot);
    }
    for (unsigned label = 0; label < LABELS; label++)
        sizes[label] = SIZE_MAX;
    einsum_params *p = weir_arena_new(call->into, einsum_params);
    p->operands = operands;
    WEIR_TRY(read_equation(call, terms, &out));
    WEIR_TRY(size_labels(call, terms, operands, sizes));
    WEIR_TRY(plan_loops(call, terms, &out, sizes, p));
    weir_shape shape = {.rank = out.count};
    double work = operands;
    for (unsigned d = 0; d < out.count; d++)
        shape.dims[d] = (int64_t)p->dims[d];
    for (unsigned l = 0; l < p->loops; l++)
        work *= (double)p->dims[l];
    WEIR_TRY(weir_call_charge(call, 0, work));
    call->step->params = p;
    call->step->run = einsum_run;
    return weir_call_out(call, 0, weir_call_in(call, 0)->kind, &shape);
}

// clang-format off
const weir_op weir_ops_einsum[] = {
    {.name = "Einsum", .prepare = einsum_prepare, .inputs_min = 1, .inputs_max = OPERANDS_MAX, .outputs_max = 1, .since = 12},
    {.name = NULL},
};
// clang-format on
