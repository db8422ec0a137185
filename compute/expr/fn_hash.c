/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_hash.c - hash(x) and bucket(x, count): XXH64 with seed 0 (R13).
 *
 * Hashed are the bytes of a value as a key: a string's UTF-8, the decimal text of an int64, the
 * printed form of other types (weir_key_encode). The result is the hash's 64 bits as an int64;
 * bucket takes them unsigned modulo count.
 */
#include "compute/expr/expr_internal.h"
#include "ops/runtime/checksum.h"

static uint64_t xxh64(const void *data, size_t size) { return weir_xxh64(data, size, 0); }

static uint64_t hash_value(const weir_expr *node, const weir_value *value)
{
    if (value->kind == WEIR_STRING) return xxh64(value->as.bytes, value->size);
    weir_type type = node->args[0]->type;
    type.optional = false;
    weir_buffer text = {0};
    (void)weir_key_encode(&type, value, 1, &text);
    uint64_t hash = xxh64(text.data, text.size);
    weir_buffer_deinit(&text);
    return hash;
}

static weir_value hash_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    return weir_int((int64_t)hash_value(node, &args[0]));
}

static weir_value bucket_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    return weir_int((int64_t)(hash_value(node, &args[0]) % (uint64_t)args[1].as.integer));
}

static bool is_hashable(weir_kind kind)
{
    return kind != WEIR_LIST && kind != WEIR_MAP && kind != WEIR_VEC && kind != WEIR_GEO &&
           kind != WEIR_NULL;
}

const char *weir_fn_bind_hash(weir_bind *bind)
{
    if (!is_hashable(bind->args[0]->type.kind))
        return weir_bind_misfit(bind, "it hashes single values");
    return weir_bind_done(bind, weir_type_of(WEIR_INT64), hash_of, "hash");
}

const char *weir_fn_bind_bucket(weir_bind *bind)
{
    const weir_expr *count = bind->args[1];
    if (count->op != WEIR_EXPR_CONST || count->constant.kind != WEIR_INT64 ||
        count->constant.as.integer < 1) {
        return "`bucket` wants the number of buckets as a number from 1: bucket(x, 16)";
    }
    if (!is_hashable(bind->args[0]->type.kind))
        return weir_bind_misfit(bind, "it hashes single values");
    return weir_bind_done(bind, weir_type_of(WEIR_INT64), bucket_of, "bucket");
}
