/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file: "PAR1", row groups (a chunk a leaf: dictionary page, data pages), footer, its length,
 * "PAR1".
 *
 * The footer's key-value metadata hold, besides the caller's pairs and `weir.schema`:
 *   weir.content_sha256  the content hash
 *   weir.body_sha256     all bytes before the footer
 *   weir.footer_sha256   the footer, with these 64 digits as zeros
 */
#include "store/parquet/writer.h"

#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json.h"
#include "store/parquet/chunk.h"

enum {
    GROUP_BYTES_MAX = 64 << 20,
    CUT_ROWS = 64, /* strings and lists may end a row group at multiples of this */
};

#define WRITER_MAGIC 0x57505157u /* "WQPW" */

struct weir_parquet_writer {
    uint32_t magic;
    bool is_finished, is_failed;
    weir_arena arena; /* schema, names, metadata */
    parquet_schema schema;
    weir_parquet_pair *metadata;
    size_t metadata_count;
    weir_parquet_sink sink;
    parquet_chunk_builder *chunks; /* one a leaf */
    parquet_encoder encoder;
    weir_sha256 *body; /* all bytes so far */
    uint64_t offset;
    uint64_t rows;       /* of finished row groups */
    uint32_t group_rows; /* buffered               */
    uint32_t group_rows_max;
    size_t row_bytes;   /* fixed_row_bytes */
    bool has_variable;  /* strings, bytes, lists, maps: row groups also end by bytes */
    weir_buffer groups; /* finished row groups as Thrift */
    uint32_t group_count;
};

static weir_error *emit(void *context, const void *data, size_t size)
{
    weir_parquet_writer *writer = context;
    weir_sha256_add(writer->body, data, size);
    writer->offset += size;
    return writer->sink.write(writer->sink.context, data, size);
}

/* --- Life --- */

static void copy_metadata(weir_parquet_writer *writer, const weir_parquet_options *options)
{
    size_t count = options->metadata_count;
    writer->metadata = weir_arena_array(&writer->arena, weir_parquet_pair, count);
    writer->metadata_count = count;
    for (size_t i = 0; i < count; i++) {
        const weir_parquet_pair *from = &options->metadata[i];
        writer->metadata[i].key = weir_arena_string(&writer->arena, from->key, strlen(from->key));
        writer->metadata[i].value =
            weir_arena_string(&writer->arena, from->value, strlen(from->value));
    }
}

static weir_type copy_type(weir_type type, weir_arena *into)
{
    if (type.symbols != NULL && type.kind == WEIR_ENUM) {
        weir_enum_type *symbols = weir_arena_new(into, weir_enum_type);
        const char **names = weir_arena_array(into, const char *, type.symbols->symbol_count);
        for (uint32_t i = 0; i < type.symbols->symbol_count; i++)
            names[i] =
                weir_arena_string(into, type.symbols->symbols[i], strlen(type.symbols->symbols[i]));
        const char *name = type.symbols->name == NULL ? "" : type.symbols->name;
        *symbols = (weir_enum_type){weir_arena_string(into, name, strlen(name)), names,
                                    type.symbols->symbol_count};
        type.symbols = symbols;
    }
    const weir_type *inner[2] = {type.key, type.item};
    for (int i = 0; i < 2; i++) {
        if (inner[i] == NULL) continue;
        weir_type copy = copy_type(*inner[i], into);
        inner[i] = weir_arena_copy(into, &copy, sizeof copy);
    }
    type.key = inner[0];
    type.item = inner[1];
    return type;
}

static weir_parquet_column *copy_columns(const weir_parquet_column *columns, size_t count,
                                         weir_arena *into)
{
    weir_parquet_column *copies = weir_arena_array(into, weir_parquet_column, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = columns[i].name == NULL ? "" : columns[i].name;
        copies[i].name = weir_arena_string(into, name, strlen(name));
        copies[i].type = copy_type(columns[i].type, into);
    }
    return copies;
}

