/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak_bench - a worker under a steady rate for hours, looked at from outside.
 *
 * Sends staged events over and over under numbers and times of their own, watches the scores as a
 * read_committed reader, and prints a row of CSV each --sample seconds: what was sent and scored,
 * latency from send to sight, CPU of worker and broker an event, memory, descriptors, threads, the
 * state's size. tests/bench/soak_judge.py says whether something drifts.
 *
 * Event time runs ahead of the clock (--step-us from one event to the next), so that the windows of
 * weeks fill in the first seconds and from then on lose as many events as they get: what grows
 * after that is a leak. The record's Kafka timestamp is the event's time, so the times of
 * duplicates pass as well.
 *
 * Without --rate the rate is measured: what comes through in a closed loop with 20,000 events under
 * way, and four fifths of that.
 *
 * Ends with 1 unless every event was scored exactly once. tests/bench/soak prepares broker, topics
 * and records.
 */
#include <dirent.h>
#include <ftw.h>
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
    RING = 1 << 22,           /* events whose time of sending is known */
    FINE = 64,                /* buckets of the histogram for each doubling */
    BUCKETS = 36 * FINE,      /* up to 2^41 us */
    MEASURE_AHEAD = 20000,    /* under way while the rate is measured */
    MEASURE_SECONDS = 15,     /* and before that, to warm up */
    STALL_SECONDS = 90,       /* without a new score: give up */
    END_SECONDS = 90,         /* for the last scores */
    FIRST_TIME_MS = 200000000 /* 1976: room for forty years before the present */
};
#define FIRST_TIME_US (INT64_C(1000000) * FIRST_TIME_MS)

typedef struct template
{
    size_t at, key_size, rest_size; /* in `bytes`: the key, then what follows number and time */
}
template;

typedef struct soak {
    weir_kafka_options kafka;
    const char *staged, *source, *scores, *state, *logs;
    char **worker;
    pid_t worker_pid, broker_pid;
    _Atomic long rate;
    long seconds, sample, step_us;
    weir_buffer bytes;
    uint8_t frame[PROBE_FRAME];
    template *templates;
    size_t template_count, template_room;
    weir_kafka_producer *producer;
    int32_t partitions;
    _Atomic int64_t *sent_us; /* of event i at i % RING; 0: its score was seen */
    _Atomic int64_t sent, seen, twice;
    _Atomic uint32_t *buckets; /* latencies since the last sample */
    atomic_bool stop_feeding, stop_watching;
} soak;

/* --- the events --- */

static void template_take(void *context, const weir_log_record *record)
{
    soak *self = context;
    const uint8_t *body = record->value.data + PROBE_FRAME;
    weir_reader reader = weir_reader_of(body, record->value.size - PROBE_FRAME);
    (void)probe_avro_long(&reader); /* tx_id */
    (void)probe_avro_long(&reader); /* ts    */
    size_t rest = weir_reader_left(&reader);
    WEIR_ASSERT(!reader.bad && rest > 0);
    if (self->template_count == self->template_room) {
        self->template_room = self->template_room == 0 ? 1024 : 2 * self->template_room;
        self->templates = realloc(self->templates, self->template_room * sizeof *self->templates);
        WEIR_ASSERT(self->templates != NULL);
    }
    memcpy(self->frame, record->value.data, PROBE_FRAME);
    self->templates[self->template_count++] = (template){self->bytes.size, record->key.size, rest};
    weir_buffer_put(&self->bytes, record->key.data, record->key.size);
    weir_buffer_put(&self->bytes, reader.next, rest);
}

