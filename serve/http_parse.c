/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/http.h"

#include <ctype.h>
#include <string.h>

/* A cursor over the head. Every function below returns the status to refuse with, or 0. */
typedef struct head_cursor {
    const uint8_t *next, *end;
} head_cursor;

typedef struct body_framing {
    uint64_t content_length;
    bool has_length, is_chunked, has_host, wants_close, wants_keep_alive;
} body_framing;

static bool is_token_byte(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') return true;
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') return true;
    return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

static char lower(uint8_t byte) { return (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte); }

bool weir_http_name_is(weir_bytes name, const char *want)
{
    size_t length = strlen(want);
    if (name.size != length) return false;
    for (size_t i = 0; i < length; i++) {
        if (lower(name.data[i]) != lower((uint8_t)want[i])) return false;
    }
    return true;
}

weir_bytes weir_http_header_find(const weir_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (weir_http_name_is(request->headers[i].name, name)) return request->headers[i].value;
    }
    return (weir_bytes){0};
}

static weir_bytes take_token(head_cursor *cursor)
{
    const uint8_t *start = cursor->next;
    while (cursor->next < cursor->end && is_token_byte(*cursor->next))
        cursor->next++;
    return (weir_bytes){start, (size_t)(cursor->next - start)};
}

static bool take_text(head_cursor *cursor, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(cursor->end - cursor->next) < length || memcmp(cursor->next, text, length) != 0)
        return false;
    cursor->next += length;
    return true;
}

/* "http://host:port" of a target in absolute form, which clients send through proxies and servers
 * have to take (RFC 9112, 3.2.2). Which host was meant makes no difference here. */
static bool take_authority(head_cursor *target)
{
    const uint8_t *start = target->next;
    while (target->next < target->end && *target->next != ':' && *target->next != '/')
        target->next++;
    weir_bytes scheme = {start, (size_t)(target->next - start)};
    if (!weir_http_name_is(scheme, "http") && !weir_http_name_is(scheme, "https")) return false;
    if (!take_text(target, "://")) return false;
    const uint8_t *host = target->next;
    while (target->next < target->end && *target->next != '/' && *target->next != '?')
        target->next++;
    return target->next > host && *host != ':';
}

static int parse_target(head_cursor *cursor, weir_http_request *request)
{
    const uint8_t *start = cursor->next;
    while (cursor->next<cursor->end && * cursor->next> 0x20 && *cursor->next < 0x7f)
        cursor->next++;
    head_cursor target = {start, cursor->next};
    if (start == cursor->next || (*start != '/' && !take_authority(&target))) return 400;
    size_t size = (size_t)(target.end - target.next);
    const uint8_t *query = memchr(target.next, '?', size);
    size_t path_size = query != NULL ? (size_t)(query - target.next) : size;
    request->path = (weir_bytes){target.next, path_size};
    if (path_size == 0) request->path = (weir_bytes){(const uint8_t *)"/", 1};
    if (query != NULL) request->query = (weir_bytes){query + 1, size - path_size - 1};
    return 0;
}

static int parse_request_line(head_cursor *cursor, weir_http_request *request, bool *is_1_0)
{
    request->method = take_token(cursor);
    if (request->method.size == 0 || !take_text(cursor, " ")) return 400;
    int status = parse_target(cursor, request);
    if (status != 0) return status;
    if (take_text(cursor, " HTTP/1.1\r\n")) return 0;
    *is_1_0 = take_text(cursor, " HTTP/1.0\r\n");
    if (*is_1_0) return 0;
    if (!take_text(cursor, " HTTP/") || cursor->end - cursor->next < 5) return 400;
    bool is_version =
        isdigit(cursor->next[0]) && cursor->next[1] == '.' && isdigit(cursor->next[2]);
    return is_version && memcmp(cursor->next + 3, "\r\n", 2) == 0 ? 505 : 400;
}

static bool is_value_byte(uint8_t byte) { return byte >= 0x20 ? byte != 0x7f : byte == '\t'; }

