/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/compress.h"

#include <lz4.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#ifdef WEIR_HAVE_BROTLI
#include <brotli/decode.h>
#endif

#include "ops/runtime/assert.h"

uint32_t weir_crc32(uint32_t crc, const void *data, size_t size)
{
    return (uint32_t)crc32_z(crc, data, size);
}

struct weir_compressor {
    ZSTD_CCtx *context;
};

static void set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    WEIR_ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

weir_compressor *weir_compressor_create(int zstd_level)
{
    weir_compressor *compressor = malloc(sizeof *compressor);
    WEIR_ASSERT(compressor != NULL);
    compressor->context = ZSTD_createCCtx();
    WEIR_ASSERT(compressor->context != NULL);
    if (zstd_level != WEIR_ZSTD_COLUMNS) {
        set(compressor->context, ZSTD_c_compressionLevel, zstd_level);
        return compressor;
    }
    /*
     * Columns of doubles repeat in runs of five or six bytes, which level 1 (seven) misses and
     * level 3 finds at two and a half times the time. The fast matcher told to take five, with a
     * table that stays in the first cache, gets most of what level 3 gets at a third more than
     * level 1 costs.
     */
    set(compressor->context, ZSTD_c_compressionLevel, 1);
    set(compressor->context, ZSTD_c_strategy, ZSTD_fast);
    set(compressor->context, ZSTD_c_minMatch, 5);
    set(compressor->context, ZSTD_c_hashLog, 14);
    return compressor;
}

void weir_compressor_destroy(weir_compressor *compressor)
{
    if (compressor == NULL) return;
    ZSTD_freeCCtx(compressor->context);
    free(compressor);
}

void weir_compressor_zstd(weir_compressor *compressor, const void *data, size_t size,
                          weir_buffer *out)
{
    size_t bound = ZSTD_compressBound(size);
    uint8_t *to = weir_buffer_reserve(out, bound);
    size_t written = ZSTD_compress2(compressor->context, to, bound, data, size);
    WEIR_ASSERT(!ZSTD_isError(written) && written <= bound);
    out->size += written;
}

static void deflate_raw(weir_bytes from, weir_buffer *out)
{
    enum { LEVEL = 6, RAW_WINDOW_BITS = -15, MEMORY = 8 };
    WEIR_ASSERT(from.size <= UINT32_MAX / 2);
    z_stream stream = {0};
    WEIR_ASSERT(deflateInit2(&stream, LEVEL, Z_DEFLATED, RAW_WINDOW_BITS, MEMORY,
                             Z_DEFAULT_STRATEGY) == Z_OK);
    size_t bound = deflateBound(&stream, (uLong)from.size);
    stream.next_in = (Bytef *)(uintptr_t)from.data;
    stream.avail_in = (uInt)from.size;
    stream.next_out = weir_buffer_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    WEIR_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out->size += bound - stream.avail_out;
    (void)deflateEnd(&stream);
}

void weir_compress(weir_codec codec, weir_bytes from, weir_buffer *out)
{
    if (codec == WEIR_CODEC_DEFLATE) {
        deflate_raw(from, out);
        return;
    }
    WEIR_ASSERT(codec == WEIR_CODEC_SNAPPY);
    size_t size = snappy_max_compressed_length(from.size);
    char *to = (char *)weir_buffer_reserve(out, size);
    WEIR_ASSERT(snappy_compress((const char *)from.data, from.size, to, &size) == SNAPPY_OK);
    out->size += size;
}

static bool snappy_block(weir_bytes from, void *to, size_t to_size)
{
    size_t size = 0;
    const char *data = (const char *)from.data;
    if (snappy_uncompressed_length(data, from.size, &size) != SNAPPY_OK || size != to_size)
        return false;
    return snappy_uncompress(data, from.size, to, &size) == SNAPPY_OK && size == to_size;
}

/* Window bits of zlib: 15, plus 32 to take gzip and zlib headers alike; negative for raw deflate.
 */
static bool inflate_block(weir_bytes from, void *to, size_t to_size, int window_bits)
{
    if (from.size > UINT32_MAX || to_size > UINT32_MAX) return false;
    z_stream stream = {0};
    if (inflateInit2(&stream, window_bits) != Z_OK) return false;
    stream.next_in = (Bytef *)(uintptr_t)from.data;
    stream.avail_in = (uInt)from.size;
    Bytef nowhere = 0; /* zlib wants a place even for no bytes */
    stream.next_out = to_size > 0 ? to : &nowhere;
    stream.avail_out = (uInt)to_size;
    int result = inflate(&stream, Z_FINISH);
    /* Many members stand one behind the other where a writer split a page. */
    while (result == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0 &&
           window_bits > 0) {
        if (inflateReset(&stream) != Z_OK) break;
        result = inflate(&stream, Z_FINISH);
    }
    bool good = result == Z_STREAM_END && stream.avail_out == 0;
    (void)inflateEnd(&stream);
    return good;
}

