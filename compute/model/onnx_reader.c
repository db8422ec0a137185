/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onnx_reader.c - ONNX bytes into a weir_graph.
 *
 * The messages and field numbers are those of onnx.proto. Nesting is the code's own: model, graph,
 * node, attribute, tensor; a type is followed four levels deep. Fields may come in any order and
 * more than once; unknown ones are skipped.
 */
#include "compute/model/graph.h"
#include "compute/model/proto.h"
#include "ops/runtime/assert.h"

typedef struct reader {
    weir_arena *into;
    weir_graph *graph;
    weir_buffer nodes;     /* weir_node       */
    weir_buffer inputs;    /* weir_graph_port */
    weir_buffer outputs;   /* weir_graph_port */
    weir_buffer names;     /* const char *, per value */
    weir_buffer constants; /* const weir_array *, per value */
    uint32_t *table;       /* names to value ids, open addressing; WEIR_NO_VALUE is free */
    size_t table_size;     /* a power of two */
    bool has_graph;
} reader;

size_t weir_kind_size(weir_tensor_kind kind)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32:
    case WEIR_TENSOR_INT32: return 4;
    case WEIR_TENSOR_FLOAT64:
    case WEIR_TENSOR_INT64: return 8;
    case WEIR_TENSOR_BOOL: return 1;
    case WEIR_TENSOR_STRING: return sizeof(weir_bytes);
    }
    WEIR_UNREACHABLE();
}

