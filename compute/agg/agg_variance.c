/* SPDX-License-Identifier: Apache-2.0 */
/* agg_variance.c - var and stddev. */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_variance(weir_agg_bind_context *context)
{
    if (!weir_agg_is_measure(context->args[0]))
        return weir_agg_wants(context, "a number or a duration");
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return weir_agg_no_params(context);
}
