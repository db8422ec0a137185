/* SPDX-License-Identifier: Apache-2.0 */
/* agg_distinct.c - how many different values. */
#include "compute/agg/multiset.h"

static weir_value distinct_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_int((int64_t)((const weir_multiset *)acc)->distinct);
}

static const weir_acc_ops distinct_ops = {.size = weir_multiset_acc_size,
                                          .add = weir_multiset_acc_add,
                                          .remove = weir_multiset_acc_remove,
                                          .result = distinct_result,
                                          .deinit = weir_multiset_acc_deinit,
                                          .heap_bytes = weir_multiset_acc_heap_bytes};

const weir_acc_ops *weir_acc_distinct(const weir_agg_binding *binding)
{
    (void)binding;
    return &distinct_ops;
}

const char *weir_agg_bind_distinct(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}
