/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_trig.c - sine and cosine with specified bits, over all of float64.
 *
 * |x| is reduced to r in [-pi/4, pi/4] and a quadrant. Up to 2^20 pi/2 is subtracted in three parts,
 * the first two of 33 bits, so that their products are exact. Beyond, the 192 bits of 2/pi that
 * matter to the quadrant and the fraction are multiplied with the mantissa as integers. Then
 * Taylor's series, in Horner's form.
 */
#include "compute/model/exact_math.h"
#include "schemas/decimal.h"

typedef struct angle {
    unsigned quadrant;
    double rest;
} angle;

/* The bits of 2/pi from `bit` on; those before the point are 0. */
static uint64_t two_over_pi(int bit)
{
    static const uint64_t words[] = {
        UINT64_C(0xa2f9836e4e441529), UINT64_C(0xfc2757d1f534ddc0), UINT64_C(0xdb6295993c439041),
        UINT64_C(0xfe5163abdebbc561), UINT64_C(0xb7246e3a424dd2e0), UINT64_C(0x06492eea09d1921c),
        UINT64_C(0xfe1deb1cb129a73e), UINT64_C(0xe88235f52ebb4484), UINT64_C(0xe99c7026b45f7e41),
        UINT64_C(0x3991d639835339f4), UINT64_C(0x9c845f8bbdf9283b), UINT64_C(0x1ff897ffde05980f),
        UINT64_C(0xef2f118b5a0a6d1f), UINT64_C(0x6d367ecf27cb09b7), UINT64_C(0x4f463f669e5fea2d),
        UINT64_C(0x7527bac7ebe5f17b), UINT64_C(0x3d0739f78a5292ea), UINT64_C(0x6bfb5fb11f8d5d08),
        UINT64_C(0x56033046fc7b6bab), UINT64_C(0xf0cfbc209af4361d)};
    if (bit < 0) return bit > -64 ? words[0] >> -bit : 0;
    unsigned word = (unsigned)bit / 64, shift = (unsigned)bit % 64;
    uint64_t high = words[word] << shift;
    return shift == 0 ? high : high | words[word + 1] >> (64 - shift);
}

/* x = mantissa * 2^exponent, 2^20 <= x < infinity. */
static angle reduce_large(double x)
{
    uint64_t bits = weir_exact_bits(x), mantissa = (bits & (UINT64_MAX >> 12)) | UINT64_C(1) << 52;
    int first = (int)(bits >> 52) - 1075 - 2; /* whole circles are left out */
    weir_uint128 low = (weir_uint128)mantissa * two_over_pi(first + 128);
    weir_uint128 middle = (weir_uint128)mantissa * two_over_pi(first + 64) + (low >> 64);
    uint64_t high = mantissa * two_over_pi(first) + (uint64_t)(middle >> 64);
    weir_uint128 fraction =
        (weir_uint128)high << 66 | (weir_uint128)(uint64_t)middle << 2 | (uint64_t)low >> 62;
    unsigned is_above_half = (unsigned)(fraction >> 127); /* then it is counted from the next */
    double rest = weir_int128_to_double((weir_int128)fraction) * 0x1p-128;
    return (angle){(unsigned)(high >> 62) + is_above_half, rest * 0x1.921fb54442d18p+0};
}

static angle reduce(double x)
{
    if (x >= 0x1p20) return reduce_large(x);
    double k = __builtin_rint(x * 0x1.45f306dc9c883p-1);
    double rest = ((x - k * 0x1.921fb544p+0) - k * 0x1.0b4611a6p-34) - k * 0x1.3198a2e037073p-69;
    return (angle){(unsigned)(int64_t)k, rest};
}

static double sine_near(double r)
{
    double z = r * r, p = 1.0 / 355687428096000.0;
    p = -1.0 / 1307674368000.0 + z * p;
    p = 1.0 / 6227020800.0 + z * p;
    p = -1.0 / 39916800.0 + z * p;
    p = 1.0 / 362880.0 + z * p;
    p = -1.0 / 5040.0 + z * p;
    p = 1.0 / 120.0 + z * p;
    p = -1.0 / 6.0 + z * p;
    return r + r * (z * p);
}

static double cosine_near(double r)
{
    double z = r * r, p = -1.0 / 6402373705728000.0;
    p = 1.0 / 20922789888000.0 + z * p;
    p = -1.0 / 87178291200.0 + z * p;
    p = 1.0 / 479001600.0 + z * p;
    p = -1.0 / 3628800.0 + z * p;
    p = 1.0 / 40320.0 + z * p;
    p = -1.0 / 720.0 + z * p;
    p = 1.0 / 24.0 + z * p;
    return 1.0 - (0.5 * z - z * (z * p));
}

/* The sine of an angle that many quadrants ahead. */
static double sine_of(angle a, unsigned ahead)
{
    unsigned quadrant = a.quadrant + ahead;
    double y = quadrant % 2 == 0 ? sine_near(a.rest) : cosine_near(a.rest);
    return quadrant % 4 < 2 ? y : -y;
}

double weir_sin(double x)
{
    if (!(fabs(x) < INFINITY)) return NAN;
    double y = sine_of(reduce(fabs(x)), 0);
    return x < 0.0 ? -y : y;
}

double weir_cos(double x)
{
    if (!(fabs(x) < INFINITY)) return NAN;
    return sine_of(reduce(fabs(x)), 1);
}
