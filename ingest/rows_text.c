/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/rows_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"

enum { BUFFER_BYTES = 1 << 16 };

static weir_error *read_some(void *context, void *to, size_t size, size_t *got_out)
{
    const rows_text *text = context;
    ssize_t got = 0;
    do {
        got = read(text->rows->fd, to, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return weir_error_of_errno(errno, "reading", "rows");
    *got_out = (size_t)got;
    return NULL;
}

void rows_text_open(const weir_rows *rows, rows_text *text)
{
    *text = (rows_text){.rows = rows, .next_line = 1};
    text->inflater = weir_inflater_create((weir_inflater_source){read_some, text});
    text->capacity = BUFFER_BYTES;
    text->data = malloc(text->capacity);
    WEIR_ASSERT(text->data != NULL);
}

void rows_text_close(rows_text *text)
{
    weir_inflater_destroy(text->inflater);
    free(text->data);
    *text = (rows_text){0};
}

/* More bytes behind those that are there: moves them to the front first, then grows. */
static weir_error *fill(rows_text *text)
{
    if (text->start > 0) {
        memmove(text->data, text->data + text->start, text->end - text->start);
        text->end -= text->start;
        text->start = 0;
    }
    if (text->end == text->capacity) {
        text->capacity *= 2;
        text->data = realloc(text->data, text->capacity);
        WEIR_ASSERT(text->data != NULL);
    }
    size_t got = 0;
    weir_error *error = weir_inflater_read(text->inflater, text->data + text->end,
                                           text->capacity - text->end, &got);
    if (error != NULL) return weir_error_while(error, "%s", text->rows->path);
    text->end += got;
    if (got == 0) text->at_end = true;
    return NULL;
}

/* How far a record was looked through. */
typedef struct scan {
    size_t size;       /* bytes of it seen           */
    size_t first_line; /* bytes of its first line    */
    uint64_t lines;    /* line ends inside it        */
    bool is_quoted;    /* a quote is open            */
    bool cell_begins;  /* a quote here would open    */
    bool ended;        /* at the line end behind it  */
} scan;

static void scan_more(const rows_text *text, char separator, scan *s)
{
    const uint8_t *data = text->data + text->start;
    size_t size = text->end - text->start;
    if (separator == 0) { /* plain lines */
        const uint8_t *end = memchr(data + s->size, '\n', size - s->size);
        s->ended = end != NULL;
        s->size = s->first_line = end != NULL ? (size_t)(end - data) : size;
        return;
    }
    for (; s->size < size && !s->ended; s->size++) {
        uint8_t c = data[s->size];
        if (c == '"' && (s->is_quoted || s->cell_begins)) {
            s->is_quoted = !s->is_quoted; /* "" closes and opens again: `cell_begins` stays true */
            s->cell_begins = true;
            continue;
        }
        if (c == '\n') {
            if (s->lines == 0) s->first_line = s->size;
            s->ended = !s->is_quoted;
            if (s->ended) break;
            s->lines++;
        }
        if (!s->is_quoted) s->cell_begins = c == (uint8_t)separator;
    }
    if (s->lines == 0 && !s->ended) s->first_line = s->size;
}

static weir_bytes without_cr(const uint8_t *data, size_t size)
{
    if (size > 0 && data[size - 1] == '\r') size--;
    return (weir_bytes){data, size};
}

/* Drops the rest of a line that is too long to hold. */
static weir_error *skip_line(rows_text *text)
{
    for (;;) {
        const uint8_t *data = text->data + text->start;
        const uint8_t *end = memchr(data, '\n', text->end - text->start);
        if (end != NULL) {
            text->start += (size_t)(end - data) + 1;
            return NULL;
        }
        text->start = text->end;
        if (text->at_end) return NULL;
        WEIR_TRY(fill(text));
    }
}

weir_error *rows_text_next(rows_text *text, char separator, weir_bytes *record_out,
                           rows_record *status_out)
{
    scan s = {.cell_begins = true};
    text->line = text->next_line;
    for (;;) {
        scan_more(text, separator, &s);
        if (s.ended || s.size > WEIR_ROWS_LINE_MAX) break;
        if (text->at_end) break;
        WEIR_TRY(fill(text));
    }
    if (text->at_end && text->start == text->end) {
        *status_out = ROWS_RECORD_END;
        return NULL;
    }
    const uint8_t *data = text->data + text->start;
    if (s.first_line > WEIR_ROWS_LINE_MAX) {
        *status_out = ROWS_RECORD_TOO_LONG;
        *record_out = (weir_bytes){NULL, 0};
        text->next_line++;
        return skip_line(text);
    }
    bool is_whole = s.ended || (text->at_end && !s.is_quoted);
    size_t size = is_whole ? s.size : s.first_line;
    if (is_whole && s.size > WEIR_ROWS_LINE_MAX) {
        is_whole = false;
        size = s.first_line;
    }
    *status_out = is_whole ? ROWS_RECORD_OK : ROWS_RECORD_OPEN_QUOTE;
    *record_out = without_cr(data, size);
    text->next_line += 1 + (is_whole ? s.lines : 0);
    bool has_line_end = text->start + size < text->end;
    text->start += size + (has_line_end ? 1 : 0);
    return NULL;
}
