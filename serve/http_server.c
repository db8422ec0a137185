/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/http_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

#define CONNECTION_MAGIC 0x48545443u
enum { ANSWERS_PENDING_MAX = 8 << 20, STOP_GRACE_MS = 2000 };

typedef struct connection {
    uint32_t magic;
    weir_http_server *server;
    struct bufferevent *channel;
    struct connection *previous, *next;
    struct event *deadline; /* of the request being received, or of lingering */
    bool is_closing;        /* answer, then close */
    bool lingers;           /* ... then take in and drop what still comes, until the peer closes */
    bool sent_continue;     /* for the request being received */
    bool is_mid_request;    /* a part of a request is here */
} connection;

struct weir_http_server {
    weir_http_server_options options;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *ticker, *stopper;
    connection *connections;
    uint32_t connection_count;
    bool is_stopping;
    uint16_t port;
    weir_http_request request; /* one at a time: handlers do not block */
    weir_http_response response;
    weir_buffer answers; /* of the connection at hand, not yet sent */
};

static void close_connection(connection *c)
{
    WEIR_ASSERT(c->magic == CONNECTION_MAGIC);
    weir_http_server *server = c->server;
    if (c->previous != NULL) c->previous->next = c->next;
    if (c->next != NULL) c->next->previous = c->previous;
    if (server->connections == c) server->connections = c->next;
    server->connection_count--;
    bufferevent_free(c->channel);
    event_free(c->deadline);
    c->magic = 0;
    free(c);
    if (server->is_stopping && server->connection_count == 0)
        (void)event_base_loopexit(server->base, NULL);
}

/* HEAD is GET whose body stays here: one rule for all routes, which see a GET. */
static bool take_head(weir_http_request *request)
{
    bool is_head = request->method.size == 4 && memcmp(request->method.data, "HEAD", 4) == 0;
    if (is_head) request->method = (weir_bytes){(const uint8_t *)"GET", 3};
    return is_head;
}

static void write_answer(connection *c, bool is_head, bool keep_alive)
{
    weir_http_response *response = &c->server->response;
    weir_buffer *out = &c->server->answers;
    weir_buffer_printf(out, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n", response->status,
                       weir_http_status_text(response->status), response->body.size);
    if (response->content_type != NULL)
        weir_buffer_printf(out, "Content-Type: %s\r\n", response->content_type);
    weir_buffer_put(out, response->headers.data, response->headers.size);
    if (!keep_alive) weir_buffer_put_text(out, "Connection: close\r\n");
    if (keep_alive && c->server->request.is_1_0)
        weir_buffer_put_text(out, "Connection: keep-alive\r\n");
    weir_buffer_put(out, "\r\n", 2);
    if (!is_head) weir_buffer_put(out, response->body.data, response->body.size);
    if (!keep_alive) c->is_closing = true;
}

/* What waits to be sent to the connection at hand. */
static size_t pending(const connection *c)
{
    return c->server->answers.size + evbuffer_get_length(bufferevent_get_output(c->channel));
}

static void start_deadline(connection *c)
{
    uint32_t ms = c->server->options.read_timeout_ms;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)event_add(c->deadline, &after);
}

/* All is sent that will be. Whoever still sends is heard out for a while: a socket that is closed
 * with bytes unread resets the connection, and the peer would never see the answer (RFC 9112, 9.6).
 */
static void end_connection(connection *c)
{
    if (!c->lingers) {
        close_connection(c);
        return;
    }
    (void)shutdown(bufferevent_getfd(c->channel), SHUT_WR);
    bufferevent_setwatermark(c->channel, EV_READ, 0, 0);
    (void)bufferevent_enable(c->channel, EV_READ);
    start_deadline(c);
}

/* Sends directly: the loop would wait for the socket first, at three system calls an answer. What
 * the socket does not take is left to the loop. False: the connection is gone. */
