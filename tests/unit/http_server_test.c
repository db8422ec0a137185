/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/http_server.h"

typedef struct fixture {
    weir_http_server *server;
    pthread_t thread;
} fixture;

static void echo(void *context, const weir_http_request *request, weir_http_response *response)
{
    (void)context;
    response->content_type = "text/plain";
    weir_buffer_put(&response->body, request->path.data, request->path.size);
    weir_buffer_put(&response->body, request->body.data, request->body.size);
}

static void *run(void *context)
{
    weir_error_free(weir_http_server_run(context));
    return NULL;
}

static int set_up_with(void **state, uint32_t read_timeout_ms)
{
    fixture *f = calloc(1, sizeof *f);
    weir_http_server_options options = {.listen = "127.0.0.1:0",
                                        .connections_max = 3,
                                        .body_bytes_max = 1 << 20,
                                        .read_timeout_ms = read_timeout_ms,
                                        .idle_timeout_ms = 5000,
                                        .handler = echo};
    assert_null(weir_http_server_create(&options, &f->server));
    assert_int_equal(pthread_create(&f->thread, NULL, run, f->server), 0);
    *state = f;
    return 0;
}

static int set_up(void **state) { return set_up_with(state, 200); }

/* For what takes its time on a machine that has other work. */
static int set_up_patient(void **state) { return set_up_with(state, 60000); }

static int tear_down(void **state)
{
    fixture *f = *state;
    weir_http_server_stop(f->server);
    (void)pthread_join(f->thread, NULL);
    weir_http_server_destroy(f->server);
    free(f);
    return 0;
}

/* receive_bytes: what the socket takes in unread; 0: what the system gives. */
static int dial_with(const fixture *f, int receive_bytes)
{
    int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes > 0)
        (void)setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(weir_http_server_port(f->server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(socket_fd, (struct sockaddr *)&address, sizeof address), 0);
    struct timeval timeout = {.tv_sec = 5};
    (void)setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return socket_fd;
}

static int dial(const fixture *f) { return dial_with(f, 0); }

/* Reads until `want` has been seen; fails when the peer closes or time runs out. */
static void expect(int socket_fd, const char *want)
{
    char got[8192] = {0};
    size_t size = 0;
    while (strstr(got, want) == NULL) {
        ssize_t n = read(socket_fd, got + size, sizeof got - 1 - size);
        if (n <= 0) fail_msg("wanted %s, got %s", want, got);
        size += (size_t)n;
    }
}

