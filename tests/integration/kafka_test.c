/* SPDX-License-Identifier: Apache-2.0 */
/* The wrappers of librdkafka against the embedded broker, or the one that WEIR_TEST_BROKERS names.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/admin.h"
#include "ingest/kafka_consumer.h"
#include "ingest/kafka_producer.h"
#include "ingest/kafka_reader.h"
#include "ingest/mock.h"

static weir_mock *mock;
static weir_kafka_options options;

static void ok(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "%s\n", weir_error_message(error));
    weir_error_free(error);
    fail();
}

static int setup(void **state)
{
    (void)state;
    const char *brokers = getenv("WEIR_TEST_BROKERS");
    if (brokers == NULL || *brokers == 0) {
        ok(weir_mock_start(1, &mock));
        brokers = weir_mock_brokers(mock);
    }
    options = (weir_kafka_options){.brokers = brokers};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_mock_stop(mock);
    assert_int_equal(weir_kafka_open_count(), 0);
    return 0;
}

/* A name that no earlier run has used on a real broker. */
static const char *topic_name(const char *stem)
{
    static char name[100];
    (void)snprintf(name, sizeof name, "%s.%d.%lld", stem, getpid(), (long long)time(NULL));
    return name;
}

static void topic_make(const char *name)
{
    weir_admin *admin = NULL;
    ok(weir_admin_open(&options, &admin));
    static const char *const configs[] = {"message.timestamp.type", "LogAppendTime", NULL};
    weir_topic_spec spec = {.name = name, .partitions = 4, .replication = 1, .configs = configs};
    ok(weir_admin_create(admin, &spec, 1));
    ok(weir_admin_create(admin, &spec, 1)); /* again is no error */
    weir_arena arena = {0};
    weir_topic_state *states = NULL;
    const char *names[] = {name, "weir.test.missing"};
    ok(weir_admin_topics(admin, names, 2, &arena, &states));
    assert_true(states[0].exists);
    assert_int_equal(states[0].partitions, 4);
    assert_true(!states[0].knows_config || states[0].is_log_append_time);
    assert_false(states[1].exists);
    weir_arena_deinit(&arena);
    weir_admin_close(admin);
}

typedef struct deliveries {
    uint64_t tags, count;
} deliveries;

static void delivered(void *context, const weir_delivery *delivery)
{
    deliveries *seen = context;
    seen->tags += delivery->tag;
    seen->count++;
    assert_int_equal(delivery->topic, 3);
    assert_true(delivery->offset >= 0);
}

enum { MESSAGES = 5000 };

static void produce(const char *topic, int partitions)
{
    deliveries seen = {0};
    weir_producer_options how = {
        .kafka = &options, .context = &seen, .delivered = delivered, .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    ok(weir_kafka_producer_open(&how, &producer));
    ok(weir_kafka_producer_topic(producer, 3, topic));
    assert_int_equal(weir_kafka_producer_partitions(producer, 3), 4);
    for (int i = 0; i < MESSAGES; i++) {
        char key[20], value[40];
        weir_bytes k = {(uint8_t *)key, (size_t)snprintf(key, sizeof key, "k%d", i)};
        weir_bytes v = {(uint8_t *)value, (size_t)snprintf(value, sizeof value, "value %d", i)};
        ok(weir_kafka_producer_add(producer, 3, i % partitions, k, v, i % 1000 == 7 ? 1234567 : 0,
                                   (uint64_t)i));
        if (i % 500 == 499) ok(weir_kafka_producer_send(producer));
    }
    ok(weir_kafka_producer_flush(producer, 10000));
    assert_int_equal(seen.count, MESSAGES);
    assert_int_equal(seen.tags, (uint64_t)MESSAGES * (MESSAGES - 1) / 2);
    weir_kafka_producer_close(producer);
}

static void what_is_written_is_read_in_order_to_the_end(void **state)
{
    (void)state;
    const char *topic = topic_name("reader");
    topic_make(topic);
    produce(topic, 2);
    weir_kafka_reader *reader = NULL;
    ok(weir_kafka_reader_open(&options, &reader));
    uint32_t first = 0, second = 0;
    ok(weir_kafka_reader_add(reader, topic, 0, WEIR_OFFSET_START, &first));
    ok(weir_kafka_reader_add(reader, topic, 1, 100, &second));
    int64_t next[2] = {0, 100};
    int ends = 0;
    for (int tries = 0; tries < 1000 && ends < 2; tries++) {
        const weir_fetched *items = NULL;
        size_t count = 0;
        ok(weir_kafka_reader_poll(reader, 100, 100, &items, &count, NULL));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(items[i].record.offset, next[items[i].source]);
            ends += items[i].is_end;
            next[items[i].source] += !items[i].is_end;
        }
    }
    assert_int_equal(ends, 2);
    assert_int_equal(next[0], MESSAGES / 2);
    assert_int_equal(next[1], MESSAGES / 2);
    weir_error *error = weir_kafka_reader_add(reader, "weir.test.missing", 0, 0, &first);
    assert_non_null(error);
    weir_error_free(error);
    weir_kafka_reader_close(reader);
}

