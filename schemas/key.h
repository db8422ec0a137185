/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - the key of an entity as bytes, and the partition that it belongs to.
 *
 * A key's bytes are a Kafka message's key (weir_key_encode, weir_key_decode in value.h), so they
 * are what other people's producers write: text. One value has one form, and decode refuses every
 * other. The partition is that of Kafka's own (Java) clients: murmur2 of the bytes, sign bit
 * cleared, modulo the count.
 */
#pragma once

#include "schemas/value.h"

uint32_t weir_murmur2(const void *bytes, size_t size); /* Kafka's: seed 0x9747b28c */
uint32_t weir_key_partition(weir_bytes key, uint32_t partition_count);