const char *weir_kind_name(weir_tensor_kind kind)
{
    static const char *const names[] = {"float32", "float64", "int64", "int32", "bool", "string"};
    WEIR_ASSERT((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

bool weir_shape_count(const weir_shape *shape, size_t *count_out)
{
    uint64_t count = 1;
    for (unsigned i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0 || shape->dims[i] > WEIR_TENSOR_ELEMENTS_MAX) return false;
        count *= (uint64_t)shape->dims[i];
        if (count > WEIR_TENSOR_ELEMENTS_MAX) return false;
    }
    *count_out = (size_t)count;
    return true;
}

const char *weir_shape_print(const weir_shape *shape, weir_arena *into)
{
    char text[WEIR_RANK_MAX * 24 + 3] = "[";
    size_t n = 1;
    for (unsigned i = 0; i < shape->rank; i++) {
        weir_buffer piece = {0};
        weir_buffer_printf(&piece, "%s%lld", i == 0 ? "" : ",", (long long)shape->dims[i]);
        memcpy(text + n, piece.data, piece.size);
        n += piece.size;
        weir_buffer_deinit(&piece);
    }
    text[n++] = ']';
    return weir_arena_string(into, text, n);
}

static weir_error *malformed(const char *what)
{
    return weir_error_new(WEIR_E_MODEL,
                          "%s is cut short or damaged: its fields do not fit its length", what);
}

/* Text from the file as a C string: a NUL inside would hide its rest. */
static weir_error *text_of(reader *r, weir_bytes bytes, const char **out)
{
    if (bytes.size > 4096) return weir_error_new(WEIR_E_MODEL, "a name is longer than 4096 bytes");
    if (bytes.size > 0 && memchr(bytes.data, 0, bytes.size) != NULL)
        return weir_error_new(WEIR_E_MODEL, "a name holds a zero byte");
    *out = weir_arena_string(r->into, (const char *)bytes.data, bytes.size);
    return NULL;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name != 0; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
    return hash ^ hash >> 29;
}

static void table_grow(reader *r)
{
    size_t count = r->names.size / sizeof(char *);
    if (count * 2 < r->table_size) return;
    r->table_size = r->table_size == 0 ? 256 : r->table_size * 2;
    r->table = weir_arena_array(r->into, uint32_t, r->table_size);
    memset(r->table, 0xff, r->table_size * sizeof(uint32_t));
    const char **names = (const char **)r->names.data;
    for (size_t i = 0; i < count; i++) {
        size_t at = hash_of(names[i]) & (r->table_size - 1);
        while (r->table[at] != WEIR_NO_VALUE)
            at = (at + 1) & (r->table_size - 1);
        r->table[at] = (uint32_t)i;
    }
}

/* The number of a value's name; the empty name is no value. */
static weir_error *value_of(reader *r, weir_bytes bytes, uint32_t *out)
{
    *out = WEIR_NO_VALUE;
    if (bytes.size == 0) return NULL;
    const char *name = "";
    WEIR_TRY(text_of(r, bytes, &name));
    table_grow(r);
    size_t at = hash_of(name) & (r->table_size - 1);
    const char **names = (const char **)r->names.data;
    for (; r->table[at] != WEIR_NO_VALUE; at = (at + 1) & (r->table_size - 1)) {
        if (strcmp(names[r->table[at]], name) != 0) continue;
        *out = r->table[at];
        return NULL;
    }
    size_t count = r->names.size / sizeof(char *);
    if (count >= WEIR_GRAPH_VALUES_MAX)
        return weir_error_new(WEIR_E_LIMIT, "the graph has more than %d values",
                              WEIR_GRAPH_VALUES_MAX);
    const weir_array *none = NULL;
    weir_buffer_put(&r->names, &name, sizeof(name));
    weir_buffer_put(&r->constants, &none, sizeof(none));
    r->table[at] = *out = (uint32_t)count;
    return NULL;
}

enum { ONNX_UINT8 = 2 };

/* ONNX's TensorProto.DataType. */
static bool kind_from_onnx(uint64_t type, weir_tensor_kind *out)
{
    switch (type) {
    case 1: *out = WEIR_TENSOR_FLOAT32; return true;
    case ONNX_UINT8:
        *out = WEIR_TENSOR_INT32;
        return true; /* TreeEnsemble's modes; widened when read */
    case 6: *out = WEIR_TENSOR_INT32; return true;
    case 7: *out = WEIR_TENSOR_INT64; return true;
    case 8: *out = WEIR_TENSOR_STRING; return true;
    case 9: *out = WEIR_TENSOR_BOOL; return true;
    case 11: *out = WEIR_TENSOR_FLOAT64; return true;
    default: return false;
    }
}

static const char *onnx_type_name(uint64_t type)
{
    static const char *const names[] = {"undefined",  "float32", "uint8",  "int8",   "uint16",
                                        "int16",      "int32",   "int64",  "string", "bool",
                                        "float16",    "float64", "uint32", "uint64", "complex64",
                                        "complex128", "bfloat16"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "of an unknown type";
}

static weir_error *unsupported_type(const char *what, const char *name, uint64_t type)
{
    return weir_error_new(
        WEIR_E_MODEL,
        "%s '%s' is %s; weir reads float32, float64, int32, int64, bool and string: "
        "convert the model",
        what, name, onnx_type_name(type));
}

typedef struct tensor_parts {
    weir_buffer dims, floats, integers, doubles, strings;
    weir_bytes raw;
    bool has_raw, has_external;
    uint64_t type;
    const char *name;
} tensor_parts;

static void parts_deinit(tensor_parts *parts)
{
    weir_buffer_deinit(&parts->dims);
    weir_buffer_deinit(&parts->floats);
    weir_buffer_deinit(&parts->integers);
    weir_buffer_deinit(&parts->doubles);
    weir_buffer_deinit(&parts->strings);
}

static weir_error *tensor_fields(reader *r, weir_bytes message, tensor_parts *parts)
{
    weir_proto proto = weir_proto_of(message);
    bool good = true;
    while (good && weir_proto_next(&proto)) {
        switch (proto.field) {
        case 1: good = weir_proto_repeated_int64(&proto, &parts->dims); break;
        case 2: parts->type = proto.number; break;
        case 4: good = weir_proto_repeated_fixed32(&proto, &parts->floats); break;
        case 5:
        case 7:
        case 11: good = weir_proto_repeated_int64(&proto, &parts->integers); break;
        case 6:
            if (weir_proto_is_bytes(&proto))
                weir_buffer_put(&parts->strings, &proto.bytes, sizeof(proto.bytes));
            break;
        case 8:
            if (weir_proto_is_bytes(&proto)) WEIR_TRY(text_of(r, proto.bytes, &parts->name));
            break;
        case 9:
            parts->has_raw = weir_proto_is_bytes(&proto);
            parts->raw = proto.bytes;
            break;
        case 10: good = weir_proto_repeated_fixed64(&proto, &parts->doubles); break;
        case 13: parts->has_external = true; break;
        case 14: parts->has_external |= proto.number == 1; break;
        default: break;
        }
    }
    return good && !proto.reader.bad ? NULL : malformed("a tensor");
}

static weir_error *wrong_count(const tensor_parts *parts, size_t have, size_t want)
{
    return weir_error_new(WEIR_E_MODEL,
                          "tensor '%s' holds %zu elements where its shape asks for %zu",
                          parts->name, have, want);
}

/* Integers as the file has them (int64) into the array's kind. */
static weir_error *narrow(const tensor_parts *parts, weir_array *array, void *data)
{
    size_t have = parts->integers.size / 8;
    if (have != array->count) return wrong_count(parts, have, array->count);
    const int64_t *from = (const int64_t *)parts->integers.data;
    for (size_t i = 0; i < have; i++) {
        switch (array->kind) {
        case WEIR_TENSOR_INT64: ((int64_t *)data)[i] = from[i]; break;
        case WEIR_TENSOR_INT32: ((int32_t *)data)[i] = (int32_t)from[i]; break;
        case WEIR_TENSOR_BOOL: ((uint8_t *)data)[i] = from[i] != 0; break;
        default: WEIR_UNREACHABLE();
        }
    }
    return NULL;
}

static weir_error *tensor_strings(reader *r, const tensor_parts *parts, weir_array *array,
                                  weir_bytes *data)
{
    size_t have = parts->strings.size / sizeof(weir_bytes);
    if (have != array->count) return wrong_count(parts, have, array->count);
    const weir_bytes *from = (const weir_bytes *)parts->strings.data;
    for (size_t i = 0; i < have; i++)
        data[i] = (weir_bytes){weir_arena_copy(r->into, from[i].data, from[i].size), from[i].size};
    return NULL;
}

static weir_error *tensor_data(reader *r, const tensor_parts *parts, weir_array *array)
{
    size_t size = weir_kind_size(array->kind);
    if (parts->type == ONNX_UINT8 && parts->has_raw && parts->raw.size > 0) {
        if (parts->raw.size != array->count)
            return wrong_count(parts, parts->raw.size, array->count);
        int32_t *wide = weir_arena_array(r->into, int32_t, array->count);
        for (size_t i = 0; i < array->count; i++)
            wide[i] = parts->raw.data[i];
        array->data = wide;
        return NULL;
    }
    /* What the file does not hold is not allocated: counts are checked against its bytes first. */
    if (parts->has_raw && array->kind != WEIR_TENSOR_STRING && parts->raw.size > 0) {
        if (parts->raw.size != array->count * size)
            return wrong_count(parts, parts->raw.size / size, array->count);
        uint8_t *data = weir_arena_copy(r->into, parts->raw.data, parts->raw.size);
        for (size_t i = 0; array->kind == WEIR_TENSOR_BOOL && i < array->count; i++)
            data[i] = data[i] != 0;
        array->data = data;
        return NULL;
    }
    const weir_buffer *typed = array->kind == WEIR_TENSOR_FLOAT32   ? &parts->floats
                               : array->kind == WEIR_TENSOR_FLOAT64 ? &parts->doubles
                               : array->kind == WEIR_TENSOR_STRING  ? &parts->strings
                                                                    : &parts->integers;
    size_t typed_size = array->kind == WEIR_TENSOR_FLOAT32  ? 4
                        : array->kind == WEIR_TENSOR_STRING ? sizeof(weir_bytes)
                                                            : 8;
    if (typed->size / typed_size != array->count)
        return wrong_count(parts, typed->size / typed_size, array->count);
    void *data = weir_arena_calloc(r->into, array->count, size);
    array->data = data;
    if (array->kind == WEIR_TENSOR_STRING) return tensor_strings(r, parts, array, data);
    if (typed == &parts->integers) return narrow(parts, array, data);
    if (typed->size > 0) memcpy(data, typed->data, typed->size);
    return NULL;
}

static weir_error *tensor_build(reader *r, tensor_parts *parts, weir_array *array)
{
    if (parts->has_external)
        return weir_error_new(
            WEIR_E_MODEL,
            "tensor '%s' keeps its data in another file; save the model as one file "
            "(save_as_external_data=False)",
            parts->name);
    if (!kind_from_onnx(parts->type, &array->kind))
        return unsupported_type("tensor", parts->name, parts->type);
    size_t rank = parts->dims.size / 8;
    if (rank > WEIR_RANK_MAX)
        return weir_error_new(WEIR_E_MODEL, "tensor '%s' has %zu dimensions; at most %d are read",
                              parts->name, rank, WEIR_RANK_MAX);
    array->shape.rank = (unsigned)rank;
    if (rank > 0) memcpy(array->shape.dims, parts->dims.data, parts->dims.size);
    if (!weir_shape_count(&array->shape, &array->count))
        return weir_error_new(WEIR_E_LIMIT, "tensor '%s' of shape %s is larger than %d elements",
                              parts->name, weir_shape_print(&array->shape, r->into),
                              WEIR_TENSOR_ELEMENTS_MAX);
    return tensor_data(r, parts, array);
}

static weir_error *read_tensor(reader *r, weir_bytes message, weir_array *array,
                               const char **name_out)
{
    tensor_parts parts = {.name = ""};
    weir_error *error = tensor_fields(r, message, &parts);
    if (error == NULL) error = tensor_build(r, &parts, array);
    *name_out = parts.name;
    parts_deinit(&parts);
    return error;
}

weir_error *weir_array_read(weir_bytes tensor, weir_arena *into, weir_array *array_out)
{
    reader r = {.into = into};
    const char *name;
    *array_out = (weir_array){0};
    return read_tensor(&r, tensor, array_out, &name);
}

static weir_error *read_initializer(reader *r, weir_bytes message)
{
    weir_array *array = weir_arena_new(r->into, weir_array);
    const char *name;
    WEIR_TRY(read_tensor(r, message, array, &name));
    uint32_t value;
    WEIR_TRY(value_of(r, (weir_bytes){(const uint8_t *)name, strlen(name)}, &value));
    if (value == WEIR_NO_VALUE) return weir_error_new(WEIR_E_MODEL, "an initializer has no name");
    const weir_array **constants = (const weir_array **)r->constants.data;
    if (constants[value] != NULL)
        return weir_error_new(WEIR_E_MODEL, "initializer '%s' stands twice in the graph", name);
    constants[value] = array;
    return NULL;
}

typedef struct attribute_parts {
    weir_buffer floats, integers, strings;
    uint64_t type;
    bool has_graph, has_reference;
} attribute_parts;

static weir_error *attribute_fields(reader *r, weir_bytes message, weir_attribute *attribute,
                                    attribute_parts *parts)
{
    weir_proto proto = weir_proto_of(message);
    bool good = true;
    while (good && weir_proto_next(&proto)) {
        switch (proto.field) {
        case 1:
            if (weir_proto_is_bytes(&proto)) WEIR_TRY(text_of(r, proto.bytes, &attribute->name));
            break;
        case 2: attribute->number = weir_proto_float(&proto); break;
        case 3: attribute->integer = (int64_t)proto.number; break;
        case 4: attribute->string = proto.bytes; break;
        case 5: {
            if (!weir_proto_is_bytes(&proto)) break;
            weir_array *array = weir_arena_new(r->into, weir_array);
            const char *name;
            WEIR_TRY(read_tensor(r, proto.bytes, array, &name));
            attribute->tensor = array;
            break;
        }
        case 6:
        case 11: parts->has_graph = true; break;
        case 7: good = weir_proto_repeated_fixed32(&proto, &parts->floats); break;
        case 8: good = weir_proto_repeated_int64(&proto, &parts->integers); break;
        case 9:
            if (weir_proto_is_bytes(&proto))
                weir_buffer_put(&parts->strings, &proto.bytes, sizeof(proto.bytes));
            break;
        case 20: parts->type = proto.number; break;
        case 21: parts->has_reference = true; break;
        default: break;
        }
    }
    return good && !proto.reader.bad ? NULL : malformed("an attribute");
}

static weir_bytes keep(reader *r, weir_bytes bytes)
{
    return (weir_bytes){weir_arena_copy(r->into, bytes.data, bytes.size), bytes.size};
}

static void attribute_lists(reader *r, weir_attribute *attribute, const attribute_parts *parts)
{
    attribute->floats = weir_arena_copy(r->into, parts->floats.data, parts->floats.size);
    attribute->integers = weir_arena_copy(r->into, parts->integers.data, parts->integers.size);
    size_t count = parts->strings.size / sizeof(weir_bytes);
    weir_bytes *strings = weir_arena_array(r->into, weir_bytes, count);
    for (size_t i = 0; i < count; i++)
        strings[i] = keep(r, ((const weir_bytes *)parts->strings.data)[i]);
    attribute->strings = strings;
    attribute->string = keep(r, attribute->string);
    attribute->count = attribute->type == WEIR_ATTRIBUTE_FLOATS    ? parts->floats.size / 4
                       : attribute->type == WEIR_ATTRIBUTE_INTS    ? parts->integers.size / 8
                       : attribute->type == WEIR_ATTRIBUTE_STRINGS ? count
                                                                   : 0;
}

/* Files before IR 2 name no type: it is the field that is there. */
static uint64_t guess_type(const weir_attribute *attribute, const attribute_parts *parts)
{
    if (parts->has_graph) return WEIR_ATTRIBUTE_GRAPH;
    if (parts->floats.size > 0) return WEIR_ATTRIBUTE_FLOATS;
    if (parts->integers.size > 0) return WEIR_ATTRIBUTE_INTS;
    if (parts->strings.size > 0) return WEIR_ATTRIBUTE_STRINGS;
    if (attribute->tensor != NULL) return WEIR_ATTRIBUTE_TENSOR;
    if (attribute->string.size > 0) return WEIR_ATTRIBUTE_STRING;
    if (attribute->number != 0) return WEIR_ATTRIBUTE_FLOAT;
    return WEIR_ATTRIBUTE_INT;
}

static weir_error *read_attribute(reader *r, weir_bytes message, weir_attribute *attribute)
{
    attribute_parts parts = {0};
    attribute->name = "";
    weir_error *error = attribute_fields(r, message, attribute, &parts);
    if (error == NULL && parts.has_reference)
        error = weir_error_new(WEIR_E_MODEL,
                               "attribute '%s' refers to a function's attribute; inline the "
                               "model's functions first",
                               attribute->name);
    uint64_t type = parts.type != 0 ? parts.type : guess_type(attribute, &parts);
    if (error == NULL &&
        (type > WEIR_ATTRIBUTE_STRINGS || type == WEIR_ATTRIBUTE_GRAPH || parts.has_graph))
        error = weir_error_new(
            WEIR_E_MODEL,
            "attribute '%s' holds a nested graph or another kind that is not supported "
            "(If, Loop and Scan are not read)",
            attribute->name);
    attribute->type = (weir_attribute_type)type;
    if (error == NULL) attribute_lists(r, attribute, &parts);
    weir_buffer_deinit(&parts.floats);
    weir_buffer_deinit(&parts.integers);
    weir_buffer_deinit(&parts.strings);
    return error;
}

typedef struct node_parts {
    weir_buffer inputs, outputs, attributes;
} node_parts;

static weir_error *node_value(reader *r, const weir_proto *proto, weir_buffer *list)
{
    uint32_t value;
    WEIR_TRY(value_of(r, proto->bytes, &value));
    weir_buffer_put_u32(list, value);
    return NULL;
}

static weir_error *node_fields(reader *r, weir_bytes message, weir_node *node, node_parts *parts)
{
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (!weir_proto_is_bytes(&proto)) continue;
        switch (proto.field) {
        case 1: WEIR_TRY(node_value(r, &proto, &parts->inputs)); break;
        case 2: WEIR_TRY(node_value(r, &proto, &parts->outputs)); break;
        case 3: WEIR_TRY(text_of(r, proto.bytes, &node->name)); break;
        case 4: WEIR_TRY(text_of(r, proto.bytes, &node->op)); break;
        case 5: weir_buffer_put(&parts->attributes, &proto.bytes, sizeof(weir_bytes)); break;
        case 7: WEIR_TRY(text_of(r, proto.bytes, &node->domain)); break;
        default: break;
        }
    }
    return proto.reader.bad ? malformed("a node") : NULL;
}

/* Attributes come last, so that their errors can name the node whatever the order of its fields. */
static weir_error *node_attributes(reader *r, weir_node *node, const weir_buffer *messages)
{
    size_t count = messages->size / sizeof(weir_bytes);
    weir_attribute *attributes = weir_arena_array(r->into, weir_attribute, count);
    for (size_t i = 0; i < count; i++) {
        weir_error *error =
            read_attribute(r, ((const weir_bytes *)messages->data)[i], &attributes[i]);
        if (error != NULL) return weir_error_while(error, "node '%s' (%s)", node->name, node->op);
    }
    node->attributes = attributes;
    node->attribute_count = (uint32_t)count;
    return NULL;
}

static weir_error *read_node(reader *r, weir_bytes message)
{
    if (r->nodes.size / sizeof(weir_node) >= WEIR_GRAPH_NODES_MAX)
        return weir_error_new(WEIR_E_LIMIT, "the graph has more than %d nodes",
                              WEIR_GRAPH_NODES_MAX);
    weir_node node = {.op = "", .domain = "", .name = ""};
    node_parts parts = {0};
    weir_error *error = node_fields(r, message, &node, &parts);
    if (error == NULL) error = node_attributes(r, &node, &parts.attributes);
    if (strcmp(node.domain, "ai.onnx") == 0) node.domain = "";
    node.inputs = weir_arena_copy(r->into, parts.inputs.data, parts.inputs.size);
    node.outputs = weir_arena_copy(r->into, parts.outputs.data, parts.outputs.size);
    node.input_count = (uint32_t)(parts.inputs.size / 4);
    node.output_count = (uint32_t)(parts.outputs.size / 4);
    weir_buffer_put(&r->nodes, &node, sizeof(node));
    weir_buffer_deinit(&parts.inputs);
    weir_buffer_deinit(&parts.outputs);
    weir_buffer_deinit(&parts.attributes);
    return error;
}

static weir_error *read_dimension(weir_bytes message, weir_shape *shape)
{
    if (shape->rank >= WEIR_RANK_MAX)
        return weir_error_new(WEIR_E_MODEL, "a shape has more than %d dimensions", WEIR_RANK_MAX);
    int64_t size = -1;
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (proto.field == 1 && weir_proto_is_varint(&proto)) size = (int64_t)proto.number;
        if (proto.field == 2 && weir_proto_is_bytes(&proto)) size = -1;
    }
    shape->dims[shape->rank++] = size < 0 ? -1 : size;
    return proto.reader.bad ? malformed("a dimension") : NULL;
}

static weir_error *read_tensor_type(weir_bytes message, weir_graph_port *port, uint64_t *type)
{
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (proto.field == 1 && weir_proto_is_varint(&proto)) *type = proto.number;
        if (proto.field != 2 || !weir_proto_is_bytes(&proto)) continue;
        port->has_shape = true;
        weir_proto dims = weir_proto_of(proto.bytes);
        while (weir_proto_next(&dims))
            if (dims.field == 1 && weir_proto_is_bytes(&dims))
                WEIR_TRY(read_dimension(dims.bytes, &port->shape));
        if (dims.reader.bad) return malformed("a shape");
    }
    return proto.reader.bad ? malformed("a tensor type") : NULL;
}

