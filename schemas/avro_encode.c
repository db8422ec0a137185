/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/avro_internal.h"
#include "schemas/decimal.h"
#include "schemas/time.h"

/* Walks the schema as avro_fields.c does, so the next field that can be named is the next value. */
typedef struct encoder {
    const weir_schema_field *fields;
    const weir_value *values;
    size_t next;
    weir_buffer *out;
    const char *path; /* of the field being written, for messages */
} encoder;

__attribute__((format(printf, 2, 3))) static weir_error *bad(const encoder *e, const char *format,
                                                             ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = weir_error_new_va(WEIR_E_DATA, format, arguments);
    va_end(arguments);
    return weir_error_while(error, "field %s", e->path);
}

/* -- One value -- */

static bool takes_null(const weir_schema_node *node)
{
    for (size_t i = 0; node->kind == WEIR_AVRO_UNION && i < node->count; i++) {
        if (node->branches[i]->kind == WEIR_AVRO_NULL) return true;
    }
    return false;
}

static weir_error *encode_value(encoder *e, const weir_schema_node *node, const weir_value *value);

static weir_error *wrong_kind(const encoder *e, const weir_schema_node *node,
                              const weir_value *value)
{
    weir_arena scratch = {0};
    weir_error *error = bad(e, "a value of type %s, where %s is wanted",
                            weir_type_print(weir_type_of(value->kind), &scratch),
                            weir_avro_node_print(node, &scratch));
    weir_arena_deinit(&scratch);
    return error;
}

/* Instants are kept in microseconds: what the schema's unit can not hold is refused, not cut. */
static weir_error *to_unit(const encoder *e, const weir_schema_node *node, const weir_value *value,
                           int64_t *out)
{
    int64_t unit = 1;
    if (node->logical == WEIR_LOGICAL_DATE) unit = WEIR_US_PER_DAY;
    if (node->logical == WEIR_LOGICAL_TIME_MILLIS || node->logical == WEIR_LOGICAL_TIMESTAMP_MILLIS)
        unit = 1000;
    *out = value->as.integer / unit;
    if (*out * unit == value->as.integer) return NULL;
    return bad(e, "the time is finer than the schema's %s", unit == 1000 ? "milliseconds" : "days");
}

static weir_error *encode_whole(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    int64_t whole = 0;
    bool fits =
        value->kind == WEIR_INT64 || value->kind == WEIR_TIME || value->kind == WEIR_DURATION;
    if (!fits) return wrong_kind(e, node, value);
    WEIR_TRY(to_unit(e, node, value, &whole));
    if (node->kind == WEIR_AVRO_INT && whole != (int32_t)whole)
        return bad(e, "%" PRId64 " does not fit the schema's int of 32 bits; make it long", whole);
    weir_buffer_put_zigzag(e->out, whole);
    return NULL;
}

static weir_error *encode_real(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    if (value->kind != WEIR_FLOAT64) return wrong_kind(e, node, value);
    if (node->kind == WEIR_AVRO_DOUBLE) {
        weir_buffer_put(e->out, &value->as.float64, 8);
        return NULL;
    }
    float single = (float)value->as.float64;
    if (!isfinite(single)) return bad(e, "beyond the range of the schema's float; make it double");
    weir_buffer_put(e->out, &single, 4);
    return NULL;
}

/* The shortest big-endian two's complement, or `size` bytes of it for a fixed. */
static size_t decimal_bytes(weir_int128 value, uint8_t out[16])
{
    weir_uint128 raw = (weir_uint128)value;
    for (int i = 15; i >= 0; i--) {
        out[i] = (uint8_t)raw;
        raw >>= 8;
    }
    size_t skip = 0;
    uint8_t sign = value < 0 ? 0xff : 0;
    while (skip < 15 && out[skip] == sign && (out[skip + 1] & 0x80) == (sign & 0x80))
        skip++;
    return skip;
}

