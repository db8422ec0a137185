/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our decoder and encoder against avro-c's, on schemas and values made from a seed: avro-c fills
 * and writes a value, we read it and compare field by field; we write what we read, and avro-c
 * reads the same value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <avro.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/avro.h"

enum { ROUNDS = 400, VALUES = 10, BODY_MAX = 1 << 16 };

static weir_arena arena;
static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* -- Schemas -- */

static int named;

static void put_type(weir_buffer *out, int depth);

static void put_record(weir_buffer *out, int depth)
{
    weir_buffer_printf(out, "{\"type\":\"record\",\"name\":\"N%d\",\"fields\":[", named++);
    size_t count = 1 + draw(depth == 0 ? 12 : 4);
    for (size_t i = 0; i < count; i++) {
        weir_buffer_printf(out, "%s{\"name\":\"f%zu\",\"type\":", i == 0 ? "" : ",", i);
        put_type(out, depth + 1);
        weir_buffer_put_u8(out, '}');
    }
    weir_buffer_put_text(out, "]}");
}

static void put_simple(weir_buffer *out)
{
    static const char *const names[] = {"boolean", "int",    "long", "float",
                                        "double",  "string", "bytes"};
    uint64_t kind = draw(9);
    if (kind < 7) weir_buffer_printf(out, "\"%s\"", names[kind]);
    if (kind == 7)
        weir_buffer_printf(out, "{\"type\":\"fixed\",\"name\":\"N%d\",\"size\":%d}", named++,
                           1 + (int)draw(9)); /* avro-c reads no fixed of no bytes */
    if (kind == 8)
        weir_buffer_printf(
            out, "{\"type\":\"enum\",\"name\":\"N%d\",\"symbols\":[\"A\",\"B\",\"C\"]}", named++);
}

static void put_type(weir_buffer *out, int depth)
{
    uint64_t form = draw(12);
    if (form < 7) {
        put_simple(out);
    } else if (form < 9) {
        bool first = draw(2) == 0;
        weir_buffer_put_text(out, first ? "[\"null\"," : "[");
        put_simple(out);
        weir_buffer_put_text(out, first ? "]" : ",\"null\"]");
    } else if (form == 9) {
        bool is_map = draw(2) == 0;
        weir_buffer_put_text(out, is_map ? "{\"type\":\"map\",\"values\":"
                                         : "{\"type\":\"array\",\"items\":");
        put_simple(out);
        weir_buffer_put_u8(out, '}');
    } else if (depth < 3) {
        put_record(out, depth);
    } else {
        put_simple(out);
    }
}

/* -- Values, filled by avro-c -- */

static void fill(avro_value_t *value);

static void fill_items(avro_value_t *value, bool is_map)
{
    size_t count = draw(5);
    for (size_t i = 0; i < count; i++) {
        avro_value_t item;
        char key[32];
        (void)snprintf(key, sizeof key, "k%zu", i);
        if (is_map) {
            avro_value_add(value, key, &item, NULL, NULL);
        } else {
            avro_value_append(value, &item, NULL);
        }
        fill(&item);
    }
}

static void fill_record(avro_value_t *value)
{
    size_t count = 0;
    avro_value_get_size(value, &count);
    for (size_t i = 0; i < count; i++) {
        avro_value_t member;
        avro_value_get_by_index(value, i, &member, NULL);
        fill(&member);
    }
}

static void fill_text(avro_value_t *value, avro_type_t type)
{
    char text[300];
    size_t size = draw(3) == 0 ? draw(200) : draw(12);
    for (size_t i = 0; i < size; i++)
        text[i] = type == AVRO_STRING ? (char)('a' + draw(26)) : (char)draw(256);
    text[size] = '\0';
    if (type == AVRO_STRING) avro_value_set_string_len(value, text, size + 1);
    if (type == AVRO_BYTES) avro_value_set_bytes(value, text, size);
    if (type == AVRO_FIXED) {
        avro_schema_t schema = avro_value_get_schema(value);
        size_t want = (size_t)avro_schema_fixed_size(schema);
        memset(text, (int)draw(256), want);
        avro_value_set_fixed(value, text, want);
    }
}

static int64_t any_long(void)
{
    int64_t value = (int64_t)(draw(UINT64_MAX) >> draw(64));
    return draw(2) == 0 ? value : -value;
}

static void fill(avro_value_t *value)
{
    avro_value_t branch;
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN: avro_value_set_boolean(value, (int)draw(2)); break;
    case AVRO_INT32: avro_value_set_int(value, (int32_t)any_long()); break;
    case AVRO_INT64: avro_value_set_long(value, any_long()); break;
    case AVRO_FLOAT: avro_value_set_float(value, (float)any_long() / 8); break;
    case AVRO_DOUBLE: avro_value_set_double(value, (double)any_long() / 1024); break;
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED: fill_text(value, avro_value_get_type(value)); break;
    case AVRO_ENUM: avro_value_set_enum(value, (int)draw(3)); break;
    case AVRO_NULL: avro_value_set_null(value); break;
    case AVRO_ARRAY: fill_items(value, false); break;
    case AVRO_MAP: fill_items(value, true); break;
    case AVRO_RECORD: fill_record(value); break;
    case AVRO_UNION:
        avro_value_set_branch(value, (int)draw(2), &branch);
        fill(&branch);
        break;
    default: fail_msg("a type that was not drawn");
    }
}

/* -- Comparison -- */

static bool same(const weir_value *ours, avro_value_t *theirs);

