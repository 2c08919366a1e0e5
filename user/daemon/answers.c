// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The kernel tells a denial of record (an answer put a service's name outside its fence) in a few
 * numbers, and puts the message itself on the ring of notes just before. Messages are kept as they
 * came, a fixed number of them, the one used longest ago makes room: folded denials are told up to
 * ten minutes later. Their contents are the resolver's to choose; they are read when a record asks.
 */
#include "answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/word.h"
#include "base/diag.h"
#include "base/utf8.h"
#include "daemon/daemon.h"
#include "inspect/dns.h"
#include "zta_event.h"
#include "zta_reason.h"

#define KEPT	      64
#define KEPT_CAPTURED 1024

struct kept {
	uint64_t netns, name;
	uint16_t type; /* of record; 0 = the place is free */
	uint64_t used; /* by answers.clock */
	struct zta_addr resolver;
	size_t len;
	uint8_t *message;
};

struct answers {
	struct kept v[KEPT];
	uint64_t clock;
	uint64_t captured[KEPT_CAPTURED]; /* workloads; the next one overwrites the oldest */
	size_t n_captured;
};

int answers_up(struct daemon *d, struct diag *diag)
{
	d->answers = calloc(1, sizeof(*d->answers));
	return d->answers ? 0 : diag_set(diag, -ENOMEM, "out of memory");
}

void answers_down(struct daemon *d)
{
	for (size_t i = 0; d->answers && i < KEPT; i++)
		free(d->answers->v[i].message);
	free(d->answers);
	d->answers = NULL;
}

/* The one of the same question, else a free one, else the one used longest ago. */
static struct kept *place_for(struct answers *a, const struct zta_event *e, uint16_t type)
{
	struct kept *oldest = &a->v[0];

	for (size_t i = 0; i < KEPT; i++) {
		struct kept *k = &a->v[i];

		if (k->type == type && k->netns == e->netns && k->name == e->name)
			return k;
		if (k->used < oldest->used)
			oldest = k;
	}
	return oldest;
}

void answers_note(struct daemon *d, const struct zta_answer_note *n)
{
	size_t len = n->len < ZTA_ANSWER_BYTES ? n->len : ZTA_ANSWER_BYTES; /* the rest is cut */
	struct answers *a = d->answers;
	struct dns_answer read;
	struct kept *k;
	uint8_t *copy;

	if (dns_answer_read(n->message, len, &read, NULL) < 0)
		return; /* the record does without */
	copy = malloc(len);
	if (!copy)
		return;
	memcpy(copy, n->message, len);
	k = place_for(a, &n->event, read.type);
	free(k->message);
	*k = (struct kept){
		.netns = n->event.netns,
		.name = n->event.name,
		.type = read.type,
		.used = ++a->clock,
		.resolver = n->event.addr,
		.len = len,
		.message = copy,
	};
}

/* A name can have been answered for both families: the one of the address is meant. */
static struct kept *find(struct answers *a, const struct zta_event *e)
{
	uint16_t type = e->addr.family == ZTA_V6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
	struct kept *best = NULL;

	for (size_t i = 0; i < KEPT; i++) {
		struct kept *k = &a->v[i];

		if (!k->type || k->netns != e->netns || k->name != e->name)
			continue;
		if (!best || k->type == type)
			best = k;
	}
	if (best)
		best->used = ++a->clock;
	return best;
}

static json_t *name_json(const struct dns_name *n)
{
	char text[DNS_TEXT_LEN];

	dns_name_text(n, text);
	return json_string(text); /* printable ASCII, whatever the name holds */
}

static json_t *chain_json(const struct dns_answer *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n_chain; i++)
		if (json_array_append_new(list, name_json(&a->chain[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *addresses_json(const struct dns_answer *a)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; list && i < a->n_addresses; i++)
		if (json_array_append_new(
			    list, json_string(word_address(&a->addresses[i].addr, text))) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *answers_object(const struct zta_addr *resolver, const struct dns_answer *a)
{
	char text[INET6_ADDRSTRLEN];

	return json_pack("{s:s*, s:o, s:o, s:o}", "resolver", word_address(resolver, text),
			 "question", name_json(&a->question), "chain", chain_json(a), "addresses",
			 addresses_json(a));
}

/* Of a query that was refused, or of an answer that nobody kept. */
static json_t *bare(const struct zta_event *e, const char *name)
{
	char text[INET6_ADDRSTRLEN];
	bool asked = e->reason == ZTA_REASON_NAME_NOT_ALLOWED ||
		     e->reason == ZTA_REASON_CAPTURED_DNS; /* the address is the resolver's */
	const char *resolver = asked ? word_address(&e->addr, text) : NULL;

	if (!resolver && !name)
		return NULL;
	return json_pack("{s:s*, s:o*}", "resolver", resolver, "question",
			 name ? utf8_json(name, strlen(name)) : NULL);
}

json_t *answers_json(struct daemon *d, const struct zta_event *e, const char *name)
{
	struct dns_answer a;
	struct kept *k;

	if (e->reason == ZTA_REASON_NAME_NOT_ALLOWED || e->reason == ZTA_REASON_CAPTURED_DNS)
		return bare(e, name);
	k = e->name ? find(d->answers, e) : NULL;
	if (!k || dns_answer_read(k->message, k->len, &a, NULL) < 0)
		return bare(e, name);
	return answers_object(&k->resolver, &a);
}

bool answers_first_captured(struct daemon *d, uint64_t workload)
{
	struct answers *a = d->answers;

	for (size_t i = 0; i < KEPT_CAPTURED && i < a->n_captured; i++)
		if (a->captured[i] == workload)
			return false;
	a->captured[a->n_captured++ % KEPT_CAPTURED] = workload;
	return true;
}
