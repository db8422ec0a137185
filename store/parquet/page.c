/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/page.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/compress.h"
#include "ops/runtime/file.h"
#include "store/parquet/reader.h"

enum {
    MAGIC_BYTES = 4,
    TAIL_BYTES = 8, /* length and magic */
    HEADER_BYTES_FIRST = 256,
    HEADER_BYTES_MAX = 1 << 20, /* old writers put statistics of any length into it */
};

/* --- Source --- */

weir_error *parquet_source_open(parquet_source *source, const char *path)
{
    *source = (parquet_source){.name = path, .fd = -1};
    struct stat info;
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &info) != 0) {
        weir_error *error = weir_error_of_errno(errno, "opening", path);
        parquet_source_close(source);
        return error;
    }
    if (!S_ISREG(info.st_mode)) {
        parquet_source_close(source);
        return weir_error_new(WEIR_E_NO_INPUT, "%s is not a file", path);
    }
    source->size = (uint64_t)info.st_size;
    return NULL;
}

void parquet_source_close(parquet_source *source)
{
    if (source->fd >= 0) (void)close(source->fd);
    source->fd = -1;
}

weir_error *parquet_source_read(const parquet_source *source, uint64_t offset, size_t size,
                                weir_buffer *into)
{
    if (offset > source->size || size > source->size - offset) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "%s: wants bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
                              "; the file was cut off or damaged",
                              source->name, offset, offset + size, source->size);
    }
    uint8_t *to = weir_buffer_reserve(into, size);
    if (source->fd < 0) {
        if (size > 0) memcpy(to, source->bytes.data + offset, size);
        into->size += size;
        return NULL;
    }
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(source->fd, to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return weir_error_of_errno(errno, "reading", source->name);
        if (got == 0)
            return weir_error_new(WEIR_E_CORRUPT, "%s: the file became shorter while it was read",
                                  source->name);
        done += (size_t)got;
    }
    into->size += size;
    return NULL;
}

static weir_error *not_parquet(const parquet_source *source, const char *why)
{
    return weir_error_new(WEIR_E_CORRUPT, "%s is no whole Parquet file: %s", source->name, why);
}

weir_error *parquet_footer_read(const parquet_source *source, weir_buffer *into,
                                uint64_t *offset_out)
{
    if (source->size < MAGIC_BYTES + TAIL_BYTES)
        return not_parquet(source, "it is shorter than 12 bytes");
    weir_buffer_clear(into);
    WEIR_TRY(parquet_source_read(source, 0, MAGIC_BYTES, into));
    WEIR_TRY(parquet_source_read(source, source->size - TAIL_BYTES, TAIL_BYTES, into));
    if (memcmp(into->data + 8, "PARE", 4) == 0)
        return not_parquet(source, "its footer is encrypted, which weir does not read");
    if (memcmp(into->data, "PAR1", 4) != 0)
        return not_parquet(source, "it does not begin with PAR1");
    if (memcmp(into->data + 8, "PAR1", 4) != 0)
        return not_parquet(source, "it does not end with PAR1; it was cut off");
    uint32_t length = 0;
    memcpy(&length, into->data + 4, 4);
    if (length > source->size - MAGIC_BYTES - TAIL_BYTES)
        return not_parquet(source, "its footer is longer than the file");
    if (length > WEIR_PARQUET_FOOTER_BYTES_MAX) {
        return weir_error_new(WEIR_E_LIMIT, "%s: a footer of %u bytes; at most %d are read",
                              source->name, length, WEIR_PARQUET_FOOTER_BYTES_MAX);
    }
    *offset_out = source->size - TAIL_BYTES - length;
    weir_buffer_clear(into);
    return parquet_source_read(source, *offset_out, length, into);
}

/* --- Pages --- */

void parquet_pages_init(parquet_pages *pages, const parquet_source *source, const char *column,
                        size_t group, const parquet_chunk *chunk, uint64_t footer_offset)
{
    weir_buffer raw = pages->raw; /* used again */
    int64_t start = chunk->data_offset;
    if (chunk->dictionary_offset > 0 && chunk->dictionary_offset < start)
        start = chunk->dictionary_offset;
    *pages = (parquet_pages){
        .source = source, .column = column, .group = group, .codec = chunk->codec, .raw = raw};
    /* A chunk's stated size is not to be trusted (some writers leave the dictionary out): its
     * values end it. */
    pages->offset = pages->page_offset = start < MAGIC_BYTES ? footer_offset : (uint64_t)start;
    pages->end = footer_offset;
}

void parquet_pages_deinit(parquet_pages *pages) { weir_buffer_deinit(&pages->raw); }

weir_error *parquet_pages_error(const parquet_pages *pages, weir_error_code code,
                                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = weir_error_new_va(code, format, arguments);
    va_end(arguments);
    return weir_error_while(error, "%s: row group %zu, column %s, page at byte %" PRIu64,
                            pages->source->name, pages->group, pages->column, pages->page_offset);
}

