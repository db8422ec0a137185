/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logger.h - what happened, one line per event, for people and machines.
 *
 *     WEIR_LOG(INFO, "batch_committed", WEIR_TEXT("topic", topic), WEIR_INT("partition", 3));
 *     batch_committed topic=orders partition=3 level=info time=2026-03-01T12:00:00.000000Z
 *
 * The stable name comes first, then the caller's fields, then level and time. Values with spaces,
 * quotes, equals signs or control bytes are quoted and escaped, so one event is one line whatever
 * the input was. A line is at most WEIR_LOG_LINE_MAX bytes; what does not fit is cut and marked.
 * Error means that somebody must act. Personal data (keys, values) is never logged.
 *
 * Threads: any; a line is written by one call and never torn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_LOG_LINE_MAX = 4096 };

typedef enum weir_log_level {
    WEIR_LOG_DEBUG,
    WEIR_LOG_INFO,
    WEIR_LOG_WARN,
    WEIR_LOG_ERROR,
    WEIR_LOG_OFF,
} weir_log_level;

typedef struct weir_log_field {
    const char *key;
    const char *text; /* NULL where it is a number, or a bool */
    int64_t number;
    double real;
    enum { WEIR_FIELD_TEXT, WEIR_FIELD_INT, WEIR_FIELD_REAL, WEIR_FIELD_BOOL } kind;
} weir_log_field;

#define WEIR_TEXT(key_, value_)                                                                    \
    (weir_log_field) { .key = (key_), .text = (value_), .kind = WEIR_FIELD_TEXT }
#define WEIR_INT(key_, value_)                                                                     \
    (weir_log_field) { .key = (key_), .number = (int64_t)(value_), .kind = WEIR_FIELD_INT }
#define WEIR_REAL(key_, value_)                                                                    \
    (weir_log_field) { .key = (key_), .real = (value_), .kind = WEIR_FIELD_REAL }
#define WEIR_BOOL(key_, value_)                                                                    \
    (weir_log_field) { .key = (key_), .number = (value_) ? 1 : 0, .kind = WEIR_FIELD_BOOL }

/* WEIR_LOG(level, event, fields...): nothing is evaluated when the level is off. */
#define WEIR_LOG(level_, event_, ...)                                                              \
    do {                                                                                           \
        if (weir_logger_is_on(WEIR_LOG_##level_)) {                                                \
            const weir_log_field weir_log_fields[] = {{.key = NULL}, ##__VA_ARGS__};               \
            weir_logger_write(WEIR_LOG_##level_, (event_), weir_log_fields + 1,                    \
                              sizeof weir_log_fields / sizeof *weir_log_fields - 1);               \
        }                                                                                          \
    } while (0)

bool weir_logger_is_on(weir_log_level level);
void weir_logger_set_level(weir_log_level level);                       /* INFO at the start */
bool weir_log_level_parse(const char *text, weir_log_level *level_out); /* "debug" ... "off" */
void weir_logger_write(weir_log_level level, const char *event, const weir_log_field *fields,
                       size_t count);
/* The line without its end, for tests; returns its length. */
size_t weir_logger_format(char *line, size_t size, const char *event, const weir_log_field *fields,
                          size_t count);
