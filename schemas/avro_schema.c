/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses a schema's JSON into a tree of our own, checking what avro-c does not: sizes, names,
 * duplicates, circles, logical types and defaults. Only then does avro-c see it, in the canonical
 * form that our tree prints, so that nothing hostile reaches it, and it agrees or the schema is
 * refused.
 */
#include <avro.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json_tree.h"
#include "schemas/avro_default.h"
#include "schemas/avro_internal.h"

enum {
    JSON_NODES_MAX = 200000,
    NAMED_TYPES_MAX = 1000,
    MEMBERS_MAX = 4096,
    FIXED_SIZE_MAX = WEIR_AVRO_STRING_MAX
};

typedef struct named_type {
    const char *name;
    const weir_schema_node *node; /* NULL while its own definition is being read */
} named_type;

typedef struct parser {
    const char *what; /* for messages: the file or subject */
    const uint8_t *text;
    const weir_schema_text *others; /* where types that are not in the text may stand */
    size_t other_count;
    weir_buffer linked; /* the text up to `taken`, with the types of others written in */
    const uint8_t *taken;
    weir_arena *into;
    unsigned depth;
    size_t named_count;
    named_type named[NAMED_TYPES_MAX];
} parser;

/* What a level of the schema passes down. */
typedef const char *namespace_name; /* "" for none */

static weir_error *parse_node(parser *p, const weir_json_node *json, namespace_name space,
                              const weir_schema_node **out);

__attribute__((format(printf, 3, 4))) static weir_error *bad(const parser *p,
                                                             const weir_json_node *at,
                                                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = weir_error_new_va(WEIR_E_SCHEMA, format, arguments);
    va_end(arguments);
    size_t line = 1, column = 1;
    for (const uint8_t *c = p->text; c < at->place; c++) {
        column++;
        if (*c == '\n') {
            line++;
            column = 1;
        }
    }
    return weir_error_while(error, "%s:%zu:%zu", p->what, line, column);
}

/* -- Names -- */

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_simple_name(const char *text, size_t size)
{
    if (size == 0 || size > WEIR_AVRO_NAME_MAX || !is_name_start(text[0])) return false;
    for (size_t i = 1; i < size; i++) {
        if (!is_name_start(text[i]) && !(text[i] >= '0' && text[i] <= '9')) return false;
    }
    return true;
}

static bool is_dotted_name(const char *text, size_t size)
{
    if (size > WEIR_AVRO_NAME_MAX) return false;
    const char *end = text + size;
    for (;;) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        if (!is_simple_name(text, (size_t)((dot == NULL ? end : dot) - text))) return false;
        if (dot == NULL) return true;
        text = dot + 1;
    }
}

static const char *const primitive_names[] = {"null",  "boolean", "int",   "long",
                                              "float", "double",  "bytes", "string"};

static int primitive_of(weir_bytes text)
{
    for (int i = 0; i <= WEIR_AVRO_STRING; i++) {
        if (text.size == strlen(primitive_names[i]) &&
            memcmp(text.data, primitive_names[i], text.size) == 0)
            return i;
    }
    return -1;
}

const char *weir_avro_kind_name(weir_avro_kind kind)
{
    static const char *const others[] = {"record", "enum", "array", "map", "union", "fixed"};
    return kind <= WEIR_AVRO_STRING ? primitive_names[kind] : others[kind - WEIR_AVRO_RECORD];
}

/* A name as written, dotted or not, becomes a full name. */
static const char *qualify(parser *p, weir_bytes name, namespace_name space)
{
    bool dotted = memchr(name.data, '.', name.size) != NULL;
    if (dotted || *space == '\0')
        return weir_arena_string(p->into, (const char *)name.data, name.size);
    return weir_arena_printf(p->into, "%s.%.*s", space, (int)name.size, (const char *)name.data);
}

static namespace_name namespace_of(parser *p, const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    return dot == NULL ? "" : weir_arena_string(p->into, full_name, (size_t)(dot - full_name));
}

static bool is_name_node(const weir_json_node *node)
{
    return node != NULL && node->kind == WEIR_JSON_STRING &&
           is_dotted_name((const char *)node->text.data, node->text.size);
}

