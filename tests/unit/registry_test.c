/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a small server of our own in a thread, which answers what a case tells it to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "schemas/registry.h"

typedef struct server {
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    char answer[8192]; /* status line and all */
    char request[8192];
    int requests;
    bool hang;
    bool knows_none; /* whoever looks a schema up, hears 404 */
} server;

static void serve_one(server *s, int connection)
{
    char request[8192];
    size_t size = 0;
    while (size < sizeof request - 1) {
        ssize_t got = recv(connection, request + size, sizeof request - 1 - size, 0);
        if (got <= 0) break;
        size += (size_t)got;
        request[size] = '\0';
        const char *body = strstr(request, "\r\n\r\n"),
                   *length = strstr(request, "Content-Length: ");
        if (body != NULL && (length == NULL || strlen(body + 4) >= (size_t)atoi(length + 16)))
            break;
    }
    request[size] = '\0';
    pthread_mutex_lock(&s->lock);
    char answer[8192];
    memcpy(answer, s->answer, sizeof answer);
    bool looks_up = strncmp(request, "POST ", 5) == 0 && strstr(request, "/versions") == NULL;
    if (looks_up && s->knows_none) {
        (void)snprintf(answer, sizeof answer,
                       "HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    } else {
        memcpy(s->request, request, sizeof request);
        s->requests++;
    }
    bool hang = s->hang;
    pthread_mutex_unlock(&s->lock);
    if (hang) usleep(400000);
    (void)send(connection, answer, strlen(answer), MSG_NOSIGNAL);
    close(connection);
}

static void *serve(void *context)
{
    server *s = context;
    for (;;) {
        int connection = accept(s->listener, NULL, NULL);
        if (connection < 0) return NULL;
        serve_one(s, connection);
    }
}

static void start(server *s)
{
    *s = (server){.listener = socket(AF_INET, SOCK_STREAM, 0), .lock = PTHREAD_MUTEX_INITIALIZER};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    close(s->listener);
    pthread_join(s->thread, NULL);
}

static void will_answer(server *s, int status, const char *body)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->answer, sizeof s->answer,
             "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: "
             "%zu\r\nConnection: close\r\n\r\n%s",
             status, strlen(body), body);
    pthread_mutex_unlock(&s->lock);
}

static int64_t fake_now;
static int64_t fake_clock(void *context)
{
    (void)context;
    return fake_now;
}

/* A machine that has other work to do may take its time; only who waits in vain waits less. */
enum { ANSWER_MS = 20000, VAIN_MS = 200 };

static weir_registry *open_patient(const server *s, int timeout_ms)
{
    static char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/apis/ccompat/v6/", s->port);
    weir_registry_options options = {.url = url,
                                     .user = "u",
                                     .password = "p",
                                     .timeout_ms = timeout_ms,
                                     .monotonic_us = fake_clock};
    weir_registry *registry = NULL;
    assert_null(weir_registry_open(&options, &registry));
    return registry;
}

static weir_registry *open_registry(const server *s) { return open_patient(s, ANSWER_MS); }

#define SCHEMA_JSON                                                                                \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"pay.Tx\\\",\\\"fields\\\":[{\\\"name\\\":"      \
    "\\\"a\\\",\\\"type\\\":\\\"int\\\"}]}"

static void schemas_are_asked_for_once(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    will_answer(&s, 200, "{\"schema\":\"" SCHEMA_JSON "\"}");
    const weir_schema *first = NULL, *second = NULL;
    assert_null(weir_registry_by_id(registry, 7, &first));
    assert_string_equal(first->full_name, "pay.Tx");
    assert_non_null(strstr(s.request, "GET /apis/ccompat/v6/schemas/ids/7 HTTP/1.1"));
    assert_non_null(strstr(s.request, "Authorization: Basic dTpw"));
    assert_null(weir_registry_by_id(registry, 7, &second));
    assert_ptr_equal(first, second);
    assert_int_equal(s.requests, 1);
    stop(&s);
    assert_null(weir_registry_by_id(registry, 7, &second)); /* the cache serves while it is away */
    weir_registry_close(registry);
}

