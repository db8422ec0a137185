/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/read_schema.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"
#include "store/parquet/reader.h"

enum { COLUMN_NAME_MAX = 4096, LEVEL_MAX = 255 };

typedef struct walk {
    const char *file;
    const parquet_file_meta *meta;
    weir_arena *into;
    size_t next; /* element */
    parquet_read_leaf *leaves;
    size_t leaf_count;
    parquet_read_node *nodes;
    weir_parquet_column *columns;
    size_t column_count;
} walk;

/* The state of a walk at one place of the tree. */
typedef struct place {
    const char *path;
    unsigned definition, repetition, depth;
    bool is_optional; /* something above may be null */
} place;

static weir_error *bad_schema(const walk *w, const char *problem)
{
    return weir_error_new(WEIR_E_CORRUPT, "%s: the schema in the Parquet footer is damaged: %s",
                          w->file, problem);
}

/* --- Leaves --- */

static weir_type decimal_of(const parquet_element *element, parquet_conversion *how,
                            parquet_conversion what)
{
    bool fits = element->precision >= 1 && element->precision <= WEIR_DECIMAL_PRECISION_MAX &&
                element->scale >= 0 && element->scale <= element->precision;
    *how = fits ? what : PARQUET_AS_NONE;
    return fits ? weir_type_decimal((unsigned)element->precision, (unsigned)element->scale)
                : weir_type_of(WEIR_NULL);
}

static int64_t unit_scale(const parquet_element *element)
{
    switch (element->unit) {
    case PARQUET_UNIT_MS: return 1000;
    case PARQUET_UNIT_US: return 1;
    default: return -1000;
    }
}

static weir_type integer_type(const parquet_element *element, parquet_read_leaf *leaf)
{
    const int64_t day_us = INT64_C(86400000000);
    switch (element->logical) {
    case PARQUET_LOGICAL_DECIMAL:
        return decimal_of(element, &leaf->conversion, PARQUET_AS_DECIMAL_INT);
    case PARQUET_LOGICAL_DATE:
        leaf->conversion = PARQUET_AS_TIME;
        leaf->scale = day_us;
        return weir_type_of(WEIR_TIME);
    case PARQUET_LOGICAL_TIMESTAMP:
        leaf->conversion = PARQUET_AS_TIME;
        leaf->scale = unit_scale(element);
        return weir_type_of(WEIR_TIME);
    case PARQUET_LOGICAL_TIME:
        leaf->conversion = PARQUET_AS_DURATION;
        leaf->scale = unit_scale(element);
        return weir_type_of(WEIR_DURATION);
    case PARQUET_LOGICAL_INTEGER:
        if (!element->is_signed && element->physical == PARQUET_INT64) {
            leaf->conversion = PARQUET_AS_UINT64;
            return weir_type_decimal(20, 0);
        }
        leaf->conversion = element->is_signed ? PARQUET_AS_INT : PARQUET_AS_UINT32;
        return weir_type_of(WEIR_INT64);
    default: leaf->conversion = PARQUET_AS_INT; return weir_type_of(WEIR_INT64);
    }
}

static weir_type binary_type(const parquet_element *element, parquet_read_leaf *leaf)
{
    bool is_fixed = element->physical == PARQUET_FIXED;
    switch (element->logical) {
    case PARQUET_LOGICAL_STRING:
    case PARQUET_LOGICAL_ENUM:
    case PARQUET_LOGICAL_JSON:
        leaf->conversion = PARQUET_AS_STRING;
        return weir_type_of(WEIR_STRING);
    case PARQUET_LOGICAL_DECIMAL:
        return decimal_of(element, &leaf->conversion, PARQUET_AS_DECIMAL_BYTES);
    case PARQUET_LOGICAL_UUID:
        leaf->conversion =
            is_fixed && element->type_length == 16 ? PARQUET_AS_UUID : PARQUET_AS_BYTES;
        return weir_type_of(leaf->conversion == PARQUET_AS_UUID ? WEIR_STRING : WEIR_BYTES);
    case PARQUET_LOGICAL_FLOAT16:
        leaf->conversion =
            is_fixed && element->type_length == 2 ? PARQUET_AS_FLOAT16 : PARQUET_AS_BYTES;
        return weir_type_of(leaf->conversion == PARQUET_AS_FLOAT16 ? WEIR_FLOAT64 : WEIR_BYTES);
    case PARQUET_LOGICAL_INTERVAL:
        leaf->conversion = PARQUET_AS_NONE;
        return weir_type_of(WEIR_NULL);
    default: leaf->conversion = PARQUET_AS_BYTES; return weir_type_of(WEIR_BYTES);
    }
}