static void put_long(weir_buffer *out, int64_t value)
{
    weir_buffer_put_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void send_next(soak *self, weir_buffer *value)
{
    int64_t number = self->sent;
    const template *from = &self->templates[(size_t)number % self->template_count];
    weir_bytes key = {self->bytes.data + from->at, from->key_size};
    int64_t time_ms = (FIRST_TIME_US + number * self->step_us) / 1000;
    value->size = 0;
    weir_buffer_put(value, self->frame, PROBE_FRAME);
    put_long(value, number);
    put_long(value, time_ms);
    weir_buffer_put(value, key.data + key.size, from->rest_size);
    atomic_store(&self->sent_us[number % RING], weir_clock_monotonic_us());
    self->sent = number + 1;
    probe_ok(weir_kafka_producer_add(self->producer, 0, weir_partition_of(key, self->partitions),
                                     key, (weir_bytes){value->data, value->size}, time_ms, 0));
}

/* How many events should have gone out by now: by the rate, or by what came back. */
static int64_t due(const soak *self, int64_t rate, int64_t began_us, int64_t before)
{
    if (rate == 0) return self->seen + MEASURE_AHEAD;
    return before + (weir_clock_monotonic_us() - began_us) * rate / 1000000;
}

static void *feed(void *context)
{
    soak *self = context;
    weir_buffer value = {0};
    int64_t rate = 0, began_us = 0, before = 0;
    while (!self->stop_feeding) {
        /* What a full ring kept back is not owed: it would fill the ring again. */
        bool is_full = self->sent - self->seen >= RING;
        if (rate != self->rate || is_full) {
            rate = self->rate;
            began_us = weir_clock_monotonic_us();
            before = self->sent;
        }
        int64_t until = due(self, rate, began_us, before);
        for (int i = 0; i < 2000 && self->sent < until && self->sent - self->seen < RING; i++)
            send_next(self, &value);
        probe_ok(weir_kafka_producer_send(self->producer));
        probe_ok(weir_kafka_producer_poll(self->producer, 0));
        if (is_full || self->sent >= due(self, rate, began_us, before)) usleep(1000);
    }
    probe_ok(weir_kafka_producer_flush(self->producer, END_SECONDS * 1000));
    weir_buffer_deinit(&value);
    return NULL;
}

/* --- the scores --- */

static size_t bucket_of(int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    if (value < FINE) return (size_t)value;
    unsigned high = 63 - (unsigned)__builtin_clzll(value), shift = high - 6;
    size_t bucket = (size_t)(shift + 1) * FINE + (size_t)((value >> shift) & (FINE - 1));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The middle of a bucket. */
static double bucket_us(size_t bucket)
{
    if (bucket < FINE) return (double)bucket;
    unsigned shift = (unsigned)(bucket / FINE) - 1;
    return (double)((FINE + bucket % FINE) << shift) + (double)(UINT64_C(1) << shift) / 2;
}

static void score_seen(void *context, const weir_log_record *record, int64_t now_us)
{
    soak *self = context;
    int64_t number = probe_score_event(record->value), sent = self->sent;
    WEIR_ASSERT(number >= 0 && number < sent); /* it names an event that was sent */
    int64_t sent_us = number < sent - RING ? 0 : atomic_exchange(&self->sent_us[number % RING], 0);
    if (sent_us == 0) {
        self->twice++;
        return;
    }
    self->buckets[bucket_of(now_us - sent_us)]++;
    self->seen++;
}

static void *watch(void *context)
{
    soak *self = context;
    probe_watch(&self->kafka, self->scores, &self->stop_watching, score_seen, self);
    return NULL;
}

/* --- a sample --- */

typedef struct latency {
    uint64_t count;
    double p50_ms, p99_ms, max_ms;
} latency;

/* Takes what has gathered since the last time. */
static latency latency_take(soak *self)
{
    static uint32_t taken[BUCKETS];
    latency found = {0};
    for (size_t i = 0; i < BUCKETS; i++) {
        taken[i] = atomic_exchange(&self->buckets[i], 0);
        found.count += taken[i];
    }
    uint64_t below = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        if (taken[i] == 0) continue;
        double ms = bucket_us(i) / 1e3;
        if (below * 2 < found.count) found.p50_ms = ms;
        if (below * 100 < found.count * 99) found.p99_ms = ms;
        found.max_ms = ms;
        below += taken[i];
    }
    return found;
}

static long entries_count(pid_t pid, const char *what)
{
    char path[64];
    long count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL) (void)closedir(folder);
    return count;
}

static double resident_mib(pid_t pid)
{
    char path[64];
    long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

/* nftw has no context. */
static struct {
    double bytes;
    long tables;
} folder;

static int folder_add(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)at;
    size_t size = strlen(path);
    /* Logs are allocated ahead, indexes have holes: neither holds anything. */
    double size_bytes = (double)info->st_size, disk_bytes = 512.0 * (double)info->st_blocks;
    if (kind == FTW_F) folder.bytes += size_bytes < disk_bytes ? size_bytes : disk_bytes;
    folder.tables += kind == FTW_F && size > 4 && strcmp(path + size - 4, ".sst") == 0;
    return 0;
}

