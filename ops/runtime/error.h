/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - the one error type.
 *
 * A call that can fail returns `weir_error *`: NULL is success, anything else belongs to the
 * caller, who hands it up (WEIR_TRY), adds what he was doing (weir_error_while) or frees it. Every
 * code is a row of schemas/errors.def; the row's class says how to react, its exit code what `weir`
 * returns. Messages name place, cause and cure in the reader's words: "field amount is a string,
 * wants int64; declare it `string` in the schema or drop it from the definition".
 *
 * "Not found", "end of input" and "would block" are answers, not errors: they come back through an
 * out-argument.
 *
 * Owns:    errors come from malloc; when memory is gone a static error is handed out instead.
 * Threads: an error belongs to one thread at a time.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* How the code that meets an error must react. */
typedef enum weir_error_class {
    WEIR_CLASS_CALLER,    /* the input is wrong: reject it or park it, go on          */
    WEIR_CLASS_TRANSIENT, /* the world is away: back off, try again                   */
    WEIR_CLASS_RESOURCE,  /* a limit is reached: shed load or refuse                  */
    WEIR_CLASS_DAMAGE,    /* something stored is wrong: stop this partition and alert */
    WEIR_CLASS_BUG,       /* we are wrong: report it                                  */
} weir_error_class;

typedef enum weir_error_code {
#define WEIR_ERROR(id, code, class, exit, summary) WEIR_E_##id,
#include "schemas/errors.def"
#undef WEIR_ERROR
    WEIR_ERROR_CODE_COUNT
} weir_error_code;

typedef struct weir_error weir_error;

/* Makes an error. The format follows printf; no trailing newline or full stop. */
__attribute__((format(printf, 2, 3))) weir_error *weir_error_new(weir_error_code code,
                                                                 const char *format, ...);
__attribute__((format(printf, 2, 0))) weir_error *weir_error_new_va(weir_error_code code,
                                                                    const char *format,
                                                                    va_list arguments);

/* Puts "<what we were doing>: " before the message. Returns the same error; NULL stays NULL. */
__attribute__((format(printf, 2, 3))) weir_error *weir_error_while(weir_error *error,
                                                                   const char *format, ...);

weir_error_code weir_error_code_of(const weir_error *error);
weir_error_class weir_error_class_of(const weir_error *error);
const char *weir_error_message(const weir_error *error); /* lives as long as the error     */
const char *weir_error_name(weir_error_code code);       /* "E0102", stable, documented    */
const char *weir_error_summary(weir_error_code code);    /* one sentence from the table    */
int weir_error_exit_code(const weir_error *error);       /* sysexits; 0 for NULL           */
void weir_error_free(weir_error *error);                 /* NULL is fine                   */

/* Hands an error up. */
#define WEIR_TRY(call)                                                                             \
    do {                                                                                           \
        weir_error *weir_try_error = (call);                                                       \
        if (__builtin_expect(weir_try_error != NULL, 0)) return weir_try_error;                    \
    } while (0)

/* The same where something must be released first: needs `weir_error *error` and a label `out:`. */
#define WEIR_TRY_OUT(call)                                                                         \
    do {                                                                                           \
        error = (call);                                                                            \
        if (__builtin_expect(error != NULL, 0)) goto out;                                          \
    } while (0)
