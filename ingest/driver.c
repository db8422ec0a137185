/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/driver.h"

#include <stdlib.h>
#include <unistd.h>

#include "ingest/marks.h"
#include "ingest/member_internal.h"
#include "ingest/until_end.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/logger.h"

enum { LOOK_US = 20000, PROGRESS_US = 1000000, UNTIL_END_US = 50000 };

struct weir_driver {
    weir_driver_options options;
    weir_board *board;
    member **members;
    _Atomic uint32_t member_count; /* that run: others ask how they are while more start */
    atomic_bool stop;
    bool was_ready, is_over; /* all that was in the sources is committed */
    weir_until_end *watch;
    weir_marks *marks;
    int64_t progress_us, watch_us;
};

weir_driver *weir_driver_create(const weir_driver_options *options)
{
    WEIR_ASSERT(options->threads > 0 && options->topic_count > 0 && options->group != NULL);
    weir_driver *driver = calloc(1, sizeof *driver);
    WEIR_ASSERT(driver != NULL);
    driver->options = *options;
    if (options->until_end) driver->options.align_patience_us = INT64_MAX;
    driver->board = weir_board_create(options->topic_count);
    driver->members = calloc(options->threads, sizeof(member *));
    WEIR_ASSERT(driver->members != NULL);
    return driver;
}

void weir_driver_destroy(weir_driver *driver)
{
    if (driver == NULL) return;
    for (uint32_t i = 0; i < driver->options.threads; i++)
        member_destroy(driver->members[i]);
    free(driver->members);
    weir_board_destroy(driver->board);
    weir_until_end_destroy(driver->watch);
    free(driver);
}

void weir_driver_stop(weir_driver *driver) { atomic_store(&driver->stop, true); }

weir_driver_stats weir_driver_describe(weir_driver *driver)
{
    weir_driver_stats sum = {.is_ready = driver->member_count > 0};
    for (uint32_t i = 0; i < driver->member_count; i++) {
        member_counters *one = &driver->members[i]->counters;
        sum.source_events += one->source_events;
        sum.journal_events += one->journal_events;
        sum.outputs += one->outputs;
        sum.packs += one->packs;
        sum.copies += one->copies;
        sum.commits += one->commits;
        sum.restarts += one->restarts;
        sum.gaps += one->gaps;
        sum.waits_given_up += one->waits_given_up;
        sum.lag += one->lag;
        sum.partitions += one->partitions;
        sum.stopped += one->stopped;
        sum.is_ready = sum.is_ready && one->is_ready;
    }
    sum.is_ready = sum.is_ready && sum.stopped == 0;
    return sum;
}

/* Wakes the threads that wait for others; all but `from`. */
static void blocked_wake(void *context, const member *from)
{
    weir_driver *driver = context;
    for (uint32_t i = 0; i < driver->options.threads; i++) {
        member *one = driver->members[i];
        if (one == NULL || one == from || !atomic_load(&one->is_blocked)) continue;
        uint64_t bit = 1;
        (void)!write(one->wake_fd, &bit, sizeof bit);
    }
}

static void marks_wake(void *context) { blocked_wake(context, NULL); }

static weir_error *members_start(weir_driver *driver)
{
    /* All are made before the first one runs: from then on they look at each other. */
    for (uint32_t i = 0; i < driver->options.threads; i++) {
        WEIR_TRY(
            member_create(&driver->options, driver->board, i, &driver->stop, &driver->members[i]));
        if (driver->options.threads == 1) continue;
        driver->members[i]->wake_others = blocked_wake;
        driver->members[i]->wake_context = driver;
    }
    for (uint32_t i = 0; i < driver->options.threads; i++) {
        if (pthread_create(&driver->members[i]->thread, NULL, member_main, driver->members[i]) !=
            0) {
            return weir_error_new(WEIR_E_LIMIT, "the system gives no further thread");
        }
        (void)pthread_setname_np(driver->members[i]->thread, "member");
        driver->member_count++;
    }
    driver->marks = weir_marks_create(&driver->options, driver->board, marks_wake, driver);
    return NULL;
}