static weir_error *parse_namespace(parser *p, const weir_json_node *json, namespace_name *space)
{
    const weir_json_node *given = weir_json_member(json, "namespace");
    if (given == NULL) return NULL;
    if (weir_json_text_is(given, "")) {
        *space = "";
    } else if (is_name_node(given)) {
        *space = weir_arena_string(p->into, (const char *)given->text.data, given->text.size);
    } else {
        return bad(p, given,
                   "a namespace is made of letters, digits and _, in parts with dots between");
    }
    return NULL;
}

/* The full name of a record, enum or fixed; *space becomes the namespace inside it. */
static weir_error *parse_name(parser *p, const weir_json_node *json, namespace_name *space,
                              const char **name_out)
{
    const weir_json_node *name = weir_json_member(json, "name");
    if (!is_name_node(name))
        return bad(p, name == NULL ? json : name,
                   "a record, enum or fixed needs a \"name\" of letters, digits and _");
    if (primitive_of(name->text) >= 0)
        return bad(p, name, "the name of a primitive type can not be defined anew");
    WEIR_TRY(parse_namespace(p, json, space));
    *name_out = qualify(p, name->text, *space);
    *space = namespace_of(p, *name_out);
    for (size_t i = 0; i < p->named_count; i++) {
        if (strcmp(p->named[i].name, *name_out) == 0)
            return bad(p, name, "%s is defined twice", *name_out);
    }
    if (p->named_count == NAMED_TYPES_MAX)
        return bad(p, name, "more than %d named types", NAMED_TYPES_MAX);
    p->named[p->named_count++] = (named_type){*name_out, NULL};
    return NULL;
}

static weir_error *parse_aliases(parser *p, const weir_json_node *json, const char *space,
                                 bool is_type, const char *const **out, size_t *count_out)
{
    const weir_json_node *list = weir_json_member(json, "aliases");
    if (list == NULL) return NULL;
    if (list->kind != WEIR_JSON_ARRAY_BEGIN)
        return bad(p, list, "\"aliases\" is an array of names");
    const char **names = weir_arena_array(p->into, const char *, list->count);
    size_t count = 0;
    for (const weir_json_node *at = list->first; at != NULL; at = at->next) {
        if (!is_name_node(at)) return bad(p, at, "an alias is a name of letters, digits and _");
        names[count++] = qualify(p, at->text, is_type ? space : "");
    }
    *out = names;
    *count_out = count;
    return NULL;
}

static const named_type *find_named(const parser *p, const char *name)
{
    for (size_t i = 0; i < p->named_count; i++) {
        if (strcmp(p->named[i].name, name) == 0) return &p->named[i];
    }
    return NULL;
}

static const weir_schema_text *find_other(const parser *p, const char *name)
{
    for (size_t i = 0; i < p->other_count; i++) {
        if (strcmp(p->others[i].full_name, name) == 0) return &p->others[i];
    }
    return NULL;
}

/* References come in the order of the text, so that it can be written out on the way. */
static void take_up_to(parser *p, const uint8_t *end)
{
    WEIR_ASSERT(end >= p->taken);
    weir_buffer_put(&p->linked, p->taken, (size_t)(end - p->taken));
    p->taken = end;
}

static const uint8_t *behind_string(const uint8_t *quote)
{
    const uint8_t *at = quote + 1;
    while (*at != '"')
        at += *at == '\\' ? 2 : 1;
    return at + 1;
}

/* The type of another file, as if it stood at the reference. Of no namespace it stays so. */
static weir_error *parse_other(parser *p, const weir_json_node *reference,
                               const weir_schema_text *other, const weir_schema_node **out)
{
    weir_json json;
    const weir_json_node *tree = NULL;
    const uint8_t *text = p->text;
    const char *what = p->what;
    take_up_to(p, reference->place);
    p->text = (const uint8_t *)other->json;
    p->what = other->name;
    weir_json_init(&json, p->text, other->size, p->into);
    WEIR_TRY(weir_json_tree(&json, JSON_NODES_MAX, WEIR_E_SCHEMA, p->what, p->into, &tree));
    p->taken = tree->place;
    if (strchr(other->full_name, '.') == NULL && weir_json_member(tree, "namespace") == NULL) {
        take_up_to(p, tree->place + 1);
        weir_buffer_put_text(&p->linked, "\"namespace\":\"\",");
    }
    WEIR_TRY(parse_node(p, tree, "", out));
    take_up_to(p, p->text + other->size);
    p->text = text;
    p->what = what;
    p->taken = behind_string(reference->place);
    return NULL;
}

