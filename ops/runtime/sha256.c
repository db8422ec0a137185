/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/sha256.h"

#include <string.h>

// clang-format off
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
// clang-format on

static uint32_t rotate(uint32_t word, unsigned bits) { return (word >> bits) | (word << (32 - bits)); }

static void schedule(const uint8_t *block, uint32_t w[64])
{
    for (unsigned i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
}

static void compress(uint32_t words[8], const uint8_t *block)
{
    uint32_t w[64];
    schedule(block, w);
    uint32_t s[8];
    memcpy(s, words, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        uint32_t one = s[7] + e + ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + w[i];
        uint32_t a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        uint32_t two = a + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += one;
        s[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        words[i] += s[i];
}

void weir_sha256_init(weir_sha256 *sha)
{
    *sha = (weir_sha256){.words = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                   0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void weir_sha256_update(weir_sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    size_t filled = (size_t)(sha->size % 64);
    sha->size += size;
    while (size > 0) {
        size_t take = size < 64 - filled ? size : 64 - filled;
        memcpy(sha->block + filled, from, take);
        from += take;
        size -= take;
        filled += take;
        if (filled < 64) return;
        compress(sha->words, sha->block);
        filled = 0;
    }
}

void weir_sha256_final(weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    uint64_t bits = sha->size * 8;
    uint8_t length[8];
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    static const uint8_t padding[64] = {0x80};
    size_t filled = (size_t)(sha->size % 64);
    weir_sha256_update(sha, padding, filled < 56 ? 56 - filled : 120 - filled);
    weir_sha256_update(sha, length, sizeof length);
    for (unsigned i = 0; i < WEIR_SHA256_BYTES; i++)
        digest_out[i] = (uint8_t)(sha->words[i / 4] >> (24 - 8 * (i % 4)));
}

void weir_sha256_of(const void *bytes, size_t size, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    weir_sha256 sha;
    weir_sha256_init(&sha);
    weir_sha256_update(&sha, bytes, size);
    weir_sha256_final(&sha, digest_out);
}
