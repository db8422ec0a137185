/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver with nodes that only pass events on: source (4 partitions) -> journal one -> journal
 * two -> output.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/admin.h"
#include "ingest/driver.h"
#include "ingest/kafka_producer.h"
#include "ingest/kafka_reader.h"
#include "ingest/mock.h"
#include "ingest/topics.h"
#include "ops/runtime/clock.h"
#include "tests/integration/pass_node.h"

enum { SOURCE, JOURNAL1, JOURNAL2, OUTPUT, MARKS, TOPICS, PARTITIONS = 4, EVENTS = 20000 };

static weir_mock *mock;
static weir_kafka_options kafka;
static char names[TOPICS][120];
static const weir_topic from_source[] = {SOURCE}, from_first[] = {JOURNAL1};
static weir_driver_topic topics[TOPICS];
static _Atomic uint64_t events, skips, ticks, rests;

static void ok(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "%s\n", weir_error_message(error));
    weir_error_free(error);
    fail();
}

static int64_t now_us(void *context)
{
    (void)context;
    return weir_clock_now_us();
}

static _Atomic int64_t passed_us;  /* what a test lets pass without waiting */
static _Atomic int64_t stopped_us; /* where it stopped the clock; 0: time runs */

static int64_t monotonic_us(void *context)
{
    (void)context;
    int64_t stopped = atomic_load(&stopped_us);
    return (stopped != 0 ? stopped : weir_clock_monotonic_us()) + atomic_load(&passed_us);
}

static uint64_t random_bits(void *context)
{
    (void)context;
    return (uint64_t)weir_clock_monotonic_ns() * UINT64_C(0x9e3779b97f4a7c15);
}

static const weir_env env = {.now_us = now_us, .monotonic_us = monotonic_us, .random = random_bits};

static int setup(void **state)
{
    (void)state;
    const char *brokers = getenv("WEIR_TEST_BROKERS");
    if (brokers == NULL || *brokers == 0) {
        ok(weir_mock_start(1, &mock));
        brokers = weir_mock_brokers(mock);
        static const weir_kafka_setting fast[] = {{"fetch.wait.max.ms", "10"}};
        kafka.settings = fast;
        kafka.setting_count = 1;
    }
    kafka.brokers = brokers;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_mock_stop(mock);
    assert_int_equal(weir_kafka_open_count(), 0);
    return 0;
}

static void topics_make(void)
{
    static int runs;
    runs++;
    static const char *const stems[] = {"source", "journal1", "journal2", "output", "marks"};
    weir_topic_spec specs[TOPICS] = {0};
    for (int i = 0; i < TOPICS; i++) {
        (void)snprintf(names[i], sizeof names[i], "driver.%d.%lld.%d.%s", getpid(),
                       (long long)time(NULL), runs, stems[i]);
        specs[i] = (weir_topic_spec){
            .name = names[i], .partitions = i == MARKS ? 1 : PARTITIONS, .replication = 1};
        topics[i] = (weir_driver_topic){.name = names[i],
                                        .is_consumed = i < OUTPUT,
                                        .is_journal = i == JOURNAL1 || i == JOURNAL2,
                                        .is_written = i != SOURCE && i != MARKS,
                                        .level = (uint32_t)i % OUTPUT};
    }
    topics[JOURNAL1].feeders = from_source;
    topics[JOURNAL1].feeder_count = 1;
    topics[JOURNAL2].feeders = from_first;
    topics[JOURNAL2].feeder_count = 1;
    weir_admin *admin = NULL;
    ok(weir_admin_open(&kafka, &admin));
    ok(weir_admin_create(admin, specs, TOPICS));
    weir_admin_close(admin);
}

/* Event i happened at 10 * i; it lies in a partition of the source that depends on i, in order.
 * `transactional_id` writes them in small transactions, so that the source has gaps. */
