/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xsum.c - the canonical bytes are: zigzag varint of the grid index of the lowest word that is not
 * zero, varint of the number of words up to the shortest two's complement form, the words. The
 * empty sum has no words and index 0.
 */
#include "compute/agg/xsum.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

static uint64_t *words_of(weir_xsum *sum)
{
    return sum->capacity == 0 ? sum->as.inside : sum->as.heap;
}
static const uint64_t *words_in(const weir_xsum *sum)
{
    return sum->capacity == 0 ? sum->as.inside : sum->as.heap;
}
static uint64_t sign_word(const weir_xsum *sum)
{
    return sum->size > 0 && words_in(sum)[sum->size - 1] >> 63 ? UINT64_MAX : 0;
}

void weir_xsum_deinit(weir_xsum *sum)
{
    if (sum->capacity > 0) weir_memory_free(sum->as.heap);
    *sum = (weir_xsum){0};
}

void weir_xsum_copy(const weir_xsum *sum, weir_xsum *copy_out)
{
    *copy_out = *sum;
    if (sum->capacity == 0) return;
    copy_out->as.heap = weir_memory_alloc(sum->capacity * sizeof(uint64_t));
    WEIR_ASSERT(copy_out->as.heap != NULL);
    memcpy(copy_out->as.heap, sum->as.heap, sum->size * sizeof(uint64_t));
}

size_t weir_xsum_bytes(const weir_xsum *sum) { return sum->capacity * sizeof(uint64_t); }

/* Makes the sum hold the words [base, base + size) too. */
static void extend(weir_xsum *sum, int32_t base, int32_t end)
{
    if (sum->size == 0) sum->base = base;
    int32_t low = base < sum->base ? base : sum->base;
    int32_t high = sum->base + sum->size > end ? sum->base + sum->size : end;
    uint32_t size = (uint32_t)(high - low);
    uint32_t below = (uint32_t)(sum->base - low);
    uint64_t sign = sign_word(sum);
    WEIR_ASSERT(size <= WEIR_XSUM_WORDS_MAX);
    uint32_t capacity = sum->capacity == 0 ? WEIR_XSUM_INLINE : sum->capacity;
    if (size > capacity) {
        uint64_t *heap = weir_memory_alloc((size_t)(size + 2) * sizeof *heap);
        WEIR_ASSERT(heap != NULL);
        memcpy(heap + below, words_of(sum), sum->size * sizeof *heap);
        if (sum->capacity > 0) weir_memory_free(sum->as.heap);
        sum->as.heap = heap;
        sum->capacity = (uint16_t)(size + 2);
    } else if (below > 0) {
        memmove(words_of(sum) + below, words_of(sum), sum->size * sizeof(uint64_t));
    }
    uint64_t *words = words_of(sum);
    for (uint32_t i = 0; i < below; i++)
        words[i] = 0;
    for (uint32_t i = below + sum->size; i < size; i++)
        words[i] = sign;
    sum->base = low;
    sum->size = (uint16_t)size;
}

/* Adds or subtracts a magnitude whose lowest word stands at `base`; the top word has room for the
 * carry. */
static void accumulate(weir_xsum *sum, const uint64_t *magnitude, uint32_t count, int32_t base,
                       bool subtract)
{
    while (count > 0 && magnitude[count - 1] == 0)
        count--;
    if (count == 0) return;
    int32_t end = base + (int32_t)count + 1; /* a word of headroom, which also holds the sign */
    if (sum->size == 0 || base < sum->base || end > sum->base + sum->size) extend(sum, base, end);
    uint64_t *words = words_of(sum) + (base - sum->base);
    uint32_t left = sum->size - (uint32_t)(base - sum->base);
    uint64_t carry = 0;
    for (uint32_t i = 0; i < left; i++) {
        if (i >= count && carry == 0) break;
        uint64_t term = i < count ? magnitude[i] : 0;
        weir_uint128 t = subtract ? (weir_uint128)words[i] - term - carry
                                  : (weir_uint128)words[i] + term + carry;
        words[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64) & 1;
    }
    /* Keep the top word away from its ends, so that the next term can not turn the sign. */
    uint64_t top = words_of(sum)[sum->size - 1];
    if (top + (UINT64_C(1) << 62) >= UINT64_C(1) << 63)
        extend(sum, sum->base, sum->base + sum->size + 1);
}