static int parse_header(head_cursor *cursor, weir_http_header *header)
{
    header->name = take_token(cursor);
    if (header->name.size == 0 || !take_text(cursor, ":")) return 400;
    while (cursor->next < cursor->end && (*cursor->next == ' ' || *cursor->next == '\t'))
        cursor->next++;
    const uint8_t *start = cursor->next;
    while (cursor->next < cursor->end && is_value_byte(*cursor->next))
        cursor->next++;
    const uint8_t *end = cursor->next;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    header->value = (weir_bytes){start, (size_t)(end - start)};
    return take_text(cursor, "\r\n") ? 0 : 400;
}

static int parse_length(weir_bytes value, body_framing *framing)
{
    if (framing->has_length || value.size == 0 || value.size > 18) return 400;
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') return 400;
        length = length * 10 + (uint64_t)(value.data[i] - '0');
    }
    framing->content_length = length;
    framing->has_length = true;
    return 0;
}

/* Whether a comma-separated list holds the token `want`. */
static bool list_has(weir_bytes list, const char *want)
{
    size_t start = 0;
    for (size_t i = 0; i <= list.size; i++) {
        if (i < list.size && list.data[i] != ',') continue;
        size_t from = start, to = i;
        while (from < to && (list.data[from] == ' ' || list.data[from] == '\t'))
            from++;
        while (to > from && (list.data[to - 1] == ' ' || list.data[to - 1] == '\t'))
            to--;
        if (weir_http_name_is((weir_bytes){list.data + from, to - from}, want)) return true;
        start = i + 1;
    }
    return false;
}

/* The headers that say where the request ends. */
static int frame_header(const weir_http_header *header, body_framing *framing,
                        weir_http_request *request)
{
    if (weir_http_name_is(header->name, "content-length"))
        return parse_length(header->value, framing);
    if (weir_http_name_is(header->name, "transfer-encoding")) {
        if (framing->is_chunked) return 400;
        if (!weir_http_name_is(header->value, "chunked")) return 501;
        framing->is_chunked = true;
    } else if (weir_http_name_is(header->name, "host")) {
        if (framing->has_host) return 400;
        framing->has_host = true;
    } else if (weir_http_name_is(header->name, "connection")) {
        framing->wants_close |= list_has(header->value, "close");
        framing->wants_keep_alive |= list_has(header->value, "keep-alive");
    } else if (weir_http_name_is(header->name, "expect")) {
        if (!weir_http_name_is(header->value, "100-continue")) return 417;
        request->expects_continue = true;
    }
    return 0;
}

static int parse_head(head_cursor *cursor, weir_http_request *request, body_framing *framing)
{
    bool is_1_0 = false;
    int status = parse_request_line(cursor, request, &is_1_0);
    while (status == 0 && !take_text(cursor, "\r\n")) {
        if (request->header_count == WEIR_HTTP_HEADERS_MAX) return 431;
        weir_http_header *header = &request->headers[request->header_count++];
        status = parse_header(cursor, header);
        if (status == 0) status = frame_header(header, framing, request);
    }
    if (status != 0) return status;
    if (framing->is_chunked && (framing->has_length || is_1_0)) return 400;
    if (!framing->has_host && !is_1_0) return 400;
    request->is_1_0 = is_1_0;
    if (is_1_0) request->expects_continue = false; /* RFC 9110, 10.1.1 */
    request->keep_alive =
        is_1_0 ? framing->wants_keep_alive && !framing->wants_close : !framing->wants_close;
    return 0;
}

/* The end of the head (behind the empty line), or NULL. */
static uint8_t *find_head_end(uint8_t *data, size_t size)
{
    uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    return end == NULL ? NULL : end + 4;
}

typedef struct chunk_walk {
    uint8_t *next, *end;
    uint8_t *to; /* where the joined body ends; NULL: only look */
    size_t body_size;
    size_t body_bytes_max;
    size_t missing; /* bytes that are certainly still to come */
} chunk_walk;

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f') return (byte | 0x20) - 'a' + 10;
    return -1;
}