static double folder_mib(const char *path)
{
    memset(&folder, 0, sizeof folder);
    (void)nftw(path, folder_add, 16, FTW_PHYS);
    return folder.bytes / 1048576.0;
}

/* Seconds that all cores together had nothing to do. */
static double idle_seconds(void)
{
    long idle = 0, waiting = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "cpu %*d %*d %*d %ld %ld", &idle, &waiting) != 2) idle = waiting = 0;
    (void)fclose(file);
    return (double)(idle + waiting) / (double)sysconf(_SC_CLK_TCK);
}

typedef struct moment {
    probe_cpu worker, broker;
    double idle_seconds;
    int64_t sent, seen;
} moment;

static moment moment_now(const soak *self)
{
    return (moment){.worker = probe_cpu_of(self->worker_pid),
                    .broker = probe_cpu_of(self->broker_pid),
                    .idle_seconds = idle_seconds(),
                    .sent = self->sent,
                    .seen = self->seen};
}

static void row_print(soak *self, int64_t began_us, const moment *from, const moment *to)
{
    double seconds = (double)(to->worker.at_us - from->worker.at_us) / 1e6;
    double events = to->seen > from->seen ? (double)(to->seen - from->seen) : 1;
    latency late = latency_take(self);
    (void)printf("%.1f,%ld,%.0f,%.0f,%ld,%.3f,%.3f,%.3f,",
                 (double)(to->worker.at_us - began_us) / 1e6, (long)self->rate,
                 (double)(to->sent - from->sent) / seconds,
                 (double)(to->seen - from->seen) / seconds, (long)(to->sent - to->seen),
                 late.p50_ms, late.p99_ms, late.max_ms);
    (void)printf("%.3f,%.3f,%.2f,", (to->worker.seconds - from->worker.seconds) * 1e6 / events,
                 (to->broker.seconds - from->broker.seconds) * 1e6 / events,
                 (to->idle_seconds - from->idle_seconds) / seconds);
    double state_mib = folder_mib(self->state);
    long tables = folder.tables;
    (void)printf("%.1f,%.1f,%ld,%ld,%.1f,%ld,%.1f\n", resident_mib(self->worker_pid),
                 resident_mib(self->broker_pid), entries_count(self->worker_pid, "fd"),
                 entries_count(self->worker_pid, "task"), state_mib, tables,
                 folder_mib(self->logs));
}

static void sleep_until(int64_t until_us)
{
    int64_t now_us = weir_clock_monotonic_us();
    if (until_us > now_us) usleep((useconds_t)(until_us - now_us));
}

static void must_live(const soak *self, const moment *from, const moment *to)
{
    int status = 0;
    static int64_t moved_us;
    if (to->seen != from->seen || moved_us == 0) moved_us = to->worker.at_us;
    bool ended = waitpid(self->worker_pid, &status, WNOHANG) != 0;
    if (!ended && to->worker.at_us - moved_us < STALL_SECONDS * 1000000L) return;
    (void)fprintf(stderr,
                  ended ? "the worker ended by itself (status %d)\n"
                        : "no score for a minute and a half\n",
                  status);
    if (!ended) probe_end(self->worker_pid, SIGKILL);
    exit(1);
}

/* What a start costs is not looked at. */
static void first_score_wait(soak *self)
{
    moment from = {0};
    while (self->seen == 0) {
        moment now = moment_now(self);
        must_live(self, &from, &now);
        usleep(100000);
    }
}

static void measure_rate(soak *self)
{
    sleep_until(weir_clock_monotonic_us() + MEASURE_SECONDS * 1000000L);
    int64_t seen = self->seen;
    sleep_until(weir_clock_monotonic_us() + MEASURE_SECONDS * 1000000L);
    int64_t rate = (self->seen - seen) / MEASURE_SECONDS * 4 / 5;
    if (rate == 0) {
        (void)fprintf(stderr, "no score in %d seconds\n", MEASURE_SECONDS);
        probe_end(self->worker_pid, SIGKILL);
        exit(1);
    }
    self->rate = rate;
    (void)fprintf(stderr, "rate %ld events a second\n", (long)self->rate);
}

