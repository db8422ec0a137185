/* SPDX-License-Identifier: Apache-2.0 */
/* agg_distinct.c - how many different values. */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_distinct(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}
