/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/decimal.h"

#include <string.h>

#include "ops/runtime/assert.h"

enum { POW10_MAX = 38, DOUBLE_MANTISSA_BITS = 53 };

#define E18  INT64_C(1000000000000000000)
#define P(e) INT64_C(1##e)
#define Q(e) ((weir_int128)E18 * INT64_C(1##e))
#define R(e) ((weir_int128)E18 * E18 * INT64_C(1##e))

// clang-format off
static const weir_int128 pow10_table[POW10_MAX + 1] = {
    1, P(0), P(00), P(000), P(0000), P(00000), P(000000), P(0000000), P(00000000), P(000000000),
    P(0000000000), P(00000000000), P(000000000000), P(0000000000000), P(00000000000000),
    P(000000000000000), P(0000000000000000), P(00000000000000000), E18,
    Q(0), Q(00), Q(000), Q(0000), Q(00000), Q(000000), Q(0000000), Q(00000000), Q(000000000),
    Q(0000000000), Q(00000000000), Q(000000000000), Q(0000000000000), Q(00000000000000),
    Q(000000000000000), Q(0000000000000000), Q(00000000000000000), (weir_int128)E18 * E18,
    R(0), R(00),
};
// clang-format on

weir_int128 weir_decimal_pow10(unsigned exponent)
{
    WEIR_ASSERT(exponent <= POW10_MAX);
    return pow10_table[exponent];
}

static weir_uint128 magnitude_of(weir_int128 value)
{
    return value < 0 ? -(weir_uint128)value : (weir_uint128)value;
}

static weir_int128 with_sign(weir_uint128 magnitude, bool negative)
{
    return negative ? -(weir_int128)magnitude : (weir_int128)magnitude;
}

static unsigned bit_length(weir_uint128 value)
{
    uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    if (high != 0) return 128 - (unsigned)__builtin_clzll(high);
    return low != 0 ? 64 - (unsigned)__builtin_clzll(low) : 0;
}

bool weir_decimal_fits(weir_int128 unscaled, unsigned precision)
{
    weir_int128 limit = weir_decimal_pow10(precision);
    return unscaled < limit && unscaled > -limit;
}

/* -- Arithmetic -- */

bool weir_decimal_add(weir_int128 a, weir_int128 b, weir_int128 *out)
{
    weir_int128 sum;
    if (__builtin_add_overflow(a, b, &sum) || !weir_decimal_fits(sum, POW10_MAX)) return false;
    *out = sum;
    return true;
}

bool weir_decimal_subtract(weir_int128 a, weir_int128 b, weir_int128 *out)
{
    weir_int128 difference;
    if (__builtin_sub_overflow(a, b, &difference) || !weir_decimal_fits(difference, POW10_MAX))
        return false;
    *out = difference;
    return true;
}

/* By halves: clang's __builtin_mul_overflow on 128 bits calls a function that libgcc does not have.
 */
static bool multiply(weir_uint128 a, weir_uint128 b, weir_uint128 *out)
{
    uint64_t a1 = (uint64_t)(a >> 64), a0 = (uint64_t)a, b1 = (uint64_t)(b >> 64), b0 = (uint64_t)b;
    if (a1 != 0 && b1 != 0) return false;
    weir_uint128 cross = (weir_uint128)a1 * b0 + (weir_uint128)a0 * b1;
    if (cross >> 64 != 0) return false;
    return !__builtin_add_overflow((weir_uint128)a0 * b0, cross << 64, out);
}

bool weir_decimal_multiply(weir_int128 a, weir_int128 b, weir_int128 *out)
{
    weir_uint128 product;
    if (!multiply(magnitude_of(a), magnitude_of(b), &product)) return false;
    if (product >= (weir_uint128)pow10_table[POW10_MAX]) return false;
    *out = with_sign(product, (a < 0) != (b < 0));
    return true;
}

static bool scale_up(weir_int128 value, unsigned digits, weir_int128 *out)
{
    if (value == 0) {
        *out = 0;
        return true;
    }
    return digits <= POW10_MAX && weir_decimal_multiply(value, pow10_table[digits], out);
}

bool weir_decimal_rescale(weir_int128 value, unsigned from_scale, unsigned to_scale,
                          weir_int128 *out)
{
    if (to_scale >= from_scale) return scale_up(value, to_scale - from_scale, out);
    weir_int128 unit = weir_decimal_pow10(from_scale - to_scale);
    if (value % unit != 0) return false;
    *out = value / unit;
    return true;
}

