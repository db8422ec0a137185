/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c - both forms of a document, built by recursion of bounded depth.
 *
 * UBJSON: one marker byte, then the value; integers are big-endian; a container may announce the
 * type ($) and count (#) of its items, which then follow without markers (type) or end (count).
 */
#include "compute/model/document.h"
#include "ops/runtime/json.h"
#include "schemas/decimal.h"

enum { DEPTH_MAX = 32, ITEMS_MAX = 1 << 28 };

/* Items as they come: numbers as long as there is nothing else. */
typedef struct gather {
    weir_buffer numbers, items, keys;
    bool mixed;
} gather;

static void gather_deinit(gather *g)
{
    weir_buffer_deinit(&g->numbers);
    weir_buffer_deinit(&g->items);
    weir_buffer_deinit(&g->keys);
}

static void gather_add(gather *g, const weir_doc *item)
{
    bool is_number = item->kind == WEIR_DOC_NUMBER || item->kind == WEIR_DOC_BOOL;
    if (!g->mixed && is_number) {
        weir_buffer_put(&g->numbers, &item->number, sizeof(double));
        return;
    }
    if (!g->mixed) { /* what came before was numbers: they become items */
        g->mixed = true;
        for (size_t i = 0; i < g->numbers.size / sizeof(double); i++) {
            weir_doc number = {.kind = WEIR_DOC_NUMBER,
                               .number = ((const double *)g->numbers.data)[i]};
            weir_buffer_put(&g->items, &number, sizeof(number));
        }
    }
    weir_buffer_put(&g->items, item, sizeof(*item));
}

static void gather_list(gather *g, weir_arena *into, weir_doc *out)
{
    *out = (weir_doc){.kind = g->mixed ? WEIR_DOC_LIST : WEIR_DOC_NUMBERS};
    out->count = g->mixed ? g->items.size / sizeof(weir_doc) : g->numbers.size / sizeof(double);
    if (g->mixed)
        out->items = weir_arena_copy(into, g->items.data, g->items.size);
    else
        out->numbers = weir_arena_copy(into, g->numbers.data, g->numbers.size);
}

static void gather_object(gather *g, weir_arena *into, weir_doc *out)
{
    *out = (weir_doc){.kind = WEIR_DOC_OBJECT, .count = g->items.size / sizeof(weir_doc)};
    out->items = weir_arena_copy(into, g->items.data, g->items.size);
    out->keys = weir_arena_copy(into, g->keys.data, g->keys.size);
}

/* --- JSON
 * ------------------------------------------------------------------------------------------- */

typedef struct json_source {
    weir_json json;
    weir_arena *into;
} json_source;

static bool json_value(json_source *s, unsigned depth, weir_doc *out);

static bool json_list(json_source *s, unsigned depth, weir_doc *out)
{
    gather g = {0};
    bool good = true;
    while (good && weir_json_next_item(&s->json)) {
        weir_doc item = {0};
        good = json_value(s, depth + 1, &item);
        if (good) gather_add(&g, &item);
    }
    gather_list(&g, s->into, out);
    gather_deinit(&g);
    return good && s->json.problem == NULL;
}

static bool json_object(json_source *s, unsigned depth, weir_doc *out)
{
    gather g = {.mixed = true};
    bool good = true;
    while (good && weir_json_next_key(&s->json)) {
        const char *key =
            weir_arena_string(s->into, (const char *)s->json.text.data, s->json.text.size);
        weir_doc item = {0};
        good = json_value(s, depth + 1, &item);
        if (!good) break;
        weir_buffer_put(&g.keys, &key, sizeof(key));
        gather_add(&g, &item);
    }
    gather_object(&g, s->into, out);
    gather_deinit(&g);
    return good && s->json.problem == NULL;
}

static bool json_number(json_source *s, weir_doc *out)
{
    weir_bytes text = s->json.text;
    out->kind = WEIR_DOC_NUMBER;
    if (weir_double_parse((const char *)text.data, text.size, &out->number)) return true;
    bool minus = text.size > 0 && text.data[0] == '-';
    uint8_t first = text.size > minus ? text.data[minus] : 0;
    out->number = first == 'N' || first == 'n' ? NAN : minus ? -INFINITY : INFINITY;
    return true;
}

static bool json_value(json_source *s, unsigned depth, weir_doc *out)
{
    if (depth > DEPTH_MAX) {
        weir_json_fail(&s->json, "nested too deep for a model");
        return false;
    }
    switch (weir_json_next(&s->json)) {
    case WEIR_JSON_OBJECT_BEGIN: return json_object(s, depth, out);
    case WEIR_JSON_ARRAY_BEGIN: return json_list(s, depth, out);
    case WEIR_JSON_NUMBER: return json_number(s, out);
    case WEIR_JSON_STRING:
        out->kind = WEIR_DOC_TEXT;
        out->text = weir_arena_string(s->into, (const char *)s->json.text.data, s->json.text.size);
        return true;
    case WEIR_JSON_TRUE: *out = (weir_doc){.kind = WEIR_DOC_BOOL, .number = 1}; return true;
    case WEIR_JSON_FALSE: *out = (weir_doc){.kind = WEIR_DOC_BOOL}; return true;
    case WEIR_JSON_NULL: *out = (weir_doc){.kind = WEIR_DOC_NULL}; return true;
    default: return false;
    }
}

weir_error *weir_doc_parse_json(weir_bytes file, weir_arena *into, weir_doc *doc_out)
{
    weir_arena scratch = {0};
    json_source s = {.into = into};
    weir_json_init(&s.json, file.data, file.size, &scratch);
    s.json.allow_nonfinite = true;
    *doc_out = (weir_doc){0};
    bool good = json_value(&s, 0, doc_out);
    if (good && weir_json_next(&s.json) != WEIR_JSON_END)
        weir_json_fail(&s.json, "text after the end of the document");
    weir_error *error = weir_json_error(&s.json, WEIR_E_MODEL, "model");
    if (error == NULL && !good) error = weir_error_new(WEIR_E_MODEL, "the file is cut short");
    weir_arena_deinit(&scratch);
    return error;
}

/* --- UBJSON
 * ----------------------------------------------------------------------------------------- */

typedef struct ubjson {
    weir_reader reader;
    weir_arena *into;
    const char *problem;
} ubjson;

static bool bad(ubjson *u, const char *problem)
{
    if (u->problem == NULL) u->problem = problem;
    return false;
}

static uint8_t marker(ubjson *u)
{
    uint8_t m;
    do
        m = weir_reader_u8(&u->reader);
    while (m == 'N');
    return m;
}

static uint64_t big_endian(ubjson *u, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | weir_reader_u8(&u->reader);
    return value;
}

static size_t size_of(uint8_t type)
{
    switch (type) {
    case 'i':
    case 'U':
    case 'C': return 1;
    case 'I': return 2;
    case 'l':
    case 'd': return 4;
    case 'L':
    case 'D': return 8;
    default: return 0;
    }
}

static bool number(ubjson *u, uint8_t type, double *out)
{
    size_t size = size_of(type);
    if (size == 0) return bad(u, "an unknown type of number");
    uint64_t bits = big_endian(u, size);
    switch (type) {
    case 'i': *out = (double)(int8_t)bits; break;
    case 'U':
    case 'C': *out = (double)bits; break;
    case 'I': *out = (double)(int16_t)bits; break;
    case 'l': *out = (double)(int32_t)bits; break;
    case 'L': *out = (double)(int64_t)bits; break;
    case 'd': {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, 4);
        *out = (double)value;
        break;
    }
    default: memcpy(out, &bits, 8); break;
    }
    return !u->reader.bad || bad(u, "the file is cut short");
}

