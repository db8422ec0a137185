/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: the first byte chooses a type, the rest is canonical bytes, or JSON, or text of it. What
 * decodes encodes to the very same bytes; what is read as JSON is written so that it reads back
 * equal, and the short way through a member's value takes what the long way reads, or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "schemas/json_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const weir_type text_type = {.kind = WEIR_STRING};
static const weir_type real_type = {.kind = WEIR_FLOAT64, .optional = true};
static const char *const symbols[] = {"a", "b"};
static const weir_enum_type letters = {"Letters", symbols, 2};

static const weir_type types[] = {
    {.kind = WEIR_BOOL},
    {.kind = WEIR_INT64, .optional = true},
    {.kind = WEIR_FLOAT64},
    {.kind = WEIR_DECIMAL, .precision = 38, .scale = 9},
    {.kind = WEIR_STRING},
    {.kind = WEIR_BYTES},
    {.kind = WEIR_ENUM, .symbols = &letters},
    {.kind = WEIR_TIME},
    {.kind = WEIR_DURATION},
    {.kind = WEIR_GEO},
    {.kind = WEIR_VEC, .length = 2},
    {.kind = WEIR_LIST, .item = &real_type},
    {.kind = WEIR_MAP, .key = &text_type, .item = &real_type},
};

static void check_bytes(weir_type type, weir_bytes bytes, weir_arena *arena)
{
    weir_reader reader = weir_reader_of(bytes.data, bytes.size);
    weir_value value = weir_value_decode(type, &reader, arena);
    if (reader.bad) return;
    weir_buffer out = {0};
    weir_value_encode(type, &value, &out);
    if (out.size != bytes.size - weir_reader_left(&reader) ||
        memcmp(out.data, bytes.data, out.size) != 0)
        abort();
    weir_buffer_deinit(&out);
}

static bool read(weir_type type, weir_bytes text, weir_arena *arena, weir_value *out)
{
    bool bad = false;
    const char *problem = NULL;
    weir_json json;
    weir_json_init(&json, text.data, text.size, arena);
    bool ok = weir_json_read_value(&json, type, WEIR_UNIT_US, arena, out, &bad, &problem);
    if (!ok && problem == NULL) abort();
    return ok;
}

static void check_json(weir_type type, weir_bytes text, weir_arena *arena)
{
    weir_value value, again;
    if (!read(type, text, arena, &value) || weir_is_null(&value)) return;
    weir_buffer out = {0};
    weir_json_writer writer = {.out = &out};
    weir_json_write_value(&writer, type, &value);
    if (!read(type, (weir_bytes){out.data, out.size}, arena, &again) ||
        !weir_value_equal(&value, &again))
        abort();
    weir_buffer_deinit(&out);
}

static void check_short_way(weir_type type, weir_bytes text, weir_arena *arena)
{
    weir_buffer out = {0};
    weir_buffer_put(&out, "{\"a\":", 5);
    weir_buffer_put(&out, text.data, text.size);
    weir_buffer_put(&out, "}", 1);
    weir_json json;
    weir_json_init(&json, out.data, out.size, arena);
    weir_value taken, value;
    if (!weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN) || !weir_json_next_key(&json)) abort();
    bool is_taken = weir_json_take_plain(&json, &type, WEIR_UNIT_US, &taken);
    if (is_taken && (!read(type, text, arena, &value) || !weir_value_equal(&taken, &value)))
        abort();
    weir_buffer_deinit(&out);
}

static void check_text(weir_type type, weir_bytes text, weir_arena *arena)
{
    bool bad = false;
    const char *problem = NULL;
    weir_value value, again;
    const char *chars = (const char *)text.data;
    if (!weir_text_read_value(chars, text.size, type, WEIR_UNIT_US, arena, &value, &bad, &problem))
        return;
    if (weir_is_null(&value)) return;
    weir_buffer out = {0};
    weir_text_write_value(&out, type, &value);
    weir_buffer_put_u8(&out, 0);
    bool ok = weir_text_read_value((char *)out.data, out.size - 1, type, WEIR_UNIT_US, arena,
                                   &again, &bad, &problem);
    if (!ok || !weir_value_equal(&value, &again)) abort();
    weir_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    weir_type type = types[data[0] % (sizeof types / sizeof *types)];
    weir_bytes rest = {data + 1, size - 1};
    weir_arena arena = {0};
    check_bytes(type, rest, &arena);
    check_json(type, rest, &arena);
    check_short_way(type, rest, &arena);
    check_text(type, rest, &arena);
    weir_arena_deinit(&arena);
    return 0;
}
