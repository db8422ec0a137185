/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/double.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

__extension__ typedef unsigned __int128 uint128;

/*
 * powers[k - POWER_MIN] = ceil(10^k * 2^-r) with r so that the top bit of 128 is set. Exact (no
 * rounding up) for 0 <= k <= 55.
 */
enum { POWER_MIN = -342, POWER_MAX = 324, POWER_EXACT_MAX = 55, LIMBS = 14 };

typedef struct power {
    uint64_t high, low;
} power;

static power powers[POWER_MAX - POWER_MIN + 1];
static locale_t c_locale;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A natural number of 32 * 2 * LIMBS bits at most, little end first. */
typedef struct natural {
    uint64_t limb[LIMBS];
} natural;

static void natural_times5(natural *n)
{
    uint128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint128)n->limb[i] * 5;
        n->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    WEIR_ASSERT(carry == 0);
}

static int natural_bits(const natural *n)
{
    for (int i = LIMBS - 1; i >= 0; i--) {
        if (n->limb[i] != 0) return 64 * i + 64 - __builtin_clzll(n->limb[i]);
    }
    return 0;
}

static bool natural_bit(const natural *n, int bit)
{
    return bit >= 0 && ((n->limb[bit / 64] >> (bit % 64)) & 1) != 0;
}

static power power_from(uint128 v) { return (power){(uint64_t)(v >> 64), (uint64_t)v}; }

/* The 128 top bits of 5^k, rounded up. */
static power positive_power(const natural *five)
{
    int bits = natural_bits(five);
    uint128 top = 0;
    for (int i = 1; i <= 128; i++)
        top = top << 1 | natural_bit(five, bits - i);
    bool inexact = false;
    for (int i = bits - 129; i >= 0 && !inexact; i--)
        inexact = natural_bit(five, i);
    return power_from(top + inexact);
}