/* Bytes that a row takes at most in the chunks, but for what varies from row to row. */
static size_t fixed_row_bytes(const parquet_schema *schema, bool *has_variable_out)
{
    size_t bytes = 0;
    *has_variable_out = false;
    for (size_t i = 0; i < schema->node_count; i++) {
        const weir_type *type = &schema->nodes[i].type;
        switch (type->kind) {
        case WEIR_DECIMAL: bytes += 16; break;
        case WEIR_GEO: bytes += 16; break;
        case WEIR_VEC: bytes += (size_t)type->length * 6; break;
        case WEIR_STRING:
        case WEIR_BYTES:
        case WEIR_LIST:
        case WEIR_MAP: *has_variable_out = true; /* fall through */
        default: bytes += 8;
        }
    }
    return bytes;
}

weir_error *weir_parquet_writer_create(const weir_parquet_column *columns, size_t column_count,
                                       const weir_parquet_options *options, weir_parquet_sink sink,
                                       weir_parquet_writer **writer_out)
{
    static const weir_parquet_options defaults = {0};
    if (options == NULL) options = &defaults;
    *writer_out = NULL;
    weir_parquet_writer *writer = calloc(1, sizeof *writer);
    WEIR_ASSERT(writer != NULL);
    writer->magic = WRITER_MAGIC;
    writer->sink = sink;
    writer->body = weir_sha256_create();
    writer->encoder.content = weir_sha256_create();
    writer->encoder.emit = emit;
    writer->encoder.context = writer;
    if (!options->uncompressed)
        writer->encoder.compressor = weir_compressor_create(WEIR_ZSTD_COLUMNS);
    copy_metadata(writer, options);
    const weir_parquet_column *copies = copy_columns(columns, column_count, &writer->arena);
    weir_error *error = parquet_schema_make(copies, column_count, &writer->arena, &writer->schema);
    if (error == NULL) error = emit(writer, "PAR1", 4);
    if (error != NULL) {
        weir_parquet_writer_destroy(writer);
        return error;
    }
    parquet_content_begin(writer->encoder.content, writer->schema.elements,
                          writer->schema.element_count);
    writer->chunks =
        weir_arena_array(&writer->arena, parquet_chunk_builder, writer->schema.leaf_count);
    for (size_t i = 0; i < writer->schema.leaf_count; i++)
        parquet_chunk_init(&writer->chunks[i], &writer->schema.leaves[i]);
    writer->row_bytes = fixed_row_bytes(&writer->schema, &writer->has_variable);
    size_t most = GROUP_BYTES_MAX / writer->row_bytes + 1;
    uint32_t wanted =
        options->row_group_rows > 0 ? options->row_group_rows : WEIR_PARQUET_ROW_GROUP_ROWS;
    writer->group_rows_max = most < wanted ? (uint32_t)most : wanted;
    *writer_out = writer;
    return NULL;
}

void weir_parquet_writer_destroy(weir_parquet_writer *writer)
{
    if (writer == NULL) return;
    WEIR_ASSERT(writer->magic == WRITER_MAGIC);
    for (size_t i = 0; i < writer->schema.leaf_count && writer->chunks != NULL; i++)
        parquet_chunk_deinit(&writer->chunks[i]);
    weir_compressor_destroy(writer->encoder.compressor);
    weir_sha256_destroy(writer->encoder.content);
    weir_sha256_destroy(writer->body);
    parquet_dictionary_deinit(&writer->encoder.dictionary);
    weir_buffer_deinit(&writer->encoder.sample);
    weir_buffer_deinit(&writer->encoder.body);
    weir_buffer_deinit(&writer->encoder.page);
    weir_buffer_deinit(&writer->groups);
    weir_arena_deinit(&writer->arena);
    writer->magic = 0;
    free(writer);
}

/* --- Row groups --- */

