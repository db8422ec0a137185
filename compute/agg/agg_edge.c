/* SPDX-License-Identifier: Apache-2.0 */
/* agg_edge.c - first and last, alone or k of them. */
#include "compute/agg/agg_internal.h"

enum { ITEMS_MAX = 1000 };

const char *weir_agg_bind_edge(weir_agg_bind_context *context)
{
    int64_t items = 0;
    bool has_items = false;
    const char *problem = weir_agg_param_int(context, NULL, 1, ITEMS_MAX, &items, &has_items);
    if (problem != NULL) return problem;
    context->out->params[0] = weir_int(items); /* 0: one value, no list */
    context->out->type = has_items ? weir_agg_list_of(context->args[0], context->into)
                                   : weir_type_optional(context->args[0]);
    return NULL;
}
