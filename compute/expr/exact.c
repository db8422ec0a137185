/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/expr/exact.h"

#include <string.h>

#include "ops/runtime/assert.h"

static weir_big trimmed(weir_big a)
{
    while (a.size > 0 && a.words[a.size - 1] == 0)
        a.size--;
    return a;
}

static weir_big room(size_t words, weir_arena *into)
{
    return (weir_big){(uint32_t)words, weir_arena_array(into, uint64_t, words)};
}

weir_big weir_big_of(weir_uint128 value, weir_arena *into)
{
    weir_big a = room(2, into);
    a.words[0] = (uint64_t)value;
    a.words[1] = (uint64_t)(value >> 64);
    return trimmed(a);
}

weir_big weir_big_from_words(const uint64_t *words, size_t count, weir_arena *into)
{
    weir_big a = room(count, into);
    if (count > 0) memcpy(a.words, words, count * sizeof *words);
    return trimmed(a);
}

uint64_t weir_big_bits(weir_big a)
{
    if (a.size == 0) return 0;
    return (uint64_t)a.size * 64 - (uint64_t)__builtin_clzll(a.words[a.size - 1]);
}

int weir_big_compare(weir_big a, weir_big b)
{
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    for (uint32_t i = a.size; i-- > 0;) {
        if (a.words[i] != b.words[i]) return a.words[i] < b.words[i] ? -1 : 1;
    }
    return 0;
}

weir_big weir_big_add(weir_big a, weir_big b, weir_arena *into)
{
    if (a.size < b.size) return weir_big_add(b, a, into);
    weir_big sum = room((size_t)a.size + 1, into);
    uint64_t carry = 0;
    for (uint32_t i = 0; i < a.size; i++) {
        weir_uint128 total = (weir_uint128)a.words[i] + (i < b.size ? b.words[i] : 0) + carry;
        sum.words[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
    }
    sum.words[a.size] = carry;
    return trimmed(sum);
}

weir_big weir_big_subtract(weir_big a, weir_big b, weir_arena *into)
{
    WEIR_ASSERT(weir_big_compare(a, b) >= 0);
    weir_big difference = room(a.size, into);
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < a.size; i++) {
        uint64_t take = i < b.size ? b.words[i] : 0;
        weir_uint128 left = (weir_uint128)a.words[i] - take - borrow;
        difference.words[i] = (uint64_t)left;
        borrow = (uint64_t)(left >> 64) & 1;
    }
    WEIR_ASSERT(borrow == 0);
    return trimmed(difference);
}