static bool send_answers(connection *c)
{
    weir_buffer *answers = &c->server->answers;
    size_t sent = 0;
    if (evbuffer_get_length(bufferevent_get_output(c->channel)) == 0 && answers->size > 0) {
        ssize_t taken = send(bufferevent_getfd(c->channel), answers->data, answers->size,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken > 0) sent = (size_t)taken;
    }
    bool is_all = sent == answers->size;
    if (!is_all) (void)bufferevent_write(c->channel, answers->data + sent, answers->size - sent);
    weir_buffer_clear(answers);
    if (!is_all || !c->is_closing || pending(c) > 0) return true;
    end_connection(c);
    return false;
}

static void clear_response(weir_http_response *response, int status)
{
    response->status = status;
    response->content_type = "application/json";
    weir_buffer_clear(&response->headers);
    weir_buffer_clear(&response->body);
}

static const char *refusal(int status)
{
    switch (status) {
    case 400:
        return "this is no request of HTTP/1.1 as RFC 9112 writes it: one Host, one "
               "Content-Length or chunked (no extensions, no trailers), no folded headers";
    case 408: return "the request did not arrive whole within http_timeout";
    case 413: return "the body is larger than http_body_max";
    case 417: return "no expectation but 100-continue is known";
    case 431: return "the head has more than 64 headers or 16 KiB";
    case 501: return "no transfer coding but chunked is known";
    case 503: return "more than http_connections are open; try again later";
    case 505: return "only HTTP/1.1 and 1.0 are spoken here";
    default: return "the request was refused";
    }
}

/* Refusals are problem documents (RFC 9457), and end the connection: what follows can not be
 * trusted. */
static void refuse(connection *c, int status)
{
    clear_response(&c->server->response, status);
    c->server->response.content_type = "application/problem+json";
    weir_buffer_printf(&c->server->response.body,
                       "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
                       "\"detail\":\"%s\"}",
                       weir_http_status_text(status), status, refusal(status));
    write_answer(c, false, false);
}

/* A request has its deadline; between two, silence is bounded. */
static void set_timeouts(connection *c)
{
    uint32_t ms = c->server->options.idle_timeout_ms;
    struct timeval idle = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    struct timeval write = {.tv_sec = 30};
    (void)bufferevent_set_timeouts(c->channel, c->is_mid_request ? NULL : &idle, &write);
}

/* What the input now holds: a part of a request, whose time runs from its first bytes, or none. */
static void set_mid_request(connection *c, bool is_mid_request, bool is_another)
{
    if (is_mid_request == c->is_mid_request && !is_another) return;
    c->is_mid_request = is_mid_request;
    set_timeouts(c);
    if (is_mid_request)
        start_deadline(c);
    else
        (void)event_del(c->deadline);
}

/* Wakes us at `wanted` bytes, and stops reading from who sends more than one request can hold. */
static void await_bytes(connection *c, size_t wanted)
{
    size_t most = c->server->options.body_bytes_max * 2 + WEIR_HTTP_HEAD_BYTES_MAX + (64 << 10);
    bufferevent_setwatermark(c->channel, EV_READ, wanted < most ? wanted : most, most);
}

/* One request at the front of the input; false when there is none (yet, or any more). */
static bool serve_one(connection *c, bool *is_part_out)
{
    weir_http_server *server = c->server;
    struct evbuffer *in = bufferevent_get_input(c->channel);
    size_t size = evbuffer_get_length(in);
    *is_part_out = false;
    if (size == 0 || c->is_closing) return false;
    if (pending(c) > ANSWERS_PENDING_MAX) return false;
    uint8_t *data = evbuffer_pullup(in, -1);
    size_t used = 0, wanted = 0;
    int status = 0;
    weir_http_progress progress = weir_http_parse(data, size, server->options.body_bytes_max,
                                                  &server->request, &used, &wanted, &status);
    if (progress == WEIR_HTTP_MORE) {
        if (server->request.expects_continue && !c->sent_continue) {
            weir_buffer_put(&server->answers, "HTTP/1.1 100 Continue\r\n\r\n", 25);
            c->sent_continue = true;
        }
        await_bytes(c, wanted);
        *is_part_out = true;
        return false;
    }
    if (progress == WEIR_HTTP_REFUSED) {
        c->lingers = true;
        refuse(c, status);
        return false;
    }
    clear_response(&server->response, 200);
    bool is_head = take_head(&server->request);
    server->options.handler(server->options.context, &server->request, &server->response);
    write_answer(c, is_head, server->request.keep_alive && !server->is_stopping);
    (void)evbuffer_drain(in, used);
    c->sent_continue = false;
    await_bytes(c, 0);
    return true;
}

