/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/type.h"

#include <string.h>

static bool symbols_equal(const weir_enum_type *a, const weir_enum_type *b)
{
    if (a == b) return true;
    if (a == NULL || b == NULL || a->symbol_count != b->symbol_count) return false;
    for (uint32_t i = 0; i < a->symbol_count; i++) {
        if (strcmp(a->symbols[i], b->symbols[i]) != 0) return false;
    }
    return true;
}

static bool inner_equal(const weir_type *a, const weir_type *b)
{
    if (a == NULL || b == NULL) return a == b;
    return weir_type_equal(*a, *b);
}

bool weir_type_equal(weir_type a, weir_type b)
{
    if (a.kind != b.kind || a.optional != b.optional) return false;
    switch (a.kind) {
    case WEIR_DECIMAL: return a.precision == b.precision && a.scale == b.scale;
    case WEIR_ENUM: return symbols_equal(a.symbols, b.symbols);
    case WEIR_VEC: return a.length == b.length;
    case WEIR_LIST: return inner_equal(a.item, b.item);
    case WEIR_MAP: return inner_equal(a.key, b.key) && inner_equal(a.item, b.item);
    default: return true;
    }
}

static const char *base_print(weir_type type, weir_arena *into)
{
    switch (type.kind) {
    case WEIR_NULL: return "null";
    case WEIR_BOOL: return "bool";
    case WEIR_INT64: return "int64";
    case WEIR_FLOAT64: return "float64";
    case WEIR_DECIMAL: return weir_arena_printf(into, "decimal(%u,%u)", type.precision, type.scale);
    case WEIR_STRING: return "string";
    case WEIR_BYTES: return "bytes";
    case WEIR_ENUM: return type.symbols != NULL ? type.symbols->name : "enum";
    case WEIR_TIME: return "time";
    case WEIR_DURATION: return "duration";
    case WEIR_GEO: return "geo";
    case WEIR_VEC: return weir_arena_printf(into, "vec(%u)", type.length);
    case WEIR_LIST: return weir_arena_printf(into, "list(%s)", weir_type_print(*type.item, into));
    case WEIR_MAP:
        return weir_arena_printf(into, "map(%s, %s)", weir_type_print(*type.key, into),
                                 weir_type_print(*type.item, into));
    default: return "?";
    }
}

const char *weir_type_print(weir_type type, weir_arena *into)
{
    const char *base = base_print(type, into);
    return type.optional ? weir_arena_printf(into, "%s?", base) : base;
}

void weir_type_encode(weir_type type, weir_buffer *out)
{
    weir_buffer_put_u8(out, type.kind);
    weir_buffer_put_u8(out, type.optional);
    switch (type.kind) {
    case WEIR_DECIMAL:
        weir_buffer_put_u8(out, type.precision);
        weir_buffer_put_u8(out, type.scale);
        break;
    case WEIR_ENUM:
        weir_buffer_put_varint(out, type.symbols->symbol_count);
        for (uint32_t i = 0; i < type.symbols->symbol_count; i++) {
            size_t length = strlen(type.symbols->symbols[i]);
            weir_buffer_put_varint(out, length);
            weir_buffer_put(out, type.symbols->symbols[i], length);
        }
        break;
    case WEIR_VEC: weir_buffer_put_varint(out, type.length); break;
    case WEIR_MAP: weir_type_encode(*type.key, out); /* fall through */
    case WEIR_LIST: weir_type_encode(*type.item, out); break;
    default: break;
    }
}
