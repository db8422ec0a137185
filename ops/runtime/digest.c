/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/digest.h"

#include <string.h>

#include <openssl/evp.h>

#include "ops/runtime/assert.h"

/* A weir_sha256 is OpenSSL's context under our name: it has the fast instructions and needs no
 * second copy. */
static EVP_MD_CTX *context_of(const weir_sha256 *sha) { return (EVP_MD_CTX *)(uintptr_t)sha; }

weir_sha256 *weir_sha256_create(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    WEIR_ASSERT(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    return (weir_sha256 *)context;
}

void weir_sha256_destroy(weir_sha256 *sha) { EVP_MD_CTX_free(context_of(sha)); }

void weir_sha256_add(weir_sha256 *sha, const void *data, size_t size)
{
    WEIR_ASSERT(EVP_DigestUpdate(context_of(sha), data, size) == 1);
}

void weir_sha256_peek(const weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    WEIR_ASSERT(copy != NULL && EVP_MD_CTX_copy_ex(copy, context_of(sha)) == 1);
    weir_sha256_finish((weir_sha256 *)copy, digest_out);
}

void weir_sha256_finish(weir_sha256 *sha, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    unsigned size = 0;
    WEIR_ASSERT(EVP_DigestFinal_ex(context_of(sha), digest_out, &size) == 1 &&
                size == WEIR_SHA256_BYTES);
    weir_sha256_destroy(sha);
}

void weir_sha256_of(const void *data, size_t size, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    weir_sha256 *sha = weir_sha256_create();
    weir_sha256_add(sha, data, size);
    weir_sha256_finish(sha, digest_out);
}

void weir_sha256_print(const uint8_t digest[WEIR_SHA256_BYTES],
                       char text_out[WEIR_SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < WEIR_SHA256_BYTES; i++) {
        text_out[2 * i] = digits[digest[i] >> 4];
        text_out[2 * i + 1] = digits[digest[i] & 15];
    }
    text_out[2 * WEIR_SHA256_BYTES] = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool weir_sha256_parse(const char *text, uint8_t digest_out[WEIR_SHA256_BYTES])
{
    if (strlen(text) != WEIR_SHA256_TEXT_SIZE - 1) return false;
    for (size_t i = 0; i < WEIR_SHA256_BYTES; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        digest_out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