static void put_statistics(weir_buffer *out, int16_t *last, const parquet_chunk_summary *chunk)
{
    const parquet_statistics *s = &chunk->statistics;
    int16_t inner = 0;
    thrift_put_field(out, last, 12, THRIFT_STRUCT);
    thrift_put_i64(out, &inner, 3, chunk->null_count);
    if (s->has_greatest) thrift_put_binary(out, &inner, 5, s->greatest, s->greatest_size);
    if (s->has_least) thrift_put_binary(out, &inner, 6, s->least, s->least_size);
    if (s->has_greatest) thrift_put_bool(out, &inner, 7, true);
    if (s->has_least) thrift_put_bool(out, &inner, 8, s->least_is_exact);
    thrift_put_stop(out);
}

static void put_encodings(weir_buffer *out, int16_t *last, const parquet_chunk_summary *chunk)
{
    bool has_dictionary = chunk->encoding == PARQUET_RLE_DICTIONARY;
    int32_t encodings[3] = {(int32_t)chunk->encoding, PARQUET_RLE, PARQUET_PLAIN};
    size_t count = has_dictionary ? 3 : 2;
    thrift_put_list(out, last, 2, THRIFT_I32, count);
    for (size_t i = 0; i < count; i++)
        weir_buffer_put_zigzag(out, encodings[i]);
}

static void put_chunk(weir_parquet_writer *writer, const parquet_leaf *leaf, uint64_t offset,
                      const parquet_chunk_summary *chunk)
{
    weir_buffer *out = &writer->groups;
    int16_t outer = 0, last = 0;
    thrift_put_i64(out, &outer, 2, 0); /* file_offset: deprecated, zero since format 2.11 */
    thrift_put_field(out, &outer, 3, THRIFT_STRUCT);
    thrift_put_i32(out, &last, 1, leaf->physical);
    put_encodings(out, &last, chunk);
    thrift_put_list(out, &last, 3, THRIFT_BINARY, leaf->path_size);
    for (size_t i = 0; i < leaf->path_size; i++)
        thrift_put_string_item(out, leaf->path[i], strlen(leaf->path[i]));
    thrift_put_i32(out, &last, 4,
                   writer->encoder.compressor != NULL ? PARQUET_ZSTD : PARQUET_UNCOMPRESSED);
    thrift_put_i64(out, &last, 5, chunk->entry_count);
    thrift_put_i64(out, &last, 6, chunk->uncompressed_bytes);
    thrift_put_i64(out, &last, 7, chunk->compressed_bytes);
    thrift_put_i64(out, &last, 9, (int64_t)offset + chunk->dictionary_bytes);
    if (chunk->dictionary_bytes > 0) thrift_put_i64(out, &last, 11, (int64_t)offset);
    put_statistics(out, &last, chunk);
    thrift_put_stop(out);
    thrift_put_stop(out);
}

static weir_error *flush_group(weir_parquet_writer *writer)
{
    if (writer->group_rows == 0) return NULL;
    weir_buffer *out = &writer->groups;
    uint64_t start = writer->offset, uncompressed = 0;
    int16_t last = 0;
    thrift_put_list(out, &last, 1, THRIFT_STRUCT, writer->schema.leaf_count);
    parquet_content_group(writer->encoder.content, writer->group_rows);
    for (size_t i = 0; i < writer->schema.leaf_count; i++) {
        uint64_t offset = writer->offset;
        parquet_chunk_summary summary;
        parquet_content_chunk(writer->encoder.content, (uint32_t)i, writer->chunks[i].entry_count);
        WEIR_TRY(parquet_chunk_write(&writer->chunks[i], &writer->encoder, &summary));
        put_chunk(writer, &writer->schema.leaves[i], offset, &summary);
        uncompressed += (uint64_t)summary.uncompressed_bytes;
        parquet_chunk_clear(&writer->chunks[i]);
    }
    thrift_put_i64(out, &last, 2, (int64_t)uncompressed);
    thrift_put_i64(out, &last, 3, writer->group_rows);
    thrift_put_i64(out, &last, 5, (int64_t)start);
    thrift_put_i64(out, &last, 6, (int64_t)(writer->offset - start));
    if (writer->group_count <= INT16_MAX) {
        thrift_put_field(out, &last, 7, THRIFT_I16);
        weir_buffer_put_zigzag(out, writer->group_count);
    }
    thrift_put_stop(out);
    writer->rows += writer->group_rows;
    writer->group_rows = 0;
    writer->group_count++;
    return NULL;
}

