/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lang/diagnostic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/nearest.h"
#include "ops/runtime/utf8.h"

typedef struct diagnostic_row {
    const char *code, *summary, *explanation;
} diagnostic_row;

static const diagnostic_row rows[] = {
#define WEIR_DIAGNOSTIC(id, code, summary, explanation) {code, summary, explanation},
#include "schemas/diagnostics.def"
#undef WEIR_DIAGNOSTIC
};
_Static_assert(sizeof rows / sizeof rows[0] == WEIR_DIAGNOSTIC_ID_COUNT, "a row each");

const char *weir_diagnostic_summary(const char *code)
{
    for (size_t i = 0; i < WEIR_DIAGNOSTIC_ID_COUNT; i++) {
        if (strcmp(rows[i].code, code) == 0) return rows[i].summary;
    }
    return NULL;
}

const char *weir_diagnostic_explain(const char *code)
{
    for (size_t i = 0; i < WEIR_DIAGNOSTIC_ID_COUNT; i++) {
        if (strcmp(rows[i].code, code) == 0) return rows[i].explanation;
    }
    return NULL;
}

const char *weir_diagnostic_code_at(size_t index)
{
    return index < WEIR_DIAGNOSTIC_ID_COUNT ? rows[index].code : NULL;
}

static void find_place(const weir_source_text *source, uint32_t at, uint32_t *line,
                       uint32_t *column)
{
    *line = 1;
    uint32_t start = 0;
    for (uint32_t i = 0; i < at && i < source->size; i++) {
        if (source->text[i] != '\n') continue;
        *line += 1;
        start = i + 1;
    }
    *column = at - start + 1;
}

/* The same mistake at the same place is one mistake, however often a definition is looked at. */
static bool is_known(const weir_diagnostics *all, const weir_diagnostic *one)
{
    for (size_t i = 0; i < all->count; i++) {
        const weir_diagnostic *other = &all->items[i];
        if (other->source == one->source && other->line == one->line &&
            other->column == one->column && strcmp(other->code, one->code) == 0)
            return true;
    }
    return false;
}

/* Where one more could stand; an error may push out a warning. NULL when full. */
static weir_diagnostic *place_for(weir_diagnostics *all, bool is_warning)
{
    if (all->count < WEIR_LANG_DIAGNOSTICS_MAX) return &all->items[all->count];
    for (size_t i = 0; i < all->count && !is_warning; i++) {
        if (all->items[i].is_warning) return &all->items[i];
    }
    return NULL;
}

bool weir_diagnostics_is_full(weir_diagnostics *diagnostics)
{
    return place_for(diagnostics, false) == NULL;
}

void weir_diagnostics_add(weir_diagnostics *diagnostics, weir_diagnostic_id id, weir_span at,
                          const char *help, const char *format, ...)
{
    WEIR_ASSERT(id < WEIR_DIAGNOSTIC_ID_COUNT && at.end >= at.start);
    const diagnostic_row *row = &rows[id];
    bool is_warning = row->code[0] == 'W';
    diagnostics->error_count += !is_warning;
    weir_diagnostic *to = place_for(diagnostics, is_warning);
    if (to == NULL) return; /* before any work: a megabyte of mistakes is read in one pass */
    weir_diagnostic one = {.code = row->code,
                           .is_warning = is_warning,
                           .source = at.source,
                           .length = at.end - at.start,
                           .help = help};
    find_place(&diagnostics->sources[at.source], at.start, &one.line, &one.column);
    if (is_known(diagnostics, &one)) return;
    diagnostics->count += to == &diagnostics->items[diagnostics->count];
    va_list arguments;
    va_start(arguments, format);
    char small[512];
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    WEIR_ASSERT(length >= 0);
    size_t kept = (size_t)length < sizeof small ? (size_t)length : sizeof small - 1;
    one.message = weir_arena_string(diagnostics->into, small, kept);
    if (help != NULL) one.help = weir_arena_string(diagnostics->into, help, strlen(help));
    *to = one;
}

