/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.h - one HTTP request and its answer, within bounds, over libcurl.
 *
 * For the schema registry and for commands that ask a running server. http and https only;
 * redirects are not followed; an answer above `answer_bytes_max` is an error. A server that can not
 * be reached is WEIR_E_UNAVAILABLE, one that does not answer in time WEIR_E_TIMEOUT; any HTTP
 * status is an answer, not an error.
 *
 * Owns:    a client keeps its connection from call to call. Threads: one thread at a time.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

typedef struct weir_http_client weir_http_client;

typedef struct weir_http_call {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *url;
    const char *content_type; /* of the body; NULL: none */
    const char *accept;       /* or NULL */
    weir_bytes body;
    const char *user, *password; /* HTTP basic; NULL: none */
    uint32_t timeout_ms;         /* of the whole call; also the connection's */
    size_t answer_bytes_max;     /* 0: 4 MiB */
} weir_http_call;

weir_http_client *weir_http_client_create(void);
void weir_http_client_destroy(weir_http_client *client); /* NULL is fine */
/* The answer's body lives in `into`, with a NUL behind it. */
weir_error *weir_http_client_call(weir_http_client *client, const weir_http_call *call,
                                  weir_arena *into, int *status_out, weir_bytes *body_out);