static bool length(ubjson *u, uint8_t type, size_t *out)
{
    double value;
    if (type == 'd' || type == 'D' || type == 'C') return bad(u, "a length is no integer");
    if (!number(u, type, &value)) return false;
    if (!(value >= 0) || value > ITEMS_MAX) return bad(u, "a length is out of bounds");
    *out = (size_t)value;
    return true;
}

static bool text(ubjson *u, uint8_t length_type, const char **out)
{
    size_t size;
    if (!length(u, length_type, &size)) return false;
    const uint8_t *at = weir_reader_take(&u->reader, size);
    if (at == NULL) return bad(u, "the file is cut short");
    *out = weir_arena_string(u->into, (const char *)at, size);
    return true;
}

static bool value(ubjson *u, uint8_t type, unsigned depth, weir_doc *out);

/* What a container announces: type 0 and no count where nothing. */
typedef struct announced {
    uint8_t type;
    bool has_count;
    size_t count;
} announced;

static bool announce(ubjson *u, announced *a)
{
    *a = (announced){0};
    if (weir_reader_left(&u->reader) > 0 && *u->reader.next == '$') {
        (void)weir_reader_u8(&u->reader);
        a->type = weir_reader_u8(&u->reader);
        if (weir_reader_left(&u->reader) == 0 || *u->reader.next != '#')
            return bad(u, "a typed container has no count");
    }
    if (weir_reader_left(&u->reader) > 0 && *u->reader.next == '#') {
        (void)weir_reader_u8(&u->reader);
        a->has_count = true;
        if (!length(u, weir_reader_u8(&u->reader), &a->count)) return false;
        size_t least = a->type == 0 ? 1 : size_of(a->type);
        if (least == 0) least = a->type == 'T' || a->type == 'F' || a->type == 'Z' ? 0 : 1;
        if (least == 0) return bad(u, "a container of constants is not supported");
        if (a->count > weir_reader_left(&u->reader) / least)
            return bad(u, "a container is longer than the file");
    }
    return true;
}

