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

static inline bool weir_utf8_is_valid(const void *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + size;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        if (word & UINT64_C(0x8080808080808080)) return weir_utf8_is_valid_slow(at, end);
    }
    for (; at < end; at++) {
        if (*at >= 0x80) return weir_utf8_is_valid_slow(at, end);
    }
    return true;
}

/* Writes the code point (not a surrogate, at most 0x10FFFF) as UTF-8; returns the length, 1 to 4.
 */
size_t weir_utf8_put(uint32_t code_point, uint8_t *out);
