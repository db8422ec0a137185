/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest.h - "did you mean ...?"
 *
 * The edit distance counts insertions, deletions, replacements and swaps of neighbours, case
 * ignored. A name is near when at most a third of the word's letters (and at least one) would have
 * to change.
 *
 * Usage:
 *     weir_nearest nearest = weir_nearest_of(word);
 *     for each name: weir_nearest_offer(&nearest, name);
 *     if (nearest.name != NULL) ... "did you mean `%s`?"
 *
 * Owns:    nothing; the names must outlive the answer.
 */
#pragma once

#include <stddef.h>

typedef struct weir_nearest {
    const char *word;
    const char *name;  /* the best so far, NULL while none is near */
    unsigned distance; /* of it; before: the greatest that counts as near, plus one */
} weir_nearest;

unsigned weir_edit_distance(const char *left,
                            const char *right); /* 64 and more letters: not near */
weir_nearest weir_nearest_of(const char *word);
void weir_nearest_offer(weir_nearest *nearest, const char *name);