static weir_error *encode_decimal(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    if (value->kind != WEIR_DECIMAL) return wrong_kind(e, node, value);
    if (!weir_decimal_fits(value->as.decimal, node->precision))
        return bad(e, "more digits than the schema's decimal(%u,%u)", node->precision, node->scale);
    uint8_t bytes[16];
    size_t skip = decimal_bytes(value->as.decimal, bytes), size = 16 - skip;
    if (node->kind == WEIR_AVRO_BYTES) {
        weir_buffer_put_zigzag(e->out, (int64_t)size);
    } else {
        for (size_t i = size; i < node->size; i++)
            weir_buffer_put_u8(e->out, value->as.decimal < 0 ? 0xff : 0);
        WEIR_ASSERT(size <= node->size); /* the schema was checked to hold its precision */
    }
    weir_buffer_put(e->out, bytes + skip, size);
    return NULL;
}

static weir_error *encode_blob(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    if (node->logical == WEIR_LOGICAL_DECIMAL) return encode_decimal(e, node, value);
    weir_kind want = node->kind == WEIR_AVRO_STRING ? WEIR_STRING : WEIR_BYTES;
    if (value->kind != want) return wrong_kind(e, node, value);
    if (value->size > WEIR_AVRO_STRING_MAX) return bad(e, "longer than 64 KiB");
    if (node->kind == WEIR_AVRO_FIXED && value->size != node->size)
        return bad(e, "%u bytes, where the schema's fixed has %u", value->size, node->size);
    if (node->kind != WEIR_AVRO_FIXED) weir_buffer_put_zigzag(e->out, value->size);
    weir_buffer_put(e->out, value->as.bytes, value->size);
    return NULL;
}

static weir_error *encode_vec(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    for (uint32_t i = 0; i < value->size; i++) {
        weir_value item = weir_float((double)value->as.vec[i]);
        WEIR_TRY(encode_value(e, node->item, &item));
    }
    return NULL;
}

static weir_error *encode_pairs(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    bool is_map = node->kind == WEIR_AVRO_MAP;
    for (uint32_t i = 0; i < value->size; i++) {
        const weir_value *item = &value->as.items[is_map ? 2 * i + 1 : i];
        if (is_map) {
            const weir_value *key = &value->as.items[2 * i];
            if (key->kind != WEIR_STRING) return bad(e, "a map's keys are strings in Avro");
            weir_buffer_put_zigzag(e->out, key->size);
            weir_buffer_put(e->out, key->as.bytes, key->size);
        }
        WEIR_TRY(encode_value(e, node->item, item));
    }
    return NULL;
}

static weir_error *encode_items(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    bool is_vec = value->kind == WEIR_VEC && node->kind == WEIR_AVRO_ARRAY;
    if (!is_vec && value->kind != (node->kind == WEIR_AVRO_MAP ? WEIR_MAP : WEIR_LIST))
        return wrong_kind(e, node, value);
    if (value->size > WEIR_AVRO_ITEMS_MAX) return bad(e, "more than 10,000 items");
    if (value->size > 0) weir_buffer_put_zigzag(e->out, value->size);
    WEIR_TRY(is_vec ? encode_vec(e, node, value) : encode_pairs(e, node, value));
    weir_buffer_put_u8(e->out, 0);
    return NULL;
}

static weir_error *encode_geo(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    if (value->kind != WEIR_GEO) return wrong_kind(e, node, value);
    for (size_t i = 0; i < node->count; i++) {
        bool is_lat = strcmp(node->members[i].name, "lat") == 0;
        weir_value part = weir_float(is_lat ? value->as.geo.latitude : value->as.geo.longitude);
        WEIR_TRY(encode_value(e, node->members[i].node, &part));
    }
    return NULL;
}

static weir_error *encode_present(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    switch (node->kind) {
    case WEIR_AVRO_BOOLEAN:
        if (value->kind != WEIR_BOOL) return wrong_kind(e, node, value);
        weir_buffer_put_u8(e->out, value->as.boolean);
        return NULL;
    case WEIR_AVRO_INT:
    case WEIR_AVRO_LONG: return encode_whole(e, node, value);
    case WEIR_AVRO_FLOAT:
    case WEIR_AVRO_DOUBLE: return encode_real(e, node, value);
    case WEIR_AVRO_BYTES:
    case WEIR_AVRO_STRING:
    case WEIR_AVRO_FIXED: return encode_blob(e, node, value);
    case WEIR_AVRO_ENUM:
        if (value->kind != WEIR_ENUM) return wrong_kind(e, node, value);
        if ((uint64_t)value->as.integer >= node->count)
            return bad(e, "an enum's index is out of range");
        weir_buffer_put_zigzag(e->out, value->as.integer);
        return NULL;
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: return encode_items(e, node, value);
    case WEIR_AVRO_RECORD: return encode_geo(e, node, value);
    default: WEIR_UNREACHABLE();
    }
}

