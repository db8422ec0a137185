/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/tree_model.h"
#include "compute/model/exact_math.h"
#include "compute/model/ml_scores.h"

/* Bias and base first, then column by column; what is missing adds nothing. */
void weir_tree_model_add_linear(const weir_tree_model *model, const float *row, float *raw)
{
    const float *weights = model->weights;
    for (uint32_t t = 0; t < model->targets; t++) {
        float sum = weights[(size_t)model->features * model->targets + t] + raw[t];
        for (uint32_t i = 0; i < model->features; i++)
            if (row[i] == row[i]) sum += row[i] * weights[(size_t)i * model->targets + t];
        raw[t] = sum;
    }
}

void weir_tree_model_explain_linear(const weir_tree_model *model, const float *row,
                                    double *contributions)
{
    uint32_t targets = model->targets, t = model->is_classifier && targets == 2 ? 1 : 0;
    for (uint32_t i = 0; i < model->features; i++)
        if (row[i] == row[i])
            contributions[i] += (double)(row[i] * model->weights[(size_t)i * targets + t]);
    contributions[model->features] += (double)model->weights[(size_t)model->features * targets + t];
}

static double link_one(const weir_tree_model *model, double x)
{
    switch (model->link) {
    case WEIR_LINK_SIGMOID: return weir_sigmoid(model->link_scale * x);
    case WEIR_LINK_EXP: return weir_exp(x);
    case WEIR_LINK_STEP: return x > 0 ? 1.0 : 0.0;
    case WEIR_LINK_SQUARE: return x < 0 ? -(x * x) : x * x;
    case WEIR_LINK_LOG1P_EXP: return weir_softplus(x);
    default: return x;
    }
}

void weir_tree_model_link(const weir_tree_model *model, const double *raw, double *out)
{
    if (model->link == WEIR_LINK_CLASS) {
        uint32_t best = 0;
        for (uint32_t t = 1; t < model->targets; t++)
            if (raw[t] > raw[best]) best = t;
        out[0] = best;
        return;
    }
    for (uint32_t t = 0; t < model->targets; t++)
        out[t] = link_one(model, model->averages ? raw[t] / (double)model->iterations : raw[t]);
    if (model->link == WEIR_LINK_SOFTMAX) weir_post_apply(WEIR_POST_SOFTMAX, out, model->targets);
}
