/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_bench - what a worker costs between two topics, counted from outside.
 *
 * Feeds staged records to a source topic, starts the worker given behind `--`, watches its scores
 * as a read_committed reader, and prints `name value` lines. Parts, as the streaming peers
 * are measured:
 *
 *   busy      the input stays at most --ahead rows before the first row without a score; CPU
 *             seconds of the worker's process (all threads, user and system, from /proc) and of
 *             the broker's are counted between 50 % and 95 % of --events
 *   rate      --rate events a second for --warm seconds, in which a young broker compiles itself,
 *             and then for --seconds, which are counted: CPU, and latency from send to sight
 *   floor     before all that, with --floor: the source alone at the rate, without a worker; latency
 *             from send to sight of one hop, of which the way of an event has four
 *   recovery  SIGKILL under that load, restarted at once: time to the first new score, and until
 *             nothing is missing
 *
 * Ends with 1 unless every event was scored; copies of a score are counted.
 * tests/bench/loop_bench.sh prepares broker, topics and records.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/kafka_producer.h"
#include "ingest/topics.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "tests/bench/loop_probe.h"

enum {
    SETTLE_US = 500000,
    STALL_US = 60000000,
    KILL_AFTER_SECONDS = 5,
};

typedef struct event {
    size_t at, key_size, value_size; /* in the staged bytes */
    _Atomic int64_t sent_us, seen_us;
} event;

typedef struct bench {
    weir_kafka_options kafka;
    const char *staged, *source, *scores;
    const char *profiler; /* run with the worker's number when counting begins; or NULL */
    char **worker;
    pid_t worker_pid, broker_pid;
    long events, rate, warm, seconds, ahead;
    bool kills, has_floor;
    weir_buffer bytes;
    event *all;
    size_t count;
    int64_t first_id;
    size_t sent;
    int64_t stall_us;
    _Atomic size_t seen, first_missing, twice, foreign;
    _Atomic int64_t killed_us, first_new_us;
    atomic_bool stop;
    weir_kafka_producer *producer;
    int32_t partitions;
} bench;

static void figure(const char *name, double value) { (void)printf("%s %.3f\n", name, value); }

static void kinds_print(const char *part, const probe_cpu *from, const probe_cpu *to,
                        double millions)
{
    for (size_t i = 0; i < to->kind_count; i++) {
        double before = 0;
        for (size_t j = 0; j < from->kind_count; j++) {
            if (strcmp(from->kinds[j].name, to->kinds[i].name) == 0)
                before = from->kinds[j].seconds;
        }
        double us = (to->kinds[i].seconds - before) / millions;
        if (us < 0.005) continue;
        (void)printf("%s_us_per_event_of %s %.3f\n", part, to->kinds[i].name, us);
    }
}

/* --- the staged records --- */

static void staged_take(void *context, const weir_log_record *record)
{
    bench *self = context;
    weir_reader reader =
        weir_reader_of(record->value.data + PROBE_FRAME, record->value.size - (size_t)PROBE_FRAME);
    int64_t id = probe_avro_long(&reader);
    if (self->count == 0) self->first_id = id;
    WEIR_ASSERT(id == self->first_id + (int64_t)self->count); /* rows are numbered one by one */
    event *one = &self->all[self->count++];
    one->at = self->bytes.size;
    one->key_size = record->key.size;
    one->value_size = record->value.size;
    weir_buffer_put(&self->bytes, record->key.data, record->key.size);
    weir_buffer_put(&self->bytes, record->value.data, record->value.size);
}

static void staged_load(bench *self, size_t most)
{
    self->all = calloc(most, sizeof *self->all);
    WEIR_ASSERT(self->all != NULL);
    probe_staged_read(&self->kafka, self->staged, most, staged_take, self);
}

/* --- the scores --- */