static void unknown_ids_and_subjects_are_answers(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    const weir_schema *schema = NULL;
    int32_t id = 0;
    will_answer(&s, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    assert_null(weir_registry_by_id(registry, 9, &schema));
    assert_null(schema);
    will_answer(&s, 404, "{\"error_code\":40401,\"message\":\"Subject not found\"}");
    assert_null(weir_registry_latest(registry, "pay.tx-value", &id, &schema));
    assert_null(schema);
    bool fits = false;
    assert_null(weir_registry_check(registry, "pay.tx-value", "{}", &fits));
    assert_true(fits);
    will_answer(&s, 404, "<html>not here</html>"); /* a wrong path is not an unknown id */
    weir_error *error = weir_registry_by_id(registry, 10, &schema);
    assert_int_equal(weir_error_code_of(error), WEIR_E_REGISTRY);
    assert_non_null(strstr(weir_error_message(error), "registry_url"));
    weir_error_free(error);
    assert_true(weir_registry_state_of(registry).is_up);
    weir_registry_close(registry);
    stop(&s);
}

static void refused_schemas_are_refused_for_good(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    static const char *const answers[] = {
        "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":[{"
        "\\\"name\\\":\\\"r\\\",\\\"type\\\":\\\"R\\\"}]}\"}",
        "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax\"}",
        "{\"schema\":\"\\\"string\\\"\"}",
        "{\"schema\":\"" SCHEMA_JSON
        "\",\"references\":[{\"name\":\"x\",\"subject\":\"y\",\"version\":1}]}",
    };
    for (int i = 0; i < 4; i++) {
        will_answer(&s, 200, answers[i]);
        const weir_schema *schema = NULL;
        for (int again = 0; again < 2; again++) {
            weir_error *error = weir_registry_by_id(registry, i, &schema);
            assert_non_null(error);
            assert_int_equal(weir_error_class_of(error), WEIR_CLASS_CALLER);
            weir_error_free(error);
        }
        assert_int_equal(s.requests, i + 1);
    }
    weir_registry_close(registry);
    stop(&s);
}

static void an_away_registry_is_left_alone_for_a_while(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    const weir_schema *schema = NULL;
    fake_now = 1000000;
    will_answer(&s, 503, "busy");
    weir_error *error = weir_registry_by_id(registry, 1, &schema);
    assert_int_equal(weir_error_class_of(error), WEIR_CLASS_TRANSIENT);
    weir_error_free(error);
    assert_false(weir_registry_state_of(registry).is_up);
    error = weir_registry_by_id(registry, 1, &schema); /* at once, without asking */
    assert_int_equal(weir_error_code_of(error), WEIR_E_UNAVAILABLE);
    assert_non_null(strstr(weir_error_message(error), "asked again in 100 ms"));
    weir_error_free(error);
    assert_int_equal(s.requests, 1);
    fake_now += 100000;
    error = weir_registry_by_id(registry, 1, &schema);
    weir_error_free(error);
    assert_int_equal(s.requests, 2);
    assert_true(weir_registry_state_of(registry).next_try_us == fake_now + 200000);
    fake_now += 200000;
    will_answer(&s, 200, "{\"schema\":\"" SCHEMA_JSON "\"}");
    assert_null(weir_registry_by_id(registry, 1, &schema));
    weir_registry_state now = weir_registry_state_of(registry);
    assert_true(now.is_up && now.since_us == fake_now && now.failures == 2 && now.calls == 3);
    stop(&s);
    error = weir_registry_by_id(registry, 2, &schema); /* nobody listens */
    assert_int_equal(weir_error_code_of(error), WEIR_E_UNAVAILABLE);
    weir_error_free(error);
    weir_registry_close(registry);
}

static void a_slow_registry_times_out(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_patient(&s, VAIN_MS);
    s.hang = true;
    will_answer(&s, 200, "{}");
    const weir_schema *schema = NULL;
    weir_error *error = weir_registry_by_id(registry, 1, &schema);
    assert_int_equal(weir_error_code_of(error), WEIR_E_TIMEOUT);
    weir_error_free(error);
    weir_registry_close(registry);
    stop(&s);
}

static void schemas_are_registered_and_checked(void **state)
{
    (void)state;
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    int32_t id = 0;
    will_answer(&s, 200, "{\"id\":41}");
    assert_null(weir_registry_register(registry, "known", "\"int\"", &id)); /* one may only read */
    assert_int_equal(id, 41);
    assert_non_null(strstr(s.request, "POST /apis/ccompat/v6/subjects/known HTTP/1.1"));
    s.knows_none = true;
    s.requests = 0;
    will_answer(&s, 200, "{\"id\":42}");
    assert_null(weir_registry_register(registry, "a b/c", "{\"type\":\"string\"}", &id));
    assert_int_equal(id, 42);
    assert_non_null(
        strstr(s.request, "POST /apis/ccompat/v6/subjects/a%20b%2Fc/versions HTTP/1.1"));
    assert_non_null(strstr(s.request, "{\"schema\":\"{\\\"type\\\":\\\"string\\\"}\"}"));
    assert_null(weir_registry_register(registry, "a b/c", "{\"type\":\"string\"}", &id));
    assert_int_equal(s.requests, 1);
    bool fits = true;
    will_answer(&s, 200, "{\"is_compatible\":false}");
    assert_null(weir_registry_check(registry, "x", "\"int\"", &fits));
    assert_false(fits);
    will_answer(&s, 409, "{\"error_code\":409,\"message\":\"field b has no default\"}");
    weir_error *error = weir_registry_register(registry, "x", "\"int\"", &id);
    assert_int_equal(weir_error_code_of(error), WEIR_E_SCHEMA);
    assert_non_null(strstr(weir_error_message(error), "field b has no default"));
    weir_error_free(error);
    will_answer(&s, 401, "{}");
    error = weir_registry_register(registry, "x", "\"int\"", &id);
    assert_int_equal(weir_error_code_of(error), WEIR_E_PERMISSION);
    weir_error_free(error);
    weir_registry_close(registry);
    stop(&s);
}

static void strange_answers_are_errors(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "{\"schema\":5}",
                                         "{\"id\":\"x\"}",
                                         "{\"id\":-1,\"schema\":\"\\\"int\\\"\"}",
                                         "{\"id\":1}",
                                         "{{{{"};
    server s;
    start(&s);
    weir_registry *registry = open_registry(&s);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const weir_schema *schema = NULL;
        int32_t id = 0;
        will_answer(&s, 200, bodies[i]);
        weir_error *error = weir_registry_latest(registry, "x", &id, &schema);
        if (error == NULL) fail_msg("%s", bodies[i]);
        weir_error_free(error);
    }
    weir_registry_close(registry);
    stop(&s);
}

static void bad_urls_are_refused_at_open(void **state)
{
    (void)state;
    static const char *const urls[] = {"",           "localhost:8081", "ftp://x",
                                       "http://x y", "http://u:p@x",   "http://x?y"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        weir_registry *registry = NULL;
        weir_error *error = weir_registry_open(&(weir_registry_options){.url = urls[i]}, &registry);
        assert_int_equal(weir_error_code_of(error), WEIR_E_SETTINGS);
        weir_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_asked_for_once),
        cmocka_unit_test(unknown_ids_and_subjects_are_answers),
        cmocka_unit_test(refused_schemas_are_refused_for_good),
        cmocka_unit_test(an_away_registry_is_left_alone_for_a_while),
        cmocka_unit_test(a_slow_registry_times_out),
        cmocka_unit_test(schemas_are_registered_and_checked),
        cmocka_unit_test(strange_answers_are_errors),
        cmocka_unit_test(bad_urls_are_refused_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