weir_term weir_term_of_double(double value)
{
    int64_t mantissa = 0;
    int exponent = 0;
    weir_double_split(value, &mantissa, &exponent);
    weir_term term = {.negative = mantissa < 0, .size = 1, .exponent = exponent};
    term.words[0] = (uint64_t)(mantissa < 0 ? -mantissa : mantissa);
    return term;
}

weir_term weir_term_of_int(weir_int128 value)
{
    weir_uint128 magnitude = value < 0 ? -(weir_uint128)value : (weir_uint128)value;
    weir_term term = {.negative = value < 0, .size = magnitude >> 64 != 0 ? 2 : 1};
    term.words[0] = (uint64_t)magnitude;
    term.words[1] = (uint64_t)(magnitude >> 64);
    return term;
}

weir_term weir_term_multiply(const weir_term *a, const weir_term *b)
{
    WEIR_ASSERT(a->size + b->size <= 8);
    weir_term product = {.negative = a->negative != b->negative,
                         .exponent = a->exponent + b->exponent};
    for (unsigned i = 0; i < a->size; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; j < b->size; j++) {
            weir_uint128 t = (weir_uint128)a->words[i] * b->words[j] + product.words[i + j] + carry;
            product.words[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        product.words[i + b->size] = carry;
    }
    product.size = (uint8_t)(a->size + b->size);
    while (product.size > 1 && product.words[product.size - 1] == 0)
        product.size--;
    return product;
}

static int32_t floor_64(int32_t exponent)
{
    return exponent >= 0 ? exponent / 64 : -((63 - exponent) / 64);
}

void weir_xsum_add(weir_xsum *sum, const weir_term *term, bool subtract)
{
    int32_t base = floor_64(term->exponent);
    unsigned shift = (unsigned)(term->exponent - base * 64);
    uint64_t shifted[9] = {0};
    for (unsigned i = 0; i < term->size; i++) {
        shifted[i] |= term->words[i] << shift;
        if (shift > 0) shifted[i + 1] = term->words[i] >> (64 - shift);
    }
    accumulate(sum, shifted, term->size + 1u, base, term->negative != subtract);
}

void weir_xsum_add_double(weir_xsum *sum, double value, bool subtract)
{
    int64_t mantissa = 0;
    int exponent = 0;
    weir_double_split(value, &mantissa, &exponent);
    int32_t base = floor_64(exponent);
    unsigned shift = (unsigned)(exponent - base * 64);
    weir_uint128 magnitude = (weir_uint128)(uint64_t)(mantissa < 0 ? -mantissa : mantissa) << shift;
    uint64_t words[2] = {(uint64_t)magnitude, (uint64_t)(magnitude >> 64)};
    accumulate(sum, words, 2, base, (mantissa < 0) != subtract);
}

weir_signed_big weir_xsum_get(const weir_xsum *sum, int64_t *exponent_out, weir_arena *into)
{
    *exponent_out = (int64_t)sum->base * 64;
    bool negative = sign_word(sum) != 0;
    weir_big magnitude = weir_big_from_words(words_in(sum), sum->size, into);
    if (!negative) return (weir_signed_big){false, magnitude};
    magnitude = (weir_big){sum->size, weir_arena_array(into, uint64_t, sum->size)};
    uint64_t carry = 1;
    for (uint32_t i = 0; i < sum->size; i++) {
        magnitude.words[i] = ~words_in(sum)[i] + carry;
        carry = carry && magnitude.words[i] == 0;
    }
    while (magnitude.size > 0 && magnitude.words[magnitude.size - 1] == 0)
        magnitude.size--;
    return (weir_signed_big){true, magnitude};
}

void weir_xsum_merge(weir_xsum *sum, const weir_xsum *other)
{
    weir_arena scratch = {0};
    int64_t exponent = 0;
    weir_signed_big big = weir_xsum_get(other, &exponent, &scratch);
    accumulate(sum, big.magnitude.words, big.magnitude.size, (int32_t)(exponent / 64),
               big.negative);
    weir_arena_deinit(&scratch);
}

double weir_xsum_round(const weir_xsum *sum)
{
    bool negative = sign_word(sum) != 0;
    const uint64_t *words = words_in(sum);
    /* The magnitude's three highest words from the top word that is not zero; the rest is sticky.
     */
    uint64_t magnitude[3] = {0};
    uint32_t low = 0;
    while (low < sum->size && words[low] == 0)
        low++;
    if (low == sum->size) return 0.0;
    uint32_t top = sum->size;
    uint64_t value = 0;
    while (top > low) { /* of a negative number, words above the lowest one are complemented */
        value = !negative ? words[top - 1] : top - 1 == low ? ~words[top - 1] + 1 : ~words[top - 1];
        if (value != 0) break;
        top--;
    }
    bool sticky = false;
    for (uint32_t i = 0; i < 3 && top >= 1 + i && top - 1 - i >= low; i++) {
        uint32_t at = top - 1 - i;
        magnitude[2 - i] = !negative ? words[at] : at == low ? ~words[at] + 1 : ~words[at];
    }
    sticky = top >= 4 && top - 4 >= low;
    int64_t exponent = ((int64_t)sum->base + top - 3) * 64;
    /* Squeeze three words into 128 bits: the top word is not zero, so at least 65 bits stay. */
    unsigned spare = (unsigned)__builtin_clzll(magnitude[2]);
    weir_uint128 q = (weir_uint128)magnitude[2] << 64 | magnitude[1];
    uint64_t rest = magnitude[0];
    if (spare > 0) {
        q = q << spare | rest >> (64 - spare);
        rest <<= spare;
    }
    exponent += 64 - (int64_t)spare;
    return weir_exact_round(negative, q, sticky || rest != 0, exponent);
}

void weir_xsum_encode(const weir_xsum *sum, weir_buffer *out)
{
    const uint64_t *words = words_in(sum);
    uint32_t low = 0, size = sum->size;
    while (low < size && words[low] == 0)
        low++;
    uint64_t sign = sign_word(sum);
    while (size > low + 1 && words[size - 1] == sign && words[size - 2] >> 63 == sign >> 63)
        size--;
    if (low == size) low = size = 0;
    weir_buffer_put_zigzag(out, size == 0 ? 0 : sum->base + (int64_t)low);
    weir_buffer_put_varint(out, size - low);
    weir_buffer_put(out, words + low, (size - low) * sizeof *words);
}

bool weir_xsum_decode(weir_xsum *sum, weir_reader *reader)
{
    *sum = (weir_xsum){0};
    int64_t base = weir_reader_zigzag(reader);
    uint64_t size = weir_reader_varint(reader);
    if (reader->bad || size > WEIR_XSUM_WORDS_MAX / 2 || base < -200 || base > 200) return false;
    const uint8_t *bytes = weir_reader_take(reader, size * sizeof(uint64_t));
    if (bytes == NULL) return false;
    if (size == 0) return base == 0;
    /* With a word of headroom, as accumulate() leaves it. */
    extend(sum, (int32_t)base, (int32_t)(base + (int64_t)size + 1));
    uint64_t *words = words_of(sum);
    memcpy(words, bytes, size * sizeof *words);
    words[size] = words[size - 1] >> 63 ? UINT64_MAX : 0;
    return words[0] != 0 &&
           (size == 1 || words[size - 1] != (words[size - 2] >> 63 ? UINT64_MAX : 0));
}
