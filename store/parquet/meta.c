/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/meta.h"

#include "ops/runtime/assert.h"
#include "store/parquet/writer.h"

enum {
    /* The least that a struct of the kind can take in a file that makes sense: a count is believed
     * only as far as bytes for it are there. */
    ELEMENT_BYTES_MIN = 3,
    CHUNK_BYTES_MIN = 16,
    ROW_GROUP_BYTES_MIN = 16,
    PAIR_BYTES_MIN = 2,
    ELEMENTS_MAX = 4 * WEIR_PARQUET_COLUMNS_MAX + 1,
};

const char *parquet_encoding_name(int32_t encoding)
{
    static const char *const names[] = {
        "PLAIN",
        "1",
        "PLAIN_DICTIONARY",
        "RLE",
        "BIT_PACKED",
        "DELTA_BINARY_PACKED",
        "DELTA_LENGTH_BYTE_ARRAY",
        "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY",
        "BYTE_STREAM_SPLIT",
    };
    return encoding >= 0 && encoding <= PARQUET_BYTE_STREAM_SPLIT ? names[encoding] : "unknown";
}

const char *parquet_physical_name(int32_t physical)
{
    static const char *const names[PARQUET_PHYSICAL_COUNT] = {
        "BOOLEAN", "INT32",  "INT64",      "INT96",
        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY",
    };
    return physical >= 0 && physical < PARQUET_PHYSICAL_COUNT ? names[physical] : "group";
}

/* --- Writing --- */

static void encode_unit(weir_buffer *out, int16_t *last, const parquet_element *element)
{
    thrift_put_bool(out, last, 1, element->is_utc);
    bool is_known = element->unit >= PARQUET_UNIT_MS && element->unit <= PARQUET_UNIT_NS;
    thrift_put_field(out, last, 2, THRIFT_STRUCT);
    int16_t unit = 0;
    if (is_known) {
        thrift_put_field(out, &unit, (int16_t)element->unit, THRIFT_STRUCT);
        thrift_put_stop(out); /* MicroSeconds{} */
    }
    thrift_put_stop(out); /* TimeUnit */
}

static void encode_logical(weir_buffer *out, int16_t *outer, const parquet_element *element)
{
    thrift_put_field(out, outer, 10, THRIFT_STRUCT);
    int16_t chosen = 0, last = 0;
    thrift_put_field(out, &chosen, (int16_t)element->logical, THRIFT_STRUCT);
    switch (element->logical) {
    case PARQUET_LOGICAL_DECIMAL:
        thrift_put_i32(out, &last, 1, element->scale);
        thrift_put_i32(out, &last, 2, element->precision);
        break;
    case PARQUET_LOGICAL_TIME:
    case PARQUET_LOGICAL_TIMESTAMP: encode_unit(out, &last, element); break;
    case PARQUET_LOGICAL_INTEGER: /* none that we write; read files are encoded for the content hash
                                   */
        thrift_put_i32(out, &last, 1, element->bit_width);
        thrift_put_bool(out, &last, 2, element->is_signed);
        break;
    default: break;
    }
    thrift_put_stop(out);
    thrift_put_stop(out);
}

void parquet_element_encode(const parquet_element *element, weir_buffer *out)
{
    int16_t last = 0;
    bool is_decimal = element->logical == PARQUET_LOGICAL_DECIMAL;
    if (element->physical >= 0) thrift_put_i32(out, &last, 1, element->physical);
    if (element->physical == PARQUET_FIXED) thrift_put_i32(out, &last, 2, element->type_length);
    if (element->repetition >= 0) thrift_put_i32(out, &last, 3, element->repetition);
    thrift_put_binary(out, &last, 4, element->name.data, element->name.size);
    if (element->physical < 0) thrift_put_i32(out, &last, 5, element->child_count);
    if (element->converted >= 0) thrift_put_i32(out, &last, 6, element->converted);
    if (is_decimal) thrift_put_i32(out, &last, 7, element->scale);
    if (is_decimal) thrift_put_i32(out, &last, 8, element->precision);
    bool has_logical =
        element->logical > PARQUET_LOGICAL_NONE && element->logical <= PARQUET_LOGICAL_FLOAT16;
    if (has_logical) encode_logical(out, &last, element);
    thrift_put_stop(out);
}