static uint64_t buffered_bytes(const weir_parquet_writer *writer)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < writer->schema.leaf_count; i++) {
        const parquet_chunk_builder *chunk = &writer->chunks[i];
        bytes += chunk->values.size + chunk->heap.size + chunk->definitions.size +
                 chunk->repetitions.size;
    }
    return bytes;
}

/* Cuts depend on row numbers and bytes only, at the same places for rows and for columns. */
static weir_error *maybe_flush(weir_parquet_writer *writer)
{
    bool is_full = writer->group_rows == writer->group_rows_max;
    if (writer->has_variable && writer->group_rows % CUT_ROWS == 0) {
        is_full = is_full || buffered_bytes(writer) >= GROUP_BYTES_MAX;
    }
    return is_full ? flush_group(writer) : NULL;
}

/* --- Rows --- */

static void put_absent(weir_parquet_writer *writer, const parquet_node *node, unsigned repetition,
                       unsigned definition)
{
    for (uint32_t i = 0; i < node->leaf_count; i++)
        parquet_chunk_put_absent(&writer->chunks[node->first_leaf + i], repetition, definition);
}

static weir_error *put_value(weir_parquet_writer *writer, const parquet_node *node,
                             const weir_value *value, unsigned repetition, unsigned parent);

static weir_error *put_items(weir_parquet_writer *writer, const parquet_node *node,
                             const weir_value *value, unsigned repetition)
{
    bool is_map = node->type.kind == WEIR_MAP;
    for (uint32_t i = 0; i < value->size; i++) {
        unsigned level = i == 0 ? repetition : node->repetition;
        const weir_value *item = &value->as.items[is_map ? 2 * i : i];
        WEIR_TRY(put_value(writer, &node->children[0], item, level, node->item_definition));
        if (is_map)
            WEIR_TRY(put_value(writer, &node->children[1], item + 1, level, node->item_definition));
    }
    return NULL;
}

static weir_error *put_geo(weir_parquet_writer *writer, const parquet_node *node,
                           const weir_value *value, unsigned repetition)
{
    weir_value latitude = {.kind = WEIR_FLOAT64, .as.float64 = value->as.geo.latitude};
    weir_value longitude = {.kind = WEIR_FLOAT64, .as.float64 = value->as.geo.longitude};
    WEIR_TRY(parquet_chunk_put(&writer->chunks[node->first_leaf], repetition, &latitude));
    return parquet_chunk_put(&writer->chunks[node->first_leaf + 1], repetition, &longitude);
}

static const char *column_name(const weir_parquet_writer *writer, const parquet_node *node)
{
    return writer->schema.leaves[node->first_leaf].path[0];
}

/* `parent` is the level at which what holds the value is there: a null is known by it. */
static weir_error *put_value(weir_parquet_writer *writer, const parquet_node *node,
                             const weir_value *value, unsigned repetition, unsigned parent)
{
    if (weir_is_null(value)) {
        if (!node->type.optional) {
            return weir_error_new(WEIR_E_DATA, "column %s: null in a column that is not optional",
                                  column_name(writer, node));
        }
        put_absent(writer, node, repetition, parent);
        return NULL;
    }
    if (value->kind != node->type.kind) {
        return weir_error_new(WEIR_E_BUG, "column %s: a value of kind %d where %d was declared",
                              column_name(writer, node), value->kind, node->type.kind);
    }
    switch (node->type.kind) {
    case WEIR_GEO: return put_geo(writer, node, value, repetition);
    case WEIR_VEC:
        if (value->size != node->type.length || repetition != 0) {
            return weir_error_new(WEIR_E_DATA,
                                  "column %s: a vector of %u components where %u were declared",
                                  column_name(writer, node), value->size, node->type.length);
        }
        if (value->size == 0) break;
        parquet_chunk_put_floats(&writer->chunks[node->first_leaf], node, value->as.vec,
                                 value->size);
        return NULL;
    case WEIR_LIST:
    case WEIR_MAP:
        if (value->size == 0) break;
        return put_items(writer, node, value, repetition);
    default: return parquet_chunk_put(&writer->chunks[node->first_leaf], repetition, value);
    }
    put_absent(writer, node, repetition, node->definition); /* empty */
    return NULL;
}

