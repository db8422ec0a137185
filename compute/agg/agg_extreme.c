/* SPDX-License-Identifier: Apache-2.0 */
/* agg_extreme.c - min and max. */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_extreme(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0]))
        return weir_agg_wants(context, "values that have an order");
    context->out->type = weir_type_optional(context->args[0]);
    return weir_agg_no_params(context);
}
