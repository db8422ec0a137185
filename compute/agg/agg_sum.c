/* SPDX-License-Identifier: Apache-2.0 */
/* agg_sum.c - sum and mean of numbers, durations and vectors. */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_sum(weir_agg_bind_context *context)
{
    weir_type type = context->args[0];
    type.optional = type.kind == WEIR_VEC; /* a sum of no vectors is null, one of no numbers is 0 */
    if (!weir_agg_is_measure(type) && type.kind != WEIR_VEC)
        return weir_agg_wants(context, "a number or a duration");
    if (type.kind == WEIR_DECIMAL) type.precision = WEIR_DECIMAL_PRECISION_MAX;
    context->out->type = type;
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_mean(weir_agg_bind_context *context)
{
    weir_type type = context->args[0];
    if (!weir_agg_is_measure(type) && type.kind != WEIR_VEC) {
        return weir_agg_wants(context, "a number or a duration (of a condition, take share_of)");
    }
    if (type.kind != WEIR_VEC) type = weir_type_of(WEIR_FLOAT64);
    context->out->type = weir_type_optional(type);
    return weir_agg_no_params(context);
}