/* Half a row can not be taken back: after a failure the writer refuses everything. */
static weir_error *check_open(const weir_parquet_writer *writer)
{
    WEIR_ASSERT(writer->magic == WRITER_MAGIC && !writer->is_finished);
    if (!writer->is_failed) return NULL;
    return weir_error_new(WEIR_E_IO, "the Parquet file failed before; it can not be continued");
}

weir_error *weir_parquet_writer_add_row(weir_parquet_writer *writer, const weir_value *values)
{
    WEIR_TRY(check_open(writer));
    writer->is_failed = true;
    for (size_t i = 0; i < writer->schema.node_count; i++)
        WEIR_TRY(put_value(writer, &writer->schema.nodes[i], &values[i], 0, 0));
    writer->group_rows++;
    WEIR_TRY(maybe_flush(writer));
    writer->is_failed = false;
    return NULL;
}

/* --- Columns --- */

static bool is_valid(const weir_parquet_vector *vector, size_t row)
{
    return vector->valid == NULL || vector->valid[row] != 0;
}

static weir_error *put_nested(weir_parquet_writer *writer, const parquet_node *node,
                              const weir_parquet_vector *vector, size_t from, size_t count)
{
    const weir_value none = weir_null();
    for (size_t i = from; i < from + count; i++) {
        weir_value value = none;
        if (!is_valid(vector, i)) {
            value = none;
        } else if (node->type.kind == WEIR_VEC) {
            value.kind = WEIR_VEC;
            value.size = node->type.length;
            value.as.vec = (const float *)vector->data + i * node->type.length;
        } else {
            value = ((const weir_value *)vector->data)[i];
        }
        WEIR_TRY(put_value(writer, node, &value, 0, 0));
    }
    return NULL;
}

static weir_error *put_geos(weir_parquet_writer *writer, const parquet_node *node,
                            const weir_parquet_vector *vector, size_t from, size_t count)
{
    const double *pairs = (const double *)vector->data + 2 * from;
    const uint8_t *valid = vector->valid == NULL ? NULL : vector->valid + from;
    bool has_null = valid != NULL && memchr(valid, 0, count) != NULL;
    if (has_null && !node->type.optional) {
        return weir_error_new(WEIR_E_DATA, "column %s: null in a column that is not optional",
                              column_name(writer, node));
    }
    for (unsigned k = 0; k < 2; k++) {
        parquet_chunk_put_doubles(&writer->chunks[node->first_leaf + k], pairs + k, valid, count,
                                  node->definition,
                                  node->definition > 0 ? node->definition - 1u : 0);
    }
    return NULL;
}

size_t weir_parquet_vector_stride(const weir_type *type)
{
    switch (type->kind) {
    case WEIR_BOOL: return 1;
    case WEIR_ENUM: return sizeof(uint32_t);
    case WEIR_DECIMAL: return sizeof(weir_int128);
    case WEIR_STRING:
    case WEIR_BYTES: return sizeof(weir_bytes);
    case WEIR_GEO: return 2 * sizeof(double);
    case WEIR_VEC: return type->length * sizeof(float);
    case WEIR_LIST:
    case WEIR_MAP: return sizeof(weir_value);
    default: return 8;
    }
}