static weir_type leaf_type(const parquet_element *element, parquet_read_leaf *leaf)
{
    leaf->scale = 1;
    switch (element->physical) {
    case PARQUET_BOOLEAN: leaf->conversion = PARQUET_AS_BOOL; return weir_type_of(WEIR_BOOL);
    case PARQUET_INT32:
    case PARQUET_INT64: return integer_type(element, leaf);
    case PARQUET_INT96: leaf->conversion = PARQUET_AS_INT96; return weir_type_of(WEIR_TIME);
    case PARQUET_FLOAT:
    case PARQUET_DOUBLE: leaf->conversion = PARQUET_AS_FLOAT; return weir_type_of(WEIR_FLOAT64);
    default: return binary_type(element, leaf);
    }
}

static weir_error *add_leaf(walk *w, const parquet_element *element, place at, weir_type *type_out)
{
    if (element->physical == PARQUET_FIXED &&
        (element->type_length <= 0 || element->type_length > WEIR_PARQUET_VALUE_BYTES_MAX)) {
        return bad_schema(w, "a FIXED_LEN_BYTE_ARRAY of an impossible length");
    }
    parquet_read_leaf *leaf = &w->leaves[w->leaf_count++];
    *leaf = (parquet_read_leaf){
        .element = element,
        .path = at.path,
        .max_definition = at.definition,
        .max_repetition = at.repetition,
    };
    *type_out = leaf_type(element, leaf);
    return NULL;
}

/* --- Places --- */

static weir_error *take(walk *w, const parquet_element **element_out)
{
    if (w->next >= w->meta->element_count)
        return bad_schema(w, "a group has fewer children than it says");
    *element_out = &w->meta->elements[w->next++];
    return NULL;
}

/* Into an element: its levels and its name are added. */
static weir_error *enter(walk *w, const parquet_element *element, place above, place *at_out)
{
    place at = above;
    int32_t repetition = element->repetition < 0 ? PARQUET_REQUIRED : element->repetition;
    if (repetition > PARQUET_REPEATED) return bad_schema(w, "an unknown repetition");
    if (repetition != PARQUET_REQUIRED) at.definition++;
    if (repetition == PARQUET_REPEATED) at.repetition++;
    if (repetition == PARQUET_OPTIONAL) at.is_optional = true;
    if (++at.depth > WEIR_PARQUET_DEPTH_MAX) return bad_schema(w, "groups nested too deep");
    if (element->name.size > COLUMN_NAME_MAX ||
        !weir_utf8_is_valid(element->name.data, element->name.size)) {
        return bad_schema(w, "a name that is too long or not UTF-8");
    }
    at.path = weir_arena_printf(w->into, "%s%s%.*s", above.path, above.path[0] == '\0' ? "" : ".",
                                (int)element->name.size, (const char *)element->name.data);
    *at_out = at;
    return NULL;
}

static bool name_is(const parquet_element *element, const char *name)
{
    return element->name.size == strlen(name) &&
           memcmp(element->name.data, name, element->name.size) == 0;
}

static bool is_coordinate(const parquet_element *element)
{
    return (element->physical == PARQUET_DOUBLE || element->physical == PARQUET_FLOAT) &&
           element->repetition != PARQUET_REPEATED;
}

static bool are_named(const parquet_element *a, const char *a_name, const parquet_element *b,
                      const char *b_name)
{
    return name_is(a, a_name) && name_is(b, b_name);
}

/* { lat, lon } of floats or doubles, in any order: both leaves follow the group in the list of elements. */
static bool is_geo(const walk *w, const parquet_element *group, bool *is_longitude_first_out)
{
    size_t index = (size_t)(group - w->meta->elements);
    if (group->child_count != 2 || index + 2 >= w->meta->element_count) return false;
    const parquet_element *a = group + 1, *b = group + 2;
    *is_longitude_first_out =
        are_named(a, "lon", b, "lat") || are_named(a, "longitude", b, "latitude");
    return is_coordinate(a) && is_coordinate(b) &&
           (*is_longitude_first_out || are_named(a, "lat", b, "lon") ||
            are_named(a, "latitude", b, "longitude"));
}

