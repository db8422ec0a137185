/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/exact_math.h"
#include <stdbool.h>

static double whole_power(double x, int n)
{
    double result = 1.0, base = x;
    for (int left = n < 0 ? -n : n; left > 0; left >>= 1) {
        if (left & 1) result *= base;
        base *= base;
    }
    return n < 0 ? 1.0 / result : result;
}

double weir_pow(double x, double y)
{
    if (y == 0.0 || x == 1.0) return 1.0;
    if (x != x || y != y) return NAN;
    if (fabs(y) <= 64.0 && y == (double)(int)y) return whole_power(x, (int)y);
    if (y == 0.5 && x != -INFINITY) return __builtin_sqrt(x) + 0.0;
    double a = fabs(x);
    if (y == INFINITY || y == -INFINITY)
        return a == 1.0 ? 1.0 : (a > 1.0) == (y > 0.0) ? INFINITY : 0.0;
    bool is_whole = fabs(y) >= 0x1p52 || y == (double)(int64_t)y;
    bool is_odd = fabs(y) < 0x1p53 && is_whole && ((int64_t)y & 1) != 0;
    if (x < 0.0 && !is_whole && x != -INFINITY) return NAN;
    double result = weir_exp(y * weir_log(a));
    return x < 0.0 && is_odd ? -result : result;
}