static weir_error *put_vector(weir_parquet_writer *writer, const parquet_node *node,
                              const weir_parquet_vector *vector, size_t from, size_t count)
{
    switch (node->type.kind) {
    case WEIR_GEO: return put_geos(writer, node, vector, from, count);
    case WEIR_VEC:
    case WEIR_LIST:
    case WEIR_MAP: return put_nested(writer, node, vector, from, count);
    default:
        return parquet_chunk_put_vector(&writer->chunks[node->first_leaf],
                                        (const uint8_t *)vector->data +
                                            from * weir_parquet_vector_stride(&node->type),
                                        vector->valid == NULL ? NULL : vector->valid + from, count);
    }
}

/* Whether these rows, by the most that they can take, leave the group below the bytes at which it
 * ends. */
static bool fit_group(const weir_parquet_writer *writer, const weir_parquet_vector *columns,
                      size_t rows)
{
    uint64_t bytes =
        buffered_bytes(writer) + rows * (writer->row_bytes + writer->schema.leaf_count);
    for (size_t i = 0; i < writer->schema.node_count; i++) {
        uint8_t kind = writer->schema.nodes[i].type.kind;
        if (kind == WEIR_LIST || kind == WEIR_MAP) return false;
        if (kind != WEIR_STRING && kind != WEIR_BYTES) continue;
        const weir_bytes *texts = columns[i].data;
        for (size_t row = 0; row < rows; row++)
            bytes += is_valid(&columns[i], row) ? texts[row].size : 0;
    }
    return bytes < GROUP_BYTES_MAX;
}

weir_error *weir_parquet_writer_add_columns(weir_parquet_writer *writer,
                                            const weir_parquet_vector *columns, size_t rows)
{
    WEIR_TRY(check_open(writer));
    writer->is_failed = true;
    bool steps = writer->has_variable && !fit_group(writer, columns, rows);
    for (size_t from = 0; from < rows;) {
        size_t room = writer->group_rows_max - writer->group_rows;
        size_t to_cut = CUT_ROWS - writer->group_rows % CUT_ROWS;
        if (steps && to_cut < room) room = to_cut;
        size_t count = rows - from < room ? rows - from : room;
        for (size_t i = 0; i < writer->schema.node_count; i++)
            WEIR_TRY(put_vector(writer, &writer->schema.nodes[i], &columns[i], from, count));
        writer->group_rows += (uint32_t)count;
        from += count;
        WEIR_TRY(maybe_flush(writer));
    }
    writer->is_failed = false;
    return NULL;
}

/* --- Footer --- */

static void put_type(weir_json_writer *json, weir_type type, weir_arena *scratch)
{
    weir_json_write_key(json, "type");
    weir_json_write_text(json, weir_type_print(type, scratch));
    if (type.kind != WEIR_ENUM) return;
    weir_json_write_key(json, "symbols");
    weir_json_write_begin(json, '[');
    for (uint32_t i = 0; i < type.symbols->symbol_count; i++)
        weir_json_write_text(json, type.symbols->symbols[i]);
    weir_json_write_end(json, ']');
}

/* weir's own types, which Parquet's do not tell apart: durations, vectors, enums. */
static void print_schema(const weir_parquet_writer *writer, weir_buffer *out)
{
    weir_arena scratch = {0};
    weir_json_writer json = {.out = out};
    weir_json_write_begin(&json, '[');
    for (size_t i = 0; i < writer->schema.node_count; i++) {
        const parquet_node *node = &writer->schema.nodes[i];
        weir_json_write_begin(&json, '{');
        weir_json_write_key(&json, "name");
        weir_json_write_text(&json, column_name(writer, node));
        put_type(&json, node->type, &scratch);
        weir_json_write_end(&json, '}');
    }
    weir_json_write_end(&json, ']');
    weir_arena_deinit(&scratch);
}

static void put_pair(weir_buffer *out, const char *key, const void *value, size_t size)
{
    int16_t last = 0;
    thrift_put_binary(out, &last, 1, key, strlen(key));
    thrift_put_binary(out, &last, 2, value, size);
    thrift_put_stop(out);
}

