/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/json.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/double.h"
#include "ops/runtime/json_scan.h"
#include "ops/runtime/utf8.h"

/* -- Reading -- */

void weir_json_init(weir_json *json, const void *data, size_t size, weir_arena *scratch)
{
    const uint8_t *start = data;
    *json = (weir_json){
        .start = start, .next = start, .end = start + size, .token = start, .scratch = scratch};
}

void weir_json_fail(weir_json *json, const char *problem)
{
    if (json->problem == NULL) json->problem = problem;
}

static weir_json_token fail(weir_json *json, const char *problem)
{
    weir_json_fail(json, problem);
    return WEIR_JSON_ERROR;
}

static weir_json_token fail_at(weir_json *json, const uint8_t *place, const char *problem)
{
    json->token = place;
    return fail(json, problem);
}

/* Finds the closing quote and checks UTF-8; escapes are only stepped over. NULL after an error. */
static const uint8_t *string_end(weir_json *json, const uint8_t *at, bool *has_escapes)
{
    for (;;) {
        at = weir_json_skip_plain(at, json->end);
        if (at == json->end) break;
        if (*at == '"') return at;
        if (*at == '\\') {
            *has_escapes = true;
            at += 2;
            if (at > json->end) break;
        } else if (*at < 0x20) {
            (void)fail_at(json, at, "a control character in a string; write it as \\u00XX");
            return NULL;
        } else {
            size_t length = weir_utf8_sequence(at, json->end);
            if (length == 0) {
                (void)fail_at(json, at, "a string is not valid UTF-8");
                return NULL;
            }
            at += length;
        }
    }
    (void)fail(json, "a string does not end");
    return NULL;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u, or -1. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* `at` stands behind "\u". Returns where it goes on, or NULL. */
static const uint8_t *unescape_unicode(const uint8_t *at, const uint8_t *end, uint8_t **to)
{
    int32_t unit = hex4(at, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return NULL;
    at += 4;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return NULL;
        int32_t low = hex4(at + 2, end);
        if (low < 0xdc00 || low > 0xdfff) return NULL;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *to += weir_utf8_put((uint32_t)unit, *to);
    return at;
}

static int simple_escape(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return -1;
    }
}

/* An escape is never shorter than what it stands for, so the text between the quotes bounds the
 * copy. */
static bool unescape(weir_json *json, const uint8_t *at, const uint8_t *end)
{
    uint8_t *copy = weir_arena_alloc(json->scratch, (size_t)(end - at));
    uint8_t *to = copy;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        const uint8_t *escape = at;
        int plain = simple_escape(at[1]);
        if (plain >= 0) {
            *to++ = (uint8_t)plain;
            at += 2;
        } else {
            at = at[1] == 'u' ? unescape_unicode(at + 2, end, &to) : NULL;
        }
        if (at == NULL) {
            (void)fail_at(json, escape,
                          "an escape that JSON does not know, or half a surrogate pair");
            return false;
        }
    }
    json->text = (weir_bytes){copy, (size_t)(to - copy)};
    return true;
}

/* Escapes, other alphabets, and what is wrong. `at` is where the plain part ends. */
__attribute__((noinline)) static bool take_rich_string(weir_json *json, const uint8_t *begin,
                                                       const uint8_t *at)
{
    bool has_escapes = false;
    const uint8_t *close = string_end(json, at, &has_escapes);
    if (close == NULL) return false;
    json->next = close + 1;
    json->text = (weir_bytes){begin, (size_t)(close - begin)};
    return !has_escapes || unescape(json, begin, close);
}

/* json->next stands on the opening quote. */
static inline bool take_string(weir_json *json)
{
    const uint8_t *begin = json->next + 1;
    const uint8_t *at = weir_json_skip_plain(begin, json->end);
    if (__builtin_expect(at == json->end || *at != '"', 0))
        return take_rich_string(json, begin, at);
    json->next = at + 1;
    json->text.data = begin;
    json->text.size = (size_t)(at - begin);
    return true;
}

static inline bool take_word(weir_json *json, const char *word, size_t length)
{
    if ((size_t)(json->end - json->next) < length || memcmp(json->next, word, length) != 0)
        return false;
    if (!weir_json_ends_token(json->next + length, json->end)) return false;
    json->text = (weir_bytes){json->next, length};
    json->next += length;
    return true;
}

static weir_json_token take_number(weir_json *json)
{
    if (json->allow_nonfinite && (take_word(json, "NaN", 3) || take_word(json, "Infinity", 8) ||
                                  take_word(json, "-Infinity", 9)))
        return WEIR_JSON_NUMBER;
    const uint8_t *end = weir_json_number_end(json->next, json->end);
    if (end == NULL || !weir_json_ends_token(end, json->end))
        return fail(json, "not a number as JSON writes them");
    json->text = (weir_bytes){json->next, (size_t)(end - json->next)};
    json->next = end;
    return WEIR_JSON_NUMBER;
}

