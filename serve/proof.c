/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/proof.h"

void weir_proof_vtell(weir_proof *proof, weir_arena *into, const char *format, va_list arguments)
{
    if (proof->difference_count == WEIR_PROOF_DIFFERENCES_MAX) return;
    proof->differences[proof->difference_count++] = weir_arena_vprintf(into, format, arguments);
}

void weir_proof_tell(weir_proof *proof, weir_arena *into, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_proof_vtell(proof, into, format, arguments);
    va_end(arguments);
}