static void score_seen(void *context, const weir_log_record *record, int64_t now_us)
{
    bench *self = context;
    int64_t index = probe_score_event(record->value) - self->first_id;
    if (index < 0 || (size_t)index >= self->count) {
        self->foreign++;
        return;
    }
    event *one = &self->all[index];
    if (one->seen_us != 0) {
        self->twice++;
        return;
    }
    one->seen_us = now_us;
    int64_t killed_us = self->killed_us;
    if (killed_us != 0 && self->first_new_us == 0 && now_us - killed_us > SETTLE_US) {
        self->first_new_us = now_us;
    }
    self->seen++;
    while (self->first_missing < self->count && self->all[self->first_missing].seen_us != 0)
        self->first_missing++;
}

static void *scores_watch(void *context)
{
    bench *self = context;
    probe_watch(&self->kafka, self->scores, &self->stop, score_seen, self);
    return NULL;
}

/* An event itself, in the source. */
static void source_seen(void *context, const weir_log_record *record, int64_t now_us)
{
    bench *self = context;
    weir_reader reader =
        weir_reader_of(record->value.data + PROBE_FRAME, record->value.size - (size_t)PROBE_FRAME);
    self->all[probe_avro_long(&reader) - self->first_id].seen_us = now_us;
    self->seen++;
}

static void *source_watch(void *context)
{
    bench *self = context;
    probe_watch(&self->kafka, self->source, &self->stop, source_seen, self);
    return NULL;
}

/* --- the worker --- */

static void worker_check(const bench *self)
{
    int status = 0;
    if (self->foreign > 0) {
        (void)fprintf(stderr, "scores name events that were not sent\n");
        exit(1);
    }
    if (waitpid(self->worker_pid, &status, WNOHANG) == 0) return;
    (void)fprintf(stderr, "the worker ended by itself (status %d)\n", status);
    exit(1);
}

static void seen_wait(bench *self, size_t want)
{
    size_t last = 0;
    int64_t moved_us = weir_clock_monotonic_us();
    while (self->seen < want) {
        worker_check(self);
        int64_t now_us = weir_clock_monotonic_us();
        if (self->seen != last) {
            last = self->seen;
            moved_us = now_us;
        } else if (now_us - moved_us > STALL_US) {
            (void)fprintf(stderr, "no score for a minute; %zu of %zu\n", last, want);
            probe_end(self->worker_pid, SIGKILL);
            exit(1);
        }
        usleep(1000);
    }
}

/* --- feeding --- */

static void send_next(bench *self)
{
    event *one = &self->all[self->sent++];
    weir_bytes key = {self->bytes.data + one->at, one->key_size};
    weir_bytes value = {key.data + one->key_size, one->value_size};
    one->sent_us = weir_clock_monotonic_us();
    probe_ok(weir_kafka_producer_add(self->producer, 0, weir_partition_of(key, self->partitions),
                                     key, value, 0, 0));
}

static void send_now(bench *self)
{
    probe_ok(weir_kafka_producer_send(self->producer));
    probe_ok(weir_kafka_producer_poll(self->producer, 0));
}

static void *busy_feed(void *context)
{
    bench *self = context;
    while (self->sent < (size_t)self->events) {
        long room = self->ahead - (long)(self->sent - self->first_missing);
        for (long i = 0; i < room && i < 500 && self->sent < (size_t)self->events; i++)
            send_next(self);
        send_now(self);
        if (room <= 0) usleep(500);
    }
    probe_ok(weir_kafka_producer_flush(self->producer, 60000));
    return NULL;
}

/* Sends `count` events at the rate, or until the first score after a kill. */
static void rate_feed(bench *self, size_t count, bool until_new)
{
    int64_t began_us = weir_clock_monotonic_us();
    for (size_t sent = 0; sent < count && !(until_new && self->first_new_us != 0);) {
        int64_t passed_us = weir_clock_monotonic_us() - began_us;
        size_t due = (size_t)(passed_us * self->rate / 1000000);
        for (; sent < due && sent < count && self->sent < self->count; sent++)
            send_next(self);
        if (self->sent == self->count) break;
        send_now(self);
        usleep(1000);
    }
    probe_ok(weir_kafka_producer_flush(self->producer, 60000));
}

/* --- the parts --- */

