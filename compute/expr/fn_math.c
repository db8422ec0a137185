/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_math.c - log1p, smooth, geo_km: functions beyond IEEE's basics, with bits of our own (R13).
 *
 * Each is a fixed sequence of IEEE additions, multiplications, divisions and roots, so every
 * compiler and machine gives the same bits; errors stay below a few units of the last place. The
 * bits are part of the language: a better approximation would be a new function.
 *
 * ln: x = m * 2^k with m in [sqrt(1/2), sqrt(2)), s = (m-1)/(m+1), ln m = 2s(1 + s^2/3 + s^4/5 +
 * ...). sin, cos: degrees are reduced exactly (fmod by quadrants), then Taylor's series on [-45,
 * 45] degrees. arctangent: two steps of argument reduction, then its series below tan(15 degrees).
 */
#include <string.h>

#include "compute/expr/expr_internal.h"

#define LN2_HIGH        0x1.62e42fee00000p-1 /* the first 32 bits of ln 2: k * LN2_HIGH is exact */
#define LN2_LOW         0x1.a39ef35793c76p-33
#define PI              0x1.921fb54442d18p+1
#define EARTH_RADIUS_KM 6371.0088

enum { LN_TERMS = 12, ATAN_TERMS = 15, SIN_TERMS = 9 };

/* 2 * atanh(s) for |s| <= 0.172. */
static double twice_atanh(double s)
{
    double z = s * s, sum = 0.0;
    for (int k = LN_TERMS; k >= 1; k--) {
        sum = (sum + 1.0 / (double)(2 * k + 1)) * z;
    }
    return 2.0 * s + 2.0 * s * sum;
}

/* x = m * 2^k with m in [sqrt(1/2), sqrt(2)), for x > 0. */
static double split(double x, int *k_out)
{
    int k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    k += (int)(bits >> 52) - 1023;
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m >= 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        k++;
    }
    *k_out = k;
    return m;
}

double weir_math_log(double x)
{
    int k = 0;
    double m = split(x, &k);
    double part = twice_atanh((m - 1.0) / (m + 1.0));
    return (double)k * LN2_HIGH + (part + (double)k * LN2_LOW);
}

double weir_math_log1p(double x)
{
    double magnitude = x < 0 ? -x : x;
    if (magnitude < 0x1p-54) return x;
    if (magnitude < 0.25) return twice_atanh(x / (2.0 + x));
    double u = 1.0 + x;
    double lost = x >= 1.0 ? 1.0 - (u - x) : x - (u - 1.0); /* what the sum 1 + x lost */
    return weir_math_log(u) + lost / u;
}

static weir_value log1p_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    if (args[0].as.float64 <= -1.0) return weir_null();
    return weir_float(weir_math_log1p(args[0].as.float64));
}

const char *weir_fn_bind_log1p(weir_bind *bind)
{
    const char *problem = weir_bind_to_float(bind);
    bind->may_be_null = true;
    return problem != NULL ? problem
                           : weir_bind_done(bind, weir_type_of(WEIR_FLOAT64), log1p_of, "log1p");
}

/* (a + p * w) / (n + w), float64 operation by operation. */
static weir_value smooth_of(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    double a = args[0].as.float64, n = args[1].as.float64, p = args[2].as.float64,
           w = args[3].as.float64;
    double below = n + w;
    if (below == 0.0) return weir_null();
    return weir_float((a + p * w) / below);
}

const char *weir_fn_bind_smooth(weir_bind *bind)
{
    const char *problem = weir_bind_to_float(bind);
    if (problem != NULL) return problem;
    const weir_expr *weight = bind->args[3];
    /* A count and a positive constant: the divisor is not zero. */
    bool is_positive = weight->op == WEIR_EXPR_CONST && !weir_is_null(&weight->constant) &&
                       weight->constant.as.float64 > 0.0;
    bind->may_be_null = !is_positive;
    return weir_bind_done(bind, weir_type_of(WEIR_FLOAT64), smooth_of, "smooth");
}