/* Returns where the digits of weir.footer_sha256 stand. */
static size_t put_metadata(weir_parquet_writer *writer, const char *content, weir_buffer *out)
{
    uint8_t digest[WEIR_SHA256_BYTES];
    char text[WEIR_SHA256_TEXT_SIZE];
    for (size_t i = 0; i < writer->metadata_count; i++) {
        const weir_parquet_pair *pair = &writer->metadata[i];
        put_pair(out, pair->key, pair->value, strlen(pair->value));
    }
    weir_buffer schema = {0};
    print_schema(writer, &schema);
    put_pair(out, "weir.schema", schema.data, schema.size);
    weir_buffer_deinit(&schema);
    put_pair(out, "weir.content_sha256", content, strlen(content));
    weir_sha256_peek(writer->body, digest);
    weir_sha256_print(digest, text);
    put_pair(out, "weir.body_sha256", text, strlen(text));
    memset(text, '0', WEIR_SHA256_TEXT_SIZE - 1);
    put_pair(out, "weir.footer_sha256", text, strlen(text));
    return out->size - 1 - (WEIR_SHA256_TEXT_SIZE - 1); /* the digits, then the struct's stop */
}

static void put_footer(weir_parquet_writer *writer, const char *content, weir_buffer *out)
{
    int16_t last = 0;
    thrift_put_i32(out, &last, 1, 2); /* version: data pages v1 with encodings of format 2 */
    thrift_put_list(out, &last, 2, THRIFT_STRUCT, writer->schema.element_count);
    for (size_t i = 0; i < writer->schema.element_count; i++)
        parquet_element_encode(&writer->schema.elements[i], out);
    thrift_put_i64(out, &last, 3, (int64_t)writer->rows);
    thrift_put_list(out, &last, 4, THRIFT_STRUCT, writer->group_count);
    weir_buffer_put(out, writer->groups.data, writer->groups.size);
    thrift_put_list(out, &last, 5, THRIFT_STRUCT, writer->metadata_count + 4);
    size_t digits = put_metadata(writer, content, out);
    static const char created_by[] = "weir version " WEIR_VERSION;
    thrift_put_binary(out, &last, 6, created_by, sizeof created_by - 1);
    thrift_put_list(out, &last, 7, THRIFT_STRUCT, writer->schema.leaf_count);
    for (size_t i = 0; i < writer->schema.leaf_count; i++) {
        int16_t order = 0; /* ColumnOrder: TypeDefinedOrder{} */
        thrift_put_field(out, &order, 1, THRIFT_STRUCT);
        thrift_put_stop(out);
        thrift_put_stop(out);
    }
    thrift_put_stop(out);
    uint8_t digest[WEIR_SHA256_BYTES];
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_of(out->data, out->size, digest);
    weir_sha256_print(digest, text);
    memcpy(out->data + digits, text, WEIR_SHA256_TEXT_SIZE - 1);
}

weir_error *weir_parquet_writer_finish(weir_parquet_writer *writer,
                                       weir_parquet_summary *summary_out)
{
    WEIR_TRY(check_open(writer));
    writer->is_failed = true;
    WEIR_TRY(flush_group(writer));
    uint8_t digest[WEIR_SHA256_BYTES];
    *summary_out = (weir_parquet_summary){.rows = writer->rows, .row_groups = writer->group_count};
    parquet_content_end(writer->encoder.content, writer->rows);
    weir_sha256_peek(writer->encoder.content, digest);
    weir_sha256_print(digest, summary_out->content_sha256);
    weir_buffer *footer = &writer->encoder.body;
    weir_buffer_clear(footer);
    put_footer(writer, summary_out->content_sha256, footer);
    weir_buffer_put_u32(footer, (uint32_t)footer->size);
    weir_buffer_put(footer, "PAR1", 4);
    WEIR_TRY(emit(writer, footer->data, footer->size));
    weir_sha256_peek(writer->body, digest);
    weir_sha256_print(digest, summary_out->file_sha256);
    summary_out->bytes = writer->offset;
    writer->is_finished = true;
    writer->is_failed = false;
    return NULL;
}