bool weir_decimal_round(weir_int128 value, unsigned from_scale, unsigned to_scale, weir_int128 *out)
{
    if (to_scale >= from_scale) return scale_up(value, to_scale - from_scale, out);
    weir_uint128 unit = (weir_uint128)weir_decimal_pow10(from_scale - to_scale);
    weir_uint128 magnitude = magnitude_of(value);
    weir_uint128 quotient = magnitude / unit, rest = magnitude % unit;
    weir_uint128 other = unit - rest; /* rest against its complement: no overflow in doubling */
    if (rest > other || (rest == other && (quotient & 1) != 0)) quotient++;
    *out = with_sign(quotient, value < 0);
    return true;
}

/* -- To float64 -- */

/*
 * The double nearest to (m + something below 1 if sticky) * 2^exponent. m has 55 bits at least
 * where it is sticky, and the result is a normal number: all ratios of 128-bit integers are.
 */
static double round_to_double(weir_uint128 m, bool sticky, int exponent)
{
    if (m == 0) return 0;
    unsigned bits = bit_length(m);
    uint64_t mantissa = (uint64_t)m;
    if (bits > DOUBLE_MANTISSA_BITS) {
        unsigned drop = bits - DOUBLE_MANTISSA_BITS;
        weir_uint128 rest = m & (((weir_uint128)1 << drop) - 1),
                     half = (weir_uint128)1 << (drop - 1);
        mantissa = (uint64_t)(m >> drop);
        if (rest > half || (rest == half && (sticky || (mantissa & 1) != 0))) mantissa++;
        exponent += (int)drop;
    }
    uint64_t power_bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &power_bits, 8);
    return (double)mantissa * power; /* both exact, and so is the product */
}

static bool is_exact_double(weir_uint128 magnitude)
{
    return magnitude <= (UINT64_C(1) << DOUBLE_MANTISSA_BITS);
}

static double signed_double(double magnitude, bool negative)
{
    return negative ? -magnitude : magnitude;
}

double weir_int64_to_double(int64_t value) { return (double)value; } /* one IEEE conversion */

double weir_int128_to_double(weir_int128 value)
{
    if (value == (int64_t)value) return (double)(int64_t)value;
    return signed_double(round_to_double(magnitude_of(value), false, 0), value < 0);
}

/*
 * Long division until the quotient has 56 bits or more; what is left over is the sticky bit. The
 * divisor is below 2^127, so that at least one bit fits above each remainder.
 */
static double divide_to_double(weir_uint128 numerator, weir_uint128 denominator)
{
    int missing =
        (int)bit_length(denominator) - (int)bit_length(numerator) + DOUBLE_MANTISSA_BITS + 3;
    int room = 128 - (int)bit_length(denominator);
    weir_uint128 quotient = numerator / denominator, rest = numerator % denominator;
    int exponent = 0;
    while (missing > 0) {
        int step = missing < room ? missing : room;
        rest <<= step;
        quotient = quotient << step | rest / denominator;
        rest %= denominator;
        exponent -= step;
        missing -= step;
    }
    return round_to_double(quotient, rest != 0, exponent);
}

double weir_int128_ratio(weir_int128 numerator, weir_int128 denominator)
{
    WEIR_ASSERT(denominator != 0);
    if (numerator == 0) return 0; /* never -0 */
    weir_uint128 n = magnitude_of(numerator), d = magnitude_of(denominator);
    bool negative = (numerator < 0) != (denominator < 0);
    if (is_exact_double(n) && is_exact_double(d))
        return signed_double((double)(uint64_t)n / (double)(uint64_t)d, negative);
    if ((d & (d - 1)) == 0 && d >> 127 != 0) { /* -2^127: the one divisor without room above it */
        return signed_double(round_to_double(n, false, -127), negative);
    }
    return signed_double(divide_to_double(n, d), negative);
}

double weir_decimal_to_double(weir_int128 value, unsigned scale)
{
    if (scale == 0) return weir_int128_to_double(value);
    return weir_int128_ratio(value, weir_decimal_pow10(scale));
}

/* -- From float64 -- */

/* |value| = mantissa * 2^exponent, finite. */
static uint64_t split_double(double value, int *exponent)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    *exponent = (biased == 0 ? 1 : biased) - 1075;
    return biased == 0 ? fraction : fraction | UINT64_C(1) << 52;
}

/* 192 bits, the low 64 apart: enough for a mantissa times 10^38. */
typedef struct wide {
    weir_uint128 high;
    uint64_t low;
} wide;