typedef struct member {
    int64_t committed[4];
    int assigned, revoked;
    int64_t start;
} member;

static weir_error *assigned(void *context, weir_lane *lanes, size_t count)
{
    member *self = context;
    self->assigned++;
    for (size_t i = 0; i < count; i++) {
        lanes[i].next = lanes[i].committed >= 0 ? lanes[i].committed : lanes[i].log_start;
    }
    return NULL;
}

static weir_error *revoked(void *context, bool is_lost)
{
    member *self = context;
    assert_false(is_lost);
    self->revoked++;
    return NULL;
}

static void committed(void *context, weir_lane *lane, int64_t offset)
{
    member *self = context;
    self->committed[lane->partition] = offset;
}

static void a_member_reads_commits_and_comes_back_where_it_was(void **state)
{
    (void)state;
    char topic[100];
    (void)snprintf(topic, sizeof topic, "%s", topic_name("member"));
    topic_make(topic);
    produce(topic, 4);
    int wake = eventfd(0, EFD_NONBLOCK);
    const char *topics[] = {topic};
    weir_topic numbers[] = {9};
    int64_t left[4] = {0}; /* how far the first member came; on a busy machine it may be nowhere */
    for (int round = 0; round < 2; round++) {
        member self = {0};
        weir_consumer_options how = {.kafka = &options,
                                     .group = topic,
                                     .instance_id = round == 0 ? NULL : "one",
                                     .topics = topics,
                                     .topic_numbers = numbers,
                                     .topic_count = 1,
                                     .wake_fd = wake,
                                     .context = &self,
                                     .assigned = assigned,
                                     .revoked = revoked,
                                     .committed = committed};
        weir_kafka_consumer *consumer = NULL;
        ok(weir_kafka_consumer_open(&how, &consumer));
        size_t taken = 0, want = round == 0 ? 2000 : MESSAGES - 2000;
        bool ends_seen = false;
        for (int tries = 0; tries < 30000 && (taken < want || (round == 1 && !ends_seen));
             tries++) {
            ok(weir_kafka_consumer_serve(consumer));
            size_t count = 0;
            weir_lane *lanes = weir_kafka_consumer_lanes(consumer, &count);
            ends_seen = count > 0;
            for (size_t i = 0; i < count; i++) {
                ok(weir_lane_fill(consumer, &lanes[i], 50));
                size_t take = lanes[i].count;
                if (take > want - taken) take = want - taken;
                weir_lane_drop(&lanes[i], take);
                taken += take;
                ends_seen = ends_seen && lanes[i].is_at_end;
            }
            if (taken < want) usleep(1000);
        }
        assert_int_equal(taken, want);
        size_t count = 0;
        weir_lane *lanes = weir_kafka_consumer_lanes(consumer, &count);
        assert_int_equal(count, 4);
        weir_lane *list[4];
        int64_t at[4], sum = 0;
        for (size_t i = 0; i < 4; i++) {
            list[i] = &lanes[i];
            at[i] = lanes[i].next - (int64_t)lanes[i].count;
            sum += at[i];
            if (round == 1) assert_int_equal(lanes[i].committed, left[lanes[i].partition]);
            left[lanes[i].partition] = at[i];
        }
        assert_int_equal(sum, round == 0 ? 2000 : MESSAGES);
        ok(weir_kafka_consumer_commit_wait(consumer, list, at, 4));
        for (int i = 0; i < 4; i++)
            assert_int_equal(self.committed[list[i]->partition], at[i]);
        weir_kafka_consumer_close(consumer, false);
        assert_int_equal(self.assigned, 1);
        assert_int_equal(self.revoked, 1);
    }
    weir_admin *admin = NULL;
    ok(weir_admin_open(&options, &admin));
    int64_t offsets[4] = {0}, sum = 0;
    ok(weir_admin_committed(admin, topic, topic, 4, offsets));
    for (int i = 0; i < 4; i++)
        sum += offsets[i];
    assert_int_equal(sum, MESSAGES);
    weir_admin_close(admin);
    (void)close(wake);
}