/* A union of null and something, or of one type, writes its index first. */
static void put_branch(encoder *e, const weir_schema_node *node, bool is_null)
{
    if (node->kind != WEIR_AVRO_UNION) return;
    size_t index = 0;
    while ((node->branches[index]->kind == WEIR_AVRO_NULL) != is_null)
        index++;
    weir_buffer_put_zigzag(e->out, (int64_t)index);
}

static weir_error *encode_value(encoder *e, const weir_schema_node *node, const weir_value *value)
{
    bool nullable = false;
    const weir_schema_node *inner = weir_avro_strip_null(node, &nullable);
    if (weir_is_null(value) && !nullable)
        return bad(e, "null, but the schema allows none; give a value or make it optional");
    put_branch(e, node, weir_is_null(value));
    return weir_is_null(value) ? NULL : encode_present(e, inner, value);
}

/* -- Records -- */

/* How many of the next values belong to this node; 1 for what can be named itself. */
static size_t count_fields(const weir_schema_node *node, weir_arena *scratch)
{
    weir_type type;
    bool nullable = false;
    if (weir_avro_type_of(node, scratch, &type)) return 1;
    const weir_schema_node *inner = weir_avro_strip_null(node, &nullable);
    size_t count = 0;
    for (size_t i = 0; inner->kind == WEIR_AVRO_RECORD && i < inner->count; i++)
        count += count_fields(inner->members[i].node, scratch);
    return count;
}

static weir_error *encode_record(encoder *e, const weir_schema_node *record, weir_arena *scratch);

static bool all_null(const encoder *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!weir_is_null(&e->values[e->next + i])) return false;
    }
    return true;
}

/* A record within a record; where it may be null, it is so when all of its fields are. */
static weir_error *encode_inner_record(encoder *e, const weir_schema_node *node,
                                       weir_arena *scratch)
{
    bool nullable = false;
    const weir_schema_node *record = weir_avro_strip_null(node, &nullable);
    size_t count = count_fields(node, scratch);
    bool is_null = nullable && all_null(e, count);
    put_branch(e, node, is_null);
    if (!is_null) return encode_record(e, record, scratch);
    e->next += count;
    return NULL;
}

static weir_error *encode_member(encoder *e, const weir_schema_member *member, weir_arena *scratch)
{
    weir_type type;
    bool nullable = false;
    if (weir_avro_type_of(member->node, scratch, &type)) {
        e->path = e->fields[e->next].path;
        return encode_value(e, member->node, &e->values[e->next++]);
    }
    const weir_schema_node *inner = weir_avro_strip_null(member->node, &nullable);
    if (inner->kind == WEIR_AVRO_RECORD) return encode_inner_record(e, member->node, scratch);
    if (inner->kind == WEIR_AVRO_NULL) {
        put_branch(e, member->node, true);
        return NULL;
    }
    e->path = member->name;
    if (!member->has_default && takes_null(member->node)) {
        put_branch(e, member->node, true);
        return NULL;
    }
    if (!member->has_default)
        return bad(e,
                   "can not be written: it is of a type that has no name here, and has no default");
    weir_buffer_put(e->out, member->default_bytes.data, member->default_bytes.size);
    return NULL;
}

static weir_error *encode_record(encoder *e, const weir_schema_node *record, weir_arena *scratch)
{
    for (size_t i = 0; i < record->count; i++)
        WEIR_TRY(encode_member(e, &record->members[i], scratch));
    return NULL;
}

weir_error *weir_schema_encode(const weir_schema *schema, const weir_value *values,
                               weir_buffer *out)
{
    weir_arena scratch = {0};
    encoder e = {.fields = schema->fields, .values = values, .out = out};
    size_t start = out->size;
    weir_error *error = encode_record(&e, schema->root, &scratch);
    weir_arena_deinit(&scratch);
    WEIR_ASSERT(error != NULL || e.next == schema->field_count);
    if (error == NULL && out->size - start > WEIR_AVRO_MESSAGE_MAX)
        error = weir_error_new(WEIR_E_LIMIT, "the record takes more than 1 MiB as Avro");
    if (error != NULL) out->size = start;
    return error;
}
