/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the kernel's records as the words of the public interface. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

struct zta_addr;

#define WORD_PROTOCOL_LEN 8

/* Texts of zta_reason.h; NULL for a number that is not there. */
const char *word_verdict(unsigned int verdict);
const char *word_reason(unsigned int reason);
const char *word_hook(unsigned int hook);

/* "tcp", "udp", "icmp" (also ICMPv6), "sctp", "dccp", "udplite", "raw", or the number. */
const char *word_protocol(uint8_t proto, char ret[WORD_PROTOCOL_LEN]);

/* RFC 5952 or dotted quad; NULL when there is no address (family 0). */
const char *word_address(const struct zta_addr *a, char ret[INET6_ADDRSTRLEN]);