/* In the namespace around it; else, as Avro's own Java does, in none. */
static weir_error *parse_reference(parser *p, const weir_json_node *json, namespace_name space,
                                   const weir_schema_node **out)
{
    if (!is_name_node(json))
        return bad(p, json, "not a type: a name of letters, digits, _ and dots is wanted");
    const char *name = qualify(p, json->text, space);
    const named_type *found = find_named(p, name);
    if (found == NULL) found = find_named(p, qualify(p, json->text, ""));
    const weir_schema_text *other = found == NULL ? find_other(p, name) : NULL;
    if (found == NULL && other == NULL) other = find_other(p, qualify(p, json->text, ""));
    if (other != NULL) return parse_other(p, json, other, out);
    if (found == NULL)
        return bad(p, json,
                   p->others == NULL
                       ? "the type %s is not defined; every named type must stand in the same "
                         "schema, before its use"
                       : "the type %s is not defined, neither before its use nor in another file",
                   name);
    if (found->node == NULL)
        return bad(
            p, json,
            "%s contains itself; weir reads no recursive types, take the field out or flatten it",
            found->name);
    *out = found->node;
    return NULL;
}

/* -- Nodes -- */

static weir_schema_node *new_node(parser *p, weir_avro_kind kind)
{
    weir_schema_node *node = weir_arena_new(p->into, weir_schema_node);
    node->kind = kind;
    node->written_out = 1;
    node->height = 1;
    node->default_symbol = -1;
    return node;
}

static weir_error *add_below(parser *p, const weir_json_node *at, weir_schema_node *node,
                             const weir_schema_node *child)
{
    node->written_out += child->written_out;
    if (node->height <= child->height) node->height = child->height + 1;
    if (node->height > WEIR_AVRO_DEPTH_MAX)
        return bad(p, at, "types are nested deeper than %d levels", WEIR_AVRO_DEPTH_MAX);
    if (node->written_out > WEIR_AVRO_NODES_MAX)
        return bad(p, at, "the schema has more than %d parts, with named types written out",
                   WEIR_AVRO_NODES_MAX);
    return NULL;
}

static weir_error *parse_member_default(parser *p, const weir_json_node *json,
                                        weir_schema_member *member)
{
    const weir_json_node *value = weir_json_member(json, "default");
    if (value == NULL) return NULL;
    weir_buffer bytes = {0};
    const char *problem = weir_avro_encode_default(member->node, value, &bytes);
    if (problem == NULL) {
        member->has_default = true;
        member->default_bytes =
            (weir_bytes){weir_arena_copy(p->into, bytes.data, bytes.size), bytes.size};
    }
    weir_buffer_deinit(&bytes);
    if (problem == NULL) return NULL;
    return bad(p, value, "the default of %s does not fit its type %s: %s", member->name,
               weir_avro_node_print(member->node, p->into), problem);
}

static weir_error *parse_member(parser *p, const weir_json_node *json, namespace_name space,
                                weir_schema_member *member)
{
    if (json->kind != WEIR_JSON_OBJECT_BEGIN)
        return bad(p, json, "a field is an object with \"name\" and \"type\"");
    const weir_json_node *name = weir_json_member(json, "name"),
                         *type = weir_json_member(json, "type");
    bool named = name != NULL && name->kind == WEIR_JSON_STRING &&
                 is_simple_name((const char *)name->text.data, name->text.size);
    if (!named)
        return bad(p, name == NULL ? json : name,
                   "a field needs a \"name\" of letters, digits and _, not beginning with a digit");
    member->name = weir_arena_string(p->into, (const char *)name->text.data, name->text.size);
    if (type == NULL) return bad(p, json, "the field %s has no \"type\"", member->name);
    WEIR_TRY(parse_aliases(p, json, space, false, &member->aliases, &member->alias_count));
    const weir_json_node *doc = weir_json_member(json, "doc");
    if (doc != NULL && doc->kind == WEIR_JSON_STRING)
        member->doc = weir_arena_string(p->into, (const char *)doc->text.data, doc->text.size);
    WEIR_TRY(parse_node(p, type, space, &member->node));
    return parse_member_default(p, json, member);
}

