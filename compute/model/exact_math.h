/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_math.h - exp, log, tanh, erf, sine and their kin with specified bits.
 *
 * Made of IEEE additions, multiplications, divisions and square roots in a written order, without
 * fused operations and without libm, so that every compiler, CPU and vector width gives the same
 * bits. The float64 functions are within about one unit in the last place (pow: within |y log x|
 * units); a float32 function computes in float64 and rounds once, which makes it the correctly
 * rounded one but for ties that are decided beyond float64. NaN gives NaN; overflow gives infinity,
 * underflow zero.
 *
 * They are inline and free of branches where it matters, so that loops over them vectorise.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline double weir_exact_from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static inline uint64_t weir_exact_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

/* e^x: x = k ln 2 + r, |r| <= 0.35; Taylor's series of e^r to r^13, its terms from r^2 on added in
 * pairs, fours and eights, so that few additions wait for each other; 2^k in two factors, for
 * subnormals. */
static inline double weir_exp(double x)
{
    double clamped = x < -746.0 ? -746.0 : x > 710.0 ? 710.0 : x;
    const double shifter = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    double shifted = clamped * 0x1.71547652b82fep+0 + shifter;
    double k = shifted - shifter;
    double r = (clamped - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
    double r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
    double p2 = 0.5 + r * (1.0 / 6.0), p4 = 1.0 / 24.0 + r * (1.0 / 120.0);
    double p6 = 1.0 / 720.0 + r * (1.0 / 5040.0), p8 = 1.0 / 40320.0 + r * (1.0 / 362880.0);
    double p10 = 1.0 / 3628800.0 + r * (1.0 / 39916800.0);
    double p12 = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0);
    double p = ((p2 + r2 * p4) + r4 * (p6 + r2 * p8)) + r8 * (p10 + r2 * p12);
    double tail = r2 * p;
    double sum = 1.0 + (r + tail);
    int64_t n = (int64_t)(weir_exact_bits(shifted) & 0xfffff) -
                ((weir_exact_bits(shifted) & 0x80000) ? 0x100000 : 0);
    int64_t half = n >> 1;
    sum *= weir_exact_from_bits((uint64_t)(half + 1023) << 52);
    sum *= weir_exact_from_bits((uint64_t)(n - half + 1023) << 52);
    return x != x ? x : sum;
}

/* e^x - 1 without cancellation near 0. */
static inline double weir_expm1(double x)
{
    if (!(fabs(x) < 0.35)) return weir_exp(x) - 1.0;
    double p = 1.0 / 1307674368000.0;
    for (int n = 14; n >= 2; n--) { /* x + x^2/2! + ... in Horner's form of x/n */
        static const double inverse[15] = {0,
                                           0,
                                           1.0 / 2.0,
                                           1.0 / 6.0,
                                           1.0 / 24.0,
                                           1.0 / 120.0,
                                           1.0 / 720.0,
                                           1.0 / 5040.0,
                                           1.0 / 40320.0,
                                           1.0 / 362880.0,
                                           1.0 / 3628800.0,
                                           1.0 / 39916800.0,
                                           1.0 / 479001600.0,
                                           1.0 / 6227020800.0,
                                           1.0 / 87178291200.0};
        p = p * x + inverse[n];
    }
    return x + x * x * p;
}

/* ln x: x = 2^k m, m in [0.70, 1.41]; with s = (m-1)/(m+1), ln m = 2(s + s^3/3 + ... + s^25/25). */
static inline double weir_log(double x)
{
    if (!(x > 0.0)) return x == 0.0 ? -INFINITY : NAN;
    if (x == INFINITY) return x;
    int64_t k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    uint64_t bits = weir_exact_bits(x);
    uint64_t above =
        (bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52; /* whole powers of two above sqrt(1/2) */
    int64_t e = (int64_t)(above << 52) >> 52;
    double m = weir_exact_from_bits(bits - ((uint64_t)e << 52));
    k += e;
    double f = m - 1.0, s = f / (2.0 + f), z = s * s;
    double p = 1.0 / 25.0;
    p = p * z + 1.0 / 23.0;
    p = p * z + 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    /* 2s = f - s f; the exact f is kept apart from what is small. */
    double half = 0.5 * f * f;
    double r = s * (half + 2.0 * (z * p));
    double kd = (double)k;
    return kd * 0x1.62e42feep-1 - ((half - (r + kd * 0x1.a39ef35793c76p-33)) - f);
}

/* ln(1 + x) */
static inline double weir_log1p(double x)
{
    double u = 1.0 + x;
    if (u == 1.0 || u != u || u == INFINITY) return x;
    if (u <= 0.0) return weir_log(u);
    return weir_log(u) + (x - (u - 1.0)) / u;
}

static inline double weir_tanh(double x)
{
    double a = fabs(x);
    if (a > 22.0) return x > 0.0 ? 1.0 : -1.0;
    double t = weir_expm1(2.0 * a);
    double y = t / (t + 2.0);
    return x < 0.0 ? -y : y;
}

static inline double weir_sigmoid(double x)
{
    double t = weir_exp(-fabs(x)); /* never overflows */
    double y = 1.0 / (1.0 + t);
    return x >= 0.0 ? y : x != x ? x : t * y;
}

/* ln(1 + e^x) */
static inline double weir_softplus(double x)
{
    return (x > 0.0 ? x : 0.0) + weir_log1p(weir_exp(-fabs(x)));
}

/* Below 3: e^-x^2 times a series of positive terms; above: a continued fraction of 40 steps. */
static inline double weir_erf(double x)
{
    double a = fabs(x), y;
    if (x != x) return x;
    if (a >= 6.0) {
        y = 1.0;
    } else if (a < 3.0) {
        double term = a, sum = a;
        for (int n = 1; n < 60; n++) {
            term *= 2.0 * a * a / (2.0 * n + 1.0);
            sum += term;
        }
        y = 1.12837916709551257390 * weir_exp(-a * a) * sum;
    } else {
        double f = a;
        for (int n = 40; n >= 1; n--)
            f = a + (0.5 * n) / f;
        y = 1.0 - weir_exp(-a * a) / (f * 1.77245385090551602730);
    }
    return x < 0.0 ? -y : y;
}

/* x^y. Whole exponents up to 64 by multiplication, 0.5 by square root, else exp(y ln x). */
double weir_pow(double x, double y);
/* Over all of float64; NaN for what is not finite. exact_trig.c */
double weir_sin(double x);
double weir_cos(double x);

static inline float weir_expf(float x) { return (float)weir_exp((double)x); }
static inline float weir_logf(float x) { return (float)weir_log((double)x); }
static inline float weir_tanhf(float x) { return (float)weir_tanh((double)x); }
static inline float weir_sigmoidf(float x) { return (float)weir_sigmoid((double)x); }
