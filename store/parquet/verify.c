/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file against itself, from coarse to fine, so that the message names the finest place that is
 * known to be wrong: first every page (checksum, decompression, counts), with the content hash on
 * the way; then every value decoded; then, where the file is ours, the three hashes of its footer.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "store/parquet/chunk.h"
#include "store/parquet/reader_internal.h"

enum { READ_BYTES = 1 << 20, DIGEST_DIGITS = WEIR_SHA256_TEXT_SIZE - 1 };

static weir_error *verify_chunk(const weir_parquet_reader *reader, size_t group, size_t leaf,
                                weir_sha256 *content, weir_parquet_verdict *verdict)
{
    const parquet_file_meta *meta = parquet_reader_meta(reader);
    const parquet_source *source = parquet_reader_source(reader);
    const parquet_chunk *chunk = &meta->row_groups[group].chunks[leaf];
    uint64_t footer_offset = source->size - 8 - parquet_reader_footer(reader).size, values = 0;
    parquet_pages pages = {0};
    weir_buffer body = {0};
    weir_error *error = NULL;
    parquet_pages_init(&pages, source, parquet_reader_schema(reader)->leaves[leaf].path, group,
                       chunk, footer_offset);
    uint64_t start = pages.offset;
    parquet_content_chunk(content, (uint32_t)leaf, (uint64_t)chunk->value_count);
    while (values < (uint64_t)chunk->value_count) {
        parquet_page_header header;
        bool more = false;
        WEIR_TRY_OUT(parquet_pages_next(&pages, &header, &body, &more));
        if (!more) {
            error = parquet_pages_error(&pages, WEIR_E_CORRUPT,
                                        "the column chunk ends before its values do");
            goto out;
        }
        parquet_content_page(content, &header, body.data);
        bool is_data = header.type == PARQUET_DATA_PAGE || header.type == PARQUET_DATA_PAGE_V2;
        values += is_data ? (uint64_t)header.value_count : 0;
        verdict->pages++;
        verdict->pages_without_crc += !header.has_crc;
    }
    if (verdict->has_hashes && pages.offset - start != (uint64_t)chunk->compressed_bytes) {
        error = parquet_pages_error(&pages, WEIR_E_CORRUPT,
                                    "the column chunk takes %" PRIu64
                                    " bytes, its metadata say %" PRId64,
                                    pages.offset - start, chunk->compressed_bytes);
    }
out:
    parquet_pages_deinit(&pages);
    weir_buffer_deinit(&body);
    return error;
}

static weir_error *verify_pages(const weir_parquet_reader *reader, weir_sha256 *content,
                                weir_parquet_verdict *verdict)
{
    const parquet_file_meta *meta = parquet_reader_meta(reader);
    for (size_t group = 0; group < meta->row_group_count; group++) {
        parquet_content_group(content, (uint64_t)meta->row_groups[group].row_count);
        for (size_t leaf = 0; leaf < meta->leaf_count; leaf++)
            WEIR_TRY(verify_chunk(reader, group, leaf, content, verdict));
    }
    parquet_content_end(content, (uint64_t)meta->row_count);
    return NULL;
}

static weir_error *verify_values(weir_parquet_reader *reader, weir_parquet_verdict *verdict)
{
    for (size_t rows = 1; rows > 0; verdict->rows += rows) {
        weir_value *const *columns = NULL;
        WEIR_TRY(weir_parquet_reader_next(reader, &columns, &rows));
    }
    return NULL;
}

/* SHA-256 of the first `size` bytes, and of all of them. */
static weir_error *hash_source(const parquet_source *source, uint64_t size,
                               char body[WEIR_SHA256_TEXT_SIZE], char all[WEIR_SHA256_TEXT_SIZE])
{
    weir_sha256 *sha = weir_sha256_create();
    weir_buffer some = {0};
    weir_error *error = NULL;
    uint8_t digest[WEIR_SHA256_BYTES];
    for (uint64_t at = 0; at < source->size;) {
        uint64_t left = (at < size ? size : source->size) - at;
        size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;
        weir_buffer_clear(&some);
        WEIR_TRY_OUT(parquet_source_read(source, at, n, &some));
        weir_sha256_add(sha, some.data, n);
        at += n;
        if (at != size) continue;
        weir_sha256_peek(sha, digest);
        weir_sha256_print(digest, body);
    }
    weir_sha256_peek(sha, digest);
    weir_sha256_print(digest, all);
out:
    weir_sha256_destroy(sha);
    weir_buffer_deinit(&some);
    return error;
}

