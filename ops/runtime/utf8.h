/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - is this valid UTF-8?
 *
 * Strings are checked once, where they come in (R13), and are trusted afterwards. Valid means RFC
 * 3629: shortest forms only, no surrogates, nothing above U+10FFFF. NUL is a character like any
 * other. ASCII, the common case, is checked eight bytes at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length of the well-formed sequence at `at` (1 to 4), or 0 where there is none before `end`.
 */
size_t weir_utf8_sequence(const uint8_t *at, const uint8_t *end);

bool weir_utf8_is_valid_slow(const uint8_t *at,
                             const uint8_t *end); /* the part behind plain ASCII */

/* Eight bytes at a time; the last ones overlap those before, so that no tail is left. */
static inline bool weir_is_ascii(const uint8_t *at, size_t size)
{
    uint64_t word = 0, bits = 0;
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8) {
            memcpy(&word, at + i, 8);
            bits |= word;
        }
        memcpy(&word, at + size - 8, 8);
        bits |= word;
    } else if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, at, 4);
        memcpy(&last, at + size - 4, 4);
        bits = first | last;
    } else if (size > 0) {
        bits = (uint64_t)(at[0] | at[size / 2] | at[size - 1]);
    }
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

static inline bool weir_utf8_is_valid(const void *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + size;
    return __builtin_expect(weir_is_ascii(at, size), 1) || weir_utf8_is_valid_slow(at, end);
}

/* Writes the code point (not a surrogate, at most 0x10FFFF) as UTF-8; returns the length, 1 to 4.
 */
size_t weir_utf8_put(uint32_t code_point, uint8_t *out);

/*
 * "`text`" for a message: cut after 60 bytes, at a character, with what would disturb a terminal or
 * a log taken out. `out` holds WEIR_SHOWN_TEXT_MAX bytes, with the NUL; an empty text gives "``".
 */
enum { WEIR_SHOWN_TEXT_MAX = 72 };
const char *weir_text_show(const void *text, size_t size, char *out);

/*
 * Makes a message, which may quote anything, fit for a terminal, a log and whoever reads stderr as
 * text: bytes that are not UTF-8 and control characters, but for tabs and line ends, become `?`.
 */
void weir_text_clean(char *text, size_t size);
