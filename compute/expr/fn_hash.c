/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_hash.c - hash(x) and bucket(x, count): XXH64 with seed 0 (R13).
 *
 * Hashed are the bytes of a value as a key: a string's UTF-8, the decimal text of an int64, the
 * printed form of other types (weir_key_encode). The result is the hash's 64 bits as an int64;
 * bucket takes them unsigned modulo count.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"

#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)
#define P4 UINT64_C(0x85EBCA77C2B2AE63)
#define P5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t turn(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }
static uint64_t mix(uint64_t lane, uint64_t input) { return turn(lane + input * P2, 31) * P1; }
static uint64_t merge(uint64_t hash, uint64_t lane) { return (hash ^ mix(0, lane)) * P1 + P4; }

static uint64_t read_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Whole blocks of 32 bytes, in four lanes. */
static uint64_t hash_blocks(const uint8_t **at, size_t blocks)
{
    uint64_t lanes[4] = {P1 + P2, P2, 0, 0 - P1};
    for (size_t i = 0; i < blocks; i++, *at += 32) {
        for (size_t lane = 0; lane < 4; lane++)
            lanes[lane] = mix(lanes[lane], read_u64(*at + 8 * lane));
    }
    uint64_t hash = turn(lanes[0], 1) + turn(lanes[1], 7) + turn(lanes[2], 12) + turn(lanes[3], 18);
    for (size_t lane = 0; lane < 4; lane++)
        hash = merge(hash, lanes[lane]);
    return hash;
}

uint64_t weir_hash_xxh64(const void *data, size_t size)
{
    const uint8_t *at = data;
    const uint8_t *end = at + size;
    uint64_t hash = size >= 32 ? hash_blocks(&at, size / 32) : P5;
    hash += size;
    for (; end - at >= 8; at += 8)
        hash = turn(hash ^ mix(0, read_u64(at)), 27) * P1 + P4;
    if (end - at >= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        hash = turn(hash ^ (uint64_t)word * P1, 23) * P2 + P3;
        at += 4;
    }
    for (; at < end; at++)
        hash = turn(hash ^ *at * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

static uint64_t hash_value(const weir_expr *node, const weir_value *value)
{
    if (value->kind == WEIR_STRING) return weir_hash_xxh64(value->as.bytes, value->size);
    weir_type type = node->args[0]->type;
    type.optional = false;
    weir_buffer text = {0};
    (void)weir_key_encode(&type, value, 1, &text);
    uint64_t hash = weir_hash_xxh64(text.data, text.size);
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
