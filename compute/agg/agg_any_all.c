/* SPDX-License-Identifier: Apache-2.0 */
/* agg_any_all.c - is a condition true of some, of every event? */
#include "compute/agg/agg_internal.h"

const char *weir_agg_bind_any_all(weir_agg_bind_context *context)
{
    if (context->args[0].kind != WEIR_BOOL) return weir_agg_wants(context, "a condition (bool)");
    context->out->type = weir_type_of(WEIR_BOOL);
    return weir_agg_no_params(context);
}