static void put(int socket_fd, const char *text)
{
    assert_int_equal(write(socket_fd, text, strlen(text)), strlen(text));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    int fd = dial(*state);
    put(fd, "GET /one HTTP/1.1\r\nHost: a\r\n\r\nPOST /two HTTP/1.1\r\nHost: a\r\nContent-Length: "
            "2\r\n\r\nxyGET /thr");
    expect(fd, "/twoxy");
    put(fd, "ee HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(fd, "/three");
    char rest;
    assert_int_equal(read(fd, &rest, 1), 0);
    (void)close(fd);
}

static void head_is_answered_as_get_without_its_body(void **state)
{
    int fd = dial(*state);
    put(fd, "HEAD /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, "Content-Length: 4\r\nContent-Type: text/plain\r\n\r\nHTTP/1.1 200 OK\r\n");
    (void)close(fd);
}

static void a_refusal_says_what_is_wrong(void **state)
{
    int fd = dial(*state);
    put(fd, "GET /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
    expect(fd, "no transfer coding but chunked");
    (void)close(fd);
}

static void slow_clients_get_408_and_are_cut(void **state)
{
    int fd = dial(*state);
    put(fd, "GET /slow HTTP/1.1\r\nHos");
    expect(fd, "HTTP/1.1 408 ");
    (void)close(fd);
}

static void a_request_that_drips_in_has_no_longer(void **state)
{
    static const char *const heads[] = {
        "GET /slow HTTP/1.1\r\n", "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n",
        "GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\n"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int fd = dial(*state);
        put(fd, heads[i]);
        if (i == 2) expect(fd, "/one");
        char got[200];
        ssize_t n = -1;
        for (int k = 0; k < 100 && n < 0;
             k++) { /* never silent for as long as a request may take */
            (void)send(fd, "a", 1, MSG_NOSIGNAL);
            (void)usleep(50000);
            n = recv(fd, got, sizeof got, MSG_DONTWAIT);
        }
        assert_true(n > 13 && memcmp(got, "HTTP/1.1 408 ", 13) == 0);
        (void)close(fd);
    }
}

static void send_much(int fd, size_t bytes)
{
    static char much[1 << 16];
    for (size_t sent = 0; sent < bytes;) {
        size_t part = bytes - sent < sizeof much ? bytes - sent : sizeof much;
        ssize_t n = send(fd, much, part, MSG_NOSIGNAL);
        if (n <= 0) fail_msg("cut off after %zu bytes", sent);
        sent += (size_t)n;
    }
}

static void a_refusal_reaches_who_is_still_sending(void **state)
{
    int fd = dial(*state);
    put(fd, "POST /much HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n");
    send_much(fd, 32 << 20);
    expect(fd, "HTTP/1.1 413 ");
    (void)close(fd);
}

static void who_has_said_all_gets_the_whole_answer(void **state)
{
    int fd = dial_with(*state, 1 << 16); /* else the sockets take it all */
    for (int i = 0; i < 8; i++) {
        put(fd, "POST /much HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        send_much(fd, 1000000);
    }
    (void)shutdown(fd, SHUT_WR);
    (void)usleep(300000); /* the server sees the end while answers wait */
    static char got[1 << 16];
    size_t size = 0;
    for (ssize_t n = 0; (n = read(fd, got, sizeof got)) > 0; size += (size_t)n) {
    }
    assert_true(size > 8000000);
    (void)close(fd);
}

static void http_1_0_is_told_that_the_connection_is_kept(void **state)
{
    int fd = dial(*state);
    put(fd, "GET /one HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    expect(fd, "Connection: keep-alive\r\n\r\n/one");
    put(fd, "GET /two HTTP/1.0\r\n\r\n");
    expect(fd, "Connection: close\r\n\r\n/two");
    (void)close(fd);
}

static void one_connection_too_many_gets_503(void **state)
{
    int fds[4];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(*state);
        put(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fds[i], "/x");
    }
    fds[3] = dial(*state);
    expect(fds[3], "HTTP/1.1 503 ");
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
}

static void large_and_chunked_bodies_arrive(void **state)
{
    int fd = dial(*state);
    put(fd, "POST /c HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
            "chunked\r\n\r\n");
    expect(fd, "100 Continue");
    put(fd, "4\r\nabcd\r\n");
    put(fd, "2\r\nef\r\n0\r\n\r\n");
    expect(fd, "/cabcdef");
    (void)close(fd);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",          "8080",        ":8080",          "localhost:0",
        "127.0.0.1", "127.0.0.1:",  "127.0.0.1:-1",   "127.0.0.1:+1",
        "[::1]",     "127.0.0.1:x", "127.0.0.1:65536"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_http_server *server = NULL;
        weir_http_server_options options = {
            .listen = wrong[i], .connections_max = 1, .handler = echo};
        weir_error *error = weir_http_server_create(&options, &server);
        if (error == NULL) fail_msg("listens at `%s`", wrong[i]);
        assert_int_equal(weir_error_exit_code(error), 78);
        weir_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(head_is_answered_as_get_without_its_body, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_says_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_clients_get_408_and_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_that_drips_in_has_no_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_reaches_who_is_still_sending, set_up_patient,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_has_said_all_gets_the_whole_answer, set_up_patient,
                                        tear_down),
        cmocka_unit_test_setup_teardown(http_1_0_is_told_that_the_connection_is_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_connection_too_many_gets_503, set_up, tear_down),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test_setup_teardown(large_and_chunked_bodies_arrive, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
