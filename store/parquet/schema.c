/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/schema.h"

#include <string.h>

#include "ops/runtime/assert.h"

enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_MAP = 1,
    CONVERTED_LIST = 3,
    CONVERTED_DECIMAL = 5,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_NONE = -1,
};

/* Where the walk over the columns stands. */
typedef struct builder {
    weir_arena *into;
    parquet_element *elements;
    size_t element_count;
    parquet_leaf *leaves;
    size_t leaf_count;
    const char *path[PARQUET_PATH_MAX];
    uint32_t path_size;
    unsigned definition, repetition;
} builder;

unsigned parquet_decimal_bytes(unsigned precision)
{
    WEIR_ASSERT(precision >= 1 && precision <= WEIR_DECIMAL_PRECISION_MAX);
    weir_int128 most = 1;
    for (unsigned i = 0; i < precision; i++)
        most *= 10;
    unsigned bytes = 1;
    while (bytes < 16 && ((weir_int128)1 << (8 * bytes - 1)) < most)
        bytes++;
    return bytes;
}

/* How many elements and leaves a type takes, or 0 leaves where it can not be stored. */
static void count_type(weir_type type, unsigned depth, size_t *elements, size_t *leaves, bool *bad)
{
    if (depth > WEIR_PARQUET_NESTING_MAX) {
        *bad = true;
        return;
    }
    switch (type.kind) {
    case WEIR_NULL: *bad = true; break;
    case WEIR_ENUM:
        if (type.symbols == NULL || type.symbols->symbol_count == 0) *bad = true;
        if (!*bad && type.symbols->symbol_count > WEIR_PARQUET_SYMBOLS_MAX) *bad = true;
        *elements += 1;
        *leaves += 1;
        break;
    case WEIR_GEO:
        *elements += 3;
        *leaves += 2;
        break;
    case WEIR_VEC:
        *elements += 3;
        *leaves += 1;
        break;
    case WEIR_LIST:
        *elements += 2;
        count_type(*type.item, depth + 1, elements, leaves, bad);
        break;
    case WEIR_MAP:
        *elements += 2;
        count_type(*type.key, depth + 1, elements, leaves, bad);
        count_type(*type.item, depth + 1, elements, leaves, bad);
        break;
    default: *elements += 1; *leaves += 1;
    }
}

static parquet_element *add_element(builder *b, const char *name, parquet_repetition repetition)
{
    parquet_element *element = &b->elements[b->element_count++];
    *element = (parquet_element){
        .name = {(const uint8_t *)name, strlen(name)},
        .physical = -1,
        .repetition = (int32_t)repetition,
        .converted = CONVERTED_NONE,
    };
    WEIR_ASSERT(b->path_size < PARQUET_PATH_MAX);
    b->path[b->path_size++] = name;
    if (repetition != PARQUET_REQUIRED) b->definition++;
    if (repetition == PARQUET_REPEATED) b->repetition++;
    return element;
}

static void leave_element(builder *b, const parquet_element *element)
{
    b->path_size--;
    if (element->repetition != PARQUET_REQUIRED) b->definition--;
    if (element->repetition == PARQUET_REPEATED) b->repetition--;
}

static void decimal_element(parquet_element *element, weir_type type)
{
    element->logical = PARQUET_LOGICAL_DECIMAL;
    element->converted = CONVERTED_DECIMAL;
    element->precision = type.precision;
    element->scale = type.scale;
    if (type.precision <= 9) {
        element->physical = PARQUET_INT32;
    } else if (type.precision <= 18) {
        element->physical = PARQUET_INT64;
    } else {
        element->physical = PARQUET_FIXED;
        element->type_length = (int32_t)parquet_decimal_bytes(type.precision);
    }
}

static void leaf_element(parquet_element *element, weir_type type)
{
    switch (type.kind) {
    case WEIR_BOOL: element->physical = PARQUET_BOOLEAN; break;
    case WEIR_INT64:
    case WEIR_DURATION: element->physical = PARQUET_INT64; break;
    case WEIR_FLOAT64: element->physical = PARQUET_DOUBLE; break;
    case WEIR_DECIMAL: decimal_element(element, type); break;
    case WEIR_TIME:
        element->physical = PARQUET_INT64;
        element->logical = PARQUET_LOGICAL_TIMESTAMP;
        element->converted = CONVERTED_TIMESTAMP_MICROS;
        element->unit = PARQUET_UNIT_US;
        element->is_utc = true;
        break;
    case WEIR_STRING:
    case WEIR_ENUM: /* not the ENUM annotation: pyarrow reads that as binary */
        element->physical = PARQUET_BYTE_ARRAY;
        element->logical = PARQUET_LOGICAL_STRING;
        element->converted = CONVERTED_UTF8;
        break;
    case WEIR_BYTES: element->physical = PARQUET_BYTE_ARRAY; break;
    default: WEIR_UNREACHABLE();
    }
}

static void add_leaf(builder *b, const parquet_element *element, weir_type type)
{
    parquet_leaf *leaf = &b->leaves[b->leaf_count++];
    type.optional = false;
    *leaf = (parquet_leaf){
        .type = type,
        .physical = (uint8_t)element->physical,
        .max_definition = (uint8_t)b->definition,
        .max_repetition = (uint8_t)b->repetition,
        .type_length = element->type_length,
        .path_size = b->path_size,
    };
    memcpy(leaf->path, b->path, sizeof b->path);
}