static bool natural_subtract_if_not_less(natural *a, const natural *b)
{
    natural difference;
    uint64_t borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        uint128 d = (uint128)a->limb[i] - b->limb[i] - borrow;
        difference.limb[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    if (borrow == 0) *a = difference;
    return borrow == 0;
}

static void natural_double(natural *n)
{
    for (int i = LIMBS - 1; i > 0; i--)
        n->limb[i] = n->limb[i] << 1 | n->limb[i - 1] >> 63;
    n->limb[0] <<= 1;
}

/* 1 / 5^k by long division: 128 bits of quotient from the first one that is set, rounded up. */
static power negative_power(const natural *five)
{
    natural rest = {{0}};
    int bits = natural_bits(five);
    rest.limb[(bits - 1) / 64] = UINT64_C(1)
                                 << ((bits - 1) % 64); /* less than 5^k, times two is not */
    uint128 quotient = 0;
    for (int i = 0; i < 128; i++) {
        natural_double(&rest);
        quotient = quotient << 1 | natural_subtract_if_not_less(&rest, five);
    }
    return power_from(quotient + 1); /* 5^k never divides a power of two */
}

static void compute_powers(void)
{
    natural five = {{1}};
    for (int k = 0; k <= 342; k++) {
        if (k <= POWER_MAX) powers[k - POWER_MIN] = positive_power(&five);
        if (k > 0) powers[-k - POWER_MIN] = negative_power(&five);
        natural_times5(&five);
    }
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    WEIR_ASSERT(c_locale != (locale_t)0);
    WEIR_ASSERT(powers[-POWER_MIN].high == UINT64_C(1) << 63 && powers[-POWER_MIN].low == 0);
}

static power power_of_ten(int k)
{
    WEIR_ASSERT(k >= POWER_MIN && k <= POWER_MAX);
    (void)pthread_once(&once, compute_powers);
    return powers[k - POWER_MIN];
}

/* floor(log2(10^k)), right for |k| <= 1233. */
static int floor_log2_pow10(int k) { return (k * 1741647) >> 19; }

/* -- Printing: Schubfach. The decimal value is digits * 10^exponent. -- */

typedef struct shortest {
    uint64_t digits;
    int exponent;
} shortest;

static uint64_t round_to_odd(power g, uint64_t c)
{
    uint128 low = (uint128)g.low * c;
    uint128 high = (uint128)g.high * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/*
 * The shortest decimal in the rounding interval of c * 2^q; lower_is_closer for powers of two,
 * whose lower neighbour is at half the distance. Names follow figure 4 of the paper.
 */
static shortest shortest_of(uint64_t c, int q, bool lower_is_closer)
{
    const uint64_t open = c % 2; /* the ends of the interval round to c only if c is even */
    const int k = (q * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22;
    const int h = q + floor_log2_pow10(-k) + 1;
    const power g = power_of_ten(-k);
    const uint64_t lower = round_to_odd(g, (4 * c - 2 + lower_is_closer) << h) + open;
    const uint64_t value = round_to_odd(g, (4 * c) << h);
    const uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - open;
    const uint64_t s = value / 4;
    if (s >= 10) {
        const uint64_t sp = s / 10;
        const bool down_inside = lower <= 40 * sp, up_inside = 40 * sp + 40 <= upper;
        if (down_inside != up_inside) return (shortest){sp + up_inside, k + 1};
    }
    const bool down_inside = lower <= 4 * s, up_inside = 4 * s + 4 <= upper;
    if (down_inside != up_inside) return (shortest){s + up_inside, k};
    const uint64_t middle = 4 * s + 2;
    const bool up = value > middle || (value == middle && (s & 1) != 0);
    return (shortest){s + up, k};
}

static size_t digits_put(uint64_t digits, char *out)
{
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + digits % 10);
        digits /= 10;
    } while (digits != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

static size_t zeros_put(char *out, int count)
{
    memset(out, '0', (size_t)count);
    return (size_t)count;
}

/* d.ddde<point - 1> */
static size_t layout_scientific(const char *digits, int count, int point, char *out)
{
    size_t n = 0;
    out[n++] = digits[0];
    if (count > 1) {
        out[n++] = '.';
        memcpy(out + n, digits + 1, (size_t)count - 1);
        n += (size_t)count - 1;
    }
    out[n++] = 'e';
    int exponent = point - 1;
    if (exponent < 0) out[n++] = '-';
    return n + digits_put((uint64_t)(exponent < 0 ? -exponent : exponent), out + n);
}

static size_t layout_fixed(const char *digits, int count, int point, char *out)
{
    size_t n = 0;
    if (point <= 0) {
        out[n++] = '0';
        out[n++] = '.';
        n += zeros_put(out + n, -point);
        memcpy(out + n, digits, (size_t)count);
        return n + (size_t)count;
    }
    int whole = count < point ? count : point;
    memcpy(out, digits, (size_t)whole);
    n = (size_t)whole;
    n += zeros_put(out + n, point - whole);
    out[n++] = '.';
    if (count == whole) out[n++] = '0';
    memcpy(out + n, digits + whole, (size_t)(count - whole));
    return n + (size_t)(count - whole);
}

static size_t shortest_print(shortest s, char *out)
{
    while (s.digits % 10 == 0) {
        s.digits /= 10;
        s.exponent++;
    }
    char digits[20];
    int count = (int)digits_put(s.digits, digits);
    int point = count + s.exponent; /* 0.d1d2d3... * 10^point */
    bool fixed = point > -4 && point <= 16;
    return fixed ? layout_fixed(digits, count, point, out)
                 : layout_scientific(digits, count, point, out);
}

static size_t special_print(bool is_nan, char *out)
{
    const char *text = is_nan ? "NaN" : "Infinity";
    size_t length = strlen(text);
    memcpy(out, text, length);
    return length;
}

static size_t zero_print(char *out)
{
    memcpy(out, "0.0", 3);
    return 3;
}

/* Whole numbers below 2^53 are their own digits; the common case needs no table. */
static bool whole_of(double magnitude, shortest *out)
{
    if (magnitude >= 9007199254740992.0) return false;
    uint64_t whole = (uint64_t)magnitude;
    if ((double)whole != magnitude) return false;
    *out = (shortest){whole, 0};
    return true;
}

size_t weir_double_print(double value, char *out)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    size_t sign = bits >> 63;
    if (sign != 0 && !isnan(value)) out[0] = '-';
    if (isnan(value)) return special_print(true, out);
    if (isinf(value)) return sign + special_print(false, out + sign);
    if (value == 0) return sign + zero_print(out + sign);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    shortest s;
    if (!whole_of(fabs(value), &s)) {
        uint64_t c = exponent != 0 ? fraction | UINT64_C(1) << 52 : fraction;
        int q = (exponent != 0 ? exponent : 1) - 1075;
        s = shortest_of(c, q, fraction == 0 && exponent > 1);
    }
    size_t length = sign + shortest_print(s, out + sign);
    WEIR_ASSERT(length <= WEIR_DOUBLE_TEXT_MAX);
    return length;
}

size_t weir_float_print(float value, char *out)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    size_t sign = bits >> 31;
    if (sign != 0 && !isnan(value)) out[0] = '-';
    if (isnan(value)) return special_print(true, out);
    if (isinf(value)) return sign + special_print(false, out + sign);
    if (value == 0) return sign + zero_print(out + sign);
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xff);
    uint32_t c = exponent != 0 ? fraction | UINT32_C(1) << 23 : fraction;
    int q = (exponent != 0 ? exponent : 1) - 150;
    shortest s;
    bool is_whole = fabsf(value) < 16777216.0f && whole_of((double)fabsf(value), &s);
    if (!is_whole) s = shortest_of(c, q, fraction == 0 && exponent > 1);
    return sign + shortest_print(s, out + sign);
}