static bool numbers(ubjson *u, const announced *a, weir_doc *out)
{
    double *list = weir_arena_array(u->into, double, a->count);
    for (size_t i = 0; i < a->count; i++)
        if (!number(u, a->type, &list[i])) return false;
    *out = (weir_doc){.kind = WEIR_DOC_NUMBERS, .numbers = list, .count = a->count};
    return true;
}

static bool list(ubjson *u, unsigned depth, weir_doc *out)
{
    announced a;
    if (!announce(u, &a)) return false;
    if (a.has_count && a.type != 'C' && size_of(a.type) > 0) return numbers(u, &a, out);
    gather g = {0};
    bool good = true;
    for (size_t i = 0; good && (!a.has_count || i < a.count); i++) {
        uint8_t type = a.type != 0 ? a.type : marker(u);
        if (!a.has_count && type == ']') break;
        weir_doc item = {0};
        good = value(u, type, depth + 1, &item);
        if (good) gather_add(&g, &item);
    }
    gather_list(&g, u->into, out);
    gather_deinit(&g);
    return good;
}

static bool object(ubjson *u, unsigned depth, weir_doc *out)
{
    announced a;
    if (!announce(u, &a)) return false;
    gather g = {.mixed = true};
    bool good = true;
    for (size_t i = 0; good && (!a.has_count || i < a.count); i++) {
        uint8_t length_type = marker(u);
        const char *key;
        if (!a.has_count && length_type == '}') break;
        weir_doc item = {0};
        good = text(u, length_type, &key) &&
               value(u, a.type != 0 ? a.type : marker(u), depth + 1, &item);
        if (!good) break;
        weir_buffer_put(&g.keys, &key, sizeof(key));
        gather_add(&g, &item);
    }
    gather_object(&g, u->into, out);
    gather_deinit(&g);
    return good;
}

static bool value(ubjson *u, uint8_t type, unsigned depth, weir_doc *out)
{
    if (depth > DEPTH_MAX) return bad(u, "it is nested too deep for a model");
    if (u->reader.bad) return bad(u, "the file is cut short");
    switch (type) {
    case '{': return object(u, depth, out);
    case '[': return list(u, depth, out);
    case 'S':
    case 'H': out->kind = WEIR_DOC_TEXT; return text(u, weir_reader_u8(&u->reader), &out->text);
    case 'T': *out = (weir_doc){.kind = WEIR_DOC_BOOL, .number = 1}; return true;
    case 'F': *out = (weir_doc){.kind = WEIR_DOC_BOOL}; return true;
    case 'Z': *out = (weir_doc){.kind = WEIR_DOC_NULL}; return true;
    default: out->kind = WEIR_DOC_NUMBER; return number(u, type, &out->number);
    }
}

weir_error *weir_doc_parse_ubjson(weir_bytes file, weir_arena *into, weir_doc *doc_out)
{
    ubjson u = {.reader = weir_reader_of(file.data, file.size), .into = into};
    *doc_out = (weir_doc){0};
    if (value(&u, marker(&u), 0, doc_out)) return NULL;
    size_t at = (size_t)(u.reader.next - file.data);
    return weir_error_new(WEIR_E_MODEL, "not a UBJSON document: %s (at byte %zu)",
                          u.problem == NULL ? "the file is cut short" : u.problem, at);
}

/* --- looking
 * ---------------------------------------------------------------------------------------- */

const weir_doc *weir_doc_get(const weir_doc *doc, const char *key)
{
    if (doc == NULL || doc->kind != WEIR_DOC_OBJECT) return NULL;
    for (size_t i = 0; i < doc->count; i++)
        if (strcmp(doc->keys[i], key) == 0) return &doc->items[i];
    return NULL;
}

bool weir_doc_number(const weir_doc *doc, const char *key, double *out)
{
    const weir_doc *member = weir_doc_get(doc, key);
    if (member == NULL) return false;
    if (member->kind == WEIR_DOC_NUMBER || member->kind == WEIR_DOC_BOOL) {
        *out = member->number;
        return true;
    }
    return member->kind == WEIR_DOC_TEXT &&
           weir_double_parse(member->text, strlen(member->text), out);
}

const char *weir_doc_text(const weir_doc *doc, const char *key, const char *otherwise)
{
    const weir_doc *member = weir_doc_get(doc, key);
    return member != NULL && member->kind == WEIR_DOC_TEXT ? member->text : otherwise;
}
