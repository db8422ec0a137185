/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/nearest.h"

#include <string.h>

enum { LETTERS_MAX = 64 };

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned weir_edit_distance(const char *left, const char *right)
{
    size_t rows = strlen(left), columns = strlen(right);
    if (rows > LETTERS_MAX || columns > LETTERS_MAX) return LETTERS_MAX;
    unsigned before_last[LETTERS_MAX + 1] = {0}, last[LETTERS_MAX + 1] = {0},
                                       row[LETTERS_MAX + 1] = {0};
    for (size_t j = 0; j <= columns; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            char a = lower(left[i - 1]), b = lower(right[j - 1]);
            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + (a != b));
            if (i > 1 && j > 1 && a == lower(right[j - 2]) && lower(left[i - 2]) == b)
                row[j] = least(row[j], before_last[j - 2] + 1);
        }
        memcpy(before_last, last, sizeof last);
        memcpy(last, row, sizeof row);
    }
    return last[columns];
}

weir_nearest weir_nearest_of(const char *word)
{
    size_t third = strlen(word) / 3;
    return (weir_nearest){.word = word, .distance = (unsigned)(third < 1 ? 1 : third) + 1};
}

void weir_nearest_offer(weir_nearest *nearest, const char *name)
{
    unsigned distance = weir_edit_distance(nearest->word, name);
    if (distance >= nearest->distance) return;
    nearest->distance = distance;
    nearest->name = name;
}
