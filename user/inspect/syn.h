/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SYN of a connection, as TCP_SAVED_SYN gives it: IP header, TCP header, options. Pure.
 * The kernel has accepted the packet, but its options are the sender's to choose.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SYN_BYTES_MAX 512 /* of a saved SYN: more is no SYN of ours */

/**
 * syn_nonce() - The nonce that vouches for the caller (zta_identity.h)
 * @data:	@len bytes, from the IP header on
 * @ret:	the octets as they stand on the wire; untouched on failure
 *
 * Return: 0; -ENODATA: no such option; -EBADMSG: not a SYN, malformed, or two such options, so
 * that it cannot be said which one the kernel wrote.
 */
int syn_nonce(const uint8_t *data, size_t len, uint64_t *ret);