static weir_json_token begin_container(weir_json *json, uint8_t bracket)
{
    if (json->depth == WEIR_JSON_DEPTH_MAX) return fail(json, "nested deeper than 64 levels");
    json->containers[json->depth++] = bracket;
    json->next++;
    return bracket == '{' ? WEIR_JSON_OBJECT_BEGIN : WEIR_JSON_ARRAY_BEGIN;
}

static weir_json_token end_container(weir_json *json)
{
    json->depth--;
    json->next++;
    json->after_value = true;
    return json->containers[json->depth] == '{' ? WEIR_JSON_OBJECT_END : WEIR_JSON_ARRAY_END;
}

static weir_json_token take_literal(weir_json *json, uint8_t c)
{
    if (c == '-' || weir_json_is_digit(c)) return take_number(json);
    if (c == 't' && take_word(json, "true", 4)) return WEIR_JSON_TRUE;
    if (c == 'f' && take_word(json, "false", 5)) return WEIR_JSON_FALSE;
    if (c == 'n' && take_word(json, "null", 4)) return WEIR_JSON_NULL;
    if (json->allow_nonfinite && (c == 'N' || c == 'I')) return take_number(json);
    return fail(json, "expected a value");
}

/* json->next stands on the first byte of a value. */
static weir_json_token take_value(weir_json *json)
{
    uint8_t c = *json->next;
    json->after_key = false;
    json->after_value = false;
    switch (c) {
    case '{':
    case '[': return begin_container(json, c);
    case '"':
        json->after_value = true;
        return take_string(json) ? WEIR_JSON_STRING : WEIR_JSON_ERROR;
    default: json->after_value = true; return take_literal(json, c);
    }
}

static weir_json_token take_key(weir_json *json)
{
    if (*json->next != '"') return fail(json, "expected a member's name in quotes");
    if (!take_string(json)) return WEIR_JSON_ERROR;
    const uint8_t *colon = weir_json_skip_space(json->next, json->end);
    if (colon == json->end || *colon != ':') return fail_at(json, colon, "expected a colon");
    json->next = colon + 1;
    json->after_key = true;
    json->after_value = false;
    return WEIR_JSON_KEY;
}

/* Steps over white space; false at the end of the text, which is an error inside a container. */
static bool find_token(weir_json *json)
{
    json->next = weir_json_skip_space(json->next, json->end);
    json->token = json->next;
    return json->next < json->end;
}

weir_json_token weir_json_next(weir_json *json)
{
    if (json->problem != NULL) return WEIR_JSON_ERROR;
    bool found = find_token(json);
    if (json->depth == 0) {
        if (!json->after_value)
            return found ? take_value(json) : fail(json, "the document is empty");
        return found ? fail(json, "something stands behind the document's end") : WEIR_JSON_END;
    }
    if (!found) return fail(json, "the document ends too early");
    if (json->after_key) return take_value(json);
    bool in_object = json->containers[json->depth - 1] == '{';
    if (*json->next == (in_object ? '}' : ']')) return end_container(json);
    if (json->after_value) {
        if (*json->next != ',')
            return fail(json, in_object ? "expected , or }" : "expected , or ]");
        json->next++;
        if (!find_token(json)) return fail(json, "the document ends too early");
    }
    return in_object ? take_key(json) : take_value(json);
}

static weir_json_token token_at(const weir_json *json, const uint8_t *at, bool in_object)
{
    switch (*at) {
    case '{': return WEIR_JSON_OBJECT_BEGIN;
    case '[': return WEIR_JSON_ARRAY_BEGIN;
    case '"': return in_object && !json->after_key ? WEIR_JSON_KEY : WEIR_JSON_STRING;
    case 't': return WEIR_JSON_TRUE;
    case 'f': return WEIR_JSON_FALSE;
    case 'n': return WEIR_JSON_NULL;
    case '-': return WEIR_JSON_NUMBER;
    case 'N':
    case 'I': return json->allow_nonfinite ? WEIR_JSON_NUMBER : WEIR_JSON_ERROR;
    default: return weir_json_is_digit(*at) ? WEIR_JSON_NUMBER : WEIR_JSON_ERROR;
    }
}

