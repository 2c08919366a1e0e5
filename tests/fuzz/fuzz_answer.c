// SPDX-License-Identifier: Apache-2.0
/*
 * Two readings of one answer: the kernel's (zta_dns.h, which learns addresses) and user space's
 * (inspect/dns.c, which tells of them). What both must agree on: whether there is a question and
 * which; and that an address that the kernel learns belongs to the question or to a name that a
 * CNAME led to. Of a message in the usual order they must give the same addresses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/dns.h"
#include "unit/inspect/dns_message.h"
#include "zta_dns.h"

#define SEED 0x5eed

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at)
{
	return zta_dns_name(d, at);
}

static struct message usual;
static struct dns_answer told;
static struct zta_dns kernel;

static void must(int condition)
{
	if (!condition)
		abort();
}

static int begin(const uint8_t *data, size_t size)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.len = size < ZTA_DNS_BYTES ? (__u32)size : ZTA_DNS_BYTES;
	kernel.seed = SEED;
	memcpy(kernel.m, data, kernel.len);
	return zta_dns_begin(&kernel);
}

/* The kernel's hash of a name that user space has read. */
static uint64_t hash_of(const struct dns_name *n)
{
	static struct zta_dns one;

	memset(&one, 0, sizeof(one));
	one.seed = SEED;
	one.len = n->len;
	memcpy(one.m, n->wire, n->len);
	must(zta_dns_name(&one, 0) == n->len);
	return one.hash;
}

static void check_question(const struct dns_name *n)
{
	must(kernel.question == hash_of(n));
	must(kernel.type == told.type && kernel.id == told.id);
}

/* In order, each name once: what every resolver sends. */
static void write_usual(const struct dns_answer *a)
{
	const struct dns_name *last = &a->question;

	usual.len = 0;
	put16(&usual, a->id);
	put16(&usual, 0x8180);
	put16(&usual, 1);
	put16(&usual, a->n_chain + a->n_addresses);
	put32(&usual, 0);
	put_bytes(&usual, last->wire, last->len);
	put16(&usual, a->type);
	put16(&usual, 1);
	for (size_t i = 0; i < a->n_chain; i++) {
		put_bytes(&usual, last->wire, last->len);
		last = &a->chain[i];
		put_fixed(&usual, DNS_TYPE_CNAME, ZTA_DNS_TTL_MAX, last->len);
		put_bytes(&usual, last->wire, last->len);
	}
	for (size_t i = 0; i < a->n_addresses; i++) {
		const struct dns_address *d = &a->addresses[i];
		size_t len = d->addr.family == ZTA_V4 ? 4 : 16;

		put_bytes(&usual, last->wire, last->len);
		put_fixed(&usual, len == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA, d->ttl_s, len);
		put_bytes(&usual, d->addr.w, len);
	}
}

static void check_usual(void)
{
	size_t links = 0, n = 0;
	int step;

	write_usual(&told);
	if (usual.len > ZTA_DNS_BYTES)
		return; /* the kernel reads no further */
	must(begin(usual.bytes, usual.len));
	while ((step = (int)zta_dns_next(&kernel)) != ZTA_DNS_END) {
		if (step == ZTA_DNS_ALIAS) {
			must(links < told.n_chain);
			must(kernel.want == hash_of(&told.chain[links++]));
			continue;
		}
		must(step == ZTA_DNS_ADDRESS && n < told.n_addresses);
		must(!memcmp(&kernel.addr, &told.addresses[n].addr, sizeof(kernel.addr)));
		must(kernel.ttl == (told.addresses[n].ttl_s < ZTA_DNS_TTL_MAX
					    ? told.addresses[n].ttl_s
					    : ZTA_DNS_TTL_MAX));
		n++;
	}
	must(links == told.n_chain && n == told.n_addresses);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int kernel_began, told_r;

	if (size > ZTA_DNS_BYTES)
		return 0;
	kernel_began = begin(data, size) && (kernel.flags & ZTA_DNS_QR);
	told_r = dns_answer_read(data, size, &told, NULL);
	if (told_r == 0) {
		must(kernel_began);
		check_question(&told.question);
	}
	/* whatever follows: it ends, and reads nothing that is not there */
	for (int i = 0; kernel_began && i < ZTA_DNS_RECORDS; i++) {
		enum zta_dns_step step = zta_dns_next(&kernel);

		if (step == ZTA_DNS_END || step == ZTA_DNS_BAD)
			break;
		must(kernel.at <= kernel.len);
	}
	if (told_r == 0)
		check_usual();
	return 0;
}