static bool same_items(const weir_value *ours, avro_value_t *theirs, bool is_map)
{
    size_t count = 0;
    avro_value_get_size(theirs, &count);
    if (count != ours->size) return false;
    for (size_t i = 0; i < count; i++) {
        avro_value_t item;
        const char *key = NULL;
        avro_value_get_by_index(theirs, i, &item, &key);
        const weir_value *at = &ours->as.items[is_map ? 2 * i : i];
        if (is_map && (at->size != strlen(key) || memcmp(at->as.bytes, key, at->size) != 0))
            return false;
        if (!same(is_map ? at + 1 : at, &item)) return false;
    }
    return true;
}

static bool same_bytes(const weir_value *ours, const void *bytes, size_t size)
{
    return ours->size == size && (size == 0 || memcmp(ours->as.bytes, bytes, size) == 0);
}

static bool same(const weir_value *ours, avro_value_t *theirs)
{
    int flag = 0;
    int32_t narrow = 0;
    int64_t whole = 0;
    float single = 0;
    double real = 0;
    const char *text = NULL;
    const void *bytes = NULL;
    size_t size = 0;
    avro_value_t branch;
    switch (avro_value_get_type(theirs)) {
    case AVRO_BOOLEAN:
        return avro_value_get_boolean(theirs, &flag) == 0 && ours->as.boolean == (flag != 0);
    case AVRO_INT32: return avro_value_get_int(theirs, &narrow) == 0 && ours->as.integer == narrow;
    case AVRO_INT64: return avro_value_get_long(theirs, &whole) == 0 && ours->as.integer == whole;
    case AVRO_FLOAT:
        return avro_value_get_float(theirs, &single) == 0 && ours->as.float64 == (double)single;
    case AVRO_DOUBLE: return avro_value_get_double(theirs, &real) == 0 && ours->as.float64 == real;
    case AVRO_STRING:
        return avro_value_get_string(theirs, &text, &size) == 0 && same_bytes(ours, text, size - 1);
    case AVRO_BYTES:
        return avro_value_get_bytes(theirs, &bytes, &size) == 0 && same_bytes(ours, bytes, size);
    case AVRO_FIXED:
        return avro_value_get_fixed(theirs, &bytes, &size) == 0 && same_bytes(ours, bytes, size);
    case AVRO_ENUM: return avro_value_get_enum(theirs, &flag) == 0 && ours->as.integer == flag;
    case AVRO_NULL: return weir_is_null(ours);
    case AVRO_ARRAY: return same_items(ours, theirs, false);
    case AVRO_MAP: return same_items(ours, theirs, true);
    case AVRO_UNION:
        return avro_value_get_current_branch(theirs, &branch) == 0 && same(ours, &branch);
    default: return false;
    }
}

static void check_fields(const weir_schema *schema, const weir_value *slots, avro_value_t *value)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        avro_value_t at = *value, member;
        char path[200], *rest = path;
        (void)snprintf(path, sizeof path, "%s", schema->fields[i].path);
        for (const char *name = strsep(&rest, "."); name != NULL; name = strsep(&rest, ".")) {
            assert_int_equal(avro_value_get_by_name(&at, name, &member, NULL), 0);
            at = member;
        }
        if (!same(&slots[i], &at))
            fail_msg("%s differs; schema %s", schema->fields[i].path, schema->json);
    }
}

/* -- Rounds -- */

typedef struct round_state {
    const weir_schema *schema;
    const weir_decoder *decoder;
    avro_value_iface_t *iface;
    weir_value slots[200];
} round_state;

static void check_value(round_state *r)
{
    static char body[BODY_MAX];
    avro_value_t value, back;
    avro_generic_value_new(r->iface, &value);
    avro_generic_value_new(r->iface, &back);
    fill(&value);
    avro_writer_t writer = avro_writer_memory(body, sizeof body);
    assert_int_equal(avro_value_write(writer, &value), 0);
    size_t size = (size_t)avro_writer_tell(writer);
    weir_decode_result result =
        weir_decoder_decode(r->decoder, (weir_bytes){(uint8_t *)body, size}, &arena, r->slots);
    if (result.reason != WEIR_DECODE_OK)
        fail_msg("%s in %s; schema %s", result.problem, result.path, r->schema->json);
    check_fields(r->schema, r->slots, &value);
    weir_buffer out = {0};
    assert_null(weir_schema_encode(r->schema, r->slots, &out));
    avro_reader_t reader = avro_reader_memory((char *)out.data, (int64_t)out.size);
    assert_int_equal(avro_value_read(reader, &back), 0);
    assert_true(avro_value_equal(&value, &back));
    avro_reader_free(reader);
    avro_writer_free(writer);
    weir_buffer_deinit(&out);
    avro_value_decref(&value);
    avro_value_decref(&back);
}

static void check_schema(const weir_buffer *json)
{
    round_state r = {0};
    avro_schema_t theirs = NULL;
    const char *text = (const char *)json->data;
    weir_error *error = weir_schema_parse(text, json->size, "random", &arena, &r.schema);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    if (avro_schema_from_json_length(text, json->size, &theirs) != 0)
        fail_msg("%s: %.*s", avro_strerror(), (int)json->size, text);
    r.iface = avro_generic_class_from_schema(theirs);
    const char *wanted[200];
    assert_true(r.schema->field_count <= 200);
    for (size_t i = 0; i < r.schema->field_count; i++)
        wanted[i] = r.schema->fields[i].path;
    assert_null(weir_decoder_compile(r.schema, r.schema, wanted, NULL, r.schema->field_count,
                                     &arena, &r.decoder));
    for (int i = 0; i < VALUES; i++)
        check_value(&r);
    avro_value_iface_decref(r.iface);
    avro_schema_decref(theirs);
}

static void random_records_agree_with_avro_c(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        weir_buffer json = {0};
        named = 0;
        put_record(&json, 0);
        check_schema(&json);
        weir_buffer_deinit(&json);
        weir_arena_reset(&arena);
    }
    weir_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_records_agree_with_avro_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
