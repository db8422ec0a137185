/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"

enum { ANSWER_BYTES_MAX = 4 << 20 };

struct weir_http_client {
    CURL *curl;
    weir_buffer answer;
    size_t limit;
    bool is_too_large;
    char problem[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

weir_http_client *weir_http_client_create(void)
{
    (void)pthread_once(&once, start_curl);
    weir_http_client *client = calloc(1, sizeof *client);
    WEIR_ASSERT(client != NULL);
    client->curl = curl_easy_init();
    WEIR_ASSERT(client->curl != NULL);
    return client;
}

void weir_http_client_destroy(weir_http_client *client)
{
    if (client == NULL) return;
    curl_easy_cleanup(client->curl);
    weir_buffer_deinit(&client->answer);
    free(client);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    weir_http_client *client = context;
    size_t bytes = size * count;
    client->is_too_large = bytes > client->limit - client->answer.size;
    if (client->is_too_large) return 0;
    weir_buffer_put(&client->answer, data, bytes);
    return bytes;
}

static void set_call(weir_http_client *client, const weir_http_call *call,
                     struct curl_slist *headers)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, call->url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)call->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->problem);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    if (call->body.data != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.data);
    }
    if (call->user != NULL && call->user[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, call->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD,
                               call->password != NULL ? call->password : "");
    }
}

static struct curl_slist *add_header(struct curl_slist *headers, weir_arena *into, const char *name,
                                     const char *value)
{
    if (value == NULL) return headers;
    struct curl_slist *longer =
        curl_slist_append(headers, weir_arena_printf(into, "%s: %s", name, value));
    WEIR_ASSERT(longer != NULL);
    return longer;
}

static weir_error *call_failed(const weir_http_client *client, CURLcode code, const char *url)
{
    const char *why = client->problem[0] != '\0' ? client->problem : curl_easy_strerror(code);
    if (client->is_too_large)
        return weir_error_new(WEIR_E_LIMIT, "%s: the answer is larger than %zu bytes", url,
                              client->limit);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return weir_error_new(WEIR_E_TIMEOUT, "%s: %s", url, why);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return weir_error_new(WEIR_E_SETTINGS, "%s: %s; write it as http://host:port/path", url,
                              why);
    default: return weir_error_new(WEIR_E_UNAVAILABLE, "%s: %s", url, why);
    }
}

weir_error *weir_http_client_call(weir_http_client *client, const weir_http_call *call,
                                  weir_arena *into, int *status_out, weir_bytes *body_out)
{
    WEIR_ASSERT(call->method != NULL && call->url != NULL && call->timeout_ms > 0);
    weir_buffer_clear(&client->answer);
    client->limit = call->answer_bytes_max > 0 ? call->answer_bytes_max : ANSWER_BYTES_MAX;
    client->is_too_large = false;
    client->problem[0] = '\0';
    struct curl_slist *headers = add_header(NULL, into, "Content-Type", call->content_type);
    headers = add_header(headers, into, "Accept", call->accept);
    set_call(client, call, headers);
    CURLcode code = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) return call_failed(client, code, call->url);
    long status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    *status_out = (int)status;
    char *copy = weir_arena_string(into, (const char *)client->answer.data, client->answer.size);
    *body_out = (weir_bytes){(const uint8_t *)copy, client->answer.size};
    return NULL;
}