/* Judges by the first byte; whether the token is well-formed is seen when it is taken. */
weir_json_token weir_json_peek(weir_json *json)
{
    if (json->problem != NULL) return WEIR_JSON_ERROR;
    const uint8_t *at = weir_json_skip_space(json->next, json->end);
    bool in_object = json->depth > 0 && json->containers[json->depth - 1] == '{';
    bool ended = at == json->end;
    if (!ended && json->depth > 0 && !json->after_key) {
        if (*at == (in_object ? '}' : ']'))
            return in_object ? WEIR_JSON_OBJECT_END : WEIR_JSON_ARRAY_END;
        if (json->after_value && *at == ',') at = weir_json_skip_space(at + 1, json->end);
    }
    if (ended || at == json->end || (json->depth == 0 && json->after_value))
        return weir_json_next(json);
    weir_json_token token = token_at(json, at, in_object);
    return token == WEIR_JSON_ERROR ? weir_json_next(json) : token;
}

bool weir_json_skip(weir_json *json)
{
    unsigned depth = json->depth;
    do {
        weir_json_token token = weir_json_next(json);
        if (token == WEIR_JSON_ERROR) return false;
        if (token == WEIR_JSON_END || json->depth < depth) {
            weir_json_fail(json, "expected a value");
            return false;
        }
    } while (json->depth > depth || json->after_key);
    return true;
}

static const char *expectation(weir_json_token want)
{
    switch (want) {
    case WEIR_JSON_OBJECT_BEGIN: return "expected an object";
    case WEIR_JSON_OBJECT_END: return "expected the object's end";
    case WEIR_JSON_ARRAY_BEGIN: return "expected an array";
    case WEIR_JSON_ARRAY_END: return "expected the array's end";
    case WEIR_JSON_KEY: return "expected a member's name";
    case WEIR_JSON_STRING: return "expected a string";
    case WEIR_JSON_NUMBER: return "expected a number";
    case WEIR_JSON_NULL: return "expected null";
    case WEIR_JSON_END: return "expected the document's end";
    default: return "expected true or false";
    }
}

bool weir_json_expect(weir_json *json, weir_json_token want)
{
    weir_json_token token = weir_json_next(json);
    if (token == want) return true;
    weir_json_fail(json, expectation(want));
    return false;
}

bool weir_json_next_key(weir_json *json)
{
    weir_json_token token = weir_json_next(json);
    if (token == WEIR_JSON_KEY) return true;
    if (token != WEIR_JSON_OBJECT_END) weir_json_fail(json, "expected an object");
    return false;
}

bool weir_json_next_item(weir_json *json)
{
    if (json->depth == 0 || json->containers[json->depth - 1] != '[') {
        weir_json_fail(json, "expected an array");
        return false;
    }
    weir_json_token token = weir_json_peek(json);
    if (token == WEIR_JSON_ARRAY_END) {
        (void)weir_json_next(json);
        return false;
    }
    return token != WEIR_JSON_ERROR;
}

bool weir_json_key_is(const weir_json *json, const char *name)
{
    size_t length = strlen(name);
    return json->text.size == length && memcmp(json->text.data, name, length) == 0;
}

bool weir_json_int64(weir_json *json, int64_t *out)
{
    if (!weir_json_expect(json, WEIR_JSON_NUMBER)) return false;
    const uint8_t *at = json->text.data, *end = at + json->text.size;
    bool negative = *at == '-';
    at += negative;
    int64_t value = 0;
    for (; at < end; at++) {
        int64_t digit = *at - '0';
        bool fits = weir_json_is_digit(*at) && !__builtin_mul_overflow(value, 10, &value) &&
                    !(negative ? __builtin_sub_overflow(value, digit, &value)
                               : __builtin_add_overflow(value, digit, &value));
        if (!fits) {
            weir_json_fail(json, "expected a whole number of at most 64 bits");
            return false;
        }
    }
    *out = value;
    return true;
}

static bool nonfinite(const weir_json *json, double *out)
{
    if (weir_json_key_is(json, "NaN")) {
        *out = __builtin_nan("");
    } else if (weir_json_key_is(json, "Infinity")) {
        *out = __builtin_inf();
    } else if (weir_json_key_is(json, "-Infinity")) {
        *out = -__builtin_inf();
    } else {
        return false;
    }
    return true;
}

bool weir_json_double(weir_json *json, double *out)
{
    if (!weir_json_expect(json, WEIR_JSON_NUMBER)) return false;
    if (json->allow_nonfinite && nonfinite(json, out)) return true;
    return weir_double_parse((const char *)json->text.data, json->text.size, out);
}

bool weir_json_bool(weir_json *json, bool *out)
{
    weir_json_token token = weir_json_next(json);
    if (token != WEIR_JSON_TRUE && token != WEIR_JSON_FALSE) {
        weir_json_fail(json, "expected true or false");
        return false;
    }
    *out = token == WEIR_JSON_TRUE;
    return true;
}

