/* SPDX-License-Identifier: Apache-2.0 */
/*
 * double.h - binary floating point to and from text: exact, the same on every machine, no locale.
 *
 * Printing gives the shortest digits that read back as the same number, and among those the closest
 * to it (Giulietti's Schubfach). Reading rounds once, to nearest, ties to even. Both rest on one
 * table of 128-bit powers of ten, computed exactly from big integers at first use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { WEIR_DOUBLE_TEXT_MAX = 32 };

/*
 * Always with a point or an exponent: 2.0, 0.001, 1e-7, 1e16, 1.5e300. The exponent form begins
 * below 1e-4 and at 1e16. Returns the length, no NUL. NaN, Infinity, -Infinity are spelled so.
 */
size_t weir_double_print(double value, char *out);
size_t weir_float_print(float value, char *out); /* the same for float32 */

/*
 * Reads [+-]digits[.digits][(e|E)[+-]digits], all `size` bytes; one digit at least, on either side
 * of the point. Overflow gives an infinity; false only for what is no number (nan and inf in
 * letters are none).
 */
bool weir_double_parse(const char *text, size_t size, double *out);
bool weir_float_parse(const char *text, size_t size, float *out); /* rounds once, to float32 */