void parquet_page_header_encode(const parquet_page_header *header, weir_buffer *out)
{
    int16_t last = 0, inner = 0;
    thrift_put_i32(out, &last, 1, header->type);
    thrift_put_i32(out, &last, 2, header->uncompressed_bytes);
    thrift_put_i32(out, &last, 3, header->compressed_bytes);
    if (header->has_crc) thrift_put_i32(out, &last, 4, (int32_t)header->crc);
    bool is_data = header->type == PARQUET_DATA_PAGE;
    WEIR_ASSERT(is_data || header->type == PARQUET_DICTIONARY_PAGE);
    thrift_put_field(out, &last, is_data ? 5 : 7, THRIFT_STRUCT);
    thrift_put_i32(out, &inner, 1, header->value_count);
    thrift_put_i32(out, &inner, 2, header->encoding);
    if (is_data) thrift_put_i32(out, &inner, 3, header->definition_encoding);
    if (is_data) thrift_put_i32(out, &inner, 4, header->repetition_encoding);
    thrift_put_stop(out);
    thrift_put_stop(out);
}

/* --- Reading --- */

static int32_t decode_unit(weir_reader *in, thrift_field outer)
{
    int32_t unit = 0;
    thrift_struct(in, outer);
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        unit = field.id;
        thrift_skip(in, field);
    }
    return unit;
}

static void decode_logical_body(weir_reader *in, parquet_element *element)
{
    thrift_field field = {0};
    bool is_time =
        element->logical == PARQUET_LOGICAL_TIME || element->logical == PARQUET_LOGICAL_TIMESTAMP;
    while (thrift_next(in, &field)) {
        if (element->logical == PARQUET_LOGICAL_DECIMAL && field.id == 1) {
            element->scale = thrift_int32(in, field);
        } else if (element->logical == PARQUET_LOGICAL_DECIMAL && field.id == 2) {
            element->precision = thrift_int32(in, field);
        } else if (is_time && field.id == 1) {
            element->is_utc = thrift_bool(in, field);
        } else if (is_time && field.id == 2) {
            element->unit = decode_unit(in, field);
        } else if (element->logical == PARQUET_LOGICAL_INTEGER && field.id == 1) {
            element->bit_width = thrift_int32(in, field);
        } else if (element->logical == PARQUET_LOGICAL_INTEGER && field.id == 2) {
            element->is_signed = thrift_bool(in, field);
        } else {
            thrift_skip(in, field);
        }
    }
}

static void decode_logical(weir_reader *in, thrift_field outer, parquet_element *element)
{
    thrift_struct(in, outer);
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        bool is_known = field.id > 0 && field.id <= PARQUET_LOGICAL_FLOAT16 && field.id != 9;
        element->logical = is_known ? field.id : PARQUET_LOGICAL_OTHER;
        if (field.type != THRIFT_STRUCT) {
            thrift_skip(in, field);
        } else {
            decode_logical_body(in, element);
        }
    }
}

static void element_time(parquet_element *element, parquet_logical logical, parquet_unit unit)
{
    element->logical = logical;
    element->unit = unit;
    element->is_utc = true;
}

static void element_integer(parquet_element *element, int32_t bit_width, bool is_signed)
{
    element->logical = PARQUET_LOGICAL_INTEGER;
    element->bit_width = bit_width;
    element->is_signed = is_signed;
}

/* Files of old writers have only the ConvertedType; where both stand, the logical type rules. */
static void translate_converted(parquet_element *element)
{
    if (element->logical != PARQUET_LOGICAL_NONE) return;
    switch (element->converted) {
    case 0: element->logical = PARQUET_LOGICAL_STRING; break;
    case 1:
    case 2: element->logical = PARQUET_LOGICAL_MAP; break;
    case 3: element->logical = PARQUET_LOGICAL_LIST; break;
    case 4: element->logical = PARQUET_LOGICAL_ENUM; break;
    case 5: element->logical = PARQUET_LOGICAL_DECIMAL; break;
    case 6: element->logical = PARQUET_LOGICAL_DATE; break;
    case 7: element_time(element, PARQUET_LOGICAL_TIME, PARQUET_UNIT_MS); break;
    case 8: element_time(element, PARQUET_LOGICAL_TIME, PARQUET_UNIT_US); break;
    case 9: element_time(element, PARQUET_LOGICAL_TIMESTAMP, PARQUET_UNIT_MS); break;
    case 10: element_time(element, PARQUET_LOGICAL_TIMESTAMP, PARQUET_UNIT_US); break;
    case 11:
    case 12:
    case 13:
    case 14: element_integer(element, 8 << (element->converted - 11), false); break;
    case 15:
    case 16:
    case 17:
    case 18: element_integer(element, 8 << (element->converted - 15), true); break;
    case 19: element->logical = PARQUET_LOGICAL_JSON; break;
    case 20: element->logical = PARQUET_LOGICAL_BSON; break;
    case 21: element->logical = PARQUET_LOGICAL_INTERVAL; break;
    default: break;
    }
}

