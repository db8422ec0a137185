/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lang/digest.h"

#include <string.h>

#include "compute/lang/check_internal.h"
#include "ops/runtime/assert.h"

void weir_digester_init(weir_digester *sha) { *sha = (weir_digester){0}; }

void weir_digester_put(weir_digester *sha, const void *bytes, size_t size)
{
    weir_buffer_put(&sha->bytes, bytes, size);
}

void weir_digester_finish(weir_digester *sha, uint8_t digest_out[WEIR_DIGEST_BYTES])
{
    weir_sha256_of(sha->bytes.data, sha->bytes.size, digest_out);
    weir_buffer_deinit(&sha->bytes);
}

void weir_digest_int(weir_digester *sha, int64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    weir_digester_put(sha, bytes, sizeof bytes);
}

void weir_digest_text(weir_digester *sha, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    weir_digest_int(sha, text == NULL ? -1 : (int64_t)length);
    if (length > 0) weir_digester_put(sha, text, length);
}

static void put_buffer(weir_digester *sha, weir_buffer *buffer)
{
    weir_digest_int(sha, (int64_t)buffer->size);
    if (buffer->size > 0) weir_digester_put(sha, buffer->data, buffer->size);
    weir_buffer_deinit(buffer);
}

void weir_digest_type(weir_digester *sha, weir_type type)
{
    weir_buffer bytes = {0};
    weir_type_encode(type, &bytes);
    put_buffer(sha, &bytes);
}

static void put_value(weir_digester *sha, weir_type type, const weir_value *value)
{
    weir_buffer bytes = {0};
    weir_value_encode(type, value, &bytes);
    put_buffer(sha, &bytes);
}

/* A parameter has no type of its own but its kind. */
static void put_parameter(weir_digester *sha, const weir_value *value)
{
    weir_digest_int(sha, value->kind);
    switch (value->kind) {
    case WEIR_NULL: break;
    case WEIR_BOOL: weir_digest_int(sha, value->as.boolean); break;
    case WEIR_FLOAT64: {
        int64_t bits = 0;
        memcpy(&bits, &value->as.float64, sizeof bits);
        weir_digest_int(sha, bits);
        break;
    }
    case WEIR_DECIMAL:
        weir_digest_int(sha, (int64_t)value->as.decimal);
        weir_digest_int(sha, (int64_t)(value->as.decimal >> 64));
        break;
    case WEIR_STRING:
    case WEIR_BYTES:
        weir_digest_int(sha, value->size);
        weir_digester_put(sha, value->as.bytes, value->size);
        break;
    default: weir_digest_int(sha, value->as.integer); break;
    }
}

void weir_digest_binding(weir_digester *sha, const weir_agg_binding *binding)
{
    weir_digest_text(sha, weir_agg_name(binding->agg));
    weir_digest_int(sha, binding->arg_count);
    for (uint32_t i = 0; i < binding->arg_count; i++)
        weir_digest_type(sha, binding->args[i]);
    for (uint32_t i = 0; i < WEIR_AGG_PARAMS_MAX; i++)
        put_parameter(sha, &binding->params[i]);
    weir_digest_type(sha, binding->type);
}

void weir_digest_window(weir_digester *sha, const weir_plan_window *window)
{
    weir_digest_int(sha, window->kind);
    weir_digest_int(sha, window->width_us);
    weir_digest_int(sha, window->delay_us);
    weir_digest_int(sha, window->step_us);
    weir_digest_int(sha, window->count);
    weir_digest_int(sha, window->calendar_unit);
}

static void put_leaf(weir_digester *sha, weir_checker *c, const weir_stream_info *source,
                     const weir_stream_info *self, const weir_expr *expr)
{
    switch (expr->op) {
    case WEIR_EXPR_CONST: put_value(sha, expr->type, &expr->constant); break;
    case WEIR_EXPR_FIELD:
        weir_digest_text(sha, source->name);
        weir_digest_text(sha, source->slots.items[expr->index]);
        break;
    case WEIR_EXPR_THIS: weir_digest_text(sha, self->slots.items[expr->index]); break;
    case WEIR_EXPR_COLUMN:
        weir_digester_put(sha, ((weir_column_info *)c->columns.items[expr->index])->digest,
                          WEIR_DIGEST_BYTES);
        break;
    case WEIR_EXPR_CELL:
        weir_digester_put(sha, ((weir_cell_info *)c->cells.items[expr->index])->digest,
                          WEIR_DIGEST_BYTES);
        break;
    case WEIR_EXPR_CARRIED: {
        const weir_carried_info *carried = source->carried.items[expr->index];
        WEIR_ASSERT(carried->member->has_digest);
        weir_digester_put(sha, carried->member->digest, WEIR_DIGEST_BYTES);
        break;
    }
    default: break;
    }
}

/* Depth is bounded: the checker refuses deeper trees before it asks for a digest. */
const uint8_t *weir_digest_expr(weir_checker *c, const weir_stream_info *source,
                                const weir_stream_info *self, const weir_expr *expr)
{
    uint8_t *known = weir_map_get(&c->digests, NULL, expr);
    if (known != NULL) return known;
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_int(&sha, expr->op);
    weir_digest_type(&sha, expr->type);
    put_leaf(&sha, c, source, self, expr);
    weir_digest_text(&sha, expr->fn_name);
    if (expr->op == WEIR_EXPR_CALL && expr->data != NULL) {
        weir_buffer zone = {0};
        weir_zone_encode(expr->data, &zone);
        put_buffer(&sha, &zone);
    }
    weir_digest_int(&sha, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        weir_digester_put(&sha, weir_digest_expr(c, source, self, expr->args[i]),
                          WEIR_DIGEST_BYTES);
    uint8_t *digest = weir_arena_alloc(c->scratch, WEIR_DIGEST_BYTES);
    weir_digester_finish(&sha, digest);
    weir_map_put(&c->digests, NULL, expr, digest);
    return digest;
}

const char *weir_digest_name(weir_checker *c, const uint8_t digest[WEIR_DIGEST_BYTES])
{
    char hex[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, hex);
    return weir_intern_name(c->intern, hex, 2 * WEIR_DIGEST_BYTES);
}