static weir_error *check_unique(parser *p, const weir_json_node *at,
                                const weir_schema_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, members[count].name) == 0)
            return bad(p, at, "the field %s stands twice in its record", members[count].name);
    }
    return NULL;
}

static weir_error *parse_record(parser *p, const weir_json_node *json, namespace_name space,
                                weir_schema_node *node)
{
    const weir_json_node *fields = weir_json_member(json, "fields");
    if (fields == NULL || fields->kind != WEIR_JSON_ARRAY_BEGIN)
        return bad(p, json, "a record needs an array \"fields\"");
    if (fields->count > MEMBERS_MAX)
        return bad(p, fields, "more than %d fields in one record", MEMBERS_MAX);
    weir_schema_member *members = weir_arena_array(p->into, weir_schema_member, fields->count);
    node->members = members;
    for (const weir_json_node *at = fields->first; at != NULL; at = at->next) {
        weir_schema_member *member = &members[node->count];
        WEIR_TRY(parse_member(p, at, space, member));
        WEIR_TRY(check_unique(p, at, members, node->count));
        WEIR_TRY(add_below(p, at, node, member->node));
        node->count++;
    }
    return NULL;
}

static weir_error *parse_symbols(parser *p, const weir_json_node *json, weir_enum_type *symbols)
{
    const weir_json_node *list = weir_json_member(json, "symbols");
    if (list == NULL || list->kind != WEIR_JSON_ARRAY_BEGIN || list->count == 0 ||
        list->count > WEIR_AVRO_NODES_MAX)
        return bad(p, json, "an enum needs an array \"symbols\" of 1 to %d names",
                   WEIR_AVRO_NODES_MAX);
    const char **names = weir_arena_array(p->into, const char *, list->count);
    symbols->symbols = names;
    for (const weir_json_node *at = list->first; at != NULL; at = at->next) {
        if (at->kind != WEIR_JSON_STRING ||
            !is_simple_name((const char *)at->text.data, at->text.size))
            return bad(p, at,
                       "a symbol is a name of letters, digits and _, not beginning with a digit");
        names[symbols->symbol_count] =
            weir_arena_string(p->into, (const char *)at->text.data, at->text.size);
        for (uint32_t i = 0; i < symbols->symbol_count; i++) {
            if (strcmp(names[i], names[symbols->symbol_count]) == 0)
                return bad(p, at, "the symbol %s stands twice", names[i]);
        }
        symbols->symbol_count++;
    }
    return NULL;
}

static weir_error *parse_enum(parser *p, const weir_json_node *json, weir_schema_node *node)
{
    weir_enum_type *symbols = weir_arena_new(p->into, weir_enum_type);
    const char *dot = strrchr(node->name, '.');
    symbols->name = dot == NULL ? node->name : dot + 1;
    WEIR_TRY(parse_symbols(p, json, symbols));
    node->symbols = symbols;
    node->count = symbols->symbol_count;
    const weir_json_node *fallback = weir_json_member(json, "default");
    if (fallback == NULL) return NULL;
    for (uint32_t i = 0; i < symbols->symbol_count; i++) {
        if (weir_json_text_is(fallback, symbols->symbols[i])) node->default_symbol = i;
    }
    return node->default_symbol >= 0
               ? NULL
               : bad(p, fallback, "the enum's default is not one of its symbols");
}

static weir_error *parse_fixed(parser *p, const weir_json_node *json, weir_schema_node *node)
{
    const weir_json_node *size = weir_json_member(json, "size");
    int64_t bytes = -1;
    if (!weir_json_node_int64(size, &bytes) || bytes < 0 || bytes > FIXED_SIZE_MAX)
        return bad(p, size == NULL ? json : size, "a fixed needs a \"size\" of 0 to %d",
                   FIXED_SIZE_MAX);
    node->size = (uint32_t)bytes;
    return NULL;
}

