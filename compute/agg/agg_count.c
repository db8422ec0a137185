/* SPDX-License-Identifier: Apache-2.0 */
/* agg_count.c - count and rate. */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_count(weir_agg_bind_context *context)
{
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_rate(weir_agg_bind_context *context)
{
    context->out->type = weir_type_of(WEIR_FLOAT64);
    return weir_agg_no_params(context);
}
