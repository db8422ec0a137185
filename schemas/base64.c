/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/json_value.h"

void weir_base64_write(weir_buffer *out, weir_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *to = weir_buffer_reserve(out, (bytes.size + 2) / 3 * 4);
    size_t n = 0;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (left > 1) group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2) group |= bytes.data[i + 2];
        to[n++] = (uint8_t)digits[group >> 18];
        to[n++] = (uint8_t)digits[group >> 12 & 63];
        to[n++] = left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=';
        to[n++] = left > 2 ? (uint8_t)digits[group & 63] : '=';
    }
    out->size += n;
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, `used` of them digits and the rest padding, become used - 1 bytes. */
static bool read_group(const char *text, size_t used, uint8_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < used; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0) return false;
        group |= (uint32_t)digit << (18 - 6 * i);
    }
    for (size_t i = 0; i + 1 < used; i++)
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    uint32_t unused = used == 4 ? 0 : used == 3 ? 0xff : 0xffff;
    return (group & unused) == 0; /* one text for one value */
}

bool weir_base64_read(const char *text, size_t size, weir_arena *into, weir_bytes *out)
{
    if (size % 4 != 0) return false;
    uint8_t *bytes = weir_arena_alloc(into, size / 4 * 3);
    size_t n = 0;
    for (size_t i = 0; i < size; i += 4) {
        size_t used = 4;
        if (i + 4 == size && text[i + 3] == '=') used = text[i + 2] == '=' ? 2 : 3;
        if (!read_group(text + i, used, bytes + n)) return false;
        n += used - 1;
    }
    *out = (weir_bytes){bytes, n};
    return true;
}
