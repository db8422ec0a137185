/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "compute/agg/agg_internal.h"
#include "ops/runtime/nearest.h"

const weir_agg *weir_agg_find(const char *name)
{
    for (size_t i = 0; i < weir_agg_count; i++) {
        if (strcmp(weir_agg_table[i].name, name) == 0) return &weir_agg_table[i];
    }
    return NULL;
}

const char *weir_agg_suggest(const char *name)
{
    weir_nearest nearest = weir_nearest_of(name);
    for (size_t i = 0; i < weir_agg_count; i++)
        weir_nearest_offer(&nearest, weir_agg_table[i].name);
    return nearest.name;
}
const char *weir_agg_name(const weir_agg *agg) { return agg->name; }
const char *weir_agg_help(const weir_agg *agg) { return agg->help; }
bool weir_agg_allows_ever(const weir_agg *agg) { return agg->allows_ever; }
bool weir_agg_is_ordered(const weir_agg *agg) { return agg->is_ordered; }

const char *weir_agg_bind(const weir_agg *agg, const weir_type *args, size_t arg_count,
                          const weir_agg_param *params, size_t param_count, weir_arena *into,
                          weir_agg_binding *binding_out)
{
    if (arg_count < agg->args_min || arg_count > agg->args_max) {
        return weir_arena_printf(into, "`%s` does not take %zu arguments; write %s", agg->name,
                                 arg_count, agg->usage);
    }
    *binding_out = (weir_agg_binding){.agg = agg, .arg_count = (uint32_t)arg_count};
    for (size_t i = 0; i < arg_count; i++)
        binding_out->args[i] = args[i];
    weir_agg_bind_context context = {agg, args, arg_count, params, param_count, into, binding_out};
    return agg->bind(&context);
}

const char *weir_agg_no_params(weir_agg_bind_context *context)
{
    if (context->param_count == 0) return NULL;
    return weir_arena_printf(context->into, "`%s` has no parameters; write %s", context->agg->name,
                             context->agg->usage);
}

const char *weir_agg_param_int(weir_agg_bind_context *context, const char *name, int64_t least,
                               int64_t most, int64_t *value_out, bool *found_out)
{
    *found_out = false;
    if (context->param_count == 0) return NULL;
    const weir_agg_param *param = &context->params[0];
    bool is_named = param->name == NULL || (name != NULL && strcmp(param->name, name) == 0);
    bool fits = param->type.kind == WEIR_INT64 && param->value.as.integer >= least &&
                param->value.as.integer <= most;
    if (context->param_count > 1 || !is_named || !fits) {
        return weir_arena_printf(
            context->into,
            "`%s` takes one whole number from %lld to %lld as its parameter; write %s",
            context->agg->name, (long long)least, (long long)most, context->agg->usage);
    }
    *value_out = param->value.as.integer;
    *found_out = true;
    return NULL;
}

const char *weir_agg_wants(weir_agg_bind_context *context, const char *what)
{
    bool is_pair = context->arg_count > 1;
    return weir_arena_printf(
        context->into, "`%s` wants %s, not %s%s%s; write %s", context->agg->name, what,
        weir_type_print(context->args[0], context->into), is_pair ? " and " : "",
        is_pair ? weir_type_print(context->args[1], context->into) : "", context->agg->usage);
}

bool weir_agg_is_measure(weir_type type)
{
    return weir_type_is_number(type) || type.kind == WEIR_DURATION;
}

bool weir_agg_has_order(weir_type type)
{
    switch (type.kind) {
    case WEIR_BOOL:
    case WEIR_INT64:
    case WEIR_FLOAT64:
    case WEIR_DECIMAL:
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ENUM:
    case WEIR_TIME:
    case WEIR_DURATION: return true;
    default: return false;
    }
}

weir_type weir_agg_list_of(weir_type item, weir_arena *into)
{
    item.optional = false;
    weir_type list = weir_type_of(WEIR_LIST);
    list.item = weir_arena_copy(into, &item, sizeof item);
    return list;
}
