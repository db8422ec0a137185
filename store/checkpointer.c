/* SPDX-License-Identifier: Apache-2.0 */
#include "store/checkpointer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/file.h"
#include "ops/runtime/logger.h"
#include "store/checkpoint.h"

enum { PATH_BYTES_MAX = 4096, CHECKPOINT_NICE = 10 };

struct weir_checkpointer {
    char checkpoints[PATH_BYTES_MAX];
    weir_checkpointer_options options;
    pthread_t thread;
    bool is_started; /* there is a thread to join */
    atomic_bool is_done, is_given_up;
    int64_t position;
};

/* Whose turn it is in this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_taken;

static bool turn_begin(const weir_checkpointer *self)
{
    (void)pthread_mutex_lock(&lock);
    while (is_taken && !atomic_load(&self->is_given_up))
        (void)pthread_cond_wait(&changed, &lock);
    bool is_mine = !atomic_load(&self->is_given_up);
    if (is_mine) is_taken = true;
    (void)pthread_mutex_unlock(&lock);
    return is_mine;
}

static void turn_end(void)
{
    (void)pthread_mutex_lock(&lock);
    is_taken = false;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

static weir_error *make(weir_checkpointer *self)
{
    char partial[PATH_BYTES_MAX + 32];
    WEIR_TRY(weir_checkpoint_begin(self->checkpoints, self->position, partial, sizeof partial));
    weir_error *error = self->options.take(self->options.context, partial);
    if (error == NULL)
        error = weir_checkpoint_publish(self->checkpoints, self->position, self->options.kept,
                                        &self->is_given_up);
    /* Its links would keep tables on the disk that the store has done with. */
    if (error != NULL) weir_error_free(weir_dir_remove(partial));
    return error;
}

static void *thread_main(void *argument)
{
    weir_checkpointer *self = argument;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), CHECKPOINT_NICE); /* on Linux: this thread's */
    if (turn_begin(self)) {
        int64_t begun_us = weir_clock_monotonic_us();
        weir_error *error = make(self);
        turn_end();
        if (error == NULL) {
            WEIR_LOG(INFO, "checkpoint_made", WEIR_TEXT("folder", self->checkpoints),
                     WEIR_INT("position", self->position),
                     WEIR_INT("ms", (weir_clock_monotonic_us() - begun_us) / 1000));
        } else if (!atomic_load(&self->is_given_up)) {
            WEIR_LOG(WARN, "checkpoint_failed", WEIR_TEXT("folder", self->checkpoints),
                     WEIR_INT("position", self->position),
                     WEIR_TEXT("reason", weir_error_message(error)));
        }
        weir_error_free(error);
    }
    atomic_store(&self->is_done, true);
    return NULL;
}

weir_checkpointer *weir_checkpointer_create(const weir_checkpointer_options *options)
{
    weir_checkpointer *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->options = *options;
    (void)snprintf(self->checkpoints, sizeof self->checkpoints, "%s", options->checkpoints);
    self->options.checkpoints = self->checkpoints; /* the caller's need not live on */
    return self;
}

void weir_checkpointer_wait(weir_checkpointer *self)
{
    if (self->is_started) (void)pthread_join(self->thread, NULL);
    self->is_started = false;
}

void weir_checkpointer_start(weir_checkpointer *self, int64_t position)
{
    if (self->is_started && !atomic_load(&self->is_done)) return;
    weir_checkpointer_wait(self);
    self->position = position;
    atomic_store(&self->is_done, false);
    self->is_started = pthread_create(&self->thread, NULL, thread_main, self) == 0;
    if (self->is_started) {
        (void)pthread_setname_np(self->thread, "checkpoint");
    } else {
        WEIR_LOG(WARN, "checkpoint_failed", WEIR_TEXT("folder", self->checkpoints),
                 WEIR_INT("position", position),
                 WEIR_TEXT("reason", "the system gives no further thread"));
    }
}

void weir_checkpointer_destroy(weir_checkpointer *self)
{
    if (self == NULL) return;
    (void)pthread_mutex_lock(&lock);
    atomic_store(&self->is_given_up, true);
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
    weir_checkpointer_wait(self);
    free(self);
}
