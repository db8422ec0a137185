/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_shim.c - a time of day that jumps on command, preloaded under a program.
 *
 * The file that WEIR_TEST_CLOCK names holds a number of seconds as text, eight characters wide; it
 * is mapped, so that a change is seen at once, as when somebody sets the system's clock. Every
 * answer about the time of day is later by so much; the monotonic clock goes on as it is. Waits
 * until a time of day are shortened by as much, or a wait begun after a jump forward would last an
 * hour.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define EXPORT     __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const volatile char *seconds_text;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("WEIR_TEST_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY);
    if (fd < 0) return;
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (memory != MAP_FAILED) seconds_text = memory;
}

static time_t jump(void)
{
    char text[9] = {0};
    for (int i = 0; seconds_text != NULL && i < 8; i++)
        text[i] = seconds_text[i];
    return (time_t)strtol(text, NULL, 10);
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = REAL(clock_gettime)(clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += jump();
    return result;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    int result = REAL(gettimeofday)(out, zone);
    if (result == 0) out->tv_sec += jump();
    return result;
}

EXPORT time_t time(time_t *out)
{
    time_t now = REAL(time)(NULL) + jump();
    if (out != NULL) *out = now;
    return now;
}

EXPORT int timespec_get(struct timespec *out, int base)
{
    int result = REAL(timespec_get)(out, base);
    if (result == TIME_UTC) out->tv_sec += jump();
    return result;
}

EXPORT int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                         const struct timespec *restrict until)
{
    struct timespec real = {until->tv_sec - jump(), until->tv_nsec};
    return REAL(cnd_timedwait)(condition, mutex, &real);
}

/* Nobody here sets a condition's clock to the monotonic one. */
EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex,
                                  const struct timespec *restrict until)
{
    struct timespec real = {until->tv_sec - jump(), until->tv_nsec};
    return REAL(pthread_cond_timedwait)(condition, mutex, &real);
}
