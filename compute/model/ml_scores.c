/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/ml_scores.h"
#include "compute/model/exact_math.h"

weir_error *weir_post_read(const weir_op_call *call, weir_post *post_out)
{
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    const weir_attribute *number = weir_call_attribute(call, "post_transform", WEIR_ATTRIBUTE_INT);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_it = number != NULL ? number->integer == (int64_t)i
                                    : weir_call_string_is(call, "post_transform", names[i], "NONE");
        if (!is_it) continue;
        *post_out = (weir_post)i;
        return NULL;
    }
    return weir_call_fail(call, "its post_transform is not one of ONNX's");
}

static double probit(double p)
{
    double x = 2.0 * p - 1.0, sign = x < 0 ? -1.0 : 1.0;
    double log = weir_log((1.0 - x) * (1.0 + x));
    double v = 2.0 / (3.14159265358979323846 * 0.147) + 0.5 * log;
    double inner = -v + __builtin_sqrt(v * v - log / 0.147);
    return 1.41421356237309504880 * sign * __builtin_sqrt(inner);
}

static void softmax(double *scores, size_t n, bool keeps_zero)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = scores[i] > most ? scores[i] : most;
    for (size_t i = 0; i < n; i++) {
        bool is_zero = keeps_zero && fabs(scores[i]) <= 1e-7;
        scores[i] = is_zero ? scores[i] * weir_exp(-most) : weir_exp(scores[i] - most);
        sum += scores[i];
    }
    for (size_t i = 0; i < n; i++)
        scores[i] /= sum;
}

void weir_post_apply(weir_post post, double *scores, size_t n)
{
    switch (post) {
    case WEIR_POST_NONE: break;
    case WEIR_POST_SOFTMAX: softmax(scores, n, false); break;
    case WEIR_POST_SOFTMAX_ZERO: softmax(scores, n, true); break;
    case WEIR_POST_LOGISTIC:
        for (size_t i = 0; i < n; i++)
            scores[i] = weir_sigmoid(scores[i]);
        break;
    case WEIR_POST_PROBIT:
        for (size_t i = 0; i < n; i++)
            scores[i] = probit(scores[i]);
        break;
    }
}

weir_error *weir_labels_read(const weir_op_call *call, weir_labels *labels_out)
{
    static const char *const texts[] = {"classlabels_strings"};
    static const char *const numbers[] = {"classlabels_int64s", "classlabels_ints"};
    const weir_attribute *text = weir_call_attribute(call, texts[0], WEIR_ATTRIBUTE_STRINGS);
    const weir_attribute *number = weir_call_attribute(call, numbers[0], WEIR_ATTRIBUTE_INTS);
    if (number == NULL) number = weir_call_attribute(call, numbers[1], WEIR_ATTRIBUTE_INTS);
    bool is_text = text != NULL && text->count > 0;
    const weir_attribute *found = is_text ? text : number;
    if (found == NULL || found->count == 0) return weir_call_fail(call, "it has no class labels");
    if (found->count > 1 << 20) return weir_call_fail(call, "it has more than 2^20 class labels");
    *labels_out = (weir_labels){is_text ? WEIR_TENSOR_STRING : WEIR_TENSOR_INT64, found->integers,
                                found->strings, found->count};
    return NULL;
}

void weir_labels_put(const weir_labels *labels, void *out, size_t row, size_t which)
{
    if (out == NULL) return;
    WEIR_ASSERT(which < labels->count);
    if (labels->kind == WEIR_TENSOR_STRING)
        ((weir_bytes *)out)[row] = labels->texts[which];
    else
        ((int64_t *)out)[row] = labels->integers[which];
}

double weir_number_at(const void *data, weir_tensor_kind kind, size_t i)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return (double)((const float *)data)[i];
    case WEIR_TENSOR_FLOAT64: return ((const double *)data)[i];
    case WEIR_TENSOR_INT64: return (double)((const int64_t *)data)[i];
    case WEIR_TENSOR_INT32: return (double)((const int32_t *)data)[i];
    case WEIR_TENSOR_BOOL: return (double)((const uint8_t *)data)[i];
    case WEIR_TENSOR_STRING: break;
    }
    WEIR_UNREACHABLE();
}