static int by_place(const void *left, const void *right)
{
    const weir_diagnostic *a = left, *b = right;
    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->column != b->column) return a->column < b->column ? -1 : 1;
    return strcmp(a->code, b->code);
}

void weir_diagnostics_sort(weir_diagnostics *diagnostics)
{
    qsort(diagnostics->items, diagnostics->count, sizeof diagnostics->items[0], by_place);
}

/* ---- Printing ---- */

static const char *line_start(const weir_source_text *source, uint32_t line)
{
    const char *at = source->text, *end = source->text + source->size;
    for (uint32_t i = 1; i < line && at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    return at;
}

static const char *paint(bool color, const char *code) { return color ? code : ""; }

/* Tabs count as one cell on both lines, and UTF-8 continuation bytes take none. */
static void put_caret_line(weir_buffer *out, const char *line, size_t size,
                           const weir_diagnostic *d)
{
    enum { WIDTH_MAX = 200 };
    size_t from = d->column - 1, to = from + (d->length > 0 ? d->length : 1);
    for (size_t i = 0; i < size && i < from; i++) {
        if (((unsigned char)line[i] & 0xc0) != 0x80)
            weir_buffer_put_u8(out, line[i] == '\t' ? '\t' : ' ');
    }
    for (size_t i = from; i < to && i < from + WIDTH_MAX; i++) {
        if (i > from && i >= size) break;
        if (i < size && ((unsigned char)line[i] & 0xc0) == 0x80) continue;
        weir_buffer_put_u8(out, '^');
    }
}

static void put_excerpt(weir_buffer *out, const weir_diagnostic *d, const weir_source_text *source,
                        bool color)
{
    const char *line = line_start(source, d->line);
    const char *end = memchr(line, '\n', (size_t)(source->text + source->size - line));
    size_t size = (size_t)((end == NULL ? source->text + source->size : end) - line);
    if (size > 0 && line[size - 1] == '\r') size -= 1;
    enum { SHOWN_MAX = 400 };
    if (size > SHOWN_MAX) {
        if (d->column > SHOWN_MAX / 2) return; /* a line nobody wants to see */
        size = SHOWN_MAX;
    }
    char shown[SHOWN_MAX]; /* what is wrong may be that it is no text */
    memcpy(shown, line, size);
    weir_text_clean(shown, size);
    const char *blue = paint(color, "\033[34m"), *off = paint(color, "\033[0m");
    weir_buffer_printf(out, "%s%5u |%s ", blue, d->line, off);
    weir_buffer_put(out, shown, size);
    weir_buffer_printf(out, "\n%s      |%s %s", blue, off,
                       paint(color, d->is_warning ? "\033[33m" : "\033[31m"));
    put_caret_line(out, shown, size, d);
    weir_buffer_printf(out, "%s\n", off);
}

void weir_diagnostic_print(const weir_diagnostic *diagnostic, const weir_source_text *sources,
                           bool color, weir_buffer *out)
{
    const weir_source_text *source = &sources[diagnostic->source];
    const char *blue = paint(color, "\033[34m"), *off = paint(color, "\033[0m");
    weir_buffer_printf(
        out, "%s%s[%s]%s: %s\n", paint(color, diagnostic->is_warning ? "\033[1;33m" : "\033[1;31m"),
        diagnostic->is_warning ? "warning" : "error", diagnostic->code, off, diagnostic->message);
    weir_buffer_printf(out, "%s  -->%s %s:%u:%u\n", blue, off, source->name, diagnostic->line,
                       diagnostic->column);
    put_excerpt(out, diagnostic, source, color);
    if (diagnostic->help != NULL)
        weir_buffer_printf(out, "%s      = help:%s %s\n", blue, off, diagnostic->help);
}

/* ---- Did you mean ---- */

const char *weir_nearest_name(const char *word, const char *const *names, size_t count)
{
    weir_nearest nearest = weir_nearest_of(word);
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL) weir_nearest_offer(&nearest, names[i]);
    }
    return nearest.name;
}