static double sin_series(double x)
{
    double z = x * x, sum = 0.0;
    for (int k = SIN_TERMS; k >= 1; k--) {
        sum = -(sum + 1.0) * z / (double)(2 * k * (2 * k + 1));
    }
    return x + x * sum;
}

static double cos_series(double x)
{
    double z = x * x, sum = 0.0;
    for (int k = SIN_TERMS; k >= 1; k--) {
        sum = -(sum + 1.0) * z / (double)((2 * k - 1) * 2 * k);
    }
    return 1.0 + sum;
}

/* The remainder of a finite x by 360, exact: x - 360 * q by steps of powers of two. */
static double reduce_degrees(double x)
{
    double sign = x < 0 ? -1.0 : 1.0, rest = x * sign;
    while (rest >= 360.0) {
        double step = 360.0;
        while (step <= rest * 0.5)
            step *= 2.0;
        rest -= step; /* exact: step is within a factor of two of rest */
    }
    return rest * sign;
}

static double sin_degrees(double degrees);

static double cos_degrees(double degrees)
{
    double x = reduce_degrees(degrees < 0 ? -degrees : degrees);
    if (x > 180.0) x = 360.0 - x;
    if (x > 90.0) return -cos_degrees(180.0 - x);
    return x <= 45.0 ? cos_series(x * (PI / 180.0)) : sin_series((90.0 - x) * (PI / 180.0));
}

static double sin_degrees(double degrees)
{
    double x = reduce_degrees(degrees);
    if (x < 0.0) return -sin_degrees(-x);
    if (x > 180.0) return -sin_degrees(x - 180.0);
    if (x > 90.0) x = 180.0 - x;
    return x <= 45.0 ? sin_series(x * (PI / 180.0)) : cos_series((90.0 - x) * (PI / 180.0));
}

/* arctan(y / x) in radians for y, x >= 0, not both 0. */
static double atan_quotient(double y, double x)
{
    if (y > x) return PI / 2.0 - atan_quotient(x, y);
    double t = y / x, base = 0.0;
    if (t > 0x1.126145e9ecd56p-2) { /* tan 15 degrees: turn by 30 degrees */
        const double root3 = 0x1.bb67ae8584caap+0;
        t = (t * root3 - 1.0) / (root3 + t);
        base = PI / 6.0;
    }
    double z = t * t, sum = 0.0;
    for (int k = ATAN_TERMS; k >= 1; k--) {
        sum = -(sum + 1.0 / (double)(2 * k + 1)) * z;
    }
    /* sum = z * (-1/3 + z/5 - ...), nested so that each sign is turned once a level */
    return base + (t + t * sum);
}

/* Haversine's formula on a sphere. */
static weir_value geo_distance(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    double half_lat = (args[1].as.geo.latitude - args[0].as.geo.latitude) * 0.5;
    double half_lon = (args[1].as.geo.longitude - args[0].as.geo.longitude) * 0.5;
    double a = sin_degrees(half_lat), b = sin_degrees(half_lon);
    double h = a * a + cos_degrees(args[0].as.geo.latitude) * cos_degrees(args[1].as.geo.latitude) *
                           (b * b);
    if (h < 0.0) h = 0.0;
    if (h > 1.0) h = 1.0;
    if (h == 0.0) return weir_float(0.0);
    return weir_float(2.0 * EARTH_RADIUS_KM *
                      atan_quotient(__builtin_sqrt(h), __builtin_sqrt(1.0 - h)));
}

const char *weir_fn_bind_geo_km(weir_bind *bind)
{
    for (size_t i = 0; i < 2; i++) {
        if (bind->args[i]->type.kind != WEIR_GEO)
            return weir_bind_misfit(bind, "it wants two places (geo)");
    }
    return weir_bind_done(bind, weir_type_of(WEIR_FLOAT64), geo_distance, "geo_km");
}
