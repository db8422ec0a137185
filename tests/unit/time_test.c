/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schemas/time.h"

static const char *print(int64_t time_us)
{
    static char text[41];
    text[weir_time_print(time_us, text)] = '\0';
    return text;
}

static void civil_dates_cover_all_of_int64(void **state)
{
    (void)state;
    assert_string_equal(print(0), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(print(-1), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(print(1772366400000000), "2026-03-01T12:00:00.000000Z");
    assert_string_equal(print(951782400000000), "2000-02-29T00:00:00.000000Z");
    assert_string_equal(print(INT64_MAX), "+294247-01-10T04:00:54.775807Z");
    assert_string_equal(print(INT64_MIN), "-290308-12-21T19:59:05.224192Z");
    static const int64_t times[] = {
        0, INT64_MAX, INT64_MIN, 253402300799999999, 253402300800000000, -62167219200000001, 1};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        weir_civil civil = weir_civil_from_time(times[i]);
        int64_t back = 0;
        assert_true(weir_time_from_civil(&civil, &back) && back == times[i]);
        const char *text = print(times[i]);
        assert_true(weir_time_parse(text, strlen(text), &back) && back == times[i]);
    }
    assert_int_equal(weir_civil_from_time(0).weekday, 4);
    assert_int_equal(weir_civil_from_time(-WEIR_US_PER_DAY * 4).weekday, 7);
    assert_int_equal(weir_civil_from_time(INT64_MIN).weekday, 7);
}

static void check_parse(const char *text, const char *want)
{
    int64_t time = 7;
    bool ok = weir_time_parse(text, strlen(text), &time);
    if (ok != (want != NULL)) fail_msg("%s: %d", text, ok);
    if (ok) assert_string_equal(print(time), want);
}

static void rfc3339_is_read_strictly(void **state)
{
    (void)state;
    check_parse("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z");
    check_parse("2026-03-01t12:00:00z", "2026-03-01T12:00:00.000000Z");
    check_parse("2026-03-01 12:00:00.5Z", "2026-03-01T12:00:00.500000Z");
    check_parse("2026-03-01T12:00:00.123456000Z", "2026-03-01T12:00:00.123456Z");
    check_parse("2026-03-01T12:00:00+01:30", "2026-03-01T10:30:00.000000Z");
    check_parse("2026-03-01T00:00:00-23:59", "2026-03-01T23:59:00.000000Z");
    check_parse("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z");
    static const char *const bad[] = {
        "",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-3-1T12:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00ZZ",
        " 2026-01-01T00:00:00Z",
        "+294247-01-10T04:00:54.775808Z",
        "-290308-12-21T19:59:05.224191Z",
        "20260101T000000Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T-1:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_parse(bad[i], NULL);
}

/* A small t or z goes digit by digit: seeded texts, most of them times, read alike by both ways. */
static void usual_times_are_read_as_unusual_ones(void **state)
{
    (void)state;
    static const char bytes[] = "0123456789-:T.Z+/;";
    uint64_t seed = 31;
    size_t read = 0;
    for (int round = 0; round < 100000; round++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned r = (unsigned)(seed >> 32);
        char usual[64], unusual[64];
        (void)snprintf(usual, sizeof usual, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", r % 10000,
                       r / 7 % 14, r / 11 % 33, r / 13 % 25, r / 17 % 61, r / 19 % 61,
                       r % 2 == 0 ? "" : ".250");
        if (r % 5 == 0) usual[r / 23 % 20] = bytes[r / 29 % (sizeof bytes - 1)];
        memcpy(unusual, usual, sizeof usual);
        if (unusual[10] == 'T') unusual[10] = 't';
        int64_t a = 0, b = 0;
        bool is_time = weir_time_parse(usual, strlen(usual), &a);
        assert_int_equal(weir_time_parse(unusual, strlen(unusual), &b), is_time);
        assert_int_equal(a, b);
        read += is_time;
    }
    assert_true(read > 50000);
}

static void a_date_alone_is_its_midnight_in_utc(void **state)
{
    (void)state;
    int64_t time = 7;
    assert_true(weir_date_parse("2024-02-29", 10, &time));
    assert_string_equal(print(time), "2024-02-29T00:00:00.000000Z");
    assert_true(weir_date_parse("1969-12-31", 10, &time) && time == -WEIR_US_PER_DAY);
    static const char *const bad[] = {"",          "2026-02-29",  "2026-3-1",
                                      "2026-03-0", "2026-03-01T", "2026-03-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_date_parse(bad[i], strlen(bad[i]), &time));
}

/* -- Zones -- */

static weir_buffer read_file(const char *path)
{
    weir_buffer bytes = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return bytes;
    uint8_t *to = weir_buffer_reserve(&bytes, 1 << 20);
    bytes.size = fread(to, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static const weir_zone *load_zone(const char *name, weir_arena *arena)
{
    char path[300];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    weir_buffer bytes = read_file(path);
    if (bytes.size == 0) return NULL;
    const weir_zone *zone = NULL;
    weir_error *error = weir_zone_parse(name, (weir_bytes){bytes.data, bytes.size}, arena, &zone);
    if (error != NULL) fail_msg("%s", weir_error_message(error));
    weir_buffer_deinit(&bytes);
    return zone;
}

static void check_same_offsets(const weir_zone *a, const weir_zone *b, int64_t from_s, int64_t to_s,
                               int64_t step_s)
{
    for (int64_t t = from_s; t < to_s; t += step_s)
        assert_true(weir_zone_offset_us(a, t * WEIR_US_PER_S) ==
                    weir_zone_offset_us(b, t * WEIR_US_PER_S));
}

static void check_against_libc(const char *name, weir_arena *arena)
{
    const weir_zone *zone = load_zone(name, arena);
    if (zone == NULL) return;
    setenv("TZ", name, 1);
    tzset();
    for (time_t t = -4000000000; t < 9000000000; t += 1234567) {
        struct tm local;
        localtime_r(&t, &local);
        int64_t got = weir_zone_offset_us(zone, (int64_t)t * WEIR_US_PER_S) / WEIR_US_PER_S;
        if (got != local.tm_gmtoff)
            fail_msg("%s at %lld: %lld, libc %ld", name, (long long)t, (long long)got,
                     local.tm_gmtoff);
    }
    weir_buffer code = {0};
    weir_zone_encode(zone, &code);
    weir_reader reader = weir_reader_of(code.data, code.size);
    const weir_zone *back = NULL;
    assert_null(weir_zone_decode(&reader, arena, &back));
    assert_int_equal(weir_reader_left(&reader), 0);
    check_same_offsets(zone, back, -4000000000, 9000000000, 7654321);
    weir_buffer_deinit(&code);
}

static void zones_agree_with_libc(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Europe/Prague",     "America/New_York",  "Asia/Kolkata",  "Australia/Lord_Howe",
        "America/Sao_Paulo", "Africa/Casablanca", "Europe/Dublin", "Asia/Tehran",
        "Pacific/Apia",      "America/Nuuk",      "Asia/Gaza",     "UTC",
        "Antarctica/Troll",  "Pacific/Chatham",
    };
    weir_arena arena = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_against_libc(names[i], &arena);
    weir_arena_deinit(&arena);
}

static void edges_of_summer_time(void **state)
{
    (void)state;
    weir_arena arena = {0};
    const weir_zone *prague = load_zone("Europe/Prague", &arena);
    if (prague == NULL) skip();
    static const struct {
        const char *at;
        int hours;
    } cases[] = {
        {"2026-03-29T00:59:59.999999Z", 1}, {"2026-03-29T01:00:00Z", 2},
        {"2026-10-25T00:59:59.999999Z", 2}, {"2026-10-25T01:00:00Z", 1},
        {"2400-07-01T00:00:00Z", 2},        {"9999-12-31T00:00:00Z", 1},
        {"+290000-07-01T00:00:00Z", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t t = 0;
        assert_true(weir_time_parse(cases[i].at, strlen(cases[i].at), &t));
        assert_true(weir_zone_offset_us(prague, t) == cases[i].hours * 3600 * WEIR_US_PER_S);
    }
    (void)weir_zone_offset_us(prague, INT64_MAX);
    (void)weir_zone_offset_us(prague, INT64_MIN);
    weir_arena_deinit(&arena);
}

/* A version 2 file of no transitions: only a footer. */
static size_t tzif_of(const char *footer, uint8_t *out)
{
    static const uint8_t header[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4};
    static const uint8_t block[10] = {0, 0, 0, 0, 0, 0, 'L', 'M', 'T', 0};
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        memcpy(out + n, header, 44);
        memcpy(out + n + 44, block, 10);
        n += 54;
    }
    out[n++] = '\n';
    memcpy(out + n, footer, strlen(footer));
    n += strlen(footer);
    out[n++] = '\n';
    return n;
}

static weir_error *parse_footer_zone(const char *footer, weir_arena *arena, const weir_zone **zone)
{
    uint8_t bytes[512];
    size_t size = tzif_of(footer, bytes);
    return weir_zone_parse("Test/Zone", (weir_bytes){bytes, size}, arena, zone);
}

static void footers_of_all_kinds(void **state)
{
    (void)state;
    weir_arena arena = {0};
    const weir_zone *zone = NULL;
    assert_null(parse_footer_zone("EST5EDT,0/0,J365/25", &arena, &zone)); /* summer time all year */
    for (int64_t t = 0; t < 1000; t++)
        assert_true(weir_zone_offset_us(zone, t * WEIR_US_PER_DAY) == -4 * 3600 * WEIR_US_PER_S);
    assert_null(parse_footer_zone("<+0330>-3:30<+0430>,J79/24,J263/24", &arena, &zone));
    assert_true(weir_zone_offset_us(zone, 0) == 12600 * WEIR_US_PER_S);
    assert_null(parse_footer_zone("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &arena, &zone));
    assert_true(weir_zone_offset_us(zone, 1782864000 * WEIR_US_PER_S) == -3600 * WEIR_US_PER_S);
    static const char *const bad[] = {"E5",
                                      "EST",
                                      "EST99",
                                      "EST5EDT",
                                      "EST5EDT,M13.1.0,M1.1.0",
                                      "EST5EDT,M3.1.7,M1.1.0",
                                      "EST5EDT,M3.2.0",
                                      "EST5EDT,J0,J1",
                                      "EST5EDT,M3.2.0,M11.1.0x",
                                      "EST5EDT,366,1",
                                      "<+03-3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_error *error = parse_footer_zone(bad[i], &arena, &zone);
        if (error == NULL) fail_msg("accepted: %s", bad[i]);
        weir_error_free(error);
    }
    weir_arena_deinit(&arena);
}

static void damaged_zone_files_are_refused(void **state)
{
    (void)state;
    weir_arena arena = {0};
    weir_buffer bytes = read_file("/usr/share/zoneinfo/Europe/Prague");
    if (bytes.size == 0) skip();
    const weir_zone *zone = NULL;
    for (size_t size = 0; size < bytes.size; size++) {
        weir_error *error = weir_zone_parse("x", (weir_bytes){bytes.data, size}, &arena, &zone);
        if (error == NULL) fail_msg("accepted %zu of %zu bytes", size, bytes.size);
        weir_error_free(error);
        weir_arena_reset(&arena);
    }
    srand(1);
    for (int i = 0; i < 3000; i++) {
        weir_buffer copy = {0};
        weir_buffer_put(&copy, bytes.data, bytes.size);
        for (int k = 0; k < 3; k++)
            copy.data[(size_t)rand() % copy.size] = (uint8_t)rand();
        weir_error *error = weir_zone_parse("x", (weir_bytes){copy.data, copy.size}, &arena, &zone);
        if (error == NULL) (void)weir_zone_offset_us(zone, INT64_C(4102444800000000));
        weir_error_free(error);
        weir_buffer_deinit(&copy);
        weir_arena_reset(&arena);
    }
    weir_buffer_deinit(&bytes);
    weir_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_dates_cover_all_of_int64),
        cmocka_unit_test(rfc3339_is_read_strictly),
        cmocka_unit_test(usual_times_are_read_as_unusual_ones),
        cmocka_unit_test(a_date_alone_is_its_midnight_in_utc),
        cmocka_unit_test(zones_agree_with_libc),
        cmocka_unit_test(edges_of_summer_time),
        cmocka_unit_test(footers_of_all_kinds),
        cmocka_unit_test(damaged_zone_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
