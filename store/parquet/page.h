/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - the bytes of a Parquet file, and its pages one by one: header, checksum, decompression.
 *
 * A source is a file read by pread (never mapped: a file that shrinks must not kill us) or bytes in
 * memory. Every range is checked against the source before it is read.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "store/parquet/meta.h"

typedef struct parquet_source {
    const char *name;
    int fd; /* -1: `bytes` */
    weir_bytes bytes;
    uint64_t size;
} parquet_source;

weir_error *parquet_source_open(parquet_source *source,
                                const char *path); /* keeps `path` as the name */
void parquet_source_close(parquet_source *source);
/* Exactly `size` bytes from `offset`, appended to `into`. WEIR_E_CORRUPT where the file ends
 * before. */
weir_error *parquet_source_read(const parquet_source *source, uint64_t offset, size_t size,
                                weir_buffer *into);

/* The footer: checks both magics and the length. `into` holds the footer's bytes. */
weir_error *parquet_footer_read(const parquet_source *source, weir_buffer *into,
                                uint64_t *offset_out);

/* Walks over the pages of one chunk. */
typedef struct parquet_pages {
    const parquet_source *source;
    const char *column;   /* for messages      */
    size_t group;         /* likewise, from 0  */
    uint64_t offset, end; /* the next header; nothing of the chunk lies behind `end` */
    int32_t codec;
    weir_buffer raw;      /* the page as stored */
    uint64_t page_offset; /* of the present page's header */
} parquet_pages;

void parquet_pages_init(parquet_pages *pages, const parquet_source *source, const char *column,
                        size_t group, const parquet_chunk *chunk, uint64_t footer_offset);
void parquet_pages_deinit(parquet_pages *pages);
/*
 * The next page: header, and its body decompressed into `body` (cleared first). For v2 pages the
 * levels come first, as stored. *more_out is false where no page begins before `end`.
 */
weir_error *parquet_pages_next(parquet_pages *pages, parquet_page_header *header_out,
                               weir_buffer *body, bool *more_out);
/* An error at the present page: "file: row group 0, column a, page at byte 4: ...". */
__attribute__((format(printf, 3, 4))) weir_error *parquet_pages_error(const parquet_pages *pages,
                                                                      weir_error_code code,
                                                                      const char *format, ...);