static void decode_element(weir_reader *in, parquet_element *element)
{
    *element = (parquet_element){.physical = -1, .repetition = -1, .converted = -1};
    int32_t scale = 0, precision = 0;
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: element->physical = thrift_int32(in, field); break;
        case 2: element->type_length = thrift_int32(in, field); break;
        case 3: element->repetition = thrift_int32(in, field); break;
        case 4: element->name = thrift_binary(in, field); break;
        case 5: element->child_count = thrift_int32(in, field); break;
        case 6: element->converted = thrift_int32(in, field); break;
        case 7: scale = thrift_int32(in, field); break;
        case 8: precision = thrift_int32(in, field); break;
        case 10: decode_logical(in, field, element); break;
        default: thrift_skip(in, field);
        }
    }
    if (element->logical != PARQUET_LOGICAL_DECIMAL) {
        element->scale = scale;
        element->precision = precision;
    }
    translate_converted(element);
    /* Some writers set num_children 0 on leaves, and none is a type: a group is what has no type.
     */
    if (element->physical >= PARQUET_PHYSICAL_COUNT || element->child_count < 0) in->bad = true;
}

static void decode_chunk_meta(weir_reader *in, thrift_field outer, parquet_chunk *chunk)
{
    thrift_struct(in, outer);
    chunk->has_meta = true;
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: chunk->physical = thrift_int32(in, field); break;
        case 4: chunk->codec = thrift_int32(in, field); break;
        case 5: chunk->value_count = thrift_int(in, field); break;
        case 6: chunk->uncompressed_bytes = thrift_int(in, field); break;
        case 7: chunk->compressed_bytes = thrift_int(in, field); break;
        case 9: chunk->data_offset = thrift_int(in, field); break;
        case 11: chunk->dictionary_offset = thrift_int(in, field); break;
        default: thrift_skip(in, field);
        }
    }
}

static void decode_chunk(weir_reader *in, parquet_chunk *chunk)
{
    *chunk = (parquet_chunk){.physical = -1, .dictionary_offset = -1};
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        if (field.id == 1) {
            chunk->in_other_file = thrift_binary(in, field).size > 0;
        } else if (field.id == 3) {
            decode_chunk_meta(in, field, chunk);
        } else {
            thrift_skip(in, field);
        }
    }
}

static void decode_row_group(weir_reader *in, size_t leaf_count, weir_arena *into,
                             parquet_row_group *group)
{
    *group = (parquet_row_group){0};
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        if (field.id == 1) {
            size_t count = thrift_list(in, field, THRIFT_STRUCT, CHUNK_BYTES_MIN);
            if (count != leaf_count) in->bad = true;
            if (in->bad) return;
            parquet_chunk *chunks = weir_arena_array(into, parquet_chunk, count);
            for (size_t i = 0; i < count && !in->bad; i++)
                decode_chunk(in, &chunks[i]);
            group->chunks = chunks;
        } else if (field.id == 3) {
            group->row_count = thrift_int(in, field);
        } else {
            thrift_skip(in, field);
        }
    }
    if (group->chunks == NULL && leaf_count > 0) in->bad = true;
}

static void decode_elements(weir_reader *in, thrift_field field, weir_arena *into,
                            parquet_file_meta *meta)
{
    size_t count = thrift_list(in, field, THRIFT_STRUCT, ELEMENT_BYTES_MIN);
    if (count > ELEMENTS_MAX || meta->elements != NULL) in->bad = true;
    if (in->bad) return;
    parquet_element *elements = weir_arena_array(into, parquet_element, count);
    for (size_t i = 0; i < count && !in->bad; i++) {
        decode_element(in, &elements[i]);
        if (elements[i].physical >= 0) meta->leaf_count++;
    }
    meta->elements = elements;
    meta->element_count = count;
}

static void decode_row_groups(weir_reader *in, thrift_field field, weir_arena *into,
                              parquet_file_meta *meta)
{
    size_t count = thrift_list(in, field, THRIFT_STRUCT, ROW_GROUP_BYTES_MIN);
    if (meta->elements == NULL || meta->row_groups != NULL) in->bad = true;
    if (in->bad) return;
    parquet_row_group *groups = weir_arena_array(into, parquet_row_group, count);
    for (size_t i = 0; i < count && !in->bad; i++)
        decode_row_group(in, meta->leaf_count, into, &groups[i]);
    meta->row_groups = groups;
    meta->row_group_count = count;
}