static weir_error *parse_item(parser *p, const weir_json_node *json, namespace_name space,
                              weir_schema_node *node)
{
    const char *member = node->kind == WEIR_AVRO_ARRAY ? "items" : "values";
    const weir_json_node *item = weir_json_member(json, member);
    if (item == NULL)
        return bad(p, json, "%s needs \"%s\"", node->kind == WEIR_AVRO_ARRAY ? "an array" : "a map",
                   member);
    WEIR_TRY(parse_node(p, item, space, &node->item));
    return add_below(p, item, node, node->item);
}

static bool same_branch(const weir_schema_node *a, const weir_schema_node *b)
{
    if (a->kind != b->kind) return false;
    return a->name == NULL || strcmp(a->name, b->name) == 0;
}

static weir_error *parse_union(parser *p, const weir_json_node *json, namespace_name space,
                               const weir_schema_node **out)
{
    if (json->count == 0 || json->count > MEMBERS_MAX)
        return bad(p, json, "a union needs 1 to %d types", MEMBERS_MAX);
    weir_schema_node *node = new_node(p, WEIR_AVRO_UNION);
    const weir_schema_node **branches =
        weir_arena_array(p->into, const weir_schema_node *, json->count);
    node->branches = branches;
    for (const weir_json_node *at = json->first; at != NULL; at = at->next) {
        if (at->kind == WEIR_JSON_ARRAY_BEGIN)
            return bad(p, at, "a union stands directly in a union");
        WEIR_TRY(parse_node(p, at, space, &branches[node->count]));
        if (branches[node->count]->kind == WEIR_AVRO_UNION)
            return bad(p, at, "a union stands directly in a union");
        for (size_t i = 0; i < node->count; i++) {
            if (same_branch(branches[i], branches[node->count]))
                return bad(p, at, "the same type stands twice in a union");
        }
        WEIR_TRY(add_below(p, at, node, branches[node->count]));
        node->count++;
    }
    *out = node;
    return NULL;
}

/* -- Logical types -- */

static unsigned fixed_digits(uint32_t size)
{
    /* floor(log10(2^(8n - 1) - 1)); 16 bytes hold 38 digits, and more is out of our range anyway.
     */
    return size == 0 ? 0 : size > 16 ? 76 : (unsigned)((8 * size - 1) * 30103 / 100000);
}

static weir_error *parse_decimal(parser *p, const weir_json_node *json, weir_schema_node *node)
{
    if (node->kind != WEIR_AVRO_BYTES && node->kind != WEIR_AVRO_FIXED)
        return bad(p, json, "the logical type decimal stands on bytes or fixed only");
    int64_t precision = 0, scale = 0;
    const weir_json_node *scale_node = weir_json_member(json, "scale");
    if (!weir_json_node_int64(weir_json_member(json, "precision"), &precision) || precision < 1)
        return bad(p, json, "a decimal needs a \"precision\" of 1 or more");
    if (scale_node != NULL &&
        (!weir_json_node_int64(scale_node, &scale) || scale < 0 || scale > precision))
        return bad(p, scale_node, "the \"scale\" of a decimal is 0 to its precision");
    if (node->kind == WEIR_AVRO_FIXED && precision > fixed_digits(node->size))
        return bad(p, json, "a fixed of %u bytes does not hold %d digits", node->size,
                   (int)precision);
    if (precision > WEIR_DECIMAL_PRECISION_MAX)
        return NULL; /* stays bytes: more than our decimals hold */
    node->logical = WEIR_LOGICAL_DECIMAL;
    node->precision = (uint8_t)precision;
    node->scale = (uint8_t)scale;
    return NULL;
}

static weir_error *parse_logical(parser *p, const weir_json_node *json, weir_schema_node *node)
{
    static const struct {
        const char *name;
        weir_avro_kind kind;
        weir_avro_logical logical;
    } rows[] = {
        {"date", WEIR_AVRO_INT, WEIR_LOGICAL_DATE},
        {"time-millis", WEIR_AVRO_INT, WEIR_LOGICAL_TIME_MILLIS},
        {"time-micros", WEIR_AVRO_LONG, WEIR_LOGICAL_TIME_MICROS},
        {"timestamp-millis", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_MILLIS},
        {"timestamp-micros", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_MICROS},
        {"timestamp-nanos", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_NANOS},
        {"local-timestamp-nanos", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_NANOS},
        {"local-timestamp-millis", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_MILLIS},
        {"local-timestamp-micros", WEIR_AVRO_LONG, WEIR_LOGICAL_TIMESTAMP_MICROS},
    };
    const weir_json_node *name = weir_json_member(json, "logicalType");
    if (name == NULL) return NULL;
    if (weir_json_text_is(name, "decimal")) return parse_decimal(p, json, node);
    if (weir_json_text_is(name, "uuid")) {
        if (node->kind == WEIR_AVRO_STRING) node->logical = WEIR_LOGICAL_UUID;
        return NULL; /* on fixed(16) it stays bytes */
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!weir_json_text_is(name, rows[i].name)) continue;
        if (node->kind != rows[i].kind)
            return bad(p, name, "the logical type %s stands on %s only", rows[i].name,
                       weir_avro_kind_name(rows[i].kind));
        node->logical = rows[i].logical;
    }
    return NULL; /* the specification: what is not known is ignored */
}