static void run(soak *self)
{
    (void)printf("t_s,rate,sent_s,scored_s,lag,p50_ms,p99_ms,max_ms,worker_us,broker_us,idle_cores,"
                 "rss_mib,broker_mib,fds,threads,state_mib,tables,kafka_mib\n");
    int64_t began_us = weir_clock_monotonic_us();
    (void)latency_take(self);
    moment from = moment_now(self);
    for (long t = self->sample; t <= self->seconds; t += self->sample) {
        sleep_until(began_us + t * 1000000);
        moment to = moment_now(self);
        row_print(self, began_us, &from, &to);
        must_live(self, &from, &to);
        from = to;
    }
}

/* --- the command --- */

static void usage(void)
{
    (void)fprintf(stderr, "soak_bench --brokers B --staged T --source T --scores T --broker-pid P "
                          "--state DIR --logs DIR\n           [--rate N] [--seconds N] [--sample "
                          "N] [--step-us N] -- WORKER...\n");
    exit(64);
}

static void option_take(soak *self, const char *name, const char *value)
{
    long number = strtol(value, NULL, 10);
    const struct {
        const char *name, **text;
    } texts[] = {{"--brokers", &self->kafka.brokers}, {"--staged", &self->staged},
                 {"--source", &self->source},         {"--scores", &self->scores},
                 {"--state", &self->state},           {"--logs", &self->logs}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i].name) != 0) continue;
        *texts[i].text = value;
        return;
    }
    if (strcmp(name, "--broker-pid") == 0)
        self->broker_pid = (pid_t)number;
    else if (strcmp(name, "--rate") == 0)
        self->rate = number;
    else if (strcmp(name, "--seconds") == 0)
        self->seconds = number;
    else if (strcmp(name, "--sample") == 0)
        self->sample = number;
    else if (strcmp(name, "--step-us") == 0)
        self->step_us = number;
    else
        usage();
}

static void arguments_take(soak *self, int count, char **words)
{
    int i = 1;
    for (; i + 1 < count && strcmp(words[i], "--") != 0; i += 2)
        option_take(self, words[i], words[i + 1]);
    if (i + 1 >= count || strcmp(words[i], "--") != 0 || self->staged == NULL ||
        self->source == NULL || self->scores == NULL || self->state == NULL || self->logs == NULL ||
        self->sample < 1) {
        usage();
    }
    self->worker = words + i + 1;
}

static void open_all(soak *self)
{
    self->sent_us = calloc(RING, sizeof *self->sent_us);
    self->buckets = calloc(BUCKETS, sizeof *self->buckets);
    WEIR_ASSERT(self->sent_us != NULL && self->buckets != NULL);
    probe_staged_read(&self->kafka, self->staged, SIZE_MAX, template_take, self);
    WEIR_ASSERT(self->template_count > 0);
    weir_producer_options how = {.kafka = &self->kafka, .wake_fd = -1};
    probe_ok(weir_kafka_producer_open(&how, &self->producer));
    probe_ok(weir_kafka_producer_topic(self->producer, 0, self->source));
    self->partitions = weir_kafka_producer_partitions(self->producer, 0);
}

int main(int count, char **words)
{
    static soak self = {.seconds = 60, .sample = 10, .step_us = 1000000};
    arguments_take(&self, count, words);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    open_all(&self);
    pthread_t watcher, feeder;
    WEIR_ASSERT(pthread_create(&watcher, NULL, watch, &self) == 0);
    self.worker_pid = probe_start(self.worker);
    WEIR_ASSERT(pthread_create(&feeder, NULL, feed, &self) == 0);
    first_score_wait(&self);
    if (self.rate == 0) measure_rate(&self);
    run(&self);
    self.stop_feeding = true;
    (void)pthread_join(feeder, NULL);
    for (int i = 0; i < END_SECONDS * 10 && self.seen < self.sent; i++)
        usleep(100000);
    probe_end(self.worker_pid, SIGTERM);
    self.stop_watching = true;
    (void)pthread_join(watcher, NULL);
    weir_kafka_producer_close(self.producer);
    (void)fprintf(stderr, "events %ld scores_missing %ld scores_twice %ld\n", (long)self.sent,
                  (long)(self.sent - self.seen), (long)self.twice);
    free(self.templates);
    free(self.sent_us);
    free(self.buckets);
    weir_buffer_deinit(&self.bytes);
    return self.seen == self.sent && self.twice == 0 ? 0 : 1;
}
