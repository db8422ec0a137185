/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/agg/held.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

/* Bytes behind the pointer of a value; lists and maps come as their canonical bytes. */
static size_t pointed(const weir_value *value)
{
    switch (value->kind) {
    case WEIR_STRING:
    case WEIR_BYTES: return value->size;
    case WEIR_VEC: return value->size * sizeof(float);
    default: return 0;
    }
}

void weir_held_deinit(weir_held *held)
{
    if (held->owns) weir_memory_free((void *)(uintptr_t)held->value.as.bytes);
    *held = (weir_held){0};
}

void weir_held_set(weir_held *held, int64_t time, weir_value value)
{
    weir_held_deinit(held);
    *held = (weir_held){.is_set = true, .time = time, .value = value};
}

void weir_held_keep(weir_held *held)
{
    size_t size = pointed(&held->value);
    if (!held->is_set || held->owns || size == 0) return;
    uint8_t *own = weir_memory_alloc(size);
    WEIR_ASSERT(own != NULL);
    memcpy(own, held->value.as.bytes, size);
    held->value.as.bytes = own;
    held->owns = true;
}

size_t weir_held_bytes(const weir_held *held) { return held->owns ? pointed(&held->value) : 0; }

weir_held weir_held_view(const weir_held *held)
{
    weir_held view = *held;
    view.owns = false;
    return view;
}

/* Lists and maps are put as the bytes they come as. */
static weir_type stored_type(weir_type type)
{
    type.optional = false;
    return type.kind == WEIR_LIST || type.kind == WEIR_MAP ? weir_type_of(WEIR_BYTES) : type;
}

void weir_held_encode(weir_type type, const weir_held *held, weir_buffer *out)
{
    weir_buffer_put_u8(out, held->is_set);
    if (!held->is_set) return;
    weir_buffer_put_zigzag(out, held->time);
    weir_value_encode(stored_type(type), &held->value, out);
}

/* Is this what weir_column_open will find to be a list or map? */
static bool opens(weir_type type, weir_value value)
{
    if (type.kind != WEIR_LIST && type.kind != WEIR_MAP) return true;
    weir_arena scratch = {0};
    weir_reader reader = weir_reader_of(value.as.bytes, value.size);
    type.optional = false;
    (void)weir_value_decode(type, &reader, &scratch);
    weir_arena_deinit(&scratch);
    return !reader.bad && weir_reader_left(&reader) == 0;
}

bool weir_held_decode(weir_type type, weir_held *held, weir_reader *reader)
{
    *held = (weir_held){0};
    uint8_t is_set = weir_reader_u8(reader);
    if (reader->bad || is_set > 1) return false;
    if (is_set == 0) return true;
    int64_t time = weir_reader_zigzag(reader);
    weir_arena scratch = {0};
    weir_value value = weir_value_decode(stored_type(type), reader, &scratch);
    bool good = !reader->bad && opens(type, value);
    if (good) {
        weir_held_set(held, time, value);
        weir_held_keep(held);
    }
    weir_arena_deinit(&scratch);
    return good;
}
