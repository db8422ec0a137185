/* SPDX-License-Identifier: Apache-2.0 */
/* time_internal.h - what the calendar and the zones share. */
#pragma once

#include <stdint.h>

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; month 1..12, any day. */
int64_t weir_days_from_civil(int64_t year, unsigned month, unsigned day);
int64_t weir_year_from_days(int64_t days); /* within int64's microseconds and some */
