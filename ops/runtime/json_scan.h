/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.h - where tokens of JSON end, and short ways through what programs write.
 *
 * What an event costs is the way from one token to the next, so these are inline: what they find
 * stays in registers. A short way takes its token whole or, where anything is unusual, nothing: then
 * the calls of json.h say what it is.
 */
#pragma once

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "ops/runtime/digits.h"
#include "ops/runtime/json.h"

static inline bool weir_json_is_space(uint8_t c)
{
    return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

static inline const uint8_t *weir_json_skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && weir_json_is_space(*at))
        at++;
    return at;
}

/* A character that a string does not simply hold: a quote, a backslash, a control or a non-ASCII
 * byte. */
static inline bool weir_json_is_special(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

static inline const uint8_t *weir_json_skip_plain(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* Signed: bytes from 0x80 on are negative, so less than a space too. */
        __m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0) return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && !weir_json_is_special(*at))
        at++;
    return at;
}

static inline bool weir_json_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static inline const uint8_t *weir_json_skip_digits(const uint8_t *at, const uint8_t *end)
{
    uint64_t ignored;
    return weir_digits_take(at, end, &ignored);
}

/* The end of the number that begins at `at`, or NULL where it is none. */
static inline const uint8_t *weir_json_number_end(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == '-') at++;
    if (at == end || !weir_json_is_digit(*at)) return NULL;
    at = *at == '0' ? at + 1 : weir_json_skip_digits(at, end);
    if (at < end && *at == '.') {
        const uint8_t *fraction = at + 1;
        at = weir_json_skip_digits(fraction, end);
        if (at == fraction) return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        const uint8_t *exponent = at;
        at = weir_json_skip_digits(exponent, end);
        if (at == exponent) return NULL;
    }
    return at;
}

static inline bool weir_json_ends_token(const uint8_t *at, const uint8_t *end)
{
    return at == end || *at == ',' || *at == ']' || *at == '}' || weir_json_is_space(*at);
}

static inline uint32_t weir_json_word32(const void *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t weir_json_word64(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* By words, of which the last may overlap the one before: names are too short for a call. */
static inline bool weir_json_stands_at(const uint8_t *at, const char *token, size_t size)
{
    if (size < 4) return false; /* the empty name takes the long way */
    if (size < 8)
        return weir_json_word32(at) == weir_json_word32(token) &&
               weir_json_word32(at + size - 4) == weir_json_word32(token + size - 4);
    for (size_t i = 0; i + 8 < size; i += 8)
        if (weir_json_word64(at + i) != weir_json_word64(token + i)) return false;
    return weir_json_word64(at + size - 8) == weir_json_word64(token + size - 8);
}

/* `token` is a member's name with its quotes and the colon. */
static inline bool weir_json_take_key(weir_json *json, const char *token, size_t size)
{
    const uint8_t *at = json->next, *end = json->end;
    if (json->problem != NULL || json->after_key || json->depth == 0 ||
        json->containers[json->depth - 1] != '{')
        return false;
    at = weir_json_skip_space(at, end);
    if (json->after_value) {
        if (at == end || *at != ',') return false;
        at = weir_json_skip_space(at + 1, end);
    }
    if ((size_t)(end - at) < size || !weir_json_stands_at(at, token, size)) return false;
    json->token = at;
    json->text = (weir_bytes){at + 1, size - 3};
    json->next = at + size;
    json->after_key = true;
    json->after_value = false;
    return true;
}

/* A member's value that is a string without escapes and in ASCII, a number, true or false: looked
 * at, not taken. */
typedef struct weir_json_scalar {
    weir_json_token kind;
    weir_bytes text;
    const uint8_t *token, *next; /* where it begins, and what stands behind it */
} weir_json_scalar;

static inline bool weir_json_peek_scalar(const weir_json *json, weir_json_scalar *out)
{
    if (json->problem != NULL || !json->after_key) return false;
    const uint8_t *end = json->end, *at = weir_json_skip_space(json->next, end), *close = NULL;
    if (at == end) return false;
    bool is_string = *at == '"';
    if (is_string) {
        close = weir_json_skip_plain(at + 1, end);
        if (close == end || *close != '"') return false;
        out->kind = WEIR_JSON_STRING;
    } else if (*at == 't' || *at == 'f') {
        bool is_true = *at == 't';
        size_t size = is_true ? 4 : 5;
        if ((size_t)(end - at) < size || memcmp(at, is_true ? "true" : "false", size) != 0)
            return false;
        close = at + size;
        out->kind = is_true ? WEIR_JSON_TRUE : WEIR_JSON_FALSE;
    } else {
        close = weir_json_number_end(at, end);
        if (close == NULL) return false;
        out->kind = WEIR_JSON_NUMBER;
    }
    out->token = at;
    out->next = close + is_string;
    out->text.data = at + is_string;
    out->text.size = (size_t)(close - out->text.data);
    return is_string || weir_json_ends_token(close, end);
}

/* Takes what was seen. */
static inline void weir_json_take_scalar(weir_json *json, const weir_json_scalar *scalar)
{
    json->token = scalar->token;
    json->next = scalar->next;
    /* Word by word: a pair that is read back at once waits for its two stores. */
    json->text.data = scalar->text.data;
    json->text.size = scalar->text.size;
    json->after_key = false;
    json->after_value = true;
}