static weir_error *compare(const weir_parquet_reader *reader, const char *key, const char *what,
                           const char *computed)
{
    const weir_bytes *says = parquet_reader_pair(reader, key);
    if (says != NULL && says->size == DIGEST_DIGITS &&
        memcmp(says->data, computed, DIGEST_DIGITS) == 0)
        return NULL;
    return weir_error_new(WEIR_E_CORRUPT,
                          "%s: %s differs: the footer says %.*s, the file gives %s: it was changed "
                          "after it was written",
                          parquet_reader_source(reader)->name, what,
                          says == NULL ? 0 : (int)says->size,
                          says == NULL ? "" : (const char *)says->data, computed);
}

/* The footer with its own digits as zeros. */
static weir_error *verify_footer(const weir_parquet_reader *reader)
{
    weir_bytes footer = parquet_reader_footer(reader);
    const weir_bytes *says = parquet_reader_pair(reader, "weir.footer_sha256");
    weir_buffer copy = {0};
    uint8_t digest[WEIR_SHA256_BYTES];
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_buffer_put(&copy, footer.data, footer.size);
    if (says != NULL && says->size == DIGEST_DIGITS)
        memset(copy.data + (says->data - footer.data), '0', DIGEST_DIGITS);
    weir_sha256_of(copy.data, copy.size, digest);
    weir_sha256_print(digest, text);
    weir_buffer_deinit(&copy);
    return compare(reader, "weir.footer_sha256", "the hash of the footer", text);
}

/*
 * Whether we wrote the file. No single flipped bit may turn ours into a foreign one, whose hashes
 * nobody expects: the name is looked for in the footer's bytes, where a damaged field header does
 * not hide it, and one letter of it may be wrong. The hashes alone decide nothing: other writers
 * copy metadata that they do not know.
 */
static bool names_weir(const weir_parquet_reader *reader)
{
    static const char ours[] = "weir version ";
    enum { LENGTH = sizeof ours - 1 };
    weir_bytes footer = parquet_reader_footer(reader);
    for (size_t i = 0; i + LENGTH <= footer.size; i++) {
        size_t different = 0;
        for (size_t k = 0; k < LENGTH && different < 2; k++)
            different += footer.data[i + k] != (uint8_t)ours[k];
        if (different < 2) return true;
    }
    return false;
}

static weir_error *verify_open(weir_parquet_reader *reader, weir_parquet_verdict *verdict)
{
    const parquet_source *source = parquet_reader_source(reader);
    const parquet_file_meta *meta = parquet_reader_meta(reader);
    char body[WEIR_SHA256_TEXT_SIZE] = "";
    uint8_t digest[WEIR_SHA256_BYTES];
    weir_sha256 *content = weir_sha256_create();
    weir_error *error = NULL;
    verdict->bytes = source->size;
    verdict->has_hashes = names_weir(reader);
    if (verdict
            ->has_hashes) { /* canonical only for elements that we write: others may not encode */
        WEIR_TRY_OUT(verify_footer(reader));
        parquet_content_begin(content, meta->elements, meta->element_count);
    }
    WEIR_TRY_OUT(verify_pages(reader, content, verdict));
    WEIR_TRY_OUT(verify_values(reader, verdict));
    WEIR_TRY_OUT(hash_source(source, source->size - 8 - parquet_reader_footer(reader).size, body,
                             verdict->file_sha256));
    weir_sha256_peek(content, digest);
    weir_sha256_print(digest, verdict->content_sha256);
    if (!verdict->has_hashes) goto out;
    WEIR_TRY_OUT(
        compare(reader, "weir.content_sha256", "the content hash", verdict->content_sha256));
    WEIR_TRY_OUT(compare(reader, "weir.body_sha256", "the hash of the pages", body));
out:
    weir_sha256_destroy(content);
    return error;
}

weir_error *weir_parquet_verify(const char *path, weir_parquet_verdict *verdict_out)
{
    weir_parquet_reader *reader = NULL;
    *verdict_out = (weir_parquet_verdict){0};
    WEIR_TRY(weir_parquet_reader_open(path, &reader));
    weir_error *error = verify_open(reader, verdict_out);
    weir_parquet_reader_close(reader);
    return error;
}

weir_error *weir_parquet_verify_bytes(const char *name, weir_bytes file,
                                      weir_parquet_verdict *verdict_out)
{
    weir_parquet_reader *reader = NULL;
    *verdict_out = (weir_parquet_verdict){0};
    WEIR_TRY(weir_parquet_reader_open_bytes(name, file, &reader));
    weir_error *error = verify_open(reader, verdict_out);
    weir_parquet_reader_close(reader);
    return error;
}