/* -- Types -- */

static weir_error *parse_named(parser *p, const weir_json_node *json, namespace_name space,
                               weir_schema_node *node)
{
    size_t index = p->named_count;
    WEIR_TRY(parse_name(p, json, &space, &node->name));
    WEIR_TRY(parse_aliases(p, json, space, true, &node->aliases, &node->alias_count));
    switch (node->kind) {
    case WEIR_AVRO_RECORD: WEIR_TRY(parse_record(p, json, space, node)); break;
    case WEIR_AVRO_ENUM: WEIR_TRY(parse_enum(p, json, node)); break;
    default: WEIR_TRY(parse_fixed(p, json, node)); break;
    }
    p->named[index].node = node;
    return NULL;
}

static int complex_of(const weir_json_node *type)
{
    for (int i = WEIR_AVRO_RECORD; i <= WEIR_AVRO_FIXED; i++) {
        if (i != WEIR_AVRO_UNION && weir_json_text_is(type, weir_avro_kind_name((weir_avro_kind)i)))
            return i;
    }
    return weir_json_text_is(type, "error") ? WEIR_AVRO_RECORD : -1;
}

static weir_error *parse_object(parser *p, const weir_json_node *json, namespace_name space,
                                const weir_schema_node **out)
{
    const weir_json_node *type = weir_json_member(json, "type");
    if (type == NULL) return bad(p, json, "a type needs \"type\"");
    if (type->kind != WEIR_JSON_STRING)
        return parse_node(p, type, space, out); /* {"type": {...}}, as some tools write */
    int complex = complex_of(type), primitive = primitive_of(type->text);
    if (complex < 0 && primitive < 0) return parse_reference(p, type, space, out);
    weir_schema_node *node = new_node(p, (weir_avro_kind)(complex < 0 ? primitive : complex));
    *out = node;
    if (complex == WEIR_AVRO_RECORD || complex == WEIR_AVRO_ENUM || complex == WEIR_AVRO_FIXED) {
        WEIR_TRY(parse_named(p, json, space, node));
    } else if (complex >= 0) {
        WEIR_TRY(parse_item(p, json, space, node));
    }
    return parse_logical(p, json, node);
}

static weir_error *parse_by_form(parser *p, const weir_json_node *json, namespace_name space,
                                 const weir_schema_node **out)
{
    switch (json->kind) {
    case WEIR_JSON_OBJECT_BEGIN: return parse_object(p, json, space, out);
    case WEIR_JSON_ARRAY_BEGIN: return parse_union(p, json, space, out);
    case WEIR_JSON_STRING:
        if (primitive_of(json->text) < 0) return parse_reference(p, json, space, out);
        *out = new_node(p, (weir_avro_kind)primitive_of(json->text));
        return NULL;
    default: return bad(p, json, "a type is a name, an object or an array (a union)");
    }
}

static weir_error *parse_node(parser *p, const weir_json_node *json, namespace_name space,
                              const weir_schema_node **out)
{
    if (++p->depth > WEIR_AVRO_DEPTH_MAX)
        return bad(p, json, "types are nested deeper than %d levels", WEIR_AVRO_DEPTH_MAX);
    WEIR_TRY(parse_by_form(p, json, space, out));
    p->depth--;
    return NULL;
}

/* -- The whole -- */

/* avro-c has the last word on the canonical form: smaller than the text, and nothing in it is
 * hostile. */