static wide wide_multiply(weir_uint128 a, uint64_t b)
{
    weir_uint128 low = (weir_uint128)(uint64_t)a * b;
    weir_uint128 high = (a >> 64) * b + (low >> 64);
    return (wide){high, (uint64_t)low};
}

static unsigned wide_bits(wide w)
{
    return w.high != 0 ? 64 + bit_length(w.high) : bit_length(w.low);
}

/* value >> count for count 0..191, with what falls off. */
static weir_uint128 wide_shift_right(wide w, unsigned count, bool *half_out, bool *below_half_out)
{
    bool half = false, below = false;
    for (; count >= 64; count -= 64) {
        below |= half || (w.low & (UINT64_MAX >> 1)) != 0;
        half = w.low >> 63 != 0;
        w = (wide){w.high >> 64, (uint64_t)w.high};
    }
    if (count > 0) {
        below |= half || (w.low & ((UINT64_C(1) << (count - 1)) - 1)) != 0;
        half = (w.low >> (count - 1) & 1) != 0;
        w.low = w.low >> count | (uint64_t)w.high << (64 - count);
        w.high >>= count;
    }
    *half_out = half;
    *below_half_out = below;
    WEIR_ASSERT(w.high >> 64 == 0);
    return w.high << 64 | w.low;
}

static bool whole_from_double(uint64_t mantissa, int exponent, unsigned scale, weir_int128 *out)
{
    if (exponent > 74) return false; /* 2^(52 + 75) is above 10^38 */
    return scale_up((weir_int128)((weir_uint128)mantissa << exponent), scale, out);
}

bool weir_decimal_from_double(double value, unsigned scale, weir_int128 *out)
{
    if (!isfinite(value)) return false;
    int exponent = 0;
    uint64_t mantissa = split_double(value, &exponent);
    weir_int128 result = 0;
    if (mantissa != 0 && exponent >= 0) {
        if (!whole_from_double(mantissa, exponent, scale, &result)) return false;
    } else if (mantissa != 0) {
        wide product = wide_multiply((weir_uint128)weir_decimal_pow10(scale), mantissa);
        unsigned drop = (unsigned)-exponent, bits = wide_bits(product);
        if (bits > drop + 127) return false;
        bool half = false, below = false;
        weir_uint128 rounded = drop > bits ? 0 : wide_shift_right(product, drop, &half, &below);
        if (half && (below || (rounded & 1) != 0)) rounded++;
        if (rounded >= (weir_uint128)pow10_table[POW10_MAX]) return false;
        result = (weir_int128)rounded;
    }
    *out = value < 0 ? -result : result;
    return true;
}

/* -- Comparison by exact value -- */

static int order(weir_int128 a, weir_int128 b) { return (a > b) - (a < b); }

/* a against b / 10^scale */
static int compare_scaled(weir_int128 a, weir_int128 b, unsigned scale)
{
    weir_int128 unit = weir_decimal_pow10(scale);
    if (a == (int64_t)a && unit == (int64_t)unit) return order(a * unit, b);
    weir_int128 quotient = b / unit, rest = b % unit;
    return a != quotient ? order(a, quotient) : order(0, rest);
}

static int compare_exact(weir_int128 a, unsigned scale_a, weir_int128 b, unsigned scale_b)
{
    if (scale_a == scale_b) return order(a, b);
    if (scale_a < scale_b) return compare_scaled(a, b, scale_b - scale_a);
    return -compare_scaled(b, a, scale_a - scale_b);
}

/* |decimal| * 2^shift against |double's mantissa| * 10^scale, where the double is mantissa /
 * 2^shift. */
static int compare_fraction(weir_uint128 decimal, unsigned shift, uint64_t mantissa, unsigned scale)
{
    wide right = wide_multiply((weir_uint128)weir_decimal_pow10(scale), mantissa);
    if (decimal == 0) return -1; /* the double is not zero here */
    unsigned left_bits = bit_length(decimal) + shift, right_bits = wide_bits(right);
    if (left_bits != right_bits) return left_bits < right_bits ? -1 : 1;
    wide left = {decimal >> 64,
                 (uint64_t)decimal}; /* same length: the shift stays within 192 bits */
    for (; shift >= 64; shift -= 64)
        left = (wide){left.high << 64 | left.low, 0};
    if (shift > 0) {
        left.high = left.high << shift | left.low >> (64 - shift);
        left.low <<= shift;
    }
    if (left.high != right.high) return left.high < right.high ? -1 : 1;
    return (left.low > right.low) - (left.low < right.low);
}

