/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal.h - exact decimals on 128 bits, and exact conversions between number types.
 *
 * A decimal is an unscaled 128-bit integer; its scale belongs to its type. No operation here rounds
 * unless its name says so, and none goes through a double but those that end in one, which round
 * the exact value once, to nearest, ties to even. Operations that may not fit return false and
 * leave
 * `*out` alone. No libm, no locale.
 */
#pragma once

#include "ops/runtime/double.h" /* weir_double_print, weir_float_print, weir_double_parse */
#include "schemas/value.h"

weir_int128 weir_decimal_pow10(unsigned exponent); /* 10^exponent, exponent 0..38 */
bool weir_decimal_fits(weir_int128 unscaled, unsigned precision);

bool weir_decimal_add(weir_int128 a, weir_int128 b, weir_int128 *out);      /* |result| < 10^38 */
bool weir_decimal_subtract(weir_int128 a, weir_int128 b, weir_int128 *out); /* likewise         */
bool weir_decimal_multiply(weir_int128 a, weir_int128 b, weir_int128 *out); /* likewise         */
/* To a larger scale exactly; to a smaller one only if no digit is lost. */
bool weir_decimal_rescale(weir_int128 value, unsigned from_scale, unsigned to_scale,
                          weir_int128 *out);
/* To a smaller or larger scale, half to even. */
bool weir_decimal_round(weir_int128 value, unsigned from_scale, unsigned to_scale,
                        weir_int128 *out);

double weir_decimal_to_double(weir_int128 value, unsigned scale); /* nearest, ties to even */
double weir_int128_to_double(weir_int128 value);                  /* nearest, ties to even */
double weir_int64_to_double(int64_t value);
/* numerator / denominator as the nearest double of the exact quotient; denominator != 0. */
double weir_int128_ratio(weir_int128 numerator, weir_int128 denominator);
/* The nearest decimal of that scale, half to even, of the double's exact value. */
bool weir_decimal_from_double(double value, unsigned scale, weir_int128 *out);

/* Compares by exact value across types and scales: int64 (scale 0), decimal, float64. -1, 0, 1. */
int weir_number_compare(weir_type type_a, const weir_value *a, weir_type type_b,
                        const weir_value *b);

/*
 * Text. parse reads [+-]digits[.digits][(e|E)[+-]digits] of exactly `size` bytes into the scale
 * wanted, exactly; digits may be left out on one side of the point. False if it is no number, if its
 * value has more digits than the scale holds (zeros at the end are none), or if it does not fit
 * `precision`. print writes at least one digit before the point and `scale` digits after it; returns
 * the length, at most WEIR_DECIMAL_TEXT_MAX, no NUL.
 */
enum { WEIR_DECIMAL_TEXT_MAX = 48 };
bool weir_decimal_parse(const char *text, size_t size, unsigned precision, unsigned scale,
                        weir_int128 *out);
size_t weir_decimal_print(weir_int128 value, unsigned scale, char *out);
/* The digits of an integer alone; at most 20. */
size_t weir_uint64_print(uint64_t value, char *out);