static weir_error *geo_node(walk *w, place at, parquet_read_node *node)
{
    node->shape = PARQUET_GEO;
    node->type = weir_type_of(WEIR_GEO);
    for (int i = 0; i < 2; i++) {
        const parquet_element *element = NULL;
        place inner = {0};
        weir_type type;
        WEIR_TRY(take(w, &element));
        WEIR_TRY(enter(w, element, at, &inner));
        WEIR_TRY(add_leaf(w, element, inner, &type));
        node->type.optional = node->type.optional || inner.is_optional;
    }
    return NULL;
}

static weir_error *read_node(walk *w, const parquet_element *element, place at,
                             parquet_read_node *node);

/* Takes a subtree that is of no use: its leaves are counted, its node has no type. */
static weir_error *unsupported(walk *w, const parquet_element *element, place at,
                               parquet_read_node *node)
{
    if (element->physical >= 0) {
        weir_type type;
        WEIR_TRY(add_leaf(w, element, at, &type));
    }
    for (int32_t i = 0; element->physical < 0 && i < element->child_count; i++) {
        const parquet_element *child = NULL;
        place inner = {0};
        WEIR_TRY(take(w, &child));
        WEIR_TRY(enter(w, child, at, &inner));
        WEIR_TRY(unsupported(w, child, inner, node));
    }
    node->type = weir_type_of(WEIR_NULL);
    return NULL;
}

static const weir_type *keep_type(walk *w, weir_type type)
{
    return weir_arena_copy(w->into, &type, sizeof type);
}

/* Items of a list whose repeated element stands at `at`. */
static weir_error *list_items(walk *w, const parquet_element *item, place at, place repeated,
                              parquet_read_node *node)
{
    parquet_read_node *child = weir_arena_new(w->into, parquet_read_node);
    node->shape = PARQUET_LIST;
    node->item_definition = repeated.definition;
    node->repetition = repeated.repetition;
    at.is_optional = item->repetition == PARQUET_OPTIONAL; /* what is above is the list's affair */
    WEIR_TRY(read_node(w, item, at, child));
    node->children = child;
    node->type = (weir_type){.kind = WEIR_LIST, .item = keep_type(w, child->type)};
    if (child->type.kind == WEIR_NULL) node->type = weir_type_of(WEIR_NULL);
    return NULL;
}

/* LIST: three levels in our days; in old files the repeated element is the item itself. */
static weir_error *list_node(walk *w, const parquet_element *list, place at,
                             parquet_read_node *node)
{
    const parquet_element *middle = NULL, *item = NULL;
    place repeated = {0}, inner = {0};
    node->definition = at.definition;
    WEIR_TRY(take(w, &middle));
    WEIR_TRY(enter(w, middle, at, &repeated));
    if (middle->repetition != PARQUET_REPEATED)
        return bad_schema(w, "a LIST without a repeated element");
    bool is_tuple = middle->name.size == list->name.size + 6 &&
                    memcmp(middle->name.data, list->name.data, list->name.size) == 0 &&
                    memcmp(middle->name.data + list->name.size, "_tuple", 6) == 0;
    bool is_item =
        middle->physical >= 0 || middle->child_count != 1 || name_is(middle, "array") || is_tuple;
    if (is_item) return list_items(w, middle, repeated, repeated, node);
    WEIR_TRY(take(w, &item));
    WEIR_TRY(enter(w, item, repeated, &inner));
    return list_items(w, item, inner, repeated, node);
}

static weir_error *map_node(walk *w, place at, parquet_read_node *node)
{
    const parquet_element *middle = NULL;
    place repeated = {0};
    node->definition = at.definition;
    WEIR_TRY(take(w, &middle));
    WEIR_TRY(enter(w, middle, at, &repeated));
    if (middle->repetition != PARQUET_REPEATED || middle->child_count != 2)
        return bad_schema(w, "a MAP without keys and values");
    parquet_read_node *children = weir_arena_array(w->into, parquet_read_node, 2);
    for (int i = 0; i < 2; i++) {
        const parquet_element *child = NULL;
        place inner = {0};
        WEIR_TRY(take(w, &child));
        WEIR_TRY(enter(w, child, repeated, &inner));
        inner.is_optional = child->repetition == PARQUET_OPTIONAL;
        WEIR_TRY(read_node(w, child, inner, &children[i]));
    }
    node->shape = PARQUET_MAP;
    node->item_definition = repeated.definition;
    node->repetition = repeated.repetition;
    node->children = children;
    node->type = (weir_type){.kind = WEIR_MAP,
                             .key = keep_type(w, children[0].type),
                             .item = keep_type(w, children[1].type)};
    if (children[0].type.kind == WEIR_NULL || children[1].type.kind == WEIR_NULL)
        node->type = weir_type_of(WEIR_NULL);
    return NULL;
}

