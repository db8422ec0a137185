/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "ops/runtime/assert.h"

enum { BUG_EXIT_CODE = 70 }; /* E0020's */

static atomic_bool stop_requested;
static int stop_pipe[2] = {-1, -1};

void weir_stop_request(void)
{
    int saved = errno;
    atomic_store(&stop_requested, true);
    if (stop_pipe[1] >= 0) (void)!write(stop_pipe[1], "s", 1);
    errno = saved;
}

/* SA_RESETHAND puts the default back, so the second signal ends the process. SA_RESTART lets a write
 * that waits for its reader go on: a row is not cut where the signal came. */
static void on_signal(int number)
{
    (void)number;
    weir_stop_request();
}

/* Whoever called abort() has said why on stderr. */
static void on_abort(int number)
{
    (void)number;
    _exit(BUG_EXIT_CODE);
}

void weir_signals_end_bugs(void)
{
    struct sigaction action = {.sa_handler = on_abort};
    WEIR_ASSERT(sigaction(SIGABRT, &action, NULL) == 0);
}

void weir_signals_ignore_pipe(void) { (void)signal(SIGPIPE, SIG_IGN); }

void weir_signals_install(void)
{
    if (stop_pipe[0] < 0) WEIR_ASSERT(pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    WEIR_ASSERT(sigaction(SIGINT, &action, NULL) == 0);
    WEIR_ASSERT(sigaction(SIGTERM, &action, NULL) == 0);
    weir_signals_ignore_pipe();
}

bool weir_stop_requested(void)
{
    return atomic_load_explicit(&stop_requested, memory_order_relaxed);
}

void weir_stop_reset(void)
{
    atomic_store(&stop_requested, false);
    char byte = 0;
    while (stop_pipe[0] >= 0 && read(stop_pipe[0], &byte, 1) == 1) {
    }
}

int weir_stop_fd(void) { return stop_pipe[0]; }
