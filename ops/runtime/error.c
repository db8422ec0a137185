/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"

#define ERROR_MAGIC 0x57455252u /* "WERR" */
enum { MESSAGE_BYTES_MAX = 16 * 1024 };

struct weir_error {
    unsigned magic;
    weir_error_code code;
    bool is_static;
    char *message;
};

typedef struct error_row {
    const char *name;
    weir_error_class class;
    int exit_code;
    const char *summary;
} error_row;

static const error_row rows[WEIR_ERROR_CODE_COUNT] = {
#define WEIR_ERROR(id, code, class, exit, summary)                                                 \
    [WEIR_E_##id] = {code, WEIR_CLASS_##class, exit, summary},
#include "schemas/errors.def"
#undef WEIR_ERROR
};

static char out_of_memory_message[] =
    "memory is used up; give the process more, or lower `state_memory`";

static weir_error out_of_memory = {
    .magic = ERROR_MAGIC,
    .code = WEIR_E_NO_MEMORY,
    .is_static = true,
    .message = out_of_memory_message,
};

/* Messages quote what came from outside, and a long one is cut: what leaves here is text. */
__attribute__((format(printf, 1, 0))) static char *format_message(const char *format,
                                                                  va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) return NULL;
    size_t size = (size_t)length + 1;
    if (size > MESSAGE_BYTES_MAX) size = MESSAGE_BYTES_MAX;
    char *text = malloc(size);
    if (text == NULL) return NULL;
    (void)vsnprintf(text, size, format, arguments);
    weir_text_clean(text, strlen(text));
    return text;
}

weir_error *weir_error_new_va(weir_error_code code, const char *format, va_list arguments)
{
    WEIR_ASSERT(code >= 0 && code < WEIR_ERROR_CODE_COUNT);
    weir_error *error = malloc(sizeof *error);
    char *message = format_message(format, arguments);
    if (error == NULL || message == NULL) {
        free(error);
        free(message);
        return &out_of_memory;
    }
    *error = (weir_error){.magic = ERROR_MAGIC, .code = code, .message = message};
    return error;
}

weir_error *weir_error_new(weir_error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = weir_error_new_va(code, format, arguments);
    va_end(arguments);
    return error;
}

weir_error *weir_error_while(weir_error *error, const char *format, ...)
{
    if (error == NULL || error->is_static) return error;
    WEIR_ASSERT(error->magic == ERROR_MAGIC);
    va_list arguments;
    va_start(arguments, format);
    char *context = format_message(format, arguments);
    va_end(arguments);
    if (context == NULL) return error;
    size_t size = strlen(context) + 2 + strlen(error->message) + 1;
    if (size > MESSAGE_BYTES_MAX) size = MESSAGE_BYTES_MAX;
    char *joined = malloc(size);
    if (joined != NULL) {
        (void)snprintf(joined, size, "%s: %s", context, error->message);
        weir_text_clean(joined, strlen(joined)); /* the cut may go through a character */
        free(error->message);
        error->message = joined;
    }
    free(context);
    return error;
}

weir_error_code weir_error_code_of(const weir_error *error)
{
    WEIR_ASSERT(error != NULL && error->magic == ERROR_MAGIC);
    return error->code;
}

weir_error_class weir_error_class_of(const weir_error *error)
{
    return rows[weir_error_code_of(error)].class;
}

const char *weir_error_message(const weir_error *error)
{
    WEIR_ASSERT(error != NULL && error->magic == ERROR_MAGIC);
    return error->message;
}

const char *weir_error_name(weir_error_code code)
{
    WEIR_ASSERT(code >= 0 && code < WEIR_ERROR_CODE_COUNT);
    return rows[code].name;
}

const char *weir_error_summary(weir_error_code code)
{
    WEIR_ASSERT(code >= 0 && code < WEIR_ERROR_CODE_COUNT);
    return rows[code].summary;
}

int weir_error_exit_code(const weir_error *error)
{
    return error == NULL ? 0 : rows[weir_error_code_of(error)].exit_code;
}

void weir_error_free(weir_error *error)
{
    if (error == NULL || error->is_static) return;
    WEIR_ASSERT(error->magic == ERROR_MAGIC);
    error->magic = 0;
    free(error->message);
    free(error);
}

_Noreturn void weir_assert_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "weir: bug: %s:%d: assertion failed: %s; please report it\n", file, line,
                  condition);
    abort();
}