static int compare_magnitudes(weir_uint128 decimal, unsigned scale, double value)
{
    int exponent = 0;
    uint64_t mantissa = split_double(value, &exponent);
    if (exponent < 0) return compare_fraction(decimal, (unsigned)-exponent, mantissa, scale);
    if (exponent > 74) return -1; /* 2^126 and more, while decimals and int64 are below 10^38 */
    return -compare_scaled((weir_int128)((weir_uint128)mantissa << exponent), (weir_int128)decimal,
                           scale);
}

/* Powers of ten that a double holds exactly. */
enum { EXACT_POW10_MAX = 22 };
static const double exact_pow10[EXACT_POW10_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/*
 * Where number and power are exact doubles, their quotient is the double nearest to the decimal. A
 * double on one side of it is on that side of the decimal, too: no double lies between the two.
 */
static int compare_with_double(weir_int128 decimal, unsigned scale, double value)
{
    WEIR_ASSERT(isfinite(value));
    int64_t narrow = (int64_t)decimal;
    if (narrow == decimal && narrow >= -(INT64_C(1) << 53) && narrow <= INT64_C(1) << 53 &&
        scale <= EXACT_POW10_MAX) {
        double nearest = (double)narrow / exact_pow10[scale];
        if (nearest != value || scale == 0) return (nearest > value) - (nearest < value);
    }
    int sign_a = order(decimal, 0), sign_b = (value > 0) - (value < 0);
    if (sign_a != sign_b) return sign_a < sign_b ? -1 : 1;
    if (sign_a == 0) return 0;
    weir_uint128 magnitude = magnitude_of(decimal);
    if (scale == 0 && is_exact_double(magnitude)) {
        double exact = (double)(int64_t)decimal;
        return (exact > value) - (exact < value);
    }
    return sign_a * compare_magnitudes(magnitude, scale, fabs(value));
}

static unsigned scale_of(weir_type type) { return type.kind == WEIR_DECIMAL ? type.scale : 0; }

static weir_int128 exact_of(weir_type type, const weir_value *value)
{
    return type.kind == WEIR_DECIMAL ? value->as.decimal : value->as.integer;
}

int weir_number_compare(weir_type type_a, const weir_value *a, weir_type type_b,
                        const weir_value *b)
{
    WEIR_ASSERT(weir_type_is_number(type_a) && weir_type_is_number(type_b));
    WEIR_ASSERT(!weir_is_null(a) && !weir_is_null(b));
    bool float_a = type_a.kind == WEIR_FLOAT64, float_b = type_b.kind == WEIR_FLOAT64;
    if (float_a && float_b)
        return (a->as.float64 > b->as.float64) - (a->as.float64 < b->as.float64);
    if (float_a) return -compare_with_double(exact_of(type_b, b), scale_of(type_b), a->as.float64);
    if (float_b) return compare_with_double(exact_of(type_a, a), scale_of(type_a), b->as.float64);
    return compare_exact(exact_of(type_a, a), scale_of(type_a), exact_of(type_b, b),
                         scale_of(type_b));
}

/* -- Text -- */

enum { EXPONENT_LIMIT = 100000 };

typedef struct decimal_text {
    weir_uint128 digits; /* without the zeros at its end                    */
    int64_t exponent;    /* the value is digits * 10^exponent               */
    int64_t zeros;       /* seen since the last digit that is not zero      */
    int significant;     /* digits taken                                    */
} decimal_text;

static bool take_digit(decimal_text *text, char c)
{
    if (c == '0') {
        text->zeros++;
        return true;
    }
    if (text->significant == 0) text->zeros = 0; /* zeros in front count for nothing */
    if (text->significant + text->zeros + 1 > POW10_MAX) return false;
    text->digits = text->digits * (weir_uint128)pow10_table[text->zeros + 1] + (unsigned)(c - '0');
    text->significant += (int)text->zeros + 1;
    text->zeros = 0;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Digits with at most one point. Returns where they end, or NULL. */
static const char *read_digits(decimal_text *text, const char *at, const char *end)
{
    const char *point = NULL;
    int64_t count = 0;
    bool fits = true;
    for (; at < end && (is_digit(*at) || (*at == '.' && point == NULL)); at++) {
        if (*at == '.') {
            point = at;
        } else {
            fits &= take_digit(text, *at);
            count++;
        }
    }
    if (count == 0 || !fits) return NULL;
    text->exponent = text->zeros - (point == NULL ? 0 : at - point - 1);
    return at;
}

static bool read_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        if (value < EXPONENT_LIMIT) value = value * 10 + (*at - '0');
    }
    *out = negative ? -value : value;
    return true;
}