static weir_error *ask_avro_c(const char *what, const weir_buffer *canonical)
{
    avro_schema_t schema = NULL;
    if (avro_schema_from_json_length((const char *)canonical->data, canonical->size, &schema) != 0)
        return weir_error_new(WEIR_E_SCHEMA, "%s: avro-c refuses the schema: %s", what,
                              avro_strerror());
    avro_schema_decref(schema);
    return NULL;
}

/* An enum or a fixed is a file of its own only where others may use it. */
static weir_error *parse_text(parser *p, size_t size, const weir_schema_node **root_out)
{
    weir_json json;
    const weir_json_node *tree = NULL;
    weir_json_init(&json, p->text, size, p->into);
    WEIR_TRY(weir_json_tree(&json, JSON_NODES_MAX, WEIR_E_SCHEMA, p->what, p->into, &tree));
    WEIR_TRY(parse_node(p, tree, "", root_out));
    weir_avro_kind kind = (*root_out)->kind;
    bool is_part = p->others != NULL && (kind == WEIR_AVRO_ENUM || kind == WEIR_AVRO_FIXED);
    if (kind != WEIR_AVRO_RECORD && !is_part)
        return bad(p, tree, "the schema of a message is a record, not %s",
                   weir_avro_node_print(*root_out, p->into));
    take_up_to(p, p->text + size);
    if (p->linked.size > WEIR_AVRO_TEXT_MAX)
        return bad(p, tree, "with the types of other files its text is larger than 1 MiB");
    return NULL;
}

static weir_error *finish(weir_schema *schema, const char *name, weir_arena *into)
{
    schema->full_name = schema->root->name;
    weir_buffer canonical = {0};
    weir_avro_canonical(schema->root, &canonical);
    schema->fingerprint = weir_avro_fingerprint((weir_bytes){canonical.data, canonical.size});
    weir_error *error = ask_avro_c(name, &canonical);
    weir_buffer_deinit(&canonical);
    return error != NULL ? error : weir_avro_list_fields(schema, into);
}

weir_error *weir_schema_parse_among(const weir_schema_text *text, const weir_schema_text *others,
                                    size_t other_count, weir_arena *into,
                                    const weir_schema **schema_out)
{
    *schema_out = NULL;
    if (text->size > WEIR_AVRO_TEXT_MAX)
        return weir_error_new(WEIR_E_SCHEMA, "%s: the schema's text is larger than 1 MiB",
                              text->name);
    weir_schema *schema = weir_arena_new(into, weir_schema);
    parser *p = weir_arena_new(into, parser);
    const uint8_t *copy = (const uint8_t *)weir_arena_string(into, text->json, text->size);
    *p = (parser){.what = text->name,
                  .text = copy,
                  .taken = copy,
                  .others = others,
                  .other_count = other_count,
                  .into = into};
    weir_error *error = parse_text(p, text->size, &schema->root);
    if (error == NULL && schema->root->kind == WEIR_AVRO_RECORD) {
        schema->json = weir_arena_string(into, (const char *)p->linked.data, p->linked.size);
        schema->json_size = p->linked.size;
        error = finish(schema, text->name, into);
        if (error == NULL) *schema_out = schema;
    }
    weir_buffer_deinit(&p->linked);
    return error;
}

weir_error *weir_schema_parse(const char *json, size_t size, const char *name, weir_arena *into,
                              const weir_schema **schema_out)
{
    const weir_schema_text text = {.json = json, .size = size, .name = name};
    return weir_schema_parse_among(&text, NULL, 0, into, schema_out);
}

weir_error *weir_schema_name(weir_schema_text *text, weir_arena *into)
{
    weir_json json;
    const weir_json_node *tree = NULL;
    parser *p = weir_arena_new(into, parser);
    *p = (parser){.what = text->name, .text = (const uint8_t *)text->json, .into = into};
    weir_json_init(&json, p->text, text->size, into);
    WEIR_TRY(weir_json_tree(&json, JSON_NODES_MAX, WEIR_E_SCHEMA, p->what, into, &tree));
    namespace_name space = "";
    text->full_name = "";
    if (weir_json_member(tree, "name") == NULL)
        return NULL; /* then parsing it tells what is wrong */
    return parse_name(p, tree, &space, &text->full_name);
}