static void on_readable(struct bufferevent *channel, void *context)
{
    connection *c = context;
    WEIR_ASSERT(c->magic == CONNECTION_MAGIC);
    if (c->is_closing) { /* it lingers */
        struct evbuffer *in = bufferevent_get_input(channel);
        (void)evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    bool more = true, is_part = false, is_another = false;
    while (more) { /* as long as the socket takes it: what waits for the peer is bounded */
        more = false;
        while (serve_one(c, &is_part))
            more = is_another = true;
        if (!send_answers(c)) return;
    }
    set_mid_request(c, is_part, is_another);
    if (c->is_closing) (void)bufferevent_disable(c->channel, EV_READ);
}

static void on_written(struct bufferevent *channel, void *context)
{
    (void)channel;
    connection *c = context;
    if (c->is_closing) {
        end_connection(c);
    } else if (evbuffer_get_length(bufferevent_get_input(c->channel)) > 0) {
        on_readable(channel, c);
    }
}

/* Gone, or silent for too long. Who has said all that it will say still gets its answers. */
static void on_event(struct bufferevent *channel, short what, void *context)
{
    connection *c = context;
    if ((what & BEV_EVENT_EOF) == 0 || evbuffer_get_length(bufferevent_get_output(channel)) == 0) {
        close_connection(c);
        return;
    }
    c->is_closing = true;
    c->lingers = false;
    (void)bufferevent_disable(channel, EV_READ);
}

static void on_deadline(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    connection *c = context;
    WEIR_ASSERT(c->magic == CONNECTION_MAGIC);
    if (c->is_closing) {
        close_connection(c);
        return;
    }
    refuse(c, 408);
    (void)bufferevent_disable(c->channel, EV_READ);
    (void)send_answers(c);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t socket,
                      struct sockaddr *address, int length, void *context)
{
    (void)listener;
    (void)address;
    (void)length;
    weir_http_server *server = context;
    int one = 1;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection *c = calloc(1, sizeof *c);
    struct bufferevent *channel =
        c == NULL ? NULL : bufferevent_socket_new(server->base, socket, BEV_OPT_CLOSE_ON_FREE);
    if (channel == NULL) {
        free(c);
        (void)evutil_closesocket(socket);
        return;
    }
    *c = (connection){.magic = CONNECTION_MAGIC,
                      .server = server,
                      .channel = channel,
                      .deadline = evtimer_new(server->base, on_deadline, c),
                      .next = server->connections};
    WEIR_ASSERT(c->deadline != NULL);
    if (server->connections != NULL) server->connections->previous = c;
    server->connections = c;
    server->connection_count++;
    bufferevent_setcb(channel, on_readable, on_written, on_event, c);
    set_timeouts(c);
    await_bytes(c, 0);
    (void)bufferevent_enable(channel, EV_READ | EV_WRITE);
    if (server->connection_count > server->options.connections_max) {
        refuse(c, 503);
        (void)bufferevent_disable(channel, EV_READ);
        (void)send_answers(c);
    }
}

static void on_tick(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    weir_http_server *server = context;
    server->options.tick(server->options.context);
}

static void on_stop(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    weir_http_server *server = context;
    server->is_stopping = true;
    (void)evconnlistener_disable(server->listener);
    connection *next = NULL;
    for (connection *c = server->connections; c != NULL; c = next) {
        next = c->next;
        if (!c->is_mid_request && evbuffer_get_length(bufferevent_get_output(c->channel)) == 0)
            close_connection(c);
    }
    struct timeval grace = {.tv_sec = STOP_GRACE_MS / 1000};
    (void)event_base_loopexit(server->base, server->connection_count == 0 ? NULL : &grace);
}

/* getaddrinfo takes 99999 for a port, and makes 34463 of it. */
static bool is_port(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= 5 && strspn(text, "0123456789") == size &&
           strtol(text, NULL, 10) <= UINT16_MAX;
}

/* "host:port" with a numeric address; IPv6 in brackets; port 0 lets the kernel choose. */
static weir_error *parse_address(const char *text, struct addrinfo **address_out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    const char *start = text;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        start++;
        size -= 2;
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    if (colon != NULL && size > 0 && size < sizeof host && is_port(colon + 1)) {
        memcpy(host, start, size);
        host[size] = '\0';
        if (getaddrinfo(host, colon + 1, &hints, address_out) == 0) return NULL;
    }
    return weir_error_new(WEIR_E_SETTINGS,
                          "`%s` is no address to listen at; write it as 127.0.0.1:8080 or "
                          "[::1]:8080",
                          text);
}

static weir_error *start_listening(weir_http_server *server)
{
    struct addrinfo *address = NULL;
    WEIR_TRY(parse_address(server->options.listen, &address));
    server->listener =
        evconnlistener_new_bind(server->base, on_accept, server,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
                                1024, address->ai_addr, (int)address->ai_addrlen);
    freeaddrinfo(address);
    if (server->listener == NULL) {
        return weir_error_new(WEIR_E_UNAVAILABLE,
                              "listening on %s: %s; is another process using the port?",
                              server->options.listen, strerror(errno));
    }
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    (void)getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&bound, &size);
    server->port = bound.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
                                               : ntohs(((struct sockaddr_in *)&bound)->sin_port);
    return NULL;
}