static weir_error *read_type(weir_bytes message, weir_graph_port *port, uint64_t *type)
{
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (!weir_proto_is_bytes(&proto)) continue;
        if (proto.field == 1) WEIR_TRY(read_tensor_type(proto.bytes, port, type));
        if (proto.field == 4 || proto.field == 5) port->is_map = true;
    }
    return proto.reader.bad ? malformed("a type") : NULL;
}

static weir_error *read_port(reader *r, weir_bytes message, weir_buffer *ports)
{
    weir_graph_port port = {.value = WEIR_NO_VALUE};
    weir_bytes name = {0};
    uint64_t type = 0;
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (!weir_proto_is_bytes(&proto)) continue;
        if (proto.field == 1) name = proto.bytes;
        if (proto.field == 2) WEIR_TRY(read_type(proto.bytes, &port, &type));
    }
    if (proto.reader.bad) return malformed("an input or output");
    WEIR_TRY(value_of(r, name, &port.value));
    if (port.value == WEIR_NO_VALUE)
        return weir_error_new(WEIR_E_MODEL, "an input or output has no name");
    port.has_kind = type != 0;
    if (type == ONNX_UINT8 || (type != 0 && !kind_from_onnx(type, &port.kind)))
        return unsupported_type("input or output", ((const char **)r->names.data)[port.value],
                                type);
    if (ports->size / sizeof(port) >= 4096)
        return weir_error_new(WEIR_E_LIMIT, "the graph has more than 4096 inputs or outputs");
    weir_buffer_put(ports, &port, sizeof(port));
    return NULL;
}