weir_big weir_big_multiply(weir_big a, weir_big b, weir_arena *into)
{
    weir_big product = room((size_t)a.size + b.size, into);
    for (uint32_t i = 0; i < a.size; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b.size; j++) {
            weir_uint128 t = (weir_uint128)a.words[i] * b.words[j] + product.words[i + j] + carry;
            product.words[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        product.words[i + b.size] = carry;
    }
    return trimmed(product);
}

weir_big weir_big_shift_left(weir_big a, uint64_t bits, weir_arena *into)
{
    if (a.size == 0) return a;
    WEIR_ASSERT(bits < (1u << 24));
    uint32_t words = (uint32_t)(bits / 64);
    unsigned rest = (unsigned)(bits % 64);
    weir_big shifted = room((size_t)a.size + words + 1, into);
    for (uint32_t i = 0; i < a.size; i++) {
        shifted.words[i + words] |= a.words[i] << rest;
        if (rest > 0) shifted.words[i + words + 1] = a.words[i] >> (64 - rest);
    }
    return trimmed(shifted);
}

weir_signed_big weir_signed_big_of(weir_int128 value, weir_arena *into)
{
    bool negative = value < 0;
    weir_uint128 magnitude = negative ? -(weir_uint128)value : (weir_uint128)value;
    return (weir_signed_big){negative, weir_big_of(magnitude, into)};
}

weir_signed_big weir_signed_big_add(weir_signed_big a, weir_signed_big b, weir_arena *into)
{
    if (a.negative == b.negative) {
        return (weir_signed_big){a.negative, weir_big_add(a.magnitude, b.magnitude, into)};
    }
    int order = weir_big_compare(a.magnitude, b.magnitude);
    if (order == 0) return (weir_signed_big){0};
    if (order < 0)
        return (weir_signed_big){b.negative, weir_big_subtract(b.magnitude, a.magnitude, into)};
    return (weir_signed_big){a.negative, weir_big_subtract(a.magnitude, b.magnitude, into)};
}

weir_signed_big weir_signed_big_subtract(weir_signed_big a, weir_signed_big b, weir_arena *into)
{
    if (b.magnitude.size > 0) b.negative = !b.negative;
    return weir_signed_big_add(a, b, into);
}

weir_signed_big weir_signed_big_multiply(weir_signed_big a, weir_signed_big b, weir_arena *into)
{
    weir_big product = weir_big_multiply(a.magnitude, b.magnitude, into);
    return (weir_signed_big){product.size > 0 && a.negative != b.negative, product};
}

static unsigned bits_of(weir_uint128 q)
{
    uint64_t high = (uint64_t)(q >> 64);
    if (high != 0) return 128 - (unsigned)__builtin_clzll(high);
    uint64_t low = (uint64_t)q;
    return low == 0 ? 0 : 64 - (unsigned)__builtin_clzll(low);
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double weir_exact_round(bool negative, weir_uint128 q, bool sticky, int64_t exponent)
{
    WEIR_ASSERT(!sticky || q >> 63 != 0);
    if (q == 0) return 0.0;
    int64_t top = (int64_t)bits_of(q) - 1 + exponent; /* 2^top <= value < 2^(top+1) */
    uint64_t sign = negative ? UINT64_C(1) << 63 : 0;
    if (top > 1023) return from_bits(sign | UINT64_C(0x7ff) << 52);
    if (top < -1075) return 0.0;
    /* The unit of the last place: 2^(top-52) for normal numbers, 2^-1074 below. */
    int64_t unit = top >= -1022 ? top - 52 : -1074;
    int64_t drop = unit - exponent;
    weir_uint128 m;
    if (drop <= 0) {
        m = q << -drop; /* exact: q has at most 53 bits here */
    } else if (drop > 127) {
        m = 0; /* drop = bits exactly: only possible below the smallest subnormal */
        if (drop == 128 && (q > (weir_uint128)1 << 127 || (q == (weir_uint128)1 << 127 && sticky)))
            m = 1;
    } else {
        weir_uint128 half = (weir_uint128)1 << (drop - 1);
        weir_uint128 rest = q & (((weir_uint128)1 << drop) - 1);
        m = q >> drop;
        if (rest > half || (rest == half && (sticky || (m & 1)))) m++;
    }
    uint64_t mantissa = (uint64_t)m;
    /* A mantissa that was rounded up to 2^53 carries into the exponent by itself, up to infinity.
     */
    uint64_t bits = top >= -1022 ? ((uint64_t)(top + 1022) << 52) + mantissa : mantissa;
    if (bits == 0) return 0.0; /* no operation yields -0 */
    return from_bits(sign | bits);
}

/* floor(numerator / denominator) where that has at most 127 bits; *exact_out says if nothing is
 * left. */
static weir_uint128 divide_small(weir_big numerator, uint64_t denominator, bool *exact_out)
{
    weir_uint128 quotient = 0;
    uint64_t rest = 0;
    for (uint32_t i = numerator.size; i-- > 0;) {
        weir_uint128 part = (weir_uint128)rest << 64 | numerator.words[i];
        quotient = quotient << 64 | (uint64_t)(part / denominator);
        rest = (uint64_t)(part % denominator);
    }
    *exact_out = rest == 0;
    return quotient;
}

/* Long division, a bit at a time: the remainder stays below the denominator. */
static weir_uint128 divide_long(weir_big numerator, weir_big denominator, weir_arena *scratch,
                                bool *exact_out)
{
    weir_big rest = room((size_t)denominator.size + 1, scratch);
    weir_uint128 quotient = 0;
    uint64_t bits = weir_big_bits(numerator);
    for (uint64_t at = bits; at-- > 0;) {
        uint64_t carry = numerator.words[at / 64] >> (at % 64) & 1;
        for (uint32_t i = 0; i < rest.size; i++) {
            uint64_t next = rest.words[i] >> 63;
            rest.words[i] = rest.words[i] << 1 | carry;
            carry = next;
        }
        quotient <<= 1;
        weir_big view = trimmed(rest);
        if (weir_big_compare(view, denominator) < 0) continue;
        uint64_t borrow = 0;
        for (uint32_t i = 0; i < rest.size; i++) {
            uint64_t take = i < denominator.size ? denominator.words[i] : 0;
            weir_uint128 left = (weir_uint128)rest.words[i] - take - borrow;
            rest.words[i] = (uint64_t)left;
            borrow = (uint64_t)(left >> 64) & 1;
        }
        quotient |= 1;
    }
    *exact_out = trimmed(rest).size == 0;
    return quotient;
}

/* The quotient of numerator * 2^shift / denominator, cut to a whole number of at most 127 bits. */
static weir_uint128 divide(weir_big numerator, weir_big denominator, int64_t shift,
                           weir_arena *scratch, bool *exact_out)
{
    if (shift >= 0) {
        numerator = weir_big_shift_left(numerator, (uint64_t)shift, scratch);
    } else {
        denominator = weir_big_shift_left(denominator, (uint64_t)-shift, scratch);
    }
    if (denominator.size == 1) return divide_small(numerator, denominator.words[0], exact_out);
    return divide_long(numerator, denominator, scratch, exact_out);
}

double weir_exact_ratio(weir_signed_big numerator, weir_big denominator, int64_t exponent,
                        weir_arena *scratch)
{
    WEIR_ASSERT(denominator.size > 0);
    if (numerator.magnitude.size == 0) return 0.0;
    int64_t shift =
        66 - ((int64_t)weir_big_bits(numerator.magnitude) - (int64_t)weir_big_bits(denominator));
    bool exact = false;
    weir_uint128 q = divide(numerator.magnitude, denominator, shift, scratch, &exact);
    return weir_exact_round(numerator.negative, q, !exact, exponent - shift);
}

/* floor(sqrt(a)) for a < 2^128, digit by digit. */
static weir_uint128 root(weir_uint128 a, bool *exact_out)
{
    weir_uint128 rest = a, result = 0, bit = (weir_uint128)1 << 126;
    while (bit > a && bit != 0)
        bit >>= 2;
    while (bit != 0) {
        if (rest >= result + bit) {
            rest -= result + bit;
            result = (result >> 1) + bit;
        } else {
            result >>= 1;
        }
        bit >>= 2;
    }
    *exact_out = rest == 0;
    return result;
}

double weir_exact_root_of_ratio(bool negative, weir_big numerator, weir_big denominator,
                                weir_arena *scratch)
{
    WEIR_ASSERT(denominator.size > 0);
    if (numerator.size == 0) return 0.0;
    /* A quotient of 126 or 127 bits, so that its root has 63 or 64; the shift must be even. */
    int64_t shift = 126 - ((int64_t)weir_big_bits(numerator) - (int64_t)weir_big_bits(denominator));
    if (shift & 1) shift--;
    bool exact_quotient = false, exact_root = false;
    weir_uint128 q = divide(numerator, denominator, shift, scratch, &exact_quotient);
    weir_uint128 r = root(q, &exact_root);
    /* The root of a real number in [q, q+1) has the same whole part; one more bit makes room for
     * the sticky. */
    weir_uint128 twice = r << 1;
    bool sticky = !exact_quotient || !exact_root;
    /* Is the true root at least r + 1/2? (r + 1/2)^2 = r^2 + r + 1/4 is never whole: compare whole
     * parts. */
    if (q - r * r > r) twice |= 1;
    return weir_exact_round(negative, twice, sticky, -shift / 2 - 1);
}

void weir_double_split(double x, int64_t *mantissa_out, int *exponent_out)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int biased = (int)(bits >> 52 & 0x7ff);
    int64_t mantissa = (int64_t)(bits & ((UINT64_C(1) << 52) - 1));
    WEIR_ASSERT(biased != 0x7ff);
    if (biased != 0) mantissa |= INT64_C(1) << 52;
    *mantissa_out = bits >> 63 ? -mantissa : mantissa;
    *exponent_out = (biased != 0 ? biased : 1) - 1075;
}