static bool zstd_block(weir_bytes from, void *to, size_t to_size)
{
    size_t got = ZSTD_decompress(to, to_size, from.data, from.size);
    return !ZSTD_isError(got) && got == to_size;
}

static bool lz4_block(weir_bytes from, void *to, size_t to_size)
{
    if (from.size > INT32_MAX || to_size > INT32_MAX) return false;
    int got = LZ4_decompress_safe((const char *)from.data, to, (int)from.size, (int)to_size);
    return got >= 0 && (size_t)got == to_size;
}

static uint32_t big_endian_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Hadoop frames: size before and after compression, big-endian, then a block; any number of them.
 */
static bool lz4_hadoop(weir_bytes from, uint8_t *to, size_t to_size)
{
    size_t at = 0, done = 0;
    while (from.size - at >= 8) {
        uint32_t plain = big_endian_u32(from.data + at),
                 packed = big_endian_u32(from.data + at + 4);
        at += 8;
        if (packed > from.size - at || plain > to_size - done) return false;
        if (!lz4_block((weir_bytes){from.data + at, packed}, to + done, plain)) return false;
        at += packed;
        done += plain;
    }
    return at == from.size && done == to_size;
}

static bool brotli_block(weir_bytes from, void *to, size_t to_size)
{
#ifdef WEIR_HAVE_BROTLI
    size_t size = to_size;
    return BrotliDecoderDecompress(from.size, from.data, &size, to) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           size == to_size;
#else
    (void)from;
    (void)to;
    (void)to_size;
    return false;
#endif
}

bool weir_decompress(weir_codec codec, weir_bytes from, void *to, size_t to_size)
{
    switch (codec) {
    case WEIR_CODEC_NONE:
        if (from.size != to_size) return false;
        if (to_size > 0) memcpy(to, from.data, to_size);
        return true;
    case WEIR_CODEC_SNAPPY: return snappy_block(from, to, to_size);
    case WEIR_CODEC_GZIP: return inflate_block(from, to, to_size, 15 + 32);
    case WEIR_CODEC_DEFLATE: return inflate_block(from, to, to_size, -15);
    case WEIR_CODEC_ZSTD: return zstd_block(from, to, to_size);
    case WEIR_CODEC_LZ4_RAW: return lz4_block(from, to, to_size);
    case WEIR_CODEC_LZ4_HADOOP:
        return lz4_hadoop(from, to, to_size) || lz4_block(from, to, to_size);
    case WEIR_CODEC_BROTLI: return brotli_block(from, to, to_size);
    }
    return false;
}

/* --- Streams --- */

enum { INFLATER_INPUT_BYTES = 1 << 16 };

typedef enum stream_form { FORM_UNKNOWN, FORM_PLAIN, FORM_GZIP, FORM_ZSTD } stream_form;

struct weir_inflater {
    weir_inflater_source source;
    stream_form form;
    bool input_ended;
    bool between_frames; /* at the end of a member or frame: the input may end here */
    uint8_t *input;
    size_t input_next, input_size;
    z_stream gzip;
    ZSTD_DCtx *zstd;
};

weir_inflater *weir_inflater_create(weir_inflater_source source)
{
    weir_inflater *inflater = calloc(1, sizeof *inflater);
    WEIR_ASSERT(inflater != NULL);
    inflater->source = source;
    inflater->input = malloc(INFLATER_INPUT_BYTES);
    WEIR_ASSERT(inflater->input != NULL);
    return inflater;
}

void weir_inflater_destroy(weir_inflater *inflater)
{
    if (inflater == NULL) return;
    if (inflater->form == FORM_GZIP) (void)inflateEnd(&inflater->gzip);
    ZSTD_freeDCtx(inflater->zstd);
    free(inflater->input);
    free(inflater);
}

/* Asks for more input when none is left; at the start for at least the four bytes of a magic
 * number. */
static weir_error *fill_input(weir_inflater *inflater, size_t wanted)
{
    if (inflater->input_next == inflater->input_size)
        inflater->input_next = inflater->input_size = 0;
    while (!inflater->input_ended && inflater->input_size - inflater->input_next < wanted) {
        size_t got = 0;
        WEIR_TRY(inflater->source.read(inflater->source.context,
                                       inflater->input + inflater->input_size,
                                       INFLATER_INPUT_BYTES - inflater->input_size, &got));
        if (got == 0) inflater->input_ended = true;
        inflater->input_size += got;
    }
    return NULL;
}

static weir_error *detect_form(weir_inflater *inflater)
{
    WEIR_TRY(fill_input(inflater, 4));
    static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    if (inflater->input_size >= 2 && inflater->input[0] == 0x1f && inflater->input[1] == 0x8b) {
        WEIR_ASSERT(inflateInit2(&inflater->gzip, 15 + 16) == Z_OK);
        inflater->form = FORM_GZIP;
    } else if (inflater->input_size >= 4 && memcmp(inflater->input, zstd_magic, 4) == 0) {
        inflater->zstd = ZSTD_createDCtx();
        WEIR_ASSERT(inflater->zstd != NULL);
        inflater->form = FORM_ZSTD;
    } else {
        inflater->form = FORM_PLAIN;
    }
    return NULL;
}