static weir_error *lost(void *context, bool is_lost)
{
    (void)is_lost; /* told when the library is served again */
    ((member *)context)->revoked++;
    return NULL;
}

/* The whole process, as a paused machine would. */
static void stand_still(unsigned seconds)
{
    pid_t waker = fork();
    assert_true(waker >= 0);
    if (waker == 0) {
        (void)sleep(seconds);
        (void)kill(getppid(), SIGCONT);
        _exit(0);
    }
    (void)raise(SIGSTOP);
    (void)waitpid(waker, NULL, 0);
}

/* Who stands still for longer than his session is no member any more. A transaction that he has
 * open then must not move the group's position, without an instance id either. */
static void a_transaction_of_a_member_that_is_no_more_is_fenced(void **state)
{
    (void)state;
    if (mock != NULL) skip(); /* it fences nobody */
    const char *topic = topic_name("fenced");
    const char *topics[] = {topic};
    weir_topic numbers[] = {9};
    topic_make(topic);
    weir_kafka_setting brief[] = {{"session.timeout.ms", "6000"}};
    weir_kafka_options how = {.brokers = options.brokers, .settings = brief, .setting_count = 1};
    member self = {0};
    weir_consumer_options joins = {.kafka = &how,
                                   .group = topic,
                                   .topics = topics,
                                   .topic_numbers = numbers,
                                   .topic_count = 1,
                                   .wake_fd = eventfd(0, EFD_NONBLOCK),
                                   .context = &self,
                                   .assigned = assigned,
                                   .revoked = lost,
                                   .committed = committed};
    weir_producer_options with = {.kafka = &options,
                                  .transactional_id = topic,
                                  .transaction_timeout_ms = 30000,
                                  .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    weir_kafka_consumer *consumer = NULL;
    ok(weir_kafka_producer_open(&with, &producer));
    ok(weir_kafka_consumer_open(&joins, &consumer));
    for (int tries = 0; tries < 20000 && self.assigned == 0; tries++) {
        ok(weir_kafka_consumer_serve(consumer));
        usleep(1000);
    }
    assert_int_equal(self.assigned, 1);
    weir_kafka_position at = {.topic = topic, .partition = 0, .offset = 1};
    ok(weir_kafka_transaction_begin(producer));
    ok(weir_kafka_transaction_commit(producer, consumer, &at, 1)); /* as a member he may */
    ok(weir_kafka_transaction_begin(producer));
    stand_still(9);
    (void)sleep(1); /* the library hears of it */
    at.offset = 2;
    weir_error *error = weir_kafka_transaction_commit(producer, consumer, &at, 1);
    assert_non_null(error);
    weir_error_free(error);
    weir_kafka_producer_close(producer);
    weir_kafka_consumer_close(consumer, true);
    (void)close(joins.wake_fd);
    weir_admin *admin = NULL;
    int64_t offsets[4] = {0};
    ok(weir_admin_open(&options, &admin));
    ok(weir_admin_committed(admin, topic, topic, 4, offsets));
    assert_int_equal(offsets[0], 1);
    weir_admin_close(admin);
}

static void brokers_that_are_away_are_named(void **state)
{
    (void)state;
    weir_kafka_options nowhere = {.brokers = "127.0.0.1:9", .timeout_ms = 300};
    weir_admin *admin = NULL;
    ok(weir_admin_open(&nowhere, &admin));
    weir_arena arena = {0};
    const weir_broker_info *brokers = NULL;
    size_t count = 0;
    weir_error *error = weir_admin_brokers(admin, &arena, &brokers, &count);
    assert_non_null(error);
    assert_int_equal(weir_error_exit_code(error), 69);
    assert_non_null(strstr(weir_error_message(error), "127.0.0.1:9"));
    weir_error_free(error);
    weir_admin_close(admin);
    weir_arena_deinit(&arena);
}

/* A message is too large amid a batch: what stands behind it must not pass for what was sent. */
static void a_batch_that_the_library_takes_in_part_has_failed(void **state)
{
    (void)state;
    const char *topic = topic_name("refused");
    topic_make(topic);
    weir_kafka_setting small[] = {{"message.max.bytes", "2000"}};
    weir_kafka_options how = {.brokers = options.brokers, .settings = small, .setting_count = 1};
    deliveries seen = {0};
    weir_producer_options with = {
        .kafka = &how, .context = &seen, .delivered = delivered, .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    ok(weir_kafka_producer_open(&with, &producer));
    ok(weir_kafka_producer_topic(producer, 3, topic));
    static const uint8_t bytes[3000];
    for (uint64_t i = 0; i < 5; i++) {
        ok(weir_kafka_producer_add(producer, 3, 0, (weir_bytes){0},
                                   (weir_bytes){bytes, i == 2 ? sizeof bytes : 10}, 0, i));
    }
    weir_error *error = weir_kafka_producer_flush(producer, 5000);
    assert_non_null(error);
    assert_non_null(strstr(weir_error_message(error), topic));
    weir_error_free(error);
    weir_kafka_producer_close(producer);
}

/* The library has room for less than a batch: the rest goes out, in order, as there is some. */
static void a_batch_waits_for_room(void **state)
{
    (void)state;
    const char *topic = topic_name("room");
    topic_make(topic);
    weir_kafka_setting small[] = {{"queue.buffering.max.messages", "100"}};
    weir_kafka_options how = {.brokers = options.brokers, .settings = small, .setting_count = 1};
    weir_producer_options with = {.kafka = &how, .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    ok(weir_kafka_producer_open(&with, &producer));
    ok(weir_kafka_producer_topic(producer, 3, topic));
    enum { MANY = 1000 };
    for (int i = 0; i < MANY; i++) {
        ok(weir_kafka_producer_add(producer, 3, 0, (weir_bytes){0},
                                   (weir_bytes){(uint8_t *)&i, sizeof i}, 0, 0));
    }
    ok(weir_kafka_producer_flush(producer, 20000));
    weir_kafka_producer_close(producer);
    weir_kafka_reader *reader = NULL;
    uint32_t source = 0;
    int next = 0;
    ok(weir_kafka_reader_open(&options, &reader));
    ok(weir_kafka_reader_add(reader, topic, 0, WEIR_OFFSET_START, &source));
    for (int tries = 0; tries < 1000 && next < MANY; tries++) {
        const weir_fetched *items = NULL;
        size_t count = 0;
        ok(weir_kafka_reader_poll(reader, 100, 100, &items, &count, NULL));
        for (size_t i = 0; i < count; i++) {
            if (items[i].is_end) continue;
            assert_memory_equal(items[i].record.value.data, &next, sizeof next);
            next++;
        }
    }
    assert_int_equal(next, MANY);
    weir_kafka_reader_close(reader);
}

static void settings_that_exactness_needs_can_not_be_changed(void **state)
{
    (void)state;
    weir_kafka_setting bad[] = {{"enable.idempotence", "false"}};
    weir_kafka_options how = {.brokers = options.brokers, .settings = bad, .setting_count = 1};
    weir_producer_options with = {.kafka = &how, .wake_fd = -1};
    weir_kafka_producer *producer = NULL;
    weir_error *error = weir_kafka_producer_open(&with, &producer);
    assert_non_null(error);
    assert_int_equal(weir_error_exit_code(error), 78);
    weir_error_free(error);
    bad[0].name = "group.instance.id"; /* of another handle than the one that is opened */
    weir_admin *admin = NULL;
    error = weir_admin_open(&how, &admin);
    assert_non_null(error);
    assert_non_null(strstr(weir_error_message(error), "set `worker_id`"));
    weir_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_order_to_the_end),
        cmocka_unit_test(a_member_reads_commits_and_comes_back_where_it_was),
        cmocka_unit_test(a_transaction_of_a_member_that_is_no_more_is_fenced),
        cmocka_unit_test(a_batch_that_the_library_takes_in_part_has_failed),
        cmocka_unit_test(a_batch_waits_for_room),
        cmocka_unit_test(brokers_that_are_away_are_named),
        cmocka_unit_test(settings_that_exactness_needs_can_not_be_changed),
    };
#ifdef __SANITIZE_THREAD__
    (void)alarm(900);
#else
    (void)alarm(100);
#endif
    return cmocka_run_group_tests(tests, setup, teardown);
}