static void part_print(const char *part, const probe_cpu *from, const probe_cpu *to,
                       double broker_seconds, double millions)
{
    char name[64];
    double seconds = (double)(to->at_us - from->at_us) / 1e6;
    (void)snprintf(name, sizeof name, "%s_us_per_event", part);
    figure(name, (to->seconds - from->seconds) / millions);
    kinds_print(part, from, to, millions);
    (void)snprintf(name, sizeof name, "%s_broker_us_per_event", part);
    figure(name, broker_seconds / millions);
    (void)snprintf(name, sizeof name, "%s_events_per_s", part);
    figure(name, millions * 1e6 / seconds);
    (void)snprintf(name, sizeof name, "%s_cores", part);
    figure(name, (to->seconds - from->seconds) / seconds);
}

static void profiler_start(const bench *self)
{
    char number[16];
    if (self->profiler == NULL || fork() != 0) return;
    (void)snprintf(number, sizeof number, "%d", self->worker_pid);
    (void)execlp(self->profiler, self->profiler, number, NULL);
    perror(self->profiler);
    _exit(127);
}

static void busy(bench *self)
{
    pthread_t feeder;
    WEIR_ASSERT(pthread_create(&feeder, NULL, busy_feed, self) == 0);
    seen_wait(self, (size_t)self->events / 2);
    profiler_start(self);
    size_t first = self->seen;
    probe_cpu from = probe_cpu_of(self->worker_pid), broker_from = probe_cpu_of(self->broker_pid);
    seen_wait(self, (size_t)self->events / 20 * 19);
    size_t last = self->seen;
    probe_cpu to = probe_cpu_of(self->worker_pid), broker_to = probe_cpu_of(self->broker_pid);
    part_print("busy", &from, &to, broker_to.seconds - broker_from.seconds,
               (double)(last - first) / 1e6);
    (void)pthread_join(feeder, NULL);
    seen_wait(self, (size_t)self->events);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void latencies_print(const bench *self, const char *part, size_t first, size_t last)
{
    size_t count = last - first;
    int64_t *us = calloc(count + 1, sizeof *us);
    WEIR_ASSERT(us != NULL);
    for (size_t i = 0; i < count; i++)
        us[i] = self->all[first + i].seen_us - self->all[first + i].sent_us;
    qsort(us, count, sizeof *us, by_number);
    const struct {
        const char *name;
        size_t at;
    } ranks[] = {
        {"p50", count / 2}, {"p90", count * 9 / 10}, {"p99", count * 99 / 100}, {"max", count - 1}};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        (void)printf("%s_latency_%s_ms %.3f\n", part, ranks[i].name, (double)us[ranks[i].at] / 1e3);
    free(us);
}

static void rate(bench *self)
{
    size_t total = (size_t)(self->rate * self->seconds);
    rate_feed(self, (size_t)(self->rate * self->warm), false);
    size_t first = self->sent;
    probe_cpu from = probe_cpu_of(self->worker_pid), broker_from = probe_cpu_of(self->broker_pid);
    rate_feed(self, total, false);
    size_t last = self->sent;
    probe_cpu to = probe_cpu_of(self->worker_pid), broker_to = probe_cpu_of(self->broker_pid);
    seen_wait(self, last);
    part_print("rate", &from, &to, broker_to.seconds - broker_from.seconds,
               (double)(last - first) / 1e6);
    latencies_print(self, "rate", first, last);
}

/* The first events of the busy part; they wait in the source for the worker. */
static void source_floor(bench *self)
{
    pthread_t watcher;
    WEIR_ASSERT(pthread_create(&watcher, NULL, source_watch, self) == 0);
    rate_feed(self, (size_t)(self->rate * self->warm), false);
    size_t first = self->sent;
    rate_feed(self, (size_t)(self->rate * self->seconds), false);
    while (self->seen < self->sent)
        usleep(1000);
    self->stop = true;
    (void)pthread_join(watcher, NULL);
    self->stop = false;
    latencies_print(self, "floor", first, self->sent);
    for (size_t i = 0; i < self->sent; i++)
        self->all[i].seen_us = 0;
    self->seen = 0;
}

static void recovery(bench *self)
{
    rate_feed(self, (size_t)(self->rate * KILL_AFTER_SECONDS), false);
    self->killed_us = weir_clock_monotonic_us();
    probe_end(self->worker_pid, SIGKILL);
    self->worker_pid = probe_start(self->worker);
    rate_feed(self, self->count - self->sent, true);
    seen_wait(self, self->sent);
    figure("recovery_first_score_s", (double)(self->first_new_us - self->killed_us) / 1e6);
    figure("recovery_caught_up_s", (double)(weir_clock_monotonic_us() - self->killed_us) / 1e6);
}

/* --- the command --- */

static long number(const char *text) { return strtol(text, NULL, 10); }

static void usage(void)
{
    (void)fprintf(stderr, "loop_bench --brokers B --staged T --source T --scores T --broker-pid P\n"
                          "           [--events N] [--ahead N] [--rate N] [--warm N] [--seconds N]"
                          "\n           [--kill 1] [--profiler P] -- WORKER...\n");
    exit(64);
}

static void option_take(bench *self, const char *name, const char *value)
{
    if (strcmp(name, "--brokers") == 0)
        self->kafka.brokers = value;
    else if (strcmp(name, "--staged") == 0)
        self->staged = value;
    else if (strcmp(name, "--source") == 0)
        self->source = value;
    else if (strcmp(name, "--scores") == 0)
        self->scores = value;
    else if (strcmp(name, "--broker-pid") == 0)
        self->broker_pid = (pid_t)number(value);
    else if (strcmp(name, "--events") == 0)
        self->events = number(value);
    else if (strcmp(name, "--ahead") == 0)
        self->ahead = number(value);
    else if (strcmp(name, "--rate") == 0)
        self->rate = number(value);
    else if (strcmp(name, "--warm") == 0)
        self->warm = number(value);
    else if (strcmp(name, "--seconds") == 0)
        self->seconds = number(value);
    else if (strcmp(name, "--profiler") == 0)
        self->profiler = value;
    else if (strcmp(name, "--kill") == 0)
        self->kills = number(value) != 0;
    else if (strcmp(name, "--floor") == 0)
        self->has_floor = number(value) != 0;
    else
        usage();
}

static void arguments_take(bench *self, int count, char **words)
{
    int i = 1;
    for (; i + 1 < count && strcmp(words[i], "--") != 0; i += 2)
        option_take(self, words[i], words[i + 1]);
    if (i + 1 >= count || strcmp(words[i], "--") != 0 || self->staged == NULL ||
        self->source == NULL || self->scores == NULL) {
        usage();
    }
    self->worker = words + i + 1;
}

int main(int count, char **words)
{
    static bench self = {
        .events = 1000000, .ahead = 50000, .rate = 5000, .warm = 15, .seconds = 20};
    enum { RECOVERY_SECONDS = 60 };
    arguments_take(&self, count, words);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    staged_load(&self,
                (size_t)(self.events + self.rate * (self.warm + self.seconds + RECOVERY_SECONDS)));
    if (self.events > (long)self.count) self.events = (long)self.count;
    weir_producer_options how = {.kafka = &self.kafka, .wake_fd = -1};
    probe_ok(weir_kafka_producer_open(&how, &self.producer));
    probe_ok(weir_kafka_producer_topic(self.producer, 0, self.source));
    self.partitions = weir_kafka_producer_partitions(self.producer, 0);
    if (self.has_floor) source_floor(&self);
    pthread_t watcher;
    WEIR_ASSERT(pthread_create(&watcher, NULL, scores_watch, &self) == 0);
    self.worker_pid = probe_start(self.worker);
    if (self.events > 0) busy(&self);
    if (self.seconds > 0) rate(&self);
    if (self.kills) recovery(&self);
    probe_end(self.worker_pid, SIGTERM);
    self.stop = true;
    (void)pthread_join(watcher, NULL);
    weir_kafka_producer_close(self.producer);
    figure("events", (double)self.sent);
    figure("scores_missing", (double)(self.sent - self.seen));
    figure("scores_twice", (double)self.twice);
    figure("scores_foreign", (double)self.foreign);
    free(self.all);
    weir_buffer_deinit(&self.bytes);
    return self.seen == self.sent && self.foreign == 0 ? 0 : 1;
}
