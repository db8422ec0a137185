/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/time.h"

#include <string.h>

#include "ops/runtime/digits.h"
#include "schemas/time_internal.h"

/* -- Civil dates (days_from_civil and back, after Hinnant: eras of 400 years from 1 March 0000) --
 */

enum { DAYS_PER_ERA = 146097, EPOCH_FROM_MARCH_0000 = 719468 };

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t weir_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * (int64_t)(month + (month > 2 ? -3u : 9u)) + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH_0000;
}

static void civil_from_days(int64_t days, weir_civil *civil)
{
    int64_t since_march = days + EPOCH_FROM_MARCH_0000;
    int64_t era = floor_div(since_march, DAYS_PER_ERA);
    int64_t day_of_era = since_march - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    civil->day = (uint8_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    civil->month = (uint8_t)(month_from_march + (month_from_march < 10 ? 3 : -9));
    civil->year = (int32_t)(year_of_era + era * 400 + (civil->month <= 2));
}

int64_t weir_year_from_days(int64_t days)
{
    weir_civil civil = {0};
    civil_from_days(days, &civil);
    return civil.year;
}

weir_civil weir_civil_from_time(int64_t time_us)
{
    int64_t days = floor_div(time_us, WEIR_US_PER_DAY);
    /* The first day of all begins before the least int64; the difference always fits. */
    int64_t rest = (int64_t)((uint64_t)time_us - (uint64_t)days * WEIR_US_PER_DAY);
    weir_civil civil = {0};
    civil_from_days(days, &civil);
    civil.microsecond = (uint32_t)(rest % WEIR_US_PER_S);
    rest /= WEIR_US_PER_S;
    civil.second = (uint8_t)(rest % 60);
    civil.minute = (uint8_t)(rest / 60 % 60);
    civil.hour = (uint8_t)(rest / 3600);
    int64_t weekday = (days + 3) % 7; /* 1970-01-01 was a Thursday */
    civil.weekday = (uint8_t)((weekday < 0 ? weekday + 7 : weekday) + 1);
    return civil;
}

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(int64_t year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static bool is_valid_civil(const weir_civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_of_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 59 && civil->microsecond <= 999999;
}

bool weir_time_from_civil(const weir_civil *civil, int64_t *time_us_out)
{
    if (!is_valid_civil(civil)) return false;
    int64_t seconds = weir_days_from_civil(civil->year, civil->month, civil->day) * 86400 +
                      civil->hour * 3600 + civil->minute * 60 + civil->second;
    /* Wide, since the first day of int64's range begins before it. */
    __extension__ __int128 time = (__int128)seconds * WEIR_US_PER_S + civil->microsecond;
    if (time != (int64_t)time) return false;
    *time_us_out = (int64_t)time;
    return true;
}

/* -- RFC 3339 -- */

/* `count` digits at *at, taken. False where they are not all there. */
static bool take_digits(const char **at, const char *end, int count, int32_t *out)
{
    int32_t value = 0;
    if (end - *at < count) return false;
    for (int i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool take_char(const char **at, const char *end, const char *any_of)
{
    if (*at == end) return false;
    for (; *any_of != '\0'; any_of++) {
        if (**at != *any_of) continue;
        *at += 1;
        return true;
    }
    return false;
}

/* Years beyond four digits have a sign and six, as in ISO 8601's expanded form; print writes them
 * so. */
static bool take_year(const char **at, const char *end, int32_t *out)
{
    if (*at < end && (**at == '+' || **at == '-')) {
        bool negative = **at == '-';
        *at += 1;
        if (!take_digits(at, end, 6, out)) return false;
        if (negative) *out = -*out;
        return true;
    }
    return take_digits(at, end, 4, out);
}

static bool take_date(const char **at, const char *end, weir_civil *civil)
{
    int32_t month = 0, day = 0;
    if (!take_year(at, end, &civil->year) || !take_char(at, end, "-") ||
        !take_digits(at, end, 2, &month) || !take_char(at, end, "-") ||
        !take_digits(at, end, 2, &day))
        return false;
    civil->month = (uint8_t)month;
    civil->day = (uint8_t)day;
    return true;
}

static bool take_fraction(const char **at, const char *end, uint32_t *microsecond)
{
    if (!take_char(at, end, ".")) return true;
    uint32_t value = 0;
    int digits = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; *at += 1, digits++) {
        if (digits >= 6 && **at != '0') return false;
        if (digits < 6) value = value * 10 + (uint32_t)(**at - '0');
    }
    for (int i = digits; i < 6; i++)
        value *= 10;
    *microsecond = value;
    return digits > 0;
}

static bool take_clock(const char **at, const char *end, weir_civil *civil)
{
    int32_t hour = 0, minute = 0, second = 0;
    if (!take_digits(at, end, 2, &hour) || !take_char(at, end, ":") ||
        !take_digits(at, end, 2, &minute) || !take_char(at, end, ":") ||
        !take_digits(at, end, 2, &second))
        return false;
    civil->hour = (uint8_t)hour;
    civil->minute = (uint8_t)minute;
    civil->second = (uint8_t)second;
    return true;
}

static uint64_t two_at(const char *at)
{
    uint16_t two;
    memcpy(&two, at, sizeof two);
    return two;
}

/* YYYY-MM-DDThh:mm:ss, nearly all: the digits of the date, and of the clock, as one number each.
 * False, and nothing taken, where it is not that. */
static bool take_usual(const char **place, const char *end, weir_civil *civil)
{
    const char *at = *place;
    if (end - at < 19 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':')
        return false;
    uint64_t date_text =
        two_at(at) | two_at(at + 2) << 16 | two_at(at + 5) << 32 | two_at(at + 8) << 48;
    uint64_t clock_text =
        two_at("00") | two_at(at + 11) << 16 | two_at(at + 14) << 32 | two_at(at + 17) << 48;
    uint64_t date, clock;
    if (!weir_digits_eight((const uint8_t *)&date_text, &date) ||
        !weir_digits_eight((const uint8_t *)&clock_text, &clock))
        return false;
    civil->year = (int32_t)(date / 10000);
    civil->month = (uint8_t)(date / 100 % 100);
    civil->day = (uint8_t)(date % 100);
    civil->hour = (uint8_t)(clock / 10000);
    civil->minute = (uint8_t)(clock / 100 % 100);
    civil->second = (uint8_t)(clock % 100);
    *place = at + 19;
    return true;
}

static bool take_offset(const char **at, const char *end, int64_t *offset_us)
{
    *offset_us = 0;
    if (take_char(at, end, "Zz")) return true;
    bool negative = *at < end && **at == '-';
    int32_t hours = 0, minutes = 0;
    if (!take_char(at, end, "+-") || !take_digits(at, end, 2, &hours) || !take_char(at, end, ":") ||
        !take_digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_us = (hours * 60 + minutes) * 60 * WEIR_US_PER_S * (negative ? -1 : 1);
    return true;
}

bool weir_time_parse(const char *text, size_t size, int64_t *time_us_out)
{
    const char *at = text, *end = text + size;
    weir_civil civil = {0};
    int64_t offset_us = 0, local_us = 0;
    bool is_read =
        take_usual(&at, end, &civil) ||
        (take_date(&at, end, &civil) && take_char(&at, end, "Tt ") && take_clock(&at, end, &civil));
    if (!is_read || !take_fraction(&at, end, &civil.microsecond)) return false;
    if (!take_offset(&at, end, &offset_us) || at != end) return false;
    if (!weir_time_from_civil(&civil, &local_us)) return false;
    return !__builtin_sub_overflow(local_us, offset_us, time_us_out);
}

bool weir_date_parse(const char *text, size_t size, int64_t *time_us_out)
{
    const char *at = text, *end = text + size;
    weir_civil civil = {0};
    return take_date(&at, end, &civil) && at == end && weir_time_from_civil(&civil, time_us_out);
}

static char *put_digits(char *to, uint32_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + count;
}

static char *put_year(char *to, int32_t year)
{
    if (year >= 0 && year <= 9999) return put_digits(to, (uint32_t)year, 4);
    *to++ = year < 0 ? '-' : '+';
    return put_digits(to, (uint32_t)(year < 0 ? -year : year), 6);
}

size_t weir_time_print(int64_t time_us, char *out)
{
    weir_civil civil = weir_civil_from_time(time_us);
    char *to = put_year(out, civil.year);
    *to++ = '-';
    to = put_digits(to, civil.month, 2);
    *to++ = '-';
    to = put_digits(to, civil.day, 2);
    *to++ = 'T';
    to = put_digits(to, civil.hour, 2);
    *to++ = ':';
    to = put_digits(to, civil.minute, 2);
    *to++ = ':';
    to = put_digits(to, civil.second, 2);
    *to++ = '.';
    to = put_digits(to, civil.microsecond, 6);
    *to++ = 'Z';
    return (size_t)(to - out);
}
