/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.h - a bounded HTTP/1.1 server on libevent's loop, one thread.
 *
 * Requests of a connection are answered in order (pipelining works). Limits hold before anything is
 * stored: connections, bytes of a head and of a body, time for a head, for a body, idle time. A
 * client that is too slow is cut off with 408, one too many gets 503 at once. Handlers run on the
 * loop's thread and must not block.
 *
 * Owns: the server owns its sockets and buffers. Threads: create, run and destroy on one thread;
 * stop from any.
 */
#pragma once

#include "ops/runtime/error.h"
#include "serve/http.h"

typedef struct weir_http_server weir_http_server;
typedef void weir_http_handler(void *context, const weir_http_request *request,
                               weir_http_response *response);

typedef struct weir_http_server_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0"; port 0: any */
    uint32_t connections_max;
    size_t body_bytes_max;
    uint32_t read_timeout_ms; /* for one whole request */
    uint32_t idle_timeout_ms; /* between requests */
    weir_http_handler *handler;
    void *context;
    /* Called about every `tick_ms` on the loop's thread; NULL: never. */
    void (*tick)(void *context);
    uint32_t tick_ms;
} weir_http_server_options;

weir_error *weir_http_server_create(const weir_http_server_options *options,
                                    weir_http_server **server_out);
uint16_t weir_http_server_port(const weir_http_server *server);
weir_error *weir_http_server_run(weir_http_server *server); /* until stop */
void weir_http_server_stop(weir_http_server *server); /* finishes what is in hand; any thread */
void weir_http_server_destroy(weir_http_server *server);
