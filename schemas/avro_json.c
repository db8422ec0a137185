/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/avro_json.h"

#include "schemas/avro_internal.h"
#include "schemas/decimal.h"
#include "schemas/json_value.h"

typedef struct printer {
    weir_reader reader;
    weir_json_writer *writer;
    uint32_t items; /* of all arrays and maps */
} printer;

static bool print_node(printer *self, const weir_schema_node *node);

static void write_value(printer *self, weir_type type, weir_value value)
{
    weir_json_write_value(self->writer, type, &value);
}

static int64_t scaled(int64_t number, int64_t by)
{
    int64_t product = 0;
    return __builtin_mul_overflow(number, by, &product) ? number : product;
}

static void print_long(printer *self, const weir_schema_node *node, int64_t number)
{
    switch (node->logical) {
    case WEIR_LOGICAL_DATE:
        write_value(self, weir_type_of(WEIR_TIME), weir_time(scaled(number, INT64_C(86400000000))));
        return;
    case WEIR_LOGICAL_TIMESTAMP_MILLIS:
        write_value(self, weir_type_of(WEIR_TIME), weir_time(scaled(number, 1000)));
        return;
    case WEIR_LOGICAL_TIMESTAMP_MICROS:
        write_value(self, weir_type_of(WEIR_TIME), weir_time(number));
        return;
    case WEIR_LOGICAL_TIME_MILLIS: weir_json_write_int(self->writer, scaled(number, 1000)); return;
    default: weir_json_write_int(self->writer, number);
    }
}

static void print_double(printer *self, double value)
{
    if (value != value || value - value != 0) { /* NaN and infinities are no JSON numbers */
        weir_json_write_text(self->writer, value != value ? "NaN"
                                           : value > 0    ? "Infinity"
                                                          : "-Infinity");
        return;
    }
    write_value(self, weir_type_of(WEIR_FLOAT64),
                (weir_value){.kind = WEIR_FLOAT64, .as.float64 = value});
}

static void print_bytes(printer *self, const weir_schema_node *node, weir_bytes bytes)
{
    if (node->logical == WEIR_LOGICAL_DECIMAL && bytes.size > 0 && bytes.size <= 16) {
        weir_int128 unscaled = (int8_t)bytes.data[0] < 0 ? -1 : 0;
        for (size_t i = 0; i < bytes.size; i++) {
            unscaled = (weir_int128)((unsigned __int128)unscaled << 8 | bytes.data[i]);
        }
        char text[WEIR_DECIMAL_TEXT_MAX];
        size_t size = weir_decimal_print(unscaled, node->scale, text);
        weir_json_write_string(self->writer, text, size);
        return;
    }
    write_value(
        self, weir_type_of(WEIR_BYTES),
        (weir_value){.kind = WEIR_BYTES, .size = (uint32_t)bytes.size, .as.bytes = bytes.data});
}

static bool print_record(printer *self, const weir_schema_node *node)
{
    weir_json_write_begin(self->writer, '{');
    for (size_t i = 0; i < node->count; i++) {
        weir_json_write_key(self->writer, node->members[i].name);
        if (!print_node(self, node->members[i].node)) return false;
    }
    weir_json_write_end(self->writer, '}');
    return true;
}

static weir_bytes take_sized(printer *self)
{
    int64_t size = weir_reader_zigzag(&self->reader);
    if (size < 0) self->reader.bad = true;
    const uint8_t *data = self->reader.bad ? NULL : weir_reader_take(&self->reader, (size_t)size);
    return (weir_bytes){data, data == NULL ? 0 : (size_t)size};
}

static bool print_item(printer *self, const weir_schema_node *node)
{
    if (++self->items > WEIR_AVRO_MESSAGE_ITEMS_MAX) return false;
    if (node->kind == WEIR_AVRO_MAP) {
        weir_bytes key = take_sized(self);
        if (key.size > 255 || self->reader.bad) return false;
        char name[256];
        memcpy(name, key.data, key.size);
        name[key.size] = 0;
        weir_json_write_key(self->writer, name);
    }
    return print_node(self, node->item);
}

/* Blocks of items; a negative count is followed by the block's size in bytes. */
static bool print_blocks(printer *self, const weir_schema_node *node)
{
    char open = node->kind == WEIR_AVRO_MAP ? '{' : '[';
    weir_json_write_begin(self->writer, open);
    for (;;) {
        int64_t count = weir_reader_zigzag(&self->reader);
        if (self->reader.bad || count == INT64_MIN) return false;
        if (count == 0) break;
        if (count < 0) {
            (void)weir_reader_zigzag(&self->reader);
            count = -count;
        }
        for (int64_t i = 0; i < count; i++) {
            if (!print_item(self, node)) return false;
        }
    }
    weir_json_write_end(self->writer, open == '{' ? '}' : ']');
    return true;
}

static bool print_choice(printer *self, const weir_schema_node *node)
{
    int64_t index = weir_reader_zigzag(&self->reader);
    size_t count = node->kind == WEIR_AVRO_ENUM ? node->symbols->symbol_count : node->count;
    if (self->reader.bad || index < 0 || (uint64_t)index >= count) return false;
    if (node->kind == WEIR_AVRO_UNION) return print_node(self, node->branches[index]);
    weir_json_write_text(self->writer, node->symbols->symbols[index]);
    return true;
}

static bool print_scalar(printer *self, const weir_schema_node *node)
{
    switch (node->kind) {
    case WEIR_AVRO_NULL: weir_json_write_null(self->writer); break;
    case WEIR_AVRO_BOOLEAN:
        weir_json_write_bool(self->writer, weir_reader_u8(&self->reader) != 0);
        break;
    case WEIR_AVRO_INT:
    case WEIR_AVRO_LONG: print_long(self, node, weir_reader_zigzag(&self->reader)); break;
    case WEIR_AVRO_FLOAT: {
        uint32_t bits = weir_reader_u32(&self->reader);
        float value = 0;
        memcpy(&value, &bits, sizeof value);
        print_double(self, (double)value);
        break;
    }
    case WEIR_AVRO_DOUBLE: {
        uint64_t bits = weir_reader_u64(&self->reader);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        print_double(self, value);
        break;
    }
    case WEIR_AVRO_STRING: {
        weir_bytes text = take_sized(self);
        weir_json_write_string(self->writer, text.data, text.size);
        break;
    }
    case WEIR_AVRO_BYTES: print_bytes(self, node, take_sized(self)); break;
    default: {
        const uint8_t *data = weir_reader_take(&self->reader, node->size);
        print_bytes(self, node, (weir_bytes){data, data == NULL ? 0 : node->size});
    }
    }
    return !self->reader.bad;
}

static bool print_node(printer *self, const weir_schema_node *node)
{
    switch (node->kind) {
    case WEIR_AVRO_RECORD: return print_record(self, node);
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP: return print_blocks(self, node);
    case WEIR_AVRO_UNION:
    case WEIR_AVRO_ENUM: return print_choice(self, node);
    default: return print_scalar(self, node);
    }
}

bool weir_avro_write_json(const weir_schema *schema, weir_bytes body, weir_json_writer *writer)
{
    printer self = {.reader = weir_reader_of(body.data, body.size), .writer = writer};
    return print_node(&self, schema->root) && weir_reader_left(&self.reader) == 0;
}
