/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored bytes are written by memcpy");

enum { CAPACITY_MIN = 64 };

void weir_buffer_deinit(weir_buffer *buffer)
{
    free(buffer->data);
    *buffer = (weir_buffer){0};
}

void weir_buffer_grow(weir_buffer *buffer, size_t extra)
{
    WEIR_ASSERT(extra <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
    size_t capacity = buffer->capacity < CAPACITY_MIN ? CAPACITY_MIN : buffer->capacity * 2;
    if (capacity < buffer->size + extra) capacity = buffer->size + extra;
    uint8_t *data = realloc(buffer->data, capacity);
    WEIR_ASSERT(data != NULL);
    buffer->data = data;
    buffer->capacity = capacity;
}

void weir_buffer_put_text(weir_buffer *buffer, const char *text)
{
    weir_buffer_put(buffer, text, strlen(text));
}

void weir_buffer_printf(weir_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    WEIR_ASSERT(length >= 0);
    char *to = (char *)weir_buffer_reserve(buffer, (size_t)length + 1);
    (void)vsnprintf(to, (size_t)length + 1, format, arguments);
    buffer->size += (size_t)length;
    va_end(arguments);
}

uint64_t weir_reader_varint_slow(weir_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->bad || reader->next == reader->end) break;
        uint8_t byte = *reader->next++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    reader->bad = true;
    return 0;
}