static weir_error *gzip_step(weir_inflater *inflater, void *to, size_t size, size_t *got_out)
{
    z_stream *stream = &inflater->gzip;
    if (inflater->between_frames) {
        WEIR_ASSERT(inflateReset(stream) == Z_OK);
        inflater->between_frames = false;
    }
    uInt room = size > UINT32_MAX ? UINT32_MAX : (uInt)size;
    stream->next_in = inflater->input + inflater->input_next;
    stream->avail_in = (uInt)(inflater->input_size - inflater->input_next);
    stream->next_out = to;
    stream->avail_out = room;
    int result = inflate(stream, Z_NO_FLUSH);
    inflater->input_next = inflater->input_size - stream->avail_in;
    *got_out = room - stream->avail_out;
    if (result == Z_STREAM_END) inflater->between_frames = true;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "the gzip stream is damaged (%s); compress the file again",
                          stream->msg != NULL ? stream->msg : "bad data");
}

static weir_error *zstd_step(weir_inflater *inflater, void *to, size_t size, size_t *got_out)
{
    ZSTD_inBuffer in = {inflater->input, inflater->input_size, inflater->input_next};
    ZSTD_outBuffer out = {to, size, 0};
    size_t result = ZSTD_decompressStream(inflater->zstd, &out, &in);
    inflater->input_next = in.pos;
    *got_out = out.pos;
    if (ZSTD_isError(result)) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "the zstd stream is damaged (%s); compress the file again",
                              ZSTD_getErrorName(result));
    }
    inflater->between_frames = result == 0;
    return NULL;
}

static weir_error *plain_step(weir_inflater *inflater, void *to, size_t size, size_t *got_out)
{
    size_t left = inflater->input_size - inflater->input_next;
    size_t n = left < size ? left : size;
    memcpy(to, inflater->input + inflater->input_next, n);
    inflater->input_next += n;
    inflater->between_frames = true;
    *got_out = n;
    return NULL;
}

weir_error *weir_inflater_read(weir_inflater *inflater, void *to, size_t size, size_t *got_out)
{
    WEIR_ASSERT(size > 0);
    *got_out = 0;
    if (inflater->form == FORM_UNKNOWN) WEIR_TRY(detect_form(inflater));
    while (*got_out == 0) {
        WEIR_TRY(fill_input(inflater, 1));
        size_t left = inflater->input_size - inflater->input_next;
        if (left == 0 && (inflater->between_frames || inflater->form == FORM_PLAIN)) return NULL;
        size_t before = left;
        switch (inflater->form) {
        case FORM_GZIP: WEIR_TRY(gzip_step(inflater, to, size, got_out)); break;
        case FORM_ZSTD: WEIR_TRY(zstd_step(inflater, to, size, got_out)); break;
        default: WEIR_TRY(plain_step(inflater, to, size, got_out)); break;
        }
        bool stuck = *got_out == 0 && inflater->input_size - inflater->input_next == before;
        if (stuck) {
            return weir_error_new(WEIR_E_CORRUPT,
                                  "the compressed stream ends too early; the file was cut off");
        }
    }
    return NULL;
}

bool weir_decompress_unsized(weir_codec codec, weir_bytes from, size_t limit, weir_buffer *out)
{
    if (codec == WEIR_CODEC_NONE) {
        if (from.size > limit) return false;
        weir_buffer_put(out, from.data, from.size);
        return true;
    }
    if (codec == WEIR_CODEC_SNAPPY) {
        size_t size = 0;
        if (snappy_uncompressed_length((const char *)from.data, from.size, &size) != SNAPPY_OK)
            return false;
        if (size > limit) return false;
        if (!snappy_block(from, weir_buffer_reserve(out, size + 1), size)) return false;
        out->size += size;
        return true;
    }
    /* Grow by doubling: what is allocated stays proportional to what really came out. */
    for (size_t room = from.size * 4 + 256;; room *= 2) {
        if (room > limit) room = limit;
        uint8_t *to = weir_buffer_reserve(out, room + 1);
        if (codec == WEIR_CODEC_ZSTD) {
            size_t got = ZSTD_decompress(to, room, from.data, from.size);
            if (!ZSTD_isError(got)) {
                out->size += got;
                return true;
            }
            if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall) return false;
        } else if (codec == WEIR_CODEC_DEFLATE && from.size <= UINT32_MAX && room <= UINT32_MAX) {
            z_stream stream = {.next_in = (Bytef *)(uintptr_t)from.data,
                               .avail_in = (uInt)from.size};
            if (inflateInit2(&stream, -15) != Z_OK) return false;
            stream.next_out = to;
            stream.avail_out = (uInt)room;
            int result = inflate(&stream, Z_FINISH);
            size_t got = stream.total_out;
            (void)inflateEnd(&stream);
            if (result == Z_STREAM_END) {
                out->size += got;
                return true;
            }
            if (result != Z_BUF_ERROR) return false;
        } else {
            return false;
        }
        if (room == limit) return false;
    }
}
