/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal.h - being asked to stop.
 *
 * SIGINT and SIGTERM raise one flag, which long-running commands look at between two pieces of
 * work; they then drain, commit and leave with 0. A second signal ends the process at once, for
 * whoever does not want to wait. weir_stop_fd() is readable from the moment a stop is asked for, so
 * that an event loop can wait for it. Commands that never look at the flag do not install the
 * handlers: they just end.
 *
 * Owns:    one pipe per process, never closed.
 * Threads: weir_stop_requested() from any; the rest from the main thread.
 */
#pragma once

#include <stdbool.h>

void weir_signals_install(void); /* SIGINT and SIGTERM ask for a stop; SIGPIPE is ignored */
void weir_signals_ignore_pipe(void);
void weir_signals_end_bugs(void); /* abort() leaves with the exit code of a bug of ours */
bool weir_stop_requested(void);
void weir_stop_request(
    void);                  /* what the handler does; for tests and for a fatal error of a thread */
void weir_stop_reset(void); /* for tests and for demo, which runs several workers in turn */
int weir_stop_fd(void);     /* readable once a stop is asked for; -1 before install */
