/* SPDX-License-Identifier: Apache-2.0 */
/* What clients and resolvers say: DNS messages (RFC 1035) and ClientHellos (RFC 8446). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_MAX 4096 /* octets of any of them */

/** message_query() - A query of type A for @name. Return: its octets */
size_t message_query(uint8_t *m, const char *name);

/**
 * message_answer() - Turn a query into an answer with A records
 * @m:		the query, @size octets; there is room for MESSAGE_MAX
 * @first:	first address, host byte order; the others follow it
 *
 * Return: its octets
 */
size_t message_answer(uint8_t *m, size_t size, unsigned addresses, uint32_t first);

/** message_hello() - A ClientHello of exactly @size octets, record included, for @name */
void message_hello(uint8_t *m, size_t size, const char *name);