/* The element has been entered. */
static weir_error *read_node(walk *w, const parquet_element *element, place at,
                             parquet_read_node *node)
{
    *node = (parquet_read_node){
        .shape = PARQUET_SCALAR, .definition = at.definition, .first_leaf = w->leaf_count};
    if (element->physical >= 0) {
        WEIR_TRY(add_leaf(w, element, at, &node->type));
    } else if (element->logical == PARQUET_LOGICAL_LIST && element->child_count == 1) {
        WEIR_TRY(list_node(w, element, at, node));
    } else if (element->logical == PARQUET_LOGICAL_MAP && element->child_count == 1) {
        WEIR_TRY(map_node(w, at, node));
    } else if (is_geo(w, element, &node->is_longitude_first)) {
        WEIR_TRY(geo_node(w, at, node));
    } else {
        WEIR_TRY(unsupported(w, element, at, node));
    }
    node->leaf_count = w->leaf_count - node->first_leaf;
    if (node->shape != PARQUET_GEO && node->type.kind != WEIR_NULL)
        node->type.optional = at.is_optional;
    return NULL;
}

static weir_error *add_column(walk *w, const parquet_element *element, place at)
{
    parquet_read_node *node = &w->nodes[w->column_count];
    if (element->repetition == PARQUET_REPEATED) { /* a list without annotation */
        *node = (parquet_read_node){.definition = at.definition - 1, .first_leaf = w->leaf_count};
        WEIR_TRY(list_items(w, element, at, at, node));
        node->leaf_count = w->leaf_count - node->first_leaf;
    } else {
        WEIR_TRY(read_node(w, element, at, node));
    }
    w->columns[w->column_count++] = (weir_parquet_column){at.path, node->type};
    return NULL;
}

/* A struct's fields become columns of their own. */
static weir_error *add_columns(walk *w, const parquet_element *element, place above)
{
    place at = {0};
    WEIR_TRY(enter(w, element, above, &at));
    bool is_longitude_first = false;
    bool is_annotated =
        element->logical == PARQUET_LOGICAL_LIST || element->logical == PARQUET_LOGICAL_MAP;
    bool is_struct = element->physical < 0 && element->repetition != PARQUET_REPEATED &&
                     !is_annotated && !is_geo(w, element, &is_longitude_first);
    if (!is_struct) return add_column(w, element, at);
    for (int32_t i = 0; i < element->child_count; i++) {
        const parquet_element *child = NULL;
        WEIR_TRY(take(w, &child));
        WEIR_TRY(add_columns(w, child, at));
    }
    return NULL;
}

weir_error *parquet_read_schema_make(const char *name, const parquet_file_meta *meta,
                                     weir_arena *into, parquet_read_schema *schema_out)
{
    walk w = {.file = name, .meta = meta, .into = into};
    w.leaves = weir_arena_array(into, parquet_read_leaf, meta->leaf_count);
    w.nodes = weir_arena_array(into, parquet_read_node, meta->element_count);
    w.columns = weir_arena_array(into, weir_parquet_column, meta->element_count);
    const parquet_element *root = NULL;
    WEIR_TRY(take(&w, &root));
    if (root->physical >= 0) return bad_schema(&w, "its root is no group");
    for (int32_t i = 0; i < root->child_count; i++) {
        const parquet_element *child = NULL;
        WEIR_TRY(take(&w, &child));
        WEIR_TRY(add_columns(&w, child, (place){.path = ""}));
    }
    if (w.next != meta->element_count) return bad_schema(&w, "elements that belong to no group");
    WEIR_ASSERT(w.leaf_count == meta->leaf_count);
    *schema_out = (parquet_read_schema){w.leaves, w.leaf_count, w.nodes, w.columns, w.column_count};
    return NULL;
}