/* Reads as much as the header turns out to need: it is small but for old statistics. */
static weir_error *read_header(parquet_pages *pages, parquet_page_header *header, size_t *size_out)
{
    uint64_t left = pages->end - pages->offset;
    for (size_t want = HEADER_BYTES_FIRST;; want *= 16) {
        size_t size = left < want ? (size_t)left : want;
        weir_buffer_clear(&pages->raw);
        WEIR_TRY(parquet_source_read(pages->source, pages->offset, size, &pages->raw));
        if (parquet_page_header_decode((weir_bytes){pages->raw.data, pages->raw.size}, header,
                                       size_out))
            return NULL;
        if (size == left || want >= HEADER_BYTES_MAX) {
            return parquet_pages_error(pages, WEIR_E_CORRUPT, "the page's header is damaged");
        }
    }
}

static weir_error *check_sizes(const parquet_pages *pages, const parquet_page_header *header,
                               uint64_t left)
{
    if (header->uncompressed_bytes < 0 || header->compressed_bytes < 0 ||
        (uint64_t)header->compressed_bytes > left) {
        return parquet_pages_error(pages, WEIR_E_CORRUPT,
                                   "the page claims %d bytes where %" PRIu64 " are left",
                                   header->compressed_bytes, left);
    }
    if (header->uncompressed_bytes > WEIR_PARQUET_PAGE_BYTES_MAX ||
        header->compressed_bytes > WEIR_PARQUET_PAGE_BYTES_MAX) {
        return parquet_pages_error(pages, WEIR_E_LIMIT, "a page of %d bytes; at most %d are read",
                                   header->uncompressed_bytes, WEIR_PARQUET_PAGE_BYTES_MAX);
    }
    int64_t levels = (int64_t)header->definition_bytes + header->repetition_bytes;
    bool is_v2 = header->type == PARQUET_DATA_PAGE_V2;
    bool bad_levels = header->definition_bytes < 0 || header->repetition_bytes < 0 ||
                      levels > header->compressed_bytes || levels > header->uncompressed_bytes;
    if ((is_v2 && bad_levels) || header->value_count < 0) {
        return parquet_pages_error(pages, WEIR_E_CORRUPT,
                                   "the page's header claims impossible counts");
    }
    return NULL;
}

static bool codec_of(int32_t parquet_codec, weir_codec *codec_out)
{
    switch (parquet_codec) {
    case PARQUET_UNCOMPRESSED: *codec_out = WEIR_CODEC_NONE; return true;
    case PARQUET_SNAPPY: *codec_out = WEIR_CODEC_SNAPPY; return true;
    case PARQUET_GZIP: *codec_out = WEIR_CODEC_GZIP; return true;
    case PARQUET_BROTLI: *codec_out = WEIR_CODEC_BROTLI; return true;
    case PARQUET_LZ4: *codec_out = WEIR_CODEC_LZ4_HADOOP; return true;
    case PARQUET_ZSTD: *codec_out = WEIR_CODEC_ZSTD; return true;
    case PARQUET_LZ4_RAW: *codec_out = WEIR_CODEC_LZ4_RAW; return true;
    default: return false;
    }
}

static weir_error *decompress(const parquet_pages *pages, const parquet_page_header *header,
                              weir_buffer *body)
{
    weir_codec codec = WEIR_CODEC_NONE;
    size_t size = (size_t)header->uncompressed_bytes, levels = 0;
    weir_bytes from = {pages->raw.data, pages->raw.size};
    if (!codec_of(pages->codec, &codec)) {
        return parquet_pages_error(pages, WEIR_E_DATA,
                                   "compression %d is not supported; write the file with zstd",
                                   pages->codec);
    }
    weir_buffer_clear(body);
    uint8_t *to = weir_buffer_reserve(body, size + 1);
    if (header->type == PARQUET_DATA_PAGE_V2) {
        levels = (size_t)header->definition_bytes + (size_t)header->repetition_bytes;
        if (levels > 0) memcpy(to, from.data, levels);
        from = (weir_bytes){from.data + levels, from.size - levels};
        if (!header->is_compressed || from.size == 0) codec = WEIR_CODEC_NONE;
    }
    if (!weir_decompress(codec, from, to + levels, size - levels)) {
        return parquet_pages_error(pages, WEIR_E_CORRUPT,
                                   "the page does not decompress to its %d bytes",
                                   header->uncompressed_bytes);
    }
    body->size = size;
    return NULL;
}

weir_error *parquet_pages_next(parquet_pages *pages, parquet_page_header *header_out,
                               weir_buffer *body, bool *more_out)
{
    *more_out = pages->offset < pages->end;
    if (!*more_out) return NULL;
    size_t header_bytes = 0;
    pages->page_offset = pages->offset;
    WEIR_TRY(read_header(pages, header_out, &header_bytes));
    uint64_t left = pages->end - pages->offset - header_bytes;
    WEIR_TRY(check_sizes(pages, header_out, left));
    weir_buffer_clear(&pages->raw);
    WEIR_TRY(parquet_source_read(pages->source, pages->offset + header_bytes,
                                 (size_t)header_out->compressed_bytes, &pages->raw));
    pages->offset += header_bytes + (uint64_t)header_out->compressed_bytes;
    if (header_out->has_crc) {
        uint32_t crc = weir_crc32(0, pages->raw.data, pages->raw.size);
        if (crc != header_out->crc) {
            return parquet_pages_error(pages, WEIR_E_CORRUPT,
                                       "the page's CRC is %08x, its bytes give %08x: it is damaged",
                                       header_out->crc, crc);
        }
    }
    return decompress(pages, header_out, body);
}