/* A required leaf inside a group: lat, lon, the floats of a vec. */
static void add_inner_leaf(builder *b, const char *name, parquet_physical physical, weir_type type)
{
    parquet_element *element = add_element(b, name, PARQUET_REQUIRED);
    element->physical = physical;
    add_leaf(b, element, type);
    leave_element(b, element);
}

static void add_node(builder *b, const char *name, weir_type type, parquet_node *node);

/* group NAME (LIST or MAP) { repeated group MIDDLE { ... } } */
static void add_repeated(builder *b, parquet_element *outer, weir_type type, parquet_node *node)
{
    bool is_map = type.kind == WEIR_MAP;
    outer->logical = is_map ? PARQUET_LOGICAL_MAP : PARQUET_LOGICAL_LIST;
    outer->converted = is_map ? CONVERTED_MAP : CONVERTED_LIST;
    outer->child_count = 1;
    parquet_element *middle = add_element(b, is_map ? "key_value" : "list", PARQUET_REPEATED);
    middle->child_count = is_map ? 2 : 1;
    node->item_definition = (uint8_t)b->definition;
    node->repetition = (uint8_t)b->repetition;
    if (type.kind == WEIR_VEC) {
        add_inner_leaf(b, "element", PARQUET_FLOAT, type);
    } else {
        parquet_node *children = weir_arena_array(b->into, parquet_node, is_map ? 2 : 1);
        if (is_map) {
            weir_type key = *type.key;
            key.optional = false; /* Parquet has no null keys */
            add_node(b, "key", key, &children[0]);
        }
        add_node(b, is_map ? "value" : "element", *type.item, &children[is_map ? 1 : 0]);
        node->children = children;
    }
    leave_element(b, middle);
}

static void add_node(builder *b, const char *name, weir_type type, parquet_node *node)
{
    parquet_element *element =
        add_element(b, name, type.optional ? PARQUET_OPTIONAL : PARQUET_REQUIRED);
    *node = (parquet_node){
        .type = type,
        .definition = (uint8_t)b->definition,
        .first_leaf = (uint32_t)b->leaf_count,
    };
    switch (type.kind) {
    case WEIR_GEO:
        element->child_count = 2;
        add_inner_leaf(b, "lat", PARQUET_DOUBLE, weir_type_of(WEIR_FLOAT64));
        add_inner_leaf(b, "lon", PARQUET_DOUBLE, weir_type_of(WEIR_FLOAT64));
        break;
    case WEIR_VEC:
    case WEIR_LIST:
    case WEIR_MAP: add_repeated(b, element, type, node); break;
    default: leaf_element(element, type); add_leaf(b, element, type);
    }
    node->leaf_count = (uint32_t)b->leaf_count - node->first_leaf;
    leave_element(b, element);
}

static weir_error *check_names(const weir_parquet_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (columns[i].name == NULL || columns[i].name[0] == '\0') {
            return weir_error_new(WEIR_E_SCHEMA, "column %zu has no name; Parquet columns need one",
                                  i);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(columns[i].name, columns[k].name) == 0) {
                return weir_error_new(WEIR_E_SCHEMA, "two columns are called %s; rename one",
                                      columns[i].name);
            }
        }
    }
    return NULL;
}

weir_error *parquet_schema_make(const weir_parquet_column *columns, size_t count, weir_arena *into,
                                parquet_schema *schema_out)
{
    if (count == 0 || count > WEIR_PARQUET_COLUMNS_MAX) {
        return weir_error_new(WEIR_E_SCHEMA,
                              "%zu columns can not be written as Parquet; 1 to %d can", count,
                              WEIR_PARQUET_COLUMNS_MAX);
    }
    WEIR_TRY(check_names(columns, count));
    size_t element_count = 1, leaf_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool bad = false;
        count_type(columns[i].type, 0, &element_count, &leaf_count, &bad);
        if (bad) {
            return weir_error_new(WEIR_E_SCHEMA,
                                  "column %s: its type can not be stored as Parquet (null, or "
                                  "lists more than %d deep)",
                                  columns[i].name, WEIR_PARQUET_NESTING_MAX);
        }
    }
    builder b = {.into = into};
    b.elements = weir_arena_array(into, parquet_element, element_count);
    b.leaves = weir_arena_array(into, parquet_leaf, leaf_count);
    parquet_node *nodes = weir_arena_array(into, parquet_node, count);
    b.elements[b.element_count++] = (parquet_element){
        .name = {(const uint8_t *)"weir", 4},
        .physical = -1,
        .repetition = -1,
        .child_count = (int32_t)count,
        .converted = CONVERTED_NONE,
    };
    for (size_t i = 0; i < count; i++)
        add_node(&b, columns[i].name, columns[i].type, &nodes[i]);
    WEIR_ASSERT(b.element_count == element_count && b.leaf_count == leaf_count);
    *schema_out = (parquet_schema){b.elements, element_count, b.leaves, leaf_count, nodes, count};
    return NULL;
}
