/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/logger.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"

static _Atomic int level_now = WEIR_LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* A line being built. Past its end everything is dropped and `is_cut` set. */
typedef struct line {
    char *text;
    size_t size, used;
    bool is_cut;
} line;

bool weir_logger_is_on(weir_log_level level)
{
    return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void weir_logger_set_level(weir_log_level level) { atomic_store(&level_now, (int)level); }

bool weir_log_level_parse(const char *text, weir_log_level *level_out)
{
    for (int i = 0; i <= WEIR_LOG_OFF; i++) {
        if (strcmp(text, level_names[i]) != 0) continue;
        *level_out = (weir_log_level)i;
        return true;
    }
    return false;
}

static void put(line *to, const char *bytes, size_t count)
{
    if (to->is_cut || count > to->size - to->used) {
        to->is_cut = true;
        return;
    }
    memcpy(to->text + to->used, bytes, count);
    to->used += count;
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0') return true;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 0x7f) return true;
    return false;
}

static void put_escaped(line *to, unsigned char byte)
{
    char escape[8];
    if (byte == '"' || byte == '\\')
        (void)snprintf(escape, sizeof escape, "\\%c", byte);
    else if (byte == '\n')
        (void)snprintf(escape, sizeof escape, "\\n");
    else if (byte == '\t')
        (void)snprintf(escape, sizeof escape, "\\t");
    else if (byte < ' ' || byte == 0x7f)
        (void)snprintf(escape, sizeof escape, "\\x%02x", byte);
    else
        (void)snprintf(escape, sizeof escape, "%c", byte);
    put(to, escape, strlen(escape));
}

static void put_text(line *to, const char *text)
{
    if (text == NULL) text = "";
    if (!needs_quotes(text)) {
        put(to, text, strlen(text));
        return;
    }
    put(to, "\"", 1);
    for (const char *c = text; *c != '\0' && !to->is_cut; c++)
        put_escaped(to, (unsigned char)*c);
    put(to, "\"", 1);
}

static void put_field(line *to, const weir_log_field *field)
{
    char number[64];
    put(to, " ", 1);
    put(to, field->key, strlen(field->key));
    put(to, "=", 1);
    switch (field->kind) {
    case WEIR_FIELD_TEXT: put_text(to, field->text); return;
    case WEIR_FIELD_BOOL: put_text(to, field->number ? "true" : "false"); return;
    case WEIR_FIELD_INT: (void)snprintf(number, sizeof number, "%" PRId64, field->number); break;
    case WEIR_FIELD_REAL: (void)snprintf(number, sizeof number, "%.6g", field->real); break;
    }
    put(to, number, strlen(number));
}

size_t weir_logger_format(char *text, size_t size, const char *event, const weir_log_field *fields,
                          size_t count)
{
    static const char mark[] = " cut=true";
    WEIR_ASSERT(size > 2 * sizeof mark);
    line to = {.text = text, .size = size - sizeof mark};
    put(&to, event, strlen(event));
    size_t whole = to.used; /* up to the last field that fits */
    for (size_t i = 0; i < count && !to.is_cut; i++) {
        put_field(&to, &fields[i]);
        if (!to.is_cut) whole = to.used;
    }
    if (!to.is_cut) return to.used;
    memcpy(text + whole, mark, sizeof mark - 1);
    return whole + sizeof mark - 1;
}

static size_t put_time(char *text, size_t size, weir_log_level level)
{
    int64_t now_us = weir_clock_now_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char date[32];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    int length = snprintf(text, size, " level=%s time=%s.%06dZ\n", level_names[level], date,
                          (int)(now_us % 1000000));
    WEIR_ASSERT(length > 0 && (size_t)length < size);
    return (size_t)length;
}

void weir_logger_write(weir_log_level level, const char *event, const weir_log_field *fields,
                       size_t count)
{
    enum { TAIL_BYTES = 96 };
    char text[WEIR_LOG_LINE_MAX];
    size_t used = weir_logger_format(text, sizeof text - TAIL_BYTES, event, fields, count);
    used += put_time(text + used, sizeof text - used, level);
    (void)!write(STDERR_FILENO, text, used); /* nowhere is left to complain to */
}