bool weir_json_string(weir_json *json, weir_bytes *out)
{
    if (!weir_json_expect(json, WEIR_JSON_STRING)) return false;
    *out = json->text;
    return true;
}

weir_error *weir_json_error(const weir_json *json, weir_error_code code, const char *what)
{
    if (json->problem == NULL) return NULL;
    size_t line = 1, column = 1;
    for (const uint8_t *at = json->start; at < json->token && at < json->end; at++) {
        column++;
        if (*at == '\n') {
            line++;
            column = 1;
        }
    }
    return weir_error_new(code, "%s:%zu:%zu: %s", what, line, column, json->problem);
}

/* -- Writing -- */

static void new_line(weir_json_writer *writer)
{
    weir_buffer_put_u8(writer->out, '\n');
    for (unsigned i = 0; i < writer->depth; i++)
        weir_buffer_put(writer->out, "  ", 2);
}

static void before_item(weir_json_writer *writer)
{
    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    if (writer->needs_comma) weir_buffer_put_u8(writer->out, ',');
    if (writer->pretty && writer->depth > 0) new_line(writer);
}

void weir_json_write_begin(weir_json_writer *writer, char bracket)
{
    WEIR_ASSERT((bracket == '{' || bracket == '[') && writer->depth < WEIR_JSON_DEPTH_MAX);
    before_item(writer);
    weir_buffer_put_u8(writer->out, (uint8_t)bracket);
    uint64_t bit = UINT64_C(1) << writer->depth;
    writer->objects = bracket == '{' ? writer->objects | bit : writer->objects & ~bit;
    writer->depth++;
    writer->needs_comma = false;
}

void weir_json_write_end(weir_json_writer *writer, char bracket)
{
    WEIR_ASSERT(writer->depth > 0 && !writer->after_key);
    writer->depth--;
    WEIR_ASSERT(bracket == ((writer->objects >> writer->depth & 1) ? '}' : ']'));
    if (writer->pretty && writer->needs_comma) new_line(writer);
    weir_buffer_put_u8(writer->out, (uint8_t)bracket);
    writer->needs_comma = true;
}

static void put_escape(weir_buffer *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t length = 2;
    switch (c) {
    case '"':
    case '\\': text[1] = (char)c; break;
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    default: length = 6; break;
    }
    weir_buffer_put(out, text, length);
}

static void put_quoted(weir_buffer *out, const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size;
    weir_buffer_put_u8(out, '"');
    while (at < end) {
        const uint8_t *plain = at;
        while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
            at++;
        weir_buffer_put(out, plain, (size_t)(at - plain));
        if (at < end) put_escape(out, *at++);
    }
    weir_buffer_put_u8(out, '"');
}

void weir_json_write_key_bytes(weir_json_writer *writer, const void *name, size_t size)
{
    WEIR_ASSERT(!writer->after_key);
    before_item(writer);
    put_quoted(writer->out, name, size);
    weir_buffer_put(writer->out, ": ", writer->pretty ? 2 : 1);
    writer->after_key = true;
}

void weir_json_write_key(weir_json_writer *writer, const char *name)
{
    weir_json_write_key_bytes(writer, name, strlen(name));
}

void weir_json_write_string(weir_json_writer *writer, const void *text, size_t size)
{
    before_item(writer);
    put_quoted(writer->out, text, size);
    writer->needs_comma = true;
}

void weir_json_write_text(weir_json_writer *writer, const char *text)
{
    weir_json_write_string(writer, text, strlen(text));
}

void weir_json_write_raw(weir_json_writer *writer, const char *token, size_t size)
{
    before_item(writer);
    weir_buffer_put(writer->out, token, size);
    writer->needs_comma = true;
}

void weir_json_write_double(weir_json_writer *writer, double value)
{
    char text[WEIR_DOUBLE_TEXT_MAX];
    weir_json_write_raw(writer, text, weir_double_print(value, text));
}

void weir_json_write_int(weir_json_writer *writer, int64_t value)
{
    char reversed[20], text[21];
    size_t count = 0, length = 0;
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0) text[length++] = '-';
    while (count > 0)
        text[length++] = reversed[--count];
    weir_json_write_raw(writer, text, length);
}

void weir_json_write_bool(weir_json_writer *writer, bool value)
{
    if (value) {
        weir_json_write_raw(writer, "true", 4);
    } else {
        weir_json_write_raw(writer, "false", 5);
    }
}

void weir_json_write_null(weir_json_writer *writer) { weir_json_write_raw(writer, "null", 4); }
