/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert.h - assertions that stay on.
 *
 * WEIR_ASSERT states what must hold if the program is right. It is compiled into every build:
 * a process that has lost its invariants must stop before it writes, since its state can always be
 * replayed from the journal, while a wrong value can not be called back. WEIR_DEBUG_ASSERT is for
 * checks that cost more than the code they guard; it vanishes where NDEBUG is set.
 * Input is never asserted. It is validated, and fails with a weir_error.
 */
#pragma once

/* Prints the place and the condition on stderr, then calls abort(), which the program turns into the
 * exit code of a bug of ours (weir_signals_end_bugs); tests and fuzzers see the signal. */
_Noreturn void weir_assert_failed(const char *file, int line, const char *condition);

#define WEIR_ASSERT(condition)                                                                     \
    ((__builtin_expect(!!(condition), 1)) ? (void)0                                                \
                                          : weir_assert_failed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define WEIR_DEBUG_ASSERT(condition) ((void)sizeof(!(condition))) /* looked at, not run */
#else
#define WEIR_DEBUG_ASSERT(condition) WEIR_ASSERT(condition)
#endif

#define WEIR_UNREACHABLE() weir_assert_failed(__FILE__, __LINE__, "unreachable")