/* One chunk. Extensions are refused: nobody needs them and parsers differ over them. */
static weir_http_progress walk_chunk(chunk_walk *walk, bool *is_last, int *status)
{
    uint64_t size = 0;
    unsigned digits = 0;
    *status = 400;
    for (; walk->next < walk->end && hex_digit(*walk->next) >= 0; walk->next++, digits++) {
        if (digits == 8) return WEIR_HTTP_REFUSED;
        size = size * 16 + (uint64_t)hex_digit(*walk->next);
    }
    size_t left = (size_t)(walk->end - walk->next);
    if (left < 2) return digits > 0 || left == 0 ? WEIR_HTTP_MORE : WEIR_HTTP_REFUSED;
    if (digits == 0 || memcmp(walk->next, "\r\n", 2) != 0) return WEIR_HTTP_REFUSED;
    walk->next += 2;
    left -= 2;
    if (size > walk->body_bytes_max - walk->body_size) {
        *status = 413;
        return WEIR_HTTP_REFUSED;
    }
    if (left < size + 2) {
        walk->missing = (size_t)size + 2 - left;
        return WEIR_HTTP_MORE;
    }
    if (memcmp(walk->next + size, "\r\n", 2) != 0)
        return WEIR_HTTP_REFUSED; /* trailers are refused too */
    if (walk->to != NULL && size > 0) {
        memmove(walk->to, walk->next, size);
        walk->to += size;
    }
    walk->body_size += size;
    walk->next += size + 2;
    *is_last = size == 0;
    return WEIR_HTTP_REQUEST;
}

static weir_http_progress walk_chunks(chunk_walk *walk, int *status)
{
    for (size_t i = 0; i < WEIR_HTTP_CHUNKS_MAX; i++) {
        bool is_last = false;
        weir_http_progress progress = walk_chunk(walk, &is_last, status);
        if (progress != WEIR_HTTP_REQUEST || is_last) return progress;
    }
    *status = 413;
    return WEIR_HTTP_REFUSED;
}

/* Looks first, joins only a complete body: the buffer stays as received until then. */
static weir_http_progress take_chunked(chunk_walk walk, weir_http_request *request,
                                       uint8_t **behind_out, size_t *missing_out, int *status)
{
    uint8_t *body = walk.next;
    chunk_walk look = walk;
    weir_http_progress progress = walk_chunks(&look, status);
    *missing_out = look.missing > 0 ? look.missing : 1;
    if (progress != WEIR_HTTP_REQUEST) return progress;
    walk.to = body;
    progress = walk_chunks(&walk, status);
    request->body = (weir_bytes){body, walk.body_size};
    *behind_out = walk.next;
    return progress;
}

weir_http_progress weir_http_parse(uint8_t *data, size_t size, size_t body_bytes_max,
                                   weir_http_request *request_out, size_t *used_out,
                                   size_t *wanted_out, int *status_out)
{
    *wanted_out = size + 1;
    *status_out = 0;
    request_out->header_count = 0;
    request_out->query = request_out->body = (weir_bytes){0};
    request_out->expects_continue = false;
    size_t head_limit = size < WEIR_HTTP_HEAD_BYTES_MAX ? size : WEIR_HTTP_HEAD_BYTES_MAX;
    uint8_t *head_end = find_head_end(data, head_limit);
    if (head_end == NULL) {
        if (size < WEIR_HTTP_HEAD_BYTES_MAX) return WEIR_HTTP_MORE;
        *status_out = 431;
        return WEIR_HTTP_REFUSED;
    }
    body_framing framing = {0};
    head_cursor cursor = {data, head_end};
    *status_out = parse_head(&cursor, request_out, &framing);
    if (*status_out == 0 && cursor.next != head_end) *status_out = 400;
    if (*status_out == 0 && framing.content_length > body_bytes_max) *status_out = 413;
    if (*status_out != 0) return WEIR_HTTP_REFUSED;
    size_t left = size - (size_t)(head_end - data);
    if (framing.is_chunked) {
        uint8_t *behind = head_end;
        size_t missing = 0;
        chunk_walk walk = {.next = head_end, .end = data + size, .body_bytes_max = body_bytes_max};
        weir_http_progress progress =
            take_chunked(walk, request_out, &behind, &missing, status_out);
        *used_out = (size_t)(behind - data);
        *wanted_out = size + missing;
        return progress;
    }
    if (left < framing.content_length) {
        *wanted_out = size + (size_t)framing.content_length - left;
        return WEIR_HTTP_MORE;
    }
    request_out->body = (weir_bytes){head_end, (size_t)framing.content_length};
    *used_out = (size_t)(head_end - data) + (size_t)framing.content_length;
    return WEIR_HTTP_REQUEST;
}

const char *weir_http_status_text(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return status >= 500 ? "Internal Server Error" : "Error";
    }
}
