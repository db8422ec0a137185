/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/categories.h"

bool weir_categories_differ(const weir_doc *list)
{
    if (list == NULL || list->kind != WEIR_DOC_NUMBERS) return false;
    for (size_t i = 0; i < list->count; i++)
        if (list->numbers[i] != (double)i) return true;
    return false;
}

static bool has_bit(const weir_tree_node *node, size_t number)
{
    return number / 32 < node->bit_words && (node->bits[number / 32] >> number % 32 & 1) != 0;
}

weir_error *weir_categories_recode(const weir_doc *list, weir_arena *into, weir_tree_node *node,
                                   size_t *words)
{
    if (!weir_categories_differ(list)) return NULL;
    uint32_t most = 0;
    for (size_t i = 0; i < list->count; i++) {
        double value = list->numbers[i];
        if (!has_bit(node, i)) continue;
        if (!(value >= 0 && value < WEIR_CATEGORIES_MAX) || value != (double)(uint32_t)value)
            return weir_error_new(WEIR_E_MODEL,
                                  "a category of feature %u is %g; those that are whole numbers "
                                  "below 2^24 are read: train on such, or on text",
                                  node->feature, value);
        if ((uint32_t)value > most) most = (uint32_t)value;
    }
    uint32_t count = most / 32 + 1;
    *words += count;
    if (*words > WEIR_CATEGORY_WORDS_MAX)
        return weir_error_new(WEIR_E_LIMIT, "its sets of categories need more than 2^30 bits");
    uint32_t *bits = weir_arena_array(into, uint32_t, count);
    for (size_t i = 0; i < list->count; i++) {
        if (!has_bit(node, i)) continue;
        uint32_t value = (uint32_t)list->numbers[i];
        bits[value / 32] |= UINT32_C(1) << value % 32;
    }
    node->bits = bits;
    node->bit_words = count;
    return NULL;
}