static weir_error *read_graph(reader *r, weir_bytes message)
{
    r->has_graph = true;
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (!weir_proto_is_bytes(&proto)) continue;
        switch (proto.field) {
        case 1: WEIR_TRY(read_node(r, proto.bytes)); break;
        case 5: WEIR_TRY(read_initializer(r, proto.bytes)); break;
        case 11: WEIR_TRY(read_port(r, proto.bytes, &r->inputs)); break;
        case 12: WEIR_TRY(read_port(r, proto.bytes, &r->outputs)); break;
        case 15: return weir_error_new(WEIR_E_MODEL, "sparse initializers are not supported");
        default: break;
        }
    }
    return proto.reader.bad ? malformed("the graph") : NULL;
}

static weir_error *read_opset(reader *r, weir_bytes message)
{
    const char *domain = "";
    int64_t version = 0;
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (proto.field == 1 && weir_proto_is_bytes(&proto))
            WEIR_TRY(text_of(r, proto.bytes, &domain));
        if (proto.field == 2 && weir_proto_is_varint(&proto)) version = (int64_t)proto.number;
    }
    if (proto.reader.bad) return malformed("an opset import");
    if (version < 0 || version > 1000) version = 1000;
    if (strcmp(domain, "") == 0 || strcmp(domain, "ai.onnx") == 0) r->graph->opset = (int)version;
    if (strcmp(domain, "ai.onnx.ml") == 0) r->graph->ml_opset = (int)version;
    return NULL;
}

