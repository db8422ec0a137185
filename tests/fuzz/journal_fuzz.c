/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal bytes: packs, copies and notices never hurt, and what is accepted as a copy encodes to
 * bytes that decode the same.
 */
#include <stdlib.h>

#include "ingest/journal.h"
#include "ingest/packer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_copy(weir_bytes bytes)
{
    weir_journal_copy copy, again;
    weir_buffer out = {0};
    if (!weir_journal_copy_decode(bytes, &copy)) return;
    weir_journal_copy_encode(&copy, &out);
    if (!weir_journal_copy_decode((weir_bytes){out.data, out.size}, &again)) abort();
    bool same = again.et_us == copy.et_us &&
                again.source_timestamp_us == copy.source_timestamp_us &&
                again.source_offset == copy.source_offset && again.hop == copy.hop &&
                again.point_count == copy.point_count && again.body.size == copy.body.size &&
                again.carried.size == copy.carried.size && again.key.size == copy.key.size;
    if (!same) abort();
    weir_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool bad = false;
    weir_bytes copy;
    weir_journal_notice notice;
    weir_bytes bytes = {data, size};
    (void)weir_journal_notice_decode(bytes, &notice);
    check_copy(bytes);
    weir_reader reader = weir_pack_open(bytes, &bad);
    size_t count = 0;
    while (!bad && weir_pack_next(&reader, &copy, &bad)) {
        if (++count > size) abort();
        check_copy(copy);
    }
    return 0;
}
