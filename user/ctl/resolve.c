// SPDX-License-Identifier: Apache-2.0
#include "ctl/resolve.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES 4096

static void add_address(struct resolved *to, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes = sa->sa_family == AF_INET
				    ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
				    : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (to->n_addresses == RESOLVE_ADDRESSES_MAX ||
	    !inet_ntop(sa->sa_family, bytes, text, sizeof(text)))
		return;
	for (size_t i = 0; i < to->n_addresses; i++) {
		if (!strcmp(to->addresses[i], text))
			return;
	}
	strcpy(to->addresses[to->n_addresses++], text);
}

static unsigned int get16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

/* One answer in wire format (RFC 1035 4.1): the targets of its CNAME records, in their order. */
static void read_chain(const unsigned char *msg, int len, struct resolved *to)
{
	const unsigned char *end = msg + len, *at = msg + NS_HFIXEDSZ;
	char name[NS_MAXDNAME];
	unsigned int questions, answers;

	if (len < NS_HFIXEDSZ)
		return;
	questions = get16(msg + 4);
	answers = get16(msg + 6);
	while (questions--) {
		int n = dn_skipname(at, end);

		if (n < 0 || end - at < n + NS_QFIXEDSZ)
			return;
		at += n + NS_QFIXEDSZ;
	}
	while (answers-- && to->n_chain < RESOLVE_CHAIN_MAX) {
		int n = dn_skipname(at, end);
		unsigned int type, size;

		if (n < 0 || end - at < n + NS_RRFIXEDSZ)
			return;
		type = get16(at + n);
		size = get16(at + n + NS_RRFIXEDSZ - NS_INT16SZ);
		at += n + NS_RRFIXEDSZ;
		if (end - at < size)
			return;
		if (type == ns_t_cname && dn_expand(msg, end, at, name, sizeof(name)) > 0 &&
		    (to->chain[to->n_chain] = strdup(name)))
			to->n_chain++;
		at += size;
	}
}

static void ask_chain(const char *name, struct resolved *to)
{
	unsigned char answer[ANSWER_BYTES];
	struct __res_state state = { 0 };
	int len;

	if (res_ninit(&state) < 0)
		return;
	len = res_nquery(&state, name, ns_c_in, ns_t_a, answer, sizeof(answer));
	if (len > 0)
		read_chain(answer, len < ANSWER_BYTES ? len : ANSWER_BYTES, to);
	res_nclose(&state);
}

int resolve_name(const char *name, struct resolved *ret, const char **ret_why)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int r;

	*ret = (struct resolved){ 0 };
	r = getaddrinfo(name, NULL, &hints, &list);
	if (r) {
		*ret_why = gai_strerror(r);
		return -ENOENT;
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		add_address(ret, a->ai_addr);
	freeaddrinfo(list);
	ask_chain(name, ret);
	return 0;
}

void resolve_free(struct resolved *r)
{
	for (size_t i = 0; i < r->n_chain; i++)
		free(r->chain[i]);
	r->n_chain = 0;
}