weir_error *weir_http_server_create(const weir_http_server_options *options,
                                    weir_http_server **server_out)
{
    WEIR_ASSERT(options->handler != NULL && options->connections_max > 0);
    *server_out = NULL;
    (void)evthread_use_pthreads(); /* stop() comes from another thread */
    weir_http_server *server = calloc(1, sizeof *server);
    WEIR_ASSERT(server != NULL);
    server->options = *options;
    server->base = event_base_new();
    WEIR_ASSERT(server->base != NULL);
    weir_error *error = start_listening(server);
    if (error != NULL) {
        weir_http_server_destroy(server);
        return error;
    }
    server->stopper = event_new(server->base, -1, 0, on_stop, server);
    if (options->tick != NULL) {
        struct timeval every = {.tv_sec = options->tick_ms / 1000,
                                .tv_usec = (options->tick_ms % 1000) * 1000};
        server->ticker = event_new(server->base, -1, EV_PERSIST, on_tick, server);
        (void)event_add(server->ticker, &every);
    }
    *server_out = server;
    return NULL;
}

uint16_t weir_http_server_port(const weir_http_server *server) { return server->port; }

weir_error *weir_http_server_run(weir_http_server *server)
{
    if (event_base_loop(server->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0) {
        return weir_error_new(WEIR_E_IO, "the server's event loop failed");
    }
    return NULL;
}

void weir_http_server_stop(weir_http_server *server)
{
    event_active(server->stopper, EV_TIMEOUT, 0);
}

void weir_http_server_destroy(weir_http_server *server)
{
    if (server == NULL) return;
    server->is_stopping = false;
    while (server->connections != NULL)
        close_connection(server->connections);
    if (server->ticker != NULL) event_free(server->ticker);
    if (server->stopper != NULL) event_free(server->stopper);
    if (server->listener != NULL) evconnlistener_free(server->listener);
    if (server->base != NULL) event_base_free(server->base);
    weir_buffer_deinit(&server->answers);
    weir_buffer_deinit(&server->response.headers);
    weir_buffer_deinit(&server->response.body);
    free(server);
}
