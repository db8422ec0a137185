/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serve/http.h"

typedef struct outcome {
    weir_http_progress progress;
    weir_http_request request;
    size_t used, wanted;
    int status;
    uint8_t data[64 * 1024];
} outcome;

static outcome parse_bytes(const char *text, size_t size)
{
    static outcome out;
    memcpy(out.data, text, size);
    out.progress =
        weir_http_parse(out.data, size, 4096, &out.request, &out.used, &out.wanted, &out.status);
    return out;
}

static void assert_refused(const char *text, int status)
{
    static outcome out;
    size_t size = strlen(text);
    memcpy(out.data, text, size);
    out.progress =
        weir_http_parse(out.data, size, 4096, &out.request, &out.used, &out.wanted, &out.status);
    if (out.progress != WEIR_HTTP_REFUSED || out.status != status) {
        fail_msg("progress %d status %d, wanted %d, for:\n%s", out.progress, out.status, status,
                 text);
    }
}

static void assert_body(const char *text, const char *body)
{
    static outcome out;
    size_t size = strlen(text);
    for (size_t part = 0; part < size;
         part++) { /* every prefix asks for more, none is refused or taken */
        memcpy(out.data, text, part);
        assert_int_equal(weir_http_parse(out.data, part, 4096, &out.request, &out.used, &out.wanted,
                                         &out.status),
                         WEIR_HTTP_MORE);
        assert_true(out.wanted > part && out.wanted <= size);
    }
    memcpy(out.data, text, size);
    memcpy(out.data + size, "GET", 3);
    assert_int_equal(weir_http_parse(out.data, size + 3, 4096, &out.request, &out.used, &out.wanted,
                                     &out.status),
                     WEIR_HTTP_REQUEST);
    assert_int_equal(out.used, size);
    assert_int_equal(out.request.body.size, strlen(body));
    assert_memory_equal(out.request.body.data, body, strlen(body));
}

static void requests_are_framed_exactly(void **state)
{
    (void)state;
    assert_body("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "");
    assert_body("POST /x HTTP/1.1\r\nhost: a\r\nCONTENT-LENGTH: 5\r\n\r\nhello", "hello");
    assert_body("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                "chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
                "abc0123456789");
}

static void parts_of_a_request_are_found(void **state)
{
    (void)state;
    const char *text = "POST /a/b?c=d&e HTTP/1.1\r\nHost: h\r\nX-Thing: \t two words "
                       "\r\nConnection: a, Close\r\n\r\n";
    outcome out = parse_bytes(text, strlen(text));
    assert_int_equal(out.progress, WEIR_HTTP_REQUEST);
    assert_int_equal(out.request.path.size, 4);
    assert_int_equal(out.request.query.size, 5);
    assert_false(out.request.keep_alive);
    assert_int_equal(out.request.header_count, 3);
    assert_true(weir_http_name_is(out.request.headers[1].name, "x-thing"));
    assert_int_equal(out.request.headers[1].value.size, 9);
}

static void an_expectation_of_http_1_0_is_passed_over(void **state)
{
    (void)state;
    const char *text = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    outcome out = parse_bytes(text, strlen(text));
    assert_int_equal(out.progress, WEIR_HTTP_MORE);
    assert_false(out.request.expects_continue);
    text = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert_true(parse_bytes(text, strlen(text)).request.expects_continue);
}

static void assert_target(const char *target, const char *path, const char *query)
{
    char text[200];
    int size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: b\r\n\r\n", target);
    outcome out = parse_bytes(text, (size_t)size);
    assert_int_equal(out.progress, WEIR_HTTP_REQUEST);
    assert_int_equal(out.request.path.size, strlen(path));
    assert_memory_equal(out.request.path.data, path, strlen(path));
    assert_int_equal(out.request.query.size, strlen(query));
    if (query[0] != '\0') assert_memory_equal(out.request.query.data, query, strlen(query));
}

static void a_target_in_absolute_form_is_its_path(void **state)
{
    (void)state;
    assert_target("http://a/b/c?d=e?f", "/b/c", "d=e?f");
    assert_target("HTTPS://a:80/b", "/b", "");
    assert_target("http://[::1]:8080/", "/", "");
    assert_target("http://a", "/", "");
    assert_target("http://a?b", "/", "b");
    assert_target("/http://a?", "/http://a", "");
}

static void smuggling_and_sloppiness_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\n"),
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i], 400);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
                   501);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501);
    assert_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4097\r\n\r\n", 413);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
                   413);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417);
}

static void heads_are_bounded(void **state)
{
    (void)state;
    static char text[40000];
    size_t size = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++)
        size += (size_t)sprintf(text + size, "H%d: v\r\n", i);
    memcpy(text + size, "\r\n", 3);
    assert_refused(text, 431);
    memset(text, 'a', 20000);
    text[20000] = 0;
    assert_refused(text, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_framed_exactly),
        cmocka_unit_test(parts_of_a_request_are_found),
        cmocka_unit_test(a_target_in_absolute_form_is_its_path),
        cmocka_unit_test(an_expectation_of_http_1_0_is_passed_over),
        cmocka_unit_test(smuggling_and_sloppiness_are_refused),
        cmocka_unit_test(heads_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
