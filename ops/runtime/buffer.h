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

/*
 * LEB128: seven bits a byte, low bits first, at most WEIR_VARINT_BYTES. Timestamps and offsets are
 * three to eight bytes long, so those are spread and gathered as one word rather than byte by byte.
 */
enum { WEIR_VARINT_BYTES = 10 };
#define WEIR_VARINT_MORE UINT64_C(0x8080808080808080)

/* Seven bits out of each byte of `word`, side by side; and back, for values below 2^56. */
static inline uint64_t weir_varint_gather(uint64_t word)
{
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}
static inline uint64_t weir_varint_spread(uint64_t value)
{
    value = (value & UINT64_C(0x0fffffff)) | (value & UINT64_C(0x00fffffff0000000)) << 4;
    value = (value & UINT64_C(0x00003fff00003fff)) | (value & UINT64_C(0x0fffc0000fffc000)) << 2;
    return (value & UINT64_C(0x007f007f007f007f)) | (value & UINT64_C(0x3f803f803f803f80)) << 1;
}

/* Writes at `to`, where WEIR_VARINT_BYTES must be free; returns the byte behind it. */
static inline uint8_t *weir_varint_put(uint8_t *to, uint64_t value)
{
    if (value < 0x80) {
        *to = (uint8_t)value;
        return to + 1;
    }
    if (value < 0x4000) {
        to[0] = (uint8_t)(value | 0x80);
        to[1] = (uint8_t)(value >> 7);
        return to + 2;
    }
    if (value >> 56 == 0) {
        unsigned last = (63u - (unsigned)__builtin_clzll(value)) * 37 >> 8; /* by 7 */
        uint64_t word = weir_varint_spread(value) | (WEIR_VARINT_MORE & ~(UINT64_MAX << 8 * last));
        memcpy(to, &word, 8);
        return to + last + 1;
    }
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to = (uint8_t)value;
    return to + 1;
}

/* Reads one that is at most eight bytes long, of which all eight can be read; returns the byte
 * behind it, or NULL where it is longer. */
static inline const uint8_t *weir_varint_get8(const uint8_t *at, uint64_t *value_out)
{
    uint64_t word;
    memcpy(&word, at, 8);
    uint64_t ends = ~word & WEIR_VARINT_MORE;
    if (ends == 0) return NULL;
    unsigned last = (unsigned)__builtin_ctzll(ends) + 1; /* bits, up to the end of the last byte */
    *value_out = weir_varint_gather(word & (UINT64_MAX >> (64 - last)));
    return at + last / 8;
}

static inline void weir_buffer_put_varint(weir_buffer *buffer, uint64_t value)
{
    uint8_t *to = weir_buffer_reserve(buffer, WEIR_VARINT_BYTES);
    buffer->size += (size_t)(weir_varint_put(to, value) - to);
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

uint64_t weir_reader_varint_slow(weir_reader *reader);

static inline uint64_t weir_reader_varint(weir_reader *reader)
{
    uint64_t value = 0;
    if (reader->bad || reader->next == reader->end) return weir_reader_varint_slow(reader);
    if (*reader->next < 0x80) return *reader->next++;
    if (weir_reader_left(reader) < 8) return weir_reader_varint_slow(reader);
    const uint8_t *behind = weir_varint_get8(reader->next, &value);
    if (behind == NULL) return weir_reader_varint_slow(reader);
    reader->next = behind;
    return value;
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
