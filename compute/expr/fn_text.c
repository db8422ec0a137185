/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_text.c - tests on text, by UTF-8 bytes, never normalised (R13). length counts code points;
 * lower changes A-Z only.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"

static weir_value starts_with(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    size_t size = args[1].size;
    return weir_bool(size <= args[0].size &&
                     (size == 0 || memcmp(args[0].as.bytes, args[1].as.bytes, size) == 0));
}

static weir_value ends_with(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    size_t size = args[1].size;
    if (size > args[0].size) return weir_bool(false);
    const uint8_t *end = size == 0 ? NULL : args[0].as.bytes + args[0].size - size;
    return weir_bool(size == 0 || memcmp(end, args[1].as.bytes, size) == 0);
}

static weir_value contains_text(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    if (args[1].size == 0) return weir_bool(true);
    return weir_bool(args[0].size > 0 && memmem(args[0].as.bytes, args[0].size, args[1].as.bytes,
                                                args[1].size) != NULL);
}

static weir_value contains_item(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    weir_type item = *node->args[0]->type.item;
    for (uint32_t i = 0; i < args[0].size; i++) {
        const weir_value *at = &args[0].as.items[i];
        if (!weir_is_null(at) && weir_value_compare(item, at, &args[1]) == 0)
            return weir_bool(true);
    }
    return weir_bool(false);
}

static weir_value length_of_text(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    int64_t length = 0;
    for (uint32_t i = 0; i < args[0].size; i++) {
        length += (args[0].as.bytes[i] & 0xc0) != 0x80;
    }
    return weir_int(length);
}

static weir_value length_of_items(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_int(args[0].size);
}

static weir_value lower_case(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    uint8_t *to = weir_arena_alloc(env->scratch, args[0].size);
    for (uint32_t i = 0; i < args[0].size; i++) {
        uint8_t c = args[0].as.bytes[i];
        to[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    return weir_string(to, args[0].size);
}

static const char *bind_test(weir_bind *bind, weir_fn_eval *eval, const char *fn_name)
{
    for (size_t i = 0; i < 2; i++) {
        if (bind->args[i]->type.kind != WEIR_STRING)
            return weir_bind_misfit(bind, "it wants two strings");
    }
    return weir_bind_done(bind, weir_type_of(WEIR_BOOL), eval, fn_name);
}

const char *weir_fn_bind_starts_with(weir_bind *bind)
{
    return bind_test(bind, starts_with, "starts_with");
}
const char *weir_fn_bind_ends_with(weir_bind *bind)
{
    return bind_test(bind, ends_with, "ends_with");
}

const char *weir_fn_bind_contains(weir_bind *bind)
{
    weir_type type = bind->args[0]->type;
    if (type.kind != WEIR_LIST) return bind_test(bind, contains_text, "contains.string");
    weir_type item = *type.item;
    item.optional = bind->args[1]->type.optional;
    const weir_expr *fitting = weir_expr_coerce(bind->into, bind->args[1], item);
    if (fitting == NULL)
        return weir_bind_misfit(bind, "the second must have the type of the list's items");
    bind->args[1] = fitting;
    return weir_bind_done(bind, weir_type_of(WEIR_BOOL), contains_item, "contains.list");
}

const char *weir_fn_bind_length(weir_bind *bind)
{
    weir_type type = weir_type_of(WEIR_INT64);
    switch (bind->args[0]->type.kind) {
    case WEIR_STRING: return weir_bind_done(bind, type, length_of_text, "length.string");
    case WEIR_BYTES: return weir_bind_done(bind, type, length_of_items, "length.bytes");
    case WEIR_LIST: return weir_bind_done(bind, type, length_of_items, "length.list");
    case WEIR_MAP: return weir_bind_done(bind, type, length_of_items, "length.map");
    default: return weir_bind_misfit(bind, "it wants a string, bytes, a list or a map");
    }
}

const char *weir_fn_bind_lower(weir_bind *bind)
{
    if (bind->args[0]->type.kind != WEIR_STRING) return weir_bind_misfit(bind, "it wants a string");
    return weir_bind_done(bind, weir_type_of(WEIR_STRING), lower_case, "lower");
}
