/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/utf8.h"

#include "ops/runtime/assert.h"

/* Only the second byte has ranges of its own: they exclude overlong forms, surrogates and >
 * 0x10FFFF. */
static bool second_is_valid(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0: return second >= 0xa0 && second <= 0xbf;
    case 0xed: return second >= 0x80 && second <= 0x9f;
    case 0xf0: return second >= 0x90 && second <= 0xbf;
    case 0xf4: return second >= 0x80 && second <= 0x8f;
    default: return second >= 0x80 && second <= 0xbf;
    }
}

static size_t sequence_length(uint8_t lead)
{
    if (lead < 0x80) return 1;
    if (lead < 0xc2) return 0;
    if (lead < 0xe0) return 2;
    if (lead < 0xf0) return 3;
    return lead < 0xf5 ? 4 : 0;
}

size_t weir_utf8_sequence(const uint8_t *at, const uint8_t *end)
{
    if (at >= end) return 0;
    size_t length = sequence_length(*at);
    if (length <= 1) return length;
    if ((size_t)(end - at) < length || !second_is_valid(at[0], at[1])) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

bool weir_utf8_is_valid_slow(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        size_t length = weir_utf8_sequence(at, end);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

size_t weir_utf8_put(uint32_t code_point, uint8_t *out)
{
    WEIR_ASSERT(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const uint8_t leads[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (uint8_t)(leads[length] | code_point);
    return length;
}

const char *weir_text_show(const void *text, size_t size, char *out)
{
    enum { CUT = 60 };
    const uint8_t *bytes = text;
    size_t shown = size < CUT ? size : CUT;
    bool is_cut = shown < size;
    while (is_cut && shown > 0 && (bytes[shown] & 0xc0) == 0x80)
        shown--;
    bool is_utf8 = weir_utf8_is_valid(bytes, shown);
    char *to = out;
    *to++ = '`';
    for (size_t i = 0; i < shown; i++)
        *to++ = bytes[i] < ' ' || bytes[i] == 0x7f || (bytes[i] >= 0x80 && !is_utf8)
                    ? '?'
                    : (char)bytes[i];
    for (int i = 0; i < 3 && is_cut; i++)
        *to++ = '.';
    *to++ = '`';
    *to = '\0';
    return out;
}

void weir_text_clean(char *text, size_t size)
{
    uint8_t *at = (uint8_t *)text, *end = at + size;
    while (at < end) {
        size_t length = weir_utf8_sequence(at, end);
        bool is_control = (*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f;
        if (length == 0 || is_control) *at = '?';
        at += length == 0 ? 1 : length;
    }
}
