/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - a growable run of bytes, and a bounded reader of one.
 *
 * weir_buffer is what encoders append to: it grows by doubling, never shrinks until deinit, and may
 * be cleared and used again, so the hot path allocates nothing once warm. weir_reader walks over
 * bytes that came from outside: every read is checked against the end; past it the reader turns
 * `bad`, gives zeros, and stays so, so that a decoder may check once at the end. All integers are
 * little-endian.
 *
 * Owns:    a buffer owns its bytes; a reader owns nothing.
 * Threads: one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns. `data` may be NULL only where `size` is 0. */
typedef struct weir_bytes {
    const uint8_t *data;
    size_t size;
} weir_bytes;

typedef struct weir_buffer {
    uint8_t *data;
    size_t size;     /* bytes in use    */
    size_t capacity; /* bytes allocated */
} weir_buffer;

/* An all-zero buffer is valid and empty. Growth stops the process when memory is gone. */
void weir_buffer_deinit(weir_buffer *buffer);
void weir_buffer_grow(weir_buffer *buffer, size_t extra); /* slow path of reserve */

static inline void weir_buffer_clear(weir_buffer *buffer) { buffer->size = 0; }

/* Room for `extra` more bytes; returns where they go. The caller then adds to `size`. */
static inline uint8_t *weir_buffer_reserve(weir_buffer *buffer, size_t extra)
{
    if (buffer->capacity - buffer->size <= extra)
        weir_buffer_grow(buffer, extra); /* <=: never NULL */
    return buffer->data + buffer->size;
}

static inline void weir_buffer_put(weir_buffer *buffer, const void *bytes, size_t size)
{
    uint8_t *to = weir_buffer_reserve(buffer, size);
    if (size > 0) memcpy(to, bytes, size);
    buffer->size += size;
}

static inline void weir_buffer_put_u8(weir_buffer *buffer, uint8_t value)
{
    *weir_buffer_reserve(buffer, 1) = value;
    buffer->size += 1;
}

/* The host is little-endian (asserted in buffer.c), so memcpy writes the stored form. */
static inline void weir_buffer_put_u32(weir_buffer *buffer, uint32_t value)
{
    weir_buffer_put(buffer, &value, 4);
}
static inline void weir_buffer_put_u64(weir_buffer *buffer, uint64_t value)
{
    weir_buffer_put(buffer, &value, 8);
}

/* LEB128: seven bits a byte, low bits first. At most ten bytes. */
static inline void weir_buffer_put_varint(weir_buffer *buffer, uint64_t value)
{
    uint8_t *to = weir_buffer_reserve(buffer, 10);
    size_t n = 0;
    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    buffer->size += n;
}

static inline uint64_t weir_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t weir_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void weir_buffer_put_zigzag(weir_buffer *buffer, int64_t value)
{
    weir_buffer_put_varint(buffer, weir_zigzag(value));
}

void weir_buffer_put_text(weir_buffer *buffer, const char *text); /* without its NUL */
__attribute__((format(printf, 2, 3))) void weir_buffer_printf(weir_buffer *buffer,
                                                              const char *format, ...);

typedef struct weir_reader {
    const uint8_t *next;
    const uint8_t *end;
    bool bad; /* something was read past the end, or a varint was too long */
} weir_reader;

static inline weir_reader weir_reader_of(const void *data, size_t size)
{
    return (weir_reader){(const uint8_t *)data, (const uint8_t *)data + size, false};
}

static inline size_t weir_reader_left(const weir_reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

/* `size` bytes in place, or NULL (and bad). */
static inline const uint8_t *weir_reader_take(weir_reader *reader, size_t size)
{
    if (reader->bad || weir_reader_left(reader) < size) {
        reader->bad = true;
        return NULL;
    }
    const uint8_t *at = reader->next;
    reader->next += size;
    return at;
}

static inline uint8_t weir_reader_u8(weir_reader *reader)
{
    const uint8_t *at = weir_reader_take(reader, 1);
    return at == NULL ? 0 : *at;
}

static inline uint32_t weir_reader_u32(weir_reader *reader)
{
    uint32_t value = 0;
    const uint8_t *at = weir_reader_take(reader, 4);
    if (at != NULL) memcpy(&value, at, 4);
    return value;
}

static inline uint64_t weir_reader_u64(weir_reader *reader)
{
    uint64_t value = 0;
    const uint8_t *at = weir_reader_take(reader, 8);
    if (at != NULL) memcpy(&value, at, 8);
    return value;
}

static inline uint64_t weir_reader_varint(weir_reader *reader)
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

static inline int64_t weir_reader_zigzag(weir_reader *reader)
{
    return weir_unzigzag(weir_reader_varint(reader));
}

/* A varint length, then that many bytes in place. Empty (and bad) when they are not all there. */
static inline weir_bytes weir_reader_string(weir_reader *reader)
{
    uint64_t size = weir_reader_varint(reader);
    if (size > weir_reader_left(reader)) reader->bad = true;
    const uint8_t *at = reader->bad ? NULL : weir_reader_take(reader, (size_t)size);
    return (weir_bytes){at, at == NULL ? 0 : (size_t)size};
}
