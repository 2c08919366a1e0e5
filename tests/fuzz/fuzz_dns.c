// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a DNS answer. What was read must be names and addresses that a second, plain message
 * of the same contents gives again; and a shorter piece of the message never says more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/dns.h"
#include "unit/inspect/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct message again;
static struct dns_answer first, second, piece;

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_name(const struct dns_name *n)
{
	char text[DNS_TEXT_LEN];
	struct dns_name back;
	size_t at = 0;

	must(n->len >= 1);
	while (n->wire[at]) {
		must(n->wire[at] <= 63);
		at += 1 + n->wire[at];
		must(at < n->len);
	}
	must(at + 1 == n->len);
	for (size_t i = 0; i < n->len; i++) /* lengths are smaller than letters */
		must(n->wire[i] < 'A' || n->wire[i] > 'Z');
	dns_name_text(n, text);
	must(strlen(text) < sizeof(text));
	must(dns_name_read(text, &back) == 0);
	must(dns_name_equal(n, &back));
}

static void put_wire(const struct dns_name *n)
{
	put_bytes(&again, n->wire, n->len);
}

static void write_again(const struct dns_answer *a)
{
	const struct dns_name *last = &a->question;

	again.len = 0;
	put16(&again, a->id);
	put16(&again, 0x8180 | a->rcode);
	put16(&again, 1);
	put16(&again, a->n_chain + a->n_addresses);
	put32(&again, 0);
	put_wire(&a->question);
	put16(&again, a->type);
	put16(&again, 1);
	for (size_t i = 0; i < a->n_chain; i++) {
		put_wire(last);
		last = &a->chain[i];
		put_fixed(&again, DNS_TYPE_CNAME, 1, last->len);
		put_wire(last);
	}
	for (size_t i = 0; i < a->n_addresses; i++) {
		const struct dns_address *d = &a->addresses[i];
		size_t len = d->addr.family == ZTA_V4 ? 4 : 16;

		put_wire(last);
		put_fixed(&again, len == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA, d->ttl_s, len);
		put_bytes(&again, d->addr.w, len);
	}
}

static void check_same(const struct dns_answer *a, const struct dns_answer *b)
{
	must(a->n_chain == b->n_chain && a->n_addresses == b->n_addresses);
	must(a->rcode == b->rcode && a->type == b->type && a->id == b->id);
	must(dns_name_equal(&a->question, &b->question));
	for (size_t i = 0; i < a->n_chain; i++)
		must(dns_name_equal(&a->chain[i], &b->chain[i]));
	must(!memcmp(a->addresses, b->addresses, a->n_addresses * sizeof(a->addresses[0])));
}

/* Any bytes as an answer that another process read: what is sound can be told as text. */
static void check_foreign(const uint8_t *data, size_t size)
{
	char text[DNS_TEXT_LEN];

	memset(&piece, 0, sizeof(piece));
	memcpy(&piece, data, size < sizeof(piece) ? size : sizeof(piece));
	if (!dns_answer_is_sound(&piece))
		return;
	dns_name_text(&piece.question, text);
	must(strlen(text) < sizeof(text));
	for (size_t i = 0; i < piece.n_chain; i++)
		dns_name_text(&piece.chain[i], text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;

	check_foreign(data, size);
	if (dns_answer_read(data, size, &first, &why) < 0) {
		must(why && *why);
		return 0;
	}
	must(dns_answer_is_sound(&first));
	check_name(&first.question);
	for (size_t i = 0; i < first.n_chain; i++)
		check_name(&first.chain[i]);
	for (size_t i = 0; i < first.n_addresses; i++)
		must(first.addresses[i].ttl_s < 0x80000000U);
	write_again(&first);
	must(dns_answer_read(again.bytes, again.len, &second, NULL) == 0);
	must(!second.cut && !second.more);
	check_same(&first, &second);

	/* of a piece: the same question, or nothing */
	if (dns_answer_read(data, size / 2, &piece, NULL) == 0)
		must(dns_name_equal(&first.question, &piece.question));
	return 0;
}