static void source_fill(int first, int count, const char *transactional_id)
{
    weir_producer_options how = {.kafka = &kafka,
                                 .transactional_id = transactional_id,
                                 .transaction_timeout_ms = 10000,
                                 .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    ok(weir_kafka_producer_open(&how, &producer));
    ok(weir_kafka_producer_topic(producer, SOURCE, names[SOURCE]));
    for (int i = first; i < first + count; i++) {
        char text[60];
        int size = snprintf(text, sizeof text, "%d k%d event-%d", i * 10, i * 7919 % 500, i);
        if (transactional_id != NULL && (i - first) % 100 == 0)
            ok(weir_kafka_transaction_begin(producer));
        ok(weir_kafka_producer_add(producer, SOURCE, (i / 3) * 31 % PARTITIONS, (weir_bytes){0},
                                   (weir_bytes){(uint8_t *)text, (size_t)size}, 0, 0));
        if (transactional_id != NULL && (i - first) % 100 == 99) {
            ok(weir_kafka_producer_flush(producer, 20000));
            ok(weir_kafka_transaction_commit(producer, NULL, NULL, 0));
        }
    }
    ok(weir_kafka_producer_flush(producer, 20000));
    weir_kafka_producer_close(producer);
}

/* Set by tests, asked by all nodes before each event. */
static weir_error *(*before)(weir_topic to, int64_t time_us);

static pass_options pass_to_next(weir_topic topic, const weir_output_port *port)
{
    return (pass_options){.reads_packs = topic != SOURCE,
                          .to = topic + 1,
                          .writes_packs = topic + 1 != OUTPUT,
                          .port = port,
                          .events = &events,
                          .skips = &skips,
                          .ticks = &ticks,
                          .rests = &rests,
                          .before = before};
}

static weir_error *create(void *context, void *shared, weir_topic topic, int32_t partition,
                          const weir_output_port *port, weir_node **node_out)
{
    (void)context, (void)shared, (void)partition;
    pass_options options = pass_to_next(topic, port);
    *node_out = pass_node_create(&options);
    return NULL;
}

static weir_driver_options driver_options(void)
{
    return (weir_driver_options){.kafka = &kafka,
                                 .env = &env,
                                 .group = names[SOURCE],
                                 .worker_id = "w1",
                                 .threads = 1,
                                 .topics = topics,
                                 .topic_count = TOPICS,
                                 .marks = UINT32_MAX,
                                 .factory = {.create = create},
                                 .until_end = true,
                                 .commit_interval_us = 20000,
                                 .align_us = 60000000,
                                 .align_patience_us = 10000000,
                                 .drain_timeout_us = 10000000,
                                 .transaction_timeout_us = 10000000,
                                 .start_timeout_us = 20000000};
}

static weir_driver_stats run_to_end(const weir_driver_options *options)
{
    weir_driver *driver = weir_driver_create(options);
    ok(weir_driver_run(driver));
    weir_driver_stats stats = weir_driver_describe(driver);
    weir_driver_destroy(driver);
    return stats;
}

/* Reads the output: every event once or (`at_least`) more; returns by how much the latest came
 * late: behind an event that happened so much later. What comes again is not looked at. */
static int64_t output_check(int count, bool at_least)
{
    int *seen = calloc((size_t)count, sizeof *seen);
    weir_kafka_reader *reader = NULL;
    ok(weir_kafka_reader_open(&kafka, &reader));
    uint32_t source = 0;
    for (int i = 0; i < PARTITIONS; i++) {
        ok(weir_kafka_reader_add(reader, names[OUTPUT], i, WEIR_OFFSET_START, &source));
    }
    int ends = 0;
    int64_t late_us = 0, last[PARTITIONS] = {0};
    for (int tries = 0; tries < 2000 && ends < PARTITIONS; tries++) {
        const weir_fetched *items = NULL;
        size_t got = 0;
        ok(weir_kafka_reader_poll(reader, 1000, 100, &items, &got, NULL));
        for (size_t i = 0; i < got; i++) {
            ends += items[i].is_end;
            if (items[i].is_end) continue;
            int64_t time_us = pass_event_time(items[i].record.value);
            assert_true(time_us >= 0 && time_us / 10 < count);
            assert_int_equal(weir_partition_of(items[i].record.key, PARTITIONS),
                             weir_kafka_reader_partition(reader, items[i].source));
            if (seen[time_us / 10]++ > 0) continue;
            int64_t *front = &last[items[i].source];
            if (*front - time_us > late_us) late_us = *front - time_us;
            if (*front < time_us) *front = time_us;
        }
    }
    assert_int_equal(ends, PARTITIONS);
    for (int i = 0; i < count; i++) {
        if (seen[i] < 1 || (seen[i] > 1 && !at_least))
            fail_msg("event %d came %d times", i, seen[i]);
    }
    free(seen);
    weir_kafka_reader_close(reader);
    return late_us;
}

static void a_backlog_arrives_whole_and_in_the_order_of_time(void **state)
{
    (void)state;
    topics_make();
    source_fill(0, EVENTS, NULL);
    weir_driver_options options = driver_options();
    weir_driver_stats stats = run_to_end(&options);
    assert_int_equal(stats.source_events, EVENTS);
    assert_int_equal(stats.journal_events, 2 * EVENTS);
    assert_int_equal(output_check(EVENTS, false), 0);
    assert_int_equal(stats.restarts, 0);
    /* Nothing is left: a second run finds nothing to do. */
    stats = run_to_end(&options);
    assert_int_equal(stats.source_events + stats.journal_events, 0);
}

static void several_threads_share_the_partitions(void **state)
{
    (void)state;
    topics_make();
    source_fill(0, EVENTS, NULL);
    weir_driver_options options = driver_options();
    options.threads = 3;
    weir_driver_stats stats = run_to_end(&options);
    assert_true(stats.journal_events >= 2 * EVENTS);
    /* A rebalance in the middle sends again what was not committed; these nodes have no filter. */
    (void)output_check(EVENTS, true);
}

/* A worker whose partitions take long to open, and what it shares with the test. */
static atomic_bool is_opening;

static weir_error *create_slowly(void *context, void *shared, weir_topic topic, int32_t partition,
                                 const weir_output_port *port, weir_node **node_out)
{
    if (!atomic_exchange(&is_opening, true)) usleep(2000000);
    return create(context, shared, topic, partition, port, node_out);
}

static void *worker_main(void *driver)
{
    ok(weir_driver_run(driver));
    return NULL;
}

/* Two workers, as on two machines: they know of each other by the marks topic alone. */
enum { PAIR = 2 };

static weir_driver_options pair_options(int i, int64_t align_us)
{
    weir_driver_options options = driver_options();
    options.worker_id = i == 0 ? "w1" : "w2";
    options.until_end = false;
    options.marks = MARKS;
    options.align_us = align_us;
    options.align_patience_us = 60000000;
    return options;
}

static weir_driver *worker_start(const weir_driver_options *options, pthread_t *thread_out)
{
    weir_driver *worker = weir_driver_create(options);
    assert_int_equal(pthread_create(thread_out, NULL, worker_main, worker), 0);
    return worker;
}

static void worker_wait_ready(weir_driver *worker)
{
    while (!weir_driver_describe(worker).is_ready)
        usleep(10000);
}

static void workers_end(weir_driver **workers, const pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        weir_driver_stop(workers[i]);
    for (int i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        weir_driver_destroy(workers[i]);
    }
}

/* When all events have come out. */
static void pair_end(weir_driver **workers, const pthread_t *threads)
{
    while (weir_driver_describe(workers[0]).outputs + weir_driver_describe(workers[1]).outputs <
           EVENTS)
        usleep(10000);
    workers_end(workers, threads, PAIR);
}

static void a_worker_waits_for_one_that_still_opens(void **state)
{
    (void)state;
    enum { ALIGN_US = 2000, SETTLED_US = 500000 };
    topics_make();
    weir_driver *workers[PAIR];
    pthread_t threads[PAIR];
    atomic_store(&is_opening, false);
    for (int i = 0; i < PAIR; i++) {
        weir_driver_options options = pair_options(i, ALIGN_US);
        if (i == 1) options.factory.create = create_slowly;
        workers[i] = worker_start(&options, &threads[i]);
        if (i == 0) worker_wait_ready(workers[0]);
    }
    while (!atomic_load(&is_opening))
        usleep(10000);
    usleep(SETTLED_US); /* the other has its new partitions by now */
    source_fill(0, EVENTS, NULL);
    pair_end(workers, threads);
    /* Each of two hops may add `align` for each look at somebody else's partition. */
    assert_in_range(output_check(EVENTS, true), 0, 10 * ALIGN_US);
}

/* As live traffic, if fast: a source that has long been idle is not waited for. */
static void source_trickle(void)
{
    enum { CHUNK = 500 };
    for (int i = 0; i < EVENTS; i += CHUNK)
        source_fill(i, CHUNK, NULL);
}

/* The source partition that holds this event can not go on, so many times or until told. */
enum { STUCK_US = 30000 };
static atomic_int stuck_times;

static weir_error *stuck(weir_topic to, int64_t time_us)
{
    if (to != JOURNAL1 || time_us != STUCK_US || atomic_load(&stuck_times) == 0) return NULL;
    atomic_fetch_sub(&stuck_times, 1);
    return weir_error_new(WEIR_E_UNAVAILABLE, "the test holds this event back");
}

static weir_error *stuck_again(weir_topic to, int64_t time_us)
{
    weir_error *error = stuck(to, time_us);
    if (error == NULL) return NULL;
    weir_error_free(error);
    return weir_error_new(WEIR_E_AGAIN, "the test has the thread start again");
}

static void a_partition_that_has_to_wait_holds_the_others_back(void **state)
{
    (void)state;
    topics_make();
    source_fill(0, EVENTS, NULL);
    before = stuck;
    atomic_store(&stuck_times, 3);
    weir_driver_options options = driver_options();
    (void)run_to_end(&options);
    before = NULL;
    assert_int_equal(atomic_load(&stuck_times), 0);
    assert_int_equal(output_check(EVENTS, false), 0);
}

static void a_thread_that_starts_again_is_waited_for(void **state)
{
    (void)state;
    enum { ALIGN_US = 2000, LONG_US = 100000000 };
    topics_make();
    before = stuck_again;
    atomic_store(&stuck_times, 1);
    weir_driver_options options = driver_options();
    options.threads = 2;
    options.until_end = false;
    options.align_us = ALIGN_US;
    options.align_patience_us = LONG_US;
    pthread_t thread;
    weir_driver *driver = worker_start(&options, &thread);
    worker_wait_ready(driver);
    atomic_fetch_add(&passed_us, 2 * LONG_US); /* long since the partitions were dealt */
    source_trickle();
    while (weir_driver_describe(driver).outputs < EVENTS)
        usleep(10000);
    weir_driver_stop(driver);
    (void)pthread_join(thread, NULL);
    before = NULL;
    assert_true(weir_driver_describe(driver).restarts > 0);
    weir_driver_destroy(driver);
    options.until_end = true; /* what came again was counted, too: something may be left */
    (void)run_to_end(&options);
    assert_in_range(output_check(EVENTS, true), 0, 10 * ALIGN_US);
}

static weir_error *create_halfway(void *context, void *shared, weir_topic topic, int32_t partition,
                                  const weir_output_port *port, weir_node **node_out)
{
    if (topic == SOURCE && partition == PARTITIONS - 1 && atomic_exchange(&is_opening, false))
        return weir_error_new(WEIR_E_UNAVAILABLE, "the test says so");
    return create(context, shared, topic, partition, port, node_out);
}

static void an_opening_that_fails_halfway_is_done_again(void **state)
{
    (void)state;
    topics_make();
    source_fill(0, 1000, NULL);
    atomic_store(&is_opening, true);
    weir_driver_options options = driver_options();
    options.factory.create = create_halfway;
    weir_driver_stats stats = run_to_end(&options);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(output_check(1000, false), 0);
}

/* The first worker finds the sources damaged, and for this once only. */
static atomic_bool is_damaged;

static weir_error *create_damaged(void *context, void *shared, weir_topic topic, int32_t partition,
                                  const weir_output_port *port, weir_node **node_out)
{
    if (topic == SOURCE && atomic_load(&is_damaged))
        return weir_error_new(WEIR_E_CORRUPT, "the test says so");
    return create(context, shared, topic, partition, port, node_out);
}

static weir_error *stuck_from_there(weir_topic to, int64_t time_us)
{
    return stuck(to, time_us < STUCK_US ? time_us : STUCK_US);
}

static void a_partition_that_stopped_counts_again_where_it_goes_on(void **state)
{
    (void)state;
    enum { ALIGN_US = 2000 };
    topics_make();
    weir_driver *workers[PAIR];
    pthread_t threads[PAIR];
    atomic_store(&is_damaged, true);
    for (int i = 0; i < PAIR; i++) {
        weir_driver_options options = pair_options(i, ALIGN_US);
        before = i == 0 ? NULL : stuck_from_there;
        atomic_store(&stuck_times, 3);
        if (i == 0) options.factory.create = create_damaged;
        workers[i] = worker_start(&options, &threads[i]);
        while (i == 0 && weir_driver_describe(workers[0]).stopped < PARTITIONS)
            usleep(10000);
        atomic_store(&is_damaged, false);
    }
    while (weir_driver_describe(workers[0]).stopped > 0 ||
           !weir_driver_describe(workers[1]).is_ready)
        usleep(10000); /* until some have moved */
    source_trickle();
    pair_end(workers, threads);
    before = NULL;
    assert_in_range(output_check(EVENTS, true), 0, 10 * ALIGN_US);
}

/* A worker without state reads its journals from the start, until the test lets it be quick. */
static atomic_bool is_replaying;

static weir_error *replay_slowly(weir_topic to, int64_t time_us)
{
    if (to == JOURNAL2 && time_us < EVENTS * 10 && atomic_load(&is_replaying)) usleep(1000);
    return NULL;
}

static weir_error *create_replaying(void *context, void *shared, weir_topic topic,
                                    int32_t partition, const weir_output_port *port,
                                    weir_node **node_out)
{
    (void)context, (void)shared, (void)partition;
    pass_options options = pass_to_next(topic, port);
    options.before = replay_slowly;
    options.replays = topic == JOURNAL1;
    *node_out = pass_node_create(&options);
    return NULL;
}

static void live_traffic_does_not_wait_for_a_replay(void **state)
{
    (void)state;
    enum { MORE = 2000, OURS = MORE / 5 };
    topics_make();
    source_fill(0, EVENTS, NULL);
    weir_driver_options options = driver_options();
    (void)run_to_end(&options);
    weir_driver *workers[PAIR];
    pthread_t threads[PAIR];
    atomic_store(&is_replaying, true);
    for (int i = 0; i < PAIR; i++) {
        options = pair_options(i, 2000);
        options.align_patience_us = 1000000;
        if (i == 1) options.factory.create = create_replaying;
        workers[i] = worker_start(&options, &threads[i]);
        if (i == 0) worker_wait_ready(workers[0]);
    }
    while (weir_driver_describe(workers[1]).journal_events == 0)
        usleep(10000);
    source_fill(EVENTS, MORE, NULL);
    for (int i = 0; i < 600 && weir_driver_describe(workers[0]).outputs < OURS; i++)
        usleep(10000);
    uint64_t outputs = weir_driver_describe(workers[0]).outputs;
    atomic_store(&is_replaying, false);
    workers_end(workers, threads, PAIR);
    assert_true(outputs >= OURS);
}

/* A live worker makes small packs, so that a replay of them takes many turns. */
static void small_packs_make(int count)
{
    enum { CHUNK = 50 };
    weir_driver_options options = driver_options();
    options.until_end = false;
    pthread_t thread;
    weir_driver *worker = worker_start(&options, &thread);
    worker_wait_ready(worker);
    for (int i = 0; i < count; i += CHUNK)
        source_fill(i, CHUNK, NULL);
    while (weir_driver_describe(worker).outputs < (uint64_t)count)
        usleep(10000);
    workers_end(&worker, &thread, 1);
}

/* All is committed, but the state is gone: it is whole again before the run ends. */
static void a_run_to_the_end_folds_a_lost_state_again(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    topics_make();
    small_packs_make(COUNT);
    weir_driver_options options = driver_options();
    (void)run_to_end(&options);
    atomic_store(&is_replaying, true);
    options.factory.create = create_replaying;
    weir_driver_stats stats = run_to_end(&options);
    atomic_store(&is_replaying, false);
    assert_true(stats.journal_events >= COUNT);
    assert_int_equal(stats.outputs, 0);
    (void)output_check(COUNT, true);
}

/* `workers` of `threads` each, one partition of the source stuck: after their patience the others
 * go on without it, and say so. */
static void patience_check(int workers, uint32_t threads)
{
    enum { PATIENCE_US = 1000000 };
    topics_make();
    source_fill(0, EVENTS, NULL);
    before = stuck;
    atomic_store(&stuck_times, 1000000);
    weir_driver *drivers[PAIR];
    pthread_t running[PAIR];
    for (int i = 0; i < workers; i++) {
        weir_driver_options options = pair_options(i, 2000);
        options.threads = threads;
        options.align_patience_us = PATIENCE_US;
        drivers[i] = worker_start(&options, &running[i]);
    }
    uint64_t outputs = 0, given_up = 0;
    for (int i = 0; i < 1500 && (outputs < EVENTS / 2 || given_up < 2); i++) {
        usleep(10000);
        outputs = given_up = 0;
        for (int k = 0; k < workers; k++) {
            outputs += weir_driver_describe(drivers[k]).outputs;
            given_up += weir_driver_describe(drivers[k]).waits_given_up;
        }
    }
    workers_end(drivers, running, workers);
    before = NULL;
    assert_true(outputs >= EVENTS / 2);
    assert_true(given_up >= 2); /* with us, and where others wait for us */
}

static void no_thread_waits_longer_than_its_patience(void **state)
{
    (void)state;
    patience_check(1, 2);
}

static void no_worker_waits_longer_than_its_patience(void **state)
{
    (void)state;
    patience_check(2, 1);
}

static void scores_in_transactions_arrive_once(void **state)
{
    (void)state;
    if (mock != NULL) skip(); /* the mock does not keep positions sent in transactions */
    topics_make();
    source_fill(0, EVENTS, NULL);
    weir_driver_options options = driver_options();
    options.is_transactional = true;
    (void)run_to_end(&options);
    assert_int_equal(output_check(EVENTS, false), 0);
}

static void control_records_in_a_source_are_seen_as_gaps_and_passed(void **state)
{
    (void)state;
    if (mock != NULL) skip(); /* the mock writes no control records */
    topics_make();
    source_fill(0, 5000, names[SOURCE]);
    weir_driver_options options = driver_options();
    weir_driver_stats stats = run_to_end(&options);
    assert_true(stats.gaps > 40 && skips == stats.gaps);
    assert_int_equal(stats.source_events, 5000);
    assert_int_equal(output_check(5000, false), 0);
}

static void missing_topics_name_the_cure(void **state)
{
    (void)state;
    topics_make();
    (void)snprintf(names[JOURNAL2], sizeof names[JOURNAL2], "driver.%d.missing", getpid());
    weir_driver_options options = driver_options();
    weir_driver *driver = weir_driver_create(&options);
    weir_error *error = weir_driver_run(driver);
    assert_non_null(error);
    assert_int_equal(weir_error_exit_code(error), 78);
    assert_non_null(strstr(weir_error_message(error), "weir apply"));
    weir_error_free(error);
    weir_driver_destroy(driver);
}

static void a_broker_that_never_comes_ends_the_start(void **state)
{
    (void)state;
    topics_make();
    weir_driver_options options = driver_options();
    weir_kafka_options nowhere = {.brokers = "127.0.0.1:9", .timeout_ms = 200};
    options.kafka = &nowhere;
    options.start_timeout_us = 1000000;
    weir_driver *driver = weir_driver_create(&options);
    weir_error *error = weir_driver_run(driver);
    assert_non_null(error);
    assert_int_equal(weir_error_exit_code(error), 69);
    weir_error_free(error);
    weir_driver_destroy(driver);
}

/* Lets so much time pass, and the worker tick once. */
static void tick_after(int64_t us)
{
    uint64_t before_it = atomic_load(&ticks);
    atomic_fetch_add(&passed_us, us);
    while (atomic_load(&ticks) == before_it)
        usleep(1000);
}

static void a_pause_between_two_waves_is_no_rest(void **state)
{
    (void)state;
    enum { COUNT = 300, GATHER_US = 200000 };
    topics_make();
    weir_driver_options options = driver_options();
    options.until_end = false;
    pthread_t thread;
    weir_driver *worker = worker_start(&options, &thread);
    worker_wait_ready(worker);
    atomic_store(&stopped_us, weir_clock_monotonic_us());
    source_fill(0, COUNT, NULL);
    while (weir_driver_describe(worker).outputs < COUNT)
        usleep(1000);
    atomic_store(&rests, 0);
    for (int64_t waited_us = 0; waited_us < 2 * GATHER_US; waited_us += GATHER_US / 10)
        tick_after(GATHER_US / 10);
    assert_int_equal(atomic_load(&rests), 0);
    tick_after(1000000);
    assert_true(atomic_load(&rests) > 0);
    atomic_store(&stopped_us, 0);
    workers_end(&worker, &thread, 1);
}

static void *broker_back(void *context)
{
    (void)context;
    usleep(1500000);
    weir_error_free(weir_mock_set_down(mock, 1, false));
    return NULL;
}

static void a_broker_that_goes_away_is_waited_for(void **state)
{
    (void)state;
    if (mock == NULL) skip();
    topics_make();
    source_fill(0, EVENTS, NULL);
    ok(weir_mock_set_down(mock, 1, true));
    weir_driver_options options = driver_options();
    options.start_timeout_us = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, broker_back, NULL), 0);
    (void)run_to_end(&options);
    (void)pthread_join(thread, NULL);
    (void)output_check(EVENTS, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backlog_arrives_whole_and_in_the_order_of_time),
        cmocka_unit_test(several_threads_share_the_partitions),
        cmocka_unit_test(a_worker_waits_for_one_that_still_opens),
        cmocka_unit_test(a_partition_that_has_to_wait_holds_the_others_back),
        cmocka_unit_test(a_thread_that_starts_again_is_waited_for),
        cmocka_unit_test(an_opening_that_fails_halfway_is_done_again),
        cmocka_unit_test(a_partition_that_stopped_counts_again_where_it_goes_on),
        cmocka_unit_test(live_traffic_does_not_wait_for_a_replay),
        cmocka_unit_test(a_run_to_the_end_folds_a_lost_state_again),
        cmocka_unit_test(no_thread_waits_longer_than_its_patience),
        cmocka_unit_test(no_worker_waits_longer_than_its_patience),
        cmocka_unit_test(scores_in_transactions_arrive_once),
        cmocka_unit_test(control_records_in_a_source_are_seen_as_gaps_and_passed),
        cmocka_unit_test(missing_topics_name_the_cure),
        cmocka_unit_test(a_broker_that_never_comes_ends_the_start),
        cmocka_unit_test(a_pause_between_two_waves_is_no_rest),
        cmocka_unit_test(a_broker_that_goes_away_is_waited_for),
    };
#ifdef __SANITIZE_THREAD__
    (void)alarm(900);
#else
    (void)alarm(240);
#endif
    return cmocka_run_group_tests(tests, setup, teardown);
}