static bool is_any_done(const weir_driver *driver)
{
    for (uint32_t i = 0; i < driver->member_count; i++) {
        if (atomic_load(&driver->members[i]->is_done)) return true;
    }
    return false;
}

static void progress_tell(weir_driver *driver, int64_t now_us)
{
    weir_driver_stats stats = weir_driver_describe(driver);
    if (stats.is_ready && !driver->was_ready) {
        driver->was_ready = true;
        WEIR_LOG(INFO, "ready", WEIR_INT("partitions", stats.partitions));
        if (driver->options.on_ready != NULL) driver->options.on_ready(driver->options.context);
    }
    if (now_us - driver->progress_us < PROGRESS_US) return;
    driver->progress_us = now_us;
    if (driver->options.on_progress != NULL) {
        driver->options.on_progress(driver->options.context, &stats);
    }
}

static bool are_all_assigned(const weir_driver *driver)
{
    for (uint32_t i = 0; i < driver->member_count; i++) {
        if (!atomic_load(&driver->members[i]->counters.was_assigned)) return false;
    }
    return true;
}

/* All is committed. A state that was lost is folded again first, so that it is whole when we end. */
static bool are_replays_done(weir_driver *driver, int64_t now_us)
{
    uint32_t replaying = 0;
    for (uint32_t i = 0; i < driver->member_count; i++) {
        member *one = driver->members[i];
        if (atomic_load(&one->over_us) == INT64_MAX) atomic_store(&one->over_us, now_us);
        replaying += atomic_load(&one->counters.replaying);
    }
    return replaying == 0;
}

/*
 * --until-end: asks, stops all when everything is through. Not before partitions were opened: what
 * is refused then, such as a topic whose retention has passed us, may not look like an end. Brokers
 * that are away are asked again.
 */
static weir_error *end_look(weir_driver *driver, int64_t now_us)
{
    if (driver->watch == NULL || now_us - driver->watch_us < UNTIL_END_US) return NULL;
    if (!are_all_assigned(driver)) return NULL;
    driver->watch_us = now_us;
    if (weir_driver_describe(driver).stopped > 0) {
        return weir_error_new(WEIR_E_CORRUPT, "a partition stands still; the log above says which "
                                              "one, why, and what to do");
    }
    bool is_done = driver->is_over;
    weir_error *error = is_done ? NULL : weir_until_end_look(driver->watch, &is_done);
    if (error != NULL && weir_error_class_of(error) == WEIR_CLASS_TRANSIENT) {
        weir_error_free(error);
        return NULL;
    }
    driver->is_over = is_done;
    if (is_done && are_replays_done(driver, now_us)) weir_driver_stop(driver);
    return error;
}

/* The ends count from here, before anything is taken. */
static weir_error *end_begin(weir_driver *driver)
{
    if (!driver->options.until_end) return NULL;
    driver->watch = weir_until_end_create(&driver->options);
    weir_error *error = weir_until_end_begin(driver->watch);
    if (error == NULL || weir_error_class_of(error) != WEIR_CLASS_TRANSIENT) return error;
    weir_error_free(error);
    return NULL;
}

static weir_error *watch_members(weir_driver *driver)
{
    const weir_env *env = driver->options.env;
    while (!atomic_load(&driver->stop) && !is_any_done(driver)) {
        int64_t now_us = env->monotonic_us(env->context);
        progress_tell(driver, now_us);
        WEIR_TRY(end_look(driver, now_us));
        usleep(LOOK_US);
    }
    return NULL;
}

static weir_error *members_join(weir_driver *driver, weir_error *error)
{
    weir_driver_stop(driver);
    weir_marks_destroy(driver->marks);
    driver->marks = NULL;
    for (uint32_t i = 0; i < driver->member_count; i++) {
        (void)pthread_join(driver->members[i]->thread, NULL);
        if (error == NULL) {
            error = driver->members[i]->error;
            driver->members[i]->error = NULL;
        }
    }
    return error;
}

weir_error *weir_driver_run(weir_driver *driver)
{
    weir_error *error = end_begin(driver);
    if (error == NULL) error = members_start(driver);
    if (error == NULL) error = watch_members(driver);
    return members_join(driver, error);
}