/* -- Reading -- */

/* A number as its digits: significant * 10^exponent, `more` digits cut off behind if is_cut. */
typedef struct scanned {
    uint64_t significant; /* the first 19 digits                            */
    int64_t exponent;
    bool negative;
    bool is_cut;        /* a digit that is not zero did not fit           */
    const char *digits; /* the first digit or point; for the slow path    */
    size_t digits_size;
    int64_t written_exponent;
} scanned;

enum { EXPONENT_LIMIT = 1000000, DIGITS_FAST = 19, DIGITS_SLOW = 800 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void scan_digit(scanned *s, char digit, int *count, bool after_point)
{
    if (*count < DIGITS_FAST) {
        s->significant = s->significant * 10 + (uint64_t)(digit - '0');
        if (s->significant != 0) *count += 1;
        s->exponent -= after_point;
    } else {
        s->exponent += !after_point;
        s->is_cut |= digit != '0';
    }
}

static const char *scan_digits(scanned *s, const char *at, const char *end, bool *any)
{
    int count = 0;
    bool after_point = false;
    s->digits = at;
    for (; at < end; at++) {
        if (is_digit(*at)) {
            scan_digit(s, *at, &count, after_point);
            *any = true;
        } else if (*at == '.' && !after_point) {
            after_point = true;
        } else {
            break;
        }
    }
    s->digits_size = (size_t)(at - s->digits);
    return at;
}

static const char *scan_exponent(scanned *s, const char *at, const char *end)
{
    if (at == end || (*at != 'e' && *at != 'E')) return at;
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return NULL;
    int64_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        if (value < EXPONENT_LIMIT) value = value * 10 + (*at - '0');
    }
    s->written_exponent = negative ? -value : value;
    s->exponent += s->written_exponent;
    return at;
}

static bool scan(const char *text, size_t size, scanned *s)
{
    const char *at = text, *end = text + size;
    *s = (scanned){0};
    s->negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    bool any = false;
    at = scan_digits(s, at, end, &any);
    if (!any) return false;
    at = scan_exponent(s, at, end);
    return at == end;
}

/* At most 15 digits and a power of ten that a double holds exactly: one rounding (Clinger). */
static bool parse_short(const scanned *s, double *out)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (s->is_cut || s->significant > UINT64_C(1) << 53) return false;
    if (s->exponent < -22 || s->exponent > 22) return false;
    double value = (double)s->significant;
    *out = s->exponent < 0 ? value / tens[-s->exponent] : value * tens[s->exponent];
    return true;
}

/* Rounds the 192-bit (top three limbs of high, low) * 2^scale; false where it is not a normal
 * number. */