static weir_error *read_model(reader *r, weir_bytes message)
{
    weir_proto proto = weir_proto_of(message);
    while (weir_proto_next(&proto)) {
        if (proto.field == 1 && weir_proto_is_varint(&proto))
            r->graph->ir_version = (int64_t)proto.number;
        if (!weir_proto_is_bytes(&proto)) continue;
        if (proto.field == 2) WEIR_TRY(text_of(r, proto.bytes, &r->graph->producer));
        if (proto.field == 7) WEIR_TRY(read_graph(r, proto.bytes));
        if (proto.field == 8) WEIR_TRY(read_opset(r, proto.bytes));
        if (proto.field == 25)
            return weir_error_new(WEIR_E_MODEL, "the model defines functions; inline them first "
                                                "(onnx.inliner.inline_local_functions)");
    }
    if (proto.reader.bad) return malformed("the file");
    if (!r->has_graph)
        return weir_error_new(WEIR_E_MODEL, "the file holds no graph; is it an ONNX model?");
    return NULL;
}

/* Before IR 4 initializers are listed as inputs too; such an input is a constant. */
static void keep_inputs(reader *r)
{
    const weir_graph_port *from = (const weir_graph_port *)r->inputs.data;
    size_t count = r->inputs.size / sizeof(*from);
    r->graph->inputs = weir_arena_array(r->into, weir_graph_port, count);
    for (size_t i = 0; i < count; i++)
        if (r->graph->constants[from[i].value] == NULL)
            r->graph->inputs[r->graph->input_count++] = from[i];
}

static void finish(reader *r)
{
    weir_graph *graph = r->graph;
    graph->value_count = r->names.size / sizeof(char *);
    graph->value_names = weir_arena_copy(r->into, r->names.data, r->names.size);
    graph->constants = weir_arena_copy(r->into, r->constants.data, r->constants.size);
    graph->nodes = weir_arena_copy(r->into, r->nodes.data, r->nodes.size);
    graph->node_count = r->nodes.size / sizeof(weir_node);
    graph->outputs = weir_arena_copy(r->into, r->outputs.data, r->outputs.size);
    graph->output_count = r->outputs.size / sizeof(weir_graph_port);
    keep_inputs(r);
}

weir_error *weir_graph_read(weir_bytes file, weir_arena *into, weir_graph **graph_out)
{
    reader r = {.into = into, .graph = weir_arena_new(into, weir_graph)};
    r.graph->producer = "";
    weir_error *error = read_model(&r, file);
    if (error == NULL) finish(&r);
    weir_buffer_deinit(&r.nodes);
    weir_buffer_deinit(&r.inputs);
    weir_buffer_deinit(&r.outputs);
    weir_buffer_deinit(&r.names);
    weir_buffer_deinit(&r.constants);
    *graph_out = r.graph;
    return error;
}
