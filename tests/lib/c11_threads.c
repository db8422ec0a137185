/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C11 threads on POSIX threads, preloaded under programs that ThreadSanitizer watches: it knows
 * nothing of thrd_create, through which librdkafka starts its threads, and falls over its own
 * missing state. glibc's types are those of POSIX under other names, and so are the locks that the
 * sanitizer then sees.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define EXPORT __attribute__((visibility("default")))

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "one is the other");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "one is the other");

static pthread_mutex_t *mutex_of(mtx_t *mutex) { return (pthread_mutex_t *)mutex; }
static pthread_cond_t *condition_of(cnd_t *condition) { return (pthread_cond_t *)condition; }

static int answer(int number)
{
    switch (number) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ETIMEDOUT: return thrd_timedout;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
    }
}

typedef struct call {
    thrd_start_t start;
    void *argument;
} call;

static void *run(void *context)
{
    call mine = *(call *)context;
    free(context);
    return (void *)(intptr_t)mine.start(mine.argument);
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t start, void *argument)
{
    call *one = malloc(sizeof *one);
    if (one == NULL) return thrd_nomem;
    *one = (call){start, argument};
    return answer(pthread_create(thread, NULL, run, one));
}

EXPORT int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int number = pthread_join(thread, &value);
    if (number == 0 && result != NULL) *result = (int)(intptr_t)value;
    return answer(number);
}

EXPORT int thrd_detach(thrd_t thread) { return answer(pthread_detach(thread)); }

EXPORT int mtx_init(mtx_t *mutex, int kind)
{
    pthread_mutexattr_t how;
    (void)pthread_mutexattr_init(&how);
    if ((kind & mtx_recursive) != 0) (void)pthread_mutexattr_settype(&how, PTHREAD_MUTEX_RECURSIVE);
    int number = pthread_mutex_init(mutex_of(mutex), &how);
    (void)pthread_mutexattr_destroy(&how);
    return answer(number);
}

EXPORT int mtx_lock(mtx_t *mutex) { return answer(pthread_mutex_lock(mutex_of(mutex))); }
EXPORT int mtx_trylock(mtx_t *mutex) { return answer(pthread_mutex_trylock(mutex_of(mutex))); }
EXPORT int mtx_unlock(mtx_t *mutex) { return answer(pthread_mutex_unlock(mutex_of(mutex))); }
EXPORT void mtx_destroy(mtx_t *mutex) { (void)pthread_mutex_destroy(mutex_of(mutex)); }

EXPORT int cnd_init(cnd_t *condition)
{
    return answer(pthread_cond_init(condition_of(condition), NULL));
}
EXPORT int cnd_signal(cnd_t *condition)
{
    return answer(pthread_cond_signal(condition_of(condition)));
}
EXPORT int cnd_broadcast(cnd_t *condition)
{
    return answer(pthread_cond_broadcast(condition_of(condition)));
}
EXPORT int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return answer(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}
EXPORT int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    return answer(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}
EXPORT void cnd_destroy(cnd_t *condition) { (void)pthread_cond_destroy(condition_of(condition)); }
