/* SPDX-License-Identifier: Apache-2.0 */
/*
 * categories.h - what the numbers of a model's categories stand for.
 *
 * A library that learns from a pandas frame counts the values of a category column: 10, 20, 30 are
 * 0, 1, 2. It splits by these numbers and keeps the values in the file, so that the rows of a frame
 * are counted alike. Here the sets of the splits are put into values instead, once: then a row's
 * own number is looked up. A value that the file does not have is in no set. Texts stay counted,
 * since rows are numbers; and so do categories that are their own numbers, 0, 1, 2, ...
 *
 * Owns: nothing; sets live in the arena given.
 */
#pragma once

#include "compute/model/document.h"
#include "compute/model/trees.h"

enum {
    WEIR_CATEGORIES_MAX = 1 << 24,     /* a category is below it */
    WEIR_CATEGORY_WORDS_MAX = 1 << 25, /* 32 bits each, of all sets of a model */
};

/* Whether the list, which may be NULL, says anything but "0, 1, 2, ..". */
bool weir_categories_differ(const weir_doc *list);
/* Puts a split's set into the list's values. `words` counts what all sets of the model take. */
weir_error *weir_categories_recode(const weir_doc *list, weir_arena *into, weir_tree_node *node,
                                   size_t *words);