/* [-]digits[.digits] of at most 18 digits, no more behind the point than the scale: nearly all.
 * False where it is not that, whatever it is. */
static bool parse_short(const char *text, size_t size, unsigned precision, unsigned scale,
                        weir_int128 *out)
{
    const char *at = text, *end = text + size, *point = NULL;
    bool negative = at < end && *at == '-';
    at += negative;
    if (at == end || end - at > 18 || !is_digit(*at) || !is_digit(end[-1])) return false;
    uint64_t digits = 0;
    for (; at < end; at++) {
        if (is_digit(*at))
            digits = digits * 10 + (unsigned)(*at - '0');
        else if (*at == '.' && point == NULL)
            point = at;
        else
            return false;
    }
    unsigned decimals = point == NULL ? 0 : (unsigned)(end - point - 1);
    if (decimals > scale || scale - decimals > 18) return false;
    weir_int128 value = (weir_int128)digits * pow10_table[scale - decimals];
    if (!weir_decimal_fits(value, precision)) return false;
    *out = negative ? -value : value;
    return true;
}

bool weir_decimal_parse(const char *text, size_t size, unsigned precision, unsigned scale,
                        weir_int128 *out)
{
    if (parse_short(text, size, precision, scale, out)) return true;
    const char *at = text, *end = text + size;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    decimal_text read = {0};
    at = read_digits(&read, at, end);
    if (at == NULL) return false;
    int64_t exponent = 0;
    if (at < end && (*at != 'e' && *at != 'E')) return false;
    if (at < end && !read_exponent(at + 1, end, &exponent)) return false;
    weir_int128 value = 0;
    if (read.digits != 0) {
        int64_t up = read.exponent + exponent + (int64_t)scale;
        if (up < 0 || up > POW10_MAX) return false;
        if (!scale_up((weir_int128)read.digits, (unsigned)up, &value)) return false;
    }
    if (!weir_decimal_fits(value, precision)) return false;
    *out = negative ? -value : value;
    return true;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* The digits of `value` up to `end`, at least `count_min` of them with zeros in front; returns
 * where they begin. */
static char *digits_put_before(uint64_t value, size_t count_min, char *end)
{
    char *at = end;
    for (; value >= 100; value /= 100)
        memcpy(at -= 2, &digit_pairs[value % 100 * 2], 2);
    if (value >= 10)
        memcpy(at -= 2, &digit_pairs[value * 2], 2);
    else if (value > 0)
        *--at = (char)('0' + value);
    while ((size_t)(end - at) < count_min)
        *--at = '0';
    return at;
}

/* The digits of `value`, at least `count_min` of them with zeros in front; returns how many. */
static size_t digits_put(weir_uint128 value, size_t count_min, char *out)
{
    char text[WEIR_DECIMAL_TEXT_MAX];
    char *end = text + sizeof text, *at = end;
    for (; value > UINT64_MAX; value /= E18)
        at = digits_put_before((uint64_t)(value % E18), 18, at);
    size_t done = (size_t)(end - at);
    at = digits_put_before((uint64_t)value, count_min > done ? count_min - done : 0, at);
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(end - at);
}

static unsigned digit_count(uint64_t value)
{
    /* 1233 / 4096 is a little more than log10(2): right, or one too many. */
    unsigned count = ((64 - (unsigned)__builtin_clzll(value | 1)) * 1233) >> 12;
    return count + (count == 0 || value >= (uint64_t)pow10_table[count]);
}

size_t weir_uint64_print(uint64_t value, char *out)
{
    unsigned count = digit_count(value);
    char *at = out + count;
    for (; value >= 100; value /= 100)
        memcpy(at -= 2, &digit_pairs[value % 100 * 2], 2);
    if (value >= 10)
        memcpy(out, &digit_pairs[value * 2], 2);
    else
        *out = (char)('0' + value);
    return count;
}

size_t weir_decimal_print(weir_int128 value, unsigned scale, char *out)
{
    WEIR_ASSERT(scale <= POW10_MAX);
    size_t sign = value < 0;
    if (sign != 0) out[0] = '-';
    size_t count = digits_put(magnitude_of(value), scale + 1, out + sign);
    if (scale == 0) return sign + count;
    char *point = out + sign + count - scale;
    memmove(point + 1, point, scale);
    *point = '.';
    return sign + count + 1;
}
