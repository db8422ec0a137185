/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - strict, bounded HTTP/1.1 (RFC 9112): the parser and what passes between it and the
 * routes.
 *
 * The parser is a pure function over the bytes received so far: it says how many are still missing,
 * gives a whole request, or the status to refuse with. It is strict where leniency is known to
 * smuggle requests past proxies: one Content-Length only, none beside Transfer-Encoding, no coding
 * but `chunked`, no space before a colon, no folded headers, no bare CR or LF, exactly one Host.
 * Everything is bounded before it is stored.
 *
 * Owns:    a request points into the caller's buffer (a chunked body is joined in place, there).
 */
#pragma once

#include "ops/runtime/buffer.h"

enum {
    WEIR_HTTP_HEAD_BYTES_MAX = 16 * 1024,
    WEIR_HTTP_HEADERS_MAX = 64,
    WEIR_HTTP_CHUNKS_MAX = 4096,
};

typedef struct weir_http_header {
    weir_bytes name; /* as sent: compare with weir_http_name_is */
    weir_bytes value;
} weir_http_header;

typedef struct weir_http_request {
    weir_bytes method, path, query; /* path starts with '/'; not percent-decoded */
    weir_http_header headers[WEIR_HTTP_HEADERS_MAX];
    size_t header_count;
    weir_bytes body;
    bool keep_alive;
    bool is_1_0;
    bool expects_continue; /* Expect: 100-continue and the body is not here yet */
} weir_http_request;

typedef enum weir_http_progress {
    WEIR_HTTP_MORE,    /* not all here yet */
    WEIR_HTTP_REQUEST, /* *used_out bytes are one whole request */
    WEIR_HTTP_REFUSED, /* answer *status_out and close */
} weir_http_progress;

/*
 * Looks at the bytes received so far. Call it again with more bytes after MORE; *wanted_out is then
 * the least number of bytes that can make a difference (a hint, at least size + 1). A chunked body
 * is unchunked in place, but only when it is complete, so `data` is unchanged after MORE.
 */
weir_http_progress weir_http_parse(uint8_t *data, size_t size, size_t body_bytes_max,
                                   weir_http_request *request_out, size_t *used_out,
                                   size_t *wanted_out, int *status_out);

bool weir_http_name_is(weir_bytes name, const char *want); /* ASCII case-insensitive */
/* The value of a header, or size 0 and data NULL. */
weir_bytes weir_http_header_find(const weir_http_request *request, const char *name);
const char *weir_http_status_text(int status);

/* What a route fills in. */
typedef struct weir_http_response {
    int status;               /* 200 */
    const char *content_type; /* "application/json" */
    weir_buffer headers;      /* further complete lines "Name: value\r\n" */
    weir_buffer body;
} weir_http_response;
