/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digits.h - decimal digits in a text, eight at a time: a word of bytes is tested and summed in a
 * few operations on all of them. The host is little-endian (asserted in buffer.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether eight digits stand at `at`; then their number. */
static inline bool weir_digits_eight(const uint8_t *at, uint64_t *value_out)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    word ^= UINT64_C(0x3030303030303030);
    /* A byte above 9 has a high half, or gets one from 6 more. */
    if (((word | (word + UINT64_C(0x0606060606060606))) & UINT64_C(0xf0f0f0f0f0f0f0f0)) != 0)
        return false;
    word = word * (1 + (10 << 8)) >> 8; /* pairs, then fours, then all */
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) * (1 + (100 << 16)) >> 16;
    *value_out = (word & UINT64_C(0x0000ffff0000ffff)) * (1 + (UINT64_C(10000) << 32)) >> 32;
    return true;
}

/* Takes all digits from `at` on and returns where they end. The value is theirs if there are 19 at
 * most. */
static inline const uint8_t *weir_digits_take(const uint8_t *at, const uint8_t *end,
                                              uint64_t *value_out)
{
    uint64_t value = 0, eight;
    for (; end - at >= 8 && weir_digits_eight(at, &eight); at += 8)
        value = value * 100000000 + eight;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    *value_out = value;
    return at;
}