static bool round_normal(uint128 high, uint64_t low, int scale, double *out)
{
    int lead = (high >> 127) != 0 ? 0 : 1;
    if (lead == 1) {
        high = high << 1 | low >> 63;
        low <<= 1;
    }
    int exponent = scale + 191 - lead; /* of the top bit */
    if (exponent < -1021 || exponent > 1022) return false;
    uint64_t mantissa = (uint64_t)(high >> 75);
    uint128 rest = high << 53;
    bool sticky = low != 0;
    uint128 half = (uint128)1 << 127;
    if (rest > half || (rest == half && (sticky || (mantissa & 1)))) mantissa++;
    /* A mantissa of 2^53 carries into the exponent, as it must. */
    uint64_t bits = ((uint64_t)(exponent + 1023) << 52) + (mantissa - (UINT64_C(1) << 52));
    memcpy(out, &bits, 8);
    return true;
}

/*
 * significant * power is known to within one unit of the table: the true value lies in (P - w, P].
 * If both ends round to the same double, that is the answer; if not (rare), say so.
 */
static bool parse_by_table(const scanned *s, double *out)
{
    if (s->is_cut || s->exponent < POWER_MIN || s->exponent > 308) return false;
    int k = (int)s->exponent;
    int shift = __builtin_clzll(s->significant);
    uint64_t w = s->significant << shift;
    power g = power_of_ten(k);
    uint128 low = (uint128)g.low * w;
    uint128 high = (uint128)g.high * w + (uint64_t)(low >> 64);
    int scale = floor_log2_pow10(k) - 127 - shift;
    double upper = 0, lower = 0;
    if (!round_normal(high, (uint64_t)low, scale, &upper)) return false;
    if (k >= 0 && k <= POWER_EXACT_MAX) {
        *out = upper;
        return true;
    }
    uint128 high_less = high - ((uint64_t)low < w);
    if (!round_normal(high_less, (uint64_t)low - w, scale, &lower)) return false;
    *out = upper;
    return upper == lower;
}

/* libc's own, which is correctly rounded, on at most 800 digits and a last one that stands for the
 * rest. */
enum { SLOW_TEXT_BYTES = DIGITS_SLOW + 64 };

static void text_for_libc(const scanned *s, char text[SLOW_TEXT_BYTES])
{
    size_t n = 0;
    int64_t exponent = s->written_exponent;
    bool after_point = false, rest = false;
    for (size_t i = 0; i < s->digits_size; i++) {
        char c = s->digits[i];
        if (c == '.') {
            after_point = true;
        } else if (n == 0 && c == '0') {
            exponent -= after_point;
        } else if (n < DIGITS_SLOW) {
            text[n++] = c;
            exponent -= after_point;
        } else {
            rest |= c != '0';
            exponent += !after_point;
        }
    }
    if (rest) {
        text[n++] = '1';
        exponent--;
    }
    (void)snprintf(text + n, SLOW_TEXT_BYTES - n, "e%lld", (long long)exponent);
    (void)pthread_once(&once, compute_powers);
}

static double parse_slow(const scanned *s)
{
    char text[SLOW_TEXT_BYTES];
    text_for_libc(s, text);
    return strtod_l(text, NULL, c_locale);
}

bool weir_double_parse(const char *text, size_t size, double *out)
{
    scanned s;
    if (!scan(text, size, &s)) return false;
    double value = 0;
    bool done = s.significant == 0 || parse_short(&s, &value) || parse_by_table(&s, &value);
    if (!done) value = parse_slow(&s);
    *out = s.negative ? -value : value;
    return true;
}

/* By way of the double, but where that fell on the middle between two floats it has forgotten its
 * side. */
bool weir_float_parse(const char *text, size_t size, float *out)
{
    double value;
    if (!weir_double_parse(text, size, &value)) return false;
    uint64_t bits;
    memcpy(&bits, &value, 8);
    bool is_middle = (bits & ((UINT64_C(1) << 29) - 1)) == UINT64_C(1) << 28;
    bool is_tiny = fabs(value) < 0x1p-125; /* below, floats have fewer bits, and middles others */
    if (is_middle || is_tiny) {
        scanned s;
        char copy[SLOW_TEXT_BYTES];
        (void)scan(text, size, &s);
        text_for_libc(&s, copy);
        float magnitude = strtof_l(copy, NULL, c_locale);
        *out = s.negative ? -magnitude : magnitude;
    } else {
        *out = (float)value;
    }
    return true;
}