static void decode_pairs(weir_reader *in, thrift_field outer, weir_arena *into,
                         parquet_file_meta *meta)
{
    size_t count = thrift_list(in, outer, THRIFT_STRUCT, PAIR_BYTES_MIN);
    if (in->bad || meta->pairs != NULL) {
        in->bad = true;
        return;
    }
    parquet_key_value *pairs = weir_arena_array(into, parquet_key_value, count);
    for (size_t i = 0; i < count && !in->bad; i++) {
        thrift_field field = {0};
        while (thrift_next(in, &field)) {
            if (field.id == 1) {
                pairs[i].key = thrift_binary(in, field);
            } else if (field.id == 2) {
                pairs[i].value = thrift_binary(in, field);
            } else {
                thrift_skip(in, field);
            }
        }
    }
    meta->pairs = pairs;
    meta->pair_count = count;
}

weir_error *parquet_file_meta_decode(const char *name, weir_bytes footer, weir_arena *into,
                                     parquet_file_meta *meta_out)
{
    *meta_out = (parquet_file_meta){0};
    weir_reader in = weir_reader_of(footer.data, footer.size);
    thrift_field field = {0};
    while (thrift_next(&in, &field)) {
        switch (field.id) {
        case 2: decode_elements(&in, field, into, meta_out); break;
        case 3: meta_out->row_count = thrift_int(&in, field); break;
        case 4: decode_row_groups(&in, field, into, meta_out); break;
        case 5: decode_pairs(&in, field, into, meta_out); break;
        case 6: meta_out->created_by = thrift_binary(&in, field); break;
        case 8:
            meta_out->is_encrypted = true;
            thrift_skip(&in, field);
            break;
        default: thrift_skip(&in, field);
        }
    }
    if (in.bad || meta_out->elements == NULL || meta_out->row_count < 0) {
        return weir_error_new(
            WEIR_E_CORRUPT,
            "%s: the Parquet footer is damaged at its byte %zu of %zu; write the file again", name,
            (size_t)(in.next - footer.data), footer.size);
    }
    return NULL;
}

static void decode_data_header(weir_reader *in, thrift_field outer, parquet_page_header *header)
{
    thrift_struct(in, outer);
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: header->value_count = thrift_int32(in, field); break;
        case 2: header->encoding = thrift_int32(in, field); break;
        case 3: header->definition_encoding = thrift_int32(in, field); break;
        case 4: header->repetition_encoding = thrift_int32(in, field); break;
        default: thrift_skip(in, field);
        }
    }
}

static void decode_dictionary_header(weir_reader *in, thrift_field outer,
                                     parquet_page_header *header)
{
    thrift_struct(in, outer);
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: header->value_count = thrift_int32(in, field); break;
        case 2: header->encoding = thrift_int32(in, field); break;
        default: thrift_skip(in, field);
        }
    }
}

static void decode_data_header_v2(weir_reader *in, thrift_field outer, parquet_page_header *header)
{
    thrift_struct(in, outer);
    header->is_compressed = true;
    thrift_field field = {0};
    while (thrift_next(in, &field)) {
        switch (field.id) {
        case 1: header->value_count = thrift_int32(in, field); break;
        case 2: header->null_count = thrift_int32(in, field); break;
        case 3: header->row_count = thrift_int32(in, field); break;
        case 4: header->encoding = thrift_int32(in, field); break;
        case 5: header->definition_bytes = thrift_int32(in, field); break;
        case 6: header->repetition_bytes = thrift_int32(in, field); break;
        case 7: header->is_compressed = thrift_bool(in, field); break;
        default: thrift_skip(in, field);
        }
    }
}

bool parquet_page_header_decode(weir_bytes from, parquet_page_header *header_out, size_t *size_out)
{
    *header_out = (parquet_page_header){.type = -1, .is_compressed = true};
    weir_reader in = weir_reader_of(from.data, from.size);
    thrift_field field = {0};
    while (thrift_next(&in, &field)) {
        switch (field.id) {
        case 1: header_out->type = thrift_int32(&in, field); break;
        case 2: header_out->uncompressed_bytes = thrift_int32(&in, field); break;
        case 3: header_out->compressed_bytes = thrift_int32(&in, field); break;
        case 4:
            header_out->crc = (uint32_t)thrift_int32(&in, field);
            header_out->has_crc = true;
            break;
        case 5: decode_data_header(&in, field, header_out); break;
        case 7: decode_dictionary_header(&in, field, header_out); break;
        case 8: decode_data_header_v2(&in, field, header_out); break;
        default: thrift_skip(&in, field);
        }
    }
    *size_out = (size_t)(in.next - from.data);
    return !in.bad && header_out->type >= 0;
}
